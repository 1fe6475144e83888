// Brings two kernels to the same loops, so that they can become one.
import type { Affine, LoopKernel } from '@nn/core';
import { rewriteKernel } from './rewrite.ts';

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
