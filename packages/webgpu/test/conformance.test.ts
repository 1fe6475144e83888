// The conformance suite of all backends, with the kernels that suit the adapter; kernels.test.ts runs both kinds.
import { testBackend } from '@nn/testkit';
import { describe, it } from 'vitest';
import { createBackend } from './support.ts';
import { dtypes, tolerance } from './tolerance.ts';

testBackend({
  create: () => createBackend(),
  test: { describe, it },
  dtypes,
  tolerance,
  // Vulkan lets a driver choose.
  subnormals: 'flushed',
});
