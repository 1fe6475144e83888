// Schedulers by a formula from each rate to the next.
import { ArgumentError } from '@nn/tensor';
import { checkFraction, checkNumbers, checkPositiveInteger, isNumber, text } from './checks.ts';
import {
  LRScheduler,
  type ScheduledOptimizer,
  type SchedulerOptions,
  schedulerOptions,
} from './scheduler.ts';

export interface GammaOptions extends SchedulerOptions {
  /** The factor. Default 0.1. */
  readonly gamma?: number;
}

/**
 * Times `gamma` every `stepSize` epochs.
 *
 * @example
 * ```ts
 * import { StepLR, SGD } from '@nn/optim';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const x = tensor([1], { dtype: 'float32', requiresGrad: true });
 * const optimizer = new SGD([x], { lr: 1 });
 * const scheduler = new StepLR(optimizer, 2, { gamma: 0.5 });
 * const rates: number[] = [];
 * for (let epoch = 0; epoch < 5; epoch++) {
 *   rates.push(Number(optimizer.paramGroups[0].lr.toFixed(3)));
 *   optimizer.step();
 *   scheduler.step();
 * }
 * console.log(rates); // => [ 1, 1, 0.5, 0.5, 0.25 ]
 * ```
 */
export class StepLR extends LRScheduler {
  readonly stepSize: number;
  readonly gamma: number;

  constructor(optimizer: ScheduledOptimizer, stepSize: number, options: GammaOptions = {}) {
    super(optimizer, schedulerOptions('StepLR', options, ['gamma']));
    this.stepSize = stepSize;
    this.gamma = options.gamma ?? 0.1;
    checkPositiveInteger('StepLR', { stepSize });
    checkNumbers('StepLR', { gamma: this.gamma });
    this.start();
  }

  override getLr(): number[] {
    const factor = this.lastEpoch === 0 || this.lastEpoch % this.stepSize !== 0 ? 1 : this.gamma;
    return this.groups.map(({ lr }) => lr * factor);
  }

  protected override closedForm(): number[] {
    const factor = this.gamma ** Math.floor(this.lastEpoch / this.stepSize);
    return this.baseLrs.map((base) => base * factor);
  }
}

/**
 * Times `gamma` at each milestone (more than once where one is listed again).
 *
 * @example
 * ```ts
 * import { MultiStepLR, SGD } from '@nn/optim';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const x = tensor([1], { dtype: 'float32', requiresGrad: true });
 * const optimizer = new SGD([x], { lr: 1 });
 * const scheduler = new MultiStepLR(optimizer, [1, 3], { gamma: 0.5 });
 * const rates: number[] = [];
 * for (let epoch = 0; epoch < 5; epoch++) {
 *   rates.push(Number(optimizer.paramGroups[0].lr.toFixed(3)));
 *   optimizer.step();
 *   scheduler.step();
 * }
 * console.log(rates); // => [ 1, 0.5, 0.5, 0.25, 0.25 ]
 * ```
 */
export class MultiStepLR extends LRScheduler {
  readonly milestones: readonly number[];
  readonly gamma: number;

  constructor(optimizer: ScheduledOptimizer, milestones: readonly number[], options: GammaOptions = {}) {
    super(optimizer, schedulerOptions('MultiStepLR', options, ['gamma']));
    if (!Array.isArray(milestones) || !milestones.every(Number.isInteger)) {
      throw new ArgumentError(`MultiStepLR: milestones must be a list of epochs, got ${text(milestones)}`);
    }
    this.milestones = [...milestones];
    this.gamma = options.gamma ?? 0.1;
    checkNumbers('MultiStepLR', { gamma: this.gamma });
    this.start();
  }

  override getLr(): number[] {
    const count = this.milestones.filter((milestone) => milestone === this.lastEpoch).length;
    return this.groups.map(({ lr }) => lr * this.gamma ** count);
  }

  protected override closedForm(): number[] {
    const passed = this.milestones.filter((milestone) => milestone <= this.lastEpoch).length;
    return this.baseLrs.map((base) => base * this.gamma ** passed);
  }
}

export interface ConstantLROptions extends SchedulerOptions {
  /** Default 1/3. */
  readonly factor?: number;
  /** Epochs until the rate is full. Default 5. */
  readonly totalIters?: number;
}

/**
 * `factor` of the rate for the first `totalIters` epochs.
 *
 * @example
 * ```ts
 * import { ConstantLR, SGD } from '@nn/optim';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const x = tensor([1], { dtype: 'float32', requiresGrad: true });
 * const optimizer = new SGD([x], { lr: 1 });
 * const scheduler = new ConstantLR(optimizer, { factor: 0.25, totalIters: 2 });
 * const rates: number[] = [];
 * for (let epoch = 0; epoch < 4; epoch++) {
 *   rates.push(Number(optimizer.paramGroups[0].lr.toFixed(3)));
 *   optimizer.step();
 *   scheduler.step();
 * }
 * console.log(rates); // => [ 0.25, 0.25, 1, 1 ]
 * ```
 */
export class ConstantLR extends LRScheduler {
  readonly factor: number;
  readonly totalIters: number;

  constructor(optimizer: ScheduledOptimizer, options: ConstantLROptions = {}) {
    super(optimizer, schedulerOptions('ConstantLR', options, ['factor', 'totalIters']));
    this.factor = options.factor ?? 1 / 3;
    this.totalIters = options.totalIters ?? 5;
    checkFraction('ConstantLR', { factor: this.factor });
    checkPositiveInteger('ConstantLR', { totalIters: this.totalIters });
    this.start();
  }

  override getLr(): number[] {
    const { lastEpoch, factor, totalIters } = this;
    // A rate of 0 leaves nothing to grow from again.
    if (factor === 0 && lastEpoch === totalIters) return [...this.baseLrs];
    const change = lastEpoch === 0 ? factor : lastEpoch === totalIters ? 1 / factor : 1;
    return this.groups.map(({ lr }) => lr * change);
  }

  protected override closedForm(): number[] {
    const factor = this.lastEpoch >= this.totalIters ? 1 : this.factor;
    return this.baseLrs.map((base) => base * factor);
  }
}

export interface LinearLROptions extends SchedulerOptions {
  /** Default 1/3. */
  readonly startFactor?: number;
  /** Default 1. */
  readonly endFactor?: number;
  /** Default 5. */
  readonly totalIters?: number;
}

/**
 * From `startFactor` to `endFactor` of the rate, linearly over `totalIters` epochs.
 *
 * @example
 * ```ts
 * import { LinearLR, SGD } from '@nn/optim';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const x = tensor([1], { dtype: 'float32', requiresGrad: true });
 * const optimizer = new SGD([x], { lr: 1 });
 * const scheduler = new LinearLR(optimizer, { startFactor: 0.25, totalIters: 3 });
 * const rates: number[] = [];
 * for (let epoch = 0; epoch < 5; epoch++) {
 *   rates.push(Number(optimizer.paramGroups[0].lr.toFixed(3)));
 *   optimizer.step();
 *   scheduler.step();
 * }
 * console.log(rates); // => [ 0.25, 0.5, 0.75, 1, 1 ]
 * ```
 */
export class LinearLR extends LRScheduler {
  readonly startFactor: number;
  readonly endFactor: number;
  readonly totalIters: number;

  constructor(optimizer: ScheduledOptimizer, options: LinearLROptions = {}) {
    super(optimizer, schedulerOptions('LinearLR', options, ['startFactor', 'endFactor', 'totalIters']));
    this.startFactor = options.startFactor ?? 1 / 3;
    this.endFactor = options.endFactor ?? 1;
    this.totalIters = options.totalIters ?? 5;
    if (!isNumber(this.startFactor) || this.startFactor <= 0 || this.startFactor > 1) {
      throw new ArgumentError(`LinearLR: startFactor must lie in (0, 1], got ${text(this.startFactor)}`);
    }
    checkFraction('LinearLR', { endFactor: this.endFactor });
    checkPositiveInteger('LinearLR', { totalIters: this.totalIters });
    this.start();
  }

  override getLr(): number[] {
    const { lastEpoch, startFactor, endFactor, totalIters } = this;
    if (lastEpoch === 0) return this.groups.map(({ lr }) => lr * startFactor);
    if (lastEpoch > totalIters) return this.groups.map(({ lr }) => lr);
    const gap = endFactor - startFactor;
    return this.groups.map(({ lr }) => lr * (1 + gap / (totalIters * startFactor + (lastEpoch - 1) * gap)));
  }

  protected override closedForm(): number[] {
    const { startFactor, endFactor, totalIters } = this;
    const factor =
      startFactor + ((endFactor - startFactor) * Math.min(totalIters, this.lastEpoch)) / totalIters;
    return this.baseLrs.map((base) => base * factor);
  }
}

/**
 * Times `gamma` each epoch.
 *
 * @example
 * ```ts
 * import { ExponentialLR, SGD } from '@nn/optim';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const x = tensor([1], { dtype: 'float32', requiresGrad: true });
 * const optimizer = new SGD([x], { lr: 1 });
 * const scheduler = new ExponentialLR(optimizer, 0.5);
 * const rates: number[] = [];
 * for (let epoch = 0; epoch < 4; epoch++) {
 *   rates.push(Number(optimizer.paramGroups[0].lr.toFixed(3)));
 *   optimizer.step();
 *   scheduler.step();
 * }
 * console.log(rates); // => [ 1, 0.5, 0.25, 0.125 ]
 * ```
 */
export class ExponentialLR extends LRScheduler {
  readonly gamma: number;

  constructor(optimizer: ScheduledOptimizer, gamma: number, options: SchedulerOptions = {}) {
    super(optimizer, schedulerOptions('ExponentialLR', options, []));
    this.gamma = gamma;
    checkNumbers('ExponentialLR', { gamma });
    this.start();
  }

  override getLr(): number[] {
    return this.groups.map(({ lr }) => (this.lastEpoch === 0 ? lr : lr * this.gamma));
  }

  protected override closedForm(): number[] {
    return this.baseLrs.map((base) => base * this.gamma ** this.lastEpoch);
  }
}

export interface PolynomialLROptions extends SchedulerOptions {
  /** Default 5. */
  readonly totalIters?: number;
  /** Default 1. */
  readonly power?: number;
}

/**
 * Down to 0 by a power of what is left of `totalIters` epochs.
 *
 * @example
 * ```ts
 * import { PolynomialLR, SGD } from '@nn/optim';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const x = tensor([1], { dtype: 'float32', requiresGrad: true });
 * const optimizer = new SGD([x], { lr: 1 });
 * const scheduler = new PolynomialLR(optimizer, { totalIters: 4, power: 2 });
 * const rates: number[] = [];
 * for (let epoch = 0; epoch < 6; epoch++) {
 *   rates.push(Number(optimizer.paramGroups[0].lr.toFixed(3)));
 *   optimizer.step();
 *   scheduler.step();
 * }
 * console.log(rates); // => [ 1, 0.563, 0.25, 0.063, 0, 0 ]
 * ```
 */
export class PolynomialLR extends LRScheduler {
  readonly totalIters: number;
  readonly power: number;

  constructor(optimizer: ScheduledOptimizer, options: PolynomialLROptions = {}) {
    super(optimizer, schedulerOptions('PolynomialLR', options, ['totalIters', 'power']));
    this.totalIters = options.totalIters ?? 5;
    this.power = options.power ?? 1;
    checkPositiveInteger('PolynomialLR', { totalIters: this.totalIters });
    checkNumbers('PolynomialLR', { power: this.power });
    this.start();
  }

  override getLr(): number[] {
    const { lastEpoch, totalIters, power } = this;
    if (lastEpoch === 0 || lastEpoch > totalIters) return this.groups.map(({ lr }) => lr);
    const decay = ((1 - lastEpoch / totalIters) / (1 - (lastEpoch - 1) / totalIters)) ** power;
    return this.groups.map(({ lr }) => lr * decay);
  }

  protected override closedForm(): number[] {
    const left = 1 - Math.min(this.totalIters, this.lastEpoch) / this.totalIters;
    return this.baseLrs.map((base) => base * left ** this.power);
  }
}

export type LRLambda = (epoch: number) => number;

function lambdasFor(
  name: string,
  lambda: LRLambda | readonly LRLambda[],
  count: number,
): readonly LRLambda[] {
  const list: unknown = typeof lambda === 'function' ? new Array<LRLambda>(count).fill(lambda) : lambda;
  if (!Array.isArray(list) || !list.every((each) => typeof each === 'function')) {
    throw new ArgumentError(`${name}: expected a function from the epoch to a factor, or a list of them`);
  }
  if (list.length === count) return list;
  throw new ArgumentError(`${name}: expected ${count} functions, one for each group, got ${list.length}`);
}

/**
 * The first rate times a function of the epoch.
 *
 * @example
 * ```ts
 * import { LambdaLR, SGD } from '@nn/optim';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const x = tensor([1], { dtype: 'float32', requiresGrad: true });
 * const optimizer = new SGD([x], { lr: 1 });
 * const scheduler = new LambdaLR(optimizer, (epoch) => 1 / (1 + epoch));
 * const rates: number[] = [];
 * for (let epoch = 0; epoch < 4; epoch++) {
 *   rates.push(Number(optimizer.paramGroups[0].lr.toFixed(3)));
 *   optimizer.step();
 *   scheduler.step();
 * }
 * console.log(rates); // => [ 1, 0.5, 0.333, 0.25 ]
 * ```
 */
export class LambdaLR extends LRScheduler {
  readonly lrLambdas: readonly LRLambda[];

  constructor(
    optimizer: ScheduledOptimizer,
    lrLambda: LRLambda | readonly LRLambda[],
    options: SchedulerOptions = {},
  ) {
    super(optimizer, schedulerOptions('LambdaLR', options, []));
    this.lrLambdas = lambdasFor('LambdaLR', lrLambda, this.groups.length);
    this.start();
  }

  override getLr(): number[] {
    return this.baseLrs.map((base, i) => base * this.lrLambdas[i](this.lastEpoch));
  }
}

/**
 * The rate times a function of the epoch, each epoch.
 *
 * @example
 * ```ts
 * import { MultiplicativeLR, SGD } from '@nn/optim';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const x = tensor([1], { dtype: 'float32', requiresGrad: true });
 * const optimizer = new SGD([x], { lr: 1 });
 * const scheduler = new MultiplicativeLR(optimizer, (epoch) => (epoch % 2 === 0 ? 1 : 0.5));
 * const rates: number[] = [];
 * for (let epoch = 0; epoch < 5; epoch++) {
 *   rates.push(Number(optimizer.paramGroups[0].lr.toFixed(3)));
 *   optimizer.step();
 *   scheduler.step();
 * }
 * console.log(rates); // => [ 1, 0.5, 0.5, 0.25, 0.25 ]
 * ```
 */
export class MultiplicativeLR extends LRScheduler {
  readonly lrLambdas: readonly LRLambda[];

  constructor(
    optimizer: ScheduledOptimizer,
    lrLambda: LRLambda | readonly LRLambda[],
    options: SchedulerOptions = {},
  ) {
    super(optimizer, schedulerOptions('MultiplicativeLR', options, []));
    this.lrLambdas = lambdasFor('MultiplicativeLR', lrLambda, this.groups.length);
    this.start();
  }

  override getLr(): number[] {
    return this.groups.map(({ lr }, i) => (this.lastEpoch > 0 ? lr * this.lrLambdas[i](this.lastEpoch) : lr));
  }
}
