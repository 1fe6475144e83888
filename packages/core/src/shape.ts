// Shapes, strides and dimensions: pure arithmetic on number lists.
import { ArgumentError, IndexError, ShapeError } from './errors.ts';

export type Shape = readonly number[];

/** Product of the sizes; 1 for the empty shape. */
export function sizeOf(shape: Shape): number {
  let size = 1;
  for (const extent of shape) size *= extent;
  return size;
}

export function sameShape(a: Shape, b: Shape): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

export function formatShape(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}

/** Row-major strides in elements. */
export function contiguousStrides(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = stride;
    stride *= Math.max(shape[i], 1);
  }
  return strides;
}

/** Whether strides walk the shape in row-major order without gaps (dimensions of size 1 may have any stride). */
export function isContiguous(shape: Shape, strides: readonly number[]): boolean {
  let expected = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    if (shape[i] === 0) return true;
    if (shape[i] === 1) continue;
    if (strides[i] !== expected) return false;
    expected *= shape[i];
  }
  return true;
}

/**
 * The shape that all given shapes broadcast to.
 *
 * @throws {ShapeError} naming the operation, the shapes and the first dimension that does not fit.
 */
export function broadcastShapes(functionName: string, ...shapes: Shape[]): number[] {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length));
  const result = new Array<number>(rank).fill(1);
  for (const shape of shapes) {
    for (let i = 0; i < shape.length; i++) {
      const at = rank - shape.length + i;
      if (shape[i] === 1 || shape[i] === result[at]) continue;
      if (result[at] !== 1) {
        throw new ShapeError(
          `${functionName}: cannot broadcast ${shapes.map(formatShape).join(' with ')}: ` +
            `the sizes ${result[at]} and ${shape[i]} at dimension ${at - rank} differ and neither is 1`,
        );
      }
      result[at] = shape[i];
    }
  }
  return result;
}

/**
 * A dimension in [0, rank), from one that may count from the end. A zero-dimensional tensor takes 0 and -1.
 *
 * @throws {IndexError} when out of range.
 */
export function normalizeDim(functionName: string, dim: number, rank: number): number {
  const range = Math.max(rank, 1);
  if (!Number.isInteger(dim))
    throw new ArgumentError(`${functionName}: dim must be an integer, got ${String(dim)}`);
  if (dim < -range || dim >= range) {
    throw new IndexError(
      `${functionName}: dimension ${dim} is out of range for a tensor of ${rank} dimensions (${-range} to ${range - 1})`,
    );
  }
  return dim < 0 ? dim + range : dim;
}

/** Normalized, distinct dimensions; all of them when `dims` is undefined. */
export function normalizeDims(
  functionName: string,
  dims: number | readonly number[] | undefined,
  rank: number,
): number[] {
  if (dims === undefined) {
    const all: number[] = [];
    for (let dim = 0; dim < rank; dim++) all.push(dim);
    return all;
  }
  if (typeof dims === 'number') dims = [dims];
  const list: number[] = [];
  let repeats = false;
  for (const given of dims) {
    const dim = normalizeDim(functionName, given, rank);
    repeats ||= list.includes(dim);
    list.push(dim);
  }
  if (repeats)
    throw new ArgumentError(`${functionName}: dimensions [${list.join(', ')}] name one dimension twice`);
  return rank === 0 ? [] : list;
}

/**
 * A shape with its one -1 replaced by what makes the sizes multiply to `size`.
 *
 * @throws {ShapeError} when no such size exists.
 */
export function inferShape(functionName: string, wanted: Shape, size: number): number[] {
  const unknown = wanted.indexOf(-1);
  let known = 1;
  for (let i = 0; i < wanted.length; i++) {
    const extent = wanted[i];
    if (i === unknown) continue;
    if (!Number.isInteger(extent) || extent < 0) {
      throw new ShapeError(
        extent === -1
          ? `${functionName}: only one dimension of ${formatShape(wanted)} may be -1`
          : `${functionName}: ${formatShape(wanted)} is not a shape: sizes are integers of at least 0`,
      );
    }
    known *= extent;
  }
  const shape = [...wanted];
  if (unknown >= 0) {
    if (known === 0 || size % known !== 0) {
      throw new ShapeError(`${functionName}: cannot fit ${size} elements into ${formatShape(wanted)}`);
    }
    shape[unknown] = size / known;
  } else if (known !== size) {
    throw new ShapeError(
      `${functionName}: shape ${formatShape(wanted)} holds ${known} elements, but the tensor has ${size}`,
    );
  }
  return shape;
}
