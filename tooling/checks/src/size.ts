/**
 * How many bytes a page downloads for each entry point: minified and gzipped, the package's own code and, for
 * the scenarios in `scenarios/`, everything that they pull in. Fails when one is over its budget in
 * `budgets.json`, or has none. Scenarios are also bundled with the condition `@nn/lean`, with which tensors have only the
 * methods that the library calls. `--update` sets the budgets a tenth above today's sizes, where they are over.
 *
 * `--what one-add` (and `--lean`) tells what a scenario's bytes are: what it would weigh less without each package and each of the
 * heaviest files, whose exports are taken for granted then. What several of them need counts for none.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { parseSync } from 'oxc-parser';
import { type Plugin, rolldown } from 'rolldown';
import { filesBelow, publishedPackages, root } from './workspace.ts';

const budgetFile = join(import.meta.dirname, '../budgets.json');
const scenarioFolder = join(import.meta.dirname, '../scenarios');

/** Puts names without values in the place of what files export. */
function without(isLeftOut: (file: string) => boolean): Plugin {
  return {
    name: 'without',
    load(id) {
      // Files that only export others' names are no weight.
      if (!isLeftOut(id) || id.endsWith('/src/index.ts')) return null;
      const { staticExports } = parseSync(id, readFileSync(id, 'utf8')).module;
      const names = staticExports
        .flatMap(({ entries }) => entries)
        .flatMap(({ isType, exportName }) => (isType || exportName.name === null ? [] : [exportName.name]));
      const code = [...new Set(names)].map(
        (name) => `var _${name} = globalThis.none; export { _${name} as ${name} };`,
      );
      return { code: code.join('\n'), moduleType: 'js' };
    },
  };
}

interface Bundle {
  readonly bytes: number;
  /** Before minification. */
  readonly files: ReadonlyMap<string, number>;
}

interface BundleOptions {
  readonly plugins?: Plugin[];
  readonly lean?: boolean;
}

async function bundled(
  input: string,
  external: RegExp,
  { plugins = [], lean = false }: BundleOptions = {},
): Promise<Bundle> {
  const bundle = await rolldown({
    input,
    plugins,
    external: [external, /^node:/],
    platform: 'browser',
    resolve: { conditionNames: [...(lean ? ['@nn/lean'] : []), '@nn/source', 'import', 'default'] },
    treeshake: true,
    logLevel: 'silent',
  });
  const { output } = await bundle.generate({ format: 'esm', minify: true });
  await bundle.close();
  const chunks = output.filter((each) => each.type === 'chunk');
  const modules = chunks.flatMap((chunk) => Object.entries(chunk.modules));
  return {
    bytes: chunks.reduce((sum, { code }) => sum + gzipSync(code).length, 0),
    files: new Map(modules.map(([file, { renderedLength }]) => [file, renderedLength])),
  };
}

const scenarioExternal = /^(webgpu|@sparticuz\/chromium)$/;

/** Prints what a scenario would weigh less without its parts. */
async function explainScenario(name: string, lean: boolean, fileCount = 25): Promise<void> {
  const input = join(scenarioFolder, `${name}.ts`);
  const whole = await bundled(input, scenarioExternal, { lean });
  const tell = async (title: string, isLeftOut: (file: string) => boolean): Promise<void> => {
    const { bytes } = await bundled(input, scenarioExternal, { plugins: [without(isLeftOut)], lean });
    console.log(`${String(whole.bytes - bytes).padStart(8)}  ${title}`);
  };
  console.log(`${String(whole.bytes).padStart(8)}  ${name}, gzipped. Of these:`);
  const files = [...whole.files].filter(([, length]) => length > 0).sort(([, a], [, b]) => b - a);
  for (const { folder, manifest } of publishedPackages()) {
    const own = join(folder, 'src/');
    if (files.some(([file]) => file.startsWith(own)))
      await tell(manifest.name, (file) => file.startsWith(own));
  }
  for (const [file] of files.slice(0, fileCount))
    await tell(relative(root, file), (each) => each === file && file !== input);
}

async function allSizes(): Promise<Record<string, number>> {
  const sizes: Record<string, number> = {};
  for (const { folder, manifest } of publishedPackages()) {
    for (const [entry, target] of Object.entries(manifest.exports ?? {})) {
      const source = (target as Record<string, string>)['@nn/source'];
      if (!source) continue;
      sizes[manifest.name + entry.slice(1)] = (await bundled(join(folder, source), /^[^./]/)).bytes;
    }
  }
  for (const file of filesBelow(scenarioFolder, '.ts')) {
    for (const lean of [false, true]) {
      const name = `scenario: ${basename(file, '.ts')}${lean ? ', lean' : ''}`;
      try {
        sizes[name] = (await bundled(file, scenarioExternal, { lean })).bytes;
      } catch (error) {
        console.error(`${name} cannot be bundled\n${error instanceof Error ? error.message : String(error)}`);
        process.exitCode = 1;
      }
    }
  }
  return sizes;
}

async function checkBudgets(): Promise<void> {
  const budgets: Record<string, number> = JSON.parse(readFileSync(budgetFile, 'utf8'));
  const sizes = await allSizes();
  if (values.update) {
    for (const [name, size] of Object.entries(sizes)) {
      if (size > (budgets[name] ?? 0)) budgets[name] = Math.ceil((size * 1.1) / 500) * 500;
    }
    const kept = Object.keys(sizes).map((name) => [name, budgets[name]]);
    writeFileSync(budgetFile, `${JSON.stringify(Object.fromEntries(kept), null, 2)}\n`);
  }
  const over = Object.entries(sizes).filter(([name, size]) => size > (budgets[name] ?? 0));
  const gone = Object.keys(budgets).filter((name) => !(name in sizes));
  console.log(`${'entry point'.padEnd(40)}${'gzipped'.padStart(10)}${'budget'.padStart(10)}`);
  for (const [name, size] of Object.entries(sizes)) {
    const mark = size > (budgets[name] ?? 0) ? '  OVER' : '';
    console.log(
      `${name.padEnd(40)}${String(size).padStart(10)}${String(budgets[name] ?? 'none').padStart(10)}${mark}`,
    );
  }
  for (const name of gone) console.error(`budgets.json names "${name}", which is no entry point any more`);
  if (over.length > 0) {
    console.error('Over budget. Find out what came in; if it is worth its weight: pnpm size --update');
  }
  if (over.length + gone.length > 0) process.exitCode = 1;
}

const { values } = parseArgs({
  options: {
    what: { type: 'string' },
    lean: { type: 'boolean', default: false },
    update: { type: 'boolean' },
  },
});
if (values.what === undefined) await checkBudgets();
else await explainScenario(values.what, values.lean);
