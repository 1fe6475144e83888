// The command itself, in a process of its own.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ArgumentError } from '@nn/core';
import { afterAll, expect, test } from 'vitest';
import { readOptions } from '../src/options.ts';
import { run } from '../src/run.ts';

const folder = mkdtempSync(join(tmpdir(), 'bench-'));
afterAll(() => rmSync(folder, { recursive: true }));

function bench(...options: string[]): {
  readonly status: number | null;
  readonly output: string;
  readonly error: string;
} {
  const script = fileURLToPath(new URL('../src/main.ts', import.meta.url));
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--conditions=@nn/source', '--disable-warning=ExperimentalWarning', script, ...options],
    { encoding: 'utf8' },
  );
  return { status, output: stdout, error: stderr };
}

function throwing(error: unknown): never {
  throw error;
}

/** The message of an error of ours, which is a single line. */
function refusal(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    expect(error).toBeInstanceOf(ArgumentError);
    const { message } = error as ArgumentError;
    expect(message).not.toContain('\n');
    return message;
  }
  throw new Error('it was not refused');
}

test.each([
  [['cpu', '--onyl', 'exp'], /unknown option '--onyl'.*Did you mean --only/],
  [['gpu'], /'gpu' is invalid.*cpu, overhead, train, webgpu/],
  [['cpu', 'train'], /too many arguments/],
  [['--peers', 'numpy'], /--peers.*expected some of jax-js,tfjs-wasm,tfjs-cpu,torch/],
  [['--threads', '0'], /--threads.*expected an integer of at least 1/],
])('%j is not understood', (options, message) => {
  expect(refusal(() => readOptions(options))).toMatch(message);
});

test.each([
  [['cpu', '--only', 'nothing like this'], /no case's name contains 'nothing like this'; there are.*matmul/],
  [['cpu', '--json', join(folder, 'missing', 'x.json')], /cannot write '.*x\.json'/],
  [['cpu', '--report', folder], /cannot write '.*'/],
  [['cpu', '--peers', 'torch', '--python', join(folder, 'no-python')], /the peer 'torch' does not start/],
])('%j is refused before anything is measured', async (options, message) => {
  const error = await run(readOptions(options)!).catch((reason: unknown) => reason);
  expect(refusal(() => throwing(error))).toMatch(message);
});

test('options have their defaults', () => {
  expect(readOptions([])).toEqual({ group: undefined, python: 'python3', kernels: false });
  expect(readOptions(['train', '--peers', 'none'], { BENCH_PYTHON: 'python4' })).toMatchObject({
    group: 'train',
    peers: [],
    python: 'python4',
  });
});

test('what is refused ends the command with status 1 and one line', () => {
  const { status, error, output } = bench('--thread', '2');
  expect(error).toBe("bench: unknown option '--thread' (Did you mean --threads?)\n");
  expect(output).toBe('');
  expect(status).toBe(1);
});

test('a run writes rows and a page', () => {
  const [json, page] = [join(folder, 'results.json'), join(folder, 'results.html')];
  const { status, output, error } = bench(
    ...[
      'cpu',
      '--only',
      'matmul 16 N',
      '--peers',
      'jax-js',
      '--threads',
      '2',
      '--json',
      json,
      '--report',
      page,
    ],
  );
  expect(error).toBe('');
  expect(status).toBe(0);
  expect(output).toContain('matmul 16 NT');
  const { machine, limits, versions, rows } = JSON.parse(readFileSync(json, 'utf8'));
  expect(machine.cores).toBeGreaterThan(0);
  expect(limits.map(({ threads }: { threads: number }) => threads)).toEqual([1, 2]);
  for (const { gflops, bandwidth } of limits) {
    expect(gflops).toBeGreaterThan(0);
    expect(bandwidth).toHaveLength(3);
  }
  expect(Object.keys(versions)).toEqual(['nn', 'jax-js']);
  // Two transpositions for two threads, one thread and the peer.
  expect(rows).toHaveLength(6);
  for (const row of rows) {
    expect(Object.keys(row)).toEqual([
      ...['group', 'case', 'impl', 'device', 'threads', 'medianMs', 'minMs', 'maxMs', 'runs'],
      ...['gflops', 'gbps', 'limitRatio', 'checked'],
    ]);
    expect(row).toMatchObject({ group: 'cpu', checked: true });
    expect(row.minMs).toBeLessThanOrEqual(row.medianMs);
    expect(row.medianMs).toBeLessThanOrEqual(row.maxMs);
    expect(row.gflops).toBeCloseTo((2 * 16 ** 3) / row.medianMs / 1e6);
    expect(row.limitRatio).toBeGreaterThan(0);
  }
  expect(existsSync(page)).toBe(true);
  expect(readFileSync(page, 'utf8')).toContain('<svg ');
});
