// What the suites share: the backend under test, what is expected of it, and the naming of tests.
import { type Backend, type DType, isFloat } from '@nn/core';
import type { Tolerance } from './compare.ts';
import { check } from './runner.ts';

export interface Context {
  /** The dtypes that the backend is to support. */
  readonly dtypes: readonly DType[];
  /** Whether subnormal floats are kept; otherwise they may be flushed to zero. */
  readonly subnormals: boolean;
  /** Registers a test. Its name, with the suite's before it, is what `skip` refers to. */
  test(name: string, body: (backend: Backend) => Promise<void>): void;
  /** Bounds for an instruction's results. */
  tolerance(op: string, dtype: DType): Tolerance;
}

export type Suite = (context: Context) => void;

const mathFunctions: ReadonlySet<string> = new Set(
  (
    'exp log expm1 log1p exp2 log2 log10 sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh erf erfc ' +
    'pow atan2'
  ).split(' '),
);

/**
 * Everything is exact but the transcendental functions: 2 ulps for float32, which is what users of PyTorch get;
 * 4 for float64, where the reference itself errs by one or two; 1 for the 16-bit floats, which are computed in
 * float32 and rounded, so that only a value near a rounding boundary can differ.
 */
export function defaultTolerance(op: string, dtype: DType): Tolerance {
  if (!isFloat(dtype) || !mathFunctions.has(op)) return { ulps: 0 };
  return { ulps: dtype === 'float32' ? 2 : dtype === 'float64' ? 4 : 1 };
}

/** Waits for the device, then checks that as many bytes live as before. */
export async function expectNoLeak(backend: Backend, body: () => Promise<void>): Promise<void> {
  const before = backend.memory().liveBytes;
  await body();
  await backend.synchronize();
  const after = backend.memory().liveBytes;
  check(after <= before, `${after - before} bytes stay allocated`);
}
