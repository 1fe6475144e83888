// Pooling to a given output size: parts of about equal size, from floor(i in / out) to ceil((i + 1) in / out).
import { ArgumentError, checkOptions, formatShape, ShapeError, sizeOf } from '@nn/core';
import { apply, requireTensor, type Tensor, tensor } from '@nn/tensor';
import { requireFloat, requireSpatial } from './arguments.ts';
import { resampleAlong } from './interpolate.ts';
import { takeFromPlanes } from './max-pooling.ts';
import { averages, partsOf } from './resampling.ts';

/** One size for all spatial dimensions, or one for each; null keeps the input's. */
export type OutputSize = number | null | readonly (number | null)[];

/** The mean of `outputSize` parts of [batch, channels, length] or [channels, length]. */
export function adaptiveAvgPool1d(x: Tensor, outputSize: OutputSize): Tensor {
  return adaptiveAvgPool('adaptiveAvgPool1d', 1, x, outputSize);
}

/**
 * The means of `outputSize` parts of [batch, channels, height, width] or [channels, height, width].
 *
 * @throws {ArgumentError | ShapeError} for output sizes or inputs that do not fit.
 */
export function adaptiveAvgPool2d(x: Tensor, outputSize: OutputSize): Tensor {
  return adaptiveAvgPool('adaptiveAvgPool2d', 2, x, outputSize);
}

/** The means of `outputSize` parts of [batch, channels, depth, height, width] or without batch. */
export function adaptiveAvgPool3d(x: Tensor, outputSize: OutputSize): Tensor {
  return adaptiveAvgPool('adaptiveAvgPool3d', 3, x, outputSize);
}

function sizesOf(name: string, rank: number, x: Tensor, outputSize: OutputSize): number[] {
  requireTensor(name, x);
  requireSpatial(name, x, rank);
  if (x.shape.slice(-rank - 1).includes(0)) {
    throw new ShapeError(
      `${name}: only the batch may be empty, got an input of shape ${formatShape(x.shape)}`,
    );
  }
  const given = typeof outputSize === 'object' && outputSize !== null ? outputSize : [outputSize];
  if (given.length !== rank && given.length !== 1) {
    throw new ArgumentError(`${name}: outputSize must be one number or ${rank}, got [${given.join(', ')}]`);
  }
  return Array.from({ length: rank }, (_, i) => {
    const size = given[given.length === 1 ? 0 : i] ?? x.shape[x.ndim - rank + i];
    if (!Number.isInteger(size) || size < 1) {
      throw new ArgumentError(
        `${name}: outputSize must hold integers of at least 1, got [${given.join(', ')}]`,
      );
    }
    return size;
  });
}

function adaptiveAvgPool(name: string, rank: number, x: Tensor, outputSize: OutputSize): Tensor {
  requireFloat(name, x);
  const sizes = sizesOf(name, rank, x, outputSize);
  const input = x.shape.slice(-rank);
  if (input.every((extent, i) => extent % sizes[i] === 0)) return evenParts(x, input, sizes);
  return sizes.reduce(
    (y, size, i) => (size === input[i] ? y : resampleAlong(y, x.ndim - rank + i, averages(input[i], size))),
    x,
  );
}

/** Parts of one size, as dimensions of their own. */
function evenParts(x: Tensor, input: readonly number[], sizes: readonly number[]): Tensor {
  const lead = x.shape.slice(0, -sizes.length);
  const split = x.reshape([...lead, ...sizes.flatMap((size, i) => [size, input[i] / size])]);
  return split.mean(sizes.map((_, i) => lead.length + 2 * i + 1));
}

export interface AdaptiveMaxPoolOptions {
  /** Whether the maxima's positions (int32, within the spatial dimensions) come along. Default false. */
  readonly returnIndices?: boolean;
}
type WithIndices = AdaptiveMaxPoolOptions & { readonly returnIndices: true };
type Maxima = Tensor | [Tensor, Tensor];

/** The largest elements of `outputSize` parts of [batch, channels, length] or [channels, length]. */
export function adaptiveMaxPool1d(x: Tensor, outputSize: OutputSize, options: WithIndices): [Tensor, Tensor];
export function adaptiveMaxPool1d(
  x: Tensor,
  outputSize: OutputSize,
  options?: { returnIndices?: false },
): Tensor;
export function adaptiveMaxPool1d(
  x: Tensor,
  outputSize: OutputSize,
  options?: AdaptiveMaxPoolOptions,
): Maxima {
  return adaptiveMaxPool('adaptiveMaxPool1d', 1, x, outputSize, options);
}

/** The largest elements of `outputSize` parts of [batch, channels, height, width] or [channels, height, width]. */
export function adaptiveMaxPool2d(x: Tensor, outputSize: OutputSize, options: WithIndices): [Tensor, Tensor];
export function adaptiveMaxPool2d(
  x: Tensor,
  outputSize: OutputSize,
  options?: { returnIndices?: false },
): Tensor;
export function adaptiveMaxPool2d(
  x: Tensor,
  outputSize: OutputSize,
  options?: AdaptiveMaxPoolOptions,
): Maxima {
  return adaptiveMaxPool('adaptiveMaxPool2d', 2, x, outputSize, options);
}

/** The largest elements of `outputSize` parts of [batch, channels, depth, height, width] or without batch. */
export function adaptiveMaxPool3d(x: Tensor, outputSize: OutputSize, options: WithIndices): [Tensor, Tensor];
export function adaptiveMaxPool3d(
  x: Tensor,
  outputSize: OutputSize,
  options?: { returnIndices?: false },
): Tensor;
export function adaptiveMaxPool3d(
  x: Tensor,
  outputSize: OutputSize,
  options?: AdaptiveMaxPoolOptions,
): Maxima {
  return adaptiveMaxPool('adaptiveMaxPool3d', 3, x, outputSize, options);
}

/**
 * Parts differ in size by at most one or two: each is looked up with as many elements as the largest has, its last
 * one repeated, which changes no maximum.
 */
function adaptiveMaxPool(
  name: string,
  rank: number,
  x: Tensor,
  outputSize: OutputSize,
  options: AdaptiveMaxPoolOptions = {},
): Maxima {
  checkOptions(name, options, ['returnIndices']);
  requireFloat(name, x);
  const sizes = sizesOf(name, rank, x, outputSize);
  const input = x.shape.slice(-rank);
  let positions: Tensor | undefined;
  const taps: number[] = [];
  let planeStride = sizeOf(input);
  for (let i = 0; i < rank; i++) {
    planeStride /= input[i];
    const along = partPositions(input[i], sizes[i]);
    taps.push(along.taps);
    const shape = [
      ...sizes.map((_, dim) => (dim === i ? sizes[i] : 1)),
      ...sizes.map((_, dim) => (dim === i ? along.taps : 1)),
    ];
    const here = tensor(
      along.flat.map((at) => at * planeStride),
      { dtype: 'int32', device: x.device },
    ).reshape(shape);
    positions = positions === undefined ? here : positions.add(here);
  }
  const lead = x.shape.slice(0, -rank);
  const count = sizeOf(taps);
  const table = positions!.expandTo([...sizes, ...taps]).reshape([...sizes, count]);
  const index = table.expandTo([...lead, ...sizes, count]);
  const parts = takeFromPlanes(x.detach(), index, rank);
  const best = parts.numel() === 0 ? parts.sum(-1).int() : parts.argmax(-1);
  // The chosen entry of the table of positions.
  const row = apply('iota', [], { shape: [sizeOf(sizes)], dim: 0, dtype: 'int32' }, x.device)
    .reshape(sizes)
    .mul(count);
  const chosen = apply('take', [table.reshape(-1), best.add(row)], {});
  const values = takeFromPlanes(x, chosen, rank);
  return options.returnIndices === true ? [values, chosen] : values;
}

function partPositions(input: number, output: number): { flat: number[]; taps: number } {
  const parts = partsOf(input, output);
  const taps = Math.max(...parts.map(({ count }) => count));
  const flat = parts.flatMap(({ first, count }) =>
    Array.from({ length: taps }, (_, i) => first + Math.min(i, count - 1)),
  );
  return { flat, taps };
}
