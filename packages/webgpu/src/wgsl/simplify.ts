/**
 * Fewer loop dimensions: those of extent 1 go, and neighbours that every access walks as one become one. A
 * contiguous elementwise kernel of any rank becomes a loop over one dimension, without a division.
 */
import type { Access, Affine, Bound, Instruction, LoopKernel, Reduction } from '@nn/core';

/** Runs of old dimensions, each of which becomes one new dimension. */
type Runs = readonly (readonly number[])[];

/** The same kernel over fewer dimensions. Dimensions of different meaning (batch, row, reduced …) stay apart. */
export function simplifyLoop(kernel: LoopKernel): LoopKernel {
  const { extents, producer } = kernel;
  const rank = extents.length;
  if (producer?.kind !== 'dot') return mapLoop(kernel, producer, findLoopRuns(kernel, [rank]));
  const { batchRank, rowRank, inner, left, right } = producer;
  const all = [...extents, ...inner];
  const affines = [...affinesOfLoop(kernel), left, right];
  const runs = findRuns(all, [batchRank, batchRank + rowRank, rank], affines);
  const outerRuns = runs.filter((run) => run[0] < rank);
  return {
    ...kernel,
    extents: mergeExtents(all, outerRuns),
    producer: {
      ...producer,
      batchRank: runs.filter((run) => run[0] < batchRank).length,
      rowRank: runs.filter((run) => run[0] >= batchRank && run[0] < batchRank + rowRank).length,
      inner: mergeExtents(all, runs.slice(outerRuns.length)),
      left: { ...left, ...mapAffine(left, runs) },
      right: { ...right, ...mapAffine(right, runs) },
    },
    ...mapTail(kernel, outerRuns),
  };
}

/** Loops over the same rows, over fewer dimensions, of which the rows are the first ones, the same in each. */
export function simplifyRows(
  rows: readonly number[],
  steps: readonly LoopKernel[],
): { readonly rows: readonly number[]; readonly steps: readonly LoopKernel[] } {
  const rank = rows.length;
  const rowRuns = findRuns(rows, [], steps.flatMap(affinesOfLoop));
  const simple = steps.map((step) => {
    const runs = findLoopRuns(step, [rank, step.extents.length]);
    const producer = step.producer as Reduction | null;
    return mapLoop(step, producer, [...rowRuns, ...runs.filter((run) => run[0] >= rank)]);
  });
  return { rows: mergeExtents(rows, rowRuns), steps: simple };
}

function findLoopRuns(kernel: LoopKernel, boundaries: readonly number[]): Runs {
  const inner = kernel.producer?.kind === 'reduce' ? kernel.producer.extents : [];
  return findRuns([...kernel.extents, ...inner], boundaries, affinesOfLoop(kernel));
}

function mapLoop(kernel: LoopKernel, producer: Reduction | null, runs: Runs): LoopKernel {
  const rank = kernel.extents.length;
  const all = [...kernel.extents, ...(producer?.extents ?? [])];
  const outerRuns = runs.filter((run) => run[0] < rank);
  return {
    ...kernel,
    extents: mergeExtents(all, outerRuns),
    producer: producer && {
      ...producer,
      extents: mergeExtents(all, runs.slice(outerRuns.length)),
      body: producer.body.map((instruction) => mapInstruction(instruction, runs)),
    },
    ...mapTail(kernel, outerRuns),
  };
}

function affinesOfLoop({ producer, epilogue, stores }: LoopKernel): Affine[] {
  const body = producer?.kind === 'reduce' ? affinesOf(producer.body) : [];
  return [...body, ...affinesOf(epilogue), ...stores.flatMap(({ access }) => inAccess(access))];
}

function mapTail(kernel: LoopKernel, runs: Runs): Pick<LoopKernel, 'epilogue' | 'stores'> {
  return {
    epilogue: kernel.epilogue.map((instruction) => mapInstruction(instruction, runs)),
    stores: kernel.stores.map(({ access, value }) => ({ access: mapAccess(access, runs), value })),
  };
}

/** Affine functions of fewer coordinates than `extents` do not depend on the others. */
function findRuns(
  extents: readonly number[],
  boundaries: readonly number[],
  affines: readonly Affine[],
): Runs {
  const runs: number[][] = [];
  for (let dim = 0; dim < extents.length; dim++) {
    if (extents[dim] === 1) continue;
    const last = runs.at(-1);
    const before = last?.at(-1);
    const apart = before === undefined || boundaries.some((start) => before < start && dim >= start);
    const strideOf = (affine: Affine, at: number): number => affine.strides[at] ?? 0;
    if (
      !apart &&
      affines.every((affine) => strideOf(affine, before) === strideOf(affine, dim) * extents[dim])
    ) {
      last?.push(dim);
    } else runs.push([dim]);
  }
  return runs;
}

function mergeExtents(extents: readonly number[], runs: Runs): number[] {
  return runs.map((run) => run.reduce((size, dim) => size * extents[dim], 1));
}

function mapAffine({ offset, strides }: Affine, runs: Runs): Affine {
  return { offset, strides: runs.map((run) => strides[run.at(-1) as number]) };
}

function mapBound(bound: Bound, runs: Runs): Bound {
  return { ...mapAffine(bound, runs), size: bound.size };
}

function mapAccess(access: Access, runs: Runs): Access {
  const guards = access.guards.map((guard) => mapBound(guard, runs));
  return { ...mapAffine(access, runs), buffer: access.buffer, guards };
}

function mapInstruction(instruction: Instruction, runs: Runs): Instruction {
  switch (instruction.op) {
    case 'load':
    case 'gather':
      return { ...instruction, access: mapAccess(instruction.access, runs) };
    case 'index':
      return { ...instruction, affine: mapAffine(instruction.affine, runs) };
    case 'inside':
      return { ...instruction, guards: instruction.guards.map((guard) => mapBound(guard, runs)) };
    default:
      return instruction;
  }
}

function inAccess(access: Access): Affine[] {
  return [access, ...access.guards];
}

function affinesOf(list: readonly Instruction[]): Affine[] {
  return list.flatMap((instruction) => {
    switch (instruction.op) {
      case 'load':
      case 'gather':
        return inAccess(instruction.access);
      case 'index':
        return [instruction.affine];
      case 'inside':
        return [...instruction.guards];
      default:
        return [];
    }
  });
}
