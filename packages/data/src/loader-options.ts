// What a DataLoader is told, checked.
import { ArgumentError, checkOptions } from '@nn/core';
import type { Generator } from '@nn/tensor';
import { type AnyDataset, isMapStyle, requireDataset } from './dataset.ts';
import { positive, type Sampler } from './sampler.ts';

/** Batches of positions: see `BatchSampler`. */
export interface BatchOrder extends Iterable<readonly number[]> {
  readonly length: number;
  stateDict?(): unknown;
  loadStateDict?(state: never): void;
}

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
  readonly batchSampler?: BatchOrder;
  /**
   * From samples to a batch, in this thread. Default: the dataset's own `collate`, else `defaultCollate`, both in
   * the workers where there are any.
   */
  readonly collateFn?: (samples: Sample[]) => Batch | Promise<Batch>;
  /** Threads that make the batches; 0 for none. Needs a dataset that workers can make: see `workerDataset`. Default 0. */
  readonly numWorkers?: number;
  /** How many batches are made ahead: by each worker, or without workers of the one in use. Default 2. */
  readonly prefetchFactor?: number;
  /** Keeps the workers from one epoch to the next, until `close()`. Default false. */
  readonly persistentWorkers?: boolean;
  /** Whether batches keep their order when a later one is ready first. Default true. */
  readonly inOrder?: boolean;
  /** Milliseconds to wait for a batch of a worker before an error; 0 for ever. Default 0. */
  readonly timeout?: number;
  /** Ends a loop, and its workers, with the signal's reason. */
  readonly signal?: AbortSignal;
  /** The source of the shuffled order, and of the samples' own generators. Default: `defaultGenerator`. */
  readonly generator?: Generator;
}

const optionNames = [
  'batchSize',
  'shuffle',
  'dropLast',
  'sampler',
  'batchSampler',
  'collateFn',
  'numWorkers',
  'prefetchFactor',
  'persistentWorkers',
  'inOrder',
  'timeout',
  'signal',
  'generator',
] as const;

const notNegative = (name: string, value: number): void => {
  if (Number.isInteger(value) && value >= 0) return;
  throw new ArgumentError(`DataLoader: ${name} must be an integer of at least 0, got ${value}`);
};

const hasLength = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  Symbol.iterator in value &&
  typeof (value as { length?: unknown }).length === 'number';

/** @throws {ArgumentError} for what is no dataset, for wrong values, and for options that exclude each other. */
export function checkLoaderOptions(
  dataset: AnyDataset<unknown>,
  options: DataLoaderOptions<never, unknown>,
): void {
  checkOptions('DataLoader', options, optionNames);
  requireDataset('DataLoader', dataset);
  const { batchSampler, sampler, shuffle, dropLast, collateFn, signal } = options;
  const { numWorkers = 0, prefetchFactor = 2, timeout = 0, persistentWorkers, inOrder } = options;
  if (options.batchSize === null) {
    throw new ArgumentError(
      'DataLoader: batchSize must be a number. For single samples use batchSize: 1, collateFn: ([sample]) => sample',
    );
  }
  positive('DataLoader', 'batchSize', options.batchSize ?? 1);
  notNegative('numWorkers', numWorkers);
  notNegative('prefetchFactor', prefetchFactor);
  if (!(timeout >= 0)) {
    throw new ArgumentError(`DataLoader: timeout must be milliseconds of at least 0, got ${timeout}`);
  }
  if (collateFn !== undefined && typeof collateFn !== 'function') {
    throw new ArgumentError(`DataLoader: collateFn must be a function, got ${typeof collateFn}`);
  }
  if (signal !== undefined && typeof signal?.addEventListener !== 'function') {
    throw new ArgumentError('DataLoader: signal must be an AbortSignal: new AbortController().signal');
  }
  for (const [name, order] of Object.entries({ sampler, batchSampler })) {
    if (order === undefined || hasLength(order)) continue;
    throw new ArgumentError(`DataLoader: ${name} must be iterable and have a length`);
  }
  if (numWorkers === 0) {
    const given = { persistentWorkers, inOrder: inOrder === false, timeout };
    for (const [name, value] of Object.entries(given)) {
      if (value) throw new ArgumentError(`DataLoader: ${name} is about workers, and numWorkers is 0`);
    }
  } else if (prefetchFactor === 0) {
    throw new ArgumentError('DataLoader: with workers, prefetchFactor must be at least 1');
  }
  if (sampler !== undefined && shuffle) {
    throw new ArgumentError('DataLoader: give either sampler or shuffle, not both');
  }
  if (
    batchSampler !== undefined &&
    (options.batchSize !== undefined || shuffle || sampler !== undefined || dropLast)
  ) {
    throw new ArgumentError('DataLoader: batchSampler excludes batchSize, shuffle, sampler and dropLast');
  }
  if (!isMapStyle(dataset) && (shuffle || sampler !== undefined || batchSampler !== undefined)) {
    throw new ArgumentError(
      'DataLoader: an IterableDataset has its own order: shuffle and samplers do not apply',
    );
  }
}
