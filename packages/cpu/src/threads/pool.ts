// One pool of workers for everything that runs. The caller takes part in the work, so that one thread is simply the
// case without workers, and a worker that is not up yet is not waited for.

import { NnError } from '@nn/core';
import type { Heap } from '../heap.ts';
import { controlBytes, controlWord } from './control.ts';
import type { Job } from './job.ts';
import { inSlices, type Slices } from './slices.ts';
import { availableThreads, sharedMemoryAdvice, startWorker, type WorkerHandle } from './worker.ts';

export interface PoolOptions {
  /** Threads that work, the caller included. Default: as many as the machine has, 16 at most. */
  readonly threads?: number;
}

/** A kernel that trapped: a fault of the library. */
export class KernelTrapError extends NnError {
  constructor(options?: ErrorOptions) {
    super('NN_KERNEL_TRAP', 'cpu: a kernel trapped; its results are not to be trusted.', options);
  }
}

/** Parts in which a thread takes its fair share of a job, or of what lies between two pauses: small enough to even out. */
export const sharesPerThread = 4;

let warned = false;

export class ThreadPool {
  /** Threads that may work at once, the caller included. Scratch space is counted by it. */
  readonly threads: number;
  readonly #control: Int32Array;
  readonly #controlAddress: number;
  readonly #workers: WorkerHandle[] = [];
  /** What the workers were left alone with. */
  #left: { readonly job: Job; readonly items: number; readonly grain: number } | undefined;
  #disposed = false;

  constructor(heap: Heap, options: PoolOptions = {}) {
    const wanted = Math.max(1, Math.min(64, Math.floor(options.threads ?? availableThreads())));
    this.threads = heap.shared ? wanted : 1;
    if (wanted > 1 && !heap.shared && !warned) {
      warned = true;
      console.warn(sharedMemoryAdvice());
    }
    this.#controlAddress = heap.allocate(controlBytes);
    this.#control = new Int32Array(heap.memory.buffer, this.#controlAddress, controlBytes / 4);
    this.#control.fill(0);
    for (let thread = 1; thread < this.threads; thread++) {
      this.#workers.push(startWorker(heap.memory, this.#controlAddress, thread));
    }
  }

  /** Workers that are up by now. */
  get readyWorkers(): number {
    return this.#workers.length === 0 ? 0 : Atomics.load(this.#control, controlWord.ready);
  }

  /**
   * Runs the items of a job; threads take up to `grain` of them in turn. Returns when all is done; or, with `leaves`, as
   * soon as workers have been told: what the job reads and writes must then stay as it is until `finish`.
   *
   * @throws {KernelTrapError} when a kernel traps.
   */
  run(job: Job, items: number, grain: number, leaves = false): void {
    this.#run(job, 0, items, grain, leaves);
  }

  /**
   * Takes part in what workers were left alone with, until all is done.
   *
   * @throws {KernelTrapError} when a kernel traps.
   */
  finish(): void {
    const left = this.#left;
    if (left === undefined) return;
    this.#left = undefined;
    this.#takePart(left.job, left.items, left.grain);
  }

  #run(job: Job, begin: number, items: number, grain: number, leaves: boolean): void {
    this.finish();
    if (items <= begin) return;
    const helpers = Math.min(this.readyWorkers, Math.ceil((items - begin) / grain) - 1);
    if (helpers <= 0) this.#runAlone(job, begin, items, grain);
    else {
      this.#start(job, begin, items, grain, helpers);
      if (leaves) this.#left = { job, items, grain };
      else this.#takePart(job, items, grain);
    }
  }

  /** As `run`, pausing now and then: where little is done between pauses, threads take less of it at a time. */
  inSlices(job: Job, items: number, grain: number): Slices {
    const { threads } = this;
    const share = (count: number): number => Math.min(grain, Math.ceil(count / (threads * sharesPerThread)));
    return inSlices((begin, end) => this.#run(job, begin, end, share(end - begin), false), items, threads);
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#left = undefined;
    // Without workers memory may not be shared, and the control block be one that growing has detached.
    if (this.#workers.length === 0) return;
    Atomics.store(this.#control, controlWord.stop, 1);
    Atomics.add(this.#control, controlWord.generation, 1);
    Atomics.notify(this.#control, controlWord.generation);
    for (const worker of this.#workers) worker.terminate();
    this.#workers.length = 0;
    // The control block stays: a worker that is just ending may still look at it.
  }

  #runAlone(job: Job, first: number, items: number, grain: number): void {
    try {
      if (job.callCount === 1) job.run(first, items);
      else
        for (let begin = first; begin < items; begin += grain) job.run(begin, Math.min(begin + grain, items));
    } catch (error) {
      throw trapOf(error);
    }
  }

  #start(job: Job, first: number, items: number, grain: number, helpers: number): void {
    const control = this.#control;
    // No worker reads the description yet: the last job is closed, and nobody is inside.
    control[controlWord.items] = items;
    control[controlWord.grain] = grain;
    control[controlWord.calls] = job.address;
    control[controlWord.callCount] = job.callCount;
    control[controlWord.pieces] = job.piecesAddress;
    Atomics.store(control, controlWord.next, first);
    Atomics.store(control, controlWord.failed, 0);
    Atomics.store(control, controlWord.open, 1);
    Atomics.add(control, controlWord.generation, 1);
    if (Atomics.load(control, controlWord.sleepers) > 0)
      Atomics.notify(control, controlWord.generation, helpers);
  }

  #takePart(job: Job, items: number, grain: number): void {
    const control = this.#control;
    try {
      for (;;) {
        const begin = Atomics.add(control, controlWord.next, grain);
        if (begin >= items) break;
        job.run(begin, Math.min(begin + grain, items));
      }
    } catch (error) {
      throw trapOf(error);
    } finally {
      Atomics.store(control, controlWord.next, items);
      Atomics.store(control, controlWord.open, 0);
      this.#waitForWorkers();
    }
    if (Atomics.load(control, controlWord.failed) === 1) throw new KernelTrapError();
  }

  /** A worker that entered before the job was closed is counted as active until it leaves. */
  #waitForWorkers(): void {
    const control = this.#control;
    // Their last runs of items are about to end: looking is faster than sleeping.
    for (let looks = 0; looks < 20_000; looks++) {
      if (Atomics.load(control, controlWord.active) === 0) return;
    }
    for (;;) {
      const active = Atomics.load(control, controlWord.active);
      if (active === 0) return;
      if (!mayWait) continue;
      try {
        Atomics.wait(control, controlWord.active, active, 1);
      } catch {
        // A browser's main thread may not sleep.
        mayWait = false;
      }
    }
  }
}

let mayWait = true;

function trapOf(error: unknown): unknown {
  return error instanceof WebAssembly.RuntimeError ? new KernelTrapError({ cause: error }) : error;
}
