// Sliding blocks as columns, and columns put back (im2col, col2im).
import { checkOptions, formatShape, ShapeError, sizeOf } from '@nn/core';
import { apply, requireTensor, type Tensor, zeros } from '@nn/tensor';
import { type Sizes, spatialSizes } from './arguments.ts';
import { padSides } from './zero-padding.ts';

export interface FoldOptions {
  /** Default 1. */
  readonly dilation?: Sizes;
  /** Zeros on both sides. Default 0. */
  readonly padding?: Sizes;
  /** Default 1. */
  readonly stride?: Sizes;
}

interface Blocks {
  readonly kernel: readonly number[];
  readonly dilation: readonly number[];
  readonly padding: readonly number[];
  readonly stride: readonly number[];
  /** How many blocks fit along height and width. */
  readonly counts: readonly number[];
}

function blocksOf(name: string, image: readonly number[], kernelSize: Sizes, options: FoldOptions): Blocks {
  checkOptions(name, options, ['dilation', 'padding', 'stride']);
  const kernel = spatialSizes(name, 'kernelSize', kernelSize, 2, 1);
  const dilation = spatialSizes(name, 'dilation', options.dilation ?? 1, 2, 1);
  const padding = spatialSizes(name, 'padding', options.padding ?? 0, 2, 0);
  const stride = spatialSizes(name, 'stride', options.stride ?? 1, 2, 1);
  const counts = image.map(
    (extent, i) => Math.floor((extent + 2 * padding[i] - dilation[i] * (kernel[i] - 1) - 1) / stride[i]) + 1,
  );
  if (counts.some((count) => count < 1)) {
    throw new ShapeError(
      `${name}: blocks of ${formatShape(kernel)} with dilation ${formatShape(dilation)} do not fit into an image of ` +
        `${formatShape(image)} with padding ${formatShape(padding)}`,
    );
  }
  return { kernel, dilation, padding, stride, counts };
}

/**
 * Sliding blocks of images as columns: [batch, channels, height, width] to [batch, channels · kernel, blocks], with or
 * without batch.
 *
 * @throws {ShapeError | ArgumentError} for sizes that make no blocks.
 * @example
 * ```ts
 * import * as F from '@nn/functional';
 * import { arange, interpreter, use } from '@nn/tensor';
 * use(interpreter());
 * const columns = F.unfold(arange(6).float().reshape(1, 1, 2, 3), 2);
 * console.log(await columns.toArray()); // => [[[0, 1], [1, 2], [3, 4], [4, 5]]]
 * ```
 */
export function unfold(x: Tensor, kernelSize: Sizes, options: FoldOptions = {}): Tensor {
  requireTensor('unfold', x);
  if (x.ndim !== 3 && x.ndim !== 4) {
    throw new ShapeError(
      `unfold: expected [batch, channels, height, width] or without batch, got ${formatShape(x.shape)}`,
    );
  }
  const { kernel, dilation, padding, stride, counts } = blocksOf(
    'unfold',
    x.shape.slice(-2),
    kernelSize,
    options,
  );
  const images = x.ndim === 3 ? x.unsqueeze(0) : x;
  const [batch, channels] = images.shape;
  const windows = apply('window', [padSides(images, padding, padding, 0)], { kernel, stride, dilation });
  const columns = windows
    .permute([0, 1, 4, 5, 2, 3])
    .reshape(batch, channels * sizeOf(kernel), sizeOf(counts));
  return x.ndim === 3 ? columns.squeeze(0) : columns;
}

/**
 * Columns put back as an image, overlapping elements added: [batch, channels · kernel, blocks] to
 * [batch, channels, height, width], with or without batch.
 *
 * @throws {ShapeError | ArgumentError} when the columns are not those of such an image.
 */
export function fold(x: Tensor, outputSize: Sizes, kernelSize: Sizes, options: FoldOptions = {}): Tensor {
  requireTensor('fold', x);
  const image = spatialSizes('fold', 'outputSize', outputSize, 2, 1);
  const { kernel, dilation, padding, stride, counts } = blocksOf('fold', image, kernelSize, options);
  const columns = x.ndim === 2 ? x.unsqueeze(0) : x;
  const taps = sizeOf(kernel);
  const [batch, rows, blocks] = columns.shape;
  if (columns.ndim !== 3 || rows % taps !== 0 || blocks !== sizeOf(counts)) {
    throw new ShapeError(
      `fold: an image of ${formatShape(image)} has blocks of ${formatShape(kernel)} as [batch, channels * ${taps}, ` +
        `${sizeOf(counts)}], got ${formatShape(x.shape)}`,
    );
  }
  const split = columns.reshape(batch, rows / taps, ...kernel, ...counts);
  const isTiled = kernel.every(
    (extent, i) => padding[i] === 0 && stride[i] === extent && (dilation[i] === 1 || extent === 1),
  );
  const folded = isTiled
    ? tiled(split, image)
    : overlapping(split, image, { kernel, dilation, padding, stride, counts });
  return x.ndim === 2 ? folded.squeeze(0) : folded;
}

/** Blocks side by side: elements change places, and nothing is added. */
function tiled(split: Tensor, image: readonly number[]): Tensor {
  const [batch, channels, ...[kernelHeight, kernelWidth, down, across]] = split.shape;
  const [height, width] = [down * kernelHeight, across * kernelWidth];
  const whole = split.permute(0, 1, 4, 2, 5, 3).reshape(batch, channels, height, width);
  return padSides(whole, [0, 0], [image[0] - height, image[1] - width], 0);
}

/** [batch, channels, kernel..., counts...] added up in a padded image. */
function overlapping(split: Tensor, image: readonly number[], blocks: Blocks): Tensor {
  const { kernel, dilation, padding, stride, counts } = blocks;
  const [batch, channels] = split.shape;
  const { dtype, device } = split;
  const [height, width] = image.map((extent, i) => extent + 2 * padding[i]);
  // Where each element of [kernel, counts] lies in the padded plane.
  const along = (dim: number, step: number): Tensor =>
    apply('iota', [], { shape: [...kernel, ...counts], dim, dtype: 'int32' }, device).mul(step);
  const inPlane = along(0, dilation[0])
    .add(along(2, stride[0]))
    .mul(width)
    .add(along(1, dilation[1]))
    .add(along(3, stride[1]));
  const planes = batch * channels;
  const first = apply('iota', [], { shape: [planes, 1], dim: 0, dtype: 'int32' }, device).mul(height * width);
  const index = first.add(inPlane.reshape(1, -1));
  const canvas = zeros([planes * height * width], { dtype, device });
  const summed = apply('scatter', [canvas, index.reshape(-1), split.reshape(-1)], { mode: 'sum' });
  return summed
    .reshape(batch, channels, height, width)
    .narrow(2, padding[0], image[0])
    .narrow(3, padding[1], image[1]);
}
