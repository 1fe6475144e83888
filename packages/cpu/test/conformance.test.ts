// The conformance suite of all backends, on every tier and on two threads.
import { testBackend } from '@nn/testkit';
import { describe, it } from 'vitest';
import { backends } from './support/backends.ts';
import { tolerance } from './support/tolerance.ts';

for (const { name, make } of backends) {
  describe(name, () => testBackend({ create: make, test: { describe, it }, tolerance }));
}
