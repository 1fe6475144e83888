// Comparing host arrays: in units of the last place, and absolutely.
import {
  bfloat16ToNumber,
  type DType,
  float16ToNumber,
  type HostArray,
  hostArrayOver,
  isFloat,
} from '@nn/core';
import { fail } from './runner.ts';

/** Two values agree when either bound holds. Equal values, NaN with NaN and zeros of either sign always agree. */
export interface Tolerance {
  /** Steps from one value of the dtype to the next. */
  readonly ulps?: number;
  /** One bound, or one for each element. */
  readonly absolute?: number | ArrayLike<number>;
}

/** The numbers that a host array stands for: 16-bit floats decoded, int64 as bigint. */
export function valuesOf(dtype: DType, array: HostArray): (number | bigint)[] {
  if (dtype === 'float16') return Array.from(array as Uint16Array, float16ToNumber);
  if (dtype === 'bfloat16') return Array.from(array as Uint16Array, bfloat16ToNumber);
  return Array.from(array as Int32Array);
}

/** 2^-n where the dtype's significand has n bits after the point: the relative step at 1. */
export function epsilonOf(dtype: DType): number {
  if (dtype === 'float64') return 2 ** -52;
  if (dtype === 'float32') return 2 ** -23;
  if (dtype === 'float16') return 2 ** -10;
  return dtype === 'bfloat16' ? 2 ** -7 : 0;
}

const bitsOf = { float16: 'int16', bfloat16: 'int16', float32: 'int32', float64: 'int64' } as const;

/** How many values of the dtype lie between two of its floats, both given as the host holds them. */
function ulpDistance(dtype: DType, held: HostArray, heldOther: HostArray, at: number): number {
  if (!isFloat(dtype)) return held[at] === heldOther[at] ? 0 : Number.POSITIVE_INFINITY;
  return Math.abs(Number(ordered(dtype, held, at) - ordered(dtype, heldOther, at)));
}

/** A float's bits as an integer that grows with its value. */
function ordered(dtype: keyof typeof bitsOf, array: HostArray, at: number): bigint {
  const single = array.slice(at, at + 1);
  const bits = BigInt(hostArrayOver(bitsOf[dtype], single.buffer)[0]);
  const lowest = -(2n ** BigInt(8 * single.BYTES_PER_ELEMENT - 1));
  return bits < 0n ? lowest - bits : bits;
}

/**
 * Throws unless two host arrays of a dtype agree element by element, listing the worst differences.
 *
 * @param describe what to say of an element, such as the operands that it was computed from.
 */
export function expectArraysClose(
  dtype: DType,
  actual: HostArray,
  expected: HostArray,
  { ulps = 0, absolute = 0 }: Tolerance = {},
  describe: (at: number) => string = (at) => `element ${at}`,
): void {
  if (actual.length !== expected.length)
    fail(`got ${actual.length} elements of ${dtype} instead of ${expected.length}`);
  if (actual.constructor !== expected.constructor)
    fail(`got a ${actual.constructor.name} for ${dtype} instead of a ${expected.constructor.name}`);
  const [values, wanted] = [valuesOf(dtype, actual), valuesOf(dtype, expected)];
  const wrong: { readonly at: number; readonly distance: number }[] = [];
  for (let at = 0; at < values.length; at++) {
    const [value, want] = [values[at], wanted[at]];
    if (value === want || (Number.isNaN(value) && Number.isNaN(want))) continue;
    const bound = typeof absolute === 'number' ? absolute : absolute[at];
    if (Math.abs(Number(value) - Number(want)) <= bound) continue;
    const eitherIsNaN = Number.isNaN(value) || Number.isNaN(want);
    const distance = eitherIsNaN ? Number.POSITIVE_INFINITY : ulpDistance(dtype, actual, expected, at);
    if (!(distance <= ulps)) wrong.push({ at, distance });
  }
  if (wrong.length === 0) return;
  wrong.sort((a, b) => b.distance - a.distance);
  const lines = wrong
    .slice(0, 8)
    .map(
      ({ at, distance }) => `  ${describe(at)}: got ${values[at]}, expected ${wanted[at]} (${distance} ulps)`,
    );
  fail(
    `${wrong.length} of ${values.length} ${dtype} values differ by more than ${ulps} ulps:\n${lines.join('\n')}`,
  );
}

export interface CloseOptions {
  /** Of the expected value's magnitude; 1e-5 by default. */
  readonly relative?: number;
  /** 1e-6 by default. */
  readonly absolute?: number;
}

/** Whether two numbers agree within `absolute + relative * |expected|`. NaN agrees with NaN. */
export function closeTo(
  actual: number,
  expected: number,
  { relative = 1e-5, absolute = 1e-6 }: CloseOptions = {},
): boolean {
  if (Object.is(actual, expected) || actual === expected) return true;
  return Math.abs(actual - expected) <= absolute + relative * Math.abs(expected);
}

/**
 * Throws unless two lists of numbers (typed arrays too) agree element by element.
 *
 * @example
 * ```ts
 * import { expectClose } from '@nn/testkit';
 * expectClose(Float32Array.of(0.1, 0.2), [0.1, 0.2]);
 * ```
 */
export function expectClose(
  actual: ArrayLike<number | bigint>,
  expected: ArrayLike<number | bigint>,
  options: CloseOptions = {},
): void {
  if (actual.length !== expected.length) fail(`expected ${expected.length} elements, got ${actual.length}`);
  const wrong: string[] = [];
  for (let at = 0; at < expected.length; at++) {
    if (!closeTo(Number(actual[at]), Number(expected[at]), options))
      wrong.push(`  element ${at}: got ${actual[at]}, expected ${expected[at]}`);
  }
  if (wrong.length > 0)
    fail(`${wrong.length} of ${expected.length} elements differ:\n${wrong.slice(0, 8).join('\n')}`);
}
