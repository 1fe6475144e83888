// Bytes from wherever data lies.
import { DataError } from '@nn/core';

/** A path (in Node), a URL, a Blob or File, or the bytes themselves. */
export type Source = string | URL | Blob | Uint8Array;

const describe = (source: Source): string => {
  if (source instanceof Uint8Array) return 'the given bytes';
  if (source instanceof Blob) return 'name' in source ? String(source.name) : 'the given blob';
  return String(source);
};

/**
 * All bytes of a source, unpacked if they are gzipped.
 *
 * @throws {DataError} when the source cannot be read.
 */
export async function readBytes(source: Source): Promise<{ bytes: Uint8Array; name: string }> {
  const name = describe(source);
  let bytes: Uint8Array;
  try {
    bytes = await read(source);
    if (bytes[0] === 0x1f && bytes[1] === 0x8b) bytes = await gunzip(bytes);
  } catch (error) {
    throw new DataError(`cannot read ${name}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
  return { bytes, name };
}

async function read(source: Source): Promise<Uint8Array> {
  if (source instanceof Uint8Array) return source;
  if (source instanceof Blob) return new Uint8Array(await source.arrayBuffer());
  const isWeb = source instanceof URL ? source.protocol !== 'file:' : /^(https?|blob|data):/.test(source);
  if (isWeb || typeof process === 'undefined') {
    const response = await fetch(source);
    if (!response.ok) throw new Error(`the server answered ${response.status} ${response.statusText}`);
    return new Uint8Array(await response.arrayBuffer());
  }
  const { readFile } = await import('node:fs/promises');
  return readFile(source);
}

async function gunzip(bytes: Uint8Array): Promise<Uint8Array> {
  const unpacked = new Blob([bytes as BlobPart]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Uint8Array(await new Response(unpacked).arrayBuffer());
}
