// The values that conformance is tested on: extreme ones, and pseudo-random ordinary ones that are the same at
// every run.
import {
  categoryOf,
  type DType,
  type HostArray,
  hostArray,
  isFloat,
  numberToBfloat16,
  numberToFloat16,
} from '@nn/core';

/** A host array of the dtype from numbers: floats are rounded, integers wrap, bool is != 0. */
export function hostOf(dtype: DType, values: readonly (number | bigint)[]): HostArray {
  const array = hostArray(dtype, values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (dtype === 'int64') array[i] = typeof value === 'bigint' ? value : BigInt(Math.trunc(value));
    else if (dtype === 'float16') array[i] = numberToFloat16(Number(value));
    else if (dtype === 'bfloat16') array[i] = numberToBfloat16(Number(value));
    else if (dtype === 'bool') array[i] = Number(value) !== 0 ? 1 : 0;
    else array[i] = Number(value);
  }
  return array;
}

/** A generator of numbers in [0, 1): mulberry32, enough to scatter test values. */
export function randomSource(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Moderate values: floats in [-2, 2), integers in [-9, 9] (from 0 for uint8), both bools. */
export function moderate(dtype: DType, length: number, seed: number = 1): HostArray {
  const random = randomSource(seed);
  const one = (): number => {
    if (dtype === 'bool') return random() < 0.5 ? 0 : 1;
    if (isFloat(dtype)) return 4 * random() - 2;
    return dtype === 'uint8' ? Math.floor(19 * random()) : Math.floor(19 * random()) - 9;
  };
  return hostOf(dtype, Array.from({ length }, one));
}

const floatRanges = {
  float16: { greatest: 65504, leastNormal: 2 ** -14, least: 2 ** -24, exponents: 12 },
  bfloat16: { greatest: (2 - 2 ** -7) * 2 ** 127, leastNormal: 2 ** -126, least: 2 ** -133, exponents: 30 },
  float32: { greatest: (2 - 2 ** -23) * 2 ** 127, leastNormal: 2 ** -126, least: 2 ** -149, exponents: 30 },
  float64: { greatest: Number.MAX_VALUE, leastNormal: 2 ** -1022, least: Number.MIN_VALUE, exponents: 60 },
} as const;

/** The least positive normal number of a float dtype; 0 for others. */
export function leastNormalOf(dtype: DType): number {
  return isFloat(dtype) ? floatRanges[dtype].leastNormal : 0;
}

/** Zeros, ones, halves, the ends of the range, infinities and NaN. */
export function extremes(dtype: DType, subnormals: boolean): (number | bigint)[] {
  if (dtype === 'bool') return [0, 1];
  if (!isFloat(dtype)) return integerExtremes(dtype);
  const { greatest, leastNormal, least } = floatRanges[dtype];
  const positive = [0, 1, 0.5, 1.5, 2.5, 3, 10, 0.1, 1e-3, 100.75, Math.PI, greatest, leastNormal * 2];
  if (subnormals) positive.push(leastNormal, leastNormal / 2, least);
  return [...positive, ...positive.map((value) => -value), Infinity, -Infinity, NaN];
}

function integerExtremes(dtype: DType): (number | bigint)[] {
  const bits = dtype === 'int64' ? 64n : dtype === 'int32' ? 32n : dtype === 'int16' ? 16n : 8n;
  const top = 2n ** (bits - 1n);
  const positive =
    dtype === 'uint8'
      ? [0n, 1n, 2n, 3n, 7n, 100n, 127n, 128n, 254n, 255n]
      : [0n, 1n, 2n, 3n, 7n, 100n, top - 1n, top / 2n];
  const exact = dtype === 'uint8' ? positive : [...positive, -1n, -2n, -7n, -100n, -top, -top + 1n];
  return dtype === 'int64' ? exact : exact.map(Number);
}

/** Values of all magnitudes and, for floats, of moderate size too. */
export function ordinary(dtype: DType, length: number, seed: number): (number | bigint)[] {
  const random = randomSource(seed);
  return Array.from({ length }, (_, i): number | bigint => {
    const sign = random() < 0.5 ? -1 : 1;
    if (categoryOf(dtype) === 'bool') return sign > 0 ? 1 : 0;
    if (isFloat(dtype)) {
      const { exponents } = floatRanges[dtype];
      return i % 2 === 0 ? sign * 20 * random() : sign * 2 ** ((2 * random() - 1) * exponents);
    }
    const size = Math.floor(2 ** (random() * (dtype === 'int64' ? 62 : dtype === 'int32' ? 31 : 7)));
    if (dtype === 'int64') return BigInt(sign * size);
    return dtype === 'uint8' ? size : sign * size;
  });
}
