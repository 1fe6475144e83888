// What is to be done on the device, in order: done as it comes, or, where the thread must not block, later and in
// slices. Memory is freed in the same order.
import { DeviceError, turn } from '@nn/core';
import type { Slices } from './threads/slices.ts';

/** Work of one call. What takes long can be done in slices. */
export interface Work {
  run(): void;
  inSlices?(): Slices;
  /** It will not be done. */
  cancel?(reason: Error): void;
}

/** As long as others may have to wait, in milliseconds: half of a frame of 60 Hz. */
const turnMilliseconds = 8;
/** More work than this is done at once: who queues it should wait for results now and then. */
const mostQueued = 4096;

export class WorkQueue {
  /** Whether work is done when it is given. */
  readonly blocks: boolean;
  readonly #waiting: Work[] = [];
  /** What is being done. */
  #current: Slices | null = null;
  #isPumping = false;
  #failure: unknown = null;

  constructor(blocks: boolean) {
    this.blocks = blocks;
  }

  get isEmpty(): boolean {
    return this.#current === null && this.#waiting.length === 0;
  }

  add(work: Work): void {
    if (this.blocks) {
      work.run();
      return;
    }
    if (this.#waiting.length >= mostQueued) this.finish();
    this.#waiting.push(work);
    if (!this.#isPumping) void this.#pump();
  }

  /** Does all that waits. @throws what work threw that nobody waited for. */
  finish(): void {
    while (!this.isEmpty) {
      try {
        if (this.#current !== null) {
          while (!this.#current.next().done);
          this.#current = null;
        } else this.#waiting.shift()!.run();
      } catch (error) {
        this.#current = null;
        this.#failure ??= error;
      }
    }
    const failure = this.#failure;
    this.#failure = null;
    if (failure !== null) throw failure;
  }

  /** Forgets what waits; those who wait for it hear that the device is gone. */
  clear(): void {
    const cancelled = this.#waiting.splice(0);
    this.#current = null;
    const reason = new DeviceError(
      'cpu: the backend was removed before this was computed. Await results first',
    );
    for (const work of cancelled) work.cancel?.(reason);
  }

  /** Resolves with what `last` gives, after what waits now. */
  after<T>(last: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const run = (): void => {
        const failure = this.#failure;
        this.#failure = null;
        if (failure !== null) {
          reject(failure);
          return;
        }
        try {
          resolve(last());
        } catch (error) {
          reject(error);
        }
      };
      this.add({ run, cancel: reject });
    });
  }

  async #pump(): Promise<void> {
    this.#isPumping = true;
    while (!this.isEmpty) {
      await turn();
      let now = performance.now();
      const end = now + turnMilliseconds;
      // A slice that takes as long as the one before it must fit.
      for (let last = 0; now + last < end && this.#step(); ) {
        const before = now;
        now = performance.now();
        last = now - before;
      }
    }
    this.#isPumping = false;
  }

  /** Goes on by a slice; false when nothing is left. */
  #step(): boolean {
    try {
      if (this.#current === null) {
        const work = this.#waiting.shift();
        if (work === undefined) return false;
        if (work.inSlices === undefined) work.run();
        else this.#current = work.inSlices();
      } else if (this.#current.next().done) this.#current = null;
    } catch (error) {
      this.#current = null;
      this.#failure ??= error;
    }
    return true;
  }
}
