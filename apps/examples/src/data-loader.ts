// From samples to batches: datasets of one's own, samplers, collation, streams and workers.
import { join } from 'node:path';
import {
  DataLoader,
  Dataset,
  IterableDataset,
  randomSplit,
  TensorDataset,
  WeightedRandomSampler,
} from '@nn/data';
import { arange, manualSeed, randn, type Tensor, tensor } from '@nn/tensor';
import { drawings } from './support/drawings.ts';
import { count, example } from './support/example.ts';
import { imageGrid, savePng } from './support/pictures.ts';
import { ProgressBar } from './support/progress.ts';

/** Sentences of different lengths, as numbers. */
class Sentences extends Dataset<number[]> {
  readonly length = 6;

  get(index: number): number[] {
    return Array.from({ length: index + 1 }, (_, i) => i + 1);
  }
}

/** Rows padded with zeros to the longest, and their lengths. */
function padded(rows: readonly number[][]): [rows: Tensor, lengths: Tensor] {
  const longest = Math.max(...rows.map((row) => row.length));
  const full = rows.map((row) => [...row, ...new Array(longest - row.length).fill(0)]);
  return [tensor(full), tensor(rows.map((row) => row.length))];
}

/** Numbers as they come, from a file or a socket say. */
class Stream extends IterableDataset<number> {
  async *[Symbol.asyncIterator](): AsyncGenerator<number> {
    for (let i = 0; i < 7; i++) yield i * i;
  }
}

export const dataLoader = example(
  'Datasets, samplers, collation, streams, and workers that make batches.',
  { drawings: count('drawings that are made, by each number of workers', 2000, { small: 60 }) },
  async ({ drawings: length, seed, out }) => {
    console.log('Tensors, split and shuffled:');
    const pairs = new TensorDataset(randn([10, 3]), arange(10));
    const [train, validation] = randomSplit(pairs, [0.7, 0.3]);
    for await (const [x, y] of new DataLoader(train, { batchSize: 3, shuffle: true })) {
      console.log(`[${x.shape}]`, await y.toArray());
    }
    console.log(`and ${validation.length} for validation`);

    console.log('\nSentences, padded to the longest of the batch:');
    const sentences = new DataLoader(new Sentences(), { batchSize: 3, collateFn: padded });
    for await (const [rows, lengths] of sentences) {
      await rows.print();
      console.log('lengths', await lengths.toArray());
    }

    console.log('\nOne class in ten, drawn as often as the other:');
    const labels = tensor(Array.from({ length: 1000 }, (_, i) => Number(i % 10 === 0)));
    const weights = Array.from(await labels.data<Int32Array>(), (label) => (label === 1 ? 9 : 1));
    const sampler = new WeightedRandomSampler(weights, 1000);
    let rare = 0;
    for await (const [y] of new DataLoader(new TensorDataset(labels), { batchSize: 100, sampler })) {
      rare += await y.sum().item();
    }
    console.log(`${rare / 10} %`);

    console.log('\nA stream:');
    for await (const numbers of new DataLoader(new Stream(), { batchSize: 3 })) await numbers.print();

    console.log('\nDrawings, made in this thread and in workers:');
    const dataset = drawings({ length, size: 32 });
    const speeds: Record<string, number> = {};
    const orders: string[] = [];
    for (const numWorkers of [0, 1, 2]) {
      manualSeed(seed);
      const loader = new DataLoader(dataset, { batchSize: 20, shuffle: true, numWorkers });
      const bar = new ProgressBar(`${numWorkers} workers`, length, { unit: 'drawings' });
      const sums: Tensor[] = [];
      let start = 0;
      for await (const { pixels } of loader) {
        if (sums.length === 0) start = performance.now(); // Threads take a moment to start.
        sums.push(pixels.sum());
        bar.advance(pixels.shape[0]);
      }
      bar.stop();
      speeds[`${numWorkers} workers`] = Math.round((length - 20) / ((performance.now() - start) / 1000));
      orders.push(JSON.stringify(await Promise.all(sums.map((sum) => sum.item()))));
    }
    const sameOrder = orders.every((order) => order === orders[0]);
    console.log('drawings a second:', speeds, sameOrder ? 'in the same order' : 'in different orders');

    for await (const { pixels } of new DataLoader(dataset, { batchSize: 32 })) {
      await savePng(join(out, 'data-loader.png'), imageGrid(pixels.reshape(-1, 32, 32), 8));
      break; // Leaving early leaves nothing behind.
    }
    return { rare, sameOrder, ...speeds };
  },
);

if (import.meta.main) await dataLoader.main();
