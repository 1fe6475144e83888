// `pnpm bench`: measures this machine, this project and its peers in one run, so that the figures can be compared.
import { writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { type Benchmark, type Group, groups } from './benchmark.ts';
import { benchmarks } from './cases/index.ts';
import { type Contender, openContenders } from './contenders.ts';
import { engineModels, showEngine } from './engine/engine.ts';
import type { EngineRow } from './engine/row.ts';
import { showKernels } from './kernels.ts';
import { bestOf, describeMachine, type Limits, measureMachine } from './machine.ts';
import { type Measurement, measure } from './measure.ts';
import { type Options, readOptions } from './options.ts';
import { type Report, rowOf } from './results.ts';
import { limitLines, machineLine, tableHead, tableLine } from './table.ts';

type Measured = readonly [Benchmark, readonly Measurement[]];

function select({ group, only }: Options): readonly Benchmark[] {
  const chosen = benchmarks.filter(
    (each) =>
      (group === undefined || each.group === group) && (only === undefined || each.name.includes(only)),
  );
  if (chosen.length > 0 || (looksAtEngine(group) && engineModels(only).length > 0)) return chosen;
  const names = benchmarks.filter((each) => group === undefined || each.group === group);
  throw new Error(
    `bench: no case is named like '${only}'. Cases: ${names.map(({ name }) => name).join('; ')}`,
  );
}

/** The groups that show the engine's table, each on a device of its own. */
function looksAtEngine(group: Group | undefined): boolean {
  return group === undefined || group === 'overhead' || group === 'webgpu';
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
    return await openContenders(group, threads, options.peers);
  } catch (error) {
    if (group !== 'webgpu' || options.group === 'webgpu') throw error;
    console.log(`\nwebgpu: left out. ${error instanceof Error ? error.message : String(error)}`);
    return null;
  }
}

async function main(options: Options): Promise<void> {
  const chosen = select(options);
  const threads = options.threads ?? Math.min(16, availableParallelism());
  if (options.kernels) return showKernels(chosen, threads);

  const started = performance.now();
  const machine = describeMachine();
  const limits = await measureMachine(threads);
  console.log(`${machineLine(machine)}\n${limitLines(limits)}`);
  const versions: Record<string, string> = {};
  const measured: Measured[] = [];
  const engine: EngineRow[] = [];
  for (const group of groups) {
    const cases = chosen.filter((each) => each.group === group);
    const contenders = cases.length === 0 ? null : await open(group, threads, options);
    if (contenders === null) continue;
    for (const { name, version } of contenders) versions[name] = version;
    measured.push(...(await runGroup(group, cases, contenders, limits)));
    for (const contender of contenders) contender.dispose();
  }
  if (looksAtEngine(options.group)) {
    const device = options.group === 'webgpu' ? 'webgpu' : 'cpu';
    engine.push(...(await showEngine({ only: options.only, device, threads })));
  }

  // Other work may have been in the way at the start; the file has parts of the better limits.
  const best = bestOf(limits, await measureMachine(threads));
  console.log(`\n${limitLines(best)} (the better of before and after)`);
  const names = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  console.log(`${names.join(', ')}; ${((performance.now() - started) / 60_000).toFixed(1)} minutes`);
  if (options.json === undefined) return;
  const rows = measured.flatMap(([benchmark, measurements]) =>
    measurements.map((measurement) => rowOf(benchmark, measurement, best)),
  );
  const report: Report = { machine, limits: best, versions, rows, engine };
  await writeFile(options.json, `${JSON.stringify(report, null, 2)}\n`);
}

try {
  await main(readOptions());
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
