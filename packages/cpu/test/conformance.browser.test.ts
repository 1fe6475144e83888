// The conformance suite in a page, on two threads and on one.
import { testBackend } from '@nn/testkit';
import { describe, it } from 'vitest';
import { cpu } from '../src/index.ts';
import { tolerance } from './support/tolerance.ts';

describe('two threads', () =>
  testBackend({ create: () => cpu({ threads: 2 }), test: { describe, it }, tolerance }));
