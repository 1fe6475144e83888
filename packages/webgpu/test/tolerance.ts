// What the conformance suite is to expect of WebGPU.
import type { DType } from '@nn/core';
import type { Tolerance } from '@nn/testkit';

export const dtypes: readonly DType[] = [
  'bool',
  'uint8',
  'int8',
  'int16',
  'int32',
  'float16',
  'bfloat16',
  'float32',
];

export function tolerance(op: string, dtype: DType): Tolerance | undefined {
  if (dtype !== 'float32') return undefined;
  // WGSL promises a division to 2.5 units in the last place, and everything that divides inherits it.
  if (op === 'div') return { ulps: 3 };
  // Whether a * b + c is rounded once or twice is the adapter's choice; |a * b| stays below 4 in the suite.
  if (op === 'fma') return { absolute: 2 ** -21 };
  return undefined;
}
