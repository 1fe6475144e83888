import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

const main = join(import.meta.dirname, '../src/main.ts');
const vector = (...data: number[]): object => ({ tensor: 'float32', shape: [data.length], data });
const cases = [
  { op: 'add', args: [vector(1, 2), vector(3, 4)], kwargs: {}, out: [vector(4, 6)] },
  { op: 'mul', args: [vector(1, 2), vector(3, 4)], kwargs: {}, out: [vector(3, 9)] },
  { op: 'no_such_operator', args: [], kwargs: {}, out: [] },
];
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parity-'));
  await writeFile(join(folder, 'cases.jsonl'), cases.map((each) => JSON.stringify(each)).join('\n'));
});
afterAll(() => rm(folder, { recursive: true }));

function parity(...args: string[]): Promise<{ code: number; lines: string[] }> {
  const given = ['--conditions=@nn/source', main, '--device', 'interpreter', ...args];
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      given,
      { cwd: folder, env: { ...process.env, INIT_CWD: folder } },
      (error, stdout) => resolve({ code: Number(error?.code ?? 0), lines: stdout.trim().split('\n') }),
    );
  });
}

test('prints a row for each operator that falls short, and the counts last', async () => {
  const { code, lines } = await parity('--cases', 'cases.jsonl', '--json', 'out.json');
  expect(lines).toEqual([
    'mul                    0/1  output at [1]: expected 9, got 8',
    'no_such_operator       0/1  the table has no row for no_such_operator',
    '1 passed, 2 failed, 0 skipped',
  ]);
  expect(code).toBe(0);
  const json = JSON.parse(await readFile(join(folder, 'out.json'), 'utf8'));
  expect(json.total).toEqual({ passed: 1, failed: 2, skipped: 0 });
  expect(json.operators.add).toEqual({ passed: 1, failed: 0, skipped: 0, total: 1 });
});

test('runs one operator', async () => {
  const { lines } = await parity('--cases', 'cases.jsonl', '--op', 'add');
  expect(lines).toEqual(['1 passed, 0 failed, 0 skipped']);
});

test('fails only behind a baseline', async () => {
  const file = join(folder, 'baseline.json');
  await writeFile(file, JSON.stringify({ add: 1 }));
  expect((await parity('--cases', 'cases.jsonl', '--baseline', file)).code).toBe(0);
  await writeFile(file, JSON.stringify({ add: 1, mul: 1 }));
  const { code, lines } = await parity('--cases', 'cases.jsonl', '--baseline', file);
  expect(code).toBe(1);
  expect(lines).toContain('REGRESSION mul: 0 passed, 1 before: output at [1]: expected 9, got 8');
});

test('refuses what it does not know', async () => {
  const { code } = await parity('--kind', 'everything');
  expect(code).toBe(2);
});
