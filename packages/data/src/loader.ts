// Batches of a dataset, made ahead: in this thread, or by workers.
import { ArgumentError } from '@nn/core';
import { defaultGenerator, type Generator as RandomNumbers } from '@nn/tensor';
import type { Collated } from './collate.ts';
import { type AnyDataset, type Dataset, isMapStyle } from './dataset.ts';
import {
  type BatchRequest,
  fetchBatch,
  fetchSamples,
  grouped,
  groupedSync,
  hasOwnBatches,
  isThenable,
  joinSamples,
  SampleFailure,
} from './fetch.ts';
import { type BatchOrder, checkLoaderOptions, type DataLoaderOptions } from './loader-options.ts';
import type { EpochSeed } from './random.ts';
import { BatchSampler, RandomSampler, SequentialSampler } from './sampler.ts';
import { threadKind } from './worker/channel.ts';
import { WorkerPool } from './worker/pool.ts';
import { recipeOf } from './worker/recipe.ts';
import { decode } from './worker/wire.ts';

/** Where a loader is: JSON. */
export interface DataLoaderState {
  readonly epoch: number;
  /** Batches of this epoch that were delivered. */
  readonly batches: number;
  /** What the samples' generators follow from. */
  readonly seed: string;
  /** The sampler's state before it drew this epoch's order, and now. */
  readonly order: { readonly before: unknown; readonly now: unknown };
}

/** Ends the workers of loops that nobody left and of loaders that nobody closed, once they are garbage. */
const abandoned: FinalizationRegistry<WorkerPool> = new FinalizationRegistry((pool) => void pool.close());

interface Epoch {
  readonly seed: EpochSeed;
  /** Null for a stream. */
  readonly requests: Iterator<BatchRequest> | null;
  readonly orderBefore: unknown;
  /** Batches delivered so far, with those before this loop began. */
  batches: number;
}

/**
 * Walks a dataset in batches, as `torch.utils.data.DataLoader`: `for await (const batch of loader)`. Each loop is
 * one epoch; leaving it early leaves nothing behind. Without workers, and where the dataset gives its samples
 * without promises, `for (const batch of loader)` does, too.
 *
 * With `numWorkers` the batches are made in threads. They come in the same order, with the same random numbers, for
 * any number of workers, 0 included, as far as samples draw them from the generator that `get` is given.
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
export class DataLoader<Sample, Batch = Collated<Sample>> implements AsyncIterable<Batch> {
  readonly dataset: AnyDataset<Sample>;
  readonly batchSize: number;
  readonly numWorkers: number;
  readonly #options: DataLoaderOptions<Sample, Batch>;
  readonly #generator: RandomNumbers;
  /** Null for a stream. */
  readonly #order: BatchOrder | null;
  #nextEpoch = 0;
  #seed: bigint | null = null;
  /** The epoch of the loop that runs. */
  #current: Epoch | null = null;
  #resumed: DataLoaderState | null = null;
  /** The workers that wait for the next epoch. */
  #idle: WorkerPool | null = null;

  /**
   * @throws {ArgumentError} for what is no dataset, for wrong options and those that exclude each other, and for a
   * dataset that workers cannot make.
   */
  constructor(dataset: AnyDataset<Sample>, options: DataLoaderOptions<Sample, Batch> = {}) {
    checkLoaderOptions(dataset, options);
    const { batchSampler, sampler, shuffle = false, dropLast = false, generator } = options;
    this.dataset = dataset;
    this.batchSize = options.batchSize ?? 1;
    this.numWorkers = options.numWorkers ?? 0;
    this.#options = options;
    this.#generator = generator ?? defaultGenerator;
    if (this.numWorkers > 0) recipeOf(dataset);
    if (!isMapStyle(dataset)) {
      this.#order = null;
      return;
    }
    const order =
      sampler ??
      (shuffle ? new RandomSampler(dataset, { generator: this.#generator }) : new SequentialSampler(dataset));
    this.#order = batchSampler ?? new BatchSampler(order, this.batchSize, dropLast);
  }

  /** Batches of one epoch. @throws {ArgumentError} for an IterableDataset, whose length is unknown. */
  get length(): number {
    if (this.#order === null)
      throw new ArgumentError('DataLoader: the length of an IterableDataset is unknown');
    return this.#order.length;
  }

  /**
   * Where the loader is, in JSON's terms. Taken inside of a loop, behind a batch, it makes another loader's next
   * loop go on with the batch that follows; between loops, with the next epoch.
   *
   * @throws {ArgumentError} inside of a loop whose batches come in no order.
   */
  stateDict(): DataLoaderState {
    const now = this.#order?.stateDict?.() ?? null;
    if (this.#current === null) {
      if (this.#resumed !== null) return this.#resumed;
      const seed = String(this.#seed ?? this.#generator.seed);
      return { epoch: this.#nextEpoch, batches: 0, seed, order: { before: now, now } };
    }
    if (this.#options.inOrder === false) {
      throw new ArgumentError('DataLoader: with inOrder: false there is no state inside of an epoch');
    }
    const { seed, batches, orderBefore } = this.#current;
    return { epoch: seed.epoch, batches, seed: String(seed.seed), order: { before: orderBefore, now } };
  }

  /**
   * Takes the state up: the next loop goes on from there. The loader must be made as the one was that gave it.
   *
   * @throws {ArgumentError} for what is no loader's state.
   */
  loadStateDict(state: DataLoaderState): void {
    const { epoch, batches, seed, order } = state ?? {};
    if (
      !Number.isInteger(epoch) ||
      !Number.isInteger(batches) ||
      typeof seed !== 'string' ||
      order === undefined
    ) {
      throw new ArgumentError(
        'DataLoader: loadStateDict takes what stateDict() gave: { epoch, batches, seed, order }',
      );
    }
    this.#seed = BigInt(seed);
    this.#nextEpoch = epoch;
    this.#current = null;
    this.#resumed = batches > 0 ? state : null;
    this.#order?.loadStateDict?.(order.now as never);
  }

  /** Ends workers that wait for another epoch. */
  async close(): Promise<void> {
    await this.#takeIdle()?.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Batch, void, undefined> {
    const epoch = this.#begin();
    try {
      yield* this.numWorkers === 0 ? this.#local(epoch) : this.#remote(epoch);
    } finally {
      this.#end(epoch);
    }
  }

  /** @throws {ArgumentError} with workers, and where a sample or batch is a promise. */
  *[Symbol.iterator](): Generator<Batch, void, undefined> {
    if (this.numWorkers > 0) {
      throw new ArgumentError('DataLoader: workers answer later. Use: for await (const batch of loader)');
    }
    const { signal } = this.#options;
    const epoch = this.#begin();
    try {
      for (const batch of this.#localSync(epoch)) {
        signal?.throwIfAborted();
        epoch.batches++;
        yield batch;
      }
    } finally {
      this.#end(epoch);
    }
  }

  #begin(): Epoch {
    const resumed = this.#resumed;
    this.#resumed = null;
    this.#seed ??= this.#generator.seed;
    const seed: EpochSeed = { seed: this.#seed, epoch: this.#nextEpoch++ };
    const order = this.#order;
    const now = order?.stateDict?.() ?? null;
    const orderBefore = resumed === null ? now : resumed.order.before;
    const skip = resumed?.batches ?? 0;
    if (skip > 0) order?.loadStateDict?.(orderBefore as never);
    const requests = order === null ? null : requestsOf(order, seed, skip);
    if (skip > 0) order?.loadStateDict?.(now as never);
    const epoch = { seed, requests, orderBefore, batches: skip };
    this.#current = epoch;
    return epoch;
  }

  #end(epoch: Epoch): void {
    if (this.#current === epoch) this.#current = null;
  }

  async *#local(epoch: Epoch): AsyncGenerator<Batch, void, undefined> {
    const { signal, prefetchFactor = 2 } = this.#options;
    const source = this.#made(epoch);
    const ahead: Promise<IteratorResult<Batch>>[] = [];
    try {
      for (;;) {
        signal?.throwIfAborted();
        while (ahead.length <= prefetchFactor) {
          const next = source.next();
          // Whoever awaits it sees the error; until then it is not unhandled.
          next.catch(() => {});
          ahead.push(next);
        }
        const result = await unlessAborted(ahead.shift()!, signal);
        if (result.done) return;
        epoch.batches++;
        yield result.value;
      }
    } finally {
      const ended = source.return();
      // What is being made ahead may never end; an aborted loop does not wait for it.
      if (signal?.aborted) ended.catch(() => {});
      else await ended;
    }
  }

  async *#made({ requests, batches }: Epoch): AsyncGenerator<Batch, void, undefined> {
    if (requests === null) {
      const { dataset } = this;
      for await (const samples of grouped(dataset as AsyncIterable<Sample>, this.#grouping(batches))) {
        yield await this.#join(samples);
      }
      return;
    }
    for (const request of { [Symbol.iterator]: () => requests }) {
      const samples = this.#lookUp(request);
      yield samples instanceof OwnBatch ? await samples.batch : await this.#join(await samples);
    }
  }

  *#localSync({ requests, batches }: Epoch): Generator<Batch, void, undefined> {
    if (requests === null) {
      if (!(Symbol.iterator in this.dataset)) {
        throw new ArgumentError(
          'DataLoader: this IterableDataset has no [Symbol.iterator]. Use: for await (const batch of loader)',
        );
      }
      const stream = this.dataset as unknown as Iterable<Sample>;
      for (const samples of groupedSync(stream, this.#grouping(batches))) yield atHand(this.#join(samples));
      return;
    }
    for (const request of { [Symbol.iterator]: () => requests }) {
      const samples = this.#lookUp(request);
      yield samples instanceof OwnBatch ? atHand(samples.batch) : atHand(this.#join(atHand(samples)));
    }
  }

  async *#remote(epoch: Epoch): AsyncGenerator<Batch, void, undefined> {
    const { collateFn, persistentWorkers = false } = this.#options;
    // A second loop inside of the first has workers of its own.
    const pool = this.#takeIdle() ?? this.#startWorkers();
    const loop = {};
    abandoned.register(loop, pool, loop);
    let isIntact = false;
    try {
      for await (const { wire, position } of pool.epoch(epoch.seed, epoch.requests, epoch.batches)) {
        const value = decode(wire, (host) => host.toTensor());
        const batch = collateFn === undefined ? (value as Batch) : await collateFn(value as Sample[]);
        epoch.batches = position;
        isIntact = true;
        yield batch;
        isIntact = false;
      }
      isIntact = true;
    } finally {
      abandoned.unregister(loop);
      if (persistentWorkers && isIntact && this.#idle === null && pool.isUsable) {
        this.#idle = pool;
        abandoned.register(this, pool, pool);
      } else await pool.close();
    }
  }

  #takeIdle(): WorkerPool | null {
    const idle = this.#idle;
    this.#idle = null;
    if (idle !== null) abandoned.unregister(idle);
    return idle;
  }

  #startWorkers(): WorkerPool {
    if (threadKind() !== undefined) {
      throw new ArgumentError(
        "DataLoader: a worker of a loader must not start workers. Does the module that defines the dataset also run the program? Give it a module of its own, or run the program only where node:worker_threads' isMainThread is true",
      );
    }
    const { prefetchFactor = 2, timeout = 0, inOrder = true, signal, dropLast = false } = this.#options;
    const { dataset } = this;
    const isMap = isMapStyle(dataset);
    return new WorkerPool(recipeOf(dataset), {
      numWorkers: this.numWorkers,
      prefetchFactor,
      timeout,
      inOrder,
      signal,
      delivery: this.#options.collateFn === undefined ? 'batches' : 'samples',
      stream: isMap ? null : { batchSize: this.batchSize, dropLast },
      length: isMap ? dataset.length : null,
    });
  }

  #lookUp(request: BatchRequest): OwnBatch<Batch> | Sample[] | Promise<Sample[]> {
    const dataset = this.dataset as Dataset<Sample>;
    if (this.#options.collateFn === undefined && hasOwnBatches(dataset)) {
      return new OwnBatch(fetchBatch(dataset, request) as Batch | Promise<Batch>);
    }
    try {
      const samples = fetchSamples(dataset, request);
      return isThenable(samples) ? samples.catch(rethrowOriginal) : samples;
    } catch (error) {
      return rethrowOriginal(error);
    }
  }

  #join(samples: Sample[]): Batch | Promise<Batch> {
    const { collateFn } = this.#options;
    return collateFn === undefined
      ? (joinSamples(this.dataset, samples) as Batch | Promise<Batch>)
      : collateFn(samples);
  }

  #grouping(batches: number): { batchSize: number; dropLast: boolean; skip: number } {
    return {
      batchSize: this.batchSize,
      dropLast: this.#options.dropLast ?? false,
      skip: batches * this.batchSize,
    };
  }
}

/** A batch that the dataset made whole. */
class OwnBatch<Batch> {
  readonly batch: Batch | Promise<Batch>;

  constructor(batch: Batch | Promise<Batch>) {
    this.batch = batch;
  }
}

/** The dataset's own error: in this thread its stack says where it comes from. */
function rethrowOriginal(error: unknown): never {
  throw error instanceof SampleFailure ? error.error : error;
}

function requestsOf(order: BatchOrder, seed: EpochSeed, skip: number): Iterator<BatchRequest> {
  const batches = order[Symbol.iterator]();
  let first = 0;
  const next = (): IteratorResult<BatchRequest> => {
    const result = batches.next();
    if (result.done) return { done: true, value: undefined };
    const request = { indices: result.value, first, seed };
    first += result.value.length;
    return { done: false, value: request };
  };
  for (; skip > 0; skip--) next();
  return {
    next,
    return: (value) => {
      batches.return?.();
      return { done: true, value };
    },
  };
}

function atHand<Value>(value: Value | Promise<Value>): Value {
  if (!isThenable(value)) return value;
  (value as Promise<Value>).catch?.(() => {});
  throw new ArgumentError(
    'DataLoader: the dataset or collate gave a promise. Use: for await (const batch of loader)',
  );
}

function unlessAborted<Value>(promise: Promise<Value>, signal: AbortSignal | undefined): Promise<Value> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
