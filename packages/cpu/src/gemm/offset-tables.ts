// Tables of element offsets, shared between all plans that ask for the same ones.

import type { Heap } from '../heap.ts';

/** A row-major walk over extents: coordinate c lies at offset Σ strides[d] * c[d], in elements. */
export interface Axis {
  readonly extents: readonly number[];
  readonly strides: readonly number[];
}

export function axisLength(axis: Axis): number {
  return axis.extents.reduce((product, extent) => product * extent, 1);
}

/** How many coordinates in a row lie side by side; each run of them begins at a multiple of that. */
export function runLength({ extents, strides }: Axis): number {
  let length = 1;
  for (let d = extents.length - 1; d >= 0; d--) {
    if (extents[d] === 1) continue;
    if (strides[d] !== length) break;
    length *= extents[d];
  }
  return length;
}

/** Whether two walks that are added up meet some offsets more than once, as windows of an image do. */
export function overlap(a: Axis, b: Axis): boolean {
  const steps = [a, b]
    .flatMap(({ extents, strides }) => extents.map((extent, d) => ({ extent, stride: Math.abs(strides[d]) })))
    .filter(({ extent, stride }) => extent > 1 && stride > 0)
    .sort((one, other) => one.stride - other.stride);
  let reach = 0;
  for (const { extent, stride } of steps) {
    if (stride <= reach) return true;
    reach += stride * (extent - 1);
  }
  return false;
}

/** A table that is held; give it back by `release`. */
export interface OffsetTable {
  readonly address: number;
  readonly key: string;
}

interface Entry {
  readonly table: OffsetTable;
  holders: number;
}

export class OffsetTables {
  readonly #heap: Heap;
  readonly #entries = new Map<string, Entry>();

  constructor(heap: Heap) {
    this.#heap = heap;
  }

  hold(axis: Axis): OffsetTable {
    const key = `${axis.extents.join()};${axis.strides.join()}`;
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      entry = { table: { address: this.#write(axis), key }, holders: 0 };
      this.#entries.set(key, entry);
    }
    entry.holders++;
    return entry.table;
  }

  release(table: OffsetTable): void {
    const entry = this.#entries.get(table.key);
    if (entry === undefined || --entry.holders > 0) return;
    this.#entries.delete(table.key);
    this.#heap.free(table.address);
  }

  #write(axis: Axis): number {
    const length = axisLength(axis);
    // Kernels look at four entries at once; the rest of the last four must be readable.
    const address = this.#heap.allocate((length + 4) * 4);
    const start = address >>> 2;
    const words = this.#heap.words;
    words[start] = 0;
    // Each dimension, from the innermost out, repeats what is there already, shifted by its stride.
    let written = 1;
    for (let dimension = axis.extents.length - 1; dimension >= 0; dimension--) {
      const extent = axis.extents[dimension];
      const stride = axis.strides[dimension];
      for (let coordinate = 1; coordinate < extent; coordinate++) {
        const target = start + coordinate * written;
        const shift = coordinate * stride;
        for (let index = 0; index < written; index++) words[target + index] = words[start + index] + shift;
      }
      written *= extent;
    }
    return address;
  }
}
