import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { importedNames, wrongArrows, wrongUses } from '../src/arrows.ts';
import { packagesIn } from '../src/workspace.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'arrows-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Lays out packages from `files`, keyed by path; each package depends on what `dependencies` says. */
function wrongIn(files: Record<string, string>, dependencies: Record<string, string[]> = {}): string[] {
  for (const name of ['core', 'tensor', 'cpu', 'optim']) {
    const manifest = {
      name: `@nn/${name}`,
      exports: { '.': './src/index.ts' },
      dependencies: Object.fromEntries((dependencies[name] ?? []).map((on) => [on, 'workspace:^'])),
    };
    write(`${name}/package.json`, JSON.stringify(manifest));
  }
  for (const [path, text] of Object.entries(files)) write(path, text);
  return wrongArrows(packagesIn(folder));
}

function write(path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}

test('an arrow of the table that is declared passes', () => {
  expect(
    wrongIn(
      { 'tensor/src/index.ts': `import { x } from '@nn/core';\nexport { x };` },
      { tensor: ['@nn/core'] },
    ),
  ).toEqual([]);
});

test.each([
  ['an arrow against the table', 'core', `import '@nn/tensor';`, /does not have/],
  ['a type-only arrow against the table', 'cpu', `import type { T } from '@nn/tensor';`, /does not have/],
  ['a re-export against the table', 'cpu', `export * from '@nn/tensor';`, /does not have/],
  ['a dynamic import against the table', 'cpu', `await import('@nn/tensor');`, /does not have/],
  ['an import type against the table', 'cpu', `export type T = import('@nn/tensor').T;`, /does not have/],
  ['an arrow that is not declared', 'tensor', `import '@nn/core';`, /not among its dependencies/],
  ['a package that is not declared', 'tensor', `import 'left-pad';`, /not among its dependencies/],
  ['a deep import', 'tensor', `import '@nn/core/src/shape.ts';`, /deep import/],
  ['a path into another package', 'tensor', `import '../../core/src/index.ts';`, /leaves the package/],
  ['a missing file', 'tensor', `import './absent.ts';`, /does not exist/],
  ['a Node module where none may be', 'core', `import 'node:fs';`, /needs Node/],
])('%s fails', (_, name, source, message) => {
  const wrong = wrongIn({ [`${name}/src/index.ts`]: source });
  expect(wrong).toHaveLength(1);
  expect(wrong[0]).toMatch(message);
});

test('a manifest and a TypeScript project against the table fail', () => {
  const wrong = wrongIn(
    { 'core/tsconfig.json': JSON.stringify({ references: [{ path: '../tensor' }] }) },
    { core: ['@nn/tensor'] },
  );
  expect(wrong).toEqual([
    expect.stringMatching(/package.json depends on @nn\/tensor/),
    expect.stringMatching(/tsconfig.json references ..\/tensor/),
  ]);
});

test('a package that nobody drew fails', () => {
  expect(wrongIn({ 'extra/package.json': '{"name":"@nn/extra"}' })).toEqual([
    expect.stringMatching(/not in the table/),
  ]);
});

test('names in comments and strings are no imports', () => {
  expect(importedNames('a.ts', `// import 'a'\nconst text = "import 'b'";\nexport { text };`)).toEqual([]);
});

test('an application may use any package, but only what is declared and exported', () => {
  wrongIn({
    'apps/toy/package.json': JSON.stringify({ name: '@nn/toy', dependencies: { '@nn/core': 'workspace:^' } }),
    'apps/toy/src/index.ts': `import 'node:fs';\nimport '@nn/core';\nimport '@nn/cpu';\nimport '@nn/core/inside';`,
  });
  expect(wrongUses(packagesIn(join(folder, 'apps')), packagesIn(folder))).toEqual([
    expect.stringMatching(/'@nn\/cpu' @nn\/cpu is not among its dependencies/),
    expect.stringMatching(/'@nn\/core\/inside' is a deep import/),
  ]);
});
