import { expect, test } from 'vitest';
import { reportPage } from '../src/report/page.ts';
import type { Report, Row } from '../src/results.ts';
import { summaryLines } from '../src/table.ts';

const row = (name: string, impl: string, medianMs: number | null, more: Partial<Row> = {}): Row => ({
  group: 'cpu',
  case: name,
  impl,
  device: 'cpu',
  threads: 1,
  medianMs,
  minMs: medianMs,
  maxMs: medianMs,
  runs: medianMs === null ? 0 : 3,
  gflops: medianMs === null ? null : 10 / medianMs,
  gbps: null,
  limitRatio: medianMs === null ? null : 0.5 / medianMs,
  checked: medianMs !== null,
  ...more,
});

const report: Report = {
  machine: {
    processor: 'A <fast> one',
    cores: 2,
    memoryBytes: 1,
    platform: 'linux x64',
    node: 'v24',
    v8: '13',
    date: '2026-01-01T00:00:00.000Z',
    loadAverage: 0.1,
  },
  limits: [{ threads: 1, gflops: 50, bandwidth: [{ bytes: 2 ** 20, copy: 10, read: 20 }] }],
  versions: { nn: 'this tree', 'jax-js': '0.1' },
  rows: [
    row('matmul 32 NN', 'nn', 1),
    row('matmul 32 NN', 'jax-js', 2.5),
    row('matmul 64 NN', 'nn', 4),
    row('matmul 64 NN', 'jax-js', null, { error: 'no kernel "x" & no <y>' }),
    row('sort 1M', 'nn', 2),
  ],
  engine: [],
};

const subjects = Map.groupBy(report.rows, (each) => (each.case === 'sort 1M' ? 'sorting' : 'products'));

test('the summary has a line for each subject, and says who was faster how often', () => {
  const more = [row('matmul 128 NN', 'nn', 1), row('matmul 128 NN', 'jax-js', 0.4)];
  const lines = summaryLines(new Map([...subjects, ['others', more]])).split('\n');
  expect(lines.map((line) => line.replaceAll(/ +/g, ' '))).toEqual([
    'subject nn, 1 thread jax-js, 1 thread',
    'products 50% 2.50x 20%',
    'sorting 25% -',
    'others 50% 0.40x 125%',
    'faster than us in 1 of 2',
  ]);
});

test('the page shows charts and figures of each subject, and why there are none', () => {
  const page = reportPage(report, subjects);
  expect(page).toContain('<section id="products">');
  expect(page).toContain('<section id="sorting">');
  // The overview; rates over sizes; parts of the limit twice; times as multiples: a lone one has nothing to compare with.
  expect(page.match(/<svg /g)).toHaveLength(5);
  expect(page).toContain('2.50×');
  expect(page).toContain('fails');
  expect(page).toContain('no kernel &quot;x&quot; &amp; no &lt;y&gt;');
  expect(page).toContain('A &lt;fast&gt; one');
  expect(page).not.toContain('NaN');
});
