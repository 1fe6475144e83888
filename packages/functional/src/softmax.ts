// Distributions over a dimension.
import { ArgumentError, checkOptions, type DType, DTypeError, isFloat, normalizeDim } from '@nn/core';
import {
  apply,
  rand,
  requireTensor,
  type Tensor,
  logSoftmax as tensorLogSoftmax,
  softmax as tensorSoftmax,
} from '@nn/tensor';
import { requireFloat } from './arguments.ts';

export interface SoftmaxOptions {
  /** Cast before computing. */
  readonly dtype?: DType;
}

function prepared(name: string, x: Tensor, options: SoftmaxOptions): Tensor {
  checkOptions(name, options, ['dtype']);
  requireTensor(name, x);
  const { dtype } = options;
  if (dtype === undefined) return x;
  if (!isFloat(dtype)) throw new DTypeError(`${name}: dtype must be a float one, got ${dtype}`);
  return x.to(dtype);
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

export interface GumbelSoftmaxOptions {
  /** The temperature, above 0: the lower, the nearer to one-hot. Default 1. */
  readonly tau?: number;
  /** Whether the result is one-hot, with the derivative of the soft one (straight through). Default false. */
  readonly hard?: boolean;
  /** Default -1. */
  readonly dim?: number;
}

/**
 * Samples of the categories whose unnormalised log-probabilities are given along a dimension: softmax((x + g) / τ) with
 * Gumbel noise g (Jang et al. 2017, Maddison et al. 2017).
 *
 * @throws {ArgumentError} unless tau is above 0.
 * @example
 * ```ts
 * import * as F from '@nn/functional';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const choice = F.gumbelSoftmax(tensor([-50, 50, -50]).float(), { hard: true });
 * console.log(await choice.toArray()); // => [0, 1, 0]
 * ```
 */
export function gumbelSoftmax(logits: Tensor, options: GumbelSoftmaxOptions = {}): Tensor {
  checkOptions('gumbelSoftmax', options, ['tau', 'hard', 'dim']);
  requireFloat('gumbelSoftmax', logits);
  const { tau = 1, hard = false } = options;
  if (!(tau > 0)) throw new ArgumentError(`gumbelSoftmax: tau must be above 0, got ${tau}`);
  const dim = normalizeDim('gumbelSoftmax', options.dim ?? -1, logits.ndim);
  // Uniform numbers are multiples of 2^-24: half of one in place of 0 keeps the noise finite.
  const { device, dtype } = logits;
  const uniform = rand(logits.shape, { device }).clamp(2 ** -25);
  const noise = uniform.log().neg().log().neg().to(dtype);
  const soft = tensorSoftmax(logits.add(noise).div(tau), dim);
  if (!hard || logits.ndim === 0) return soft;
  const chosen = soft.detach().argmax(dim, { keepdim: true });
  const along = apply('iota', [], { shape: logits.shape, dim, dtype: 'int32' }, device);
  return along.eq(chosen).to(dtype).add(soft.sub(soft.detach()));
}
