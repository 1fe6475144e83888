// One pool of workers for everything that runs. The caller takes part in the work, so that one thread is simply the
// case without workers, and a worker that is not up yet is not waited for.

import { NnError } from '@nn/core';
import type { Heap } from '../heap.ts';
import { controlBytes, controlWord, maximumCalls, wordsPerCall } from './control.ts';
import type { Kernel } from './kernel-module.ts';
import { availableThreads, sharedMemoryAdvice, startWorker, type WorkerHandle } from './worker.ts';

/** One kernel with the address of its arguments. */
export interface KernelCall {
  readonly kernel: Kernel;
  readonly arguments: number;
}

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

let warned = false;

export class ThreadPool {
  /** Threads that may work at once, the caller included. Scratch space is counted by it. */
  readonly threads: number;
  readonly #control: Int32Array;
  readonly #controlAddress: number;
  readonly #workers: WorkerHandle[] = [];
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
   * Runs the calls, one after the other, on each run of up to `grain` items of [0, items); threads take such runs in
   * turn. Returns when all is done.
   *
   * @throws {KernelTrapError} when a kernel traps.
   */
  run(calls: readonly KernelCall[], items: number, grain: number): void {
    if (items <= 0) return;
    const helpers = Math.min(this.readyWorkers, Math.ceil(items / grain) - 1);
    try {
      if (helpers <= 0) this.#runAlone(calls, items, grain);
      else this.#runTogether(calls, items, grain, helpers);
    } catch (error) {
      throw error instanceof WebAssembly.RuntimeError ? new KernelTrapError({ cause: error }) : error;
    }
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    Atomics.store(this.#control, controlWord.stop, 1);
    Atomics.add(this.#control, controlWord.generation, 1);
    if (this.#workers.length > 0) Atomics.notify(this.#control, controlWord.generation);
    for (const worker of this.#workers) worker.terminate();
    this.#workers.length = 0;
    // The control block stays: a worker that is just ending may still look at it.
  }

  #runAlone(calls: readonly KernelCall[], items: number, grain: number): void {
    if (calls.length === 1) {
      calls[0].kernel.function(calls[0].arguments, 0, items, 0);
      return;
    }
    for (let begin = 0; begin < items; begin += grain) {
      const end = Math.min(begin + grain, items);
      for (const call of calls) call.kernel.function(call.arguments, begin, end, 0);
    }
  }

  #runTogether(calls: readonly KernelCall[], items: number, grain: number, helpers: number): void {
    const control = this.#control;
    this.#post(calls, items, grain);
    Atomics.store(control, controlWord.failed, 0);
    Atomics.store(control, controlWord.open, 1);
    Atomics.add(control, controlWord.generation, 1);
    Atomics.notify(control, controlWord.generation, helpers);
    try {
      for (;;) {
        const begin = Atomics.add(control, controlWord.next, grain);
        if (begin >= items) break;
        const end = Math.min(begin + grain, items);
        for (const call of calls) call.kernel.function(call.arguments, begin, end, 0);
      }
    } finally {
      Atomics.store(control, controlWord.next, items);
      Atomics.store(control, controlWord.open, 0);
      this.#waitForWorkers();
    }
    if (Atomics.load(control, controlWord.failed) === 1) throw new KernelTrapError();
  }

  /** Describes the job. No worker reads it yet: the last job is closed, and nobody is inside. */
  #post(calls: readonly KernelCall[], items: number, grain: number): void {
    if (calls.length > maximumCalls) throw new TypeError(`pool: a job has at most ${maximumCalls} calls.`);
    const control = this.#control;
    control[controlWord.items] = items;
    control[controlWord.grain] = grain;
    control[controlWord.callCount] = calls.length;
    let word = controlWord.calls as number;
    for (const { kernel, arguments: argumentsAddress } of calls) {
      control[word] = kernel.module.id;
      control[word + 1] = kernel.module.bytesAddress;
      control[word + 2] = kernel.module.bytesLength;
      control[word + 3] = kernel.entry;
      control[word + 4] = argumentsAddress;
      word += wordsPerCall;
    }
    Atomics.store(control, controlWord.next, 0);
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
