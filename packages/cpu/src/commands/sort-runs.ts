// One long line sorted by several threads, or with pauses: a job that sorts runs, then a job for each time that pairs of them are merged.
import type { ArgsortKernel } from '@nn/core';
import type { Device } from '../device.ts';
import { storageBytes } from '../emit/registers.ts';
import { elementBytes } from '../kernels/keys.ts';
import { mergeRunsModule, pieceLength, runCounterBytes, sortRunsModule } from '../kernels/runs.ts';
import { Job } from '../threads/job.ts';
import type { HeldKernel } from '../threads/kernel-cache.ts';
import type { Slices } from '../threads/slices.ts';
import { bindAddress, type Command, type CommandContext } from './command.ts';
import { makeAll, Sequence } from './sequence.ts';

/** Elements of a run from which a thread of its own is worth it. */
const leastRun = 16_384;
/** Elements of a run that takes a millisecond or two: longer ones would let work not pause. */
const longestRun = 65_536;

/** Whether there are fewer lines than threads, and each is worth several; or whether they take too long without a pause. */
export function isSortedInRuns(context: CommandContext, kernel: ArgsortKernel): boolean {
  const { outer, length, inner, count } = kernel;
  const { pool, pauses } = context.device;
  if (inner !== 1 || count !== length) return false;
  return (pool.threads > outer && length >= 2 * leastRun) || (pauses && length > longestRun);
}

export function sortRunsCommand(context: CommandContext, kernel: ArgsortKernel): Command {
  const lines = Array.from({ length: kernel.outer }, (_, line) => line);
  return new Sequence(makeAll(lines.map((line) => () => new SortRunsCommand(context, kernel, line))));
}

/** Words of a record: numbers, or bytes from the start of a buffer. */
type Word = number | { readonly buffer: number; readonly offset: number };

interface Phase {
  readonly held: HeldKernel;
  readonly record: number;
  readonly job: Job;
  readonly items: number;
}

class SortRunsCommand implements Command {
  readonly scratchBytes: number;
  readonly #device: Device;
  readonly #phases: Phase[] = [];

  constructor(context: CommandContext, kernel: ArgsortKernel, line: number) {
    const { device, binding, buffers, tier } = context;
    const { descending, length } = kernel;
    const { dtype } = buffers[kernel.source];
    const { threads } = device.pool;
    this.#device = device;
    const wanted = Math.max(Math.min(threads, length / leastRun), device.pauses ? length / longestRun : 1);
    const runs = 2 ** Math.ceil(Math.log2(wanted));
    const runLength = Math.ceil(length / runs);
    const spaceBytes = Math.ceil((length * elementBytes(dtype)) / 64) * 64;
    const counterBytes = runCounterBytes(dtype);
    this.scratchBytes = 2 * spaceBytes + threads * counterBytes;
    const space = (offset: number): Word => ({ buffer: binding.scratch, offset });
    const source = { buffer: kernel.source, offset: line * length * storageBytes[dtype] };
    const target = { buffer: kernel.target, offset: line * length * 4 };
    const sorting = device.kernels.hold(`sort runs ${dtype} ${descending} ${tier.simd}`, () =>
      sortRunsModule(device.heap, dtype, descending),
    );
    const counters = space(2 * spaceBytes);
    const [given, further] = [space(0), space(spaceBytes)];
    this.#add(context, sorting, runs, [source, length, runLength, given, further, counters, counterBytes]);
    for (let merged = runLength, turn = 0; merged < length; merged *= 2, turn++) {
      const isLast = merged * 2 >= length;
      const merging = device.kernels.hold(`merge runs ${elementBytes(dtype)} ${isLast}`, () =>
        mergeRunsModule(device.heap, dtype, isLast),
      );
      const [from, other] = turn % 2 === 0 ? [given, further] : [further, given];
      const pieces = Math.ceil((2 * merged) / pieceLength);
      const pairs = Math.ceil(length / (2 * merged));
      this.#add(context, merging, pairs * pieces, [from, isLast ? target : other, length, merged, pieces]);
    }
  }

  #add(context: CommandContext, held: HeldKernel, items: number, words: readonly Word[]): void {
    const { heap } = this.#device;
    const record = heap.allocate(words.length * 4);
    words.forEach((word, at) => {
      const place = (record >>> 2) + at;
      if (typeof word === 'number') heap.words[place] = word;
      else if (word.buffer === context.binding.scratch)
        context.binding.addressAt(place, word.buffer, word.offset);
      else bindAddress(context, place, word.buffer, word.offset);
    });
    const job = new Job(heap, [{ kernel: held.kernel, arguments: record }]);
    this.#phases.push({ held, record, job, items });
  }

  run(): void {
    for (const { job, items } of this.#phases) this.#device.pool.run(job, items, 1);
  }

  *inSlices(): Slices {
    for (const { job, items } of this.#phases) yield* this.#device.pool.inSlices(job, items, 1);
  }

  dispose(): void {
    for (const { held, record, job } of this.#phases) {
      job.dispose();
      this.#device.heap.free(record);
      this.#device.kernels.release(held);
    }
  }
}
