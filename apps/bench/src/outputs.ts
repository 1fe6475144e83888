// Files for results: that they can be written is known before anything is measured.
import { open, rm, writeFile } from 'node:fs/promises';
import { ArgumentError } from '@nn/core';

/**
 * Makes sure that a file can be written; what it holds stays as it is.
 *
 * @throws {ArgumentError} where it cannot.
 */
export async function checkWritable(path: string): Promise<void> {
  try {
    const existing = await open(path, 'r+').catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
      return null;
    });
    if (existing !== null) return await existing.close();
    await (await open(path, 'wx')).close();
    await rm(path);
  } catch (error) {
    throw new ArgumentError(`bench: cannot write '${path}': ${(error as Error).message}`);
  }
}

export async function writeOutput(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text);
  } catch (error) {
    throw new ArgumentError(`bench: cannot write '${path}': ${(error as Error).message}`);
  }
}
