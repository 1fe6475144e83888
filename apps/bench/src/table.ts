// What is printed.
import type { Benchmark } from './benchmark.ts';
import type { Contender } from './contenders.ts';
import type { Limits, Machine } from './machine.ts';
import type { Row } from './results.ts';
import { columnsOf, summarize } from './summary.ts';

const nameWidth = 52;
const ownWidth = 50;
const otherWidth = 24;

export function significant(value: number): string {
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

export const threadsOf = (threads: number): string => `${threads} thread${threads === 1 ? '' : 's'}`;

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

/**
 * Subject by subject: our part of the limit in the middle of its cases; of each other, its time as a multiple of ours in
 * the geometric mean, and its own part of the limit. The last line counts the cases in which it was faster.
 */
export function summaryLines(subjects: ReadonlyMap<string, readonly Row[]>): string {
  const columns = columnsOf([...subjects.values()].flat());
  const found = summarize(subjects);
  const width = (at: number): number => (at === 0 ? 22 : otherWidth);
  const lineOf = (name: string, cell: (column: string) => string): string =>
    `${name.padEnd(30)}${columns.map((column, at) => cell(column).padEnd(width(at))).join('')}`.trimEnd();
  const lines = [...subjects.keys()].map((subject) =>
    lineOf(subject, (column) => {
      const summary = found.find((each) => each.subject === subject && each.column === column);
      if (summary === undefined || summary.cases === 0) return '-';
      const times = summary.ratio === null ? '' : `${summary.ratio.toFixed(2)}x`;
      return `${column === columns[0] ? '' : times.padEnd(8)}${percent(summary.limitRatio)}`;
    }),
  );
  const faster = lineOf('faster than us in', (column) => {
    const own = found.filter((each) => each.column === column);
    const [count, of] = [own.map((each) => each.faster), own.map((each) => each.compared)].map((values) =>
      values.reduce((sum, value) => sum + value, 0),
    );
    return column === columns[0] ? '' : `${count} of ${of}`;
  });
  return [lineOf('subject', (column) => column), ...lines, faster].join('\n');
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
