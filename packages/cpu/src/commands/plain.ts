// Kernels that are written by hand: copy, argsort, and what the others are made of.
import type { ArgsortKernel, CopyKernel } from '@nn/core';
import type { Device } from '../device.ts';
import { storageBytes } from '../emit/registers.ts';
import { argsortModule, argsortScratchBytes } from '../kernels/argsort.ts';
import { copyModule, copyPieceBytes } from '../kernels/copy.ts';
import { selectionOf } from '../kernels/narrow.ts';
import { Job } from '../threads/job.ts';
import type { HeldKernel } from '../threads/kernel-cache.ts';
import { sharesPerThread } from '../threads/pool.ts';
import { inSlices, type Slices } from '../threads/slices.ts';
import { bindAddress, type Command, type CommandContext } from './command.ts';
import { isSortedInRuns, sortRunsCommand } from './sort-runs.ts';

interface PlainOptions {
  /** Buffers whose addresses are the record's first words, then numbers. */
  readonly buffers: readonly number[];
  readonly numbers: readonly number[];
  /** Scratch bytes of each thread; the address of scratch space and this number follow in the record. */
  readonly scratchBytesPerThread?: number;
  readonly items: number;
  /** Items a thread takes at a time. */
  readonly grain: number;
}

export class PlainCommand implements Command {
  readonly scratchBytes: number;
  readonly #device: Device;
  readonly #held: HeldKernel;
  readonly #record: number;
  /** The word at which they begin. */
  readonly #numbers: number;
  readonly #items: number;
  readonly #grain: number;
  readonly #job: Job | undefined;

  constructor(context: CommandContext, held: HeldKernel, options: PlainOptions) {
    const { device, binding } = context;
    const { buffers, numbers, scratchBytesPerThread, items, grain } = options;
    const scratch = scratchBytesPerThread ?? 0;
    this.#device = device;
    this.#held = held;
    this.#items = items;
    this.#grain = grain;
    this.scratchBytes = scratch * device.pool.threads;
    this.#record = device.heap.allocate((buffers.length + numbers.length + 2) * 4);
    const start = this.#record >>> 2;
    for (const [at, buffer] of buffers.entries()) bindAddress(context, start + at, buffer, 0);
    this.#numbers = start + buffers.length;
    const { words } = device.heap;
    words.set(numbers, this.#numbers);
    const end = this.#numbers + numbers.length;
    binding.addressAt(end, binding.scratch, 0);
    words[end + 1] = scratch;
    const call = { kernel: held.kernel, arguments: this.#record };
    this.#job = grain >= items ? undefined : new Job(device.heap, [call]);
  }

  /** Has further runs find another number; none of them may be under way. */
  setNumber(at: number, number: number): void {
    this.#device.heap.words[this.#numbers + at] = number;
  }

  run(leaves = false): void {
    if (this.#job !== undefined) this.#device.pool.run(this.#job, this.#items, this.#grain, leaves);
    else if (this.#items > 0) this.#held.kernel.function(this.#record, 0, this.#items, 0);
  }

  *inSlices(): Slices {
    if (this.#job !== undefined) yield* this.#device.pool.inSlices(this.#job, this.#items, this.#grain);
    else {
      const run = this.#held.kernel.function;
      yield* inSlices((begin, end) => run(this.#record, begin, end, 0), this.#items, 1);
    }
  }

  dispose(): void {
    this.#job?.dispose();
    this.#device.heap.free(this.#record);
    this.#device.kernels.release(this.#held);
  }
}

export function copyCommand(context: CommandContext, kernel: CopyKernel): Command {
  const { device, buffers } = context;
  const { dtype, length } = buffers[kernel.source];
  const bytes = length * storageBytes[dtype];
  return new PlainCommand(
    context,
    device.kernels.hold('copy', () => copyModule(device.heap)),
    {
      buffers: [kernel.source, kernel.target],
      numbers: [bytes],
      items: Math.ceil(bytes / copyPieceBytes),
      grain: 4,
    },
  );
}

/** Lines per turn, so that a turn is worth some tens of microseconds. */
export function lineGrain(device: Device, lines: number, length: number, elementsPerTurn: number): number {
  const fair = Math.ceil(lines / (device.pool.threads * sharesPerThread));
  return Math.max(1, fair, Math.ceil(elementsPerTurn / Math.max(1, length)));
}

export function argsortCommand(context: CommandContext, kernel: ArgsortKernel): Command {
  if (isSortedInRuns(context, kernel)) return sortRunsCommand(context, kernel);
  const { device, buffers, tier } = context;
  const { dtype } = buffers[kernel.source];
  const { descending, outer, length, inner, start = 0, count } = kernel;
  const code = device.kernels.hold(`argsort ${dtype} ${descending} ${tier.simd}`, () =>
    argsortModule(device.heap, dtype, descending, tier),
  );
  const lines = count === 0 ? 0 : outer * inner;
  const { held, digitBits } = selectionOf(length, start, count);
  return new PlainCommand(context, code, {
    buffers: [kernel.source, kernel.target],
    numbers: [length, inner, start, count, held, digitBits],
    scratchBytesPerThread: Math.ceil(argsortScratchBytes(dtype, held) / 64) * 64,
    items: lines,
    grain: lineGrain(device, lines, length, 1024),
  });
}
