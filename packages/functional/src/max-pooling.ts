// Max pooling: where the maxima stand, then what stands there. Derivatives then reach one element a window, the
// first one among equals, as in PyTorch.
import { sizeOf } from '@nn/core';
import { apply, requireTensor, type Tensor, where } from '@nn/tensor';
import { isTracked, requireFloat, type Sizes } from './arguments.ts';
import {
  kernelDims,
  type PoolGeometry,
  type PoolOptions,
  poolGeometry,
  poolWindows,
} from './pool-windows.ts';

export interface MaxPoolOptions<Indices extends boolean = boolean> extends PoolOptions {
  /** Distance between the kernel's elements. Default 1. */
  readonly dilation?: Sizes;
  /** Whether the maxima's positions (int32, within the spatial dimensions) come along. Default false. */
  readonly returnIndices?: Indices;
}

type WithIndices = MaxPoolOptions & { readonly returnIndices: true };

/** The largest element of each window of [batch, channels, length] or [channels, length]. */
export function maxPool1d(x: Tensor, kernelSize: Sizes, options: WithIndices): [Tensor, Tensor];
export function maxPool1d(x: Tensor, kernelSize: Sizes, options?: MaxPoolOptions<false>): Tensor;
export function maxPool1d(x: Tensor, kernelSize: Sizes, options?: MaxPoolOptions): Tensor | [Tensor, Tensor];
export function maxPool1d(x: Tensor, kernelSize: Sizes, options?: MaxPoolOptions): Tensor | [Tensor, Tensor] {
  return maxPool('maxPool1d', 1, x, kernelSize, options);
}

/**
 * The largest element of each window of [batch, channels, height, width] or [channels, height, width].
 *
 * @throws {ShapeError | ArgumentError} for sizes that make no windows.
 * @example
 * ```ts
 * import * as F from '@nn/functional';
 * import { arange, interpreter, use } from '@nn/tensor';
 * use(interpreter());
 * const [values, indices] = F.maxPool2d(arange(16).float().reshape(1, 4, 4), 2, { returnIndices: true });
 * console.log(await values.toArray(), await indices.toArray()); // => [[[5, 7], [13, 15]]] [[[5, 7], [13, 15]]]
 * ```
 */
export function maxPool2d(x: Tensor, kernelSize: Sizes, options: WithIndices): [Tensor, Tensor];
export function maxPool2d(x: Tensor, kernelSize: Sizes, options?: MaxPoolOptions<false>): Tensor;
export function maxPool2d(x: Tensor, kernelSize: Sizes, options?: MaxPoolOptions): Tensor | [Tensor, Tensor];
export function maxPool2d(x: Tensor, kernelSize: Sizes, options?: MaxPoolOptions): Tensor | [Tensor, Tensor] {
  return maxPool('maxPool2d', 2, x, kernelSize, options);
}

/** The largest element of each window of [batch, channels, depth, height, width] or without batch. */
export function maxPool3d(x: Tensor, kernelSize: Sizes, options: WithIndices): [Tensor, Tensor];
export function maxPool3d(x: Tensor, kernelSize: Sizes, options?: MaxPoolOptions<false>): Tensor;
export function maxPool3d(x: Tensor, kernelSize: Sizes, options?: MaxPoolOptions): Tensor | [Tensor, Tensor];
export function maxPool3d(x: Tensor, kernelSize: Sizes, options?: MaxPoolOptions): Tensor | [Tensor, Tensor] {
  return maxPool('maxPool3d', 3, x, kernelSize, options);
}

function maxPool(
  name: string,
  rank: number,
  x: Tensor,
  kernelSize: Sizes,
  options: MaxPoolOptions = {},
): Tensor | [Tensor, Tensor] {
  requireTensor(name, x);
  const geometry = poolGeometry(name, rank, x, kernelSize, options, ['dilation', 'returnIndices']);
  requireFloat(name, x);
  const windows = poolWindows(x, geometry, -Infinity);
  const dims = kernelDims(windows, rank);
  const indices = options.returnIndices === true;
  if (!indices && !isTracked(x)) return windows.amax(dims);
  const position = apply('argmax', [windows], { dims, keepDims: false });
  const values = windowsApart(geometry)
    ? chosenInWindows(windows, position, geometry)
    : takeFromPlanes(x, planeIndex(position, geometry), rank);
  return indices ? [values, planeIndex(position, geometry)] : values;
}

function windowsApart({ kernel, stride, dilation }: PoolGeometry): boolean {
  return kernel.every((extent, i) => dilation[i] === 1 && stride[i] >= extent);
}

/** Masks, where no two windows share an element: the derivative is a mask as well, and nothing is scattered. */
function chosenInWindows(windows: Tensor, position: Tensor, { kernel, rank }: PoolGeometry): Tensor {
  const ones = new Array<number>(rank).fill(1);
  const own = apply('iota', [], { shape: [sizeOf(kernel)], dim: 0, dtype: 'int32' }, windows.device).reshape(
    kernel,
  );
  const chosen = position.reshape(...position.shape, ...ones).eq(own);
  return where(chosen, windows, 0).sum(kernelDims(windows, rank));
}

/** From positions in the kernel to positions in the input's spatial dimensions. */
function planeIndex(
  position: Tensor,
  { kernel, stride, padding, dilation, input, rank }: PoolGeometry,
): Tensor {
  const out = position.shape.slice(-rank);
  let rest = position;
  let result: Tensor | undefined;
  let planeStride = 1;
  for (let i = rank - 1; i >= 0; i--) {
    const outer = i === 0 ? rest : quotient(rest, kernel[i]);
    const tap = i === 0 ? rest : rest.sub(outer.mul(kernel[i]));
    rest = outer;
    const shape = out.map((extent, dim) => (dim === i ? extent : 1));
    const start = apply('iota', [], { shape, dim: i, dtype: 'int32' }, position.device)
      .mul(stride[i])
      .sub(padding[i]);
    const along = tap.mul(dilation[i]).add(start).mul(planeStride);
    result = result === undefined ? along : result.add(along);
    planeStride *= input[i];
  }
  return result!;
}

/**
 * Whole quotients of positions in a kernel, which are small: half a position away from the next whole number, no
 * rounding reaches it, and devices have vectors of floats to multiply where they have none of integers to divide.
 */
function quotient(position: Tensor, divisor: number): Tensor {
  return position
    .to('float32')
    .add(0.5)
    .mul(1 / divisor)
    .to('int32');
}

/** The elements at positions within the last `rank` dimensions; the index shares the leading ones. */
export function takeFromPlanes(x: Tensor, index: Tensor, rank: number): Tensor {
  const lead = x.shape.slice(0, -rank);
  const planes = sizeOf(lead);
  const shape = [...lead, ...new Array<number>(index.ndim - lead.length).fill(1)];
  if (x.numel() === 0) return x.reshape(index.shape);
  const offset = apply('iota', [], { shape: [planes], dim: 0, dtype: 'int32' }, x.device)
    .mul(sizeOf(x.shape.slice(-rank)))
    .reshape(shape);
  return apply('take', [x.reshape(-1), index.add(offset)], {});
}
