// Loaders with worker threads, in Node.
import { DataLoader, TensorDataset } from '@nn/data';
import { arange, interpreter, use } from '@nn/tensor';
import { beforeAll, expect, it } from 'vitest';
import { squares } from './fixtures/squares.ts';

beforeAll(() => use(interpreter()));

it('works', async () => {
  for (const numWorkers of [0, 1, 2]) {
    const all = [];
    const start = performance.now();
    for await (const { x, square, name, noise } of new DataLoader(squares({ length: 7, noise: true }), {
      batchSize: 3,
      numWorkers,
    })) {
      all.push([await x.toArray(), await square.toArray(), name, await noise.toArray()]);
    }
    console.log(performance.now() - start, JSON.stringify(all));
  }
  for await (const [x] of new DataLoader(new TensorDataset(arange(6)), { batchSize: 4, numWorkers: 2 })) {
    expect(x.dtype).toBe('int32');
    console.log(await x.toArray());
  }
});
