// Transforms of images as functions of tensors [..., height, width]. What is random is drawn from a generator, such
// as the one that a dataset's `get` is given; and it is drawn into data, not into the graph's structure, so that
// every image runs the same compiled program.
import { ArgumentError, checkOptions, DTypeError, formatShape, ShapeError } from '@nn/core';
import {
  apply,
  defaultGenerator,
  type Generator,
  isFloat,
  scalarTensor,
  type Tensor,
  tensor,
  where,
} from '@nn/tensor';
import { HostRandom } from '../random.ts';
import { resizeMatrix } from './resampling.ts';

/** From an image, or a batch of them, to another. */
export type Transform = (x: Tensor, generator?: Generator) => Tensor;

/** One number for both, or [height, width]. */
export type Size = number | readonly [height: number, width: number];

/**
 * Transforms one after the other, as torchvision's `Compose`. The first may take anything, `toTensor` an image.
 *
 * @example
 * ```ts
 * import { centerCrop, compose, normalize, toTensor } from '@nn/data/image';
 * import { interpreter, use } from '@nn/tensor';
 * use(interpreter());
 * const prepare = compose(toTensor, centerCrop(1), normalize([0.5], [0.25]));
 * const image = { width: 3, height: 1, channels: 1, data: Uint8Array.of(0, 255, 0) };
 * console.log(await prepare(image).toArray()); // => [[[2]]]
 * ```
 */
export function compose<In>(
  first: (x: In, generator?: Generator) => Tensor,
  ...rest: readonly Transform[]
): (x: In, generator?: Generator) => Tensor {
  return (x, generator) => rest.reduce((y, transform) => transform(y, generator), first(x, generator));
}

/**
 * (x − mean) / std, channel by channel, of [..., channels, height, width].
 *
 * @throws {ArgumentError} unless there are as many means as deviations, none of them 0.
 */
export function normalize(mean: readonly number[], std: readonly number[]): Transform {
  if (mean.length !== std.length || mean.length === 0 || std.some((each) => !(each > 0))) {
    throw new ArgumentError(
      `normalize: needs a mean and a standard deviation above 0 for each channel, got [${mean.join(', ')}] and [${std.join(', ')}]`,
    );
  }
  return (x) => {
    requireImage('normalize', x);
    requireFloat('normalize', x);
    const channels = x.ndim < 3 ? 1 : x.shape[x.ndim - 3];
    if (mean.length !== 1 && mean.length !== channels) {
      throw new ShapeError(
        `normalize: ${mean.length} means for ${channels} channels of ${formatShape(x.shape)}`,
      );
    }
    const options = { shape: [mean.length, 1, 1], dtype: x.dtype, device: x.device };
    return x.sub(tensor([...mean], options)).div(tensor([...std], options));
  };
}

export interface ResizeOptions {
  /** Default 'bilinear'. */
  readonly interpolation?: 'bilinear' | 'nearest';
  /** Whether shrinking looks at all pixels that fall together, as Pillow does. Default true. */
  readonly antialias?: boolean;
}

/**
 * Another size: [height, width], or a number for the shorter side, the other in proportion. As torchvision's
 * `resize` of a tensor.
 *
 * @throws {ArgumentError} for a size that is none.
 */
export function resize(size: Size, options: ResizeOptions = {}): Transform {
  checkOptions('resize', options, ['interpolation', 'antialias']);
  const wanted = typeof size === 'number' ? size : sides('resize', size);
  if (typeof wanted === 'number') sides('resize', wanted);
  const { interpolation = 'bilinear', antialias = true } = options;
  if (interpolation !== 'bilinear' && interpolation !== 'nearest') {
    throw new ArgumentError(`resize: interpolation must be 'bilinear' or 'nearest', got '${interpolation}'`);
  }
  return (x) => {
    const [height, width] = requireImage('resize', x);
    const [newHeight, newWidth] = typeof wanted === 'number' ? shorterSide(height, width, wanted) : wanted;
    if (interpolation === 'nearest') {
      return pick(pick(x, x.ndim - 2, nearest(height, newHeight)), x.ndim - 1, nearest(width, newWidth));
    }
    requireFloat('resize', x);
    const matrix = (from: number, to: number): Tensor =>
      tensor(resizeMatrix(from, to, antialias), { shape: [to, from], dtype: x.dtype, device: x.device });
    const rows = newHeight === height ? x : matrix(height, newHeight).matmul(x);
    return newWidth === width ? rows : rows.matmul(matrix(width, newWidth).transpose(0, 1));
  };
}

/** The middle, with zeros around it where the image is smaller. */
export function centerCrop(size: Size): Transform {
  const [cropHeight, cropWidth] = sides('centerCrop', size);
  return (x) => {
    const [height, width] = requireImage('centerCrop', x);
    const [missingRows, missingColumns] = [Math.max(0, cropHeight - height), Math.max(0, cropWidth - width)];
    const whole =
      missingRows + missingColumns === 0
        ? x
        : padded(
            x,
            [missingColumns >> 1, missingRows >> 1, (missingColumns + 1) >> 1, (missingRows + 1) >> 1],
            0,
          );
    const top = Math.round((height + missingRows - cropHeight) / 2);
    const left = Math.round((width + missingColumns - cropWidth) / 2);
    return whole.narrow(x.ndim - 2, top, cropHeight).narrow(x.ndim - 1, left, cropWidth);
  };
}

export interface PadOptions {
  /** Default 0. */
  readonly fill?: number;
}

/** One number for all sides; for left and right, and top and bottom; or for left, top, right and bottom. */
export type Padding =
  | number
  | readonly [horizontal: number, vertical: number]
  | readonly [left: number, top: number, right: number, bottom: number];

/** A border. @throws {ArgumentError} for what is no padding. */
export function pad(padding: Padding, options: PadOptions = {}): Transform {
  checkOptions('pad', options, ['fill']);
  const borders = bordersOf('pad', padding);
  return (x) => {
    requireImage('pad', x);
    return padded(x, borders, options.fill ?? 0);
  };
}

export interface RandomCropOptions extends PadOptions {
  /** Added before. Default: none. */
  readonly padding?: Padding;
}

/** A part at a random place. @throws {ShapeError} when the image, with its padding, is smaller. */
export function randomCrop(size: Size, options: RandomCropOptions = {}): Transform {
  checkOptions('randomCrop', options, ['fill', 'padding']);
  const [cropHeight, cropWidth] = sides('randomCrop', size);
  const borders = options.padding === undefined ? null : bordersOf('randomCrop', options.padding);
  return (x, generator) => {
    requireImage('randomCrop', x);
    const whole = borders === null ? x : padded(x, borders, options.fill ?? 0);
    const [height, width] = requireImage('randomCrop', whole);
    if (height < cropHeight || width < cropWidth) {
      throw new ShapeError(
        `randomCrop: an image of ${height} x ${width} has no part of ${cropHeight} x ${cropWidth}. Give padding, or resize first`,
      );
    }
    const random = draws(generator);
    const rows = range(random.below(height - cropHeight + 1), cropHeight);
    const columns = range(random.below(width - cropWidth + 1), cropWidth);
    return pick(pick(whole, whole.ndim - 2, rows), whole.ndim - 1, columns);
  };
}

/** Left and right exchanged, with the probability `p`. */
export function randomHorizontalFlip(p: number = 0.5): Transform {
  return randomFlip('randomHorizontalFlip', p, 1);
}

/** Top and bottom exchanged, with the probability `p`. */
export function randomVerticalFlip(p: number = 0.5): Transform {
  return randomFlip('randomVerticalFlip', p, 2);
}

export interface RandomResizedCropOptions {
  /** As for `resize`. Default true. */
  readonly antialias?: boolean;
  /** The part's area, of the image's. Default [0.08, 1]. */
  readonly scale?: readonly [number, number];
  /** Its width to its height. Default [3/4, 4/3]. */
  readonly ratio?: readonly [number, number];
}

/** A part of a random size and shape, resized: torchvision's `RandomResizedCrop` (Szegedy et al. 2014). */
export function randomResizedCrop(size: Size, options: RandomResizedCropOptions = {}): Transform {
  checkOptions('randomResizedCrop', options, ['scale', 'ratio', 'antialias']);
  const { scale = [0.08, 1], ratio = [3 / 4, 4 / 3], antialias = true } = options;
  const [newHeight, newWidth] = sides('randomResizedCrop', size);
  checkRanges('randomResizedCrop', scale, ratio);
  return (x, generator) => {
    const [height, width] = requireImage('randomResizedCrop', x);
    requireFloat('randomResizedCrop', x);
    const random = draws(generator);
    const box = randomBox(random, height, width, scale, ratio) ?? fallbackBox(height, width, ratio);
    // The part is cut out by the matrices, so that its size is no part of the graph's structure.
    const matrix = (from: number, start: number, length: number, to: number): Tensor => {
      const cut = new Float32Array(to * from);
      const weights = resizeMatrix(length, to, antialias);
      for (let i = 0; i < to; i++) cut.set(weights.subarray(i * length, (i + 1) * length), i * from + start);
      return tensor(cut, { shape: [to, from], dtype: x.dtype, device: x.device });
    };
    return matrix(height, box.top, box.height, newHeight)
      .matmul(x)
      .matmul(matrix(width, box.left, box.width, newWidth).transpose(0, 1));
  };
}

export interface RandomErasingOptions {
  /** The probability. Default 0.5. */
  readonly p?: number;
  /** The part's area, of the image's. Default [0.02, 0.33]. */
  readonly scale?: readonly [number, number];
  /** Its height to its width. Default [0.3, 3.3]. */
  readonly ratio?: readonly [number, number];
  /** What stands there then. Default 0. */
  readonly value?: number;
}

/** A part at a random place blanked out (Zhong et al. 2017), as torchvision's `RandomErasing`. */
export function randomErasing(options: RandomErasingOptions = {}): Transform {
  checkOptions('randomErasing', options, ['p', 'scale', 'ratio', 'value']);
  const { p = 0.5, scale = [0.02, 0.33], ratio = [0.3, 3.3], value = 0 } = options;
  checkProbability('randomErasing', p);
  checkRanges('randomErasing', scale, ratio);
  return (x, generator) => {
    const [height, width] = requireImage('randomErasing', x);
    const random = draws(generator);
    const isErased = random.uniform() < p;
    const box = isErased ? randomBox(random, height, width, scale, [1 / ratio[1], 1 / ratio[0]]) : null;
    const mask = new Uint8Array(height * width);
    if (box !== null) {
      for (let y = box.top; y < box.top + box.height; y++)
        mask.fill(1, y * width + box.left, y * width + box.left + box.width);
    }
    const erased = tensor(mask, { shape: [height, width], dtype: 'bool', device: x.device });
    return where(erased, scalarTensor(value, x.dtype), x);
  };
}

function requireImage(functionName: string, x: Tensor): [height: number, width: number] {
  if (x.ndim >= 2) return [x.shape[x.ndim - 2], x.shape[x.ndim - 1]];
  throw new ShapeError(
    `${functionName}: needs [..., height, width], got ${formatShape(x.shape)}. toTensor(image) makes it of an image`,
  );
}

/** Weights and deviations are fractions. */
function requireFloat(functionName: string, x: Tensor): void {
  if (isFloat(x.dtype)) return;
  throw new DTypeError(
    `${functionName}: needs floats, got ${x.dtype}. toTensor(image) makes them of an image, x.to('float32') of a tensor`,
  );
}

function sides(functionName: string, size: Size): readonly [number, number] {
  const both = typeof size === 'number' ? ([size, size] as const) : size;
  if (both?.length === 2 && both.every((side) => Number.isInteger(side) && side > 0)) return both;
  throw new ArgumentError(
    `${functionName}: the size must be an integer of at least 1, or [height, width], got ${JSON.stringify(size)}`,
  );
}

function bordersOf(functionName: string, padding: Padding): readonly [number, number, number, number] {
  const given = typeof padding === 'number' ? [padding, padding] : [...padding];
  const all = given.length === 2 ? [...given, ...given] : given;
  if (all.length === 4 && all.every((each) => Number.isInteger(each) && each >= 0)) {
    return all as unknown as readonly [number, number, number, number];
  }
  throw new ArgumentError(
    `${functionName}: padding must be an integer of at least 0, or [left and right, top and bottom], or [left, top, right, bottom], got ${JSON.stringify(padding)}`,
  );
}

function checkProbability(functionName: string, p: number): void {
  if (!(p >= 0 && p <= 1)) throw new ArgumentError(`${functionName}: p must lie in [0, 1], got ${p}`);
}

function checkRanges(functionName: string, ...ranges: readonly (readonly [number, number])[]): void {
  for (const [low, high] of ranges) {
    if (low > 0 && low <= high) continue;
    throw new ArgumentError(
      `${functionName}: a range must be [low, high] with 0 < low <= high, got [${low}, ${high}]`,
    );
  }
}

function padded(
  x: Tensor,
  [left, top, right, bottom]: readonly [number, number, number, number],
  fill: number,
): Tensor {
  const outer = new Array<number>(x.ndim - 2).fill(0);
  return apply('pad', [x], {
    before: [...outer, top, left],
    after: [...outer, bottom, right],
    value: fill,
  });
}

const draws = (generator: Generator | undefined): HostRandom => new HostRandom(generator ?? defaultGenerator);

const range = (start: number, length: number): Int32Array => Int32Array.from({ length }, (_, i) => start + i);

function pick(x: Tensor, dim: number, positions: Int32Array): Tensor {
  return x.indexSelect(dim, tensor(positions, { device: x.device }));
}

function randomFlip(functionName: string, p: number, fromEnd: number): Transform {
  checkProbability(functionName, p);
  return (x, generator) => {
    requireImage(functionName, x);
    const dim = x.ndim - fromEnd;
    const order = range(0, x.shape[dim]);
    if (draws(generator).uniform() < p) order.reverse();
    return pick(x, dim, order);
  };
}

/** torchvision's rounding: the longer side is cut off. */
function shorterSide(height: number, width: number, side: number): readonly [number, number] {
  return height <= width
    ? [side, Math.floor((side * width) / height)]
    : [Math.floor((side * height) / width), side];
}

const nearest = (from: number, to: number): Int32Array =>
  Int32Array.from({ length: to }, (_, i) => Math.min(from - 1, Math.floor((i * from) / to)));

interface Box {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}

/** Ten tries, as torchvision. `ratio` is width to height. */
function randomBox(
  random: HostRandom,
  height: number,
  width: number,
  scale: readonly [number, number],
  ratio: readonly [number, number],
): Box | null {
  const between = ([low, high]: readonly [number, number]): number => low + random.uniform() * (high - low);
  for (let tries = 10; tries > 0; tries--) {
    const area = height * width * between(scale);
    const aspect = Math.exp(between([Math.log(ratio[0]), Math.log(ratio[1])]));
    const boxWidth = Math.round(Math.sqrt(area * aspect));
    const boxHeight = Math.round(Math.sqrt(area / aspect));
    if (boxWidth < 1 || boxHeight < 1 || boxWidth > width || boxHeight > height) continue;
    return {
      top: random.below(height - boxHeight + 1),
      left: random.below(width - boxWidth + 1),
      height: boxHeight,
      width: boxWidth,
    };
  }
  return null;
}

/** The largest part in the middle with a ratio that is allowed. */
function fallbackBox(height: number, width: number, [low, high]: readonly [number, number]): Box {
  const aspect = Math.min(Math.max(width / height, low), high);
  const boxWidth = Math.min(width, Math.round(height * aspect));
  const boxHeight = Math.min(height, Math.round(width / aspect));
  return {
    top: (height - boxHeight) >> 1,
    left: (width - boxWidth) >> 1,
    height: boxHeight,
    width: boxWidth,
  };
}
