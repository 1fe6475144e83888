// What a loader and its workers say to each other.
import type { DType } from '@nn/core';
import type { BatchRequest } from '../fetch.ts';
import type { EpochSeed } from '../random.ts';
import type { SentError } from './errors.ts';
import type { Wire } from './wire.ts';

/** Marks our messages among others. */
export const brand = 'nn.data';

/** A recipe as it is sent. */
export type SentRecipe =
  | { readonly kind: 'module'; readonly url: string; readonly name: string; readonly options: Wire }
  | { readonly kind: 'rows'; readonly tensors: Wire }
  | { readonly kind: 'subset'; readonly dataset: SentRecipe; readonly indices: Int32Array }
  | { readonly kind: 'concat' | 'chain'; readonly datasets: readonly SentRecipe[] }
  | {
      readonly kind: 'stack';
      readonly datasets: readonly SentRecipe[];
      readonly names: readonly string[] | null;
    };

/** Whether the worker joins samples to batches, or leaves that to the loader's own `collateFn`. */
export type Delivery = 'batches' | 'samples';

export interface Setup {
  readonly id: number;
  readonly numWorkers: number;
  readonly recipe: SentRecipe;
  readonly delivery: Delivery;
  readonly defaultDType: DType;
  /** Further modules that define datasets. */
  readonly imports: readonly string[];
  /** Of an IterableDataset. */
  readonly stream: { readonly batchSize: number; readonly dropLast: boolean } | null;
}

export type ToWorker = { readonly brand: typeof brand } & (
  | { readonly kind: 'hello'; readonly lock: string }
  | { readonly kind: 'setup'; readonly setup: Setup }
  /** A new round; `skip` batches of a stream were delivered before. */
  | { readonly kind: 'begin'; readonly round: number; readonly seed: EpochSeed; readonly skip: number }
  | {
      readonly kind: 'batch';
      readonly round: number;
      readonly number: number;
      readonly request: BatchRequest;
    }
  | { readonly kind: 'next'; readonly round: number; readonly number: number }
);

export type FromWorker = { readonly brand: typeof brand } & (
  | { readonly kind: 'hello' }
  | { readonly kind: 'built'; readonly length: number | null }
  | { readonly kind: 'batch'; readonly round: number; readonly number: number; readonly wire: Wire }
  | { readonly kind: 'exhausted'; readonly round: number; readonly number: number }
  | {
      readonly kind: 'failed';
      readonly round: number;
      readonly number: number;
      readonly index: number | null;
      readonly error: SentError;
    }
  /** Nothing more is to be expected. */
  | { readonly kind: 'broken'; readonly error: SentError }
);
