// Distributions over a dimension.
import { checkOptions, type DType } from '@nn/core';
import {
  requireTensor,
  type Tensor,
  logSoftmax as tensorLogSoftmax,
  softmax as tensorSoftmax,
} from '@nn/tensor';

export interface SoftmaxOptions {
  /** Cast before computing. */
  readonly dtype?: DType;
}

function prepared(name: string, x: Tensor, options: SoftmaxOptions): Tensor {
  checkOptions(name, options, ['dtype']);
  requireTensor(name, x);
  return options.dtype === undefined ? x : x.to(options.dtype);
}

/**
 * exp(x) / Σ exp(x) along the dimension.
 *
 * @throws {IndexError} when x has no such dimension.
 */
export function softmax(x: Tensor, dim: number, options: SoftmaxOptions = {}): Tensor {
  return tensorSoftmax(prepared('softmax', x, options), dim);
}

/** x - log Σ exp(x) along the dimension. */
export function logSoftmax(x: Tensor, dim: number, options: SoftmaxOptions = {}): Tensor {
  return tensorLogSoftmax(prepared('logSoftmax', x, options), dim);
}

/** Softmax of -x. */
export function softmin(x: Tensor, dim: number, options: SoftmaxOptions = {}): Tensor {
  return tensorSoftmax(prepared('softmin', x, options).neg(), dim);
}
