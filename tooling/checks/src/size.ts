/**
 * How many bytes a page downloads for each entry point: minified and gzipped, the package's own code and, for
 * the scenarios in `scenarios/`, everything that they pull in. Fails when one is over its budget in
 * `budgets.json`, or has none. `--update` sets the budgets a tenth above today's sizes, where they are over.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { rolldown } from 'rolldown';
import { filesBelow, publishedPackages } from './workspace.ts';

const budgetFile = join(import.meta.dirname, '../budgets.json');
const scenarioFolder = join(import.meta.dirname, '../scenarios');

async function bundledSize(input: string, external: RegExp): Promise<number> {
  const bundle = await rolldown({
    input,
    external: [external, /^node:/],
    platform: 'browser',
    resolve: { conditionNames: ['@nn/source', 'import', 'default'] },
    treeshake: true,
    logLevel: 'silent',
  });
  const { output } = await bundle.generate({ format: 'esm', minify: true });
  await bundle.close();
  return output.reduce((sum, chunk) => sum + (chunk.type === 'chunk' ? gzipSync(chunk.code).length : 0), 0);
}

async function allSizes(): Promise<Record<string, number>> {
  const sizes: Record<string, number> = {};
  for (const { folder, manifest } of publishedPackages()) {
    for (const [entry, target] of Object.entries(manifest.exports ?? {})) {
      const source = (target as Record<string, string>)['@nn/source'];
      if (!source) continue;
      sizes[manifest.name + entry.slice(1)] = await bundledSize(join(folder, source), /^[^./]/);
    }
  }
  for (const file of filesBelow(scenarioFolder, '.ts')) {
    const name = `scenario: ${basename(file, '.ts')}`;
    try {
      sizes[name] = await bundledSize(file, /^(webgpu|@sparticuz\/chromium)$/);
    } catch (error) {
      console.error(`${name} cannot be bundled\n${error instanceof Error ? error.message : String(error)}`);
      process.exitCode = 1;
    }
  }
  return sizes;
}

const budgets: Record<string, number> = JSON.parse(readFileSync(budgetFile, 'utf8'));
const sizes = await allSizes();
if (process.argv.includes('--update')) {
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
