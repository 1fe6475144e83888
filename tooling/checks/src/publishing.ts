/**
 * "Publishing is real": installs the packed tarballs with plain npm into an empty project outside the
 * workspace, runs the READMEs' examples and a training on several threads there with the pinned Node and the one
 * outside, and bundles the first example of the workspace's README and that training with Vite, for Node and for
 * the browser (there with a loader's worker thread, too), and runs both bundles.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { chromium } from 'playwright';
import { build, type InlineConfig } from 'vite';
import { allExamples, asJavaScript, moduleName, writeHelper } from './doc-examples.ts';
import { packAll, tarballOf } from './pack.ts';
import { runModules } from './run-examples.ts';
import { chromiumFlags, findChromium, outerNode, publishedPackages, root, run } from './workspace.ts';

/** What the examples of some packages need besides ours, from the registry. */
const extras = ['webgpu', '@sparticuz/chromium'];

function extraVersions(): string[] {
  const catalog = readFileSync(join(root, 'pnpm-workspace.yaml'), 'utf8');
  return extras.map((name) => {
    const version = new RegExp(`^\\s+['"]?${name}['"]?: (\\S+)$`, 'm').exec(catalog)?.[1];
    return version ? `${name}@${version}` : name;
  });
}

async function install(folder: string): Promise<string[]> {
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({ name: 'empty', private: true, type: 'module' }),
  );
  const wanted = [...publishedPackages().map(tarballOf), ...extraVersions()];
  const { code, output } = await run('npm', ['install', '--no-audit', '--no-fund', ...wanted], {
    cwd: folder,
  });
  if (code !== 0) return [`npm install of the tarballs failed\n${output}`];
  const { output: tree } = await run('npm', ['ls', '--all', '--parseable'], { cwd: folder });
  const copies = tree.split('\n').filter((path) => /node_modules\/.*node_modules\/@nn\//.test(path));
  return copies.length === 0 ? [] : [`npm installed a package twice:\n${copies.join('\n')}`];
}

/** A training on several threads, which must also end by itself. */
const training = 'tooling/checks/scenarios/train.ts';
const trainingCode = readFileSync(join(root, training), 'utf8');

/** A page that loads batches in a worker thread, whose module the bundler finds. */
const workerModule = readFileSync(join(root, 'packages/data/test/fixtures/bundled.ts'), 'utf8');
const loadingCode = `import { DataLoader } from '@nn/data';
import { cubes } from './bundled.ts';
for await (const batch of new DataLoader(cubes(4), { batchSize: 4, numWorkers: 1 })) {
  const found = await batch.toArray();
  if (found.join() !== '0,1,8,27') throw new Error(\`The worker made \${found}.\`);
}
`;

async function runExamples(folder: string): Promise<{ count: number; wrong: string[] }> {
  const examples = allExamples().filter(({ file, runs }) => file.endsWith('.md') && runs);
  examples.push({ file: training, line: 1, code: trainingCode, runs: true });
  writeHelper(folder);
  const modules = new Map(examples.map((example) => [`./${moduleName(example)}.mjs`, example]));
  for (const [module, example] of modules)
    writeFileSync(join(folder, module), asJavaScript(example, './compare.mjs'));
  const outer = outerNode();
  if (!outer)
    console.log('No Node outside the workspace was found: the examples run with the pinned one only.');
  const engines = [process.execPath, ...(outer ? [outer] : [])];
  const wrong: string[] = [];
  for (const engine of engines) {
    const { output: version } = await run(engine, ['--version']);
    for (const [module, output] of await runModules({ folder, engine }, [...modules.keys()])) {
      const { file, line } = modules.get(module)!;
      wrong.push(`${file}:${line} as published, with Node ${version.trim()}\n${output}`);
    }
  }
  return { count: engines.length * modules.size, wrong };
}

/** Bundles the README's first example (or, while there is none, all packages) for one platform. */
async function bundle(folder: string, platform: 'node' | 'browser'): Promise<string> {
  const example = allExamples().find(({ file, runs }) => file === 'README.md' && runs);
  const imports = publishedPackages().map(({ manifest }) => `import '${manifest.name}';`);
  writeFileSync(join(folder, 'example.ts'), example?.code ?? imports.join('\n'));
  writeFileSync(join(folder, 'train.ts'), trainingCode);
  writeFileSync(join(folder, 'bundled.ts'), workerModule);
  writeFileSync(join(folder, 'load.ts'), loadingCode);
  const inBrowser = platform === 'browser' ? `import './load.ts';\n` : '';
  writeFileSync(
    join(folder, 'main.ts'),
    `import './example.ts';\nimport './train.ts';\n${inBrowser}globalThis.finished = true;\n`,
  );
  writeFileSync(join(folder, 'index.html'), '<!doctype html><script type="module" src="./main.ts"></script>');
  const shared: InlineConfig = { root: folder, configFile: false, logLevel: 'silent', base: './' };
  const outDir = join(folder, `bundle-${platform}`);
  await build(
    platform === 'node'
      ? { ...shared, ssr: { noExternal: true }, build: { ssr: 'main.ts', outDir, target: 'esnext' } }
      : { ...shared, build: { outDir, target: 'esnext' } },
  );
  return outDir;
}

async function runInPage(folder: string): Promise<string | undefined> {
  const executablePath = findChromium();
  if (!executablePath) {
    console.log('No Chromium found (set CHROMIUM_PATH): the browser bundle was built but NOT run.');
    return undefined;
  }
  const types: Record<string, string> = {
    '.html': 'text/html',
    '.js': 'text/javascript',
    '.wasm': 'application/wasm',
  };
  const server = createServer((request, response) => {
    const name = (request.url ?? '/').split('?')[0];
    const file = join(folder, name === '/' ? 'index.html' : name);
    response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
    response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp');
    response.setHeader('Content-Type', types[extname(file)] ?? 'application/octet-stream');
    if (!existsSync(file)) response.statusCode = 404;
    response.end(existsSync(file) ? readFileSync(file) : '');
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const browser = await chromium.launch({ executablePath, args: [...chromiumFlags] });
  try {
    const page = await browser.newPage();
    const told: string[] = [];
    page.on('console', (message) => told.push(`${message.type()}: ${message.text()}`));
    page.on('pageerror', (error) => told.push(error.stack ?? String(error)));
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    const finished = await page
      .waitForFunction('globalThis.finished === true', undefined, { timeout: 60_000 })
      .then(
        () => true,
        () => false,
      );
    return finished ? undefined : `the browser bundle did not finish\n${told.join('\n')}`;
  } finally {
    await browser.close();
    server.close();
  }
}

async function runBundles(folder: string): Promise<string[]> {
  const wrong: string[] = [];
  const forNode = await bundle(folder, 'node');
  for (const engine of [process.execPath, outerNode()]) {
    if (!engine) continue;
    const { code, output } = await run(engine, [join(forNode, 'main.js')], { cwd: folder, timeout: 120_000 });
    if (code !== 0) wrong.push(`the Node bundle failed with ${engine}\n${output}`);
  }
  const inPage = await runInPage(await bundle(folder, 'browser'));
  return inPage ? [...wrong, inPage] : wrong;
}

const folder = mkdtempSync(join(tmpdir(), 'nn-published-'));
const wrong = await packAll();
if (wrong.length === 0) wrong.push(...(await install(folder)));
let count = 0;
if (wrong.length === 0) {
  const examples = await runExamples(folder);
  count = examples.count;
  wrong.push(...examples.wrong);
  try {
    wrong.push(...(await runBundles(folder)));
  } catch (error) {
    wrong.push(`bundling with Vite failed\n${error instanceof Error ? error.message : String(error)}`);
  }
}
for (const line of wrong) console.error(`\nFAILED  ${stripVTControlCharacters(line)}`);
if (process.env.KEEP_PUBLISHED) console.log(`The project stays in ${folder}`);
else rmSync(folder, { recursive: true, force: true });
const failed = wrong.length;
console.log(`\nPublishing: ${Math.max(0, count + 3 - failed)} passed, ${failed} failed.`);
process.exitCode = failed === 0 ? 0 : 1;
