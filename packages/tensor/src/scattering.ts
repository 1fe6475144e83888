// Writing elements at index tensors. Each function gives a new tensor; the methods with an underscore store it.
import {
  ArgumentError,
  categoryOf,
  checkOptions,
  formatShape,
  normalizeDim,
  ShapeError,
  sameShape,
  sizeOf,
} from '@nn/core';
import { onesLike, zerosLike } from './creation.ts';
import { asOperand, castTo, requireTensor, type Scalar, scalarTensor } from './dispatch.ts';
import { atLeastOneDim, checkAlong, positionsAlong, requireIndex } from './gathering.ts';
import { setAt } from './indexing.ts';
import type { Index } from './indices.ts';
import { parseIndices } from './indices.ts';
import { deliver, deliverOnly, elementwise, type OutOptions } from './out.ts';
import {
  elementsAt,
  normalizePositions,
  type Selection,
  scatterAt,
  selectPositions,
  takeSelected,
} from './positions.ts';
import { Tensor } from './tensor.ts';

/** How scatterReduce and indexReduce combine. */
export type ScatterReduction = 'sum' | 'prod' | 'mean' | 'amax' | 'amin';
type Combination = 'set' | 'sum' | 'prod' | 'max' | 'min';

export interface ScatterOptions extends OutOptions {
  /** Combines with what is there instead of replacing it. */
  readonly reduce?: 'add' | 'multiply' | null;
}
export interface IncludeSelfOptions extends OutOptions {
  /** Whether the tensor's own elements take part in the reduction. Default true. */
  readonly includeSelf?: boolean;
}
export interface AccumulateOptions {
  /** Adds instead of replacing. Default false. */
  readonly accumulate?: boolean;
}

/** What is written where. */
interface Placed {
  readonly base: Tensor;
  readonly places: Selection;
  readonly source: Tensor;
}

/** The part of src that the index's shape covers, with the index's positions. */
function prepared(name: string, x: Tensor, dim: number, index: Tensor, src: Tensor | Scalar): Placed {
  requireTensor(name, x);
  requireIndex(name, index);
  const at = normalizeDim(name, dim, x.ndim);
  const base = atLeastOneDim(x);
  const place = atLeastOneDim(index);
  if (place.numel() > 0) checkAlong(name, place, at, base.shape, 'the tensor');
  const places = elementsAt(positionsAlong(name, base.shape, at, place, x.device));
  if (!(src instanceof Tensor))
    return { base, places, source: asOperand(name, src, x.dtype).expandTo(place.shape) };
  const given = atLeastOneDim(src);
  if (place.numel() > 0) checkAlong(name, place, -1, given.shape, 'the source');
  if (src.dtype !== x.dtype)
    throw new ShapeError(`${name}: the tensor is ${x.dtype}, the source ${src.dtype}; cast one of them`);
  const source = place.shape.reduce<Tensor>((part, extent, i) => part.narrow(i, 0, extent), given);
  return { base, places, source };
}

/**
 * `torch.scatter`: x with x[index[i][j]][j] = src[i][j] for dim 0, and so on. `src` is a tensor or a number. Where
 * the index names one element several times, the last wins.
 *
 * @throws {IndexError} for values known to be out of range; {ShapeError} for shapes that do not fit.
 * @example
 * ```ts
 * import { interpreter, scatter, tensor, use, zeros } from '@nn/tensor';
 * use(interpreter());
 * console.log(await scatter(zeros([2, 3]), 1, tensor([[2], [0]]), 7).toArray()); // => [[0, 0, 7], [7, 0, 0]]
 * ```
 */
export function scatter(
  x: Tensor,
  dim: number,
  index: Tensor,
  src: Tensor | Scalar,
  options: ScatterOptions = {},
): Tensor {
  checkOptions('scatter', options, ['reduce', 'out']);
  const modes = new Map<unknown, Combination>([
    [null, 'set'],
    ['add', 'sum'],
    ['multiply', 'prod'],
  ]);
  const mode = modes.get(options.reduce ?? null);
  if (mode === undefined)
    throw new ArgumentError(`scatter: reduce must be 'add' or 'multiply', got '${String(options.reduce)}'`);
  const { base, places, source } = prepared('scatter', x, dim, index, src);
  const result = scatterAt(base, places, source, mode).reshape(x.shape);
  return deliver('scatter', result, options, [x, index, src], elementwise);
}

/** `torch.scatter_add`: as scatter, adding up. */
export function scatterAdd(x: Tensor, dim: number, index: Tensor, src: Tensor, options?: OutOptions): Tensor {
  const { base, places, source } = prepared('scatterAdd', x, dim, index, requireTensor('scatterAdd', src));
  const result = scatterAt(base, places, source, 'sum').reshape(x.shape);
  return deliverOnly('scatterAdd', result, options, [x, index, src], elementwise);
}

/**
 * `torch.scatter_reduce`: as scatter, combining all values that meet at one element.
 *
 * @throws {ArgumentError} for an unknown reduction.
 */
export function scatterReduce(
  x: Tensor,
  dim: number,
  index: Tensor,
  src: Tensor,
  reduce: ScatterReduction,
  options: IncludeSelfOptions = {},
): Tensor {
  checkOptions('scatterReduce', options, ['includeSelf', 'out']);
  const { base, places, source } = prepared(
    'scatterReduce',
    x,
    dim,
    index,
    requireTensor('scatterReduce', src),
  );
  const result = combined('scatterReduce', base, places, source, reduce, options.includeSelf ?? true);
  return deliver('scatterReduce', result.reshape(x.shape), options, [x, index, src], elementwise);
}

/** The identity of a combination in a dtype. */
function identityOf(reduce: ScatterReduction, x: Tensor): Tensor {
  if (reduce === 'prod') return scalarTensor(1, x.dtype);
  if (reduce === 'sum' || reduce === 'mean') return scalarTensor(0, x.dtype);
  if (categoryOf(x.dtype) === 'float') return scalarTensor(reduce === 'amax' ? -Infinity : Infinity, x.dtype);
  const [low, high] = integerRanges[x.dtype] ?? [0, 1];
  return scalarTensor(reduce === 'amax' ? low : high, x.dtype);
}

const integerRanges: { readonly [dtype: string]: readonly [number | bigint, number | bigint] } = {
  uint8: [0, 255],
  int8: [-128, 127],
  int16: [-32768, 32767],
  int32: [-(2 ** 31), 2 ** 31 - 1],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
};

const combinations: { readonly [N in ScatterReduction]: Combination } = {
  sum: 'sum',
  mean: 'sum',
  prod: 'prod',
  amax: 'max',
  amin: 'min',
};

function combined(
  name: string,
  x: Tensor,
  places: Selection,
  source: Tensor,
  reduce: ScatterReduction,
  includeSelf: boolean,
): Tensor {
  if (!Object.hasOwn(combinations, reduce)) {
    throw new ArgumentError(
      `${name}: reduce must be one of ${Object.keys(combinations).join(', ')}, got '${String(reduce)}'`,
    );
  }
  const base = includeSelf ? x : scatterAt(x, places, identityOf(reduce, x), 'set');
  const result = scatterAt(base, places, source, combinations[reduce]);
  if (reduce !== 'mean') return result;
  const ones = onesLike(source);
  const count = scatterAt(includeSelf ? onesLike(x) : zerosLike(x), places, ones, 'sum').clamp(1);
  return result.div(count, { roundingMode: categoryOf(x.dtype) === 'float' ? null : 'floor' });
}

/** Positions and source of whole slices along a dimension. */
function slices(name: string, x: Tensor, dim: number, index: Tensor, source: Tensor): Placed {
  requireTensor(name, x);
  requireIndex(name, index);
  const at = normalizeDim(name, dim, x.ndim);
  if (index.ndim > 1)
    throw new ShapeError(`${name}: the index must have one dimension, got ${formatShape(index.shape)}`);
  const base = atLeastOneDim(x);
  const list = atLeastOneDim(index);
  const places = selectPositions(name, base, [{ dim: at, tensor: list }]);
  const { shape } = places;
  if (source.dtype !== x.dtype)
    throw new ShapeError(`${name}: the tensor is ${x.dtype}, the source ${source.dtype}; cast one of them`);
  const fits = source.numel() === sizeOf(shape);
  const differs = source.ndim === shape.length && source.shape.some((extent, i) => extent !== shape[i]);
  if (source.ndim > 0 && (differs || (x.ndim === 0 && !fits))) {
    throw new ShapeError(
      `${name}: the source has shape ${formatShape(source.shape)}, but the index names slices of shape ${formatShape(shape)}`,
    );
  }
  return { base, places, source: fits ? source.reshape(shape) : source.expandTo(shape) };
}

/** `torch.index_add`: adds alpha * source[i] to slice index[i] along `dim`. */
export function indexAdd(
  x: Tensor,
  dim: number,
  index: Tensor,
  source: Tensor,
  options: OutOptions & { readonly alpha?: number } = {},
): Tensor {
  checkOptions('indexAdd', options, ['alpha', 'out']);
  const alpha = options.alpha ?? 1;
  const given = requireTensor('indexAdd', source);
  const scaled = alpha === 1 ? given : castTo(given.mul(alpha), given.dtype);
  const { base, places, source: values } = slices('indexAdd', x, dim, index, scaled);
  const how = categoryOf(x.dtype) === 'bool' ? 'max' : 'sum';
  const result = scatterAt(base, places, values, how).reshape(x.shape);
  return deliver('indexAdd', result, options, [x, index, source], elementwise);
}

/** `torch.index_copy`: slice index[i] along `dim` becomes source[i]. */
export function indexCopy(
  x: Tensor,
  dim: number,
  index: Tensor,
  source: Tensor,
  options?: OutOptions,
): Tensor {
  const {
    base,
    places,
    source: values,
  } = slices('indexCopy', x, dim, index, requireTensor('indexCopy', source));
  const result = scatterAt(base, places, values, 'set').reshape(x.shape);
  return deliverOnly('indexCopy', result, options, [x, index, source], elementwise);
}

/** `torch.index_fill`: the slices along `dim` that the index names become a number. */
export function indexFill(x: Tensor, dim: number, index: Tensor, value: Tensor | Scalar): Tensor {
  const filler = asOperand('indexFill', value, x.dtype);
  if (filler.ndim !== 0)
    throw new ShapeError(`indexFill: the value must have no dimensions, got ${formatShape(filler.shape)}`);
  const { base, places, source } = slices('indexFill', x, dim, index, filler);
  return scatterAt(base, places, source, 'set').reshape(x.shape);
}

/** `torch.index_reduce`: combines source[i] into slice index[i] along `dim`. */
export function indexReduce(
  x: Tensor,
  dim: number,
  index: Tensor,
  source: Tensor,
  reduce: Exclude<ScatterReduction, 'sum'>,
  options: IncludeSelfOptions = {},
): Tensor {
  checkOptions('indexReduce', options, ['includeSelf', 'out']);
  const {
    base,
    places,
    source: values,
  } = slices('indexReduce', x, dim, index, requireTensor('indexReduce', source));
  const result = combined('indexReduce', base, places, values, reduce, options.includeSelf ?? true);
  return deliver('indexReduce', result.reshape(x.shape), options, [x, index, source], elementwise);
}

/** `torch.put`: writes source's elements at positions of the flattened tensor. */
export function put(x: Tensor, index: Tensor, source: Tensor, options: AccumulateOptions = {}): Tensor {
  checkOptions('put', options, ['accumulate']);
  requireTensor('put', x);
  requireIndex('put', index);
  if (index.numel() !== requireTensor('put', source).numel()) {
    throw new ShapeError(
      `put: ${index.numel()} positions for ${source.numel()} elements: they must be as many`,
    );
  }
  const positions = normalizePositions('put', index, x.numel(), x.device, 0);
  return scatterAt(
    x,
    elementsAt(positions),
    castTo(source, x.dtype).reshape(index.shape),
    options.accumulate ? 'sum' : 'set',
  );
}

/** `torch.index_put`: as `setAt_`, giving a new tensor; with `accumulate`, repeated elements add up. */
export function indexPut(
  x: Tensor,
  indices: readonly Index[],
  values: Tensor | Scalar,
  options: AccumulateOptions = {},
): Tensor {
  checkOptions('indexPut', options, ['accumulate']);
  const { view, advanced } = parseIndices('indexPut', requireTensor('indexPut', x), indices);
  const selection = selectPositions('indexPut', view, advanced);
  const source = castTo(asOperand('indexPut', values, x.dtype), x.dtype).expand(selection.shape);
  const written = scatterAt(view, selection, source, options.accumulate ? 'sum' : 'set');
  if (view.numel() === x.numel() && sameShape(view.shape, x.shape)) return written;
  return setAt(x.clone(), indices, takeSelected(written, selection));
}
