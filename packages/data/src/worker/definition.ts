// How a module offers a dataset to workers.
import { ArgumentError, checkOptions } from '@nn/core';
import type { AnyDataset } from '../dataset.ts';
import { isThenable } from '../fetch.ts';
import type { WorkerInfo } from './info.ts';
import { urlOf, type WorkerModule } from './recipe.ts';
import { serve } from './serve.ts';

export interface WorkerDatasetOptions {
  /** Tells datasets of one module apart. Default 'default'. */
  readonly name?: string;
  /**
   * Called once in each worker, before its dataset is made there: a dataset that works with tensors needs
   * `() => use(interpreter())` or another backend.
   */
  readonly workerInitFn?: (worker: Pick<WorkerInfo, 'id' | 'numWorkers'>) => void | Promise<void>;
}

interface Definition {
  readonly name: string;
  readonly url: string | undefined;
  readonly make: (options: never) => unknown;
  readonly workerInitFn: WorkerDatasetOptions['workerInitFn'];
}

/** One list in a thread, also where it has two copies of this package. */
const key: unique symbol = Symbol.for('nn.data.definitions') as never;
const scope = globalThis as { [key]?: Definition[] };
scope[key] ??= [];
const definitions: Definition[] = scope[key];

/**
 * Defines a dataset that a `DataLoader` can also make in its workers. Call it at the top of a module of its own,
 * which does nothing else when it is loaded: each worker loads that module and calls `make` with the same options.
 * The function that it returns makes the dataset in this thread.
 *
 * @param make from options to the dataset. The options are cloned for each worker; tensors and typed arrays among
 * them lie in memory that all workers share, where the platform has it.
 * @param module `import.meta.url`. Bundlers must see the worker being started:
 * `{ url: import.meta.url, start: () => new Worker(new URL('./my-dataset.ts', import.meta.url), { type: 'module' }) }`,
 * where the URL names the module itself. Node takes `url`, a browser `start`.
 * @throws {ArgumentError} for a module that is none.
 * @example
 * ```ts
 * // squares.ts
 * import { DataLoader, Dataset, workerDataset } from '@nn/data';
 *
 * class Squares extends Dataset<number> {
 *   readonly length: number;
 *   constructor(length: number) {
 *     super();
 *     this.length = length;
 *   }
 *   get(index: number): number {
 *     return index * index;
 *   }
 * }
 * export const squares = workerDataset((options: { length: number }) => new Squares(options.length), import.meta.url);
 *
 * // main.ts: new DataLoader(squares({ length: 1000 }), { batchSize: 32, numWorkers: 2 })
 * console.log(squares({ length: 1000 }).length); // => 1000
 * ```
 */
export function workerDataset<Options, Made extends AnyDataset<unknown> | Promise<AnyDataset<unknown>>>(
  make: (options: Options) => Made,
  module: WorkerModule,
  options: WorkerDatasetOptions = {},
): (options: Options) => Made {
  checkOptions('workerDataset', options, ['name', 'workerInitFn']);
  const { name = 'default', workerInitFn } = options;
  const isModule =
    typeof module === 'string' ||
    module instanceof URL ||
    typeof module === 'function' ||
    (typeof module?.start === 'function' && module.url !== undefined);
  if (!isModule) {
    throw new ArgumentError(
      `workerDataset: expected the module's own URL, import.meta.url, or { url, start }, got ${typeof module}`,
    );
  }
  definitions.push({ name, url: urlOf(module), make, workerInitFn });
  serve();
  const withRecipe = <D extends object>(dataset: D, given: Options): D =>
    Object.defineProperty(dataset, 'workerRecipe', {
      value: () => ({ kind: 'module', module, name, options: given }),
    });
  return (given) => {
    const made = make(given);
    return (
      isThenable(made)
        ? made.then((dataset) => withRecipe(dataset as object, given))
        : withRecipe(made, given)
    ) as Made;
  };
}

/** The definition that a recipe means. Bundles change URLs: there the name alone has to do. */
export function definitionOf(url: string, name: string): Definition {
  const named = definitions.filter((each) => each.name === name);
  const exact = named.filter((each) => each.url === url);
  const found = exact.length > 0 ? exact : named;
  if (found.length === 1) return found[0];
  const known = definitions.map((each) => `'${each.name}'`).join(', ') || 'none';
  throw new ArgumentError(
    found.length === 0
      ? `workerDataset: the module that the worker loaded defines no dataset called '${name}' (defined: ${known})`
      : `workerDataset: ${found.length} datasets are called '${name}' in the worker. Give each a name: workerDataset(make, module, { name: 'train' })`,
  );
}
