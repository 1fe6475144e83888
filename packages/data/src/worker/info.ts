// What a worker knows of itself.
import type { AnyDataset } from '../dataset.ts';

/** What a worker knows of itself: see `getWorkerInfo`. */
export interface WorkerInfo {
  /** From 0. */
  readonly id: number;
  readonly numWorkers: number;
  /** Of this epoch and this worker; `defaultGenerator` starts each batch from a seed of the batch's own. */
  readonly seed: bigint;
  /** The worker's own copy. */
  readonly dataset: AnyDataset<unknown>;
}

let info: WorkerInfo | null = null;

/**
 * In a worker of a `DataLoader`: which one this is, and its dataset. Elsewhere null. An `IterableDataset` takes it
 * to walk its own part only.
 *
 * @example
 * ```ts
 * import { getWorkerInfo } from '@nn/data';
 * console.log(getWorkerInfo()); // => null
 * ```
 */
export function getWorkerInfo(): WorkerInfo | null {
  return info;
}

export function setWorkerInfo(own: WorkerInfo): WorkerInfo {
  info = own;
  return own;
}
