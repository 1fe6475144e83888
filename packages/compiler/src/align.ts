// Brings two kernels to the same loops, so that they can become one.
import type { Affine, LoopKernel } from '@nn/core';
import { isConflict, type Touch, touchesOf } from './locality.ts';
import { innerExtents, rewriteKernel } from './rewrite.ts';

/** Loops whose extents begin with these rows. A kernel alone is a group whose rows are all of its extents. */
export interface RowGroup {
  readonly rows: readonly number[];
  readonly steps: readonly LoopKernel[];
}

/** The coarsest loops that both lists can be split into, walking row-major; null when there are none. */
export function commonExtents(a: readonly number[], b: readonly number[]): number[] | null {
  // Both lists cut the row-major walk at the products of their innermost extents.
  const cuts = [...new Set([...suffixProducts(a), ...suffixProducts(b)])].sort((x, y) => x - y);
  const extents: number[] = [];
  let unit = 1;
  for (const cut of cuts) {
    if (cut % unit !== 0) return null;
    extents.unshift(cut / unit);
    unit = cut;
  }
  const total = (list: readonly number[]): number => list.reduce((x, y) => x * y, 1);
  return total(a) === total(b) ? extents : null;
}

function suffixProducts(extents: readonly number[]): number[] {
  const products: number[] = [];
  let product = 1;
  for (let i = extents.length - 1; i >= 0; i--) {
    product *= extents[i];
    products.push(product);
  }
  return products;
}

/** For each former loop, how many of the finer ones it becomes. */
function counts(extents: readonly number[], finer: readonly number[]): number[] {
  let next = 0;
  return extents.map((extent) => {
    let product = 1;
    let count = 0;
    while (product < extent) {
      product *= finer[next++];
      count++;
    }
    return count;
  });
}

/** Splits a kernel's loops; `outer` and `inner` refine its extents. */
export function splitLoops(
  kernel: LoopKernel,
  outer: readonly number[],
  inner: readonly number[],
): LoopKernel {
  const { producer, extents } = kernel;
  const former = producer === null ? [] : producer.kind === 'reduce' ? producer.extents : producer.inner;
  if (outer.length === extents.length && inner.length === former.length) return kernel;
  const outerCounts = counts(extents, outer);
  const innerCounts = counts(former, inner);
  const split =
    (parts: readonly number[], finer: readonly number[]) =>
    ({ offset, strides }: Affine): Affine => {
      const result: number[] = [];
      let first = 0;
      parts.forEach((count, i) => {
        let unit = strides[i];
        const own: number[] = [];
        for (let f = first + count - 1; f >= first; f--) {
          own.unshift(unit);
          unit *= finer[f];
        }
        first += count;
        result.push(...own);
      });
      return { offset, strides: result };
    };
  const result = rewriteKernel(
    kernel,
    outer,
    inner,
    split(outerCounts, outer),
    split([...outerCounts, ...innerCounts], [...outer, ...inner]),
  );
  if (result.producer?.kind !== 'dot') return result;
  const { batchRank, rowRank } = result.producer;
  const finer = (from: number, to: number): number => outerCounts.slice(from, to).reduce((x, y) => x + y, 0);
  const ranks = { batchRank: finer(0, batchRank), rowRank: finer(batchRank, batchRank + rowRank) };
  return { ...result, producer: { ...result.producer, ...ranks } };
}

/** Pairs of touches of two groups whose order matters. */
function conflicts(first: RowGroup, second: RowGroup): [Touch, Touch][] {
  const pairs: [Touch, Touch][] = [];
  const touches = second.steps.flatMap(touchesOf);
  for (const a of first.steps.flatMap(touchesOf))
    for (const b of touches) if (isConflict(a, b)) pairs.push([a, b]);
  return pairs;
}

/** Splits the rows of both so that what one walks as a whole and the other in parts becomes the same parts. */
export function splitRows(first: RowGroup, second: RowGroup): [RowGroup, RowGroup] {
  const pairs = conflicts(first, second);
  const a = splitAt(
    first,
    pairs.map(([own, other]) => [own, other]),
  );
  const b = splitAt(
    second,
    pairs.map(([other, own]) => [own, other]),
  );
  return [a, b];
}

/** Splits a group's rows where the loops of the other begin and end, in the buffers that both touch. */
function splitAt(group: RowGroup, pairs: readonly (readonly [own: Touch, other: Touch])[]): RowGroup {
  const parts = group.rows.map((extent, row) => {
    const cuts = new Set<number>();
    for (const [own, other] of pairs) {
      const unit = Math.abs(own.strides[row]);
      if (unit === 0) continue;
      other.strides.forEach((stride, c) => {
        for (const edge of [Math.abs(stride), Math.abs(stride) * other.extents[c]]) {
          const cut = edge / unit;
          if (Number.isInteger(cut) && cut > 1 && cut < extent && extent % cut === 0) cuts.add(cut);
        }
      });
    }
    return splitExtent(extent, cuts);
  });
  if (parts.every((list) => list.length === 1)) return group;
  const rows = parts.flat();
  const steps = group.steps.map((step) => {
    return splitLoops(step, [...rows, ...step.extents.slice(group.rows.length)], innerExtents(step));
  });
  return { rows, steps };
}

/** Loops that together walk the extent, cut at multiples of these units as far as they divide each other. */
function splitExtent(extent: number, cuts: ReadonlySet<number>): number[] {
  const factors: number[] = [];
  let unit = 1;
  for (const cut of [...cuts, extent].sort((x, y) => x - y)) {
    if (cut % unit !== 0 || cut === unit || extent % cut !== 0) continue;
    factors.unshift(cut / unit);
    unit = cut;
  }
  return factors;
}

/** Rows of the two groups that go through all buffers that both touch in equal steps. */
export function matchRows(first: RowGroup, second: RowGroup): [row: number, other: number][] {
  const pairs = conflicts(first, second);
  const taken = new Set<number>();
  const matched: [number, number][] = [];
  first.rows.forEach((extent, row) => {
    const other = second.rows.findIndex(
      (candidate, at) =>
        candidate === extent &&
        !taken.has(at) &&
        pairs.every(([a, b]) => a.strides[row] === b.strides[at] && a.strides[row] !== 0),
    );
    if (other < 0) return;
    taken.add(other);
    matched.push([row, other]);
  });
  return matched;
}

/** The same loops with these coordinates in front; for no dot. */
export function rowsFirst(kernel: LoopKernel, rows: readonly number[]): LoopKernel {
  const others = kernel.extents.map((_, c) => c).filter((c) => !rows.includes(c));
  return reorder(kernel, [...rows, ...others]);
}

function reorder(kernel: LoopKernel, order: readonly number[]): LoopKernel {
  if (order.every((c, i) => c === i)) return kernel;
  const inner = innerExtents(kernel);
  const all = [...order, ...inner.map((_, i) => order.length + i)];
  return rewriteKernel(
    kernel,
    order.map((c) => kernel.extents[c]),
    inner,
    ({ offset, strides }) => ({ offset, strides: order.map((c) => strides[c]) }),
    ({ offset, strides }) => ({ offset, strides: all.map((c) => strides[c]) }),
  );
}
