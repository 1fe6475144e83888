// Variance, norms and what is estimated from data.
import {
  ArgumentError,
  categoryOf,
  checkOptions,
  type DType,
  DTypeError,
  formatShape,
  type HostArray,
  isFloat,
  isInteger,
  normalizeDim,
  ShapeError,
  UnsupportedError,
} from '@nn/core';
import { isAutocastEnabled } from './autocast.ts';
import { minimum, where } from './blending.ts';
import { isfinite } from './comparison.ts';
import { tensor } from './creation.ts';
import { castTo, floatFor, requireTensor } from './dispatch.ts';
import { pickAlong } from './gathering.ts';
import { ordered } from './order.ts';
import { checkOutDType, deliver, type OutOptions } from './out.ts';
import {
  amax,
  amin,
  type ExtremumOptions,
  type KeepdimOptions,
  mean,
  type ReduceDims,
  reducedDims,
  sum,
} from './reduction.ts';
import { Tensor } from './tensor.ts';

export interface VarianceOptions extends KeepdimOptions {
  /** Divide by n - correction. Default 1 (Bessel's correction). */
  readonly correction?: number;
}

export interface VarianceOutOptions extends VarianceOptions, OutOptions {}

interface Moments {
  readonly variance: Tensor;
  readonly mean: Tensor;
}

/**
 * In two passes. The mean is rounded, and far from 0 that may be more than what the elements vary by; so squared
 * distances are corrected by what distances from it sum up to (Chan, Golub and LeVeque 1983). Derivatives are those of the
 * two passes: to them the corrections, which are 0 but for rounding, are constants.
 */
function moments(name: string, x: Tensor, dim: ReduceDims | undefined, options: VarianceOptions): Moments {
  requireTensor(name, x);
  checkOptions(name, options, ['keepdim', 'correction']);
  if (categoryOf(x.dtype) !== 'float') throw new DTypeError(`${name}: takes float tensors, got ${x.dtype}`);
  const correction = options.correction ?? 1;
  if (typeof correction !== 'number')
    throw new ArgumentError(`${name}: correction must be a number, got ${String(correction)}`);
  const dims = reducedDims(name, x, dim);
  const count = dims.reduce((product, each) => product * x.shape[each], 1);
  const wide = x.dtype === 'float64' ? x : castTo(x, 'float32');
  const near = mean(wide, dims, { keepdim: true });
  const distance = wide.sub(near);
  const squares = sum(distance.square(), dims, { keepdim: true });
  const found = sum(distance.detach(), dims, { keepdim: true }).div(count);
  // Of infinities, and of sums too large, there is nothing to correct.
  const offset = where(isfinite(squares.detach()), found, 0);
  const surplus = minimum(offset.square().mul(count), squares.detach());
  const shape = options.keepdim ? near.shape : near.shape.filter((_, i) => !dims.includes(i));
  // Under autocast sums of halves stay float32.
  const dtype = isAutocastEnabled() ? wide.dtype : x.dtype;
  return {
    variance: castTo(
      squares
        .sub(surplus)
        .div(Math.max(count - correction, 0))
        .reshape(shape),
      dtype,
    ),
    mean: castTo(near.add(offset).reshape(shape), dtype),
  };
}

/** `torch.var`: Σ (x - mean)² / (n - correction). */
export function variance(x: Tensor, dim?: ReduceDims, options: VarianceOutOptions = {}): Tensor {
  const { out, ...rest } = options;
  return deliver('var', moments('var', x, dim, rest).variance, { out }, [x]);
}

export { variance as var };

/** `torch.std`: the root of the variance. */
export function std(x: Tensor, dim?: ReduceDims, options: VarianceOutOptions = {}): Tensor {
  const { out, ...rest } = options;
  return deliver('std', moments('std', x, dim, rest).variance.sqrt(), { out }, [x]);
}

/** `torch.var_mean`: variance and mean. */
export function varMean(x: Tensor, dim?: ReduceDims, options: VarianceOptions = {}): [Tensor, Tensor] {
  const { variance: spread, mean: center } = moments('varMean', x, dim, options);
  return [spread, center];
}

/** `torch.std_mean`: standard deviation and mean. */
export function stdMean(x: Tensor, dim?: ReduceDims, options: VarianceOptions = {}): [Tensor, Tensor] {
  const { variance: spread, mean: center } = moments('stdMean', x, dim, options);
  return [spread.sqrt(), center];
}

/** A p-norm: a number, infinities included, or 'fro', the root of the sum of squares. */
export type NormOrder = number | 'fro' | 'nuc';

export interface NormOptions extends ExtremumOptions {
  readonly dtype?: DType;
}

/**
 * `torch.norm`: (Σ |x|^p)^(1/p); for p = 0 the number of elements that are not 0, for infinities the greatest or
 * least |x|. Its gradient at 0 is 0.
 *
 * @throws {UnsupportedError} for the nuclear norm, which needs singular values.
 */
export function norm(x: Tensor, p: NormOrder = 'fro', dim?: ReduceDims, options: NormOptions = {}): Tensor {
  requireTensor('norm', x);
  checkOptions('norm', options, ['keepdim', 'dtype', 'out']);
  checkOutDType('norm', options);
  return deliver('norm', normOf(x, p, dim, options), options, [x]);
}

function normOf(x: Tensor, p: NormOrder, dim: ReduceDims | undefined, options: NormOptions): Tensor {
  if (p === 'nuc')
    throw new UnsupportedError("norm: the nuclear norm needs singular values; use 'fro' or a number");
  if (p !== 'fro' && typeof p !== 'number')
    throw new ArgumentError(`norm: p must be a number, 'fro' or 'nuc', got '${String(p)}'`);
  const y = options.dtype === undefined ? x : castTo(x, options.dtype);
  if (!isFloat(y.dtype)) throw new DTypeError(`norm: takes float tensors, got ${y.dtype}. Use x.float()`);
  const keep = { keepdim: options.keepdim };
  if (p === 'fro' || p === 2) return rootOfZero(sum(y.square(), dim, keep), (total) => total.sqrt());
  if (p === 0) return sum(castTo(y.ne(0), y.dtype), dim, keep);
  if (p === 1) return sum(y.abs(), dim, keep);
  if (p === Infinity) return y.numel() === 0 ? sum(y.abs(), dim, keep) : amax(y.abs(), dim, keep);
  if (p === -Infinity) return amin(y.abs(), dim, keep);
  return p > 0
    ? rootOfZero(sum(y.abs().pow(p), dim, keep), (total) => total.pow(1 / p))
    : sum(y.abs().pow(p), dim, keep).pow(1 / p);
}

/** A root whose gradient at 0 is 0 instead of infinite. */
export function rootOfZero(total: Tensor, root: (total: Tensor) => Tensor): Tensor {
  const zero = total.eq(0);
  return where(zero, 0, root(where(zero, 1, total)));
}

/** `torch.dist`: the p-norm of the difference. */
export function dist(a: Tensor, b: Tensor, p: number = 2): Tensor {
  return norm(requireTensor('dist', a).sub(requireTensor('dist', b)), p);
}

export interface QuantileOptions extends ExtremumOptions {
  /** Without it, of all elements. */
  readonly dim?: number | null;
  /** Between two elements. Default 'linear'. */
  readonly interpolation?: 'linear' | 'lower' | 'higher' | 'midpoint' | 'nearest';
}

function quantiles(
  name: string,
  x: Tensor,
  q: Tensor | number | readonly number[],
  options: QuantileOptions,
  ignoreNaN: boolean,
): Tensor {
  requireTensor(name, x);
  checkOptions(name, options, ['dim', 'keepdim', 'interpolation', 'out']);
  if (!isFloat(x.dtype)) throw new DTypeError(`${name}: takes float tensors, got ${x.dtype}. Use x.float()`);
  const fractions = q instanceof Tensor ? (q.node.state?.host ?? []) : [q].flat();
  for (const each of fractions) {
    if (!(each >= 0 && each <= 1))
      throw new ArgumentError(`${name}: q must lie in [0, 1], got ${String(each)}. Are these percentages?`);
  }
  const list = q instanceof Tensor ? castTo(q, x.dtype) : tensor(q, { dtype: x.dtype, device: x.device });
  const flat = options.dim == null;
  const dim = flat ? 0 : normalizeDim(name, options.dim!, x.ndim);
  const source = flat || x.ndim === 0 ? x.reshape([-1]) : x.movedim(dim, -1);
  const at = source.ndim - 1;
  const { start, count } = placesAround(ignoreNaN ? [] : fractions, source.shape[at], x.dtype);
  const sorted = pickAlong(source, at, ordered(source.detach(), at, false, { start, count }));
  const holes = castTo(source.detach().isnan(), 'int32').sum(-1, { keepdim: true, dtype: 'int32' });
  const last = source.shape[at] - 1;
  // [q..., x without the dimension]: each quantile's rank, then the elements around it.
  const counts = ignoreNaN ? holes.neg().add(last).clamp(0) : holes.mul(0).add(last);
  const rank = castTo(counts, x.dtype).mul(list.reshape([-1]));
  const low = rank.floor();
  const high = rank.ceil();
  const place = (position: Tensor): Tensor =>
    pickAlong(
      sorted,
      at,
      castTo(position.detach(), 'int32')
        .sub(start)
        .clamp(0, count - 1),
    );
  const chosen = interpolated(name, options.interpolation ?? 'linear', rank, low, high, place);
  const missing = ignoreNaN ? holes.eq(last + 1) : holes.gt(0);
  const values = where(missing, Number.NaN, chosen);
  const shape = flat && options.keepdim ? x.shape.map(() => 1) : source.shape.slice(0, -1);
  const kept =
    flat || x.ndim === 0 || !options.keepdim ? shape : x.shape.map((extent, i) => (i === dim ? 1 : extent));
  const lead = values.movedim(-1, 0);
  const result = lead.reshape(list.ndim === 0 ? kept : [list.numel(), ...kept]);
  return deliver(name, result, options, [x, q]);
}

/** How far, relatively, ranks that are computed in a dtype are off at most. */
const rankErrors: { readonly [D in DType]?: number } = { float32: 2 ** -22, float64: 2 ** -50 };

/** The places of a sorted line of so many that quantiles need; all where they are not known. */
function placesAround(
  fractions: readonly (number | bigint)[] | HostArray,
  length: number,
  dtype: DType,
): { readonly start: number; readonly count: number } {
  const error = rankErrors[dtype];
  if (fractions.length === 0 || length === 0 || error === undefined) return { start: 0, count: length };
  const last = length - 1;
  const ranks = Array.from(fractions, (fraction) => Number(fraction) * last);
  const slack = 1 + last * error;
  const start = Math.max(0, Math.floor(Math.min(...ranks) - slack));
  const end = Math.min(length, Math.ceil(Math.max(...ranks) + slack) + 1);
  return { start, count: end - start };
}

function interpolated(
  name: string,
  how: NonNullable<QuantileOptions['interpolation']>,
  rank: Tensor,
  low: Tensor,
  high: Tensor,
  place: (position: Tensor) => Tensor,
): Tensor {
  switch (how) {
    case 'lower':
      return place(low);
    case 'higher':
      return place(high);
    case 'nearest':
      return place(rank.round());
    case 'midpoint':
      return place(low).lerp(place(high), rank.ne(low).to(rank.dtype).mul(0.5));
    case 'linear':
      return place(low).lerp(place(high), rank.sub(low));
    default:
      throw new ArgumentError(
        `${name}: interpolation must be linear, lower, higher, midpoint or nearest, got '${String(how)}'`,
      );
  }
}

/** `torch.quantile`: the elements at fractions q (in [0, 1]) of the sorted order; NaN if there is one. */
export function quantile(
  x: Tensor,
  q: Tensor | number | readonly number[],
  options: QuantileOptions = {},
): Tensor {
  return quantiles('quantile', x, q, options, false);
}

/** `torch.nanquantile`: quantile without the NaNs. */
export function nanquantile(
  x: Tensor,
  q: Tensor | number | readonly number[],
  options: QuantileOptions = {},
): Tensor {
  return quantiles('nanquantile', x, q, options, true);
}

export interface CovOptions {
  /** Divide by n - correction. Default 1. */
  readonly correction?: number;
  /** How often each observation was made: integers. */
  readonly fweights?: Tensor | null;
  /** How much each observation counts. */
  readonly aweights?: Tensor | null;
}

/** `torch.cov`: covariances of variables (rows) over observations (columns). */
export function cov(x: Tensor, options: CovOptions = {}): Tensor {
  checkOptions('cov', options, ['correction', 'fweights', 'aweights']);
  if (requireTensor('cov', x).ndim > 2)
    throw new ShapeError(`cov: takes at most 2 dimensions, got shape ${formatShape(x.shape)}`);
  const { correction = 1, fweights, aweights } = options;
  const rows = castTo(x.ndim < 2 ? x.reshape([1, x.numel()]) : x, floatFor(x.dtype));
  const count = rows.shape[1];
  checkWeights('fweights', fweights, count, true);
  checkWeights('aweights', aweights, count, false);
  let weights: Tensor | undefined;
  if (fweights != null) weights = castTo(fweights, rows.dtype).reshape([count]);
  if (aweights != null) {
    const each = castTo(aweights, rows.dtype).reshape([count]);
    weights = weights === undefined ? each : weights.mul(each);
  }
  const total = weights?.sum();
  const center =
    weights === undefined || total === undefined
      ? mean(rows, 1, { keepdim: true })
      : rows.mul(weights).sum(1, { keepdim: true }).div(total);
  const centered = rows.sub(center);
  const weighted = weights === undefined ? centered : centered.mul(weights);
  const freedom = degreesOfFreedom(count, correction, weights, total, aweights ?? undefined);
  const product = weighted.matmul(centered.T).div(freedom);
  return rows.shape[0] === 1 ? product.reshape([]) : product;
}

function degreesOfFreedom(
  count: number,
  correction: number,
  weights: Tensor | undefined,
  total: Tensor | undefined,
  aweights: Tensor | undefined,
): Tensor | number {
  if (weights === undefined || total === undefined) return Math.max(count - correction, 0);
  if (aweights === undefined) return total.sub(correction).clampMin(0);
  const spread = weights.mul(castTo(aweights, weights.dtype)).sum().div(total);
  return total.sub(spread.mul(correction)).clampMin(0);
}

function checkWeights(name: string, weights: Tensor | null | undefined, count: number, whole: boolean): void {
  if (weights == null) return;
  if (requireTensor('cov', weights).ndim > 1)
    throw new ShapeError(
      `cov: ${name} must have at most one dimension, got shape ${formatShape(weights.shape)}`,
    );
  if (whole ? !isInteger(weights.dtype) : !isFloat(weights.dtype))
    throw new DTypeError(`cov: ${name} must be ${whole ? 'integers' : 'floats'}, got ${weights.dtype}`);
  if (weights.numel() !== count)
    throw new ShapeError(`cov: ${name} has ${weights.numel()} elements for ${count} observations`);
  const host = weights.node.state?.host;
  if (host?.some((each: number | bigint) => each < 0))
    throw new ArgumentError(`cov: ${name} must not be negative`);
}

/** `torch.corrcoef`: correlations of variables (rows) over observations (columns). */
export function corrcoef(x: Tensor): Tensor {
  const covariance = cov(x);
  if (covariance.ndim === 0) return covariance.div(covariance);
  const spread = covariance.diagonal().sqrt();
  return covariance.div(spread.unsqueeze(1)).div(spread).clamp(-1, 1);
}
