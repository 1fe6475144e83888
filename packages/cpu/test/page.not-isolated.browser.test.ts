// A page without the headers that give shared memory: one thread, one warning, the same results.
import { use } from '@nn/tensor';
import { afterEach, expect, test, vi } from 'vitest';
import { Heap } from '../src/heap.ts';
import { cpu } from '../src/index.ts';
import { ThreadPool } from '../src/threads/pool.ts';
import { awaitedOnAPage } from './support/main-thread.ts';
import { expectedLosses, expectLosses, train } from './support/training.ts';

afterEach(() => vi.restoreAllMocks());

test('one warning says why there is one thread, and how to get more', async () => {
  expect(globalThis.crossOriginIsolated).toBe(false);
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
  cpu({ threads: 1 }).dispose();
  expect(warn).not.toHaveBeenCalled();
  for (let round = 0; round < 3; round++) {
    const backend = cpu({ threads: 4 });
    use(backend);
    expectLosses(await train(expectedLosses.length));
    backend.dispose();
  }
  expect(warn.mock.calls).toEqual([
    [
      'cpu: running on one thread, because this page has no shared memory. To use all cores, serve the page with the ' +
        "headers 'Cross-Origin-Opener-Policy: same-origin' and 'Cross-Origin-Embedder-Policy: require-corp'.",
    ],
  ]);
});

test('there are no workers', () => {
  vi.spyOn(console, 'warn').mockImplementation(() => {});
  const heap = new Heap();
  const pool = new ThreadPool(heap, { threads: 4 });
  expect([heap.shared, pool.threads, pool.readyWorkers]).toEqual([false, 1, 0]);
  pool.dispose();
});

awaitedOnAPage(1);
