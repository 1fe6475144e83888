// Makes loops few and long: orders a kernel's coordinates so that the innermost walks memory in order, and merges
// neighbours that every access walks as one.
import type { Affine, LoopKernel } from '@nn/core';
import { affinesOf, rewriteKernel } from './rewrite.ts';

/** One final loop: the former coordinates it walks, outermost first. */
type Loop = readonly number[];

/** @param order the kernel's coordinates in the order that its dot needs. */
export function simplifyLoops(kernel: LoopKernel, order?: readonly number[]): LoopKernel {
  const { producer } = kernel;
  const outerCount = kernel.extents.length;
  const inner = producer === null ? [] : producer.kind === 'reduce' ? producer.extents : producer.inner;
  const extents = [...kernel.extents, ...inner];
  const { outer, all } = affinesOf(kernel);
  const affines = [...outer, ...all];
  const innerCoordinates = inner.map((_, i) => outerCount + i);
  const merge = (coordinates: readonly number[]): Loop[] => mergeLoops(coordinates, extents, affines);

  let loops: Loop[];
  let ranks: { batchRank: number; rowRank: number } | undefined;
  let innerLoops: Loop[];
  if (producer?.kind === 'dot') {
    const coordinates = order ?? kernel.extents.map((_, i) => i);
    const rowsEnd = producer.batchRank + producer.rowRank;
    const batch = merge(coordinates.slice(0, producer.batchRank));
    const rows = merge(coordinates.slice(producer.batchRank, rowsEnd));
    loops = [...batch, ...rows, ...merge(coordinates.slice(rowsEnd))];
    ranks = { batchRank: batch.length, rowRank: rows.length };
    innerLoops = merge(byStride(innerCoordinates, [producer.left]));
  } else {
    const stores = kernel.stores.map(({ access }) => access);
    loops = merge(byStride([...Array(outerCount).keys()], [...stores, ...loadsFirst(kernel)]));
    // Positions count in the order of the coordinates.
    const locates = producer?.accumulators.some(({ op }) => op === 'argmax' || op === 'argmin');
    innerLoops = merge(locates ? innerCoordinates : byStride(innerCoordinates, loadsFirst(kernel)));
  }

  const extentOf = (loop: Loop): number => loop.reduce((product, c) => product * extents[c], 1);
  const pick =
    (list: readonly Loop[]) =>
    ({ offset, strides }: Affine): Affine => ({
      offset,
      strides: list.map((loop) => strides[loop[loop.length - 1]] ?? 0),
    });
  const rewritten = rewriteKernel(
    kernel,
    loops.map(extentOf),
    innerLoops.map(extentOf),
    pick(loops),
    pick([...loops, ...innerLoops]),
  );
  if (ranks === undefined || rewritten.producer?.kind !== 'dot') return rewritten;
  return { ...rewritten, producer: { ...rewritten.producer, ...ranks } };
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
