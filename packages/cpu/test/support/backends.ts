// The ways of running to test: every tier on one thread, and the best one on two.
import type { Backend } from '@nn/core';
import { cpu } from '../../src/index.ts';

export const backends: readonly { readonly name: string; readonly make: () => Backend }[] = [
  { name: 'scalar', make: () => cpu({ threads: 1, tier: 'scalar' }) },
  { name: 'simd', make: () => cpu({ threads: 1, tier: 'simd' }) },
  { name: 'relaxed simd', make: () => cpu({ threads: 1 }) },
  { name: 'two threads', make: () => cpu({ threads: 2 }) },
];
