// Runs and distinct elements of arrays on the host: where those are, one pass over them takes less than sorting.
import type { DType, HostArray } from '@nn/core';

/** Arrays of what fits a JavaScript number as it is. */
type NumberArray = Uint8Array | Int8Array | Int16Array | Int32Array | Float32Array | Float64Array;
type IntegerArray = Exclude<NumberArray, Float32Array | Float64Array>;

const integers: ReadonlySet<DType> = new Set<DType>(['bool', 'uint8', 'int8', 'int16', 'int32']);
const floats: ReadonlySet<DType> = new Set<DType>(['float32', 'float64']);

/** Whether runs of a dtype's elements are found on the host. */
export function hasHostRuns(dtype: DType): boolean {
  return integers.has(dtype) || floats.has(dtype);
}

/** Whether a dtype's elements may be counted by `distinctOf`. */
export function isCountable(dtype: DType): boolean {
  return integers.has(dtype);
}

/** Where runs of equal elements begin. NaN equals nothing. @param values of a dtype that has runs on the host */
export function runBegins(values: HostArray): Int32Array<ArrayBuffer> {
  const list = values as NumberArray;
  const begins = new Int32Array(list.length);
  let count = 0;
  let former = Number.NaN;
  for (let i = 0; i < list.length; i++) {
    const value = list[i];
    begins[count] = i;
    count += value === former ? 0 : 1;
    former = value;
  }
  return begins.slice(0, count);
}

export interface Distinct {
  /** Ascending. */
  readonly values: HostArray;
  /** How often each occurs. */
  readonly counts: Int32Array<ArrayBuffer>;
  /** The place among `values` of each element. */
  readonly inverse: () => Int32Array<ArrayBuffer>;
}

/** A table of all numbers between the least and the greatest has at most so many entries for each element. */
const entriesPerElement = 4;

/** Distinct integers, by counting; undefined where they are too far apart for a table. */
export function distinctOf(given: HostArray): Distinct | undefined {
  const list = given as IntegerArray;
  let least = Infinity;
  let greatest = -Infinity;
  for (let i = 0; i < list.length; i++) {
    const value = list[i];
    if (value < least) least = value;
    if (value > greatest) greatest = value;
  }
  const width = greatest - least + 1;
  if (!(width <= entriesPerElement * list.length)) return undefined;
  const tally = new Int32Array(width);
  for (let i = 0; i < list.length; i++) tally[list[i] - least]++;
  let found = 0;
  for (let i = 0; i < width; i++) if (tally[i] > 0) found++;
  const values = new (list.constructor as new (length: number) => IntegerArray)(found);
  const counts = new Int32Array(found);
  let place = 0;
  for (let i = 0; i < width; i++) {
    if (tally[i] === 0) continue;
    values[place] = i + least;
    counts[place] = tally[i];
    tally[i] = place++;
  }
  const inverse = (): Int32Array<ArrayBuffer> => {
    const places = new Int32Array(list.length);
    for (let i = 0; i < list.length; i++) places[i] = tally[list[i] - least];
    return places;
  };
  return { values: values as HostArray, counts, inverse };
}
