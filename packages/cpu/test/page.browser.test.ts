// A page that is isolated from other origins: threads, shared memory, and a main thread that must not sleep.
import { use } from '@nn/tensor';
import { afterEach, expect, test, vi } from 'vitest';
import { Heap } from '../src/heap.ts';
import { cpu } from '../src/index.ts';
import { Job } from '../src/threads/job.ts';
import { KernelTrapError, ThreadPool } from '../src/threads/pool.ts';
import { awaitedOnAPage } from './support/main-thread.ts';
import { poolKernels } from './support/pool-kernels.ts';
import { expectedLosses, expectLosses, train } from './support/training.ts';

afterEach(() => vi.restoreAllMocks());

const heap = new Heap();

async function readyPool(threads: number): Promise<ThreadPool> {
  const pool = new ThreadPool(heap, { threads });
  await expect.poll(() => pool.readyWorkers, { timeout: 20_000 }).toBe(threads - 1);
  return pool;
}

test('workers take part, on memory that is shared and that grows', async () => {
  expect(heap.shared).toBe(true);
  const pool = await readyPool(3);
  const module = poolKernels(heap);
  for (let round = 0; round < 200; round++) {
    const items = 1 + ((round * 37) % 1000);
    const target = heap.allocate(round === 100 ? 100 * 2 ** 20 : items * 4);
    heap.words.fill(0, target >>> 2, (target >>> 2) + items);
    pool.run(new Job(heap, [{ kernel: module.kernel(0), arguments: target }]), items, 1 + (round % 50));
    const values = heap.words.subarray(target >>> 2, (target >>> 2) + items);
    expect(values.every((value, item) => value === item)).toBe(true);
    heap.free(target);
  }
  expect(() => pool.run(new Job(heap, [{ kernel: module.kernel(1), arguments: 0 }]), 100, 1)).toThrow(
    KernelTrapError,
  );
  pool.dispose();
});

test('training gives the losses that it gives in Node, without a word of warning', async () => {
  const warn = vi.spyOn(console, 'warn');
  for (const threads of [1, 3]) {
    const backend = cpu({ threads });
    use(backend);
    expectLosses(await train(expectedLosses.length));
    backend.dispose();
  }
  expect(warn).not.toHaveBeenCalled();
});

test('the page stays alive while results are awaited', async () => {
  const backend = cpu();
  use(backend);
  await train(2, 512);
  let ticks = 0;
  const timer = setInterval(() => ticks++, 10);
  const start = performance.now();
  await train(100, 512);
  const elapsed = performance.now() - start;
  clearInterval(timer);
  backend.dispose();
  // Half of what an idle page would see, and less on a busy machine: it must only not be starved.
  expect(ticks).toBeGreaterThan(elapsed / 10 / 10);
});

awaitedOnAPage(2);
