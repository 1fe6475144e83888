// Pooling by power means.
import { ArgumentError, checkOptions, sizeOf } from '@nn/core';
import { type Tensor, where } from '@nn/tensor';
import { requireFloat, requireSpatial, type Sizes, spatialSizes } from './arguments.ts';
import { avgPool1d, avgPool2d, avgPool3d } from './average-pooling.ts';
import { maxPool1d, maxPool2d, maxPool3d } from './max-pooling.ts';
import type { PoolOptions } from './pool-windows.ts';

export type LpPoolOptions = Pick<PoolOptions, 'stride' | 'ceilMode'>;

/** (Σ x^p)^(1/p) of each window of [batch, channels, length] or [channels, length]; see lpPool2d. */
export function lpPool1d(
  x: Tensor,
  normType: number,
  kernelSize: Sizes,
  options: LpPoolOptions = {},
): Tensor {
  return lpPool('lpPool1d', 1, x, normType, kernelSize, options);
}

/**
 * (Σ x^p)^(1/p) of each window of [batch, channels, height, width] or [channels, height, width]: p = 1 sums, p =
 * Infinity takes the largest. Negative sums have no root (NaN) unless p is 1; the derivative where the sum is 0 is 0.
 * A window that `ceilMode` lets reach past the end stands for a whole one: its mean times the kernel's size.
 *
 * @throws {ArgumentError} for p = 0.
 * @throws {ShapeError | ArgumentError} for sizes that make no windows.
 * @example
 * ```ts
 * import * as F from '@nn/functional';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * console.log(await F.lpPool2d(tensor([[[3, 0], [0, 4]]]).float(), 2, 2).toArray()); // => [[[5]]]
 * ```
 */
export function lpPool2d(
  x: Tensor,
  normType: number,
  kernelSize: Sizes,
  options: LpPoolOptions = {},
): Tensor {
  return lpPool('lpPool2d', 2, x, normType, kernelSize, options);
}

/** (Σ x^p)^(1/p) of each window of [batch, channels, depth, height, width] or without batch; see lpPool2d. */
export function lpPool3d(
  x: Tensor,
  normType: number,
  kernelSize: Sizes,
  options: LpPoolOptions = {},
): Tensor {
  return lpPool('lpPool3d', 3, x, normType, kernelSize, options);
}

function lpPool(
  name: string,
  rank: number,
  x: Tensor,
  normType: number,
  kernelSize: Sizes,
  options: LpPoolOptions,
): Tensor {
  checkOptions(name, options, ['stride', 'ceilMode']);
  requireSpatial(name, x, rank);
  requireFloat(name, x);
  if (normType === 0 || Number.isNaN(normType))
    throw new ArgumentError(`${name}: normType must be a number other than 0, got ${normType}`);
  const kernel = spatialSizes(name, 'kernelSize', kernelSize, rank, 1);
  if (normType === Infinity) return [maxPool1d, maxPool2d, maxPool3d][rank - 1](x, kernel, options);
  const powers = normType === 1 ? x : x.pow(normType);
  const sums = [avgPool1d, avgPool2d, avgPool3d][rank - 1](powers, kernel, options).mul(sizeOf(kernel));
  if (normType === 1) return sums;
  // Roots of zero have no derivative: zeros are put aside.
  const isZero = sums.eq(0);
  return where(isZero, 0, where(isZero, 1, sums).pow(1 / normType));
}
