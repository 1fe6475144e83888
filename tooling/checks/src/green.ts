/**
 * What must hold before a change lands, step by step: `check` for what is read without running the library,
 * `test` for everything. Every step runs, also after one has failed; the log ends with a table of the steps
 * and with one line that counts the tests.
 *
 *     node tooling/checks/src/green.ts check
 *     node tooling/checks/src/green.ts test
 *     node tooling/checks/src/green.ts test arrows lint    (these steps only)
 */
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder, findChromium, run } from './workspace.ts';

interface Count {
  readonly passed: number;
  readonly failed: number;
}

interface Step {
  readonly name: string;
  readonly command: readonly string[];
  /** What is said instead of running, where it cannot run. */
  readonly unless?: () => string | undefined;
  /** How many tests it ran, where it ran any. */
  readonly count?: (output: string) => Count | undefined;
}

const check = (file: string): string[] => [
  'node',
  '--disable-warning=ExperimentalWarning',
  `tooling/checks/src/${file}.ts`,
];

/** Reads the last "…: 12 passed, 0 failed" of a step's own output. */
const countPrinted = (output: string): Count | undefined => {
  const last = [...output.matchAll(/(\d+) passed, (\d+) failed/g)].at(-1);
  return last && { passed: Number(last[1]), failed: Number(last[2]) };
};

const vitest = (name: string, project: string = name): Step => {
  const report = join(cacheFolder, `vitest-${name}.json`);
  return {
    name: `tests: ${name}`,
    command: [
      'vitest',
      'run',
      '--project',
      project,
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${report}`,
    ],
    count: () => {
      if (!existsSync(report)) return undefined;
      const { numPassedTests, numFailedTests, numFailedTestSuites } = JSON.parse(
        readFileSync(report, 'utf8'),
      );
      rmSync(report);
      // A file that could not even be loaded has no failed test to show; it counts as one.
      return { passed: numPassedTests, failed: numFailedTests || Math.min(1, numFailedTestSuites) };
    },
  };
};

const parity = 'tooling/parity/src/main.ts';

const checkSteps: readonly Step[] = [
  { name: 'types', command: ['tsc', '-b', 'tsconfig.test.json'] },
  { name: 'types: lean', command: ['tsc', '-p', 'tsconfig.lean.json'] },
  { name: 'lint', command: ['biome', 'ci', '--colors=off', '--error-on-warnings', '.'] },
  { name: 'arrows', command: check('arrows') },
  { name: 'knip', command: ['knip', '--no-config-hints'] },
  { name: 'packages', command: check('pack') },
  { name: 'size', command: check('size') },
  {
    name: 'docs',
    command: ['apps/docs/node_modules/.bin/typedoc', '--options', 'apps/docs/typedoc.json'],
  },
];

const testSteps: readonly Step[] = [
  vitest('node'),
  {
    ...vitest('browser', 'browser*'),
    unless: () =>
      findChromium() ? undefined : 'no Chromium on this machine (install it, or set CHROMIUM_PATH)',
  },
  {
    name: 'parity',
    command: ['node', '--conditions=@nn/source', parity, '--baseline'],
    // Cases that PyTorch alone passes so far are known; only an operator that passes fewer than before fails.
    count: (output) => {
      const passed = countPrinted(output)?.passed;
      const failed = output.match(/^REGRESSION /gm)?.length ?? 0;
      return passed === undefined ? undefined : { passed, failed };
    },
  },
  { name: 'doc-examples', command: check('doc-examples'), count: countPrinted },
  { name: 'publishing', command: check('publishing'), count: countPrinted },
];

async function main([which, ...only]: string[]): Promise<void> {
  if (which !== 'check' && which !== 'test') throw new Error('Say `check` or `test`.');
  mkdirSync(cacheFolder, { recursive: true });
  const all = which === 'check' ? checkSteps : [...checkSteps, ...testSteps];
  const steps = all.filter(({ name }) => only.length === 0 || only.some((part) => name.includes(part)));
  const rows: string[] = [];
  let failedSteps = 0;
  const total = { passed: 0, failed: 0 };
  for (const { name, command, unless, count } of steps) {
    const reason = unless?.();
    if (reason) {
      console.log(`\n━━━ ${name}: NOT RUN, ${reason}`);
      rows.push(`${name.padEnd(16)} not run: ${reason}`);
      continue;
    }
    console.log(`\n━━━ ${name}: ${command.join(' ')}`);
    const start = performance.now();
    const [program, ...args] = command;
    const { code, output } = await run(program, args, {
      show: true,
      timeout: 1_500_000,
      env: { NO_COLOR: '1', FORCE_COLOR: undefined },
    });
    const counted = count?.(output);
    if (code !== 0) failedSteps++;
    total.passed += counted?.passed ?? 0;
    total.failed += counted?.failed ?? 0;
    // A step that fails without a failed test of its own counts as one, so the last line never hides it.
    if (code !== 0 && !counted?.failed) total.failed++;
    if (code === 0 && !counted) total.passed++;
    const tests = counted ? `, ${counted.passed} passed, ${counted.failed} failed` : '';
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    rows.push(`${name.padEnd(16)} ${code === 0 ? 'ok' : 'FAILED'} (${seconds} s${tests})`);
  }
  console.log(`\n━━━ summary\n${rows.join('\n')}\n`);
  console.log(`${total.passed} passed, ${total.failed} failed`);
  process.exitCode = failedSteps === 0 && total.failed === 0 ? 0 : 1;
}

await main(process.argv.slice(2));
