import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
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

test('a comparison after half a statement is refused', () => {
  expect(() => withComparisons(']); // => 3', helper)).toThrow(/statement of one line/);
});
