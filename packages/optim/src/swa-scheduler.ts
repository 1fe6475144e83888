// The rate of stochastic weight averaging.
import { checkChoice, checkNotNegative } from './checks.ts';
import { type PerGroup, perGroup } from './per-group.ts';
import {
  LRScheduler,
  type ScheduledOptimizer,
  type SchedulerOptions,
  schedulerOptions,
} from './scheduler.ts';

export interface SWALROptions extends SchedulerOptions {
  /** Epochs until the rate is reached. Default 10. */
  readonly annealEpochs?: number;
  /** Default 'cos'. */
  readonly annealStrategy?: 'cos' | 'linear';
}

/**
 * From the rate as it is to `swaLr`, which then stays (Izmailov et al. 2018), as `torch.optim.swa_utils.SWALR`. For
 * models that are averaged by `AveragedModel`.
 *
 * @example
 * ```ts
 * import { SWALR, SGD } from '@nn/optim';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const x = tensor([1], { dtype: 'float32', requiresGrad: true });
 * const optimizer = new SGD([x], { lr: 1 });
 * const scheduler = new SWALR(optimizer, 0.2, { annealEpochs: 4, annealStrategy: 'linear' });
 * const rates: number[] = [];
 * for (let epoch = 0; epoch < 6; epoch++) {
 *   rates.push(Number(optimizer.paramGroups[0].lr.toFixed(3)));
 *   optimizer.step();
 *   scheduler.step();
 * }
 * console.log(rates); // => [ 1, 0.8, 0.6, 0.4, 0.2, 0.2 ]
 * ```
 */
export class SWALR extends LRScheduler {
  readonly swaLrs: readonly number[];
  readonly annealEpochs: number;
  readonly annealStrategy: 'cos' | 'linear';

  constructor(optimizer: ScheduledOptimizer, swaLr: PerGroup, options: SWALROptions = {}) {
    super(optimizer, schedulerOptions('SWALR', options, ['annealEpochs', 'annealStrategy']));
    this.swaLrs = perGroup('SWALR: swaLr', swaLr, this.groups.length);
    this.annealEpochs = options.annealEpochs ?? 10;
    this.annealStrategy = options.annealStrategy ?? 'cos';
    checkNotNegative('SWALR', { annealEpochs: this.annealEpochs });
    checkChoice('SWALR', 'annealStrategy', this.annealStrategy, ['cos', 'linear']);
    this.start();
  }

  override getLr(): number[] {
    const { annealEpochs, swaLrs } = this;
    const step = annealEpochs === 0 ? Math.max(1, this.stepCount - 1) : this.stepCount - 1;
    const [former, present] = [this.#partAt(step - 1), this.#partAt(step)];
    return this.groups.map(({ lr }, i) => {
      // What the rate would be without averaging: another scheduler may have changed it since.
      const before = former === 1 ? swaLrs[i] : (lr - former * swaLrs[i]) / (1 - former);
      return swaLrs[i] * present + before * (1 - present);
    });
  }

  /** How much of the way is done. */
  #partAt(step: number): number {
    const done = Math.max(0, Math.min(1, step / Math.max(1, this.annealEpochs)));
    return this.annealStrategy === 'linear' ? done : (1 - Math.cos(Math.PI * done)) / 2;
  }
}
