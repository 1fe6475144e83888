// Random integers on the host, from a tensor generator's stream.
import { philox4x32 } from '@nn/core';
import { Generator } from '@nn/tensor';

/** Draws from `generator`: one key for the whole sequence, so that a seed gives the same order everywhere. */
export class HostRandom {
  readonly #key: readonly [number, number];
  readonly #offset: number;
  #counter = 0;
  #words: number[] = [];

  constructor(generator: Generator) {
    const { offset, key0, key1 } = generator.next();
    this.#key = [key0, key1];
    this.#offset = offset;
  }

  /** 32 random bits, unsigned. */
  bits(): number {
    if (this.#words.length === 0) this.#words = philox4x32([this.#counter++, this.#offset, 1, 0], this.#key);
    return this.#words.pop()!;
  }

  /** Uniform in [0, 1). */
  uniform(): number {
    return (this.bits() * 2 ** 21 + (this.bits() >>> 11)) * 2 ** -53;
  }

  /** Uniform in [0, bound), without bias: draws past the last full multiple are repeated. */
  below(bound: number): number {
    const limit = 2 ** 32 - (2 ** 32 % bound);
    for (;;) {
      const bits = this.bits();
      if (bits < limit) return bits % bound;
    }
  }

  /** 0 … length - 1 in random order (Fisher and Yates). */
  permutation(length: number): Int32Array {
    const order = Int32Array.from({ length }, (_, i) => i);
    for (let i = length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      const other = order[j];
      order[j] = order[i];
      order[i] = other;
    }
    return order;
  }
}

/** What the random numbers of one epoch's samples follow from. Plain data: it is sent to workers. */
export interface EpochSeed {
  readonly seed: bigint;
  readonly epoch: number;
}

/** Who draws: streams of different kinds never meet. */
const purposes = { sample: 2, batch: 3, worker: 4 } as const;

/**
 * The seed of the `ordinal`-th sample, batch or worker of an epoch. It depends on nothing else, so that neither the
 * number of workers nor where an epoch was resumed changes the numbers.
 */
export function derivedSeed(
  { seed, epoch }: EpochSeed,
  purpose: keyof typeof purposes,
  ordinal: number,
): bigint {
  const key = [Number(BigInt.asIntN(32, seed)), Number(BigInt.asIntN(32, seed >> 32n))] as const;
  const counter = [ordinal | 0, Math.floor(ordinal / 2 ** 32) | 0, purposes[purpose], epoch | 0];
  const [low, high] = philox4x32(counter as [number, number, number, number], key);
  return BigInt(low >>> 0) | (BigInt(high >>> 0) << 32n);
}

/** A generator of the `ordinal`-th sample's own. */
export function sampleGenerator(epoch: EpochSeed, ordinal: number): Generator {
  return new Generator(derivedSeed(epoch, 'sample', ordinal));
}
