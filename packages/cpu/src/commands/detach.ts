// Producers apart from what follows them.
import {
  type Access,
  type BufferSpec,
  contiguousStrides,
  type Instruction,
  type LoopKernel,
  type Reduction,
  sizeOf,
} from '@nn/core';
import { computeDType } from '../emit/lower.ts';
import { storageBytes } from '../emit/registers.ts';
import { type Command, type CommandContext, withScratch } from './command.ts';
import { LoopCommand } from './loop.ts';
import { makeAll, Sequence } from './sequence.ts';

/** The kernel without its producer, whose results are loaded from where they are. */
export function afterProducer(kernel: LoopKernel, results: readonly Access[]): LoopKernel {
  const epilogue = kernel.epilogue.map(
    (instruction): Instruction =>
      instruction.op === 'result'
        ? { op: 'load', dtype: instruction.dtype, access: results[instruction.index] }
        : instruction,
  );
  return { ...kernel, producer: null, epilogue };
}

/** Instructions computed in all from which a reduction is worth a loop of its own. */
const stepsWorthDetaching = 200_000;

/** Whether a reduction's results can go through memory, and its loop is long enough for it. */
export function isWorthDetaching(kernel: LoopKernel, { extents, body, accumulators }: Reduction): boolean {
  return (
    accumulators.every(({ dtype }) => computeDType(dtype) === dtype) &&
    sizeOf(kernel.extents) * sizeOf(extents) * (body.length + 2) >= stepsWorthDetaching
  );
}

/** The reduction, then a loop over its results: many columns at a time are added up in registers only without more. */
export function detachedCommand(context: CommandContext, kernel: LoopKernel, reduction: Reduction): Command {
  const strides = contiguousStrides(kernel.extents);
  const length = sizeOf(kernel.extents);
  const first = context.buffers.length;
  let scratchBytes = 0;
  const scratch = reduction.accumulators.map(({ dtype }): BufferSpec => {
    const offset = scratchBytes;
    scratchBytes += Math.ceil((length * storageBytes[dtype]) / 64) * 64;
    return { dtype, length, role: 'temporary', offset };
  });
  const extended = withScratch(context, scratch);
  const results = scratch.map(
    (_, index): Access => ({ buffer: first + index, offset: 0, strides, guards: [] }),
  );
  const reducing: LoopKernel = {
    ...kernel,
    epilogue: reduction.accumulators.map(({ dtype }, index): Instruction => ({ op: 'result', dtype, index })),
    stores: results.map((access, value) => ({ access, value })),
  };
  const commands = makeAll([
    () => new LoopCommand(extended, reducing, reduction),
    () => new LoopCommand(extended, afterProducer(kernel, results), null),
  ]);
  return new Sequence(commands, scratchBytes);
}
