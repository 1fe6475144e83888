// A rate that falls when a metric stops improving.
import { ArgumentError, isTensor, type Tensor } from '@nn/tensor';
import { checkChoice, checkNotNegative, complete, text } from './checks.ts';
import { perGroup } from './per-group.ts';
import { checkScheduled, loadFields, type ScheduledOptimizer, type SchedulerState } from './scheduler.ts';

export interface ReduceLROnPlateauOptions {
  /** Whether smaller or larger is better. Default 'min'. */
  readonly mode?: 'min' | 'max';
  /** Default 0.1. */
  readonly factor?: number;
  /** Epochs without improvement that are borne. Default 10. */
  readonly patience?: number;
  /** What counts as improvement. Default 1e-4. */
  readonly threshold?: number;
  /** Whether the threshold is a part of the best value, or absolute. Default 'rel'. */
  readonly thresholdMode?: 'rel' | 'abs';
  /** Epochs to wait after a reduction. Default 0. */
  readonly cooldown?: number;
  /** The smallest rate, for all groups or for each. Default 0. */
  readonly minLr?: number | readonly number[];
  /** Smaller changes of the rate are left out. Default 1e-8. */
  readonly eps?: number;
}

const defaults: Required<ReduceLROnPlateauOptions> = {
  mode: 'min',
  factor: 0.1,
  patience: 10,
  threshold: 1e-4,
  thresholdMode: 'rel',
  cooldown: 0,
  minLr: 0,
  eps: 1e-8,
};

/**
 * Times `factor` when the metric has not improved for `patience` epochs.
 *
 * @example
 * ```ts
 * import { ReduceLROnPlateau, SGD } from '@nn/optim';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const optimizer = new SGD([tensor([1], { dtype: 'float32', requiresGrad: true })], { lr: 1 });
 * const scheduler = new ReduceLROnPlateau(optimizer, { factor: 0.5, patience: 1 });
 * for (const loss of [3, 2, 2, 2]) scheduler.step(loss);
 * console.log(optimizer.paramGroups[0].lr); // => 0.5
 * ```
 */
export class ReduceLROnPlateau {
  readonly optimizer: ScheduledOptimizer;
  readonly options: Required<ReduceLROnPlateauOptions>;
  /** The best metric so far; null before the first. */
  best: number | null = null;
  numBadEpochs = 0;
  cooldownCounter = 0;
  lastEpoch = 0;
  readonly #minLrs: readonly number[];

  constructor(optimizer: ScheduledOptimizer, options: ReduceLROnPlateauOptions = {}) {
    checkScheduled('ReduceLROnPlateau', optimizer);
    this.optimizer = optimizer;
    this.options = complete('ReduceLROnPlateau', defaults, options);
    const { mode, factor, thresholdMode, minLr, patience, cooldown, threshold, eps } = this.options;
    checkNotNegative('ReduceLROnPlateau', { factor, patience, cooldown, threshold, eps });
    if (factor >= 1) throw new ArgumentError(`ReduceLROnPlateau: factor must be below 1, got ${factor}`);
    checkChoice('ReduceLROnPlateau', 'mode', mode, ['min', 'max']);
    checkChoice('ReduceLROnPlateau', 'thresholdMode', thresholdMode, ['rel', 'abs']);
    this.#minLrs = perGroup('ReduceLROnPlateau: minLr', minLr, optimizer.paramGroups.length);
  }

  /** The epoch's metric. A tensor is read synchronously: on a device that cannot, give `await loss.item()`. */
  step(metric: number | Tensor): void {
    const value = isTensor(metric) ? Number(metric.itemSync()) : metric;
    if (typeof value !== 'number') {
      throw new ArgumentError(
        `ReduceLROnPlateau: step needs the epoch's metric, a number, got ${text(metric)}`,
      );
    }
    this.lastEpoch++;
    if (this.#improves(value)) {
      this.best = value;
      this.numBadEpochs = 0;
    } else this.numBadEpochs++;
    if (this.cooldownCounter > 0) {
      this.cooldownCounter--;
      this.numBadEpochs = 0;
    }
    if (this.numBadEpochs <= this.options.patience) return;
    this.#reduce();
    this.cooldownCounter = this.options.cooldown;
    this.numBadEpochs = 0;
  }

  #improves(value: number): boolean {
    const { best } = this;
    if (best === null) return !Number.isNaN(value);
    const { mode, thresholdMode, threshold } = this.options;
    const sign = mode === 'min' ? -1 : 1;
    const bound = thresholdMode === 'rel' ? best * (1 + sign * threshold) : best + sign * threshold;
    return mode === 'min' ? value < bound : value > bound;
  }

  #reduce(): void {
    const { factor, eps } = this.options;
    this.optimizer.paramGroups.forEach((group, i) => {
      const next = Math.max(group.lr * factor, this.#minLrs[i] ?? 0);
      if (group.lr - next > eps) group.lr = next;
    });
  }

  /** Each group's rate as of now. */
  getLastLr(): number[] {
    return this.optimizer.paramGroups.map(({ lr }) => lr);
  }

  /** What has happened so far; the options are not part of it. */
  stateDict(): SchedulerState {
    return { ...this.#progress() };
  }

  /** @throws {DataError} when the state is of another scheduler. */
  loadStateDict(state: SchedulerState): void {
    const progress = this.#progress();
    loadFields(progress, state, 'ReduceLROnPlateau');
    Object.assign(this, progress);
  }

  #progress(): Pick<this, 'best' | 'numBadEpochs' | 'cooldownCounter' | 'lastEpoch'> {
    const { best, numBadEpochs, cooldownCounter, lastEpoch } = this;
    return { best, numBadEpochs, cooldownCounter, lastEpoch };
  }
}
