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
