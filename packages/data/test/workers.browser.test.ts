// Loaders with worker threads, in a page that shares memory with them.
import { DataLoader, TensorDataset, WorkerError, workerDataset } from '@nn/data';
import { arange, interpreter, type Tensor, use } from '@nn/tensor';
import { beforeAll, expect, it } from 'vitest';
import { cubes } from './fixtures/bundled.ts';
import { echo, type Square, squares } from './fixtures/squares.ts';

beforeAll(() => use(interpreter()));

const values = async (loader: AsyncIterable<unknown>): Promise<unknown[]> => {
  const all: unknown[] = [];
  for await (const batch of loader) {
    const each = Array.isArray(batch) ? batch[0] : batch;
    all.push(await ((each as Square & { x: Tensor }).x ?? each).toArray());
  }
  return all;
};

it('delivers from workers that were started by their URL, and by a function', async () => {
  expect(await values(new DataLoader(squares({ length: 5 }), { batchSize: 2, numWorkers: 2 }))).toEqual([
    [0, 1],
    [2, 3],
    [4],
  ]);
  expect(await values(new DataLoader(cubes(3), { batchSize: 3, numWorkers: 1 }))).toEqual([[0, 1, 8]]);
  const rows = new TensorDataset(arange(4).mul(2));
  expect(await values(new DataLoader(rows, { batchSize: 3, numWorkers: 1 }))).toEqual([[0, 2, 4], [6]]);
});

it('shares memory where the page may, and copies where not', async () => {
  const table = Float64Array.of(1, 2, 3, 4);
  const loader = new DataLoader(echo({ table }), { batchSize: 4, numWorkers: 1 });
  for await (const batch of loader) {
    const [{ value, isShared }] = batch as unknown as { value: number; isShared: boolean }[];
    expect(isShared).toBe(globalThis.crossOriginIsolated);
    expect(value).toBe(isShared ? 101 : 1);
  }
});

it.each([
  ['throw', /failed at sample 3: RangeError: this sample is broken/],
  // A browser tells nobody that a worker closed itself.
  ['exit', /worker \d ended while it made samples 2, 3/],
  ['crash', /broke down while it made samples 2, 3: Error: .*nobody catches this/],
  ['garbage', /sent 'garbage', which is no message/],
])('says what went wrong in a worker: %s', async (what, message) => {
  const loader = new DataLoader(squares({ length: 8, trouble: [3, what] }), { batchSize: 2, numWorkers: 2 });
  const error = await values(loader).catch((thrown) => thrown);
  expect(error).toBeInstanceOf(WorkerError);
  expect(error.message).toMatch(message);
});

it('says that a module could not be loaded', async () => {
  const gone = workerDataset(
    () => new TensorDataset(arange(2)),
    new URL('/no/such/module.js', location.href),
    {
      name: 'gone',
    },
  );
  const error = await values(new DataLoader(gone({}), { numWorkers: 1 })).catch((thrown) => thrown);
  expect(error.message).toMatch(/worker 0 broke down: Error: its module could not be loaded\. Bundlers need/);
});

it('ends the workers of a loop left early', async () => {
  // A worker holds a lock as long as it lives.
  const alive = async (): Promise<number> =>
    (await navigator.locks.query()).held!.filter(({ name }) => name!.startsWith('nn.data')).length;
  const none = async (): Promise<void> => {
    for (let left = 200; left > 0 && (await alive()) > 0; left--)
      await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await alive()).toBe(0);
  };
  await none();
  for await (const _ of new DataLoader(squares({ length: 100 }), { numWorkers: 2 })) {
    expect(await alive()).toBe(2);
    break;
  }
  await none();
});
