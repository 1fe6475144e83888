// The IDX reader, on whole and on damaged files.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { DataError } from '@nn/core';
import { decodeIdx, readIdx } from '@nn/data';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const bytes = Uint8Array.of(0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 255);
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nn-idx-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('decodeIdx', () => {
  it('reads sizes and elements', () => {
    const { dtype, shape, data } = decodeIdx(bytes);
    expect([dtype, shape, [...data]]).toEqual(['uint8', [2, 3], [1, 2, 3, 4, 5, 255]]);
  });

  it('reads big-endian elements of every type', () => {
    const file = (type: number, ...rest: number[]): Uint8Array =>
      Uint8Array.of(0, 0, type, 1, 0, 0, 0, 1, ...rest);
    expect(decodeIdx(file(9, 0xff)).data[0]).toBe(-1);
    expect(decodeIdx(file(11, 0x01, 0x02)).data[0]).toBe(258);
    expect(decodeIdx(file(12, 0xff, 0xff, 0xff, 0xfe)).data[0]).toBe(-2);
    expect(decodeIdx(file(13, 0x3f, 0xc0, 0, 0)).data[0]).toBe(1.5);
    expect(decodeIdx(file(14, 0x40, 0x04, 0, 0, 0, 0, 0, 0)).data[0]).toBe(2.5);
  });

  it('names what is wrong with a file', () => {
    expect(() => decodeIdx(bytes.subarray(0, 17), 'x-idx')).toThrow(
      /x-idx: truncated: .*\[2, 3\] of uint8, 18 bytes, the file has 17/,
    );
    expect(() => decodeIdx(Uint8Array.of(...bytes, 0))).toThrow(/too long/);
    expect(() => decodeIdx(bytes.subarray(0, 6))).toThrow(/header of 2 dimensions takes 12 bytes/);
    expect(() => decodeIdx(bytes.subarray(0, 3))).toThrow(/too few/);
    expect(() => decodeIdx(Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0))).toThrow(
      /not an IDX file: it starts with 0x89 0x50 0x4e 0x47/,
    );
    expect(() => decodeIdx(Uint8Array.of(0, 0, 7, 0, 0))).toThrow(DataError);
  });
});

describe('readIdx', () => {
  it('reads paths, URLs, blobs and gzipped files', async () => {
    const plain = join(folder, 'plain');
    const zipped = join(folder, 'zipped.gz');
    await writeFile(plain, bytes);
    await writeFile(zipped, gzipSync(bytes));
    for (const source of [plain, zipped, pathToFileURL(plain), new Blob([bytes]), bytes]) {
      const { shape, data } = await readIdx(source);
      expect([shape, [...data]]).toEqual([
        [2, 3],
        [1, 2, 3, 4, 5, 255],
      ]);
    }
  });

  it('names the file it cannot read', async () => {
    await expect(readIdx(join(folder, 'missing'))).rejects.toThrow(/cannot read .*missing/);
    await expect(readIdx(gzipSync(bytes).subarray(0, 20))).rejects.toThrow(DataError);
  });
});
