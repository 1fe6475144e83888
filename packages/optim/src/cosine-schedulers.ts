// Rates along a cosine (Loshchilov and Hutter 2016).
import { checkNotNegative, checkNumbers, checkPositiveInteger } from './checks.ts';
import {
  LRScheduler,
  type ScheduledOptimizer,
  type SchedulerOptions,
  schedulerOptions,
} from './scheduler.ts';

export interface CosineOptions extends SchedulerOptions {
  /** The smallest rate. Default 0. */
  readonly etaMin?: number;
}

/**
 * From the rate to `etaMin` in `tMax` epochs, and back, along a cosine.
 *
 * @example
 * ```ts
 * import { CosineAnnealingLR, SGD } from '@nn/optim';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const x = tensor([1], { dtype: 'float32', requiresGrad: true });
 * const optimizer = new SGD([x], { lr: 1 });
 * const scheduler = new CosineAnnealingLR(optimizer, 4);
 * const rates: number[] = [];
 * for (let epoch = 0; epoch < 6; epoch++) {
 *   rates.push(Number(optimizer.paramGroups[0].lr.toFixed(3)));
 *   optimizer.step();
 *   scheduler.step();
 * }
 * console.log(rates); // => [ 1, 0.854, 0.5, 0.146, 0, 0.146 ]
 * ```
 */
export class CosineAnnealingLR extends LRScheduler {
  readonly tMax: number;
  readonly etaMin: number;

  constructor(optimizer: ScheduledOptimizer, tMax: number, options: CosineOptions = {}) {
    super(optimizer, schedulerOptions('CosineAnnealingLR', options, ['etaMin']));
    this.tMax = tMax;
    this.etaMin = options.etaMin ?? 0;
    checkPositiveInteger('CosineAnnealingLR', { tMax });
    checkNumbers('CosineAnnealingLR', { etaMin: this.etaMin });
    this.start();
  }

  override getLr(): number[] {
    const { lastEpoch, tMax, etaMin, baseLrs } = this;
    const cosineAt = (epoch: number): number => 1 + Math.cos((Math.PI * epoch) / tMax);
    if (lastEpoch === 0) return this.groups.map(({ lr }) => lr);
    if (this.stepCount === 1)
      return baseLrs.map((base) => etaMin + ((base - etaMin) * cosineAt(lastEpoch)) / 2);
    if ((lastEpoch - 1 - tMax) % (2 * tMax) === 0) {
      // Up again from the lowest point, where the quotient below would be 0 / 0.
      return this.groups.map(
        ({ lr }, i) => lr + ((baseLrs[i] - etaMin) * (1 - Math.cos(Math.PI / tMax))) / 2,
      );
    }
    const quotient = cosineAt(lastEpoch) / cosineAt(lastEpoch - 1);
    return this.groups.map(({ lr }) => quotient * (lr - etaMin) + etaMin);
  }

  protected override closedForm(): number[] {
    const height = (1 + Math.cos((Math.PI * this.lastEpoch) / this.tMax)) / 2;
    return this.baseLrs.map((base) => this.etaMin + (base - this.etaMin) * height);
  }
}

export interface WarmRestartOptions extends CosineOptions {
  /** How much longer each period is than the former. Default 1. */
  readonly tMult?: number;
}

/**
 * Down to `etaMin` along a cosine, then back to the full rate at once: after `t0` epochs, and ever `tMult` times as many.
 *
 * @example
 * ```ts
 * import { CosineAnnealingWarmRestarts, SGD } from '@nn/optim';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const x = tensor([1], { dtype: 'float32', requiresGrad: true });
 * const optimizer = new SGD([x], { lr: 1 });
 * const scheduler = new CosineAnnealingWarmRestarts(optimizer, 2, { tMult: 2 });
 * const rates: number[] = [];
 * for (let epoch = 0; epoch < 7; epoch++) {
 *   rates.push(Number(optimizer.paramGroups[0].lr.toFixed(3)));
 *   optimizer.step();
 *   scheduler.step();
 * }
 * console.log(rates); // => [1, 0.5, 1, 0.854, 0.5, 0.146, 1]
 * ```
 */
export class CosineAnnealingWarmRestarts extends LRScheduler {
  readonly t0: number;
  readonly tMult: number;
  readonly etaMin: number;
  /** The length of this period, and the epochs since its start. */
  protected period: number;
  protected elapsed: number;

  constructor(optimizer: ScheduledOptimizer, t0: number, options: WarmRestartOptions = {}) {
    super(optimizer, schedulerOptions('CosineAnnealingWarmRestarts', options, ['tMult', 'etaMin']));
    const { tMult = 1, etaMin = 0 } = options;
    checkPositiveInteger('CosineAnnealingWarmRestarts', { t0, tMult });
    checkNumbers('CosineAnnealingWarmRestarts', { etaMin });
    this.t0 = t0;
    this.tMult = tMult;
    this.etaMin = etaMin;
    this.period = t0;
    this.elapsed = this.lastEpoch;
    this.start();
  }

  override getLr(): number[] {
    const height = (1 + Math.cos((Math.PI * this.elapsed) / this.period)) / 2;
    return this.baseLrs.map((base) => this.etaMin + (base - this.etaMin) * height);
  }

  /** The next epoch, or a given one, which may be a fraction: batches within an epoch. */
  override step(epoch?: number): void {
    this.stepCount++;
    const at = epoch ?? (this.lastEpoch < 0 ? 0 : undefined);
    if (at === undefined) this.#advance();
    else this.#moveTo(at);
    this.apply(this.getLr());
  }

  #advance(): void {
    this.lastEpoch++;
    this.elapsed++;
    if (this.elapsed < this.period) return;
    this.elapsed -= this.period;
    this.period *= this.tMult;
  }

  #moveTo(epoch: number): void {
    const { t0, tMult } = this;
    checkNotNegative('step', { epoch });
    this.lastEpoch = Math.floor(epoch);
    if (tMult === 1) {
      this.elapsed = epoch % t0;
      this.period = t0;
      return;
    }
    const restarts = epoch < t0 ? 0 : Math.floor(Math.log((epoch / t0) * (tMult - 1) + 1) / Math.log(tMult));
    this.elapsed = epoch - (t0 * (tMult ** restarts - 1)) / (tMult - 1);
    this.period = t0 * tMult ** restarts;
  }
}
