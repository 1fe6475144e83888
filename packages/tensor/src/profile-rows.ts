// From what was recorded to rows: each kernel's runs together, regions, totals.
import {
  costOf,
  countNames,
  type Footprint,
  footprintOf,
  type KernelCost,
  kindOf,
  opsOf,
  walkOf,
} from '@nn/compiler';
import type { Kernel } from '@nn/core';
import type { TraceSpan } from './chrome-trace.ts';
import type { HostWork, ProgramRun, Recorder } from './profile-recorder.ts';

/** All runs of a kernel; on a device that cannot time kernels, of a whole program. Milliseconds. */
export interface KernelRow {
  readonly name: string;
  /** 'dot', 'reduce', 'loop', …; 'program' for a whole one. */
  readonly kind: string;
  /** The extents that it walks: rows and columns, then what each element reduces. */
  readonly walk: string;
  /** All ops that it computes. */
  readonly ops: readonly string[];
  readonly device: string;
  readonly count: number;
  readonly totalMs: number;
  readonly medianMs: number;
  readonly minMs: number;
  /** Operations on floats in one run. A product counts two for each pair of factors, else an instruction one. */
  readonly flops: number;
  /** In one run; what is read several times counts once. */
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** 10⁹ operations in a second, at the median. */
  readonly gflops: number;
  /** 10⁹ bytes in a second, at the median. */
  readonly gigabytesPerSecond: number;
}

/** All runs of a program: a flush, or a call of a compiled function. */
export interface ProgramRow extends Footprint {
  readonly device: string;
  readonly kernels: number;
  readonly count: number;
  /** In its kernels, of all runs. */
  readonly totalMs: number;
}

/** Time on the host within a name given by `recordFunction`, modules and optimizers. */
export interface RegionRow {
  readonly name: string;
  readonly count: number;
  readonly totalMs: number;
}

export interface ProfileTotals {
  /** From the first run's start until all devices were done. */
  readonly wallMs: number;
  /** Ops being recorded. */
  readonly recordMs: number;
  /** Known plans being found. */
  readonly planMs: number;
  /** New plans being made, and compiled by the device. */
  readonly compileMs: number;
  readonly uploadMs: number;
  /** Programs being handed over; where `run` computes, computing. */
  readonly runMs: number;
  /** Results being copied to the host, waiting included. */
  readonly readMs: number;
  /** In kernels, on devices. */
  readonly kernelMs: number;
  readonly ops: number;
  readonly programs: number;
  readonly kernels: number;
  readonly plansFound: number;
  readonly plansMade: number;
  readonly uploadedBytes: number;
  readonly readBytes: number;
  /** The most bytes that were live after a program ran, by device. */
  readonly peakBytes: Readonly<Record<string, number>>;
}

/** A kernel, or where the device cannot tell, a program. */
interface Unit {
  readonly kernel: Kernel | null;
  readonly run: ProgramRun;
  readonly milliseconds: number;
}

function unitsOf(run: ProgramRun): Unit[] {
  const { kernels } = run.program;
  if (!run.byKernel && kernels.length !== 1)
    return run.times.map((milliseconds) => ({ kernel: null, run, milliseconds }));
  return run.times.map((milliseconds, i) => ({ kernel: kernels[i], run, milliseconds }));
}

type Described = Pick<KernelRow, 'name' | 'kind' | 'walk' | 'ops' | 'device'> & KernelCost;

function describe({ kernel, run }: Unit): Described {
  const { program, device, bytesPerElement } = run;
  const cost = (each: Kernel): KernelCost => costOf(each, program.buffers, bytesPerElement);
  if (kernel !== null) {
    const ops = opsOf(kernel);
    return { name: kernel.name, kind: kindOf(kernel), walk: walkOf(kernel), ops, device, ...cost(kernel) };
  }
  const costs = program.kernels.map(cost);
  const add = (key: keyof KernelCost): number => costs.reduce((sum, each) => sum + each[key], 0);
  return {
    name: `${program.kernels.length} kernels`,
    kind: 'program',
    walk: '',
    ops: program.kernels.flatMap(opsOf),
    device,
    flops: add('flops'),
    bytesRead: add('bytesRead'),
    bytesWritten: add('bytesWritten'),
  };
}

/** Equal kernels of different programs count as one. */
export function kernelRows(runs: readonly ProgramRun[]): KernelRow[] {
  const known = new Map<Kernel | ProgramRun['program'], Described>();
  const times = new Map<string, { readonly described: Described; readonly all: number[] }>();
  for (const unit of runs.flatMap(unitsOf)) {
    const object = unit.kernel ?? unit.run.program;
    const described = known.get(object) ?? describe(unit);
    known.set(object, described);
    const key = JSON.stringify(described);
    const row = times.get(key);
    if (row === undefined) times.set(key, { described, all: [unit.milliseconds] });
    else row.all.push(unit.milliseconds);
  }
  const rows = Array.from(times.values(), ({ described, all }): KernelRow => {
    const medianMs = median(all);
    const { flops, bytesRead, bytesWritten } = described;
    const perSecond = (amount: number): number => (medianMs === 0 ? 0 : amount / medianMs / 1e6);
    return {
      ...described,
      count: all.length,
      totalMs: sum(all),
      medianMs,
      minMs: all.reduce((least, each) => Math.min(least, each)),
      gflops: perSecond(flops),
      gigabytesPerSecond: perSecond(bytesRead + bytesWritten),
    };
  });
  return rows.sort((a, b) => b.totalMs - a.totalMs);
}

export function programRows(runs: readonly ProgramRun[]): ProgramRow[] {
  const groups = new Map<ProgramRun['program'], ProgramRun[]>();
  for (const run of runs) {
    const group = groups.get(run.program);
    if (group === undefined) groups.set(run.program, [run]);
    else group.push(run);
  }
  const rows = Array.from(groups, ([program, [first, ...others]]) => ({
    device: first.device,
    kernels: program.kernels.length,
    count: 1 + others.length,
    totalMs: sum([first, ...others].flatMap(({ times }) => times)),
    ...footprintOf(program, first.bytesPerElement),
  }));
  return rows.sort((a, b) => b.totalMs - a.totalMs);
}

export function regionRows({ spans }: Recorder): RegionRow[] {
  const rows = new Map<string, { count: number; totalMs: number }>();
  for (const { work, name, start, end } of spans) {
    if (work !== 'region') continue;
    const row = rows.get(name) ?? { count: 0, totalMs: 0 };
    row.count++;
    row.totalMs += end - start;
    rows.set(name, row);
  }
  return Array.from(rows, ([name, row]) => ({ name, ...row })).sort((a, b) => b.totalMs - a.totalMs);
}

export function totalsOf({ spans, runs, peakBytes }: Recorder, wallMs: number): ProfileTotals {
  const time: Record<HostWork, number> = {
    record: 0,
    plan: 0,
    make: 0,
    compile: 0,
    upload: 0,
    run: 0,
    read: 0,
    flush: 0,
    region: 0,
  };
  const bytes = { ...time };
  // A graph that has grown too long is run while an op is recorded: spans end in order, inner ones first.
  spans.forEach(({ work, start, end, bytes: moved }, i) => {
    time[work] += end - start;
    bytes[work] += moved;
    if (work !== 'record') return;
    for (let inner = i - 1; inner >= 0 && spans[inner].start >= start; inner--)
      if (spans[inner].work === 'flush') time.record -= spans[inner].end - spans[inner].start;
  });
  const ofKind = (work: HostWork): number => spans.filter((span) => span.work === work).length;
  return {
    wallMs,
    recordMs: time.record,
    planMs: time.plan,
    compileMs: time.make + time.compile,
    uploadMs: time.upload,
    runMs: time.run,
    readMs: time.read,
    kernelMs: sum(runs.flatMap(({ times }) => times)),
    ops: ofKind('record'),
    programs: runs.length,
    kernels: runs.reduce((count, { program }) => count + program.kernels.length, 0),
    plansFound: ofKind('plan'),
    plansMade: ofKind('make'),
    uploadedBytes: bytes.upload,
    readBytes: bytes.read,
    peakBytes: Object.fromEntries(peakBytes),
  };
}

/** The kernels of each device, one after the other. */
export function kernelSpans(runs: readonly ProgramRun[]): Map<string, TraceSpan[]> {
  const devices = new Map<string, TraceSpan[]>();
  for (const run of runs) {
    const spans = devices.get(run.device) ?? [];
    devices.set(run.device, spans);
    // One after the other, none before it was handed over.
    let at = Math.max(run.start, spans.at(-1)?.end ?? 0);
    for (const unit of unitsOf(run)) {
      const { name, kind, walk, ops, flops, bytesRead, bytesWritten } = describe(unit);
      const details = { kind, walk, ops: countNames(ops), flops, bytesRead, bytesWritten };
      const end = at + unit.milliseconds;
      spans.push({ name, category: 'kernel', start: at, end, details });
      at = end;
    }
  }
  return devices;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0);
}
