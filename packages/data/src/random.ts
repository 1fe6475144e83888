// Random integers on the host, from a tensor generator's stream.
import { philox4x32 } from '@nn/core';
import type { Generator } from '@nn/tensor';

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
