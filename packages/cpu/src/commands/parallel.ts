// Loops that have nothing to do with each other, as one job of the threads.
import type { LoopKernel, Reduction } from '@nn/core';
import type { Device } from '../device.ts';
import { type Plan, planLoop } from '../emit/plan.ts';
import { Job, type Piece } from '../threads/job.ts';
import { sharesPerThread } from '../threads/pool.ts';
import type { Slices } from '../threads/slices.ts';
import type { Command, CommandContext } from './command.ts';
import { chunkLength, estimatedTime, LoopCall, longestItem, workWorthThreads } from './loop.ts';
import { makeAll } from './sequence.ts';

/** Estimated nanoseconds of the least piece that is worth another thread's attention. */
const leastPieceTime = 2000;

interface PlannedPart {
  readonly plan: Plan;
  readonly time: number;
  /** How many parts its innermost extent is to have at least. */
  readonly parts: number;
}

/**
 * The parts in pieces of about the same time. The longest come first, so that what is left at the end is short; parts
 * too short for that are the calling thread's alone.
 */
class ParallelCommand implements Command {
  readonly scratchBytes = 0;
  readonly #device: Device;
  readonly #shared: readonly LoopCall[];
  readonly #own: readonly LoopCall[];
  readonly #pieces: number;
  readonly #job: Job | undefined;

  constructor(context: CommandContext, parts: readonly PlannedPart[]) {
    const { device } = context;
    const { threads } = device.pool;
    this.#device = device;
    const total = parts.reduce((sum, { time }) => sum + time, 0);
    const isShared = threads > 1 && total >= workWorthThreads;
    const make = (chosen: readonly PlannedPart[]): LoopCall[] =>
      makeAll(
        chosen.map(
          ({ plan, parts: wanted }) =>
            () =>
              new LoopCall(context, plan, chunkLength(plan, wanted)),
        ),
      );
    const sorted = [...parts].sort((a, b) => b.time - a.time);
    const shared = isShared ? sorted.filter(({ time }) => time >= leastPieceTime) : [];
    this.#shared = make(shared);
    try {
      this.#own = make(isShared ? sorted.filter(({ time }) => time < leastPieceTime) : parts);
    } catch (error) {
      for (const call of this.#shared) call.dispose();
      throw error;
    }
    const pieceTime = Math.max(leastPieceTime, Math.min(longestItem, total / (threads * sharesPerThread)));
    const pieces = this.#shared.flatMap(({ items }, call): Piece[] => {
      const count = Math.max(1, Math.min(items, Math.round(shared[call].time / pieceTime)));
      const length = Math.ceil(items / count);
      return Array.from({ length: Math.ceil(items / Math.max(1, length)) }, (_, at) => ({
        call,
        begin: at * length,
        end: Math.min(items, (at + 1) * length),
      }));
    });
    this.#pieces = pieces.length;
    this.#job = pieces.length > 0 ? new Job(device.heap, this.#shared, pieces) : undefined;
  }

  run(leaves = false): void {
    for (const call of this.#own) call.runAlone();
    if (this.#job !== undefined) this.#device.pool.run(this.#job, this.#pieces, 1, leaves);
  }

  *inSlices(): Slices {
    for (const call of this.#own) yield* call.aloneInSlices();
    if (this.#job !== undefined) yield* this.#device.pool.inSlices(this.#job, this.#pieces, 1);
  }

  dispose(): void {
    this.#job?.dispose();
    for (const call of [...this.#shared, ...this.#own]) call.dispose();
  }
}

export function parallelCommand(context: CommandContext, parts: readonly LoopKernel[]): Command {
  const { threads } = context.device.pool;
  const planned = parts.map((part): PlannedPart => {
    const plan = planLoop(part, part.producer as Reduction | null, context);
    const time = estimatedTime(plan);
    const parts = Math.ceil(time / longestItem);
    return { plan, time, parts: time >= workWorthThreads ? Math.max(threads, parts) : 1 };
  });
  return new ParallelCommand(context, planned);
}
