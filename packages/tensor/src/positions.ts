// Positions: how index tensors become row-major positions that the ops `take` and `scatter` understand.
import {
  backendOf,
  broadcastShapes,
  contiguousStrides,
  DeviceError,
  formatShape,
  type HostArray,
  IndexError,
  type Shape,
  sizeOf,
} from '@nn/core';
import { to } from './copying.ts';
import { fromHost } from './creation.ts';
import { apply, castTo, scalarTensor } from './dispatch.ts';
import type { AdvancedIndex } from './indices.ts';
import { dataSync } from './reading.ts';
import type { Tensor } from './tensor.ts';

/** The coordinate along a dimension at every element of a shape, int32. */
export function coordinates(shape: Shape, dim: number, device: string): Tensor {
  return apply('iota', [], { shape, dim, dtype: 'int32' }, device);
}

/**
 * An integer tensor as int32 positions in [0, extent) on the device. Values known on the host are checked; others
 * are not (a device clamps what it looks up, and ignores what it would write).
 *
 * @throws {IndexError} for a value known to be out of range.
 */
export function normalizePositions(
  functionName: string,
  index: Tensor,
  extent: number,
  device: string,
  dim: number,
): Tensor {
  const here = index.device === device || index.device === '' ? index : to(index, device);
  const positions = castTo(here, 'int32');
  const host = index.node.state?.host;
  const hasNegative = host === undefined || checkRange(functionName, host, extent, dim);
  return hasNegative ? apply('where', [positions.lt(0), positions.add(extent), positions], {}) : positions;
}

/** The least and the greatest of an array on the host, which does not change. */
const ranges = new WeakMap<HostArray, readonly [least: number, greatest: number]>();

function rangeOf(values: HostArray): readonly [least: number, greatest: number] {
  const known = ranges.get(values);
  if (known !== undefined) return known;
  let least = Infinity;
  let greatest = -Infinity;
  // One kind of array at a time is what engines compile well, and nearly all are of this one.
  if (values instanceof Int32Array) {
    for (const value of values) {
      if (value < least) least = value;
      if (value > greatest) greatest = value;
    }
  } else {
    for (const element of values) {
      const value = Number(element);
      if (value < least) least = value;
      if (value > greatest) greatest = value;
    }
  }
  const range = [least, greatest] as const;
  ranges.set(values, range);
  return range;
}

/** Whether any is negative. */
function checkRange(functionName: string, values: HostArray, extent: number, dim: number): boolean {
  const [least, greatest] = rangeOf(values);
  if (least >= -extent && greatest < extent) return least < 0;
  const value = least < -extent ? least : greatest;
  throw new IndexError(
    `${functionName}: index ${value} is out of range for dimension ${dim} of size ${extent}`,
  );
}

/**
 * The coordinates at which a mask is true, one int32 tensor of shape [count] for each dimension.
 *
 * @throws {DeviceError} when the mask would have to be read from a device that cannot be read synchronously.
 */
function maskPositions(functionName: string, mask: Tensor, device: string): Tensor[] {
  if (mask.node.state?.host === undefined && !backendOf(mask.device || device).capabilities.synchronousRead) {
    throw new DeviceError(
      `${functionName}: the number of elements that a mask keeps is known only after reading it, and '${mask.device}' ` +
        'cannot be read synchronously. Use: await x.maskedSelect(mask), x.maskedFill(mask, value), or where(mask, a, b)',
    );
  }
  return coordinatesOf(dataSync(mask), mask.shape).map((values) => fromHost(values, 'int32', device));
}

/** The coordinates of the true elements along each dimension, row-major order. */
function coordinatesOf(values: HostArray, shape: Shape): Int32Array<ArrayBuffer>[] {
  const positions = truePositions(values);
  if (shape.length === 1) return [positions];
  return shape.map((_, dim) => {
    const own = new Int32Array(positions.length);
    writeCoordinates(positions, shape, dim, own, 0, 1);
    return own;
  });
}

/** The same as a table, [count, dimensions]. */
export function coordinateTable(values: HostArray, shape: Shape): Int32Array<ArrayBuffer> {
  const positions = truePositions(values);
  if (shape.length === 1) return positions;
  const table = new Int32Array(positions.length * shape.length);
  for (const dim of shape.keys()) writeCoordinates(positions, shape, dim, table, dim, shape.length);
  return table;
}

/** Writes ascending positions' coordinates along a dimension to every so many elements: they are counted, not divided. */
function writeCoordinates(
  positions: Int32Array,
  shape: Shape,
  dim: number,
  target: Int32Array,
  offset: number,
  step: number,
): void {
  const extent = shape[dim];
  const stride = sizeOf(shape.slice(dim + 1));
  const isLast = dim === shape.length - 1;
  /** What ends next: a row of the last dimension, elsewhere those of one coordinate. */
  const length = isLast ? extent : stride;
  let end = length;
  let coordinate = 0;
  let at = offset;
  for (let i = 0; i < positions.length; i++) {
    const position = positions[i];
    while (position >= end) {
      end += length;
      coordinate = coordinate + 1 === extent ? 0 : coordinate + 1;
    }
    target[at] = isLast ? position - end + length : coordinate;
    at += step;
  }
}

/** Row-major positions of the true elements. */
export function truePositions(values: HostArray): Int32Array<ArrayBuffer> {
  if (values instanceof Uint8Array) return findTrueBytes(values);
  const found = new Int32Array(values.length);
  // One kind of array at a time is what engines compile well.
  const count = values instanceof Int32Array ? findTrue(values, found) : findTrue(bytesOf(values), found);
  return found.subarray(0, count);
}

function bytesOf(values: HostArray): Uint8Array {
  return Uint8Array.from(values as ArrayLike<unknown>, (value) => Number(Boolean(value)));
}

/** How many elements are true. */
export function countTrue(values: HostArray): number {
  const bytes = values instanceof Uint8Array ? values : bytesOf(values);
  let count = 0;
  for (let i = 0; i < bytes.length; i++) count += bytes[i] === 0 ? 0 : 1;
  return count;
}

/** No branch depends on what is as good as random. */
function findTrue(values: Uint8Array | Int32Array, found: Int32Array): number {
  let count = 0;
  for (let i = 0; i < values.length; i++) {
    found[count] = i;
    count += values[i] === 0 ? 0 : 1;
  }
  return count;
}

/** The same of bytes, four zeros at a time. */
function findTrueBytes(values: Uint8Array): Int32Array<ArrayBuffer> {
  const found = new Int32Array(countTrue(values) + 1);
  const bytes = values.byteOffset % 4 === 0 ? values : values.slice();
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 2);
  let count = 0;
  let at = 0;
  for (let word = 0; word < words.length; word++, at += 4) {
    if (words[word] === 0) continue;
    found[count] = at;
    count += bytes[at] === 0 ? 0 : 1;
    found[count] = at + 1;
    count += bytes[at + 1] === 0 ? 0 : 1;
    found[count] = at + 2;
    count += bytes[at + 2] === 0 ? 0 : 1;
    found[count] = at + 3;
    count += bytes[at + 3] === 0 ? 0 : 1;
  }
  for (; at < bytes.length; at++) {
    found[count] = at;
    count += bytes[at] === 0 ? 0 : 1;
  }
  return found.subarray(0, count);
}

interface DimIndex {
  readonly dim: number;
  readonly positions: Tensor;
}

/** Masks become one index for each dimension they cover. */
function perDimension(
  functionName: string,
  x: Tensor,
  advanced: readonly AdvancedIndex[],
): { readonly indices: readonly DimIndex[]; readonly checked: boolean }[] {
  return advanced.map(({ dim, tensor }) => {
    if (tensor.dtype !== 'bool') return { indices: [{ dim, positions: tensor }], checked: false };
    const lists =
      tensor.ndim === 0
        ? [maskPositions(functionName, tensor.reshape([1]), x.device)[0]]
        : maskPositions(functionName, tensor, x.device);
    return { indices: lists.map((positions, i) => ({ dim: dim + i, positions })), checked: true };
  });
}

/** Elements of a tensor: rows of `width` that lie side by side in its row-major order. */
export interface Selection {
  /** Of the elements; its last dimensions are along the rows. */
  readonly shape: Shape;
  readonly width: number;
  /** Row-major positions counted in rows, int32: one for each row, in the order of the elements. */
  readonly rows: Tensor;
}

/** Elements at row-major positions. */
export function elementsAt(positions: Tensor): Selection {
  return { shape: positions.shape, width: 1, rows: positions };
}

/** Row-major positions of the elements, int32 of the selection's shape. */
function positionsOf({ shape, width, rows }: Selection): Tensor {
  if (width === 1) return rows.reshape(shape);
  const along = coordinates([width], 0, rows.device);
  return rows.reshape([rows.numel(), 1]).mul(width).add(along).reshape(shape);
}

/**
 * PyTorch's rule: the index tensors broadcast to one shape, which takes their place when they are neighbours, else
 * comes first. Zero-dimensional ones select, as numbers do.
 *
 * @throws {IndexError} when the indices do not broadcast or are known to be out of range.
 */
export function selectPositions(
  functionName: string,
  x: Tensor,
  advanced: readonly AdvancedIndex[],
): Selection {
  const indices = perDimension(functionName, x, advanced).flatMap(({ indices: each, checked }) =>
    each.map(({ dim, positions }) => ({
      dim,
      positions: checked
        ? positions
        : normalizePositions(functionName, positions, x.shape[dim], x.device, dim),
    })),
  );
  const broadcast = broadcastIndices(functionName, indices);
  const placed = indices.filter(({ positions }) => positions.ndim > 0).map(({ dim }) => dim);
  const taken = new Set(indices.map(({ dim }) => dim));
  const kept = x.shape.flatMap((_, dim) => (taken.has(dim) ? [] : [dim]));
  const scalarOnly = new Set(indices.filter(({ positions }) => positions.ndim === 0).map(({ dim }) => dim));
  const between = kept.some((dim) => dim > Math.min(...placed) && dim < Math.max(...placed));
  const before = between || placed.length === 0 ? [] : kept.filter((dim) => dim < placed[0]);
  const after = kept.filter((dim) => !before.includes(dim));
  const shape = [...before, ...after].map((dim) => x.shape[dim]).toSpliced(before.length, 0, ...broadcast);
  // What no index names at the end is selected as a whole: a row.
  const last = x.numel() === 0 ? x.ndim - 1 : Math.max(...taken);
  const rowRank = x.ndim - 1 - last;
  const strides = contiguousStrides(x.shape.slice(0, last + 1));
  const inFront = shape.slice(0, shape.length - rowRank);
  const behind = after.filter((dim) => dim <= last);
  let total: Tensor | undefined;
  const add = (term: Tensor): void => {
    total = total === undefined ? term : total.add(term);
  };
  for (const { dim, positions } of indices) {
    const fitted = scalarOnly.has(dim)
      ? positions
      : positions.reshape([...positions.shape, ...behind.map(() => 1)]);
    add(strides[dim] === 1 ? fitted : fitted.mul(strides[dim]));
  }
  [...before, ...behind].forEach((dim, i) => {
    if (x.shape[dim] === 1) return;
    const place = i < before.length ? i : i + broadcast.length;
    const along = coordinates(inFront, place, x.device);
    add(strides[dim] === 1 ? along : along.mul(strides[dim]));
  });
  const rows = total ?? scalarTensor(0, 'int32');
  return { shape, width: sizeOf(x.shape.slice(last + 1)), rows: rows.expandTo(inFront) };
}

function broadcastIndices(functionName: string, indices: readonly DimIndex[]): number[] {
  const shapes = indices.map(({ positions }) => positions.shape);
  try {
    return broadcastShapes(functionName, ...shapes);
  } catch (cause) {
    throw new IndexError(
      `${functionName}: the index tensors have shapes ${shapes.map(formatShape).join(', ')}, which do not broadcast`,
      { cause },
    );
  }
}

/** The elements at row-major positions (in range) of x: the positions' shape. */
export function takeAt(x: Tensor, positions: Tensor): Tensor {
  return apply('take', [x.reshape([x.numel()]), positions], {});
}

/** The elements of a selection, in its shape. */
export function takeSelected(x: Tensor, selection: Selection): Tensor {
  const { width } = selection;
  const positions = positionsOf(selection);
  return width === 1 ? takeAt(x, positions) : apply('take', [x.reshape([x.numel()]), positions], { width });
}

/** x with selected elements set to, or combined with, those of a source that expands to the selection's shape. */
export function scatterAt(
  x: Tensor,
  { shape, width, rows }: Selection,
  source: Tensor,
  mode: 'set' | 'sum' | 'prod' | 'max' | 'min',
): Tensor {
  const attributes = width === 1 ? { mode } : { mode, width };
  return apply('scatter', [x.reshape([x.numel()]), rows, source.expandTo(shape)], attributes).reshape(
    x.shape,
  );
}
