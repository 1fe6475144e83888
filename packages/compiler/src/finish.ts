// Turns what lowering collected into a kernel of the contract: coordinates in their final order, loops merged
// where every access allows it, strides of full length.
import type { Accumulator, Affine, DType, Instruction, LoopKernel, Store } from '@nn/core';
import type { LoopCoordinates } from './loops.ts';
import { simplifyLoops } from './simplify.ts';

export interface LoweredOperand {
  readonly buffer: number;
  readonly affine: Affine;
}

export type LoweredProducer =
  | { readonly kind: 'reduce'; readonly extents: readonly number[]; readonly accumulators: Accumulator[] }
  | {
      readonly kind: 'dot';
      readonly dtype: DType;
      /** The kernel's coordinates that are batch, rows and columns. */
      readonly groups: readonly (readonly number[])[];
      readonly left: LoweredOperand;
      readonly right: LoweredOperand;
    };

export interface LoweredKernel {
  readonly names: readonly string[];
  readonly loops: LoopCoordinates;
  readonly producer: LoweredProducer | null;
  readonly body: readonly Instruction[];
  readonly epilogue: readonly Instruction[];
  readonly stores: readonly Store[];
}

const maximumNames = 5;

/** Short and readable: the ops in order, movement left out; long lists are cut. */
function kernelName(names: readonly string[], epilogue: readonly Instruction[]): string {
  if (names.length === 0) return epilogue.some(({ op }) => op === 'load') ? 'copy' : 'fill';
  if (names.length <= maximumNames) return names.join('.');
  const last = names[names.length - 1];
  return `${names.slice(0, maximumNames - 1).join('.')}.+${names.length - maximumNames}.${last}`;
}

export function finishKernel({ names, loops, producer, body, epilogue, stores }: LoweredKernel): LoopKernel {
  const count = loops.outerCount;
  const extents = loops.extents.slice(0, count);
  const inner = loops.extents.slice(count);
  const name = kernelName(names, epilogue);
  if (producer === null)
    return simplifyLoops({ kind: 'loop', name, ops: names, extents, producer: null, epilogue, stores });
  if (producer.kind === 'reduce') {
    const { accumulators } = producer;
    const reduction = { kind: 'reduce', extents: inner, body, accumulators } as const;
    return simplifyLoops({ kind: 'loop', name, ops: names, extents, producer: reduction, epilogue, stores });
  }
  const { dtype, groups, left, right } = producer;
  const dot = {
    kind: 'dot',
    dtype,
    batchRank: groups[0].length,
    rowRank: groups[1].length,
    inner,
    left: { buffer: left.buffer, ...left.affine },
    right: { buffer: right.buffer, ...right.affine },
  } as const;
  return simplifyLoops(
    { kind: 'loop', name, ops: names, extents, producer: dot, epilogue, stores },
    groups.flat(),
  );
}
