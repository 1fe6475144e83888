// Makes loops few and long: orders a kernel's coordinates so that the innermost walks memory in order, and merges
// neighbours that every access walks as one.
import type { Affine, LoopKernel } from '@nn/core';
import { affinesOf, innerExtents, rewriteKernel } from './rewrite.ts';

/** One final loop: the former coordinates it walks, outermost first. */
export type Loop = readonly number[];

/** @param order the kernel's coordinates in the order that its dot needs. */
export function simplifyLoops(kernel: LoopKernel, order?: readonly number[]): LoopKernel {
  const { producer } = kernel;
  if (producer?.kind !== 'dot') return simplifyInner(kernel, []);
  const { merge, innerCoordinates } = mergerOf(kernel);
  const coordinates = order ?? kernel.extents.map((_, i) => i);
  const rowsEnd = producer.batchRank + producer.rowRank;
  const batch = merge(coordinates.slice(0, producer.batchRank));
  const rows = merge(coordinates.slice(producer.batchRank, rowsEnd));
  const loops = [...batch, ...rows, ...merge(coordinates.slice(rowsEnd))];
  const rewritten = walk(kernel, loops, merge(byStride(innerCoordinates, [producer.left])));
  if (rewritten.producer?.kind !== 'dot') return rewritten;
  const ranks = { batchRank: batch.length, rowRank: rows.length };
  return { ...rewritten, producer: { ...rewritten.producer, ...ranks } };
}

/** @param rows the loops that are to come first: they walk the kernel's first coordinates. */
export function simplifyInner(kernel: LoopKernel, rows: readonly Loop[]): LoopKernel {
  const { extents, producer, stores } = kernel;
  if (extents.length <= 1 && isWalked(kernel, singleLoops(kernel))) return kernel;
  const { merge, innerCoordinates } = mergerOf(kernel);
  const loads = loadsFirst(kernel);
  const isRow = new Set(rows.flat());
  const others = extents.map((_, c) => c).filter((c) => !isRow.has(c));
  const accesses = [...stores.map(({ access }) => access), ...loads];
  // Positions count in the order of the coordinates.
  const locates =
    producer?.kind === 'reduce' && producer.accumulators.some(({ op }) => op === 'argmax' || op === 'argmin');
  return walk(
    kernel,
    [...rows, ...merge(byStride(others, accesses))],
    merge(locates ? innerCoordinates : byStride(innerCoordinates, loads)),
  );
}

/** The loops that common rows of several kernels, their first coordinates, can become. */
export function mergeRows(rows: readonly number[], kernels: readonly LoopKernel[]): Loop[] {
  const affines = kernels.flatMap((kernel) => Object.values(affinesOf(kernel)).flat());
  const stores = kernels.flatMap((kernel) => kernel.stores.map(({ access }) => access));
  const accesses = [...stores, ...kernels.flatMap(loadsFirst)];
  return mergeLoops(byStride([...rows.keys()], accesses), rows, affines);
}

function mergerOf(kernel: LoopKernel): {
  readonly innerCoordinates: readonly number[];
  merge(coordinates: readonly number[]): Loop[];
} {
  const { extents } = kernel;
  const inner = innerExtents(kernel);
  const { outer, all } = affinesOf(kernel);
  return {
    innerCoordinates: inner.map((_, i) => extents.length + i),
    merge: (coordinates) => mergeLoops(coordinates, [...extents, ...inner], [...outer, ...all]),
  };
}

/** The kernel over these loops. */
function walk(kernel: LoopKernel, loops: readonly Loop[], innerLoops: readonly Loop[]): LoopKernel {
  if (isWalked(kernel, [...loops, ...innerLoops])) return kernel;
  const extents = [...kernel.extents, ...innerExtents(kernel)];
  const extentOf = (loop: Loop): number => loop.reduce((product, c) => product * extents[c], 1);
  const pick =
    (list: readonly Loop[]) =>
    ({ offset, strides }: Affine): Affine => ({
      offset,
      strides: list.map((loop) => strides[loop[loop.length - 1]] ?? 0),
    });
  return rewriteKernel(
    kernel,
    loops.map(extentOf),
    innerLoops.map(extentOf),
    pick(loops),
    pick([...loops, ...innerLoops]),
  );
}

/** The loops of a kernel that walks one at most outside, and one inside: there is nothing to order or to merge. */
function singleLoops({ extents, producer }: LoopKernel): Loop[] {
  const inner = producer?.kind === 'reduce' ? producer.extents : [];
  if (inner.length > 1) return [];
  const loops: Loop[] = [];
  for (const extent of [...extents, ...inner]) if (extent !== 1) loops.push([loops.length]);
  return loops;
}

/** Whether the kernel walks these loops already, with strides of full length. */
function isWalked(kernel: LoopKernel, loops: readonly Loop[]): boolean {
  const rank = kernel.extents.length;
  const fullRank = rank + innerExtents(kernel).length;
  if (loops.length !== fullRank || loops.some((loop, c) => loop.length !== 1 || loop[0] !== c)) return false;
  const { outer, all } = affinesOf(kernel);
  return (
    outer.every(({ strides }) => strides.length === rank) &&
    all.every(({ strides }) => strides.length === fullRank)
  );
}

/** Loads that see all coordinates, then those of the epilogue. */
function loadsFirst(kernel: LoopKernel): Affine[] {
  const loads: Affine[] = [];
  const body = kernel.producer?.kind === 'reduce' ? kernel.producer.body : [];
  for (const list of [body, kernel.epilogue])
    for (const instruction of list) if (instruction.op === 'load') loads.push(instruction.access);
  return loads;
}

/** Coordinates from the largest stride to the smallest, as the first access that tells them apart has it. */
function byStride(coordinates: readonly number[], accesses: readonly Affine[]): number[] {
  const stride = (affine: Affine, c: number): number => Math.abs(affine.strides[c] ?? 0);
  return [...coordinates].sort((a, b) => {
    for (const access of accesses) {
      const [x, y] = [stride(access, a), stride(access, b)];
      // A stride of 0 says nothing of the order in which other accesses walk.
      if (x !== y && x !== 0 && y !== 0) return y - x;
    }
    return a - b;
  });
}

/** Merges neighbours where one step of the outer is as far as all steps of the inner, everywhere. */
function mergeLoops(
  coordinates: readonly number[],
  extents: readonly number[],
  affines: readonly Affine[],
): Loop[] {
  const loops: number[][] = [];
  for (const c of coordinates) {
    if (extents[c] === 1) continue;
    const last = loops[loops.length - 1];
    const previous = last?.[last.length - 1];
    const fits =
      previous !== undefined &&
      affines.every(({ strides }) => (strides[previous] ?? 0) === (strides[c] ?? 0) * extents[c]);
    if (fits) last.push(c);
    else loops.push([c]);
  }
  return loops;
}
