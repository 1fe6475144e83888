import { expect, test } from 'vitest';
import type { Benchmark } from '../src/benchmark.ts';
import type { Contender } from '../src/contenders.ts';
import { leastTime } from '../src/machine.ts';
import { measure } from '../src/measure.ts';

/** A contender whose result is the given number. */
function contender(name: string, result: number, turns: string[] = []): Contender {
  return {
    name,
    version: '1',
    device: 'none',
    threads: 1,
    activate: () => void turns.push(name),
    suits: () => true,
    prepare: () => ({
      run: () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2) && undefined,
      results: async () => [result],
      dispose: () => {},
    }),
    dispose: () => {},
  };
}

const benchmark: Benchmark = {
  group: 'cpu',
  name: 'sleep',
  cost: {},
  parts: 2,
  prepare: () => {
    throw new Error('contenders of this test prepare by themselves');
  },
  expected: () => ({ positions: [0], values: [1], tolerance: 0.1 }),
};

test('wrong results are not timed, right ones are, in turns', async () => {
  const turns: string[] = [];
  const [right, wrong, alsoRight] = await measure(benchmark, [
    contender('right', 1, turns),
    contender('wrong', 1.2, turns),
    contender('also right', 0.95, turns),
  ]);
  expect(wrong).toMatchObject({ checked: false, times: undefined, runs: 0 });
  expect(wrong.error).toBe('gives 1.2 at 0, where 1 ± 0.1 is right');
  for (const { checked, times } of [right, alsoRight]) {
    expect(checked).toBe(true);
    // A run sleeps for 2 ms, and has two parts.
    expect(times!.median).toBeGreaterThan(0.9);
    expect(times!.min).toBeLessThanOrEqual(times!.median);
    expect(times!.max).toBeGreaterThanOrEqual(times!.median);
  }
  expect(turns.slice(3, 7)).toEqual(['right', 'also right', 'right', 'also right']);
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
