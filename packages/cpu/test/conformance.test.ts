// The conformance suite of all backends, on every tier and on two threads.
import type { DType } from '@nn/core';
import { type Tolerance, testBackend } from '@nn/testkit';
import { describe, it } from 'vitest';
import { backends } from './support/backends.ts';

/** Whether a * b + c is rounded once or twice depends on the tier; |a * b| stays below 4 in the suite. */
function tolerance(op: string, dtype: DType): Tolerance | undefined {
  if (op !== 'fma') return undefined;
  if (dtype === 'float32') return { absolute: 2 ** -21 };
  return dtype === 'float64' ? { absolute: 2 ** -50 } : undefined;
}

for (const { name, make } of backends) {
  describe(name, () => testBackend({ create: make, test: { describe, it }, tolerance }));
}
