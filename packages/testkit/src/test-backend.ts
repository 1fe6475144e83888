// The conformance suite, for authors of backends to call from their tests.
import { dtypes as allDTypes, type Backend, type DType } from '@nn/core';
import type { Tolerance } from './compare.ts';
import { type Context, defaultTolerance, type Suite } from './context.ts';
import { check, type TestRunner } from './runner.ts';
import { accessesSuite } from './suites/accesses.ts';
import { buffersSuite } from './suites/buffers.ts';
import { contractSuite } from './suites/contract.ts';
import { dotsSuite } from './suites/dots.ts';
import { executablesSuite } from './suites/executables.ts';
import { orderedSuite } from './suites/ordered.ts';
import { programsSuite } from './suites/programs.ts';
import { reductionsSuite } from './suites/reductions.ts';
import { rowsSuite } from './suites/rows.ts';
import { scalarsSuite } from './suites/scalars.ts';
import { updatesSuite } from './suites/updates.ts';
import { leastNormalOf } from './values.ts';

export interface TestBackendOptions {
  /** Makes the backend under test, once, before the first test. It is disposed after the last one. */
  readonly create: () => Backend | Promise<Backend>;
  /** `describe` and `it` of the test runner in use. */
  readonly test: TestRunner;
  /** The dtypes that the backend is to support: all of them by default. It must refuse the others. */
  readonly dtypes?: readonly DType[];
  /** Only these suites. Default: all. */
  readonly suites?: readonly SuiteName[];
  /** Names of tests ('scalars/float32/pow'), or of groups of them ('scalars/float32'), that are reported as skipped. */
  readonly skip?: readonly string[];
  /** Bounds for a scalar instruction where the device's own differ; undefined keeps the default. */
  readonly tolerance?: (op: string, dtype: DType) => Tolerance | undefined;
  /** 'flushed' where the device may take subnormal floats for zeros. */
  readonly subnormals?: 'kept' | 'flushed';
}

export type SuiteName =
  | 'contract'
  | 'buffers'
  | 'scalars'
  | 'accesses'
  | 'reductions'
  | 'dots'
  | 'ordered'
  | 'programs'
  | 'rows'
  | 'updates'
  | 'executables';

const allSuites: { readonly [name in SuiteName]: Suite } = {
  contract: contractSuite,
  buffers: buffersSuite,
  scalars: scalarsSuite,
  accesses: accessesSuite,
  reductions: reductionsSuite,
  dots: dotsSuite,
  ordered: orderedSuite,
  programs: programsSuite,
  rows: rowsSuite,
  updates: updatesSuite,
  executables: executablesSuite,
};

/**
 * Declares the tests that every backend passes: the contract, memory, each scalar instruction on each dtype
 * against the reference interpreter, every kind of kernel, and whole programs.
 *
 * Results are exact but for the transcendental functions (2 units in the last place of float32) and for sums,
 * whose order is free. Each bound is stated where it is used.
 *
 * @example
 * ```ts no-run
 * import { testBackend } from '@nn/testkit';
 * import { interpreter } from '@nn/core';
 * import { describe, it } from 'vitest';
 * testBackend({ create: () => interpreter(), test: { describe, it } });
 * ```
 */
export function testBackend(options: TestBackendOptions): void {
  const { create, test: runner, dtypes = allDTypes, skip = [], subnormals = 'kept' } = options;
  const suites = options.suites ?? (Object.keys(allSuites) as SuiteName[]);
  let backend: Promise<Backend> | undefined;
  const made = (): Promise<Backend> => (backend ??= Promise.resolve(create()));
  const known: string[] = [];

  function tolerance(op: string, dtype: DType): Tolerance {
    const bounds = options.tolerance?.(op, dtype) ?? defaultTolerance(op, dtype);
    if (subnormals === 'kept' || typeof bounds.absolute === 'object') return bounds;
    return { ...bounds, absolute: Math.max(bounds.absolute ?? 0, leastNormalOf(dtype)) };
  }

  function declare(name: string, body: (backend: Backend) => Promise<void>): void {
    known.push(name);
    const skipped = skip.some((one) => name === one || name.startsWith(`${one}/`));
    (skipped ? runner.it.skip : runner.it)(name, async () => body(await made()));
  }

  for (const suite of suites) {
    runner.describe(suite, () => {
      const context: Context = {
        dtypes,
        subnormals: subnormals === 'kept',
        tolerance,
        test: (name, body) => declare(`${suite}/${name}`, body),
      };
      allSuites[suite](context);
    });
  }

  runner.describe('at the end', () => {
    runner.it('skipped names exist', async () => {
      for (const one of skip)
        check(
          known.some((name) => name === one || name.startsWith(`${one}/`)),
          `there is no test '${one}' to skip`,
        );
    });
    runner.it('dispose', async () => {
      const tested = await made();
      await tested.synchronize();
      tested.dispose();
    });
  });
}
