import { expect, test } from 'vitest';
import { measureLimits } from '../src/limits.ts';

test.each([1, 2])('the limits of %i threads are measured', async (threads) => {
  const limits = await measureLimits({ threads, milliseconds: 5, workingSets: [2 ** 16, 2 ** 20 + 1] });
  expect(limits.threads).toBe(threads);
  expect(limits.gflops).toBeGreaterThan(0.1);
  expect(limits.bandwidth.map(({ bytes }) => bytes)).toEqual([2 ** 16, 2 ** 20]);
  for (const { copy, read } of limits.bandwidth) {
    expect(copy).toBeGreaterThan(0.01);
    expect(read).toBeGreaterThan(0.01);
  }
});
