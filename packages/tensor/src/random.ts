// Random numbers: a key and a counter in the graph (Philox), so that a seed gives the same stream on every
// device and a value computed again is the same value.
import { ArgumentError, type DType, DTypeError, isFloat, type Shape } from '@nn/core';
import { type CreationOptions, checkShape, created, creation, finish } from './creation.ts';
import { getDefaultDType } from './defaults.ts';
import { apply, scalarTensor } from './dispatch.ts';
import type { OutOptions } from './out.ts';
import type { Tensor } from './tensor.ts';

/** A stream of random numbers: its seed, and how many draws were made from it. */
export class Generator {
  #seed: bigint;
  #draws = 0;

  constructor(seed: number | bigint = 0) {
    this.#seed = checkedSeed(seed);
  }

  /** Starts the stream of this seed. */
  manualSeed(seed: number | bigint): this {
    this.#seed = checkedSeed(seed);
    this.#draws = 0;
    return this;
  }

  get seed(): bigint {
    return this.#seed;
  }

  /** What `setState` needs to go on from here. */
  getState(): { readonly seed: bigint; readonly draws: number } {
    return { seed: this.#seed, draws: this.#draws };
  }

  setState({ seed, draws }: { readonly seed: bigint; readonly draws: number }): void {
    this.#seed = checkedSeed(seed);
    this.#draws = draws;
  }

  /** The next draw's counter and the key, as int32. */
  next(): { readonly offset: number; readonly key0: number; readonly key1: number } {
    return {
      offset: this.#draws++ | 0,
      key0: Number(BigInt.asIntN(32, this.#seed)),
      key1: Number(BigInt.asIntN(32, this.#seed >> 32n)),
    };
  }
}

function checkedSeed(seed: number | bigint): bigint {
  if (typeof seed === 'number' && !Number.isSafeInteger(seed)) {
    throw new ArgumentError(`manualSeed: the seed must be an integer, got ${seed}`);
  }
  return BigInt(seed);
}

/** The generator of functions that are given none. */
export const defaultGenerator: Generator = new Generator(Math.floor(Math.random() * 2 ** 48));

/** Starts the default generator's stream of this seed. */
export function manualSeed(seed: number | bigint): Generator {
  return defaultGenerator.manualSeed(seed);
}

export interface RandomOptions extends CreationOptions {
  readonly generator?: Generator;
}

/** Those of functions that may fill a tensor: `out` brings its dtype and device. */
export interface RandomFillOptions extends RandomOptions, OutOptions {}

function split(options: RandomOptions | undefined): {
  generator: Generator;
  rest: CreationOptions | undefined;
} {
  const { generator = defaultGenerator, ...rest } = options ?? {};
  return { generator, rest };
}

/** 32 random bits an element, int32. */
export function randomBits(shape: Shape, device: string, generator: Generator): Tensor {
  const { offset, key0, key1 } = generator.next();
  const inputs = [offset, key0, key1].map((value) => scalarTensor(value, 'int32'));
  return apply('randomBits', inputs, { shape }, device);
}

/** 24 of the bits as a multiple of 2^-24 in [0, 1), float32. */
export function unitFloat(bits: Tensor): Tensor {
  return bits
    .bitwiseAnd(0xffffff)
    .to('float32')
    .mul(2 ** -24);
}

function requireFloatDType(name: string, dtype: DType): void {
  if (!isFloat(dtype)) throw new DTypeError(`${name}: dtype must be a float one, got ${dtype}. Use randint`);
}

/** Uniform in [0, 1). */
export function rand(shape: Shape, options?: RandomFillOptions): Tensor {
  return created('rand', options, (given) => {
    const { generator, rest } = split(given);
    const { dtype, device } = creation('rand', rest, getDefaultDType());
    requireFloatDType('rand', dtype);
    return finish(unitFloat(randomBits(checkShape('rand', shape), device, generator)).to(dtype), rest);
  });
}

/** Standard normal, by Box and Muller's transform of two uniform numbers. */
export function randn(shape: Shape, options?: RandomFillOptions): Tensor {
  return created('randn', options, (given) => {
    const { generator, rest } = split(given);
    const { dtype, device } = creation('randn', rest, getDefaultDType());
    checkShape('randn', shape);
    requireFloatDType('randn', dtype);
    // 1 - u lies in (0, 1], so that the logarithm is finite.
    const radius = unitFloat(randomBits(shape, device, generator))
      .neg()
      .log1p()
      .mul(-2)
      .sqrt();
    const angle = unitFloat(randomBits(shape, device, generator)).mul(2 * Math.PI);
    return finish(radius.mul(angle.cos()).to(dtype), rest);
  });
}

/** Integers in [low, high), int32 unless a dtype is given. */
export function randint(low: number, high: number, shape: Shape, options?: RandomFillOptions): Tensor {
  if (!(Number.isInteger(low) && Number.isInteger(high) && low < high)) {
    throw new ArgumentError(`randint: needs integers low < high, got ${low} and ${high}`);
  }
  return created('randint', options, (given) => {
    const { generator, rest } = split(given);
    const { dtype, device } = creation('randint', rest, 'int32');
    const scaled = unitFloat(randomBits(checkShape('randint', shape), device, generator))
      .mul(high - low)
      .floor();
    return finish(scaled.to('int32').add(low).to(dtype), rest);
  });
}

/** A random order of 0 … n - 1, int32. */
export function randperm(n: number, options?: RandomFillOptions): Tensor {
  return created('randperm', options, (given) => {
    const { generator, rest } = split(given);
    const { dtype, device } = creation('randperm', rest, 'int32');
    const keys = randomBits(checkShape('randperm', [n]), device, generator);
    return finish(apply('argsort', [keys], { dim: 0, descending: false }).to(dtype), rest);
  });
}

export function randLike(x: Tensor, options?: RandomOptions): Tensor {
  return rand(x.shape, { dtype: x.dtype, device: x.device, ...options });
}

export function randnLike(x: Tensor, options?: RandomOptions): Tensor {
  return randn(x.shape, { dtype: x.dtype, device: x.device, ...options });
}
