// The suites about lanes that work together, with the kernels for GPUs: software adapters would get others.
import { testBackend } from '@nn/testkit';
import { describe, it } from 'vitest';
import { createBackend } from './support.ts';
import { dtypes, tolerance } from './tolerance.ts';

for (const [name, options] of [
  ['with subgroups', {}],
  ['without subgroups', { withoutFeatures: ['subgroups'] }],
] as const) {
  describe(name, () => {
    testBackend({
      create: () => createBackend({ kernels: 'gpu', ...options }),
      test: { describe, it },
      dtypes,
      tolerance,
      subnormals: 'flushed',
      suites: ['reductions', 'programs', 'rows', 'updates', 'executables'],
    });
  });
}
