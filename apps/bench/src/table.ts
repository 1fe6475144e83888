// What is printed.
import type { Benchmark } from './benchmark.ts';
import type { Contender } from './contenders.ts';
import type { Limits, Machine } from './machine.ts';
import type { Row } from './results.ts';

const nameWidth = 52;
const ownWidth = 50;
const otherWidth = 24;

function significant(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

export function time(milliseconds: number): string {
  if (milliseconds < 1e-3) return `${significant(milliseconds * 1e6)} ns`;
  if (milliseconds < 1) return `${significant(milliseconds * 1e3)} µs`;
  return `${significant(milliseconds)} ms`;
}

function percent(ratio: number | null): string {
  return ratio === null ? '' : `${(100 * ratio).toFixed(0)}%`;
}

export function rate({ gflops, gbps }: Row): string {
  if (gflops !== null) return `${significant(gflops)} GFLOP/s`;
  return gbps === null ? '' : `${significant(gbps)} GB/s`;
}

const threadsOf = (threads: number): string => `${threads} thread${threads === 1 ? '' : 's'}`;

export function machineLine(machine: Machine): string {
  const { processor, cores, platform, node, loadAverage, date } = machine;
  const line = `${processor}, ${cores} cores, ${platform}, Node ${node}, load ${loadAverage.toFixed(1)}, ${date}`;
  return loadAverage <= cores / 2
    ? line
    : `${line}\nOther work keeps this machine busy: compare within a line, and do not quote the times.`;
}

export function limitLines(limits: Limits): string {
  return limits
    .map(({ threads, gflops, bandwidth }) => {
      const sizes = bandwidth.map(
        ({ bytes, copy, read }) =>
          `${significant(bytes / 2 ** 20)} MiB copy ${significant(copy)}, read ${significant(read)}`,
      );
      return `limit of ${threadsOf(threads)}: ${significant(gflops)} GFLOP/s; GB/s: ${sizes.join('; ')}`;
    })
    .join('\n');
}

/** Peers' names already say where they compute. */
const title = (name: string, device: string): string => (name === 'nn' ? `${name} ${device}` : name);

export function tableHead(contenders: readonly Contender[]): string {
  const titles = contenders.map(({ name, threads, device }, at) =>
    `${title(name, device)}, ${threadsOf(threads)}`.padEnd(at === 0 ? ownWidth : otherWidth),
  );
  return `${'case'.padEnd(nameWidth)}${titles.join('')}`.trimEnd();
}

/** How many times our time each peer takes, in the middle of all cases that both did. */
export function summaryLines(rows: readonly Row[]): string {
  const own = new Map(rows.filter(isOwn).map((row) => [`${row.group} ${row.case}`, row]));
  const ratios = new Map<string, number[]>();
  for (const row of rows) {
    const ours = own.get(`${row.group} ${row.case}`);
    if (ours === undefined || ours === row || !ours.medianMs || row.medianMs === null) continue;
    const name = `${row.impl}, ${threadsOf(row.threads)}`;
    ratios.set(name, [...(ratios.get(name) ?? []), row.medianMs / ours.medianMs]);
  }
  return [...ratios]
    .map(([name, values]) => {
      const sorted = values.sort((a, b) => a - b);
      const middle = sorted[Math.floor(sorted.length / 2)];
      const slower = sorted.filter((ratio) => ratio < 1).length;
      return `${name}: ${significant(middle)}x our time in the middle of ${sorted.length} cases; faster than us in ${slower}`;
    })
    .join('\n');
}

/** Ours on the most threads, not compiled: what the others are compared with. */
function isOwn({ impl, threads }: Row, _at: number, rows: readonly Row[]): boolean {
  return impl === 'nn' && rows.every((other) => other.impl !== 'nn' || other.threads <= threads);
}

/** One case: our time, its range, rate and part of the limit; each other's time, how many of ours that is, its part. */
export function tableLine(
  { name }: Benchmark,
  rows: readonly Row[],
  contenders: readonly Contender[],
): string {
  const first = rows[0];
  const cells = contenders.map((contender, at) => {
    const row = rows.find(({ impl, threads }) => impl === contender.name && threads === contender.threads);
    if (row === undefined) return '-'.padEnd(at === 0 ? ownWidth : otherWidth);
    if (row.medianMs === null) return 'fails'.padEnd(at === 0 ? ownWidth : otherWidth);
    if (at === 0) {
      const range = `(${time(row.minMs ?? 0)} - ${time(row.maxMs ?? 0)})`;
      const cell = `${time(row.medianMs).padEnd(9)}${range.padEnd(22)}${rate(row)}`;
      return `${cell} ${percent(row.limitRatio)}`.padEnd(ownWidth);
    }
    const times = first?.medianMs == null ? '' : `${(row.medianMs / first.medianMs).toFixed(1)}x`;
    return `${time(row.medianMs).padEnd(9)}${times.padEnd(8)}${percent(row.limitRatio)}`.padEnd(otherWidth);
  });
  const errors = rows.flatMap(({ impl, threads, error }) =>
    error === undefined ? [] : [`\n  ${impl}, ${threadsOf(threads)}: ${error}`],
  );
  return `${name.padEnd(nameWidth)}${cells.join('')}`.trimEnd() + errors.join('');
}
