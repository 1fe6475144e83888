// The order of a kernel's loops: dimensions of size 1 go, the rest are sorted so that memory is walked in order, and
// neighbours that walk it without a gap become one.

/** One loop: its extent, and how far each cursor moves with a step of it. */
export interface Dimension {
  readonly extent: number;
  readonly strides: readonly number[];
}

/** Without dimensions of size 1. */
export function withoutUnits(dimensions: readonly Dimension[]): Dimension[] {
  return dimensions.filter((dimension) => dimension.extent !== 1);
}

/**
 * Sorts dimensions from the largest to the smallest stride; cursors named first in `priority` decide, the next ones
 * where a cursor does not move. Stable: what nothing decides stays in place.
 */
export function sortByStride(dimensions: readonly Dimension[], priority: readonly number[]): Dimension[] {
  const sorted: Dimension[] = [];
  for (const dimension of dimensions) {
    let at = sorted.length;
    while (at > 0 && belongsBefore(dimension, sorted[at - 1], priority)) at--;
    sorted.splice(at, 0, dimension);
  }
  return sorted;
}

function belongsBefore(a: Dimension, b: Dimension, priority: readonly number[]): boolean {
  for (const cursor of priority) {
    const strideA = Math.abs(a.strides[cursor]);
    const strideB = Math.abs(b.strides[cursor]);
    if (strideA === 0 || strideB === 0 || strideA === strideB) continue;
    return strideA > strideB;
  }
  return false;
}

/** Merges each dimension with the next one where every cursor walks on from the one's end to the other's start. */
export function mergeNeighbours(dimensions: readonly Dimension[]): Dimension[] {
  const merged: Dimension[] = [];
  for (const inner of dimensions) {
    const outer = merged.at(-1);
    if (outer?.strides.every((stride, at) => stride === inner.strides[at] * inner.extent)) {
      merged[merged.length - 1] = { extent: outer.extent * inner.extent, strides: inner.strides };
    } else {
      merged.push(inner);
    }
  }
  return merged;
}

export function totalExtent(dimensions: readonly Dimension[]): number {
  let total = 1;
  for (const { extent } of dimensions) total *= extent;
  return total;
}
