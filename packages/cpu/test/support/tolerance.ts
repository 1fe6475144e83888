import type { DType } from '@nn/core';
import type { Tolerance } from '@nn/testkit';

/** Whether a * b + c is rounded once or twice depends on the tier; |a * b| stays below 4 in the suite. */
export function tolerance(op: string, dtype: DType): Tolerance | undefined {
  if (op !== 'fma') return undefined;
  if (dtype === 'float32') return { absolute: 2 ** -21 };
  return dtype === 'float64' ? { absolute: 2 ** -50 } : undefined;
}
