// Which part of a buffer an assign writes, where that is a box of the shape: joined tensors fill theirs completely,
// so that nothing needs to be there before.
import { contiguousStrides, type Shape, sizeOf } from '@nn/core';

/** Per dimension, the first index and one past the last. */
export interface Box {
  readonly from: readonly number[];
  readonly to: readonly number[];
}

/** The box that a strided write covers; null when it is none. */
export function boxOf(value: Shape, strides: readonly number[], offset: number, shape: Shape): Box | null {
  const units = contiguousStrides(shape);
  let rest = offset;
  const from = units.map((unit) => {
    const at = Math.floor(rest / unit);
    rest -= at * unit;
    return at;
  });
  const to = from.map((at) => at + 1);
  for (let d = 0; d < value.length; d++) {
    if (value[d] === 1) continue;
    const dim = units.findIndex((unit, i) => unit === strides[d] && shape[i] > 1);
    if (dim < 0 || to[dim] !== from[dim] + 1 || from[dim] + value[d] > shape[dim]) return null;
    to[dim] = from[dim] + value[d];
  }
  return { from, to };
}

/** So many boxes that are no slabs of one dimension are compared with each other, at most. */
const maximumBoxes = 64;

/** What boxes of a shape cover together, as long as none overlaps another one. */
export class Coverage {
  readonly shape: Shape;
  readonly #boxes: Box[] = [];
  /** The dimension that all boxes are slabs of; null where they are not. */
  #along: number | null;
  #covered = 0;
  #isDisjoint = true;

  constructor(shape: Shape) {
    this.shape = shape;
    this.#along = null;
  }

  get isFull(): boolean {
    return this.#isDisjoint && this.#covered === sizeOf(this.shape);
  }

  add(box: Box): void {
    const isEmpty = box.to.some((end, d) => end === box.from[d]);
    // An empty box would come between neighbours.
    if (isEmpty || !this.#isDisjoint) return;
    const boxes = this.#boxes;
    const along = this.#slabOf(box);
    if (boxes.length === 0) this.#along = along;
    else if (this.#along !== along) this.#along = null;
    // Slabs stay in order, so that only neighbours can overlap.
    const at = this.#along === null ? boxes.length : this.#placeOf(box, this.#along);
    const others = this.#along === null ? boxes : boxes.slice(Math.max(0, at - 1), at + 1);
    this.#isDisjoint = others.length <= maximumBoxes && !others.some((other) => overlap(box, other));
    boxes.splice(at, 0, box);
    this.#covered += sizeOf(box.to.map((end, d) => end - box.from[d]));
  }

  /** The one dimension that the box does not fill, or the first one; null where there are several. */
  #slabOf({ from, to }: Box): number | null {
    const partial = this.shape.flatMap((extent, d) => (to[d] - from[d] === extent ? [] : [d]));
    return partial.length > 1 ? null : (partial[0] ?? 0);
  }

  #placeOf({ from }: Box, along: number): number {
    let [low, high] = [0, this.#boxes.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#boxes[middle].from[along] < from[along]) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function overlap(a: Box, b: Box): boolean {
  return a.from.every((start, d) => start < b.to[d] && b.from[d] < a.to[d]);
}

/** Whether each index of the shape is at a position of its own: each stride reaches beyond all smaller ones together. */
export function areDistinct(shape: Shape, strides: readonly number[]): boolean {
  const loops = shape.map((extent, d) => ({ extent, stride: Math.abs(strides[d]) }));
  let reach = 0;
  for (const { extent, stride } of loops.sort((a, b) => a.stride - b.stride)) {
    if (extent === 1) continue;
    if (stride <= reach) return false;
    reach += stride * (extent - 1);
  }
  return true;
}
