// In which order samples are taken.
import { ArgumentError, checkOptions } from '@nn/core';
import { defaultGenerator, Generator } from '@nn/tensor';
import { HostRandom } from './random.ts';

/**
 * Positions, a new round at each iteration. With `stateDict` and `loadStateDict` (all samplers here have them) a
 * loader can go on in the middle of a round: the state before the round began gives the same round again.
 */
export interface Sampler extends Iterable<number> {
  readonly length: number;
  stateDict?(): unknown;
  loadStateDict?(state: never): void;
}

interface Sized {
  readonly length: number;
}

/** A generator's state in JSON's terms. */
interface SavedGenerator {
  readonly seed: string;
  readonly draws: number;
}

function saveGenerator(generator: Generator): SavedGenerator {
  const { seed, draws } = generator.getState();
  return { seed: String(seed), draws };
}

function restoreGenerator(generator: Generator, { seed, draws }: SavedGenerator): void {
  generator.setState({ seed: BigInt(seed), draws });
}

/** 0, 1, 2 … */
export class SequentialSampler implements Sampler {
  readonly #dataset: Sized;

  constructor(dataset: Sized) {
    this.#dataset = dataset;
  }

  get length(): number {
    return this.#dataset.length;
  }

  *[Symbol.iterator](): Iterator<number> {
    for (let i = 0; i < this.length; i++) yield i;
  }

  stateDict(): null {
    return null;
  }

  loadStateDict(_state: null): void {}
}

export interface RandomSamplerOptions {
  /** Whether a position may come several times. Default false. */
  readonly replacement?: boolean;
  /** Default: the dataset's length. */
  readonly numSamples?: number;
  readonly generator?: Generator;
}

/** All positions in random order; or, with `replacement`, positions drawn one by one. */
export class RandomSampler implements Sampler {
  readonly #dataset: Sized;
  readonly #numSamples: number | undefined;
  readonly #replacement: boolean;
  readonly #generator: Generator;

  /** @throws {ArgumentError} for a `numSamples` that is no integer of at least 1. */
  constructor(dataset: Sized, options: RandomSamplerOptions = {}) {
    checkOptions('RandomSampler', options, ['replacement', 'numSamples', 'generator']);
    this.#dataset = dataset;
    this.#numSamples =
      options.numSamples === undefined
        ? undefined
        : positive('RandomSampler', 'numSamples', options.numSamples);
    this.#replacement = options.replacement ?? false;
    this.#generator = options.generator ?? defaultGenerator;
  }

  get length(): number {
    return this.#dataset.length === 0 ? 0 : (this.#numSamples ?? this.#dataset.length);
  }

  *[Symbol.iterator](): Iterator<number> {
    const size = this.#dataset.length;
    const random = new HostRandom(this.#generator);
    if (this.#replacement) {
      for (let left = this.length; left > 0; left--) yield random.below(size);
      return;
    }
    for (let left = this.length; left > 0; left -= size) {
      yield* random.permutation(size).subarray(0, Math.min(left, size));
    }
  }

  stateDict(): SavedGenerator {
    return saveGenerator(this.#generator);
  }

  loadStateDict(state: SavedGenerator): void {
    restoreGenerator(this.#generator, state);
  }
}

/** The given positions, in random order. */
export class SubsetRandomSampler implements Sampler {
  readonly #indices: readonly number[];
  readonly #generator: Generator;

  constructor(indices: ArrayLike<number>, options: { readonly generator?: Generator } = {}) {
    checkOptions('SubsetRandomSampler', options, ['generator']);
    this.#indices = Array.from(indices);
    this.#generator = options.generator ?? defaultGenerator;
  }

  get length(): number {
    return this.#indices.length;
  }

  *[Symbol.iterator](): Iterator<number> {
    for (const i of new HostRandom(this.#generator).permutation(this.length)) yield this.#indices[i];
  }

  stateDict(): SavedGenerator {
    return saveGenerator(this.#generator);
  }

  loadStateDict(state: SavedGenerator): void {
    restoreGenerator(this.#generator, state);
  }
}

export interface WeightedRandomSamplerOptions {
  /** Whether a position may come several times. Default true. */
  readonly replacement?: boolean;
  readonly generator?: Generator;
}

/** Positions drawn with the given weights, which need not add up to 1. */
export class WeightedRandomSampler implements Sampler {
  readonly length: number;
  readonly #weights: Float64Array;
  readonly #replacement: boolean;
  readonly #generator: Generator;

  /**
   * @throws {ArgumentError} for negative weights, when all are 0, or when more samples are to be drawn without
   * replacement than have a weight above 0.
   */
  constructor(weights: ArrayLike<number>, numSamples: number, options: WeightedRandomSamplerOptions = {}) {
    checkOptions('WeightedRandomSampler', options, ['replacement', 'generator']);
    this.length = positive('WeightedRandomSampler', 'numSamples', numSamples);
    this.#replacement = options.replacement ?? true;
    this.#generator = options.generator ?? defaultGenerator;
    this.#weights = Float64Array.from(weights);
    const wrong = this.#weights.find((weight) => !(weight >= 0 && weight < Infinity));
    if (wrong !== undefined) {
      throw new ArgumentError(`WeightedRandomSampler: weights must be numbers of at least 0, got ${wrong}`);
    }
    const possible = this.#weights.filter((weight) => weight > 0).length;
    if (possible === 0) throw new ArgumentError('WeightedRandomSampler: the weights must not all be 0');
    if (!this.#replacement && numSamples > possible) {
      throw new ArgumentError(
        `WeightedRandomSampler: cannot draw ${numSamples} samples without replacement from ${possible} whose weight is above 0`,
      );
    }
  }

  [Symbol.iterator](): Iterator<number> {
    return this.#replacement ? this.#replaced() : this.#distinct();
  }

  stateDict(): SavedGenerator {
    return saveGenerator(this.#generator);
  }

  loadStateDict(state: SavedGenerator): void {
    restoreGenerator(this.#generator, state);
  }

  *#replaced(): IterableIterator<number> {
    const random = new HostRandom(this.#generator);
    let total = 0;
    const cumulative = this.#weights.map((weight) => (total += weight));
    for (let i = 0; i < this.length; i++) {
      const target = random.uniform() * total;
      let low = 0;
      for (let high = cumulative.length - 1; low < high; ) {
        const middle = (low + high) >> 1;
        if (cumulative[middle] > target) high = middle;
        else low = middle + 1;
      }
      yield low;
    }
  }

  /** The largest keys log(u)/w are a weighted sample without replacement (Efraimidis and Spirakis 2006). */
  *#distinct(): IterableIterator<number> {
    const random = new HostRandom(this.#generator);
    const keys = this.#weights.map((weight) => Math.log(1 - random.uniform()) / weight);
    const order = Array.from(keys.keys()).filter((i) => this.#weights[i] > 0);
    yield* order.sort((a, b) => keys[b] - keys[a]).slice(0, this.length);
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

  stateDict(): unknown {
    return this.#sampler.stateDict?.() ?? null;
  }

  loadStateDict(state: unknown): void {
    this.#sampler.loadStateDict?.(state as never);
  }
}

export interface DistributedSamplerOptions {
  /** How many processes share the dataset. */
  readonly numReplicas: number;
  /** Which of them this is, from 0. */
  readonly rank: number;
  /** Default true. */
  readonly shuffle?: boolean;
  /** The same for all processes. Default 0. */
  readonly seed?: number;
  /** Leaves out what does not divide evenly, instead of repeating the first samples. Default false. */
  readonly dropLast?: boolean;
}

/**
 * The part of the positions that one of several processes takes, as `torch.utils.data.DistributedSampler`. All
 * shuffle alike, from the seed and the epoch: call `setEpoch` before each epoch, or each has the same order.
 *
 * @example
 * ```ts
 * import { DistributedSampler } from '@nn/data';
 * const parts = [0, 1].map((rank) => new DistributedSampler({ length: 5 }, { numReplicas: 2, rank, shuffle: false }));
 * console.log(parts.map((part) => [...part])); // => [[0, 2, 4], [1, 3, 0]]
 * ```
 */
export class DistributedSampler implements Sampler {
  readonly #dataset: Sized;
  readonly #options: Required<DistributedSamplerOptions>;
  #epoch = 0;

  /** @throws {ArgumentError} unless 0 <= rank < numReplicas. */
  constructor(dataset: Sized, options: DistributedSamplerOptions) {
    checkOptions('DistributedSampler', options, ['numReplicas', 'rank', 'shuffle', 'seed', 'dropLast']);
    this.#dataset = dataset;
    const { shuffle = true, seed = 0, dropLast = false, rank } = options;
    const numReplicas = positive('DistributedSampler', 'numReplicas', options.numReplicas);
    if (!Number.isInteger(rank) || rank < 0 || rank >= numReplicas) {
      throw new ArgumentError(
        `DistributedSampler: rank must be an integer from 0 to ${numReplicas - 1}, got ${rank}`,
      );
    }
    this.#options = { numReplicas, rank, shuffle, seed, dropLast };
  }

  get length(): number {
    const share = this.#dataset.length / this.#options.numReplicas;
    return this.#options.dropLast ? Math.floor(share) : Math.ceil(share);
  }

  /** Chooses the order of the next round. */
  setEpoch(epoch: number): void {
    if (!Number.isInteger(epoch) || epoch < 0) {
      throw new ArgumentError(`setEpoch: the epoch must be an integer of at least 0, got ${epoch}`);
    }
    this.#epoch = epoch;
  }

  *[Symbol.iterator](): Iterator<number> {
    const { numReplicas, rank, shuffle, seed } = this.#options;
    const size = this.#dataset.length;
    const order = shuffle
      ? new HostRandom(new Generator(seed + this.#epoch)).permutation(size)
      : Int32Array.from({ length: size }, (_, i) => i);
    for (let i = 0; i < this.length; i++) yield order[(rank + i * numReplicas) % size];
  }

  stateDict(): { readonly epoch: number } {
    return { epoch: this.#epoch };
  }

  loadStateDict({ epoch }: { readonly epoch: number }): void {
    this.setEpoch(epoch);
  }
}

export function positive(functionName: string, name: string, value: number): number {
  if (Number.isInteger(value) && value > 0) return value;
  throw new ArgumentError(`${functionName}: ${name} must be an integer of at least 1, got ${value}`);
}
