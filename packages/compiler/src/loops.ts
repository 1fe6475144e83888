// A kernel's loop coordinates while it is being lowered: the value's dimensions, then the dimensions that its
// reduction or dot walks inside, each possibly split into several coordinates.
import { type Affine, contiguousStrides, type Shape } from '@nn/core';
import { zero } from './affine.ts';
import type { Split } from './movement.ts';

/** More coordinates than this slow the emitters down more than a kernel for a copy does. */
const maximumCoordinates = 16;

export class LoopCoordinates {
  /** The factors of each dimension, outermost first; none for dimensions of size 1. */
  readonly #outer: number[][];
  #inner: number[][] = [];
  #innerInUse = false;
  #extents: number[];

  constructor(shape: Shape) {
    this.#outer = shape.map((extent) => (extent === 1 ? [] : [extent]));
    this.#extents = this.#outer.flat();
  }

  /** Extents of all coordinates: the kernel's, then the inner ones. */
  get extents(): readonly number[] {
    return this.#extents;
  }

  get outerCount(): number {
    return this.#outer.reduce((count, factors) => count + factors.length, 0);
  }

  /** The index along a dimension of the value. */
  outer(dim: number): Affine {
    return place(this.#outer, dim, 0);
  }

  /** The index along a dimension of the reduction or dot. */
  inner(dim: number): Affine {
    return place(this.#inner, dim, this.outerCount);
  }

  /** Forgets that inner coordinates are in use, before lowering starts again; their splits stay. */
  dropInner(): void {
    this.#innerInUse = false;
    this.#extents = this.#outer.flat();
  }

  addInner(shape: Shape): void {
    const products = this.#inner.map((factors) => factors.reduce((a, b) => a * b, 1));
    const known = products.length === shape.length && products.every((product, d) => product === shape[d]);
    if (!known) this.#inner = shape.map((extent) => (extent === 1 ? [] : [extent]));
    this.#innerInUse = true;
    this.#extents = [...this.#outer.flat(), ...this.#inner.flat()];
  }

  /** Splits a coordinate in two. False when there would be too many. */
  split({ coordinate, inner }: Split): boolean {
    if (this.#extents.length >= maximumCoordinates) return false;
    const lists = this.#innerInUse ? [...this.#outer, ...this.#inner] : this.#outer;
    let first = 0;
    for (const factors of lists) {
      if (coordinate < first + factors.length) {
        const at = coordinate - first;
        factors.splice(at, 1, factors[at] / inner, inner);
        return true;
      }
      first += factors.length;
    }
    return false;
  }
}

function place(lists: readonly (readonly number[])[], dim: number, start: number): Affine {
  const factors = lists[dim];
  if (factors.length === 0) return zero;
  let first = start;
  for (let d = 0; d < dim; d++) first += lists[d].length;
  const strides = new Array<number>(first + factors.length).fill(0);
  const units = contiguousStrides(factors);
  for (let i = 0; i < factors.length; i++) strides[first + i] = units[i];
  return { offset: 0, strides };
}

/**
 * For dimensions that together use every coordinate exactly once, each as a row-major merge of whole coordinates:
 * the coordinates of each dimension, outermost first. Null otherwise.
 */
export function isMixedRadix(
  shape: Shape,
  dims: readonly Affine[],
  extents: readonly number[],
): number[][] | null {
  const used = new Set<number>();
  const order: number[][] = [];
  for (let d = 0; d < shape.length; d++) {
    const { offset, strides } = dims[d];
    if (offset !== 0) return null;
    const coordinates: number[] = [];
    for (let c = 0; c < strides.length; c++) if (strides[c] !== 0) coordinates.push(c);
    coordinates.sort((a, b) => strides[b] - strides[a]);
    let unit = 1;
    for (let i = coordinates.length - 1; i >= 0; i--) {
      if (strides[coordinates[i]] !== unit || used.has(coordinates[i])) return null;
      used.add(coordinates[i]);
      unit *= extents[coordinates[i]];
    }
    if (unit !== shape[d]) return null;
    order.push(coordinates);
  }
  return used.size === extents.length ? order : null;
}
