// Lengths and angles.
import { checkOptions, normalizeDim } from '@nn/core';
import { requireTensor, type Tensor, where } from '@nn/tensor';
import { requireFloat } from './arguments.ts';

/** The p-norm along a dimension, kept with size 1. Its derivative at a zero vector is 0. */
export function vectorNorm(x: Tensor, p: number, dim: number): Tensor {
  const keepdim = true;
  if (p === 0) return x.ne(0).to(x.dtype).sum(dim, { keepdim });
  if (p === 1) return x.abs().sum(dim, { keepdim });
  if (p === Infinity) return x.abs().amax(dim, { keepdim });
  if (p === -Infinity) return x.abs().amin(dim, { keepdim });
  // Powers of zero have no derivative below p = 1: zeros are put aside.
  const magnitude = p === 2 ? x : where(x.eq(0), 1, x.abs());
  const powers = p === 2 ? x.square() : where(x.eq(0), 0, magnitude.pow(p));
  const total = powers.sum(dim, { keepdim });
  const isZero = total.eq(0);
  return where(isZero, 0, where(isZero, 1, total).pow(1 / p));
}

export interface NormalizeOptions {
  /** Default 2. */
  readonly p?: number;
  /** Default 1. */
  readonly dim?: number;
  /** The smallest divisor. Default 1e-12. */
  readonly eps?: number;
}

/** x / max(its p-norm along the dimension, eps). */
export function normalize(x: Tensor, options: NormalizeOptions = {}): Tensor {
  checkOptions('normalize', options, ['p', 'dim', 'eps']);
  requireFloat('normalize', x);
  const { p = 2, dim = 1, eps = 1e-12 } = options;
  const norm = vectorNorm(x, p, normalizeDim('normalize', dim, x.ndim));
  return x.div(where(norm.lt(eps), eps, norm));
}

export interface CosineSimilarityOptions {
  /** Default 1. */
  readonly dim?: number;
  /** The smallest length. Default 1e-8. */
  readonly eps?: number;
}

/**
 * The cosine of the angle between vectors along a dimension of the broadcast inputs.
 *
 * @throws {ShapeError} when the inputs do not broadcast.
 */
export function cosineSimilarity(x1: Tensor, x2: Tensor, options: CosineSimilarityOptions = {}): Tensor {
  checkOptions('cosineSimilarity', options, ['dim', 'eps']);
  requireFloat('cosineSimilarity', x1);
  requireFloat('cosineSimilarity', x2);
  const { dim = 1, eps = 1e-8 } = options;
  const product = x1.mul(x2);
  const along = normalizeDim('cosineSimilarity', dim, product.ndim);
  const unit = (x: Tensor): Tensor => {
    const norm = vectorNorm(x.expandTo(product.shape), 2, along);
    return x.div(where(norm.lt(eps), eps, norm));
  };
  return unit(x1)
    .mul(unit(x2))
    .sum(product.ndim === 0 ? undefined : along);
}

export interface PairwiseDistanceOptions {
  /** Default 2. */
  readonly p?: number;
  /** Added to each difference. Default 1e-6. */
  readonly eps?: number;
  readonly keepdim?: boolean;
}

/** The p-norm of x1 - x2 + eps along the last dimension. */
export function pairwiseDistance(x1: Tensor, x2: Tensor, options: PairwiseDistanceOptions = {}): Tensor {
  checkOptions('pairwiseDistance', options, ['p', 'eps', 'keepdim']);
  requireTensor('pairwiseDistance', x1);
  const difference = x1.sub(x2).add(options.eps ?? 1e-6);
  const norm = vectorNorm(difference, options.p ?? 2, Math.max(difference.ndim - 1, 0));
  return options.keepdim === true ? norm : norm.squeeze(-1);
}
