// `pnpm parity`: runs PyTorch's cases through this project and says where the results differ.
import { readFile, writeFile } from 'node:fs/promises';
import { help, type Options, parseOptions } from './options.ts';
import { runAll } from './pool.ts';
import { type Baseline, baselineOf, collect, type Results, regressions, rowsOf, totalOf } from './report.ts';
import type { Outcome } from './run-case.ts';

/** Seconds between lines of progress. */
const progressInterval = 10;

async function runCases(options: Options): Promise<Results> {
  const outcomes: Outcome[] = [];
  const timer = setInterval(() => console.error(`${outcomes.length} cases done`), progressInterval * 1000);
  try {
    await runAll(options, (outcome) => outcomes.push(outcome));
  } finally {
    clearInterval(timer);
  }
  return collect(outcomes);
}

/** Prints what fell behind the baseline; whether nothing did. */
async function meetsBaseline(results: Results, file: string): Promise<boolean> {
  const baseline: Baseline = JSON.parse(await readFile(file, 'utf8'));
  const fallen = regressions(results, baseline);
  for (const { operator, passed, before, firstDifference } of fallen)
    console.log(`REGRESSION ${operator}: ${passed} passed, ${before} before: ${firstDifference ?? ''}`);
  return fallen.length === 0;
}

async function main(args: readonly string[]): Promise<void> {
  const options = parseOptions(args);
  if (options === 'help') {
    console.log(help);
    return;
  }
  const results = await runCases(options);
  const total = totalOf(results);
  for (const row of rowsOf(results)) console.log(row);
  if (options.json !== null) {
    const { device, fusion } = options;
    await writeFile(
      options.json,
      `${JSON.stringify({ device, fusion, total, operators: results }, null, 2)}\n`,
    );
  }
  if (options.baseline !== null && options.updateBaseline)
    await writeFile(options.baseline, `${JSON.stringify(baselineOf(results), null, 2)}\n`);
  else if (options.baseline !== null && !(await meetsBaseline(results, options.baseline)))
    process.exitCode = 1;
  console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
}
