// The conformance suite in a browser, on the adapter that a page gets there.
import { testBackend } from '@nn/testkit';
import { webgpu } from '@nn/webgpu';
import { describe, it } from 'vitest';
import { dtypes, tolerance } from './tolerance.ts';

testBackend({ create: () => webgpu(), test: { describe, it }, dtypes, tolerance, subnormals: 'flushed' });
