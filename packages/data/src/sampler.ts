// In which order samples are taken.
import { ArgumentError, checkOptions } from '@nn/core';
import { defaultGenerator, type Generator } from '@nn/tensor';
import { HostRandom } from './random.ts';

/** Positions, a new round at each iteration. */
export interface Sampler extends Iterable<number> {
  readonly length: number;
}

interface Sized {
  readonly length: number;
}

export class SequentialSampler implements Sampler {
  readonly length: number;

  constructor(dataset: Sized) {
    this.length = dataset.length;
  }

  *[Symbol.iterator](): Iterator<number> {
    for (let i = 0; i < this.length; i++) yield i;
  }
}

export interface RandomSamplerOptions {
  /** Whether a position may come several times. Default false. */
  readonly replacement?: boolean;
  /** Default: the dataset's length. */
  readonly numSamples?: number;
  readonly generator?: Generator;
}

export class RandomSampler implements Sampler {
  readonly length: number;
  readonly #size: number;
  readonly #replacement: boolean;
  readonly #generator: Generator;

  constructor(dataset: Sized, options: RandomSamplerOptions = {}) {
    checkOptions('RandomSampler', options, ['replacement', 'numSamples', 'generator']);
    this.length = positive('RandomSampler', 'numSamples', options.numSamples ?? dataset.length);
    this.#size = dataset.length;
    this.#replacement = options.replacement ?? false;
    this.#generator = options.generator ?? defaultGenerator;
  }

  *[Symbol.iterator](): Iterator<number> {
    const random = new HostRandom(this.#generator);
    if (this.#replacement) {
      for (let i = 0; i < this.length; i++) yield random.below(this.#size);
      return;
    }
    for (let left = this.length; left > 0; left -= this.#size) {
      yield* random.permutation(this.#size).subarray(0, Math.min(left, this.#size));
    }
  }
}

/** The given positions, in random order. */
export class SubsetRandomSampler implements Sampler {
  readonly #indices: readonly number[];
  readonly #generator: Generator;

  constructor(indices: ArrayLike<number>, options: { readonly generator?: Generator } = {}) {
    this.#indices = Array.from(indices);
    this.#generator = options.generator ?? defaultGenerator;
  }

  get length(): number {
    return this.#indices.length;
  }

  *[Symbol.iterator](): Iterator<number> {
    for (const i of new HostRandom(this.#generator).permutation(this.length)) yield this.#indices[i];
  }
}

/** Positions drawn with the given weights, with replacement. */
export class WeightedRandomSampler implements Sampler {
  readonly length: number;
  readonly #cumulative: Float64Array;
  readonly #generator: Generator;

  constructor(
    weights: ArrayLike<number>,
    numSamples: number,
    options: { readonly generator?: Generator } = {},
  ) {
    this.length = positive('WeightedRandomSampler', 'numSamples', numSamples);
    this.#generator = options.generator ?? defaultGenerator;
    let total = 0;
    this.#cumulative = Float64Array.from(weights, (weight) => {
      if (!(weight >= 0))
        throw new ArgumentError(`WeightedRandomSampler: weights must be at least 0, got ${weight}`);
      return (total += weight);
    });
    if (!(total > 0)) throw new ArgumentError('WeightedRandomSampler: the weights must not all be 0');
  }

  *[Symbol.iterator](): Iterator<number> {
    const random = new HostRandom(this.#generator);
    const cumulative = this.#cumulative;
    for (let i = 0; i < this.length; i++) {
      const target = random.uniform() * cumulative[cumulative.length - 1];
      let low = 0;
      for (let high = cumulative.length - 1; low < high; ) {
        const middle = (low + high) >> 1;
        if (cumulative[middle] > target) high = middle;
        else low = middle + 1;
      }
      yield low;
    }
  }
}

/** Groups a sampler's positions. */
export class BatchSampler implements Iterable<number[]> {
  readonly #sampler: Sampler;
  readonly #batchSize: number;
  readonly #dropLast: boolean;

  constructor(sampler: Sampler, batchSize: number, dropLast: boolean = false) {
    this.#sampler = sampler;
    this.#batchSize = positive('BatchSampler', 'batchSize', batchSize);
    this.#dropLast = dropLast;
  }

  get length(): number {
    const batches = this.#sampler.length / this.#batchSize;
    return this.#dropLast ? Math.floor(batches) : Math.ceil(batches);
  }

  *[Symbol.iterator](): Iterator<number[]> {
    let batch: number[] = [];
    for (const index of this.#sampler) {
      if (batch.push(index) < this.#batchSize) continue;
      yield batch;
      batch = [];
    }
    if (batch.length > 0 && !this.#dropLast) yield batch;
  }
}

export function positive(functionName: string, name: string, value: number): number {
  if (Number.isInteger(value) && value > 0) return value;
  throw new ArgumentError(`${functionName}: ${name} must be an integer of at least 1, got ${value}`);
}
