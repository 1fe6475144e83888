import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { Heap } from '../src/heap.ts';
import { Job } from '../src/threads/job.ts';
import { KernelTrapError, ThreadPool } from '../src/threads/pool.ts';
import { poolKernels } from './support/pool-kernels.ts';

const heap = new Heap();
const pool = new ThreadPool(heap, { threads: 3 });
afterAll(() => pool.dispose());

/** Workers start by themselves: nothing is awaited here, so the event loop does not turn. */
function spinUntilReady(): void {
  const start = performance.now();
  while (pool.readyWorkers < 2 && performance.now() - start < 10_000);
}

test('workers come up while the caller is busy', () => {
  spinUntilReady();
  expect(pool.readyWorkers).toBe(2);
});

test('every item is done once, for any grain, and calls run in order on each run of items', () => {
  spinUntilReady();
  const module = poolKernels(heap);
  for (let round = 0; round < 300; round++) {
    const items = 1 + ((round * 37) % 1000);
    const target = heap.allocate(items * 4);
    heap.words.fill(0, target >>> 2, (target >>> 2) + items);
    const call = { kernel: module.kernel(0), arguments: target };
    const job = new Job(heap, [call, call]);
    pool.run(job, items, 1 + (round % 50));
    const values = heap.words.subarray(target >>> 2, (target >>> 2) + items);
    for (const [item, value] of values.entries())
      if (value !== 2 * item) throw new Error(`item ${item}: ${value}`);
    job.dispose();
    heap.free(target);
  }
  module.dispose();
});

test('workers that sleep are woken by the next job', () => {
  spinUntilReady();
  const module = poolKernels(heap);
  const items = 100_000;
  const target = heap.allocate(items * 4);
  const job = new Job(heap, [{ kernel: module.kernel(2), arguments: target }]);
  const never = new Int32Array(new SharedArrayBuffer(4));
  const seen = new Set<number>();
  const start = performance.now();
  while (seen.size < 3 && performance.now() - start < 10_000) {
    Atomics.wait(never, 0, 0, 5);
    pool.run(job, items, 10);
    for (const thread of heap.words.subarray(target >>> 2, (target >>> 2) + items)) seen.add(thread);
  }
  expect([...seen].sort()).toEqual([0, 1, 2]);
  job.dispose();
  heap.free(target);
  module.dispose();
});

test('workers do what they were left alone with; whoever comes back takes part, and another job waits for it', () => {
  spinUntilReady();
  const module = poolKernels(heap);
  const items = 20_000;
  const target = heap.allocate(items * 4);
  const words = (): Int32Array => heap.words.subarray(target >>> 2, (target >>> 2) + items);
  const call = { kernel: module.kernel(0), arguments: target };
  const job = new Job(heap, [call, call]);
  for (let round = 0; round < 30; round++) {
    words().fill(0);
    pool.run(job, items, 1 + round * 10, true);
    if (round % 3 === 0) pool.run(job, items, 100);
    else pool.finish();
    const times = round % 3 === 0 ? 4 : 2;
    expect(words().findIndex((value, item) => value !== times * item)).toBe(-1);
  }
  words().fill(0);
  pool.run(job, items, 100, true);
  const start = performance.now();
  while (Atomics.load(words(), items - 1) === 0 && performance.now() - start < 10_000);
  expect(words()[items - 1]).toBeGreaterThan(0);
  pool.finish();
  const trap = new Job(heap, [{ kernel: module.kernel(1), arguments: 0 }]);
  pool.run(trap, 100, 1, true);
  expect(() => pool.finish()).toThrow(KernelTrapError);
  pool.finish();
  job.dispose();
  trap.dispose();
  heap.free(target);
  module.dispose();
});

test('memory that grew after the workers started is theirs too', () => {
  spinUntilReady();
  const module = poolKernels(heap);
  const target = heap.allocate(100 * 2 ** 20);
  heap.words.fill(0, target >>> 2, (target >>> 2) + 100_000);
  pool.run(new Job(heap, [{ kernel: module.kernel(0), arguments: target }]), 100_000, 100);
  expect(heap.words[(target >>> 2) + 99_999]).toBe(99_999);
  heap.free(target);
});

test('a trap is a typed error, and the pool goes on', () => {
  spinUntilReady();
  const module = poolKernels(heap);
  const target = heap.allocate(400);
  for (let round = 0; round < 20; round++) {
    expect(() => pool.run(new Job(heap, [{ kernel: module.kernel(1), arguments: 0 }]), 100, 1)).toThrow(
      KernelTrapError,
    );
    pool.run(new Job(heap, [{ kernel: module.kernel(0), arguments: target }]), 100, 1);
  }
});

test('a process ends although its workers sleep and nobody disposed of them', () => {
  const source = (path: string): string => fileURLToPath(new URL(`../src/${path}`, import.meta.url));
  const script = `
    import { Heap } from ${JSON.stringify(source('heap.ts'))};
    import { ThreadPool } from ${JSON.stringify(source('threads/pool.ts'))};
    const pool = new ThreadPool(new Heap(), { threads: 4 });
    const start = performance.now();
    while (pool.readyWorkers < 3 && performance.now() - start < 5000);
    console.log(pool.readyWorkers);
  `;
  const output = execFileSync(
    process.execPath,
    ['--conditions=@nn/source', '--input-type=module', '--eval', script],
    { timeout: 20_000 },
  );
  expect(output.toString().trim()).toBe('3');
});
