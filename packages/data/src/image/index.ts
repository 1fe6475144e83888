// @nn/data/image: PNG and JPEG files, and transforms of images.
export { decodeImage, type Image, type ImageMode, type ImageOptions, readImage, toTensor } from './decode.ts';
export {
  centerCrop,
  compose,
  normalize,
  type Padding,
  type PadOptions,
  pad,
  type RandomCropOptions,
  type RandomErasingOptions,
  type RandomResizedCropOptions,
  type ResizeOptions,
  randomCrop,
  randomErasing,
  randomHorizontalFlip,
  randomResizedCrop,
  randomVerticalFlip,
  resize,
  type Size,
  type Transform,
} from './transforms.ts';
