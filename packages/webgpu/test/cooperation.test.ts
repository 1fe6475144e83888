// The suites about lanes that work together, with the kernels for GPUs: software adapters would get others.
import type { DType } from '@nn/core';
import { testBackend } from '@nn/testkit';
import { describe, it } from 'vitest';
import { createBackend } from './support.ts';
import { dtypes, tolerance } from './tolerance.ts';

// Without subgroups only what passes between lanes is another, and lanes know four kinds of numbers; how dtypes are read
// and stored does not depend on it.
const kinds: readonly DType[] = ['float32', 'float16', 'int32', 'bool'];

for (const [name, options, tested] of [
  ['with subgroups', {}, dtypes],
  ['without subgroups', { withoutFeatures: ['subgroups'] }, kinds],
] as const) {
  describe(name, () => {
    testBackend({
      create: () => createBackend({ kernels: 'gpu', ...options }),
      test: { describe, it },
      dtypes: tested,
      tolerance,
      subnormals: 'flushed',
      suites: ['reductions', 'programs', 'rows', 'updates', 'executables'],
    });
  });
}
