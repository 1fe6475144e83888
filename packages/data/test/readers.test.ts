// Sources, CSV, text lines and vocabularies.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { ArgumentError, DataError } from '@nn/core';
import { DataLoader, type Source } from '@nn/data';
import { type CsvOptions, type CsvRow, readCsv, readCsvTable } from '@nn/data/csv';
import { characters, LineDataset, readLines, regexTokenizer, Vocabulary, words } from '@nn/data/text';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nn-readers-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const each of source) all.push(each);
  return all;
}

/** The bytes in pieces of `size`. */
function pieces(bytes: Uint8Array, size: number): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller): void {
      for (let at = 0; at < bytes.length; at += size) controller.enqueue(bytes.slice(at, at + size));
      controller.close();
    },
  });
}
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('lines', () => {
  const text = 'eins\r\nzwei\n\ngrün 🦊\nEnde';
  const lines = ['eins', 'zwei', '', 'grün 🦊', 'Ende'];

  it('come from paths, URLs, blobs, bytes and streams, gzipped or not', async () => {
    const sources: Source[] = [];
    for (const [name, bytes] of [
      ['plain.txt', utf8(text)],
      ['packed.txt.gz', new Uint8Array(gzipSync(text))],
    ] as const) {
      const path = join(folder, name);
      await writeFile(path, bytes);
      sources.push(
        path,
        pathToFileURL(path),
        new Blob([bytes as BlobPart]),
        bytes,
        pieces(bytes, 1),
        pieces(bytes, 7),
      );
    }
    sources.push(`data:text/plain,${encodeURIComponent(text)}`);
    for (const source of sources) expect(await collect(readLines(source))).toEqual(lines);
    expect(await collect(readLines(new Uint8Array(0)))).toEqual([]);
  });

  it('are read while they come, and the source is closed by whoever leaves', async () => {
    let isCancelled = false;
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(utf8('again\n')),
      cancel: () => {
        isCancelled = true;
      },
    });
    let count = 0;
    for await (const line of readLines(endless)) {
      expect(line).toBe('again');
      if (++count === 10) break;
    }
    expect(isCancelled).toBe(true);
  });

  it('say what is wrong with a source', async () => {
    await expect(collect(readLines(join(folder, 'none.txt')))).rejects.toThrow(
      /cannot read .*none\.txt: ENOENT/,
    );
    await expect(collect(readLines(Uint8Array.of(0x66, 0xff, 0xfe)))).rejects.toThrow(/no utf-8 text/);
    expect(await collect(readLines(Uint8Array.of(0xe9), { encoding: 'latin1' }))).toEqual(['é']);
    const cut = new Uint8Array(gzipSync('x'.repeat(1000))).subarray(0, 20);
    await expect(collect(readLines(cut))).rejects.toThrow(DataError);
    expect(() => new LineDataset('x', { encodin: 'utf-8' } as never)).toThrow(/Did you mean 'encoding'/);
  });

  it('are samples', async () => {
    const loader = new DataLoader(new LineDataset(new Blob(['a\nb\nc\n'])), { batchSize: 2 });
    for (const _ of [1, 2]) expect(await collect(loader)).toEqual([['a', 'b'], ['c']]);
    const once = new LineDataset(pieces(utf8('a\n'), 5));
    expect(await collect(once)).toEqual(['a']);
    await expect(collect(once)).rejects.toThrow(ArgumentError);
  });
});

describe('readCsv', () => {
  const read = (text: string, options?: CsvOptions): Promise<CsvRow[]> =>
    collect(readCsv(new Blob([text]), options));

  it('knows quotes, line ends, empty lines and types', async () => {
    const text = 'name,"a ""b""",c\r\n"x, y",1.5,\r\n\r\n"two\r\nlines",-2e3,0x10\r\n';
    const rows = [
      { name: 'x, y', 'a "b"': 1.5, c: '' },
      { name: 'two\r\nlines', 'a "b"': -2000, c: 16 },
    ];
    expect(await read(text)).toEqual(rows);
    for (const size of [1, 2, 3, 5, 1000])
      expect(await collect(readCsv(pieces(utf8(text), size)))).toEqual(rows);
    expect(await read('a\n1', { types: 'string' })).toEqual([{ a: '1' }]);
    expect(await read('\uFEFFa;b\n1;2', { delimiter: ';', types: { b: 'string' } })).toEqual([
      { a: 1, b: '2' },
    ]);
    expect(await read('# note\n1,2', { header: ['a', 'b'], comment: '#' })).toEqual([{ a: 1, b: 2 }]);
    expect(await read('a\r1\r2')).toEqual([{ a: 1 }, { a: 2 }]);
    expect(await read('')).toEqual([]);
  });

  it('reads column by column', async () => {
    const table = await readCsvTable(new Blob(['x,y,z\n1,a,1\n,b,2\n']), { types: { z: 'string' } });
    expect(table).toEqual({
      names: ['x', 'y', 'z'],
      length: 2,
      columns: { x: Float64Array.of(1, Number.NaN), y: ['a', 'b'], z: ['1', '2'] },
    });
  });

  it('says where a file is wrong', async () => {
    await expect(read('a,b\n1,2\n3')).rejects.toThrow(/row 2 has 1 fields, but there are 2 columns \(a, b\)/);
    await expect(read('a,a\n1,2')).rejects.toThrow(/two columns are called 'a'/);
    await expect(read('a\n"open')).rejects.toThrow(DataError);
    await expect(read('a\n1\nx', { types: 'number' })).rejects.toThrow(
      /row 2: 'x' is no number \(column 'a'\)/,
    );
    await expect(readCsvTable(new Blob(['a\n1\nx']), { types: 'number' })).rejects.toThrow(/row 2: 'x'/);
    await expect(read('a', { delimiter: '\n' })).rejects.toThrow(ArgumentError);
    await expect(read('a', { seperator: ';' } as never)).rejects.toThrow(/unknown option 'seperator'/);
  });
});

describe('Vocabulary', () => {
  it('numbers tokens by code point, and keeps the frequent ones', () => {
    const text = 'the cat and the dog and the fox';
    const all = Vocabulary.build(words(text));
    expect(all.tokens).toEqual(['and', 'cat', 'dog', 'fox', 'the']);
    const few = Vocabulary.build(words(text), { maxSize: 3, specials: ['<unk>'], unknown: '<unk>' });
    expect(few.tokens).toEqual(['<unk>', 'and', 'the']);
    expect(few.encode(words('the owl and'))).toEqual(Int32Array.of(2, 0, 1));
    expect(Vocabulary.build(words(text), { minFrequency: 2 }).tokens).toEqual(['and', 'the']);
    expect(few.decode([2n, 1])).toEqual(['the', 'and']);
  });

  it('keeps characters whole', () => {
    const fox = Vocabulary.build(characters('a🦊a'));
    expect(fox.size).toBe(2);
    expect(fox.decode(fox.encode(characters('🦊a'))).join('')).toBe('🦊a');
  });

  it('refuses what it does not know', () => {
    const vocabulary = Vocabulary.build(characters('abc'));
    expect(() => vocabulary.encode(['d'])).toThrow(/'d' is not among the 3 known ones/);
    expect(() => vocabulary.decode([3])).toThrow(DataError);
    expect(() => new Vocabulary(['a', 'a'])).toThrow(/comes twice/);
    expect(() => new Vocabulary(['a'], { unknown: 'b' })).toThrow(/must be one of the tokens/);
    expect(regexTokenizer(/\d/)('none')).toEqual([]);
  });
});
