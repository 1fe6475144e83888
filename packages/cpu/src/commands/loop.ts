// Loops: elementwise kernels and reductions.
import type { LoopKernel, Reduction } from '@nn/core';
import type { Device } from '../device.ts';
import { type Plan, planLoop, workOf } from '../emit/plan.ts';
import { buildRecord } from '../emit/record.ts';
import { Job, type KernelCall } from '../threads/job.ts';
import type { HeldKernel } from '../threads/kernel-cache.ts';
import type { Kernel, KernelFunction } from '../threads/kernel-module.ts';
import { sharesPerThread } from '../threads/pool.ts';
import { inSlices, type Slices } from '../threads/slices.ts';
import { bindAddress, type Command, type CommandContext } from './command.ts';

/** Estimated nanoseconds from which a job is given to several threads. */
export const workWorthThreads = 20_000;
/** Estimated nanoseconds of an item, at most, so that work can pause between them. */
export const longestItem = 4_000_000;

/** A planned loop's code and its record, which stays in the heap until disposed of. */
export class LoopCall implements KernelCall {
  readonly arguments: number;
  readonly scale: number;
  readonly items: number;
  readonly #device: Device;
  readonly #held: HeldKernel;

  /**
   * `chunkLength` is how much of the innermost extent one item covers, or a block of a pair; `scale` is its items for
   * each of a job's.
   */
  constructor(context: CommandContext, plan: Plan, chunkLength: number, scale = 1) {
    const { device, binding } = context;
    const record = buildRecord(plan, chunkLength, context.programParams);
    this.#device = device;
    this.scale = scale;
    this.items = record.items;
    this.#held = device.loopKernel(plan.structure);
    this.arguments = device.heap.allocate(record.words.byteLength);
    const start = this.arguments >>> 2;
    device.heap.words.set(record.words, start);
    for (const { word, buffer, offset } of record.addresses)
      bindAddress(context, start + word, buffer, offset);
    for (const { word, dtype, param } of record.params) binding.paramAt(start + word, param, dtype);
  }

  get kernel(): Kernel {
    return this.#held.kernel;
  }

  /** Runs all of its items on the calling thread. */
  runAlone(): void {
    if (this.items > 0) this.#held.kernel.function(this.arguments, 0, this.items, 0);
  }

  /** The same in slices. */
  *aloneInSlices(): Slices {
    const run = this.#held.kernel.function;
    yield* inSlices((begin, end) => run(this.arguments, begin, end, 0), this.items, 1);
  }

  dispose(): void {
    this.#device.heap.free(this.arguments);
    this.#device.kernels.release(this.#held);
  }
}

export class LoopCommand implements Command {
  readonly scratchBytes = 0;
  readonly #device: Device;
  readonly #call: LoopCall;
  readonly #function: KernelFunction;
  readonly #arguments: number;
  readonly #items: number;
  readonly #grain: number;
  /** Absent where the calling thread does it all. */
  readonly #job: Job | undefined;

  constructor(context: CommandContext, kernel: LoopKernel, reduction: Reduction | null) {
    const { device } = context;
    const plan = planLoop(kernel, reduction, context);
    const time = estimatedTime(plan);
    const threads = time >= workWorthThreads ? device.pool.threads : 1;
    this.#device = device;
    const parts = Math.max(threads, Math.ceil(time / longestItem));
    this.#call = new LoopCall(context, plan, chunkLength(plan, parts));
    const { items } = this.#call;
    this.#items = items;
    this.#arguments = this.#call.arguments;
    this.#function = this.#call.kernel.function;
    this.#grain = Math.max(1, Math.ceil(items / (threads * sharesPerThread)));
    this.#job = threads === 1 || this.#grain >= items ? undefined : new Job(device.heap, [this.#call]);
  }

  run(leaves = false): void {
    if (this.#job !== undefined) this.#device.pool.run(this.#job, this.#items, this.#grain, leaves);
    else if (this.#items > 0) this.#function(this.#arguments, 0, this.#items, 0);
  }

  *inSlices(): Slices {
    if (this.#job !== undefined) yield* this.#device.pool.inSlices(this.#job, this.#items, this.#grain);
    else yield* inSlices((begin, end) => this.#function(this.#arguments, begin, end, 0), this.#items, 1);
  }

  dispose(): void {
    this.#job?.dispose();
    this.#call.dispose();
  }
}

/** Nanoseconds that a kernel takes on one thread, roughly. */
export function estimatedTime(plan: Plan): number {
  const { structure } = plan;
  const steps = (structure.body ?? structure.epilogue).length + (structure.pair?.body.length ?? 0) + 2;
  return workOf(plan) * steps * (structure.vectorized ? 0.12 : 0.5);
}

/** How much of the innermost extent an item covers: all of it, unless there are too few rows for so many threads. */
export function chunkLength(plan: Plan, threads: number): number {
  if (plan.inner === null) return 1;
  if (plan.tileLength !== null) return plan.tileLength;
  const { extent } = plan.inner;
  if (threads === 1) return Math.max(1, extent);
  let rows = 1;
  for (const dimension of plan.rows) rows *= dimension.extent;
  const wanted = threads * sharesPerThread;
  if (rows >= wanted) return Math.max(1, extent);
  const chunks = Math.ceil(wanted / Math.max(1, rows));
  const unit = extent < 64 * chunks ? 16 : 64;
  return Math.ceil(extent / chunks / unit) * unit;
}
