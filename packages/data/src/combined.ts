// Datasets made of datasets.
import { ArgumentError, checkOptions, IndexError } from '@nn/core';
import { defaultGenerator, type Generator } from '@nn/tensor';
import type { Collated } from './collate.ts';
import {
  type AnyDataset,
  checkIndex,
  Dataset,
  IterableDataset,
  isMapStyle,
  requireDataset,
} from './dataset.ts';
import { isThenable } from './fetch.ts';
import { HostRandom } from './random.ts';
import { type Recipe, recipeOf } from './worker/recipe.ts';

function requireMapStyle(functionName: string, dataset: AnyDataset<unknown>): void {
  requireDataset(functionName, dataset);
  if (!isMapStyle(dataset)) {
    throw new ArgumentError(
      `${functionName}: needs datasets with length and get; this one is an IterableDataset`,
    );
  }
}

/** Some of a dataset's samples, by their positions. */
export class Subset<Sample> extends Dataset<Sample> {
  readonly dataset: Dataset<Sample>;
  readonly indices: readonly number[];
  override getBatch?: (
    indices: readonly number[],
    generator?: Generator,
  ) => Collated<Sample> | Promise<Collated<Sample>>;
  override collate?: (samples: readonly Sample[]) => unknown;

  /** @throws {IndexError} for positions that the dataset does not have. */
  constructor(dataset: Dataset<Sample>, indices: ArrayLike<number>) {
    super();
    requireMapStyle('Subset', dataset);
    this.dataset = dataset;
    this.indices = Array.from(indices, (index) => checkIndex('Subset', index, dataset.length));
    if (dataset.getBatch !== undefined) {
      this.getBatch = (wanted, generator) =>
        dataset.getBatch!(
          wanted.map((index) => this.#position(index)),
          generator,
        );
    }
    if (dataset.collate !== undefined) this.collate = (samples) => dataset.collate!(samples);
  }

  get length(): number {
    return this.indices.length;
  }

  get(index: number, generator?: Generator): Sample | Promise<Sample> {
    return this.dataset.get(this.#position(index), generator);
  }

  /** How a worker makes it. @throws {ArgumentError} when only this thread can. */
  workerRecipe(): Recipe {
    return { kind: 'subset', dataset: recipeOf(this.dataset), indices: Int32Array.from(this.indices) };
  }

  #position(index: number): number {
    return this.indices[checkIndex('Subset', index, this.length)];
  }
}

/** Datasets one behind the other. The first one's `collate`, if it has one, serves all. */
export class ConcatDataset<Sample> extends Dataset<Sample> {
  readonly datasets: readonly Dataset<Sample>[];
  override collate?: (samples: readonly Sample[]) => unknown;

  constructor(datasets: readonly Dataset<Sample>[]) {
    super();
    if (datasets.length === 0) throw new ArgumentError('ConcatDataset: needs at least one dataset');
    for (const each of datasets) requireMapStyle('ConcatDataset', each);
    this.datasets = datasets;
    const [first] = datasets;
    if (first.collate !== undefined) this.collate = (samples) => first.collate!(samples);
  }

  get length(): number {
    return this.datasets.reduce((total, each) => total + each.length, 0);
  }

  get(index: number, generator?: Generator): Sample | Promise<Sample> {
    let position = checkIndex('ConcatDataset', index, this.length);
    for (const dataset of this.datasets) {
      if (position < dataset.length) return dataset.get(position, generator);
      position -= dataset.length;
    }
    throw new IndexError(`ConcatDataset: index ${index} is out of range`);
  }

  /** How a worker makes it. @throws {ArgumentError} when only this thread can. */
  workerRecipe(): Recipe {
    return { kind: 'concat', datasets: this.datasets.map(recipeOf) };
  }
}

/** Streams one after the other, as `torch.utils.data.ChainDataset`. */
export class ChainDataset<Sample> extends IterableDataset<Sample> {
  readonly datasets: readonly IterableDataset<Sample>[];
  override [Symbol.iterator]?: () => Iterator<Sample>;
  override collate?: (samples: readonly Sample[]) => unknown;

  constructor(datasets: readonly IterableDataset<Sample>[]) {
    super();
    for (const each of datasets) {
      requireDataset('ChainDataset', each);
      if (isMapStyle(each)) {
        throw new ArgumentError(
          'ChainDataset: takes iterable datasets. ConcatDataset joins those with length and get',
        );
      }
    }
    this.datasets = datasets;
    if (datasets.every((each) => each[Symbol.iterator] !== undefined)) {
      this[Symbol.iterator] = function* (this: ChainDataset<Sample>) {
        for (const each of this.datasets) yield* each as Iterable<Sample>;
      };
    }
    const first = datasets.at(0);
    if (first?.collate !== undefined) this.collate = (samples) => first.collate!(samples);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Sample, void, undefined> {
    for (const each of this.datasets) yield* each;
  }

  /** How a worker makes it. @throws {ArgumentError} when only this thread can. */
  workerRecipe(): Recipe {
    return { kind: 'chain', datasets: this.datasets.map(recipeOf) };
  }
}

/** The samples of datasets side by side: a list of datasets, or datasets by name. */
export type Stackable = readonly Dataset<unknown>[] | Readonly<Record<string, Dataset<unknown>>>;
type Stacked<Datasets extends Stackable> = {
  -readonly [K in keyof Datasets]: Datasets[K] extends Dataset<infer Sample> ? Sample : never;
};

/**
 * Datasets of the same length side by side, as `torch.utils.data.StackDataset`: a sample holds one sample of each.
 *
 * @example
 * ```ts
 * import { StackDataset, TensorDataset } from '@nn/data';
 * import { arange, interpreter, use } from '@nn/tensor';
 * use(interpreter());
 * const pairs = new StackDataset({ x: new TensorDataset(arange(3)), y: new TensorDataset(arange(3).mul(10)) });
 * const { x, y } = await pairs.get(2);
 * console.log(await x[0].item(), await y[0].item()); // => 2 20
 * ```
 */
export class StackDataset<Datasets extends Stackable> extends Dataset<Stacked<Datasets>> {
  readonly datasets: Datasets;
  readonly length: number;

  /** @throws {ArgumentError} when there are none, or their lengths differ. */
  constructor(datasets: Datasets) {
    super();
    const all = Object.values<Dataset<unknown>>(datasets);
    if (all.length === 0) throw new ArgumentError('StackDataset: needs at least one dataset');
    for (const each of all) requireMapStyle('StackDataset', each);
    if (all.some((each) => each.length !== all[0].length)) {
      throw new ArgumentError(
        `StackDataset: the lengths must be equal, got ${all.map((each) => each.length).join(', ')}`,
      );
    }
    this.datasets = datasets;
    this.length = all[0].length;
  }

  get(index: number, generator?: Generator): Stacked<Datasets> | Promise<Stacked<Datasets>> {
    const position = checkIndex('StackDataset', index, this.length);
    const entries = Object.entries<Dataset<unknown>>(this.datasets);
    const samples = entries.map(([, dataset]) => dataset.get(position, generator));
    const join = (values: readonly unknown[]): Stacked<Datasets> =>
      (Array.isArray(this.datasets)
        ? values
        : Object.fromEntries(entries.map(([name], i) => [name, values[i]]))) as Stacked<Datasets>;
    return samples.some(isThenable) ? Promise.all(samples).then(join) : join(samples);
  }

  /** How a worker makes it. @throws {ArgumentError} when only this thread can. */
  workerRecipe(): Recipe {
    const datasets = Object.values<Dataset<unknown>>(this.datasets).map(recipeOf);
    return {
      kind: 'stack',
      datasets,
      names: Array.isArray(this.datasets) ? null : Object.keys(this.datasets),
    };
  }
}

/**
 * Splits at random into parts of the given lengths, or of the given fractions of 1.
 *
 * @throws {ArgumentError} unless the lengths add up to the dataset's.
 * @example
 * ```ts
 * import { randomSplit, TensorDataset } from '@nn/data';
 * import { arange, interpreter, use } from '@nn/tensor';
 * use(interpreter());
 * const [train, test] = randomSplit(new TensorDataset(arange(10)), [0.8, 0.2]);
 * console.log(train.length, test.length); // => 8 2
 * ```
 */
export function randomSplit<Sample>(
  dataset: Dataset<Sample>,
  lengths: readonly number[],
  options: { readonly generator?: Generator } = {},
): Subset<Sample>[] {
  checkOptions('randomSplit', options, ['generator']);
  requireMapStyle('randomSplit', dataset);
  const wrong = lengths.find((length) => !(Number.isFinite(length) && length >= 0));
  if (lengths.length === 0 || wrong !== undefined) {
    throw new ArgumentError(
      `randomSplit: lengths must be numbers of at least 0, got ${wrong === undefined ? 'none' : wrong}`,
    );
  }
  const total = lengths.reduce((a, b) => a + b, 0);
  const fractions = Math.abs(total - 1) < 1e-9 && !(dataset.length === 1 && lengths.every(Number.isInteger));
  const counts = fractions ? lengths.map((fraction) => Math.floor(fraction * dataset.length)) : [...lengths];
  if (fractions) {
    // What rounding down left over goes to the first parts, one each.
    let rest = dataset.length - counts.reduce((a, b) => a + b, 0);
    for (let i = 0; rest > 0; i = (i + 1) % counts.length, rest--) counts[i]++;
  } else if (total !== dataset.length || !lengths.every(Number.isInteger)) {
    throw new ArgumentError(
      `randomSplit: the lengths add up to ${total}, but the dataset has ${dataset.length} samples. Give whole lengths that add up to that, or fractions that add up to 1`,
    );
  }
  const order = new HostRandom(options.generator ?? defaultGenerator).permutation(dataset.length);
  let start = 0;
  return counts.map((count) => new Subset(dataset, order.subarray(start, (start += count))));
}
