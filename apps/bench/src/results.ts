// Rows of results, as they go to a file.
import type { Benchmark, Group } from './benchmark.ts';
import type { EngineRow } from './engine/row.ts';
import { type Limits, leastTime, type Machine } from './machine.ts';
import type { Measurement } from './measure.ts';

export interface Row {
  readonly group: Group;
  readonly case: string;
  readonly impl: string;
  readonly device: string;
  readonly threads: number;
  readonly medianMs: number | null;
  readonly minMs: number | null;
  readonly maxMs: number | null;
  readonly runs: number;
  readonly gflops: number | null;
  readonly gbps: number | null;
  /** The least time that the limits of these threads allow, as a part of the time taken. */
  readonly limitRatio: number | null;
  /** Whether results agreed with the reference; null where there is nothing to compare. */
  readonly checked: boolean | null;
  /** Why there are no times. */
  readonly error?: string;
}

export interface Report {
  readonly machine: Machine;
  readonly limits: Limits;
  readonly versions: { readonly [implementation: string]: string };
  readonly rows: readonly Row[];
  /** Steps of training, looked into. */
  readonly engine: readonly EngineRow[];
}

export function rowOf(benchmark: Benchmark, measurement: Measurement, limits: Limits): Row {
  const { contender, times, runs, checked, error } = measurement;
  const { flops, bytes } = benchmark.cost;
  const median = times?.median ?? null;
  const perSecond = (amount: number | undefined): number | null =>
    amount === undefined || median === null ? null : amount / median / 1e6;
  // The limits are the CPU's.
  const least =
    benchmark.group === 'webgpu' ? undefined : leastTime(limits, contender.threads, benchmark.cost);
  return {
    group: benchmark.group,
    case: benchmark.name,
    impl: contender.name,
    device: contender.device,
    threads: contender.threads,
    medianMs: median,
    minMs: times?.min ?? null,
    maxMs: times?.max ?? null,
    runs,
    gflops: perSecond(flops),
    gbps: perSecond(bytes),
    limitRatio: least === undefined || median === null ? null : least / median,
    checked,
    ...(error === undefined ? {} : { error }),
  };
}
