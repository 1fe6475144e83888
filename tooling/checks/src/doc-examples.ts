/**
 * Runs every example of the documentation: the `ts` blocks of the READMEs and the `@example` blocks of the
 * sources. Each is type-checked and run in Node as a module of its own, from a start without devices, and must end well.
 *
 * A one-line statement that ends in `// => value` is also compared: its value, printed or evaluated, must be
 * that. `…` at the end accepts any ending. A block opened as ```ts no-run is type-checked only.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { join, relative } from 'node:path';
import { runModules } from './run-examples.ts';
import { cacheFolder, filesBelow, publishedPackages, root, run } from './workspace.ts';

export interface Example {
  /** The file it stands in, from the workspace's root. */
  readonly file: string;
  /** The line of its first statement, from 1. */
  readonly line: number;
  readonly code: string;
  readonly runs: boolean;
}

/** The `ts` blocks of a Markdown text, which starts at `firstLine` of `file`. */
export function examplesOfMarkdown(file: string, markdown: string, firstLine = 1): Example[] {
  const examples: Example[] = [];
  const lines = markdown.split('\n');
  for (let index = 0; index < lines.length; index++) {
    const opening = /^(\s*)```(ts|typescript)\b(.*)$/.exec(lines[index]);
    if (!opening) continue;
    const start = index + 1;
    let end = start;
    while (end < lines.length && lines[end].trim() !== '```') end++;
    const code = lines.slice(start, end).map((line) => line.slice(opening[1].length));
    examples.push({
      file,
      line: firstLine + start,
      code: `${code.join('\n')}\n`,
      runs: !/\bno-run\b/.test(opening[3]),
    });
    index = end;
  }
  return examples;
}

/** The `ts` blocks below the `@example` tags of a source's docstrings. */
export function examplesOfSource(file: string, source: string): Example[] {
  return [...source.matchAll(/\/\*\*[\s\S]*?\*\//g)].flatMap((comment) => {
    if (!comment[0].includes('@example')) return [];
    const firstLine = source.slice(0, comment.index).split('\n').length;
    const text = comment[0]
      .replace(/^\/\*\*/, '   ')
      .replace(/\*\/$/, '')
      .replace(/^[ \t]*\* ?/gm, '');
    return examplesOfMarkdown(file, text, firstLine);
  });
}

/** Every example of the published packages, and of the workspace's own README and pages. */
export function allExamples(): Example[] {
  const readmes = [
    join(root, 'README.md'),
    ...filesBelow(join(root, 'docs'), '.md'),
    ...publishedPackages().map(({ folder }) => join(folder, 'README.md')),
  ];
  const sources = publishedPackages().flatMap(({ folder }) => filesBelow(join(folder, 'src'), '.ts'));
  return [
    ...readmes.flatMap((file) => examplesOfMarkdown(relative(root, file), readOrNothing(file))),
    ...sources.flatMap((file) => examplesOfSource(relative(root, file), readFileSync(file, 'utf8'))),
  ];
}

function readOrNothing(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/**
 * The example as a module that compares what its `// =>` comments claim. `helper` is the address of the
 * module that `writeHelper` wrote. Line numbers stay as they were.
 */
export function withComparisons(code: string, helper: string): string {
  let compared = false;
  const lines = code.split('\n').map((line) => {
    const claim = /^(.*?)\s*\/\/ => ?(.*)$/.exec(line);
    if (!claim || claim[1].trim() === '') return line;
    compared = true;
    const [, statement, expected] = claim;
    const bare = statement.trim().replace(/;$/, '');
    const wanted = JSON.stringify(expected);
    const printed = /^console\.log\((.*)\)$/.exec(bare);
    const declared = /^(?:const|let)\s+([A-Za-z_$][\w$]*)\b.*=/.exec(bare);
    if (printed) return `nnCompare([${printed[1]}], ${wanted});`;
    if (declared) return `${bare}; nnCompare([${declared[1]}], ${wanted});`;
    if (/^[)\]}.]/.test(bare) || /[([{,]$/.test(bare)) {
      throw new Error(`put "// => ${expected}" on a statement of one line, not after "${bare}"`);
    }
    return `nnCompare([${bare}], ${wanted});`;
  });
  const prefix = compared ? `import { nnCompare } from ${JSON.stringify(helper)}; ` : '';
  return prefix + lines.join('\n');
}

/** Writes the module that the comparisons of examples call, and returns its path. Plain JavaScript, no types. */
export function writeHelper(folder: string): string {
  const path = join(folder, 'compare.mjs');
  writeFileSync(
    path,
    `import { inspect } from 'node:util';
const bare = (text) => text.replace(/['"\`\\s]/g, '').replace(/\\w*Array(\\(\\d+\\))?\\[/g, '[').replace(/,\\]/g, ']');
const close = (a, b) =>
  typeof a === 'number' && typeof b === 'number'
    ? Object.is(a, b) || Math.abs(a - b) <= 1e-3 * Math.max(Math.abs(a), Math.abs(b)) + 1e-6
    : a === b || (a && b && typeof a === 'object' && typeof b === 'object' &&
        plain(a).length === plain(b).length && plain(a).every(([key, value]) => close(value, b[key])));
const plain = (value) => Object.entries(value);
const matches = (text, expected) =>
  expected.endsWith('…') ? bare(text).startsWith(bare(expected.slice(0, -1))) : bare(text) === bare(expected);
export function nnCompare(values, expected) {
  const printed = values.map((value) =>
    typeof value === 'string' ? value : inspect(value, { depth: Infinity, breakLength: Infinity, maxArrayLength: null }));
  const texts = [printed.join(' '), values.map(String).join(' ')];
  if (texts.some((text) => matches(text, expected))) return;
  try {
    if (values.length === 1 && close(values[0], (0, eval)('(' + expected.replace(/\\w*Array(\\(\\d+\\))? ?(?=\\[)/, '') + ')'))) return;
  } catch {}
  throw new Error('The example says  // => ' + expected + '\\nbut the value is      ' + texts[0]);
}
`,
  );
  writeFileSync(
    join(folder, 'compare.d.mts'),
    'export declare function nnCompare(values: unknown[], expected: string): void;\n',
  );
  return path;
}

/** The name an example's own module gets: `packages-tensor-README-12`. */
export function moduleName(example: Example): string {
  return `${example.file.replace(/\.[a-z]+$/, '').replace(/[^A-Za-z0-9]+/g, '-')}-${example.line}`;
}

/** The example as JavaScript, without types and with its comparisons. */
export function asJavaScript(example: Example, helper: string): string {
  return stripTypeScriptTypes(withComparisons(example.code, helper));
}

async function typeCheck(folder: string): Promise<string> {
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({
      extends: join(root, 'tsconfig.base.json'),
      compilerOptions: {
        noEmit: true,
        rewriteRelativeImportExtensions: false,
        composite: false,
        declaration: false,
        declarationMap: false,
        isolatedDeclarations: false,
        noUnusedLocals: false,
        noUnusedParameters: false,
        lib: ['esnext', 'dom', 'dom.iterable'],
        types: ['node', '@webgpu/types'],
      },
      include: ['*.ts'],
      references: publishedPackages().map(({ folder: path }) => ({ path })),
    }),
  );
  const { code, output } = await run('tsc', ['-p', folder, '--pretty', 'false']);
  return code === 0 ? '' : output;
}

async function main(): Promise<void> {
  const pattern = process.argv[2] ?? '';
  const examples = allExamples().filter(({ file }) => file.includes(pattern));
  const folder = join(cacheFolder, 'doc-examples');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeHelper(folder);
  const failures: string[] = [];
  const runnable = new Map<string, Example>();
  for (const example of examples) {
    const path = join(folder, `${moduleName(example)}.ts`);
    // `export {}` makes a module of a block without imports; it stands last, so lines keep their numbers.
    writeFileSync(path, `${example.code}\nexport {};\n`);
    if (!example.runs) continue;
    try {
      const script = path.replace(/\.ts$/, '.mjs');
      writeFileSync(script, asJavaScript(example, './compare.mjs'));
      runnable.set(`./${moduleName(example)}.mjs`, example);
    } catch (error) {
      failures.push(`${example.file}:${example.line}\n${String(error)}`);
    }
  }
  const typeErrors = examples.length > 0 ? await typeCheck(folder) : '';
  for (const example of examples) {
    const name = moduleName(example);
    const own = typeErrors.split('\n').filter((line) => line.includes(`${name}.ts(`));
    if (own.length > 0) {
      const told = own.map((line) =>
        line.replace(/^.*?\.ts\((\d+),\d+\)/, (_, at) => `line ${example.line + Number(at) - 1}`),
      );
      failures.push(`${example.file}:${example.line} (types)\n${told.join('\n')}`);
    }
  }
  if (typeErrors && failures.length === 0) failures.push(typeErrors);
  const running = { folder, engine: process.execPath, arguments: ['--conditions=@nn/source'] };
  for (const [module, output] of await runModules(running, [...runnable.keys()])) {
    const example = runnable.get(module)!;
    failures.push(`${example.file}:${example.line}\n${output}`);
  }
  for (const failure of failures) console.error(`\nFAILED  ${failure}`);
  const failed = failures.length;
  const passed = Math.max(0, examples.length - failed);
  console.log(`\nDocumentation examples: ${passed} passed, ${failed} failed.`);
  process.exitCode = failed === 0 ? 0 : 1;
}

if (import.meta.main) await main();
