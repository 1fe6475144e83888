// Kernels by what they are written from: one module for all that ask for the same, kept a while when nobody does.
import type { Heap } from '../heap.ts';
import { type Kernel, KernelModule } from './kernel-module.ts';

/** Modules that nobody holds and that are kept all the same, since the next program may ask for them. */
const keptUnheld = 256;

/** A kernel that is held; give it back by `release`. */
export interface HeldKernel {
  readonly kernel: Kernel;
  readonly key: string;
}

interface Entry extends HeldKernel {
  holders: number;
}

export class KernelCache {
  readonly #heap: Heap;
  readonly #entries = new Map<string, Entry>();
  /** Those that nobody holds, the longest forgotten first. */
  readonly #unheld = new Set<Entry>();

  constructor(heap: Heap) {
    this.#heap = heap;
  }

  /** Modules that are kept, held or not. */
  get size(): number {
    return this.#entries.size;
  }

  hold(key: string, build: () => Uint8Array<ArrayBuffer>): HeldKernel {
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      entry = { kernel: new KernelModule(this.#heap, build()).kernel(), key, holders: 0 };
      this.#entries.set(key, entry);
    }
    this.#unheld.delete(entry);
    entry.holders++;
    return entry;
  }

  release({ key }: HeldKernel): void {
    const entry = this.#entries.get(key);
    if (entry === undefined || --entry.holders > 0) return;
    this.#unheld.add(entry);
    if (this.#unheld.size <= keptUnheld) return;
    for (const oldest of this.#unheld) {
      this.#unheld.delete(oldest);
      this.#entries.delete(oldest.key);
      oldest.kernel.module.dispose();
      return;
    }
  }

  dispose(): void {
    for (const { kernel } of this.#entries.values()) kernel.module.dispose();
    this.#entries.clear();
    this.#unheld.clear();
  }
}
