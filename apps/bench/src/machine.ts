// The machine, and what it can do at most.
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';
import { type MachineLimits, measureLimits } from '@nn/cpu/limits';
import type { Cost } from './benchmark.ts';

export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly platform: string;
  readonly node: string;
  readonly v8: string;
  readonly date: string;
  /** Processes that wanted to run in the last minute, this one included: more than cores mean worthless figures. */
  readonly loadAverage: number;
}

export function describeMachine(): Machine {
  return {
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    platform: `${process.platform} ${process.arch}`,
    node: process.version,
    v8: process.versions.v8,
    date: new Date().toISOString(),
    loadAverage: loadavg()[0],
  };
}

/** The limits for each number of threads in question. */
export type Limits = readonly MachineLimits[];

export async function measureMachine(threads: number): Promise<Limits> {
  const limits: MachineLimits[] = [];
  for (const count of new Set([1, threads])) limits.push(await measureLimits({ threads: count }));
  return limits;
}

/** The better of two measurements: nothing makes a machine faster than it is, and much makes it slower. */
export function bestOf(first: Limits, second: Limits): Limits {
  return first.map((limits, at) => ({
    threads: limits.threads,
    gflops: Math.max(limits.gflops, second[at].gflops),
    bandwidth: limits.bandwidth.map(({ bytes, copy, read }, size) => ({
      bytes,
      copy: Math.max(copy, second[at].bandwidth[size].copy),
      read: Math.max(read, second[at].bandwidth[size].read),
    })),
  }));
}

/** The milliseconds that the machine needs at least; undefined where the cost says nothing. */
export function leastTime(limits: Limits, threads: number, cost: Cost): number | undefined {
  const own = limits.find((each) => each.threads === threads);
  if (own === undefined || (cost.flops === undefined && cost.bytes === undefined)) return undefined;
  const { flops = 0, bytes = 0, access = 'copy' } = cost;
  const distance = (size: number): number => Math.abs(Math.log(size / Math.max(bytes, 1)));
  const nearest = own.bandwidth.reduce((best, each) =>
    distance(each.bytes) < distance(best.bytes) ? each : best,
  );
  return Math.max(flops / own.gflops, bytes / nearest[access]) / 1e6;
}
