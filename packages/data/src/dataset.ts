// What can be looked up by position, and what can be walked through.
import { ArgumentError, IndexError } from '@nn/core';
import type { Generator } from '@nn/tensor';
import type { Collated } from './collate.ts';

/**
 * Samples by position, as `torch.utils.data.Dataset`. Extend it and give `length` and `get`.
 *
 * @example
 * ```ts
 * import { Dataset } from '@nn/data';
 * class Squares extends Dataset<number> {
 *   readonly length = 10;
 *   get(index: number): number {
 *     return index * index;
 *   }
 * }
 * console.log(await new Squares().get(3)); // => 9
 * ```
 */
export abstract class Dataset<Sample> {
  abstract readonly length: number;

  /**
   * One sample.
   *
   * @param generator a `DataLoader`'s random numbers for this sample alone: they depend on the seed, the epoch and
   * the sample's place in it, not on the number of workers or on where training was resumed. Draw augmentations
   * from it.
   * @throws {IndexError} outside of [0, length).
   */
  abstract get(index: number, generator?: Generator): Sample | Promise<Sample>;

  /** A whole batch at once, already collated, where that is cheaper than sample by sample. */
  getBatch?(indices: readonly number[], generator?: Generator): Collated<Sample> | Promise<Collated<Sample>>;

  /** From samples to a batch, in the thread that made them. Default: `defaultCollate`. */
  collate?(samples: readonly Sample[]): unknown;
}

/**
 * Samples in the order in which they come: streams, files, databases.
 *
 * With workers each of them walks the dataset from its start: take `getWorkerInfo()` to give each its own part.
 */
export abstract class IterableDataset<Sample> {
  abstract [Symbol.asyncIterator](): AsyncIterator<Sample>;

  /** For `for … of` over a loader: samples at hand, without waiting. */
  [Symbol.iterator]?(): Iterator<Sample>;

  /** From samples to a batch, in the thread that made them. Default: `defaultCollate`. */
  collate?(samples: readonly Sample[]): unknown;
}

export type AnyDataset<Sample> = Dataset<Sample> | IterableDataset<Sample>;

/** By form and not by class, so that a second copy of this package makes no difference. */
export function isMapStyle<Sample>(dataset: AnyDataset<Sample>): dataset is Dataset<Sample> {
  const { get, length } = dataset as { readonly get?: unknown; readonly length?: unknown };
  return typeof get === 'function' && typeof length === 'number';
}

/** @throws {ArgumentError} for what can neither be looked up by position nor walked through. */
export function requireDataset(functionName: string, dataset: unknown): void {
  if (typeof dataset === 'object' && dataset !== null && !Array.isArray(dataset)) {
    const isStream = Symbol.asyncIterator in dataset || Symbol.iterator in dataset;
    if ((isStream && !ArrayBuffer.isView(dataset)) || isMapStyle(dataset as AnyDataset<unknown>)) return;
  }
  const seen = Array.isArray(dataset) ? 'an array' : dataset === null ? 'null' : typeof dataset;
  throw new ArgumentError(
    `${functionName}: expected a Dataset (with length and get) or an IterableDataset, got ${seen}. new TensorDataset(x, y) makes one of tensors`,
  );
}

/** The position that an index, perhaps a negative one, names. @throws {IndexError} outside of the samples. */
export function checkIndex(name: string, index: number, length: number): number {
  const position = index < 0 ? index + length : index;
  if (!Number.isInteger(position) || position < 0 || position >= length) {
    throw new IndexError(`${name}: index ${index} is out of range for ${length} samples`);
  }
  return position;
}
