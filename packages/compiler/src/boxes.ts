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

const maximumBoxes = 64;

/** Whether disjoint boxes fill a shape of `size` elements. */
export function coversAll(boxes: readonly Box[], size: number): boolean {
  if (boxes.length > maximumBoxes) return false;
  let covered = 0;
  for (let i = 0; i < boxes.length; i++) {
    const { from, to } = boxes[i];
    covered += sizeOf(to.map((end, d) => end - from[d]));
    for (let j = 0; j < i; j++) {
      const other = boxes[j];
      if (from.every((start, d) => start < other.to[d] && other.from[d] < to[d])) return false;
    }
  }
  return covered === size;
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
