// The same program in another order that the contract allows: rows one by one from the last, parts from the last.
import type { Access, Affine, Bound, Instruction, Kernel, LoopKernel, Program, RowsKernel } from '@nn/core';

/** Rows of more coordinates than this are taken in blocks: each becomes kernels of its own. */
const maximumRows = 128;

export function reordered(program: Program): Program {
  return {
    ...program,
    kernels: program.kernels.flatMap((kernel): readonly Kernel[] => {
      if (kernel.kind === 'rows') return rowByRow(kernel);
      return kernel.kind === 'parallel' ? [...kernel.parts].reverse() : [kernel];
    }),
  };
}

function rowByRow({ extents, steps }: RowsKernel): LoopKernel[] {
  let rank = 0;
  let count = 1;
  while (rank < extents.length && count * extents[rank] <= maximumRows) count *= extents[rank++];
  const loops: LoopKernel[] = [];
  for (let row = count - 1; row >= 0; row--) {
    const coordinates: number[] = [];
    let rest = row;
    for (let d = rank - 1; d >= 0; d--) {
      coordinates.unshift(rest % extents[d]);
      rest = Math.floor(rest / extents[d]);
    }
    for (const step of steps) loops.push(at(step, coordinates));
  }
  return loops;
}

/** The loop at these values of its first coordinates. */
function at(loop: LoopKernel, coordinates: readonly number[]): LoopKernel {
  const rank = coordinates.length;
  const moved = <A extends Affine>(affine: A): A => ({
    ...affine,
    offset: coordinates.reduce((offset, c, d) => offset + c * affine.strides[d], affine.offset),
    strides: affine.strides.slice(rank),
  });
  const guards = (list: readonly Bound[]): Bound[] => list.map(moved);
  const access = (given: Access): Access => ({ ...moved(given), guards: guards(given.guards) });
  const instructions = (list: readonly Instruction[]): Instruction[] =>
    list.map((each) => {
      if (each.op === 'load' || each.op === 'gather') return { ...each, access: access(each.access) };
      if (each.op === 'index') return { ...each, affine: moved(each.affine) };
      return each.op === 'inside' ? { ...each, guards: guards(each.guards) } : each;
    });
  const { producer } = loop;
  return {
    ...loop,
    extents: loop.extents.slice(rank),
    producer: producer?.kind === 'reduce' ? { ...producer, body: instructions(producer.body) } : producer,
    epilogue: instructions(loop.epilogue),
    stores: loop.stores.map((store) => ({ ...store, access: access(store.access) })),
  };
}
