// Which version of a peer is measured.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where a package lies. */
export function packageFolder(name: string): string {
  let folder = dirname(fileURLToPath(import.meta.resolve(name)));
  while (manifestOf(folder)?.name !== name) {
    if (dirname(folder) === folder) throw new Error(`bench: cannot find the folder of package '${name}'`);
    folder = dirname(folder);
  }
  return folder;
}

export function installedVersion(name: string): string {
  return manifestOf(packageFolder(name))?.version ?? 'unknown';
}

function manifestOf(folder: string): { readonly name?: string; readonly version?: string } | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  } catch {
    return undefined;
  }
}
