// How far a training run has come: what the checkpoint keeps beside model, optimizer and schedule.
import type { RandomState } from './checkpoint.ts';
import type { EpochFigures } from './report.ts';

export interface Progress {
  epoch: number;
  /** Batches done in the epoch. */
  step: number;
  /** Summed over these batches: losses, and right answers. */
  lossSum: number;
  right: number;
  /** The random state from which the epoch's order was drawn. */
  orderState?: RandomState;
  /** The random state to go on with. */
  randomState?: RandomState;
  readonly history: EpochFigures[];
  /** Now and then the loss of one batch; `epoch` counts with fractions. */
  readonly losses: { readonly epoch: number; readonly loss: number }[];
}

export const freshProgress = (): Progress => ({
  epoch: 0,
  step: 0,
  lossSum: 0,
  right: 0,
  history: [],
  losses: [],
});
