// Average pooling over windows.
import { ArgumentError, isFloat } from '@nn/core';
import { type Tensor, tensor } from '@nn/tensor';
import type { Sizes } from './arguments.ts';
import {
  kernelDims,
  type PoolGeometry,
  type PoolOptions,
  poolGeometry,
  poolWindows,
} from './pool-windows.ts';

export interface AvgPoolOptions extends PoolOptions {
  /** Whether padding counts as elements of a window. Default true. */
  readonly countIncludePad?: boolean;
  /** Divides by this instead of the window's size. */
  readonly divisorOverride?: number | null;
}

/** The mean of each window of [batch, channels, length] or [channels, length]. */
export function avgPool1d(
  x: Tensor,
  kernelSize: Sizes,
  options: Omit<AvgPoolOptions, 'divisorOverride'> = {},
): Tensor {
  return avgPool('avgPool1d', 1, x, kernelSize, options, ['countIncludePad']);
}

/**
 * The mean of each window of [batch, channels, height, width] or [channels, height, width].
 *
 * @throws {ShapeError | ArgumentError} for sizes that make no windows.
 */
export function avgPool2d(x: Tensor, kernelSize: Sizes, options: AvgPoolOptions = {}): Tensor {
  return avgPool('avgPool2d', 2, x, kernelSize, options, ['countIncludePad', 'divisorOverride']);
}

/** The mean of each window of [batch, channels, depth, height, width] or without batch. */
export function avgPool3d(x: Tensor, kernelSize: Sizes, options: AvgPoolOptions = {}): Tensor {
  return avgPool('avgPool3d', 3, x, kernelSize, options, ['countIncludePad', 'divisorOverride']);
}

function avgPool(
  name: string,
  rank: number,
  x: Tensor,
  kernelSize: Sizes,
  options: AvgPoolOptions,
  optionNames: readonly string[],
): Tensor {
  const geometry = poolGeometry(name, rank, x, kernelSize, options, optionNames);
  if (options.divisorOverride === 0) throw new ArgumentError(`${name}: divisorOverride must not be 0`);
  const windows = poolWindows(x, geometry, 0);
  const total = windows.sum(kernelDims(windows, rank));
  const divisor = options.divisorOverride ?? windowCounts(x, geometry, options.countIncludePad ?? true);
  // Integers stay integers, as in PyTorch.
  return isFloat(x.dtype) ? total.div(divisor) : total.div(divisor, { roundingMode: 'trunc' }).to(x.dtype);
}

/** How many elements each window has: one number, or one for each output position where they differ. */
function windowCounts(x: Tensor, geometry: PoolGeometry, includePadding: boolean): Tensor | number {
  const { kernel, stride, padding, input, output, rank } = geometry;
  const counts = output.map((extent, i) =>
    Array.from({ length: extent }, (_, at) => {
      const start = at * stride[i] - padding[i];
      const end = Math.min(start + kernel[i], input[i] + padding[i]);
      return includePadding ? end - start : Math.min(end, input[i]) - Math.max(start, 0);
    }),
  );
  if (counts.every((along) => along.every((count) => count === along[0]))) {
    return counts.reduce((product, along) => product * along[0], 1);
  }
  return counts
    .map((along, i) =>
      tensor(along, { dtype: x.dtype, device: x.device }).reshape(
        Array.from({ length: rank }, (_, dim) => (dim === i ? along.length : 1)),
      ),
    )
    .reduce((product, along) => product.mul(along));
}
