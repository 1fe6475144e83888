// The map from PyTorch's operators to this project's API: one row an operator, and no mathematics in it.
import type { Row } from '../signature.ts';
import { activations } from './activations.ts';
import { creation } from './creation.ts';
import { elementwise } from './elementwise.ts';
import { indexing } from './indexing.ts';
import { layers } from './layers.ts';
import { losses } from './losses.ts';
import { products } from './products.ts';
import { reductions } from './reductions.ts';
import { shapes } from './shapes.ts';
import { special } from './special.ts';

const rows: ReadonlyMap<string, Row> = new Map(
  [
    activations,
    creation,
    elementwise,
    indexing,
    layers,
    losses,
    products,
    reductions,
    shapes,
    special,
  ].flatMap((subject) => Object.entries(subject)),
);

/** The row of PyTorch's operator, if there is one. */
export function rowOf(operator: string): Row | undefined {
  return rows.get(operator);
}

/**
 * Outputs that are indices, by position: they are int32 here where PyTorch has int64 (a documented divergence).
 */
export const indexOutputs: Readonly<Record<string, readonly number[]>> = {
  argmax: [0],
  argmin: [0],
  argsort: [0],
  argwhere: [0],
  bucketize: [0],
  cummax: [1],
  cummin: [1],
  kthvalue: [1],
  max: [1],
  median: [1],
  min: [1],
  mode: [1],
  nanmedian: [1],
  nonzero: [0],
  searchsorted: [0],
  sort: [1],
  topk: [1],
  tril_indices: [0],
  triu_indices: [0],
  unique: [1],
  unique_consecutive: [1],
  'nn.functional.adaptive_max_pool1d': [1],
  'nn.functional.adaptive_max_pool2d': [1],
  'nn.functional.adaptive_max_pool3d': [1],
  'nn.functional.max_pool1d': [1],
  'nn.functional.max_pool2d': [1],
  'nn.functional.max_pool3d': [1],
};
