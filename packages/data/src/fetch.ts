// What a loader does for one batch, in its own thread or in a worker: look samples up, and join them.
import { defaultCollate } from './collate.ts';
import type { AnyDataset, Dataset } from './dataset.ts';
import { type EpochSeed, sampleGenerator } from './random.ts';

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { readonly then?: unknown } | null | undefined)?.then === 'function';
}

export interface BatchRequest {
  readonly indices: readonly number[];
  /** How many samples of the epoch come before the batch's first. */
  readonly first: number;
  readonly seed: EpochSeed;
}

/** What `get` threw for a sample. */
export class SampleFailure {
  readonly index: number;
  readonly error: unknown;

  constructor(index: number, error: unknown) {
    this.index = index;
    this.error = error;
  }
}

/**
 * The samples; a promise only if the dataset gave one.
 *
 * @throws {SampleFailure}
 */
export function fetchSamples<Sample>(
  dataset: Dataset<Sample>,
  { indices, first, seed }: BatchRequest,
): Sample[] | Promise<Sample[]> {
  const samples = indices.map((index, i) => {
    try {
      const sample = dataset.get(index, sampleGenerator(seed, first + i));
      if (!isThenable(sample)) return sample;
      return Promise.resolve(sample).catch((error) => {
        throw new SampleFailure(index, error);
      });
    } catch (error) {
      throw new SampleFailure(index, error);
    }
  });
  return samples.some(isThenable) ? Promise.all(samples) : (samples as Sample[]);
}

/** A whole batch by `getBatch`, where the dataset has one and the samples need no joining of their own. */
export function fetchBatch(dataset: Dataset<unknown>, { indices, first, seed }: BatchRequest): unknown {
  return dataset.getBatch!(indices, sampleGenerator(seed, first));
}

export const hasOwnBatches = (dataset: Dataset<unknown>): boolean =>
  dataset.getBatch !== undefined && dataset.collate === undefined;

/** The batch, by the dataset's own `collate` or the default one. */
export function joinSamples(dataset: AnyDataset<unknown>, samples: readonly unknown[]): unknown {
  return dataset.collate === undefined ? defaultCollate(samples) : dataset.collate(samples);
}

export interface GroupOptions {
  readonly batchSize: number;
  readonly dropLast: boolean;
  /** Samples to leave out. */
  readonly skip: number;
}

/** The group that a stream's samples are being gathered in. */
class Group<Sample> {
  readonly #batchSize: number;
  readonly #dropLast: boolean;
  #skip: number;
  #samples: Sample[] = [];

  constructor({ batchSize, dropLast, skip }: GroupOptions) {
    this.#batchSize = batchSize;
    this.#dropLast = dropLast;
    this.#skip = skip;
  }

  /** The group if this sample makes it complete, else null. */
  add(sample: Sample): Sample[] | null {
    if (this.#skip > 0) {
      this.#skip--;
      return null;
    }
    if (this.#samples.push(sample) < this.#batchSize) return null;
    const samples = this.#samples;
    this.#samples = [];
    return samples;
  }

  /** What is left at the end, if it counts. */
  rest(): Sample[] | null {
    return this.#samples.length > 0 && !this.#dropLast ? this.#samples : null;
  }
}

/** Groups a stream's samples, after leaving out the first ones. */
export async function* grouped<Sample>(
  stream: AsyncIterable<Sample>,
  options: GroupOptions,
): AsyncGenerator<Sample[], void, undefined> {
  const group = new Group<Sample>(options);
  for await (const sample of stream) {
    const samples = group.add(sample);
    if (samples !== null) yield samples;
  }
  const rest = group.rest();
  if (rest !== null) yield rest;
}

/** `grouped` for samples that are at hand. */
export function* groupedSync<Sample>(
  stream: Iterable<Sample>,
  options: GroupOptions,
): Generator<Sample[], void, undefined> {
  const group = new Group<Sample>(options);
  for (const sample of stream) {
    const samples = group.add(sample);
    if (samples !== null) yield samples;
  }
  const rest = group.rest();
  if (rest !== null) yield rest;
}
