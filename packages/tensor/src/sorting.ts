// Sorting, and what follows from it. Positions are int32; sorting is stable, NaN is greatest.
import {
  categoryOf,
  checkOptions,
  formatShape,
  IndexError,
  normalizeDim,
  type Shape,
  ShapeError,
  sameShape,
} from '@nn/core';
import { where } from './blending.ts';
import { full } from './creation.ts';
import { apply, castTo, requireTensor } from './dispatch.ts';
import { pickAlong, requireIndex } from './gathering.ts';
import { ordered } from './order.ts';
import { deliver, deliverEach, deliverOnly, type OutOptions } from './out.ts';
import { coordinates, takeAt } from './positions.ts';
import type { KeepdimOptions, ValuesAndIndices, ValuesAndIndicesOut } from './reduction.ts';
import type { Tensor } from './tensor.ts';

export interface SortOptions {
  /** Greatest first. Default false. */
  readonly descending?: boolean;
  /** Sorting is always stable; accepted as in PyTorch. */
  readonly stable?: boolean;
}

export interface SortOutOptions extends SortOptions, ValuesAndIndicesOut {}

/** `keepdim` and `out`. */
export interface RankOptions extends KeepdimOptions, ValuesAndIndicesOut {}

export interface TopkOptions extends ValuesAndIndicesOut {
  /** The greatest (default), or the least. */
  readonly largest?: boolean;
  /** Results are always sorted; accepted as in PyTorch. */
  readonly sorted?: boolean;
}

/** `torch.argsort`: the positions (int32) that sort along the dimension. */
export function argsort(x: Tensor, dim: number = -1, options: SortOptions = {}): Tensor {
  requireTensor('argsort', x);
  checkOptions('argsort', options, ['descending', 'stable']);
  const at = normalizeDim('argsort', dim, x.ndim);
  const descending = options.descending ?? false;
  return x.ndim === 0 ? ordered(x.reshape([1]), 0, descending).reshape([]) : ordered(x, at, descending);
}

/**
 * `torch.sort`: sorted values along the dimension and the positions (int32) they came from.
 *
 * @example
 * ```ts
 * import { interpreter, sort, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const { values, indices } = sort(tensor([3, 1, 2]));
 * console.log(await values.toArray(), await indices.toArray()); // => [1, 2, 3] [1, 2, 0]
 * ```
 */
export function sort(x: Tensor, dim: number = -1, options: SortOutOptions = {}): ValuesAndIndices {
  checkOptions('sort', options, ['descending', 'stable', 'out']);
  const indices = argsort(requireTensor('sort', x), dim, { descending: options.descending });
  return deliverEach('sort', { values: pick(x, dim, indices), indices }, options, [x]);
}

/** Elements at positions along a dimension; zero-dimensional tensors are their own. */
function pick(x: Tensor, dim: number, indices: Tensor): Tensor {
  return x.ndim === 0 ? x.clone() : pickAlong(x, normalizeDim('sort', dim, x.ndim), indices);
}

/** `torch.msort`: sorted along the first dimension. */
export function msort(x: Tensor, options?: OutOptions): Tensor {
  return deliverOnly('msort', sort(x, 0).values, options, [x]);
}

/**
 * `torch.topk`: the k greatest (or least) elements along the dimension, best first, and their positions (int32).
 *
 * @throws {IndexError} when the dimension has fewer than k elements.
 */
export function topk(x: Tensor, k: number, dim: number = -1, options: TopkOptions = {}): ValuesAndIndices {
  requireTensor('topk', x);
  checkOptions('topk', options, ['largest', 'sorted', 'out']);
  const at = normalizeDim('topk', dim, x.ndim);
  const extent = x.ndim === 0 ? 1 : x.shape[at];
  if (!Number.isInteger(k) || k < 0 || k > extent)
    throw new IndexError(`topk: k is ${k}, but dimension ${dim} has ${extent} elements`);
  const descending = options.largest ?? true;
  const indices = x.ndim === 0 ? argsort(x) : ordered(x, at, descending, { count: k });
  return deliverEach('topk', { values: pick(x, dim, indices), indices }, options, [x]);
}

/** Values at positions whose dimension is kept, and these. */
function atPositions(
  name: string,
  x: Tensor,
  dim: number,
  indices: Tensor,
  options: RankOptions,
): ValuesAndIndices {
  const kept = { values: pick(x, dim, indices), indices };
  const found =
    x.ndim === 0 || options.keepdim
      ? kept
      : { values: kept.values.squeeze(dim), indices: indices.squeeze(dim) };
  return deliverEach(name, found, options, [x]);
}

/** `torch.kthvalue`: the k-th least element (from 1) along the dimension, and its position. */
export function kthvalue(
  x: Tensor,
  k: number,
  dim: number = -1,
  options: RankOptions = {},
): ValuesAndIndices {
  requireTensor('kthvalue', x);
  checkOptions('kthvalue', options, ['keepdim', 'out']);
  const at = normalizeDim('kthvalue', dim, x.ndim);
  const extent = x.ndim === 0 ? 1 : x.shape[at];
  if (!Number.isInteger(k) || k < 1 || k > extent)
    throw new IndexError(`kthvalue: k is ${k}, but must be from 1 to the dimension's ${extent} elements`);
  const indices = x.ndim === 0 ? argsort(x) : ordered(x, at, false, { start: k - 1, count: 1 });
  return atPositions('kthvalue', x, dim, indices, options);
}

/** The greatest element's position where that is NaN, else the given one: the first NaN is greatest. */
function orFirstNaN(x: Tensor, dim: number, position: Tensor): Tensor {
  const source = x.detach();
  const greatest = source.argmax(dim, { keepdim: true });
  return castTo(where(pickAlong(source, dim, greatest).isnan(), greatest, position), 'int32');
}

function middle(
  name: string,
  x: Tensor,
  dim: number,
  ignoreNaN: boolean,
  options: RankOptions = {},
): ValuesAndIndices {
  const at = normalizeDim(name, dim, x.ndim);
  const extent = x.ndim === 0 ? 1 : x.shape[at];
  if (extent === 0) throw new IndexError(`${name}: dimension ${dim} has no elements`);
  if (x.ndim === 0) return atPositions(name, x, dim, argsort(x), options);
  const half = Math.floor((extent - 1) / 2);
  if (!ignoreNaN || categoryOf(x.dtype) !== 'float') {
    const inTheMiddle = ordered(x, at, false, { start: half, count: 1 });
    if (categoryOf(x.dtype) !== 'float') return atPositions(name, x, dim, inTheMiddle, options);
    return atPositions(name, x, dim, orFirstNaN(x, at, inTheMiddle), options);
  }
  const isHole = castTo(x.detach().isnan(), 'int32');
  const holes = isHole.sum(at, { keepdim: true, dtype: 'int32' });
  // NaN sorts last: the middle of what is before.
  const order = ordered(x, at, false, { count: half + 1 });
  const rank = holes
    .neg()
    .add(extent - 1)
    .clamp(0)
    .div(2, { roundingMode: 'floor' });
  return atPositions(name, x, dim, pickAlong(order, at, rank), options);
}

/** `torch.median`: the lower of the two middle elements; NaN if there is one. Of all elements, or along a dimension. */
export function median(x: Tensor): Tensor;
export function median(x: Tensor, dim: number, options?: RankOptions): ValuesAndIndices;
export function median(x: Tensor, dim?: number, options: RankOptions = {}): Tensor | ValuesAndIndices {
  requireTensor('median', x);
  checkOptions('median', options, ['keepdim', 'out']);
  if (dim === undefined) return middle('median', x.reshape([-1]), 0, false).values;
  return middle('median', x, dim, false, options);
}

/** `torch.nanmedian`: as median, without the NaNs. */
export function nanmedian(x: Tensor): Tensor;
export function nanmedian(x: Tensor, dim: number, options?: RankOptions): ValuesAndIndices;
export function nanmedian(x: Tensor, dim?: number, options: RankOptions = {}): Tensor | ValuesAndIndices {
  requireTensor('nanmedian', x);
  checkOptions('nanmedian', options, ['keepdim', 'out']);
  if (dim === undefined) return middle('nanmedian', x.reshape([-1]), 0, true).values;
  return middle('nanmedian', x, dim, true, options);
}

/** `torch.mode`: the most frequent element (the least of several) along the dimension, and its last position. */
export function mode(x: Tensor, dim: number = -1, options: RankOptions = {}): ValuesAndIndices {
  requireTensor('mode', x);
  checkOptions('mode', options, ['keepdim', 'out']);
  const at = normalizeDim('mode', dim, x.ndim);
  if (x.ndim === 0) return atPositions('mode', x, dim, argsort(x), options);
  const order = argsort(x, at);
  const sorted = pickAlong(x.detach(), at, order);
  // At each element, where the run of its equals began: the longest run ends where most of one lie behind.
  const rest = Math.max(x.shape[at] - 1, 0);
  const differs = sorted.narrow(at, 1, rest).ne(sorted.narrow(at, 0, rest));
  const along = coordinates(x.shape, at, x.device);
  const begins = where(differs, along.narrow(at, 1, rest), 0);
  const none = x.shape.map(() => 0);
  const begun = apply('pad', [castTo(begins, 'int32')], { before: none.with(at, 1), after: none, value: 0 });
  const behind = along.sub(apply('scan', [begun], { dim: at, op: 'max' }));
  // Sorting is stable, so the last of equal elements is the last in the tensor too.
  const last = pickAlong(order, at, behind.argmax(at, { keepdim: true }));
  return atPositions('mode', x, at, last, options);
}

export interface SearchOptions extends OutOptions {
  /** Gives the position behind equal elements. Default false: before them. */
  readonly right?: boolean;
  readonly side?: 'left' | 'right';
  /** Accepted as in PyTorch; positions are int32 always. */
  readonly outInt32?: boolean;
  /** The order that sorts `sorted` along its last dimension. */
  readonly sorter?: Tensor;
}

/** `torch.searchsorted`: where in the last dimension of `sorted` each value belongs, int32. */
export function searchsorted(sorted: Tensor, values: Tensor | number, options: SearchOptions = {}): Tensor {
  requireTensor('searchsorted', sorted);
  checkOptions('searchsorted', options, ['right', 'side', 'outInt32', 'sorter', 'out']);
  const lines = sorted.shape.slice(0, -1);
  const fits =
    typeof values === 'number' ? lines.length === 0 : linesFit(lines, requireTensor('searchsorted', values));
  if (sorted.ndim === 0 || !fits) {
    throw new ShapeError(
      `searchsorted: boundaries of shape ${formatShape(sorted.shape)} must have one dimension, or all dimensions but ` +
        `the last in common with the values${typeof values === 'number' ? '' : `, ${formatShape(values.shape)}`}`,
    );
  }
  const table =
    options.sorter === undefined
      ? sorted
      : pickAlong(sorted, sorted.ndim - 1, checkedSorter(sorted, options.sorter));
  const right = options.right === true || options.side === 'right';
  const found =
    typeof values !== 'number' && table.shape[table.ndim - 1] > fewBoundaries
      ? searchedByHalves(table, values, right)
      : searchedByCounting(table, values, right);
  return deliver('searchsorted', found, options, [sorted, values, options.sorter]);
}

/** Whether there is a line of boundaries for each line of values. */
function linesFit(lines: Shape, values: Tensor): boolean {
  return lines.length === 0 || (values.ndim > 0 && sameShape(lines, values.shape.slice(0, -1)));
}

function checkedSorter(sorted: Tensor, sorter: Tensor): Tensor {
  const order = requireIndex('searchsorted', sorter);
  if (sameShape(order.shape, sorted.shape)) return castTo(order, 'int32');
  throw new ShapeError(
    `searchsorted: the sorter has shape ${formatShape(order.shape)}, the boundaries ${formatShape(sorted.shape)}`,
  );
}

/** Up to this many boundaries are compared one by one. */
const fewBoundaries = 32;

/** Whether boundaries lie before values. What does not compare, because one is NaN, does, as in PyTorch. */
function liesBefore(boundary: Tensor, value: Tensor | number, right: boolean): Tensor {
  return (right ? boundary.gt(value) : boundary.ge(value)).logicalNot();
}

/** As many as lie before: comparisons summed as they are made, so that no table of them is stored. */
function searchedByCounting(table: Tensor, values: Tensor | number, right: boolean): Tensor {
  const given = typeof values === 'number' ? values : values.unsqueeze(-1);
  const boundaries = table.ndim === 1 || typeof values === 'number' ? table : table.unsqueeze(-2);
  return castTo(liesBefore(boundaries, given, right), 'int32').sum(-1, { dtype: 'int32' });
}

/** Steps of halved length over all boundaries that lie before. */
function searchedByHalves(table: Tensor, values: Tensor, right: boolean): Tensor {
  const count = table.shape[table.ndim - 1];
  const shape =
    table.ndim === 1 ? values.shape : [...table.shape.slice(0, -1), values.shape[values.ndim - 1]];
  const given = values.detach().expandTo(shape);
  // Where each value's own line of boundaries starts in the flattened table.
  let start: Tensor | null = null;
  let stride = count;
  for (let dim = table.ndim - 2; dim >= 0; dim--) {
    const along = coordinates(shape, dim, table.device).mul(stride);
    start = start === null ? along : start.add(along);
    stride *= table.shape[dim];
  }
  let found: Tensor | null = null;
  for (let step = 2 ** Math.floor(Math.log2(count)); step >= 1; step /= 2) {
    const next: Tensor =
      found === null ? full(shape, step, { dtype: 'int32', device: table.device }) : found.add(step);
    const last = next.clamp(0, count).sub(1);
    const boundary = takeAt(table.detach(), start === null ? last : last.add(start));
    const passes = next.le(count).logicalAnd(liesBefore(boundary, given, right));
    found = castTo(where(passes, next, found ?? 0), 'int32');
  }
  return found!;
}

/** `torch.bucketize`: where among the boundaries each value belongs, int32. */
export function bucketize(
  values: Tensor | number,
  boundaries: Tensor,
  options: OutOptions & { readonly right?: boolean; readonly outInt32?: boolean } = {},
): Tensor {
  if (requireTensor('bucketize', boundaries).ndim !== 1) {
    throw new ShapeError(
      `bucketize: the boundaries must have one dimension, got ${formatShape(boundaries.shape)}. Use searchsorted`,
    );
  }
  return searchsorted(boundaries, values, options);
}
