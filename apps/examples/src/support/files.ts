// Files appear whole or not at all.
import { mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { DataError } from '@nn/core';

/**
 * Writes to a temporary name beside the file, then renames.
 *
 * @throws {DataError} when the path cannot be written; nothing is left behind.
 */
export async function writeWhole(path: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${path}.${process.pid}.part`;
  try {
    await writeFile(temporary, content);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw new DataError(`cannot write ${path}: ${error instanceof Error ? error.message : error}`, {
      cause: error,
    });
  }
}

/** @throws {DataError} when the file could not be written later: better known before training than after. */
export async function checkWritable(path: string | undefined): Promise<void> {
  if (path === undefined) return;
  const probe = `${path}.${process.pid}.probe`;
  try {
    const present = await stat(path).catch(() => undefined);
    if (present !== undefined && !present.isFile()) throw new Error('it is no file');
    await writeFile(probe, '');
    await rm(probe);
  } catch (error) {
    throw new DataError(`cannot write ${path}: ${error instanceof Error ? error.message : error}`, {
      cause: error,
    });
  }
}

/** @throws {DataError} when there is no such folder and none can be made. */
export async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
  } catch (error) {
    throw new DataError(`cannot make the folder ${path}: ${error instanceof Error ? error.message : error}`, {
      cause: error,
    });
  }
}
