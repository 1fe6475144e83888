// The readers in a page: blobs, files, URLs and streams, gzipped or not.
import { DataError } from '@nn/core';
import { readIdx } from '@nn/data';
import { readCsvTable } from '@nn/data/csv';
import { readImage } from '@nn/data/image';
import { readLines } from '@nn/data/text';
import { expect, it } from 'vitest';
import golden from './golden/images.json' with { type: 'json' };

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const each of source) all.push(each);
  return all;
}
const gzipped = (blob: Blob): Promise<Blob> =>
  new Response(blob.stream().pipeThrough(new CompressionStream('gzip'))).blob();

it('reads lines of blobs, URLs and streams', async () => {
  const plain = new Blob(['eins\r\n', 'grün\n']);
  const packed = await gzipped(plain);
  const url = URL.createObjectURL(packed);
  for (const source of [plain, packed, url, new URL(url), plain.stream()])
    expect(await collect(readLines(source))).toEqual(['eins', 'grün']);
  URL.revokeObjectURL(url);
  await expect(collect(readLines('/no/such/file.txt'))).rejects.toThrow(
    /^cannot read \/no\/such\/file\.txt: /,
  );
});

it('reads CSV, IDX and images', async () => {
  const { columns } = await readCsvTable(new File(['x,y\n1,"a,b"\n'], 'table.csv'));
  expect(columns).toEqual({ x: Float64Array.of(1), y: ['a,b'] });
  const idx = await readIdx(await gzipped(new Blob([Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 2, 5, 6)])));
  expect([...idx.data]).toEqual([5, 6]);
  for (const [kind, type] of [
    ['png RGB', 'image/png'],
    ['jpeg RGB', 'image/jpeg'],
  ] as const) {
    const { file, pixels } = golden.files[kind];
    const image = await readImage(`data:${type};base64,${file}`);
    expect([image.height, image.width]).toEqual(golden.size);
    // JPEG leaves the rounding of its transform to the decoder.
    for (const [i, value] of pixels.entries()) expect(Math.abs(image.data[i] - value)).toBeLessThanOrEqual(3);
  }
  await expect(readImage(new File(['GIF8'], 'cat.gif'))).rejects.toThrow(/^cat\.gif: neither PNG nor JPEG/);
  await expect(readImage(new Blob([]))).rejects.toThrow(DataError);
});
