import { expect, test } from 'vitest';

test('the page that runs browser tests has shared memory', () => {
  expect(globalThis.crossOriginIsolated).toBe(true);
  expect(new SharedArrayBuffer(8).byteLength).toBe(8);
});

test('the page that runs browser tests has a WebGPU adapter', async () => {
  expect(await navigator.gpu.requestAdapter()).not.toBeNull();
});
