// Image files against Pillow's pixels, resizing against PyTorch's, and the other transforms by what they say.
import { readFileSync } from 'node:fs';
import { DataError, DTypeError, ShapeError } from '@nn/core';
import {
  centerCrop,
  compose,
  decodeImage,
  type ImageMode,
  normalize,
  pad,
  randomCrop,
  randomErasing,
  randomHorizontalFlip,
  randomResizedCrop,
  randomVerticalFlip,
  readImage,
  resize,
  toTensor,
} from '@nn/data/image';
import { arange, Generator, interpreter, type Tensor, tensor, use } from '@nn/tensor';
import { beforeAll, describe, expect, it } from 'vitest';

interface Golden {
  readonly size: readonly [number, number];
  readonly files: Record<
    string,
    {
      readonly file: string;
      readonly channels: number;
      readonly pixels: number[];
      readonly gray: number[] | null;
    }
  >;
  readonly resize: {
    readonly shape: number[];
    readonly values: number[];
    readonly cases: readonly {
      readonly size: [number, number];
      readonly antialias?: boolean;
      readonly interpolation?: 'nearest';
      readonly values: number[];
    }[];
  };
}
const golden: Golden = JSON.parse(readFileSync(new URL('./golden/images.json', import.meta.url), 'utf8'));
const bytesOf = (name: string): Uint8Array => Uint8Array.from(Buffer.from(golden.files[name].file, 'base64'));

beforeAll(() => use(interpreter()));

/** JPEG leaves the rounding of its transform to the decoder. */
const tolerance = (name: string): number => (name.startsWith('jpeg') ? 3 : 0);

function expectPixels(found: ArrayLike<number>, wanted: readonly number[], within: number): void {
  expect(found.length).toBe(wanted.length);
  const furthest = Math.max(...wanted.map((value, i) => Math.abs(value - found[i])));
  expect(furthest).toBeLessThanOrEqual(within);
}

describe('decodeImage', () => {
  it.each(Object.keys(golden.files))('reads what Pillow wrote: %s', (name) => {
    const image = decodeImage(bytesOf(name));
    expect([image.height, image.width, image.channels]).toEqual([
      ...golden.size,
      golden.files[name].channels,
    ]);
    expectPixels(image.data, golden.files[name].pixels, tolerance(name));
  });

  it.each(Object.keys(golden.files).filter((name) => golden.files[name].gray !== null))(
    'turns into gray as Pillow does: %s',
    (name) => {
      const image = decodeImage(bytesOf(name), { mode: 'gray' });
      // Pillow rounds in fixed point.
      expectPixels(image.data, golden.files[name].gray!, Math.max(1, tolerance(name)));
    },
  );

  it('gives the channels that are asked for', () => {
    const modes: [ImageMode, number][] = [
      ['gray', 1],
      ['rgb', 3],
      ['rgba', 4],
    ];
    for (const name of ['png L', 'png LA', 'png RGB', 'png RGBA', 'png 16 bits']) {
      for (const [mode, channels] of modes)
        expect(decodeImage(bytesOf(name), { mode }).channels).toBe(channels);
    }
    const rgba = decodeImage(bytesOf('png RGBA'));
    const again = decodeImage(bytesOf('png RGB'), { mode: 'rgba' });
    expect(again.data.subarray(0, 3)).toEqual(rgba.data.subarray(0, 3));
    expect(again.data[3]).toBe(255);
  });

  it('refuses what is no image, and what is damaged', () => {
    expect(() => decodeImage(Uint8Array.of(71, 73, 70, 56))).toThrow(
      /neither PNG nor JPEG: it starts with 47 49/,
    );
    expect(() => decodeImage(new Uint8Array(0))).toThrow(DataError);
    expect(() => decodeImage(bytesOf('png RGB').subarray(0, 60), {}, 'cut.png')).toThrow(/^cut\.png: /);
    const flipped = bytesOf('png RGB');
    flipped[50] ^= 255;
    expect(() => decodeImage(flipped)).toThrow(DataError);
    expect(() => decodeImage(bytesOf('jpeg RGB').subarray(0, 100))).toThrow(DataError);
    expect(() => decodeImage(bytesOf('png L'), { mode: 'cmyk' as never })).toThrow(/mode must be one of/);
  });

  it('reads blobs', async () => {
    const image = await readImage(new Blob([bytesOf('png RGB') as BlobPart]));
    expect(image.width).toBe(11);
  });
});

const grid = (height: number, width: number): Tensor =>
  arange(height * width)
    .to('float32')
    .reshape(1, height, width);
const values = async (x: Tensor): Promise<number[]> => Array.from((await x.data()) as Float32Array);

describe('transforms', () => {
  it.each(golden.resize.cases)('resize as PyTorch: $size, antialias $antialias', async (each) => {
    const x = tensor(golden.resize.values, { shape: golden.resize.shape });
    const { size, antialias, interpolation } = each;
    const y = resize(size, interpolation === undefined ? { antialias } : { interpolation })(x);
    expect(y.shape).toEqual([2, ...size]);
    const found = await values(y);
    each.values.forEach((value, i) => {
      expect(found[i]).toBeCloseTo(value, 5);
    });
  });

  it('resize of the shorter side keeps the proportion', () => {
    expect(resize(4)(grid(8, 12)).shape).toEqual([1, 4, 6]);
    expect(resize(4)(grid(12, 8)).shape).toEqual([1, 6, 4]);
  });

  it('toTensor and normalize', async () => {
    const image = { width: 1, height: 2, channels: 3, data: Uint8Array.of(0, 51, 102, 153, 204, 255) };
    const x = compose(toTensor, normalize([0, 0.5, 0.5], [1, 0.5, 0.25]))(image);
    expect(x.shape).toEqual([3, 2, 1]);
    const found = await values(x);
    [0, 0.6, -0.6, 0.6, -0.4, 2].forEach((value, i) => {
      expect(found[i]).toBeCloseTo(value, 5);
    });
    expect(() => normalize([0, 0], [1, 1])(grid(2, 2).expand([3, 2, 2]))).toThrow(ShapeError);
    expect(() => normalize([0], [0])).toThrow(/above 0/);
    expect(() => normalize([0], [1])(arange(4).reshape(2, 2))).toThrow(DTypeError);
  });

  it('centerCrop and pad', async () => {
    expect(await values(centerCrop(1)(grid(3, 3)))).toEqual([4]);
    expect(await values(centerCrop([1, 4])(grid(1, 2)))).toEqual([0, 0, 1, 0]);
    expect(await values(pad([1, 0, 0, 1], { fill: 9 })(grid(1, 2)))).toEqual([9, 0, 1, 9, 9, 9]);
    expect(() => pad([1, 2, 3] as never)).toThrow(/padding must be/);
    expect(() => centerCrop(0)).toThrow(/size must be/);
  });

  it('random ones draw every place, and the same with the same seed', async () => {
    const crop = randomCrop(2, { padding: 1, fill: -1 });
    const seen = new Set<string>();
    for (let seed = 0; seed < 200; seed++) {
      const found = await values(crop(grid(2, 2), new Generator(seed)));
      expect(await values(crop(grid(2, 2), new Generator(seed)))).toEqual(found);
      seen.add(found.join());
    }
    expect(seen.size).toBe(9);
    expect(seen).toContain('-1,-1,-1,0');
    expect(() => randomCrop(3)(grid(2, 2))).toThrow(ShapeError);
  });

  it('flips with their probability', async () => {
    expect(await values(randomHorizontalFlip(1)(grid(2, 2)))).toEqual([1, 0, 3, 2]);
    expect(await values(randomVerticalFlip(1)(grid(2, 2)))).toEqual([2, 3, 0, 1]);
    expect(await values(randomHorizontalFlip(0)(grid(2, 2)))).toEqual([0, 1, 2, 3]);
    const generator = new Generator(0);
    let flipped = 0;
    for (let i = 0; i < 400; i++)
      flipped += (await values(randomHorizontalFlip()(grid(1, 2), generator)))[0] === 1 ? 1 : 0;
    // 200 ± 4 standard deviations.
    expect(Math.abs(flipped - 200)).toBeLessThan(40);
    expect(() => randomHorizontalFlip(2)).toThrow(/p must lie/);
  });

  it('randomErasing blanks a rectangle of an allowed size', async () => {
    const generator = new Generator(1);
    const erase = randomErasing({ p: 1, scale: [0.1, 0.3], value: -5 });
    for (let i = 0; i < 20; i++) {
      const erased = (await values(erase(grid(10, 10).add(1), generator))).flatMap((value, at) =>
        value === -5 ? [at] : [],
      );
      const rows = new Set(erased.map((at) => Math.floor(at / 10)));
      const columns = new Set(erased.map((at) => at % 10));
      expect(erased.length).toBe(rows.size * columns.size);
      // The sides are rounded.
      expect(erased.length).toBeGreaterThan(5);
      expect(erased.length).toBeLessThan(40);
    }
    expect(await values(randomErasing({ p: 0 })(grid(1, 2)))).toEqual([0, 1]);
  });

  it('randomResizedCrop takes parts of the image', async () => {
    const generator = new Generator(2);
    const whole = randomResizedCrop(4, { scale: [1, 1], ratio: [1, 1] });
    expect(await values(whole(grid(4, 4), generator))).toEqual(Array.from({ length: 16 }, (_, i) => i));
    const part = await values(randomResizedCrop([2, 3])(grid(9, 9), generator));
    expect(part).toHaveLength(6);
    expect(part[0]).toBeLessThan(part[5]);
    // No part of 9 x 1 has such a ratio: the middle it is.
    expect(await values(randomResizedCrop(1, { scale: [1, 1] })(grid(9, 1), generator))).toEqual([4]);
  });

  it('of a batch: the same for all images', async () => {
    const batch = grid(2, 2).expand([3, 1, 2, 2]);
    const y = randomCrop(1)(batch, new Generator(4));
    expect(y.shape).toEqual([3, 1, 1, 1]);
    expect(new Set(await values(y)).size).toBe(1);
  });
});
