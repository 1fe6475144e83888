// Batches of a dataset, some of them made ahead.
import { ArgumentError, checkOptions } from '@nn/core';
import type { Generator } from '@nn/tensor';
import { defaultCollate } from './collate.ts';
import { type Dataset, IterableDataset } from './dataset.ts';
import { BatchSampler, positive, RandomSampler, type Sampler, SequentialSampler } from './sampler.ts';

export interface DataLoaderOptions<Sample, Batch> {
  /** Default 1. */
  readonly batchSize?: number;
  /** A new random order at each iteration. Default false. */
  readonly shuffle?: boolean;
  /** Leaves out a last batch that is not full. Default false. */
  readonly dropLast?: boolean;
  /** The order; excludes `shuffle`. */
  readonly sampler?: Sampler;
  /** Batches of positions; excludes `batchSize`, `shuffle`, `sampler` and `dropLast`. */
  readonly batchSampler?: Iterable<readonly number[]> & { readonly length: number };
  /** From samples to a batch. Default: `defaultCollate`. */
  readonly collate?: (samples: readonly Sample[]) => Batch | Promise<Batch>;
  /** How many batches are made ahead of the one in use. Default 2. */
  readonly prefetch?: number;
  /** The source of the shuffled order. */
  readonly generator?: Generator;
}

const optionNames = [
  'batchSize',
  'shuffle',
  'dropLast',
  'sampler',
  'batchSampler',
  'collate',
  'prefetch',
  'generator',
] as const;

/** @throws {ArgumentError} for what can neither be looked up by position nor walked through. */
function requireDataset(dataset: unknown): void {
  if (dataset instanceof IterableDataset) return;
  const { get, length } = (dataset ?? {}) as { get?: unknown; length?: unknown };
  if (typeof get === 'function' && typeof length === 'number') return;
  throw new ArgumentError(
    `DataLoader: expected a Dataset (with length and get) or an IterableDataset, got ${
      Array.isArray(dataset) ? 'an array' : typeof dataset
    }. new TensorDataset(x, y) makes one of tensors`,
  );
}

/**
 * Walks a dataset in batches, as `torch.utils.data.DataLoader`: `for await (const batch of loader)`. Each loop is
 * one epoch; leaving it early leaves nothing behind.
 *
 * @example
 * ```ts
 * import { DataLoader, TensorDataset } from '@nn/data';
 * import { arange, interpreter, use } from '@nn/tensor';
 * use(interpreter());
 * const loader = new DataLoader(new TensorDataset(arange(5)), { batchSize: 2 });
 * for await (const [x] of loader) console.log(await x.toArray());
 * // => [0, 1]
 * // => [2, 3]
 * // => [4]
 * ```
 */
export class DataLoader<Sample, Batch = Sample> implements AsyncIterable<Batch> {
  readonly dataset: Dataset<Sample> | IterableDataset<Sample>;
  readonly batchSize: number;
  readonly #batches: (Iterable<readonly number[]> & { readonly length: number }) | null;
  readonly #collate: ((samples: readonly Sample[]) => Batch | Promise<Batch>) | undefined;
  readonly #prefetch: number;
  readonly #dropLast: boolean;

  /** @throws {ArgumentError} for what is no dataset, and for options that exclude each other. */
  constructor(
    dataset: Dataset<Sample> | IterableDataset<Sample>,
    options: DataLoaderOptions<Sample, Batch> = {},
  ) {
    checkOptions('DataLoader', options, optionNames);
    requireDataset(dataset);
    const { batchSampler, sampler, shuffle = false, dropLast = false, generator, prefetch = 2 } = options;
    this.dataset = dataset;
    this.batchSize = positive('DataLoader', 'batchSize', options.batchSize ?? 1);
    this.#collate = options.collate;
    this.#prefetch = prefetch;
    this.#dropLast = dropLast;
    if (!Number.isInteger(prefetch) || prefetch < 0) {
      throw new ArgumentError(`DataLoader: prefetch must be an integer of at least 0, got ${prefetch}`);
    }
    if (sampler !== undefined && shuffle)
      throw new ArgumentError('DataLoader: give either sampler or shuffle, not both');
    if (
      batchSampler !== undefined &&
      (options.batchSize !== undefined || shuffle || sampler !== undefined || dropLast)
    ) {
      throw new ArgumentError('DataLoader: batchSampler excludes batchSize, shuffle, sampler and dropLast');
    }
    if (dataset instanceof IterableDataset) {
      if (shuffle || sampler !== undefined || batchSampler !== undefined) {
        throw new ArgumentError(
          'DataLoader: an IterableDataset has its own order: shuffle and samplers do not apply',
        );
      }
      this.#batches = null;
      return;
    }
    const order =
      sampler ??
      (shuffle && dataset.length > 0
        ? new RandomSampler(dataset, { generator })
        : new SequentialSampler(dataset));
    this.#batches = batchSampler ?? new BatchSampler(order, this.batchSize, dropLast);
  }

  /** Batches of one epoch. @throws {ArgumentError} for an IterableDataset, whose length is unknown. */
  get length(): number {
    if (this.#batches === null)
      throw new ArgumentError('DataLoader: the length of an IterableDataset is unknown');
    return this.#batches.length;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Batch, void, undefined> {
    const source = this.#batches === null ? this.#streamed() : this.#looked(this.#batches);
    const ahead: Promise<IteratorResult<Batch>>[] = [];
    try {
      for (;;) {
        while (ahead.length <= this.#prefetch) {
          const next = source.next();
          // Whoever awaits it sees the error; until then it is not unhandled.
          next.catch(() => {});
          ahead.push(next);
        }
        const result = await ahead.shift()!;
        if (result.done) return;
        yield result.value;
      }
    } finally {
      await source.return?.(undefined);
    }
  }

  async *#looked(batches: Iterable<readonly number[]>): AsyncGenerator<Batch, void, undefined> {
    const dataset = this.dataset as Dataset<Sample>;
    for (const indices of batches) {
      if (this.#collate === undefined && dataset.getBatch !== undefined) {
        yield (await dataset.getBatch(indices)) as unknown as Batch;
      } else {
        yield await this.#join(await Promise.all(indices.map((index) => dataset.get(index))));
      }
    }
  }

  async *#streamed(): AsyncGenerator<Batch, void, undefined> {
    let samples: Sample[] = [];
    for await (const sample of this.dataset as IterableDataset<Sample>) {
      if (samples.push(sample) < this.batchSize) continue;
      yield await this.#join(samples);
      samples = [];
    }
    if (samples.length > 0 && !this.#dropLast) yield await this.#join(samples);
  }

  async #join(samples: readonly Sample[]): Promise<Batch> {
    return this.#collate === undefined ? (defaultCollate(samples) as Batch) : this.#collate(samples);
  }
}
