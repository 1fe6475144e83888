// A run: the machine's limits, then each case for this project and its peers, and what was found.
import { availableParallelism } from 'node:os';
import { ArgumentError } from '@nn/core';
import { type Benchmark, type Group, groups } from './benchmark.ts';
import { benchmarks } from './cases/index.ts';
import { type Contender, openOwn, openPeers } from './contenders.ts';
import { engineModels, showEngine } from './engine/engine.ts';
import type { EngineRow } from './engine/row.ts';
import { showKernels } from './kernels.ts';
import { bestOf, describeMachine, type Limits, measureMachine } from './machine.ts';
import { type Measurement, measure } from './measure.ts';
import type { Options } from './options.ts';
import { checkWritable, writeOutput } from './outputs.ts';
import { reportPage } from './report/page.ts';
import { type Report, rowOf } from './results.ts';
import { bySubject } from './summary.ts';
import { limitLines, machineLine, summaryLines, tableHead, tableLine } from './table.ts';

type Measured = readonly [Benchmark, readonly Measurement[]];

/** The groups that show the engine's table, each on a device of its own. */
function looksAtEngine(group: Group | undefined): boolean {
  return group === undefined || group === 'overhead' || group === 'webgpu';
}

function select({ group, only }: Options): readonly Benchmark[] {
  const inGroup = benchmarks().filter((each) => group === undefined || each.group === group);
  const chosen = inGroup.filter(({ name }) => only === undefined || name.includes(only));
  if (chosen.length > 0 || (looksAtEngine(group) && engineModels(only).length > 0)) return chosen;
  // The first name of each subject.
  const names = new Map(inGroup.toReversed().map(({ subject, name }) => [subject, name]));
  throw new ArgumentError(
    `bench: no case's name contains '${only}'; there are names like ${[...names.values()].reverse().join('; ')}`,
  );
}

async function runGroup(
  group: Group,
  cases: readonly Benchmark[],
  contenders: readonly Contender[],
  limits: Limits,
): Promise<Measured[]> {
  console.log(`\n${group}\n${tableHead(contenders)}`);
  const measured: Measured[] = [];
  for (const benchmark of cases) {
    const measurements = await measure(benchmark, contenders);
    const rows = measurements.map((measurement) => rowOf(benchmark, measurement, limits));
    console.log(tableLine(benchmark, rows, contenders));
    measured.push([benchmark, measurements]);
  }
  return measured;
}

/** Null where a machine has no GPU and nobody asked for one in particular. */
async function open(group: Group, threads: number, options: Options): Promise<Contender[] | null> {
  try {
    return await openOwn(group, threads);
  } catch (error) {
    if (group !== 'webgpu' || options.group === 'webgpu') throw error;
    console.log(`\nwebgpu: left out. ${error instanceof Error ? error.message : String(error)}`);
    return null;
  }
}

interface Findings {
  readonly measured: readonly Measured[];
  readonly versions: Readonly<Record<string, string>>;
}

async function runCases(
  chosen: readonly Benchmark[],
  threads: number,
  options: Options,
  peers: readonly Contender[],
  limits: Limits,
): Promise<Findings> {
  const versions: Record<string, string> = {};
  const measured: Measured[] = [];
  for (const group of groups) {
    const cases = chosen.filter((each) => each.group === group);
    const own = cases.length === 0 ? null : await open(group, threads, options);
    if (own === null) continue;
    const contenders = group === 'webgpu' ? own : [...own, ...peers];
    for (const { name, version } of contenders) versions[name] = version;
    measured.push(...(await runGroup(group, cases, contenders, limits)));
    for (const contender of own) await contender.dispose();
  }
  return { measured, versions };
}

/**
 * Measures what the options ask for, prints it, and writes the files.
 *
 * @throws {ArgumentError} where no case has such a name, a peer cannot start that was asked for, or a file cannot be
 * written; all before anything is measured.
 */
export async function run(options: Options): Promise<void> {
  const chosen = select(options);
  for (const path of [options.json, options.report]) if (path !== undefined) await checkWritable(path);
  const threads = options.threads ?? Math.min(16, availableParallelism());
  if (options.kernels) return showKernels(chosen, threads);
  const wanted = chosen.some(({ group }) => group !== 'webgpu') ? options.peers : [];
  const { contenders: peers, absent } = await openPeers(wanted, { threads, python: options.python });
  for (const line of absent) console.log(line);
  try {
    await measureAll(chosen, threads, options, peers);
  } finally {
    for (const peer of peers) await peer.dispose();
  }
}

async function measureAll(
  chosen: readonly Benchmark[],
  threads: number,
  options: Options,
  peers: readonly Contender[],
): Promise<void> {
  const started = performance.now();
  const machine = describeMachine();
  const limits = await measureMachine(threads);
  console.log(`${machineLine(machine)}\n${limitLines(limits)}`);
  const { measured, versions } = await runCases(chosen, threads, options, peers, limits);
  const engine: EngineRow[] = [];
  if (looksAtEngine(options.group)) {
    const device = options.group === 'webgpu' ? 'webgpu' : 'cpu';
    engine.push(...(await showEngine({ only: options.only, device, threads })));
  }

  // Other work may have been in the way at the start; the files have parts of the better limits.
  const best = bestOf(limits, await measureMachine(threads));
  const rows = measured.flatMap(([benchmark, measurements]) =>
    measurements.map((measurement) => rowOf(benchmark, measurement, best)),
  );
  console.log(`\n${limitLines(best)} (the better of before and after)`);
  const subjects = bySubject(rows, chosen);
  console.log(`\n${summaryLines(subjects)}`);
  const names = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  console.log(`${names.join(', ')}; ${((performance.now() - started) / 60_000).toFixed(1)} minutes`);
  const report: Report = { machine, limits: best, versions, rows, engine };
  if (options.json !== undefined) await writeOutput(options.json, `${JSON.stringify(report, null, 2)}\n`);
  if (options.report !== undefined) await writeOutput(options.report, reportPage(report, subjects));
}
