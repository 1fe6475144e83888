// Distances between vectors, and limits on their lengths.
import {
  ArgumentError,
  broadcastShapes,
  checkOptions,
  DTypeError,
  formatShape,
  isFloat,
  normalizeDim,
  ShapeError,
} from '@nn/core';
import { where } from './blending.ts';
import { zeros } from './creation.ts';
import { castTo, describe, promote, requireTensor } from './dispatch.ts';
import { matmul } from './linear.ts';
import { deliverOnly, elementwise, type OutOptions } from './out.ts';
import { amax, sum } from './reduction.ts';
import { norm, rootOfZero } from './statistics.ts';
import type { Tensor } from './tensor.ts';

const computeModes = [
  'use_mm_for_euclid_dist_if_necessary',
  'use_mm_for_euclid_dist',
  'donot_use_mm_for_euclid_dist',
] as const;

export interface CdistOptions {
  /**
   * Whether Euclidean distances are computed from a matrix product, |a|² + |b|² - 2 a·b, which is faster and less
   * exact for vectors that are close: where there are more than 25 vectors (default), always, or never.
   */
  readonly computeMode?: (typeof computeModes)[number];
}

const manyVectors = 25;

/** The p-norm over the last dimension; where an element is 0 its gradient is 0. */
function lengths(difference: Tensor, p: number): Tensor {
  const size = difference.abs();
  // By way of sign, which has the gradient zero.
  if (p === 0) return difference.sign().abs().sum(-1);
  if (p === 1) return size.sum(-1);
  if (p === 2) return rootOfZero(difference.square().sum(-1), (total) => total.sqrt());
  if (p === Infinity) return amax(size, -1);
  const apart = difference.ne(0);
  const powers = where(apart, where(apart, size, 1).pow(p), 0);
  return rootOfZero(sum(powers, -1), (total) => total.pow(1 / p));
}

/** From a matrix product of vectors extended by their squares, so that all is one product. */
function productDistances(a: Tensor, b: Tensor): Tensor {
  const squares = a.square().sum(-1, { keepdim: true }).add(b.square().sum(-1).unsqueeze(-2));
  const total = squares.sub(matmul(a, b.mT).mul(2)).clampMin(0);
  return rootOfZero(total, (each) => each.sqrt());
}

/**
 * `torch.cdist`: the p-norm distances of each vector in a, [..., rows, size], from each in b, [..., columns, size], as
 * [..., rows, columns]; batches broadcast. The gradient of a distance 0 is 0.
 *
 * @throws {ShapeError} for vectors of different sizes; {DTypeError} for integers; {ArgumentError} for a negative p.
 * @example
 * ```ts
 * import { cdist, interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const a = tensor([[0, 0], [3, 4]], { dtype: 'float32' });
 * console.log(await cdist(a, a).toArray()); // => [[0, 5], [5, 0]]
 * ```
 */
export function cdist(a: Tensor, b: Tensor, p: number = 2, options: CdistOptions = {}): Tensor {
  checkOptions('cdist', options, ['computeMode']);
  const mode = options.computeMode ?? 'use_mm_for_euclid_dist_if_necessary';
  if (!computeModes.includes(mode)) {
    throw new ArgumentError(
      `cdist: computeMode must be one of ${computeModes.join(', ')}, got ${describe(mode)}`,
    );
  }
  if (requireTensor('cdist', a).ndim < 2 || requireTensor('cdist', b).ndim < 2) {
    throw new ShapeError(
      `cdist: takes tensors of at least 2 dimensions, got ${formatShape(a.shape)} and ${formatShape(b.shape)}`,
    );
  }
  const dtype = promote(a, b);
  if (!isFloat(a.dtype) || !isFloat(b.dtype))
    throw new DTypeError(`cdist: takes float tensors, got ${a.dtype} and ${b.dtype}. Use float()`);
  if (typeof p !== 'number' || !(p >= 0))
    throw new ArgumentError(`cdist: p must be at least 0, got ${describe(p)}`);
  const [rows, size] = a.shape.slice(-2);
  const [columns, other] = b.shape.slice(-2);
  if (size !== other)
    throw new ShapeError(
      `cdist: the vectors of ${formatShape(a.shape)} have ${size} elements, those of ${formatShape(b.shape)} ${other}`,
    );
  const batch = broadcastShapes('cdist', a.shape.slice(0, -2), b.shape.slice(0, -2));
  const [left, right] = [castTo(a, dtype), castTo(b, dtype)];
  if (size === 0) return zeros([...batch, rows, columns], { dtype, device: a.device });
  const many = rows > manyVectors || columns > manyVectors;
  if (
    p === 2 &&
    (mode === 'use_mm_for_euclid_dist' || (many && mode === 'use_mm_for_euclid_dist_if_necessary'))
  )
    return productDistances(left, right);
  return lengths(left.unsqueeze(-2).sub(right.unsqueeze(-3)), p);
}

/**
 * `torch.renorm`: each slice along a dimension scaled down to the p-norm `maxnorm` where its own is greater.
 *
 * @throws {ShapeError} for fewer than 2 dimensions; {ArgumentError} unless p is positive and maxnorm at least 0.
 * @example
 * ```ts
 * import { interpreter, renorm, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const x = tensor([[3, 4], [0.25, 0]]);
 * console.log(await renorm(x, 1, 0, 7).toArray()); // => [[3, 4], [0.25, 0]]
 * ```
 */
export function renorm(x: Tensor, p: number, dim: number, maxnorm: number, options?: OutOptions): Tensor {
  if (requireTensor('renorm', x).ndim < 2)
    throw new ShapeError(`renorm: needs at least 2 dimensions, got shape ${formatShape(x.shape)}`);
  if (!isFloat(x.dtype)) throw new DTypeError(`renorm: takes float tensors, got ${x.dtype}. Use x.float()`);
  if (!(p > 0)) throw new ArgumentError(`renorm: p must be positive, got ${describe(p)}`);
  if (!(maxnorm >= 0))
    throw new ArgumentError(`renorm: maxnorm must be at least 0, got ${describe(maxnorm)}`);
  const at = normalizeDim('renorm', dim, x.ndim);
  const others = x.shape.flatMap((_, i) => (i === at ? [] : [i]));
  const size = norm(x, p, others, { keepdim: true });
  // PyTorch's guard against a norm of 0.
  return deliverOnly(
    'renorm',
    x.mul(where(size.gt(maxnorm), size.add(1e-7).reciprocal().mul(maxnorm), 1)),
    options,
    [x],
    elementwise,
  );
}
