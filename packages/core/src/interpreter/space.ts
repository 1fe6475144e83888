// The loop coordinates of a kernel, in blocks of consecutive row-major positions, and what is a function of them
// alone: affine offsets and guards. Equal ones are computed once.
import type { Affine, Bound } from '../scalar.ts';
import type { RegisterFile } from './registers.ts';

interface AffineSlot {
  readonly offset: number;
  /** [coordinate register, stride] pairs of the dimensions that matter. */
  readonly terms: readonly (readonly [Float64Array, number])[];
  readonly values: Float64Array;
}

interface MaskSlot {
  readonly bounds: readonly { readonly values: Float64Array; readonly size: number }[];
  readonly values: Float64Array;
}

export class Space {
  readonly #extents: readonly number[];
  readonly #registers: RegisterFile;
  /** Coordinate registers, made for the dimensions that something looks at. */
  readonly #coordinates = new Map<number, Float64Array>();
  readonly #affines = new Map<string, AffineSlot>();
  readonly #masks = new Map<string, MaskSlot>();

  constructor(extents: readonly number[], registers: RegisterFile) {
    this.#extents = extents;
    this.#registers = registers;
  }

  /** The register that holds the affine function's values of the block moved to. */
  affine({ offset, strides }: Affine): Float64Array {
    const terms: (readonly [Float64Array, number])[] = [];
    let key = `${offset}`;
    for (let dim = 0; dim < strides.length; dim++) {
      if (strides[dim] === 0 || this.#extents[dim] === 1) continue;
      terms.push([this.#coordinate(dim), strides[dim]]);
      key += `|${dim}*${strides[dim]}`;
    }
    let slot = this.#affines.get(key);
    if (slot === undefined) {
      slot = { offset, terms, values: this.#registers.number() };
      this.#affines.set(key, slot);
    }
    return slot.values;
  }

  /** The register that holds 1 where all bounds hold, else 0. */
  mask(guards: readonly Bound[]): Float64Array {
    const key = JSON.stringify(guards);
    let slot = this.#masks.get(key);
    if (slot === undefined) {
      const bounds = guards.map((guard) => ({ values: this.affine(guard), size: guard.size }));
      slot = { bounds, values: this.#registers.number() };
      this.#masks.set(key, slot);
    }
    return slot.values;
  }

  /** Computes everything for the `count` coordinates from row-major position `start` on. */
  moveTo(start: number, count: number): void {
    for (const [dim, values] of this.#coordinates) fillCoordinate(this.#extents, dim, values, start, count);
    for (const slot of this.#affines.values()) fillAffine(slot, count);
    for (const slot of this.#masks.values()) fillMask(slot, count);
  }

  #coordinate(dim: number): Float64Array {
    let values = this.#coordinates.get(dim);
    if (values === undefined) {
      values = this.#registers.number();
      this.#coordinates.set(dim, values);
    }
    return values;
  }
}

function fillCoordinate(
  extents: readonly number[],
  dim: number,
  values: Float64Array,
  start: number,
  count: number,
): void {
  let period = 1;
  for (let inner = dim + 1; inner < extents.length; inner++) period *= extents[inner];
  const extent = extents[dim];
  let coordinate = Math.floor(start / period) % extent;
  let phase = start % period;
  for (let lane = 0; lane < count; lane++) {
    values[lane] = coordinate;
    if (++phase === period) {
      phase = 0;
      if (++coordinate === extent) coordinate = 0;
    }
  }
}

function fillAffine({ offset, terms, values }: AffineSlot, count: number): void {
  if (terms.length === 0) {
    values.fill(offset, 0, count);
    return;
  }
  for (let t = 0; t < terms.length; t++) {
    const [coordinate, stride] = terms[t];
    if (t === 0) for (let lane = 0; lane < count; lane++) values[lane] = offset + stride * coordinate[lane];
    else for (let lane = 0; lane < count; lane++) values[lane] += stride * coordinate[lane];
  }
}

function fillMask({ bounds, values }: MaskSlot, count: number): void {
  values.fill(1, 0, count);
  for (const { values: at, size } of bounds) {
    for (let lane = 0; lane < count; lane++) if (!(at[lane] >= 0 && at[lane] < size)) values[lane] = 0;
  }
}
