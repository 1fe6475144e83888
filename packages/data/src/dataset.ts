// What can be looked up by position, and what can be walked through.
import { ArgumentError, IndexError, ShapeError } from '@nn/core';
import { defaultGenerator, type Generator, type Tensor, tensor } from '@nn/tensor';
import { HostRandom } from './random.ts';

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
  /** @throws {IndexError} outside of [0, length). */
  abstract get(index: number): Sample | Promise<Sample>;
  /** A whole batch at once, already collated, where that is cheaper than sample by sample. */
  getBatch?(indices: readonly number[]): Sample | Promise<Sample>;
}

/** Samples in the order in which they come: streams, files, databases. */
export abstract class IterableDataset<Sample> {
  abstract [Symbol.asyncIterator](): AsyncIterator<Sample>;
}

function checkIndex(name: string, index: number, length: number): number {
  const position = index < 0 ? index + length : index;
  if (!Number.isInteger(position) || position < 0 || position >= length) {
    throw new IndexError(`${name}: index ${index} is out of range for ${length} samples`);
  }
  return position;
}

/** Rows of tensors that share their first size, as `torch.utils.data.TensorDataset`. */
export class TensorDataset<Tensors extends readonly Tensor[]> extends Dataset<{
  [I in keyof Tensors]: Tensor;
}> {
  readonly tensors: Tensors;
  readonly length: number;

  /** @throws {ShapeError} when the first sizes differ. */
  constructor(...tensors: Tensors) {
    super();
    if (tensors.length === 0) throw new ArgumentError('TensorDataset: needs at least one tensor');
    for (const each of tensors) {
      if (each.ndim === 0 || each.shape[0] !== tensors[0].shape[0]) {
        throw new ShapeError(
          `TensorDataset: the first sizes must be equal, got shapes ${tensors.map((x) => `[${x.shape.join(', ')}]`).join(', ')}`,
        );
      }
    }
    this.tensors = tensors;
    this.length = tensors[0].shape[0];
  }

  get(index: number): { [I in keyof Tensors]: Tensor } {
    const position = checkIndex('TensorDataset', index, this.length);
    return this.tensors.map((each) => each.select(0, position)) as never;
  }

  override getBatch(indices: readonly number[]): { [I in keyof Tensors]: Tensor } {
    const rows = Int32Array.from(indices, (index) => checkIndex('TensorDataset', index, this.length));
    return this.tensors.map((each) => each.at(tensor(rows, { device: each.device }))) as never;
  }
}

/** Some of a dataset's samples, by their positions. */
export class Subset<Sample> extends Dataset<Sample> {
  readonly dataset: Dataset<Sample>;
  readonly indices: readonly number[];
  override getBatch?: (indices: readonly number[]) => Sample | Promise<Sample>;

  constructor(dataset: Dataset<Sample>, indices: ArrayLike<number>) {
    super();
    this.dataset = dataset;
    this.indices = Array.from(indices, (index) => checkIndex('Subset', index, dataset.length));
    if (dataset.getBatch !== undefined) {
      this.getBatch = (wanted) => dataset.getBatch!(wanted.map((index) => this.#position(index)));
    }
  }

  get length(): number {
    return this.indices.length;
  }

  get(index: number): Sample | Promise<Sample> {
    return this.dataset.get(this.#position(index));
  }

  #position(index: number): number {
    return this.indices[checkIndex('Subset', index, this.length)];
  }
}

/** Datasets one behind the other. */
export class ConcatDataset<Sample> extends Dataset<Sample> {
  readonly datasets: readonly Dataset<Sample>[];

  constructor(datasets: readonly Dataset<Sample>[]) {
    super();
    if (datasets.length === 0) throw new ArgumentError('ConcatDataset: needs at least one dataset');
    this.datasets = datasets;
  }

  get length(): number {
    return this.datasets.reduce((total, each) => total + each.length, 0);
  }

  get(index: number): Sample | Promise<Sample> {
    let position = checkIndex('ConcatDataset', index, this.length);
    for (const dataset of this.datasets) {
      if (position < dataset.length) return dataset.get(position);
      position -= dataset.length;
    }
    throw new IndexError(`ConcatDataset: index ${index} is out of range`);
  }
}

/**
 * Splits at random into parts of the given lengths, or of the given fractions of 1.
 *
 * @throws {ArgumentError} unless the lengths add up to the dataset's.
 */
export function randomSplit<Sample>(
  dataset: Dataset<Sample>,
  lengths: readonly number[],
  options: { readonly generator?: Generator } = {},
): Subset<Sample>[] {
  const total = lengths.reduce((a, b) => a + b, 0);
  const fractions =
    Math.abs(total - 1) < 1e-9 && lengths.every((length) => length <= 1) && dataset.length !== 1;
  const counts = fractions ? lengths.map((fraction) => Math.floor(fraction * dataset.length)) : [...lengths];
  if (fractions) {
    // What rounding down left over goes to the first parts, one each.
    let rest = dataset.length - counts.reduce((a, b) => a + b, 0);
    for (let i = 0; rest > 0; i = (i + 1) % counts.length, rest--) counts[i]++;
  } else if (total !== dataset.length) {
    throw new ArgumentError(
      `randomSplit: the lengths add up to ${total}, but the dataset has ${dataset.length} samples`,
    );
  }
  const order = new HostRandom(options.generator ?? defaultGenerator).permutation(dataset.length);
  let start = 0;
  return counts.map((count) => new Subset(dataset, order.subarray(start, (start += count))));
}
