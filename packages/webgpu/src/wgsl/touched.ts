/** Which buffers a loop reads and writes, and whether several loops can be one dispatch. */
import type { Access, Instruction, LoopKernel } from '@nn/core';
import type { EmitContext } from './kernel-code.ts';
import { storageBytes } from './storage.ts';

/** What an elementwise loop or a reduction loads, in order. */
export function loadsOf({ producer, epilogue }: LoopKernel): Access[] {
  const body = producer?.kind === 'reduce' ? producer.body : [];
  return [...body, ...epilogue].flatMap((instruction: Instruction) =>
    instruction.op === 'load' || instruction.op === 'gather' ? [instruction.access] : [],
  );
}

export function buffersRead(kernel: LoopKernel): Set<number> {
  return new Set(loadsOf(kernel).map(({ buffer }) => buffer));
}

export function buffersWritten({ stores }: LoopKernel): Set<number> {
  return new Set(stores.map(({ access }) => access.buffer));
}

export function buffersTouched(kernels: readonly LoopKernel[]): Set<number> {
  return new Set(kernels.flatMap((kernel) => [...buffersRead(kernel), ...buffersWritten(kernel)]));
}

export function shareBuffers(some: ReadonlySet<number>, others: ReadonlySet<number>): boolean {
  return [...some].some((buffer) => others.has(buffer));
}

/** Whether a dispatch may bind all of these buffers. */
export function canBind(buffers: ReadonlySet<number>, context: EmitContext): boolean {
  return buffers.size <= context.storageBuffersPerKernel && !overlap(buffers, context);
}

/** WebGPU refuses bindings that overlap where one is written. */
function overlap(buffers: ReadonlySet<number>, context: EmitContext): boolean {
  const ranges = [...buffers]
    .map((buffer) => context.buffers[buffer])
    .filter(({ role }) => role === 'temporary')
    .map(({ offset, length, dtype }) => ({
      begin: offset,
      end: offset + Math.max(4, length * storageBytes(dtype, context.nativeHalf)),
    }))
    .sort((a, b) => a.begin - b.begin);
  return ranges.some(({ begin }, at) => at > 0 && begin < ranges[at - 1].end);
}
