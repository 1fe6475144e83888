// Several loops over the same rows, block of rows after block of rows: what one loop writes is in the cache when the
// next one reads it, and all of them are one job of the threads.
import type { LoopKernel, Reduction, RowsKernel } from '@nn/core';
import type { Device } from '../device.ts';
import { draftLoop } from '../emit/plan.ts';
import { planRows, type RowsPlan, type RowsStep } from '../emit/rows.ts';
import { Job } from '../threads/job.ts';
import { sharesPerThread } from '../threads/pool.ts';
import type { Slices } from '../threads/slices.ts';
import type { Command, CommandContext } from './command.ts';
import { estimatedTime, LoopCall, workWorthThreads } from './loop.ts';
import { shortenExponentials } from './row-maxima.ts';
import { type PairLimits, pairLimits, pairSteps } from './row-pairs.ts';
import { makeAll } from './sequence.ts';

/** What a block of rows may touch: about the second-level cache. Shorter ones read memory in runs that are too short. */
const blockBytes = 512 * 1024;
/** A block that touches more than this leaves the cache before the next loop comes to it. */
const largestBlockBytes = 1024 * 1024;
/**
 * Loops that walk whole buffers read memory in longer runs than blocks do. Where rows lie in pieces, or where one
 * thread does it all, so that one job for all loops saves nothing, blocks pay only beyond what the last cache holds.
 */
const lastCacheBytes = 32 * 1024 * 1024;
/** Rows that lie next to each other in memory are taken by at least this many, so that memory is read in runs. */
const leastNeighbours = 256;
/** Rows that loops have in vectors come in multiples of this. */
const rowsInVectors = 16;
/** How much longer than an even share the busiest thread may take. */
const largestImbalance = 1.15;

const roundUp = (value: number, to: number): number => Math.ceil(value / to) * to;

/** Whether so many blocks would keep some thread waiting for long. */
function isUneven(blocks: number, threads: number): boolean {
  return blocks > 0 && (Math.ceil(blocks / threads) * threads) / blocks > largestImbalance;
}

/** Rows of a block; undefined where blocks would bring nothing, or leave threads idle. */
function chooseBlock(plan: RowsPlan, threads: number): number | undefined {
  const { rows, repeats, lanesAlongRows, bytesPerRow, isDense } = plan;
  if ((!isDense || threads === 1) && bytesPerRow * rows * repeats < lastCacheBytes) return undefined;
  const least = lanesAlongRows ? Math.min(leastNeighbours, rows) : 1;
  if (bytesPerRow * least > largestBlockBytes) return undefined;
  if (isUneven(Math.ceil(rows / Math.max(1, least)) * repeats, threads)) return undefined;
  const wanted = threads * sharesPerThread;
  const fits = Math.floor(blockBytes / Math.max(1, bytesPerRow));
  const fair = threads === 1 ? rows : Math.ceil((rows * repeats) / wanted);
  const block = Math.max(least, Math.min(fits, fair));
  return Math.max(1, Math.min(rows, block < rowsInVectors ? block : roundUp(block, rowsInVectors)));
}

/** The same of rows that have a pair of reductions, which is worth it in rows of any length: one at least. */
function choosePairedBlock(plan: RowsPlan, threads: number): number | undefined {
  const { rows, lanesAlongRows, bytesPerRow } = plan;
  if (lanesAlongRows || isUneven(rows, threads)) return undefined;
  const fits = Math.floor(blockBytes / Math.max(1, bytesPerRow));
  return Math.max(1, Math.min(fits, Math.ceil(rows / (threads * sharesPerThread))));
}

class RowsCommand implements Command {
  readonly scratchBytes: number;
  readonly #device: Device;
  readonly #calls: readonly LoopCall[];
  readonly #blocks: number;
  /** Absent where there is one block. */
  readonly #job: Job | undefined;

  constructor(context: CommandContext, plan: RowsPlan, block: number, scratchBytes = 0) {
    const { device } = context;
    this.scratchBytes = scratchBytes;
    this.#device = device;
    this.#blocks = Math.ceil(plan.rows / block) * plan.repeats;
    const make =
      ({ plan: loop, itemsPerRow, chunkLength }: RowsStep) =>
      (): LoopCall => {
        if (plan.lanesAlongRows) return new LoopCall(context, loop, block, itemsPerRow);
        return itemsPerRow === 0
          ? new LoopCall(context, loop, block * Math.max(1, chunkLength), 1)
          : new LoopCall(context, loop, chunkLength, itemsPerRow * block);
      };
    this.#calls = makeAll(plan.steps.map(make));
    const busy = this.#calls.filter(({ items }) => items > 0);
    this.#job = this.#blocks > 1 && busy.length > 0 ? new Job(device.heap, busy) : undefined;
  }

  run(): void {
    if (this.#job !== undefined) this.#device.pool.run(this.#job, this.#blocks, 1);
    else for (const call of this.#calls) call.runAlone();
  }

  *inSlices(): Slices {
    if (this.#job !== undefined) yield* this.#device.pool.inSlices(this.#job, this.#blocks, 1);
    else {
      for (const call of this.#calls) yield* call.aloneInSlices();
    }
  }

  dispose(): void {
    this.#job?.dispose();
    for (const call of this.#calls) call.dispose();
  }
}

/** Pairs of reductions in one walk of each row, where there are any; undefined where they would bring nothing. */
export function pairedCommand(
  context: CommandContext,
  kernel: RowsKernel,
  limits: PairLimits = pairLimits,
): Command | undefined {
  const paired = pairSteps(context, kernel, limits);
  if (paired === undefined) return undefined;
  const drafts = paired.steps.map(({ kernel: step, pairing }) =>
    draftLoop(step, step.producer as Reduction | null, paired.context, pairing),
  );
  const plan = planRows(drafts, kernel.extents.length);
  if (plan.bytesPerRow * plan.rows < limits.leastBytes) return undefined;
  const block = choosePairedBlock(plan, threadsFor(context, plan));
  if (block === undefined) return undefined;
  return new RowsCommand(paired.context, plan, block, paired.scratchBytes);
}

/** Threads that the work is enough for. */
function threadsFor({ device }: CommandContext, { steps }: RowsPlan): number {
  const time = steps.reduce((sum, { plan }) => sum + estimatedTime(plan), 0);
  return time >= workWorthThreads ? device.pool.threads : 1;
}

/** `choose` gives the rows of a block, or undefined where it is better to run the steps one after the other. */
export function rowsCommand(
  context: CommandContext,
  given: RowsKernel,
  choose?: (plan: RowsPlan, threads: number) => number | undefined,
): Command | undefined {
  if (given.steps.length === 1) return undefined;
  const paired = choose === undefined ? pairedCommand(context, given) : undefined;
  if (paired !== undefined) return paired;
  const kernel = shortenExponentials(given, context.device.tier);
  const drafts = kernel.steps.map((step: LoopKernel) =>
    draftLoop(step, step.producer as Reduction | null, context),
  );
  const plan = planRows(drafts, kernel.extents.length);
  const block = (choose ?? chooseBlock)(plan, threadsFor(context, plan));
  return block === undefined ? undefined : new RowsCommand(context, plan, block);
}
