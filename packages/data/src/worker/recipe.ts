// How a worker makes a dataset anew: methods cannot be sent from thread to thread, so the worker loads the module
// that defines the dataset and calls its maker with options, which can be sent.
import { ArgumentError } from '@nn/core';
import type { Tensor } from '@nn/tensor';

/** Where the module of a worker dataset lies: see `workerDataset`. */
export type WorkerModule =
  | string
  | URL
  | (() => WorkerLike)
  | { readonly url: string | URL; readonly start: () => WorkerLike };

/** A browser's `Worker`, or the one of `node:worker_threads`. */
export interface WorkerLike {
  postMessage(message: unknown): void;
  terminate(): unknown;
}

export type Recipe =
  | {
      readonly kind: 'module';
      readonly module: WorkerModule;
      readonly name: string;
      readonly options: unknown;
    }
  | { readonly kind: 'rows'; readonly tensors: readonly Tensor[] }
  | { readonly kind: 'subset'; readonly dataset: Recipe; readonly indices: Int32Array }
  | { readonly kind: 'concat' | 'chain'; readonly datasets: readonly Recipe[] }
  | {
      readonly kind: 'stack';
      readonly datasets: readonly Recipe[];
      readonly names: readonly string[] | null;
    };

/** The URL that Node starts a worker from. */
export function urlOf(module: WorkerModule): string | undefined {
  if (typeof module === 'string' || module instanceof URL) return String(module);
  return typeof module === 'function' ? undefined : String(module.url);
}

/** @throws {ArgumentError} for a dataset that only this thread has. */
export function recipeOf(dataset: object): Recipe {
  const { workerRecipe } = dataset as { readonly workerRecipe?: () => Recipe };
  if (workerRecipe !== undefined) return workerRecipe.call(dataset);
  const name = dataset.constructor?.name || 'the dataset';
  throw new ArgumentError(
    `DataLoader: ${name} lives in this thread, and methods cannot be sent to workers. Define it in a module of its own and make it there: export const make = workerDataset((options) => new ${name}(options), import.meta.url). Or use numWorkers: 0`,
  );
}
