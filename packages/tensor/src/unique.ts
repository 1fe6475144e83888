// Distinct elements and slices. How many there are depends on data: what says where they begin is read, so these
// functions are asynchronous; each has a synchronous twin for devices that allow it.
import { checkOptions, formatShape, type HostArray, normalizeDim, ShapeError } from '@nn/core';
import { fromHost } from './creation.ts';
import { apply, castTo, requireTensor } from './dispatch.ts';
import { distinctOf, hasHostRuns, isCountable, runBegins } from './distinct.ts';
import { coordinates, elementsAt, scatterAt, truePositions } from './positions.ts';
import { data, dataSync } from './reading.ts';
import { any, countingDType } from './reduction.ts';
import { cumsum } from './scans.ts';
import { argsort } from './sorting.ts';
import type { Tensor } from './tensor.ts';

export interface UniqueConsecutiveOptions {
  /** Whether to give the position in the result of each element. Default false. */
  readonly returnInverse?: boolean;
  /** Whether to give how often each occurs. Default false. */
  readonly returnCounts?: boolean;
  /** Compares whole slices along this dimension. Default: elements of the flattened tensor. */
  readonly dim?: number | null;
}

export interface UniqueOptions extends UniqueConsecutiveOptions {
  /** Ascending (default); if not, the order is not specified. */
  readonly sorted?: boolean;
}

/** Distinct elements, and what was asked for besides. */
export interface Unique {
  readonly values: Tensor;
  /** The position in `values` of each element, int32: the tensor's shape, or a vector over `dim`. */
  readonly inverse?: Tensor;
  /** How often each of `values` occurs. */
  readonly counts?: Tensor;
}

/** Slices to compare, [count, elements], in the order in which equal ones are neighbours. */
interface Rows {
  readonly rows: Tensor;
  /** Where each comes from; null for the tensor's own order. */
  readonly order: Tensor | null;
  /** Whether a row differs from the one before it, [count]. */
  readonly starts: Tensor;
}

function checked(name: string, x: Tensor, options: UniqueOptions, known: readonly string[]): Tensor {
  checkOptions(name, options, known);
  const { dim } = options;
  if (dim == null) return requireTensor(name, x).reshape([-1, 1]);
  const at = normalizeDim(name, dim, requireTensor(name, x).ndim);
  if (x.ndim === 0) return x.reshape([1, 1]);
  const extent = x.shape[at];
  if (extent > 0 && x.numel() === 0)
    throw new ShapeError(
      `${name}: the slices of ${formatShape(x.shape)} along dimension ${dim} have no elements`,
    );
  return x.movedim(at, 0).reshape([extent, extent === 0 ? 1 : x.numel() / extent]);
}

/** The order that sorts rows: stable sorts from the last column to the first. */
function lexicographic(rows: Tensor): Tensor {
  let order: Tensor | null = null;
  for (let column = rows.shape[1] - 1; column >= 0; column--) {
    const values = rows.select(1, column);
    order = order === null ? argsort(values) : order.indexSelect(0, argsort(values.indexSelect(0, order)));
  }
  return order ?? coordinates([rows.shape[0]], 0, rows.device);
}

function compared(rows: Tensor, order: Tensor | null): Rows {
  const count = rows.shape[0];
  const inOrder = order === null ? rows : rows.indexSelect(0, order);
  const rest = Math.max(count - 1, 0);
  const differs = any(inOrder.narrow(0, count - rest, rest).ne(inOrder.narrow(0, 0, rest)), 1);
  // The first row starts a run.
  const starts = apply('pad', [castTo(differs, 'int32')], { before: [count - rest], after: [0], value: 1 });
  return { rows, order, starts };
}

function rowsOf(name: string, x: Tensor, options: UniqueOptions): Rows {
  const rows = checked(name, x, options, ['sorted', 'returnInverse', 'returnCounts', 'dim']).detach();
  return compared(rows, lexicographic(rows));
}

function runsOf(name: string, x: Tensor, options: UniqueConsecutiveOptions): Rows {
  const rows = checked(name, x, options, ['returnInverse', 'returnCounts', 'dim']).detach();
  return compared(rows, null);
}

function finished(
  x: Tensor,
  { rows, order, starts }: Rows,
  begins: Int32Array<ArrayBuffer>,
  { dim, returnInverse, returnCounts }: UniqueOptions,
): Tensor | Unique {
  const count = rows.shape[0];
  const at = fromHost(begins, 'int32', x.device);
  const found = order === null ? at : order.indexSelect(0, at);
  const isFlat = dim == null || x.ndim === 0;
  const values = isFlat ? x.reshape([-1]).indexSelect(0, found) : x.indexSelect(dim, found);
  if (!returnInverse && !returnCounts) return values;
  const result: { values: Tensor; inverse?: Tensor; counts?: Tensor } = { values };
  if (returnInverse) {
    const run = cumsum(starts, 0, { dtype: 'int32' }).sub(1);
    const inverse = order === null ? run : scatterAt(order, elementsAt(order), run, 'set');
    result.inverse = dim == null ? inverse.reshape(x.shape) : inverse;
  }
  if (returnCounts) {
    const lengths = new Int32Array(begins.length);
    for (let i = 0; i < begins.length; i++)
      lengths[i] = (i + 1 < begins.length ? begins[i + 1] : count) - begins[i];
    result.counts = castTo(fromHost(lengths, 'int32', x.device), countingDType(x.device));
  }
  return result;
}

/** What is read to find out where runs begin: all elements where they are to be compared on the host. */
function readForRuns(x: Tensor, { starts }: Rows, { dim }: UniqueOptions): Tensor {
  return dim == null && hasHostRuns(x.dtype) ? x.detach().reshape([-1]) : starts;
}

function beginsIn(read: HostArray, x: Tensor, { dim }: UniqueOptions): Int32Array<ArrayBuffer> {
  return dim == null && hasHostRuns(x.dtype) ? runBegins(read) : truePositions(read);
}

/** All elements where they may be counted on the host. */
function readToCount(x: Tensor, { dim }: UniqueOptions): Tensor | null {
  return dim == null && isCountable(x.dtype) && x.numel() > 0 ? x.reshape([-1]) : null;
}

/** By counting integers; undefined where they are too far apart. */
function counted(
  x: Tensor,
  elements: HostArray,
  { returnInverse, returnCounts }: UniqueOptions,
): Tensor | Unique | undefined {
  const distinct = distinctOf(elements);
  if (distinct === undefined) return undefined;
  const values = fromHost(distinct.values, x.dtype, x.device);
  if (!returnInverse && !returnCounts) return values;
  const result: { values: Tensor; inverse?: Tensor; counts?: Tensor } = { values };
  if (returnInverse) result.inverse = fromHost(distinct.inverse(), 'int32', x.device).reshape(x.shape);
  if (returnCounts)
    result.counts = castTo(fromHost(distinct.counts, 'int32', x.device), countingDType(x.device));
  return result;
}

/** Neither inverse nor counts. */
export type Plain = { readonly returnInverse?: false; readonly returnCounts?: false };

/**
 * `torch.unique`: the distinct elements, ascending, or with `dim` the distinct slices, in lexicographic order. NaNs are
 * distinct from each other. With `returnInverse` or `returnCounts` an object that holds these too. Asynchronous,
 * because the size of the result is known only when x is.
 *
 * @throws {ShapeError} for slices without elements.
 * @example
 * ```ts
 * import { interpreter, tensor, unique, use } from '@nn/tensor';
 * use(interpreter());
 * const x = tensor([2, 1, 2, 3]);
 * console.log(await (await unique(x)).toArray()); // => [1, 2, 3]
 * const { counts, inverse } = await unique(x, { returnCounts: true, returnInverse: true });
 * console.log(await counts?.int().toArray(), await inverse?.toArray()); // => [1, 2, 1] [1, 0, 1, 2]
 * ```
 */
export function unique(x: Tensor, options?: UniqueOptions & Plain): Promise<Tensor>;
export function unique(x: Tensor, options: UniqueOptions): Promise<Unique>;
export async function unique(x: Tensor, options: UniqueOptions = {}): Promise<Tensor | Unique> {
  const rows = rowsOf('unique', x, options);
  const elements = readToCount(x, options);
  const found = elements === null ? undefined : counted(x, await data(elements), options);
  return found ?? finished(x, rows, truePositions(await data(rows.starts)), options);
}

/** As `unique`. @throws {DeviceError} where the device cannot be read synchronously. */
export function uniqueSync(x: Tensor, options?: UniqueOptions & Plain): Tensor;
export function uniqueSync(x: Tensor, options: UniqueOptions): Unique;
export function uniqueSync(x: Tensor, options: UniqueOptions = {}): Tensor | Unique {
  const rows = rowsOf('uniqueSync', x, options);
  const elements = readToCount(x, options);
  const found = elements === null ? undefined : counted(x, dataSync(elements), options);
  return found ?? finished(x, rows, truePositions(dataSync(rows.starts)), options);
}

/**
 * `torch.unique_consecutive`: the first of each run of equal elements, or with `dim` of equal slices; else as `unique`.
 *
 * @throws {ShapeError} for slices without elements.
 * @example
 * ```ts
 * import { interpreter, tensor, uniqueConsecutive, use } from '@nn/tensor';
 * use(interpreter());
 * console.log(await (await uniqueConsecutive(tensor([1, 1, 2, 2, 1]))).toArray()); // => [1, 2, 1]
 * ```
 */
export function uniqueConsecutive(x: Tensor, options?: UniqueConsecutiveOptions & Plain): Promise<Tensor>;
export function uniqueConsecutive(x: Tensor, options: UniqueConsecutiveOptions): Promise<Unique>;
export async function uniqueConsecutive(
  x: Tensor,
  options: UniqueConsecutiveOptions = {},
): Promise<Tensor | Unique> {
  const rows = runsOf('uniqueConsecutive', x, options);
  const read = await data(readForRuns(x, rows, options));
  return finished(x, rows, beginsIn(read, x, options), options);
}

/** As `uniqueConsecutive`. @throws {DeviceError} where the device cannot be read synchronously. */
export function uniqueConsecutiveSync(x: Tensor, options?: UniqueConsecutiveOptions & Plain): Tensor;
export function uniqueConsecutiveSync(x: Tensor, options: UniqueConsecutiveOptions): Unique;
export function uniqueConsecutiveSync(x: Tensor, options: UniqueConsecutiveOptions = {}): Tensor | Unique {
  const rows = runsOf('uniqueConsecutiveSync', x, options);
  const read = dataSync(readForRuns(x, rows, options));
  return finished(x, rows, beginsIn(read, x, options), options);
}
