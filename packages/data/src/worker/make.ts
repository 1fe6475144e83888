// From a recipe to the dataset, in the worker.
import { sizeOf } from '@nn/core';
import { HostTensor } from '../collate.ts';
import { ChainDataset, ConcatDataset, StackDataset, Subset } from '../combined.ts';
import { type AnyDataset, checkIndex, Dataset, type IterableDataset } from '../dataset.ts';
import { definitionOf, type WorkerDatasetOptions } from './definition.ts';
import type { SentRecipe } from './messages.ts';
import { decode } from './wire.ts';

type Initialise = NonNullable<WorkerDatasetOptions['workerInitFn']>;

export async function makeDataset(
  sent: SentRecipe,
  worker: Parameters<Initialise>[0],
): Promise<AnyDataset<unknown>> {
  const initialised = new Set<Initialise>();
  const make = async (recipe: SentRecipe): Promise<AnyDataset<unknown>> => {
    switch (recipe.kind) {
      case 'module': {
        const { make: makeIt, workerInitFn } = definitionOf(recipe.url, recipe.name);
        if (workerInitFn !== undefined && !initialised.has(workerInitFn)) {
          initialised.add(workerInitFn);
          await workerInitFn(worker);
        }
        const options = decode(recipe.options, (host) => host.toTensor());
        return makeIt(options as never) as AnyDataset<unknown> | Promise<AnyDataset<unknown>>;
      }
      case 'rows':
        return new HostRows(decode(recipe.tensors, (host) => host) as HostTensor[]);
      case 'subset':
        return new Subset((await make(recipe.dataset)) as Dataset<unknown>, recipe.indices);
      case 'concat':
        return new ConcatDataset((await makeAll(recipe.datasets)) as Dataset<unknown>[]);
      case 'chain':
        return new ChainDataset((await makeAll(recipe.datasets)) as IterableDataset<unknown>[]);
      case 'stack': {
        const datasets = (await makeAll(recipe.datasets)) as Dataset<unknown>[];
        const { names } = recipe;
        return new StackDataset(
          names === null ? datasets : Object.fromEntries(names.map((name, i) => [name, datasets[i]])),
        );
      }
    }
  };
  const makeAll = async (recipes: readonly SentRecipe[]): Promise<AnyDataset<unknown>[]> => {
    const all: AnyDataset<unknown>[] = [];
    for (const recipe of recipes) all.push(await make(recipe));
    return all;
  };
  return make(sent);
}

/** The rows of a `TensorDataset` in shared memory: needs no backend here. */
class HostRows extends Dataset<HostTensor[]> {
  readonly length: number;
  readonly #columns: readonly HostTensor[];

  constructor(columns: readonly HostTensor[]) {
    super();
    this.#columns = columns;
    this.length = columns[0].shape[0];
  }

  get(index: number): HostTensor[] {
    const position = checkIndex('TensorDataset', index, this.length);
    return this.#columns.map(({ dtype, shape, data }) => {
      const row = shape.slice(1);
      const size = sizeOf(row);
      // A copy of its own: what is sent is handed over.
      return new HostTensor(dtype, row, data.slice(position * size, (position + 1) * size));
    });
  }
}
