// Whether a result is PyTorch's: shape, dtype and every element within the stated tolerance.
import { bfloat16ToNumber, float16ToNumber } from '@nn/core';
import { type DType, type HostArray, isTensor, type Tensor } from '@nn/tensor';
import type { TensorValue } from './case-file.ts';
import { coordinatesOf, toNumber } from './values.ts';

/** A result that is not PyTorch's; the message is the first difference. */
export class Difference extends Error {}

export interface Tolerance {
  readonly relative: number;
  readonly absolute: number;
}

/** What a device's results are held to. */
export interface Tolerances {
  readonly float32: Tolerance;
  readonly float64: Tolerance;
}

const float64 = { relative: 1e-7, absolute: 1e-7 };
export const cpuTolerances: Tolerances = { float32: { relative: 1e-4, absolute: 1e-5 }, float64 };
export const webgpuTolerances: Tolerances = { float32: { relative: 1e-3, absolute: 1e-4 }, float64 };

/** All other dtypes agree exactly. */
const exact: Tolerance = { relative: 0, absolute: 0 };

function toleranceOf(dtype: DType, tolerances: Tolerances): Tolerance {
  return dtype === 'float32' || dtype === 'float64' ? tolerances[dtype] : exact;
}

function agrees(actual: number, expected: number, { relative, absolute }: Tolerance): boolean {
  if (Number.isNaN(expected)) return Number.isNaN(actual);
  if (actual === expected || !Number.isFinite(expected)) return actual === expected;
  return Math.abs(actual - expected) <= absolute + relative * Math.abs(expected);
}

export interface Comparison {
  readonly tolerances: Tolerances;
  /** Whether int32 will do where PyTorch has int64: for results that are indices. */
  readonly isIndex?: boolean;
}

/** @throws {Difference} unless `actual`, a tensor or a number, is the expected value. */
export async function compare(
  what: string,
  actual: unknown,
  expected: TensorValue,
  { tolerances, isIndex = false }: Comparison,
): Promise<void> {
  if (!isTensor(actual)) return compareNumber(what, actual, expected, tolerances);
  const sameDType =
    actual.dtype === expected.tensor || (isIndex && actual.dtype === 'int32' && expected.tensor === 'int64');
  if (!sameDType || actual.shape.join() !== expected.shape.join()) {
    throw new Difference(
      `${what}: expected ${expected.tensor} [${expected.shape.join(', ')}], ` +
        `got ${actual.dtype} [${actual.shape.join(', ')}]`,
    );
  }
  const values = await readNumbers(actual);
  const wrong = firstDifference(values, expected, toleranceOf(expected.tensor, tolerances));
  if (wrong !== null) throw new Difference(`${what}${wrong}`);
}

/** A plain number, boolean or bigint stands for a tensor of no dimensions. */
function compareNumber(what: string, actual: unknown, expected: TensorValue, tolerances: Tolerances): void {
  const types = { bool: ['boolean'], int64: ['number', 'bigint'], float32: ['number'], float64: ['number'] };
  const allowed: readonly string[] = types[expected.tensor as keyof typeof types] ?? [];
  if (expected.shape.length > 0 || !allowed.includes(typeof actual)) {
    throw new Difference(
      `${what}: expected ${expected.tensor} [${expected.shape.join(', ')}], got ${describe(actual)}`,
    );
  }
  const wrong = firstDifference([Number(actual)], expected, toleranceOf(expected.tensor, tolerances));
  if (wrong !== null) throw new Difference(`${what}${wrong}`);
}

function firstDifference(
  actual: readonly number[],
  { data, shape }: TensorValue,
  tolerance: Tolerance,
): string | null {
  const expected = data.map(toNumber);
  const wrong = expected.flatMap((value, i) => (agrees(actual[i], value, tolerance) ? [] : [i]));
  if (wrong.length === 0) return null;
  const [at] = wrong;
  const place = shape.length === 0 ? '' : ` at [${coordinatesOf(at, shape).join(', ')}]`;
  const others = wrong.length > 1 ? ` (and ${wrong.length - 1} more of ${expected.length})` : '';
  return `${place}: expected ${expected[at]}, got ${actual[at]}${others}`;
}

/** The elements as numbers, row-major. */
async function readNumbers(x: Tensor): Promise<number[]> {
  const held: HostArray = await x.data();
  if (x.dtype === 'float16') return Array.from(held as Uint16Array, float16ToNumber);
  if (x.dtype === 'bfloat16') return Array.from(held as Uint16Array, bfloat16ToNumber);
  return Array.from(held as ArrayLike<number | bigint>, Number);
}

/** A value in a few words, for messages. */
export function describe(value: unknown): string {
  if (isTensor(value)) return `${value.dtype} [${value.shape.join(', ')}]`;
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === 'object' && value !== null) return `an object of class ${value.constructor?.name}`;
  return `${typeof value} ${String(value)}`;
}
