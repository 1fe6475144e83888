// Loops: elementwise kernels and reductions.
import type { LoopKernel, Reduction } from '@nn/core';
import type { Device } from '../device.ts';
import { type Plan, type PlanOptions, planLoop, workOf } from '../emit/plan.ts';
import { buildRecord, type RecordTemplate, writeSlot } from '../emit/record.ts';
import type { Kernel } from '../threads/kernel-module.ts';
import type { KernelCall } from '../threads/pool.ts';
import type { Binding, Command } from './command.ts';

/** Estimated nanoseconds from which a job is given to several threads. */
const workWorthThreads = 20_000;
/** Items a thread takes at a time, as a part of its fair share: small enough to even out. */
const sharesPerThread = 4;

export class LoopCommand implements Command {
  readonly scratchBytes = 0;
  readonly #device: Device;
  readonly #kernel: Kernel;
  readonly #record: RecordTemplate;
  readonly #grain: number;
  readonly #calls: readonly KernelCall[];

  constructor(device: Device, kernel: LoopKernel, reduction: Reduction | null, options: PlanOptions) {
    const plan = planLoop(kernel, reduction, options);
    const threads = estimatedTime(plan) >= workWorthThreads ? device.pool.threads : 1;
    this.#device = device;
    this.#kernel = device.loopKernel(plan.structure);
    this.#record = buildRecord(plan, chunkLength(plan, threads), options.programParams);
    const { items } = this.#record;
    this.#grain = threads === 1 ? items : Math.max(1, Math.ceil(items / (threads * sharesPerThread)));
    this.#calls = [{ kernel: this.#kernel, arguments: device.recordAddress }];
  }

  run({ addresses, params }: Binding): void {
    const { items, words } = this.#record;
    if (items === 0) return;
    const { heap, pool, recordAddress } = this.#device;
    const memory = heap.words;
    const start = recordAddress >>> 2;
    memory.set(words, start);
    for (const { word, buffer, offset } of this.#record.addresses)
      memory[start + word] = addresses[buffer] + offset;
    for (const { word, dtype, param } of this.#record.params)
      writeSlot(memory, start + word, dtype, params[param]);
    if (this.#grain >= items) this.#kernel.function(recordAddress, 0, items, 0);
    else pool.run(this.#calls, items, this.#grain);
  }
}

/** Nanoseconds that a kernel takes on one thread, roughly. */
function estimatedTime(plan: Plan): number {
  const { structure } = plan;
  const steps = (structure.body ?? structure.epilogue).length + 2;
  return workOf(plan) * steps * (structure.vectorized ? 0.12 : 0.5);
}

/** How much of the innermost extent an item covers: all of it, unless there are too few rows for all threads. */
function chunkLength(plan: Plan, threads: number): number {
  if (plan.inner === null) return 1;
  if (plan.tileLength !== null) return plan.tileLength;
  const { extent } = plan.inner;
  if (threads === 1) return Math.max(1, extent);
  let rows = 1;
  for (const dimension of plan.rows) rows *= dimension.extent;
  const wanted = threads * sharesPerThread;
  if (rows >= wanted) return Math.max(1, extent);
  const chunks = Math.ceil(wanted / Math.max(1, rows));
  return Math.ceil(extent / chunks / 64) * 64;
}
