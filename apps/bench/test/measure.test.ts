import { expect, test } from 'vitest';
import type { Operation } from '../src/benchmark.ts';
import { leastTime } from '../src/machine.ts';
import { type Budget, measure } from '../src/measure.ts';
import { rowOf } from '../src/results.ts';
import { sleeper } from './contender.ts';

const budget: Budget = {
  warmUp: 4,
  sample: 4,
  total: 20,
  mostSamples: 5,
  leastSamples: 3,
  slowRun: 500,
  slowestRun: 1000,
  slowCheck: 5000,
};

const benchmark: Operation = {
  kind: 'operation',
  group: 'cpu',
  subject: 'sleep',
  name: 'sleep',
  cost: { bytes: 2e6 },
  tolerance: { absolute: 0.1 },
  parts: 2,
  inputs: () => [],
  versions: {
    nn: () => {
      throw new Error('contenders of these tests have no tensors');
    },
  },
};

test('wrong results are not timed, right ones are, in turns', async () => {
  const turns: string[] = [];
  const [right, wrong, alsoRight] = await measure(
    { ...benchmark, expected: () => ({ positions: [0], values: [1] }) },
    [
      sleeper({ name: 'right', results: () => [1], turns }),
      sleeper({ name: 'wrong', results: () => [1.2], turns }),
      sleeper({ name: 'also right', results: () => [0.95], turns }),
    ],
    budget,
  );
  expect(wrong).toMatchObject({ checked: false, times: undefined, runs: 0 });
  expect(wrong.error).toBe('gives 1.2 at 0, where 1 ± 0.10 is right');
  for (const { checked, times } of [right, alsoRight]) {
    expect(checked).toBe(true);
    // A run sleeps for 2 ms, and has two parts.
    expect(times!.median).toBeGreaterThan(0.9);
    expect(times!.min).toBeLessThanOrEqual(times!.median);
    expect(times!.max).toBeGreaterThanOrEqual(times!.median);
  }
  // All are checked, the right ones warmed up, and then they take turns.
  expect(turns.slice(0, 9)).toEqual([
    ...['right', 'wrong', 'also right'],
    ...['right', 'also right'],
    ...['right', 'also right', 'right', 'also right'],
  ]);
});

test('of two slow runs the better one counts, and more are taken where only the first one was slow', async () => {
  const slow = { ...budget, slowRun: 100 };
  // A run has two parts.
  const measurementOf = async (...milliseconds: number[]): Promise<{ median: number; runs: number }> => {
    const [{ times, runs }] = await measure(
      benchmark,
      [sleeper({ name: 'sleeper', results: () => [1], milliseconds: () => milliseconds.shift()! })],
      slow,
    );
    return { median: times!.median * 2, runs };
  };
  const first = await measurementOf(300, 150);
  expect(first.runs).toBe(1);
  expect(first.median).toBeGreaterThan(149);
  expect(first.median).toBeLessThan(299);
  expect((await measurementOf(300, ...Array<number>(20).fill(2))).runs).toBeGreaterThan(2);
});

test('a run that is very slow is not repeated', async () => {
  const turns: number[] = [];
  const [{ runs }] = await measure(
    benchmark,
    [sleeper({ name: 'sleeper', results: () => [1], milliseconds: () => turns.push(150) && 150 })],
    { ...budget, slowRun: 50, slowestRun: 100 },
  );
  expect(runs).toBe(1);
  expect(turns).toHaveLength(1);
});

test('who throws has a row with the reason, and the others go on', async () => {
  const measurements = await measure(
    benchmark,
    [
      sleeper({ name: 'nn', results: () => [1] }),
      sleeper({
        name: 'broken',
        results: () => {
          throw new Error('no such kernel\nand more');
        },
      }),
    ],
    budget,
  );
  const [own, broken] = measurements.map((measurement) => rowOf(benchmark, measurement, []));
  expect(own.medianMs).toBeGreaterThan(0.9);
  expect(own.gbps).toBeCloseTo(2 / own.medianMs!);
  expect(broken).toMatchObject({ impl: 'broken', medianMs: null, checked: false, error: 'no such kernel' });
});

test('without expected values, PyTorch is right, then the first one', async () => {
  const own = sleeper({ name: 'nn', results: () => [2] });
  const peer = sleeper({ name: 'peer', results: () => [1] });
  const torch = sleeper({ name: 'torch', results: () => [1] });
  const checked = async (...contenders: (typeof own)[]): Promise<(boolean | null)[]> =>
    (await measure(benchmark, contenders, budget)).map((each) => each.checked);
  expect(await checked(own, peer)).toEqual([true, false]);
  expect(await checked(own, peer, torch)).toEqual([false, true, true]);
  expect(await checked(own)).toEqual([null]);
});

test('the limit is the slower of arithmetic and memory, in the nearest cache', () => {
  const bandwidth = [
    { bytes: 1e5, copy: 100, read: 200 },
    { bytes: 1e8, copy: 10, read: 20 },
  ];
  const limits = [{ threads: 1, gflops: 50, bandwidth }];
  expect(leastTime(limits, 1, { flops: 5e7, bytes: 1e5 })).toBeCloseTo(1);
  expect(leastTime(limits, 1, { flops: 5e6, bytes: 1e8 })).toBeCloseTo(10);
  expect(leastTime(limits, 1, { bytes: 2e5, access: 'read' })).toBeCloseTo(0.001);
  expect(leastTime(limits, 1, {})).toBeUndefined();
  expect(leastTime(limits, 2, { flops: 1 })).toBeUndefined();
});
