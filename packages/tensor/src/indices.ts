// What may stand between the brackets of x[...], and how it is read: numbers, slices and new axes make a view;
// what is left (integer tensors, masks) looks elements up.
import { ArgumentError, formatShape, IndexError, isInteger, type Shape } from '@nn/core';
import { tensor } from './creation.ts';
import { applyView, describe } from './dispatch.ts';
import { sliceView } from './movement.ts';
import { Tensor } from './tensor.ts';

const sliceBrand: symbol = Symbol.for('@nn/tensor/Slice');

/** A range of positions along one dimension; made by `slice`. */
export interface Slice {
  readonly start: number | null;
  readonly stop: number | null;
  readonly step: number;
}

/**
 * One index of `x.at(...)`:
 * - a number selects and drops the dimension; negative ones count from the end;
 * - `slice(start, stop, step)` keeps a range, `':'` all of it;
 * - `null` adds a dimension of size 1;
 * - `'...'` stands for as many `':'` as are missing;
 * - an integer tensor or an array of numbers looks positions up;
 * - a bool tensor, an array of booleans or a boolean keeps the elements where it is true.
 */
export type Index =
  | number
  | null
  | ':'
  | '...'
  | Slice
  | boolean
  | Tensor
  | readonly number[]
  | readonly boolean[];

/**
 * A range for `x.at(...)`: Python's `start:stop:step`. A bound that is left out or null is open, negative bounds
 * count from the end, bounds beyond the end are cut off. Negative steps walk backwards (which PyTorch refuses).
 *
 * @throws {ArgumentError} for a step of 0 and for bounds that are no integers.
 * @example
 * ```ts
 * import { arange, interpreter, slice, use } from '@nn/tensor';
 * use(interpreter());
 * const x = arange(6);
 * console.log(await x.at(slice(1, 5, 2)).toArray()); // => [1, 3]
 * console.log(await x.at(slice(null, null, -1)).toArray()); // => [5, 4, 3, 2, 1, 0]
 * ```
 */
export function slice(start?: number | null, stop?: number | null, step: number = 1): Slice {
  for (const bound of [start, stop]) {
    if (bound != null && !Number.isInteger(bound))
      throw new ArgumentError(`slice: bounds must be integers or null, got ${String(bound)}`);
  }
  if (!Number.isInteger(step) || step === 0)
    throw new ArgumentError(`slice: step must be an integer other than 0, got ${String(step)}`);
  return { start: start ?? null, stop: stop ?? null, step, [sliceBrand]: true } as Slice;
}

function isSlice(value: object): value is Slice {
  return sliceBrand in value;
}

/** An index that looks elements up: one dimension (integers), as many as the mask has, or none (a boolean). */
export interface AdvancedIndex {
  /** The first dimension of the view that it indexes. */
  readonly dim: number;
  /** int32-castable positions, or bool. */
  readonly tensor: Tensor;
}

/** The part of x that numbers, slices and new axes show, and what is still to look up in it. */
export interface ParsedIndices {
  readonly view: Tensor;
  readonly advanced: readonly AdvancedIndex[];
}

function consumedDims(index: Index | Tensor): number {
  if (index === null || index === '...' || typeof index === 'boolean') return 0;
  return index instanceof Tensor && index.dtype === 'bool' ? index.ndim : 1;
}

/** Arrays become tensors; the ellipsis becomes ':'s; missing dimensions at the end get theirs. */
function expandIndices(functionName: string, x: Tensor, indices: readonly Index[]): Index[] {
  const given = indices.map((index) =>
    Array.isArray(index) ? tensor(index, { device: x.device, ...emptyIsInt(index) }) : index,
  );
  const consumed = given.reduce<number>((sum, index) => sum + consumedDims(index), 0);
  if (consumed > x.ndim) {
    throw new IndexError(
      `${functionName}: ${consumed} dimensions are indexed, but the tensor has ${x.ndim} (shape ${formatShape(x.shape)})`,
    );
  }
  const missing = new Array<Index>(x.ndim - consumed).fill(':');
  const ellipsis = given.indexOf('...');
  if (ellipsis === -1) return [...given, ...missing];
  if (given.indexOf('...', ellipsis + 1) !== -1)
    throw new IndexError(`${functionName}: only one '...' may be given`);
  return given.toSpliced(ellipsis, 1, ...missing);
}

function emptyIsInt(index: readonly unknown[]): { dtype?: 'int32' } {
  return index.length === 0 ? { dtype: 'int32' } : {};
}

/** First position and count of a slice along a dimension, bounds cut off as Python does. */
function sliceBounds({ start, stop, step }: Slice, extent: number): { start: number; length: number } {
  const clip = (bound: number, low: number, high: number): number =>
    Math.min(Math.max(bound < 0 ? bound + extent : bound, low), high);
  const forward = step > 0;
  const first =
    start === null
      ? forward
        ? 0
        : extent - 1
      : clip(start, forward ? 0 : -1, forward ? extent : extent - 1);
  const end =
    stop === null ? (forward ? extent : -1) : clip(stop, forward ? 0 : -1, forward ? extent : extent - 1);
  const length = Math.max(0, Math.ceil((end - first) / step));
  return { start: length === 0 ? 0 : first, length };
}

/** Applies numbers, slices and new axes as one view, and collects the rest. */
export function parseIndices(functionName: string, x: Tensor, indices: readonly Index[]): ParsedIndices {
  const starts: number[] = [];
  const steps: number[] = [];
  const sliced: number[] = [];
  const shape: number[] = [];
  /** For each dimension of the view the dimension of x, or -1 for new ones. */
  const origin: number[] = [];
  const advanced: AdvancedIndex[] = [];
  const take = (start: number, step: number, length: number): void => {
    starts.push(start);
    steps.push(step);
    sliced.push(length);
  };
  const keep = (start: number, step: number, length: number): void => {
    origin.push(starts.length);
    shape.push(length);
    take(start, step, length);
  };
  for (const index of expandIndices(functionName, x, indices)) {
    const dim = starts.length;
    const extent = x.shape[dim];
    if (typeof index === 'number') take(checkedPosition(functionName, index, dim, extent), 1, 1);
    else if (index === ':') keep(0, 1, extent);
    else if (index === null) addAxis(origin, shape);
    else if (typeof index === 'boolean') {
      advanced.push({ dim: shape.length, tensor: booleanPositions(x, index) });
      addAxis(origin, shape);
    } else if (index instanceof Tensor) {
      checkIndexTensor(functionName, index, dim, x.shape);
      advanced.push({ dim: shape.length, tensor: index });
      for (let i = consumedDims(index); i > 0; i--) keep(0, 1, x.shape[starts.length]);
      if (index.dtype === 'bool' && index.ndim === 0) addAxis(origin, shape);
    } else if (typeof index === 'object' && isSlice(index)) {
      const { start, length } = sliceBounds(index, extent);
      keep(start, index.step, length);
    } else {
      throw new ArgumentError(
        `${functionName}: an index is a number, slice(start, stop, step), ':', '...', null, a boolean, a tensor or an ` +
          `array of numbers; got ${describe(index)}`,
      );
    }
  }
  return { view: indexedView(x, { starts, steps, sliced, shape, origin }), advanced };
}

function addAxis(origin: number[], shape: number[]): void {
  origin.push(-1);
  shape.push(1);
}

/** True keeps the one element of a new axis, false none. */
function booleanPositions(x: Tensor, index: boolean): Tensor {
  return tensor(index ? [0] : [], { dtype: 'int32', device: x.device });
}

function checkedPosition(functionName: string, index: number, dim: number, extent: number): number {
  if (!Number.isInteger(index))
    throw new ArgumentError(`${functionName}: index ${index} of dimension ${dim} is not an integer`);
  if (index < -extent || index >= extent) {
    throw new IndexError(
      `${functionName}: index ${index} is out of range for dimension ${dim} of size ${extent}`,
    );
  }
  return index < 0 ? index + extent : index;
}

function checkIndexTensor(functionName: string, index: Tensor, dim: number, shape: Shape): void {
  if (index.dtype === 'bool') {
    const covered = shape.slice(dim, dim + index.ndim);
    if (index.shape.every((extent, i) => extent === covered[i])) return;
    throw new IndexError(
      `${functionName}: a mask of shape ${formatShape(index.shape)} does not fit dimensions ${formatShape(covered)} ` +
        `(from dimension ${dim} of shape ${formatShape(shape)})`,
    );
  }
  if (index.dtype === 'uint8') {
    throw new IndexError(
      `${functionName}: a uint8 tensor could mean a mask or positions. Use index.bool() or index.int()`,
    );
  }
  if (!isInteger(index.dtype)) {
    throw new IndexError(
      `${functionName}: tensors that index are integer or bool, got ${index.dtype}. Use index.int()`,
    );
  }
}

interface ViewPlan {
  readonly starts: readonly number[];
  readonly steps: readonly number[];
  readonly sliced: Shape;
  readonly shape: Shape;
  readonly origin: readonly number[];
}

function indexedView(x: Tensor, { starts, steps, sliced, shape, origin }: ViewPlan): Tensor {
  const whole = steps.every((step, dim) => step === 1 && sliced[dim] === x.shape[dim]);
  const part = whole ? x : sliceView(x, starts, steps, sliced);
  if (!whole && origin.length === x.ndim && origin.every((from, dim) => from === dim)) return part;
  const strides = part.strides();
  return applyView(
    'reshape',
    part,
    { shape },
    {
      shape,
      strides: origin.map((from) => (from === -1 ? 0 : strides[from])),
      offset: part.storageOffset(),
    },
  );
}
