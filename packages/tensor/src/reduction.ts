// Reductions over dimensions.
import {
  ArgumentError,
  type AttributesOf,
  categoryOf,
  checkOptions,
  type DType,
  DTypeError,
  formatShape,
  normalizeDims,
  type Shape,
  ShapeError,
  sameShape,
} from '@nn/core';
import { where } from './blending.ts';
import { apply, castTo, describe, floatFor, requireTensor } from './dispatch.ts';
import { checkOutDType, deliver, type OutOptions, type OutsOptions } from './out.ts';
import { hasDType } from './reading.ts';
import type { Tensor } from './tensor.ts';

/** One dimension, several, or (undefined, null, []) all. */
export type ReduceDims = number | readonly number[] | null;

export interface KeepdimOptions {
  /** Whether reduced dimensions stay, with size 1. Default false. */
  readonly keepdim?: boolean;
}

/** `keepdim` and `out`. */
export interface ExtremumOptions extends KeepdimOptions, OutOptions {}

export interface ReduceOptions extends ExtremumOptions {
  /** Cast before reducing. */
  readonly dtype?: DType;
}

/** What reductions and sorts give that also say where: values, and positions (int32) along the dimension. */
export interface ValuesAndIndices {
  readonly values: Tensor;
  readonly indices: Tensor;
}

/** The option `out` of functions that give values and positions. */
export interface ValuesAndIndicesOut extends OutsOptions<ValuesAndIndices> {}

type ReduceName = 'sum' | 'prod' | 'max' | 'min' | 'argmax' | 'argmin';

/** The dimensions to reduce, ascending. */
export function reducedDims(name: string, x: Tensor, dim: ReduceDims | undefined): number[] {
  if (dim != null && typeof dim !== 'number' && !Array.isArray(dim))
    throw new ArgumentError(`${name}: dim must be a number or an array of numbers, got ${describe(dim)}`);
  if (x.ndim > 64) throw new ShapeError(`${name}: takes at most 64 dimensions, got ${x.ndim}`);
  const all = dim == null || (Array.isArray(dim) && dim.length === 0);
  return normalizeDims(name, all ? undefined : dim, x.ndim).sort((a, b) => a - b);
}

function attributes(
  name: string,
  x: Tensor,
  dim: ReduceDims | undefined,
  options: ReduceOptions,
  known: readonly string[] = ['keepdim', 'out'],
): AttributesOf<ReduceName> {
  requireTensor(name, x);
  checkOptions(name, options, known);
  checkOutDType(name, options);
  return { dims: reducedDims(name, x, dim), keepDims: options.keepdim ?? false };
}

const withDType = ['keepdim', 'dtype', 'out'] as const;

/** What counts and sums of integers are: int64 as in PyTorch, int32 on a device without it. */
export function countingDType(device: string): DType {
  return hasDType(device, 'int64') ? 'int64' : 'int32';
}

/** Integers and bools sum in int64, as in PyTorch, unless a dtype is given. */
function summed(x: Tensor, options: ReduceOptions): Tensor {
  if (options.dtype !== undefined) return castTo(x, options.dtype);
  return categoryOf(x.dtype) === 'float' ? x : castTo(x, countingDType(x.device));
}

/**
 * `torch.sum`. Integers and bools sum in int64 (int32 on a device without it).
 *
 * @throws {IndexError} for a dimension out of range.
 */
export function sum(x: Tensor, dim?: ReduceDims, options: ReduceOptions = {}): Tensor {
  const how = attributes('sum', x, dim, options, withDType);
  return deliver('sum', apply('sum', [summed(x, options)], how), options, [x]);
}

/** `torch.prod`. Integers and bools multiply in int64 (int32 on a device without it). */
export function prod(x: Tensor, dim?: ReduceDims, options: ReduceOptions = {}): Tensor {
  const how = attributes('prod', x, dim, options, withDType);
  return deliver('prod', apply('prod', [summed(x, options)], how), options, [x]);
}

/** `torch.mean`. @throws {DTypeError} for integers without the dtype option. */
export function mean(x: Tensor, dim?: ReduceDims, options: ReduceOptions = {}): Tensor {
  const how = attributes('mean', x, dim, options, withDType);
  const y = options.dtype === undefined ? x : castTo(x, options.dtype);
  if (categoryOf(y.dtype) !== 'float') {
    throw new DTypeError(
      `mean: takes float tensors, got ${y.dtype}. Use x.float().mean() or the dtype option`,
    );
  }
  const count = how.dims.reduce((product, each) => product * x.shape[each], 1);
  return deliver('mean', apply('sum', [y], how).div(count), options, [x]);
}

/** `torch.nansum`: sum without the NaNs. */
export function nansum(x: Tensor, dim?: ReduceDims, options: ReduceOptions = {}): Tensor {
  return sum(withoutNaN('nansum', x), dim, options);
}

function withoutNaN(name: string, x: Tensor): Tensor {
  return categoryOf(requireTensor(name, x).dtype) === 'float' ? where(x.isnan(), 0, x) : x;
}

/** `torch.nanmean`: mean of what is not NaN. */
export function nanmean(x: Tensor, dim?: ReduceDims, options: ReduceOptions = {}): Tensor {
  const { out, ...rest } = options;
  const total = nansum(x, dim, rest);
  if (categoryOf(total.dtype) !== 'float')
    throw new DTypeError(`nanmean: takes float tensors, got ${x.dtype}. Use x.float()`);
  const count = castTo(x.isnan().logicalNot(), total.dtype);
  return deliver('nanmean', total.div(sum(count, dim, { keepdim: options.keepdim })), { out }, [x]);
}

/** The greatest or least element, for the function that was called. */
export function reducedExtremum(
  name: string,
  op: 'max' | 'min',
  x: Tensor,
  dim: ReduceDims | undefined,
  options: ExtremumOptions,
): Tensor {
  const how = attributes(name, x, dim, options);
  if (how.dims.some((each) => x.shape[each] === 0)) {
    throw new ShapeError(
      `${name}: cannot reduce ${formatShape(x.shape)} over an empty dimension: it has no identity`,
    );
  }
  return apply(op, [x], how);
}

/** `torch.amax`: the greatest element; NaN if there is one. Equal ones share the gradient. */
export function amax(x: Tensor, dim?: ReduceDims, options: ExtremumOptions = {}): Tensor {
  return deliver('amax', reducedExtremum('amax', 'max', x, dim, options), options, [x]);
}

/** `torch.amin`: the least element; NaN if there is one. Equal ones share the gradient. */
export function amin(x: Tensor, dim?: ReduceDims, options: ExtremumOptions = {}): Tensor {
  return deliver('amin', reducedExtremum('amin', 'min', x, dim, options), options, [x]);
}

/** `torch.argmax`: the position (int32) of the first greatest element, or of the first NaN; without `dim` in the flattened tensor. */
export function argmax(x: Tensor, dim?: number | null, options: ExtremumOptions = {}): Tensor {
  return deliver('argmax', apply('argmax', [x], attributes('argmax', x, dim, options)), options, [x]);
}

/** `torch.argmin`: the position (int32) of the first least element, or of the first NaN; without `dim` in the flattened tensor. */
export function argmin(x: Tensor, dim?: number | null, options: ExtremumOptions = {}): Tensor {
  return deliver('argmin', apply('argmin', [x], attributes('argmin', x, dim, options)), options, [x]);
}

/** `torch.any`: whether any element is not 0; bool (uint8 for uint8). */
export function any(x: Tensor, dim?: ReduceDims, options: ExtremumOptions = {}): Tensor {
  const found = apply('max', [castTo(requireTensor('any', x), 'bool')], attributes('any', x, dim, options));
  return deliver('any', x.dtype === 'uint8' ? castTo(found, 'uint8') : found, options, [x]);
}

/** `torch.all`: whether no element is 0; bool (uint8 for uint8). */
export function all(x: Tensor, dim?: ReduceDims, options: ExtremumOptions = {}): Tensor {
  const found = apply('min', [castTo(requireTensor('all', x), 'bool')], attributes('all', x, dim, options));
  return deliver('all', x.dtype === 'uint8' ? castTo(found, 'uint8') : found, options, [x]);
}

/** `torch.count_nonzero`: how many elements are not 0. */
export function countNonzero(x: Tensor, dim?: ReduceDims): Tensor {
  return sum(castTo(requireTensor('countNonzero', x), 'bool'), dim);
}

/** `torch.logsumexp`: log Σ exp(x), without overflow. */
export function logsumexp(x: Tensor, dim: ReduceDims, options: ExtremumOptions = {}): Tensor {
  const how = attributes('logsumexp', x, dim, options);
  return deliver('logsumexp', logOfSum(x, how), options, [x]);
}

function logOfSum(x: Tensor, how: AttributesOf<ReduceName>): Tensor {
  const source = castTo(x, floatFor(x.dtype));
  if (x.numel() === 0) return apply('sum', [source.exp()], how).log();
  const top = apply('max', [source.detach()], { dims: how.dims, keepDims: true });
  const reference = where(top.abs().eq(Infinity), 0, top);
  const total = apply('sum', [source.sub(reference).exp()], { dims: how.dims, keepDims: true });
  const result = total.log().add(reference);
  return how.keepDims ? result : result.reshape(result.shape.filter((_, i) => !how.dims.includes(i)));
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

/** `torch.Tensor.sum_to_size`: summed over the dimensions that were broadcast from `shape`. */
export function sumToSize(x: Tensor, shape: Shape): Tensor {
  const isReduced = shape.length === 0 || !sameShape(requireTensor('sumToSize', x).shape, shape);
  const lead = x.ndim - shape.length;
  if (lead < 0 || shape.some((extent, dim) => extent !== 1 && extent !== x.shape[lead + dim])) {
    throw new ShapeError(
      `sumToSize: ${formatShape(shape)} does not expand to the tensor's shape ${formatShape(x.shape)}`,
    );
  }
  return sumTo(isReduced ? summed(x, {}) : x, shape);
}
