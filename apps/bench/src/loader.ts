// Samples a second of a DataLoader with 0, 1, 2 and 4 workers, and what a large batch costs on its way between
// threads: the table in the README of @nn/data.
//
//     node --conditions=@nn/source apps/bench/src/loader.ts
import { performance } from 'node:perf_hooks';
import { DataLoader } from '@nn/data';
import { interpreter, use } from '@nn/tensor';
import { type ItemOptions, items } from './loader-items.ts';

use(interpreter());
const length = 512;
const batchSize = 16;
const rounds = 5;

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1];

async function samplesPerSecond(
  numWorkers: number,
  kind: ItemOptions['kind'],
): Promise<{ rate: number; start: number }> {
  const before = performance.now();
  const loader = new DataLoader(items({ length, kind }), {
    batchSize,
    numWorkers,
    persistentWorkers: numWorkers > 0,
  });
  // The first epoch waits for the threads to start.
  for await (const _ of loader) break;
  const start = performance.now() - before;
  const seconds: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const begin = performance.now();
    for await (const _ of loader);
    seconds.push((performance.now() - begin) / 1000);
  }
  await loader.close();
  return { rate: length / median(seconds), start };
}

for (const kind of ['computes', 'blocks', 'waits', 'nothing'] as const) {
  const row: string[] = [];
  for (const numWorkers of [0, 1, 2, 4]) {
    const { rate, start } = await samplesPerSecond(numWorkers, kind);
    row.push(
      `${numWorkers} workers: ${rate.toFixed(0)} samples/s (first batch after ${start.toFixed(0)} ms)`,
    );
  }
  console.log(`${kind}: ${row.join(', ')}`);
}

const batch = new Float32Array(32 * 3 * 224 * 224);
const { port1, port2 } = new MessageChannel();
port2.start();
const trip = async (transfer: boolean): Promise<number> => {
  const data = batch.slice();
  const begin = performance.now();
  const arrived = new Promise((resolve) => port2.addEventListener('message', resolve, { once: true }));
  port1.postMessage(data, transfer ? [data.buffer] : []);
  await arrived;
  return performance.now() - begin;
};
const trips = async (transfer: boolean): Promise<string> => {
  const times: number[] = [];
  for (let i = 0; i < 15; i++) times.push(await trip(transfer));
  return `${median(times).toFixed(2)} ms`;
};
console.log(
  `a batch of 32 x 3 x 224 x 224 float32: handed over ${await trips(true)}, cloned ${await trips(false)}`,
);
port1.close();
