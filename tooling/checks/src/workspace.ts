/** Where things are in this workspace, and the small helpers that every check shares. */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { delimiter, join, resolve } from 'node:path';

export const root: string = resolve(import.meta.dirname, '../../..');
/** What the checks write; ignored by git. */
export const cacheFolder: string = join(root, 'tooling/checks/.cache');

export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly exports?: Readonly<Record<string, unknown>>;
  readonly imports?: Record<string, unknown>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
}

export interface Package {
  /** The name without its scope: `core`. */
  readonly name: string;
  readonly folder: string;
  readonly manifest: Manifest;
}

/** The packages that are published, in alphabetical order. */
export function publishedPackages(): Package[] {
  return packagesIn(join(root, 'packages'));
}

/** The packages whose folders lie in `from`, in alphabetical order. */
export function packagesIn(from: string): Package[] {
  return readdirSync(from)
    .filter((name) => existsSync(join(from, name, 'package.json')))
    .sort()
    .map((name) => ({
      name,
      folder: join(from, name),
      manifest: JSON.parse(readFileSync(join(from, name, 'package.json'), 'utf8')),
    }));
}

/** Every file below `folder` with one of the `endings`, dist, caches and installed packages left out. */
export function filesBelow(folder: string, ...endings: string[]): string[] {
  if (!existsSync(folder)) return [];
  const skipped = new Set(['node_modules', 'dist', '.cache']);
  return readdirSync(folder, { withFileTypes: true })
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return skipped.has(entry.name) ? [] : filesBelow(path, ...endings);
      return endings.some((ending) => entry.name.endsWith(ending)) ? [path] : [];
    })
    .sort();
}

/**
 * The Debian Chromium, or the one that `CHROMIUM_PATH` names, or nothing.
 * `vitest.config.ts` uses the same one.
 */
export function findChromium(): string | undefined {
  const named = process.env.CHROMIUM_PATH;
  return [named, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(
    (path) => path !== undefined && path !== '' && existsSync(path),
  );
}

/** Flags for a headless Chromium that talks to nobody and shows pages a software WebGPU adapter. */
export const chromiumFlags: readonly string[] = [
  '--no-sandbox',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--enable-features=Vulkan',
];

/** The Node outside the workspace: the first on the path that no `node_modules` holds. */
export function outerNode(): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return folders
    .filter((folder) => folder !== '' && !folder.includes('node_modules') && !folder.includes('pnpm'))
    .map((folder) => join(folder, process.platform === 'win32' ? 'node.exe' : 'node'))
    .find((path) => existsSync(path));
}

export interface Finished {
  readonly code: number;
  /** stdout and stderr, in the order they came. */
  readonly output: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Also shows the output while it comes. */
  readonly show?: boolean;
  /** Milliseconds after which the program is ended; 10 minutes unless told. */
  readonly timeout?: number;
}

/** Runs a program to its end; never throws because of its exit code. */
export function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  return new Promise((settle) => {
    const child = spawn(program, args, {
      cwd: options.cwd ?? root,
      env: { ...process.env, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    // Not spawn's own time limit: it would keep this process waiting after a program that cannot start.
    const limit = setTimeout(() => child.kill('SIGKILL'), options.timeout ?? 600_000);
    let output = '';
    const hear = (chunk: Buffer): void => {
      output += chunk.toString();
      if (options.show) process.stdout.write(chunk);
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    child.on('error', (error) => {
      clearTimeout(limit);
      settle({ code: 1, output: `${output}${program}: ${error.message}\n` });
    });
    child.on('close', (code, signal) => {
      clearTimeout(limit);
      const ended = signal === null ? '' : `\n${program} was ended by ${signal} (time limit?)\n`;
      settle({ code: code ?? 1, output: output + ended });
    });
  });
}

/** Runs pnpm: the one that runs this script, or else the workspace's own through npx. */
export function runPnpm(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const inside = process.env.npm_config_user_agent?.startsWith('pnpm/');
  return inside ? run('pnpm', args, options) : run('npx', ['--yes', 'pnpm@12', ...args], options);
}

/** Maps with as many calls at once as the machine has cores. */
export async function inParallel<In, Out>(
  items: readonly In[],
  work: (item: In) => Promise<Out>,
): Promise<Out[]> {
  const results = new Array<Out>(items.length);
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length) {
      const index = next++;
      results[index] = await work(items[index]);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  return results;
}
