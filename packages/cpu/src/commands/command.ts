// One kernel of a program, ready to run.
import type { BufferSpec } from '@nn/core';
import type { Device } from '../device.ts';
import type { PlanOptions } from '../emit/plan.ts';
import type { Slices } from '../threads/slices.ts';
import type { Binding } from './binding.ts';
import type { Borders } from './borders.ts';
import type { SharedOperands } from './shared-operands.ts';

export interface Command {
  /** Bytes of scratch space that it needs while it runs. */
  readonly scratchBytes: number;
  /**
   * @param leaves Whether threads may go on with it after this has returned, as nothing follows: until the pool is told
   * to finish.
   */
  run(leaves?: boolean): void;
  /** The same in slices. */
  inSlices(): Slices;
  /** Gives back what it holds. */
  dispose(): void;
}

/**
 * What commands are made from. Buffers after the program's own lie in scratch space, at their offsets there, so that
 * a command can put intermediate results of its own between its kernels.
 */
export interface CommandContext extends PlanOptions {
  readonly device: Device;
  readonly binding: Binding;
  readonly borders: Borders;
  readonly sharedOperands: SharedOperands;
}

/** Has the address of a buffer, plus an offset in bytes, written to a word of the heap at each run. */
export function bindAddress(
  { binding, buffers }: CommandContext,
  word: number,
  buffer: number,
  offset: number,
): void {
  const { scratch } = binding;
  if (buffer < scratch) binding.addressAt(word, buffer, offset);
  else binding.addressAt(word, scratch, offset + buffers[buffer].offset);
}

/** The context with further buffers in scratch space; their offsets are from its start. */
export function withScratch(context: CommandContext, scratch: readonly BufferSpec[]): CommandContext {
  return { ...context, buffers: [...context.buffers, ...scratch] };
}
