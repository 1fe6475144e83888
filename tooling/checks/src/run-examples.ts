/**
 * Runs the modules that examples were made into: many in one process, since starting one takes longer than what most of
 * them do. Between two of them the devices are put away, so that each must begin by itself; a process must end by
 * itself, too. One that dies fails the example that it was in, and another goes on behind that.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inParallel, run } from './workspace.ts';

/** Examples a process gets: few enough to keep all cores busy until the end. */
const examplesPerProcess = 12;

/** What a process writes before each example, and after one that ended well. */
const begins = '━━ begins';
const ended = '━━ ended well';

const runnerCode = `import { devices, removeBackend } from '@nn/core';
const write = process.stdout.write.bind(process.stdout);
for (const module of process.argv.slice(2)) {
  write('\\n${begins}\\n');
  await import(module);
  for (const device of devices()) removeBackend(device);
  write('\\n${ended}\\n');
}
`;

export interface Running {
  readonly folder: string;
  /** The Node that runs them. */
  readonly engine: string;
  readonly arguments?: readonly string[];
}

/**
 * Runs modules of a folder; for each that did not end well, what was printed.
 *
 * @param modules their names, as `./a.mjs`
 */
export async function runModules(
  { folder, engine, arguments: given = [] }: Running,
  modules: readonly string[],
): Promise<Map<string, string>> {
  const runner = join(folder, 'run.mjs');
  writeFileSync(runner, runnerCode);
  const failures = new Map<string, string>();
  const batches = Array.from({ length: Math.ceil(modules.length / examplesPerProcess) }, (_, at) =>
    modules.slice(at * examplesPerProcess, (at + 1) * examplesPerProcess),
  );
  await inParallel(batches, async (batch) => {
    for (let left = batch; left.length > 0; ) {
      const { code, output } = await run(engine, [...given, runner, ...left], {
        cwd: folder,
        timeout: 300_000,
      });
      const parts = output.split(`\n${begins}\n`).slice(1);
      const passed = parts.findIndex((part) => !part.includes(`\n${ended}\n`));
      if (code === 0 && passed === -1 && parts.length === left.length) return;
      // The one it was in; where all had ended, the last, behind which it did not come to its end.
      const at = passed !== -1 ? passed : Math.max(0, parts.length - 1);
      failures.set(left[at], (parts[at] ?? output).trim());
      left = left.slice(at + 1);
    }
  });
  return failures;
}
