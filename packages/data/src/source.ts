// Bytes from wherever data lies, as they come.
import { DataError } from '@nn/core';
import { nodeModule } from './platform.ts';

/**
 * A path (in Node), a URL, a Blob or File, the bytes themselves, or a stream of them, which can be read only once.
 * Whatever is gzipped is unpacked on the way.
 */
export type Source = string | URL | Blob | Uint8Array | ReadableStream<Uint8Array>;

/** What to call a source in errors. */
export function describeSource(source: Source): string {
  if (source instanceof Uint8Array) return 'the given bytes';
  if (source instanceof Blob) return 'name' in source ? String(source.name) : 'the given blob';
  if (typeof source === 'object' && 'getReader' in source) return 'the given stream';
  const text = String(source);
  return text.startsWith('data:') ? 'the given data URL' : text;
}

/** Whether a source can be read again. */
export const isRepeatable = (source: Source): boolean =>
  !(typeof source === 'object' && 'getReader' in source);

/**
 * The bytes of a source piece by piece, unpacked if they are gzipped. Whoever leaves the loop closes the source.
 *
 * @throws {DataError} when the source cannot be read.
 */
async function* readChunks(source: Source): AsyncGenerator<Uint8Array, void, undefined> {
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  try {
    const opened = (await open(source)).getReader();
    reader = opened;
    const head = await atLeast(opened, 2);
    if (head[0] === 0x1f && head[1] === 0x8b) {
      const packed = restream(head, opened) as ReadableStream<Uint8Array<ArrayBuffer>>;
      reader = packed.pipeThrough(new DecompressionStream('gzip')).getReader();
    } else if (head.length > 0) yield head;
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } catch (error) {
    if (error instanceof DataError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new DataError(`cannot read ${describeSource(source)}: ${why}`, { cause: error });
  } finally {
    await reader?.cancel().catch(() => {});
  }
}

/**
 * All bytes of a source, unpacked if they are gzipped.
 *
 * @throws {DataError} when the source cannot be read.
 */
export async function readBytes(source: Source): Promise<{ bytes: Uint8Array; name: string }> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of readChunks(source)) chunks.push(chunk);
  return { bytes: concatenated(chunks), name: describeSource(source) };
}

/**
 * The text of a source piece by piece. A byte-order mark is left out.
 *
 * @throws {DataError} when the source cannot be read, or its bytes are not of the encoding.
 */
export async function* readText(
  source: Source,
  encoding: string = 'utf-8',
): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder(encoding, { fatal: true });
  const decode = (chunk?: Uint8Array): string => {
    try {
      return chunk === undefined ? decoder.decode() : decoder.decode(chunk, { stream: true });
    } catch (error) {
      throw new DataError(
        `${describeSource(source)}: the bytes are no ${encoding} text. Name its encoding: { encoding: 'latin1' }`,
        { cause: error },
      );
    }
  };
  for await (const chunk of readChunks(source)) yield decode(chunk);
  yield decode();
}

async function open(source: Source): Promise<ReadableStream<Uint8Array>> {
  if (source instanceof Uint8Array) return new Blob([source as BlobPart]).stream();
  if (source instanceof Blob) return source.stream();
  if (typeof source === 'object' && 'getReader' in source) return source;
  const isWeb = source instanceof URL ? source.protocol !== 'file:' : /^(https?|blob|data):/.test(source);
  const files = nodeModule<typeof import('node:fs')>('node:fs');
  if (isWeb || files === undefined) {
    const response = await fetch(source);
    if (!response.ok) throw new Error(`the server answered ${response.status} ${response.statusText}`);
    return response.body ?? new Blob([]).stream();
  }
  const { Readable } = nodeModule<typeof import('node:stream')>('node:stream')!;
  const file = files.createReadStream(source, { highWaterMark: 1 << 20 });
  return Readable.toWeb(file) as ReadableStream<Uint8Array>;
}

function concatenated(chunks: readonly Uint8Array[]): Uint8Array {
  if (chunks.length === 1) return chunks[0];
  const all = new Uint8Array(chunks.reduce((total, { length }) => total + length, 0));
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

/** The first bytes, `count` of them if there are so many. */
async function atLeast(reader: ReadableStreamDefaultReader<Uint8Array>, count: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for (let length = 0; length < count; ) {
    const { done, value } = await reader.read();
    if (done) break;
    chunks.push(value);
    length += value.length;
  }
  return concatenated(chunks);
}

function restream(
  head: Uint8Array,
  rest: ReadableStreamDefaultReader<Uint8Array>,
): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start: (controller) => controller.enqueue(head),
    async pull(controller): Promise<void> {
      const { done, value } = await rest.read();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: (reason) => rest.cancel(reason),
  });
}
