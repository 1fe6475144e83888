// Reductions over dimensions.
import {
  ArgumentError,
  type AttributesOf,
  backendOf,
  categoryOf,
  checkOptions,
  type DType,
  DTypeError,
  normalizeDims,
  type Shape,
} from '@nn/core';
import { div, sqrt, square, sub } from './arithmetic.ts';
import { defaultDeviceFor } from './creation.ts';
import { apply, castTo, requireTensor } from './dispatch.ts';
import type { Tensor } from './tensor.ts';

/** One dimension, several, or (undefined, null) all. */
export type ReduceDims = number | readonly number[] | null;

export interface ReduceOptions {
  /** Whether reduced dimensions stay, with size 1. Default false. */
  readonly keepdim?: boolean;
  /** Cast before reducing. */
  readonly dtype?: DType;
}

export interface VarianceOptions {
  readonly keepdim?: boolean;
  /** Divide by n - correction. Default 1. */
  readonly correction?: number;
}

/** What reductions and sorts give that also say where: values, and positions (int32) along the dimension. */
export interface ValuesAndIndices {
  readonly values: Tensor;
  readonly indices: Tensor;
}

type ReduceName = 'sum' | 'prod' | 'max' | 'min' | 'argmax' | 'argmin';

function attributes(
  name: string,
  x: Tensor,
  dim: ReduceDims | undefined,
  options: ReduceOptions,
): AttributesOf<ReduceName> {
  requireTensor(name, x);
  checkOptions(name, options, ['keepdim', 'dtype', 'correction']);
  const empty = Array.isArray(dim) && dim.length === 0;
  const dims = normalizeDims(name, empty ? undefined : (dim ?? undefined), x.ndim);
  return { dims: [...dims].sort((a, b) => a - b), keepDims: options.keepdim ?? false };
}

/** What counts and sums of integers are: int64 as in PyTorch, int32 on a device without it. */
export function countingDType(device: string): DType {
  return backendOf(defaultDeviceFor(device || undefined)).capabilities.dtypes.has('int64')
    ? 'int64'
    : 'int32';
}

/** Integers and bools sum in int64, as in PyTorch, unless a dtype is given. */
function summed(x: Tensor, options: ReduceOptions): Tensor {
  if (options.dtype !== undefined) return castTo(x, options.dtype);
  return categoryOf(x.dtype) === 'float' ? x : castTo(x, countingDType(x.device));
}

export function sum(x: Tensor, dim?: ReduceDims, options: ReduceOptions = {}): Tensor {
  return apply('sum', [summed(x, options)], attributes('sum', x, dim, options));
}

export function prod(x: Tensor, dim?: number, options: ReduceOptions = {}): Tensor {
  return apply('prod', [summed(x, options)], attributes('prod', x, dim, options));
}

export function mean(x: Tensor, dim?: ReduceDims, options: ReduceOptions = {}): Tensor {
  const y = options.dtype === undefined ? x : castTo(x, options.dtype);
  if (categoryOf(y.dtype) !== 'float') {
    throw new DTypeError(
      `mean: takes float tensors, got ${y.dtype}. Use x.float().mean() or the dtype option`,
    );
  }
  const total = apply('sum', [y], attributes('mean', x, dim, options));
  return div(total, x.numel() / Math.max(total.numel(), 1));
}

export function amax(x: Tensor, dim?: ReduceDims, options: ReduceOptions = {}): Tensor {
  return apply('max', [x], attributes('amax', x, dim, options));
}

export function amin(x: Tensor, dim?: ReduceDims, options: ReduceOptions = {}): Tensor {
  return apply('min', [x], attributes('amin', x, dim, options));
}

export function argmax(x: Tensor, dim?: number, options: ReduceOptions = {}): Tensor {
  return apply('argmax', [x], attributes('argmax', x, dim, options));
}

export function argmin(x: Tensor, dim?: number, options: ReduceOptions = {}): Tensor {
  return apply('argmin', [x], attributes('argmin', x, dim, options));
}

export function any(x: Tensor, dim?: ReduceDims, options: ReduceOptions = {}): Tensor {
  return apply('max', [castTo(x, 'bool')], attributes('any', x, dim, options));
}

export function all(x: Tensor, dim?: ReduceDims, options: ReduceOptions = {}): Tensor {
  return apply('min', [castTo(x, 'bool')], attributes('all', x, dim, options));
}

/** Mean squared distance from the mean, in two passes; divided by n - correction. */
export function variance(x: Tensor, dim?: ReduceDims, options: VarianceOptions = {}): Tensor {
  checkOptions('var', options, ['keepdim', 'correction']);
  if (categoryOf(x.dtype) !== 'float') throw new DTypeError(`var: takes float tensors, got ${x.dtype}`);
  const correction = options.correction ?? 1;
  if (typeof correction !== 'number')
    throw new ArgumentError(`var: correction must be a number, got ${String(correction)}`);
  const centered = sub(x, mean(x, dim, { keepdim: true }));
  const total = sum(square(centered), dim, { keepdim: options.keepdim });
  const count = x.numel() / Math.max(total.numel(), 1);
  return div(total, Math.max(count - correction, 0));
}

export function std(x: Tensor, dim?: ReduceDims, options: VarianceOptions = {}): Tensor {
  return sqrt(variance(x, dim, options));
}

/** Sums a tensor that was broadcast back to the shape it was broadcast from. */
export function sumTo(x: Tensor, shape: Shape): Tensor {
  const lead = x.ndim - shape.length;
  const dims = x.shape.flatMap((extent, dim) =>
    dim < lead || (shape[dim - lead] === 1 && extent !== 1) ? [dim] : [],
  );
  if (dims.length === 0) return x.reshape(shape);
  return apply('sum', [x], { dims, keepDims: true }).reshape(shape);
}
