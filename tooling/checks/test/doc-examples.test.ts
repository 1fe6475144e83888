import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import {
  asJavaScript,
  examplesOfMarkdown,
  examplesOfSource,
  withComparisons,
  writeHelper,
} from '../src/doc-examples.ts';
import { runModules } from '../src/run-examples.ts';
import { cacheFolder } from '../src/workspace.ts';

const folder = mkdtempSync(join(tmpdir(), 'examples-'));
const helper = writeHelper(folder);
afterAll(() => rmSync(folder, { recursive: true }));

function exitCode(code: string): number | null {
  const path = join(folder, 'example.mjs');
  writeFileSync(path, asJavaScript({ file: 'x.md', line: 1, code, runs: true }, helper));
  return spawnSync(process.execPath, [path]).status;
}

test('finds the blocks of a README, with their lines', () => {
  const found = examplesOfMarkdown(
    'README.md',
    '# a\n\n```ts\nlet x = 1;\n```\n```sh\nls\n```\n```ts no-run\ny\n```\n',
  );
  expect(found).toEqual([
    { file: 'README.md', line: 4, code: 'let x = 1;\n', runs: true },
    { file: 'README.md', line: 10, code: 'y\n', runs: false },
  ]);
});

test('finds the examples of docstrings, with their lines', () => {
  const source =
    'const a = 1;\n/**\n * Adds.\n *\n * @example\n * ```ts\n * add(1, 2);\n * ```\n */\nexport const add = 1;';
  expect(examplesOfSource('a.ts', source)).toEqual([
    { file: 'a.ts', line: 7, code: 'add(1, 2);\n', runs: true },
  ]);
});

test.each([
  ['1 + 1; // => 2', 0],
  ['1 + 1; // => 3', 1],
  ['const a: number[] = [1, 2]; // => [1, 2]', 0],
  ['const a = new Float32Array([0.1, 2]); // => [0.1, 2]', 0],
  ['const a = new Float32Array([0.1, 2]); // => Float32Array(2) [0.1, 2]', 0],
  ['const a = new Float32Array([0.1, 2]); // => [0.1, 3]', 1],
  ['console.log([[1, 2], [3, 4]]) // => [[1, 2], [3, 4]]', 0],
  ['console.log("a", 1); // => a 1', 0],
  ['await Promise.resolve("tensor(3)"); // => tensor(3)', 0],
  ['1 / 3; // => 0.3333', 0],
  ['"a long text"; // => a long…', 0],
  ['throw new Error("no");', 1],
])('%s ends with %i', (code, expected) => {
  expect(exitCode(code)).toBe(expected);
});

test('many examples in one process: each begins without devices, and fails alone', async () => {
  mkdirSync(cacheFolder, { recursive: true });
  const inside = mkdtempSync(join(cacheFolder, 'examples-'));
  const codes = {
    'uses.mjs': "import { cpu } from '@nn/cpu'; import { use } from '@nn/tensor'; use(cpu());",
    'relies.mjs': "import { tensor } from '@nn/tensor'; tensor([1]);",
    'throws.mjs': "console.log('so far'); throw new Error('no');",
    'leaves.mjs': 'process.exit(0);',
    'works.mjs': '1 + 1;',
  };
  for (const [name, code] of Object.entries(codes)) writeFileSync(join(inside, name), code);
  const running = { folder: inside, engine: process.execPath, arguments: ['--conditions=@nn/source'] };
  const failures = await runModules(
    running,
    Object.keys(codes).map((name) => `./${name}`),
  );
  rmSync(inside, { recursive: true });
  expect([...failures.keys()]).toEqual(['./relies.mjs', './throws.mjs', './leaves.mjs']);
  expect(failures.get('./relies.mjs')).toContain('no backend is in use');
  expect(failures.get('./throws.mjs')).toMatch(/^so far[\s\S]*Error: no/);
});

test('a comparison after half a statement is refused', () => {
  expect(() => withComparisons(']); // => 3', helper)).toThrow(/statement of one line/);
});
