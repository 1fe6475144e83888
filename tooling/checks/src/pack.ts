/**
 * Packs every published package as a release would, and asks publint and "are the types wrong" about each
 * tarball. The tarballs stay in the cache folder for the publishing test.
 */
import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import {
  cacheFolder,
  filesBelow,
  inParallel,
  type Package,
  publishedPackages,
  root,
  run,
  runPnpm,
} from './workspace.ts';

export const tarballFolder: string = join(cacheFolder, 'tarballs');

/** Where the tarball of a package lies once `packAll` has run. */
export function tarballOf({ manifest }: Package): string {
  return join(tarballFolder, `${manifest.name.replace('@', '').replace('/', '-')}-${manifest.version}.tgz`);
}

/** Deletes what an earlier build left in dist and no source stands behind any more: it must not be published. */
function deleteStale({ folder }: Package): void {
  for (const file of readdirSync(join(folder, 'dist'), { recursive: true, encoding: 'utf8' })) {
    const stem = /^(.*?)\.(?:d\.ts|js)(?:\.map)?$/.exec(file)?.[1];
    if (stem && !existsSync(join(folder, 'src', `${stem}.ts`))) rmSync(join(folder, 'dist', file));
  }
}

/** Whether a tarball is younger than all that goes into one. */
function isUpToDate(found: Package): boolean {
  const tarball = tarballOf(found);
  if (!existsSync(tarball)) return false;
  const packed = statSync(tarball).mtimeMs;
  const own = readdirSync(found.folder, { withFileTypes: true }).filter((entry) => entry.isFile());
  // Folders are younger where something was deleted from them.
  const below = ['dist', 'src'].flatMap((folder) => [
    folder,
    ...readdirSync(join(found.folder, folder), { recursive: true, encoding: 'utf8' }).map((name) =>
      join(folder, name),
    ),
  ]);
  const sources = [
    join(root, 'pnpm-workspace.yaml'),
    // The versions that it asks for.
    ...publishedPackages().map(({ folder }) => join(folder, 'package.json')),
    ...own.map(({ name }) => join(found.folder, name)),
    ...below.map((name) => join(found.folder, name)),
  ];
  return sources.every((path) => statSync(path).mtimeMs < packed);
}

/** Packs what has changed since it was packed; returns what went wrong. */
export async function packAll(): Promise<string[]> {
  mkdirSync(tarballFolder, { recursive: true });
  const packages = publishedPackages();
  const unbuilt = packages.filter(
    ({ folder }) => filesBelow(join(folder, 'src'), '.ts').length === 0 || !existsSync(join(folder, 'dist')),
  );
  if (unbuilt.length > 0) return unbuilt.map(({ name }) => `@nn/${name}: not built; run pnpm build first`);
  const wrong = await inParallel(packages, async (found) => {
    deleteStale(found);
    if (isUpToDate(found)) return [];
    const { code, output } = await runPnpm(['-C', found.folder, 'pack', '--pack-destination', tarballFolder]);
    return code === 0 && existsSync(tarballOf(found))
      ? []
      : [`@nn/${found.name}: pnpm pack failed\n${output}`];
  });
  return wrong.flat();
}

/** What publint and attw say against the tarballs. */
async function lintTarballs(): Promise<string[]> {
  const bin = join(import.meta.dirname, '../node_modules/.bin');
  const wrong = await inParallel(publishedPackages(), async (found) => {
    const tarball = tarballOf(found);
    const publint = await run(join(bin, 'publint'), ['run', tarball, '--strict']);
    const attw = await run(join(bin, 'attw'), [
      tarball,
      '--profile',
      'esm-only',
      '--no-definitely-typed',
      '--format',
      'ascii',
    ]);
    return [publint, attw]
      .filter(({ code }) => code !== 0)
      .map(({ output }) => `@nn/${found.name}\n${output}`);
  });
  return wrong.flat();
}

if (import.meta.main) {
  const wrong = await packAll();
  if (wrong.length === 0) wrong.push(...(await lintTarballs()));
  for (const line of wrong) console.error(line);
  console.log(
    wrong.length === 0 ? 'Packed packages: publint and attw find nothing.' : `${wrong.length} problems.`,
  );
  process.exitCode = wrong.length === 0 ? 0 : 1;
}
