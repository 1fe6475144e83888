// Samples that take a while, for `loader.ts`, in whichever thread makes them.
import { Dataset, workerDataset } from '@nn/data';

export interface ItemOptions {
  readonly length: number;
  /** What a sample does for a millisecond. */
  readonly kind: 'computes' | 'blocks' | 'waits' | 'nothing';
}

class Items extends Dataset<Float32Array> {
  readonly length: number;
  readonly #kind: ItemOptions['kind'];

  constructor({ length, kind }: ItemOptions) {
    super();
    this.length = length;
    this.#kind = kind;
  }

  get(index: number): Float32Array | Promise<Float32Array> {
    const sample = Float32Array.of(index, index * index);
    if (this.#kind === 'waits') return new Promise((resolve) => setTimeout(() => resolve(sample), 1));
    // As reading a file at once does.
    if (this.#kind === 'blocks') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    if (this.#kind === 'computes') for (const end = performance.now() + 1; performance.now() < end; );
    return sample;
  }
}

export const items = workerDataset((options: ItemOptions) => new Items(options), import.meta.url);
