// Where the time of a function goes: kernel by kernel, and on the host.
import { type Column, countNames, formatBytes, formatTable } from '@nn/compiler';
import { ArgumentError, checkOptions, nearestName } from '@nn/core';
import { chromeTrace, type TraceSpan } from './chrome-trace.ts';
import { observe } from './observer.ts';
import { Recorder } from './profile-recorder.ts';
import {
  type KernelRow,
  kernelRows,
  kernelSpans,
  type ProfileTotals,
  type ProgramRow,
  programRows,
  type RegionRow,
  regionRows,
  totalsOf,
} from './profile-rows.ts';
import { scoped } from './scope.ts';

export type { KernelRow, ProfileTotals, ProgramRow, RegionRow } from './profile-rows.ts';

export interface ProfileOptions {
  /** Runs of the function before those that count: the first compiles. Default 0. */
  readonly warmUp?: number;
  /** Runs that count. Default 1. */
  readonly runs?: number;
}

export type ProfileOrder = 'total' | 'median' | 'count' | 'flops' | 'bytes';

const sortKeys: Readonly<Record<ProfileOrder, (row: KernelRow) => number>> = {
  total: (row) => row.totalMs,
  median: (row) => row.medianMs,
  count: (row) => row.count,
  flops: (row) => row.flops * row.count,
  bytes: (row) => (row.bytesRead + row.bytesWritten) * row.count,
};

export interface ProfileTableOptions {
  /** What the longest-first order goes by. Default 'total'. */
  readonly sortBy?: ProfileOrder;
  /** Rows at most. Default 100. */
  readonly rowLimit?: number;
}

/** What `profile` found. */
export class Profile {
  /** Longest in total first. */
  readonly kernels: readonly KernelRow[];
  /** Longest in total first, with the bytes that each takes and those that it could not do without. */
  readonly programs: readonly ProgramRow[];
  /** Longest first. */
  readonly regions: readonly RegionRow[];
  readonly totals: ProfileTotals;
  readonly #recorder: Recorder;
  readonly #start: number;

  constructor(recorder: Recorder, start: number, end: number) {
    this.#recorder = recorder;
    this.#start = start;
    this.kernels = kernelRows(recorder.runs);
    this.programs = programRows(recorder.runs);
    this.regions = regionRows(recorder);
    this.totals = totalsOf(recorder, end - start);
  }

  /**
   * The kernels, longest first, and the totals, as text.
   *
   * @throws {ArgumentError} for an unknown order.
   */
  table(options: ProfileTableOptions = {}): string {
    checkOptions('table', options, ['sortBy', 'rowLimit']);
    const { sortBy = 'total', rowLimit = 100 } = options;
    const key = sortKeys[sortBy];
    if (key === undefined) {
      const names = Object.keys(sortKeys);
      throw new ArgumentError(
        `table: cannot sort by '${sortBy}'. Did you mean '${nearestName(sortBy, names) ?? names[0]}'? ` +
          `There are: ${names.join(', ')}`,
      );
    }
    const rows = [...this.kernels].sort((a, b) => key(b) - key(a)).slice(0, rowLimit);
    const left = this.kernels.length - rows.length;
    return [
      ...kernelTable(rows, this.totals.kernelMs),
      ...(left > 0 ? [`… and ${left} more`] : []),
      '',
      ...totalLines(this.totals),
      ...largestLine(this.programs),
      ...(this.regions.length > 0 ? ['', ...regionTable(this.regions)] : []),
    ].join('\n');
  }

  toString(): string {
    return this.table();
  }

  /**
   * JSON in Chrome's trace event format: what the host did, and the kernels of each device. Write it to a file and open
   * it in chrome://tracing or https://ui.perfetto.dev.
   */
  toChromeTrace(): string {
    const threads = new Map<string, TraceSpan[]>([['host', []]]);
    for (const { work, name, start, end, bytes } of this.#recorder.spans) {
      const details = bytes > 0 ? { bytes } : undefined;
      threads.get('host')!.push({ name, category: work, start, end, ...(details && { details }) });
    }
    for (const [device, spans] of kernelSpans(this.#recorder.runs)) threads.set(device, spans);
    return chromeTrace(threads, this.#start);
  }
}

// What Node's console shows.
Object.defineProperty(Profile.prototype, Symbol.for('nodejs.util.inspect.custom'), {
  value(this: Profile) {
    return this.table();
  },
});

let current: Recorder | null = null;

/** Whether a profile is being taken. */
export function isProfiling(): boolean {
  return current !== null;
}

/**
 * Runs a function, synchronous or not, and tells where the time went: each kernel's time, bytes and operations, and
 * what the host did (as `torch.profiler.profile`). Whatever runs meanwhile is counted.
 *
 * Devices run kernels one by one for this, so that a step takes longer than else. Pass `warmUp` to leave out the first
 * runs, in which plans are made.
 *
 * @throws {ArgumentError} within another profile.
 * @throws what the function throws, or a device reports.
 * @example
 * ```ts
 * import { interpreter, ones, profile, use } from '@nn/tensor';
 * use(interpreter());
 * const x = ones([64, 64]).realize();
 * const result = await profile(() => x.matmul(x).relu().sum().item(), { warmUp: 1, runs: 5 });
 * const product = result.kernels.find(({ kind }) => kind === 'dot')!;
 * console.log(product.count, product.ops, product.flops); // => 5 ["dot", "relu"] 524288
 * console.log(result.table().split('\n').length > 3); // => true
 * const trace = JSON.parse(result.toChromeTrace()); // write it to a file for chrome://tracing
 * console.log(trace.traceEvents.length > 10); // => true
 * ```
 */
export async function profile(run: () => unknown, options: ProfileOptions = {}): Promise<Profile> {
  checkOptions('profile', options, ['warmUp', 'runs']);
  const warmUp = requireCount('warmUp', options.warmUp ?? 0, 0);
  const runs = requireCount('runs', options.runs ?? 1, 1);
  for (let i = 0; i < warmUp; i++) await run();
  if (current !== null)
    throw new ArgumentError(
      'profile: a profile is being taken already. Use recordFunction(name, fn) inside it',
    );
  const recorder = new Recorder();
  current = recorder;
  const looking = observe(recorder);
  const start = performance.now();
  try {
    for (let i = 0; i < runs; i++) await run();
    await recorder.settle();
  } finally {
    looking[Symbol.dispose]();
    current = null;
  }
  return new Profile(recorder, start, performance.now());
}

function requireCount(name: string, value: number, least: number): number {
  if (Number.isInteger(value) && value >= least) return value;
  throw new ArgumentError(`profile: ${name} must be a whole number of at least ${least}, got ${value}`);
}

/**
 * Runs a function under a name that profiles show, as `torch.profiler.record_function`; nothing else happens. Of an
 * asynchronous function the time until its promise settles counts.
 *
 * @example
 * ```ts
 * import { interpreter, ones, profile, recordFunction, use } from '@nn/tensor';
 * use(interpreter());
 * const result = await profile(() => recordFunction('forward', () => ones([2]).exp().data()));
 * console.log(result.regions.map(({ name, count }) => [name, count])); // => [["forward", 1]]
 * ```
 */
export function recordFunction<T>(name: string, run: () => T): T {
  const recorder = current;
  if (recorder === null) return run();
  const start = performance.now();
  return scoped(run, () => recorder.region(name, start));
}

// ---- Text ----

const right = (head: string): Column => ({ head, align: 'right' });

function kernelTable(rows: readonly KernelRow[], allMs: number): string[] {
  const columns: Column[] = [
    { head: 'kernel' },
    { head: 'walks' },
    { head: 'device' },
    ...['runs', 'total', '%', 'median', 'bytes', 'GFLOP/s', 'GB/s'].map(right),
    { head: 'ops' },
  ];
  return formatTable(
    columns,
    rows.map((row) => [
      row.name,
      `${row.kind} ${row.walk}`.trim(),
      row.device,
      String(row.count),
      formatMilliseconds(row.totalMs),
      allMs === 0 ? '' : ((100 * row.totalMs) / allMs).toFixed(1),
      formatMilliseconds(row.medianMs),
      formatBytes(row.bytesRead + row.bytesWritten),
      row.flops === 0 ? '' : row.gflops.toFixed(2),
      row.gigabytesPerSecond.toFixed(2),
      countNames(row.ops),
    ]),
  );
}

function regionTable(regions: readonly RegionRow[]): string[] {
  return formatTable(
    [{ head: 'region' }, right('runs'), right('host total')],
    regions.map(({ name, count, totalMs }) => [name, String(count), formatMilliseconds(totalMs)]),
  );
}

function totalLines(totals: ProfileTotals): string[] {
  const ms = formatMilliseconds;
  const peaks = Object.entries(totals.peakBytes).map(
    ([device, bytes]) => `${formatBytes(bytes)} on ${device}`,
  );
  return [
    `${ms(totals.wallMs)} in all, ${ms(totals.kernelMs)} in ${totals.kernels} kernels of ${totals.programs} programs`,
    `host: recording ${totals.ops} ops ${ms(totals.recordMs)}, finding ${totals.plansFound} plans ${ms(totals.planMs)}, ` +
      `making ${totals.plansMade} plans ${ms(totals.compileMs)}, uploads ${ms(totals.uploadMs)}, ` +
      `running ${ms(totals.runMs)}, reads ${ms(totals.readMs)}`,
    ...(peaks.length > 0 ? [`peak: ${peaks.join(', ')}`] : []),
  ];
}

function largestLine(programs: readonly ProgramRow[]): string[] {
  if (programs.length === 0) return [];
  const largest = programs.reduce((most, each) => (each.peakBytes > most.peakBytes ? each : most));
  const { peakBytes, requiredBytes, kernels } = largest;
  return [
    `largest program: ${formatBytes(peakBytes)} for ${kernels} kernels, of which ${formatBytes(requiredBytes)} must be there at once`,
  ];
}

/** 0.0123 as '12.3 µs'. */
function formatMilliseconds(milliseconds: number): string {
  if (milliseconds >= 1000) return `${(milliseconds / 1000).toFixed(2)} s`;
  return milliseconds >= 1 ? `${milliseconds.toFixed(2)} ms` : `${(milliseconds * 1000).toFixed(1)} µs`;
}
