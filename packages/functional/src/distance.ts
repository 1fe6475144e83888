// Lengths and angles.
import { ArgumentError, checkOptions, formatShape, normalizeDim, ShapeError } from '@nn/core';
import { type Tensor, tensor, where } from '@nn/tensor';
import { broadcastTogether, requireFloat } from './arguments.ts';

/** The p-norm along a dimension, kept with size 1. Its derivative at a zero vector is 0. */
function vectorNorm(x: Tensor, p: number, dim: number): Tensor {
  const keepdim = true;
  // The derivative of a count is 0, and not none.
  if (p === 0) return where(x.ne(0), 1, x.mul(0)).sum(dim, { keepdim });
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
  broadcastTogether('cosineSimilarity', x1, x2);
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
  broadcastTogether('pairwiseDistance', x1, x2);
  const difference = x1.sub(x2).add(options.eps ?? 1e-6);
  const norm = vectorNorm(difference, options.p ?? 2, Math.max(difference.ndim - 1, 0));
  return options.keepdim === true ? norm : norm.squeeze(-1);
}

/**
 * The p-norms of the differences of all pairs of rows i < j of [rows, size]: [rows (rows - 1) / 2].
 *
 * @throws {ShapeError} unless x is a matrix.
 * @throws {ArgumentError} for a negative p.
 * @example
 * ```ts
 * import * as F from '@nn/functional';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * console.log(await F.pdist(tensor([[0, 0], [3, 4], [0, 1]]).float()).toArray()); // => [5, 1, 4.242640495300293]
 * ```
 */
export function pdist(x: Tensor, p: number = 2): Tensor {
  requireFloat('pdist', x);
  if (x.ndim !== 2) throw new ShapeError(`pdist: expected [rows, size], got ${formatShape(x.shape)}`);
  if (!(p >= 0)) throw new ArgumentError(`pdist: p must be at least 0, got ${p}`);
  const [rows, size] = x.shape;
  const first: number[] = [];
  const second: number[] = [];
  for (let i = 0; i < rows; i++) {
    for (let j = i + 1; j < rows; j++) {
      first.push(i);
      second.push(j);
    }
  }
  if (first.length === 0 || size === 0) return x.reshape(-1).narrow(0, 0, 0).sum().expandTo([first.length]);
  const pick = (indices: number[]): Tensor =>
    x.indexSelect(0, tensor(indices, { dtype: 'int32', device: x.device }));
  return vectorNorm(pick(first).sub(pick(second)), p, 1).squeeze(1);
}
