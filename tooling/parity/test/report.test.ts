import { expect, test } from 'vitest';
import { baselineOf, collect, regressions, rowsOf, totalOf } from '../src/report.ts';

const results = collect([
  { operator: 'mul', status: 'passed' },
  { operator: 'add', status: 'passed' },
  { operator: 'add', status: 'failed', message: 'output: expected 1, got 2' },
  { operator: 'add', status: 'failed', message: 'another' },
  { operator: 'sin', status: 'skipped', message: 'no float64' },
]);

test('counts by operator, with the first difference', () => {
  expect(results['add']).toEqual({
    passed: 1,
    failed: 2,
    skipped: 0,
    total: 3,
    firstDifference: 'output: expected 1, got 2',
  });
  expect(totalOf(results)).toEqual({ passed: 2, failed: 2, skipped: 1 });
});

test('a row for each operator that falls short', () => {
  expect(rowsOf(results)).toEqual(['add       1/3  output: expected 1, got 2']);
});

test('falling behind the baseline is a regression; what was not run or is new is none', () => {
  expect(baselineOf(results)).toEqual({ add: 1, mul: 1, sin: 0 });
  expect(regressions(results, { add: 1, cos: 5 })).toEqual([]);
  expect(regressions(results, { add: 2 })).toEqual([
    { operator: 'add', passed: 1, before: 2, firstDifference: 'output: expected 1, got 2' },
  ]);
});
