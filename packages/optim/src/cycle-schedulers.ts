// Rates that rise and fall, with momentum against them (Smith 2015; Smith and Topin 2017).
import { ArgumentError } from '@nn/tensor';
import {
  checkBooleans,
  checkChoice,
  checkFraction,
  checkNumbers,
  checkPositiveInteger,
  checkPositiveNumbers,
  text,
} from './checks.ts';
import { type PerGroup, perGroup } from './per-group.ts';
import {
  LRScheduler,
  type ScheduledGroup,
  type ScheduledOptimizer,
  type SchedulerOptions,
  schedulerOptions,
} from './scheduler.ts';

/** SGD's momentum, or Adam's first beta. */
function setMomentum(group: ScheduledGroup, momentum: number): void {
  if (group.betas === undefined) group.momentum = momentum;
  else group.betas = [momentum, group.betas[1]];
}

function requireMomentum(name: string, groups: readonly ScheduledGroup[]): void {
  if (groups.every((group) => group.momentum !== undefined || group.betas !== undefined)) return;
  throw new ArgumentError(
    `${name}: the optimizer has no momentum or betas to cycle. Pass { cycleMomentum: false }`,
  );
}

export interface CyclicLROptions extends SchedulerOptions {
  /** Steps up. Default 2000. */
  readonly stepSizeUp?: number;
  /** Steps down. Default: as many as up. */
  readonly stepSizeDown?: number;
  /** Default 'triangular'. */
  readonly mode?: 'triangular' | 'triangular2' | 'expRange';
  /** For 'expRange'. Default 1. */
  readonly gamma?: number;
  /** Scales each cycle's height, instead of a mode. */
  readonly scaleFn?: (x: number) => number;
  /** Whether `scaleFn` takes the cycle or the step. Default 'cycle'. */
  readonly scaleMode?: 'cycle' | 'iterations';
  /** Default true. */
  readonly cycleMomentum?: boolean;
  /** Default 0.8. */
  readonly baseMomentum?: PerGroup;
  /** Default 0.9. */
  readonly maxMomentum?: PerGroup;
}

const cyclicOptions = [
  'stepSizeUp',
  'stepSizeDown',
  'mode',
  'gamma',
  'scaleFn',
  'scaleMode',
  'cycleMomentum',
  'baseMomentum',
  'maxMomentum',
];

/**
 * Between `baseLr` and `maxLr`, up and down, as `torch.optim.lr_scheduler.CyclicLR`.
 *
 * @example
 * ```ts
 * import { CyclicLR, SGD } from '@nn/optim';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const x = tensor([1], { dtype: 'float32', requiresGrad: true });
 * const optimizer = new SGD([x], { lr: 1 });
 * const scheduler = new CyclicLR(optimizer, 0.1, 0.5, { stepSizeUp: 2, cycleMomentum: false });
 * const rates: number[] = [];
 * for (let epoch = 0; epoch < 6; epoch++) {
 *   rates.push(Number(optimizer.paramGroups[0].lr.toFixed(3)));
 *   optimizer.step();
 *   scheduler.step();
 * }
 * console.log(rates); // => [ 0.1, 0.3, 0.5, 0.3, 0.1, 0.3 ]
 * ```
 */
export class CyclicLR extends LRScheduler {
  readonly maxLrs: readonly number[];
  readonly totalSize: number;
  readonly stepRatio: number;
  readonly scaleFn: (x: number) => number;
  readonly scaleMode: 'cycle' | 'iterations';
  readonly cycleMomentum: boolean;
  readonly baseMomentums: readonly number[];
  readonly maxMomentums: readonly number[];

  constructor(
    optimizer: ScheduledOptimizer,
    baseLr: PerGroup,
    maxLr: PerGroup,
    options: CyclicLROptions = {},
  ) {
    super(optimizer, schedulerOptions('CyclicLR', options, cyclicOptions));
    const { stepSizeUp = 2000, mode = 'triangular', gamma = 1 } = options;
    const stepSizeDown = options.stepSizeDown ?? stepSizeUp;
    checkPositiveInteger('CyclicLR', { stepSizeUp, stepSizeDown });
    checkNumbers('CyclicLR', { gamma });
    checkChoice('CyclicLR', 'mode', mode, ['triangular', 'triangular2', 'expRange']);
    checkChoice('CyclicLR', 'scaleMode', options.scaleMode ?? 'cycle', ['cycle', 'iterations']);
    if (options.scaleFn !== undefined && typeof options.scaleFn !== 'function') {
      throw new ArgumentError(
        `CyclicLR: scaleFn must be a function of the cycle or step, got ${text(options.scaleFn)}`,
      );
    }
    const count = this.groups.length;
    const baseLrs = perGroup('CyclicLR: baseLr', baseLr, count);
    this.maxLrs = perGroup('CyclicLR: maxLr', maxLr, count);
    this.totalSize = stepSizeUp + stepSizeDown;
    this.stepRatio = stepSizeUp / this.totalSize;
    this.scaleFn = options.scaleFn ?? scaleOf(mode, gamma);
    this.scaleMode =
      options.scaleMode ?? (options.scaleFn === undefined && mode === 'expRange' ? 'iterations' : 'cycle');
    this.cycleMomentum = options.cycleMomentum ?? true;
    checkBooleans('CyclicLR', { cycleMomentum: this.cycleMomentum });
    this.baseMomentums = perGroup('CyclicLR: baseMomentum', options.baseMomentum ?? 0.8, count);
    this.maxMomentums = perGroup('CyclicLR: maxMomentum', options.maxMomentum ?? 0.9, count);
    if (this.cycleMomentum) requireMomentum('CyclicLR', this.groups);
    this.baseLrs = baseLrs;
    this.start();
  }

  override getLr(): number[] {
    const cycle = Math.floor(1 + this.lastEpoch / this.totalSize);
    const x = 1 + this.lastEpoch / this.totalSize - cycle;
    const height = x <= this.stepRatio ? x / this.stepRatio : (x - 1) / (this.stepRatio - 1);
    const scale = this.scaleFn(this.scaleMode === 'cycle' ? cycle : this.lastEpoch);
    if (this.cycleMomentum) {
      this.groups.forEach((group, i) => {
        setMomentum(
          group,
          this.maxMomentums[i] - (this.maxMomentums[i] - this.baseMomentums[i]) * height * scale,
        );
      });
    }
    return this.baseLrs.map((base, i) => base + (this.maxLrs[i] - base) * height * scale);
  }
}

function scaleOf(mode: 'triangular' | 'triangular2' | 'expRange', gamma: number): (x: number) => number {
  if (mode === 'triangular') return () => 1;
  return mode === 'triangular2' ? (cycle) => 1 / 2 ** (cycle - 1) : (step) => gamma ** step;
}

export interface OneCycleLROptions extends SchedulerOptions {
  /** Steps in all; or give `epochs` and `stepsPerEpoch`. */
  readonly totalSteps?: number;
  readonly epochs?: number;
  readonly stepsPerEpoch?: number;
  /** The part of the steps that rise. Default 0.3. */
  readonly pctStart?: number;
  /** Default 'cos'. */
  readonly annealStrategy?: 'cos' | 'linear';
  /** Default true. */
  readonly cycleMomentum?: boolean;
  /** Default 0.85. */
  readonly baseMomentum?: PerGroup;
  /** Default 0.95. */
  readonly maxMomentum?: PerGroup;
  /** The first rate is maxLr / divFactor. Default 25. */
  readonly divFactor?: number;
  /** The last rate is the first one / finalDivFactor. Default 1e4. */
  readonly finalDivFactor?: number;
  /** Whether the fall mirrors the rise before the rate vanishes. Default false. */
  readonly threePhase?: boolean;
}

const oneCycleOptions = [
  'totalSteps',
  'epochs',
  'stepsPerEpoch',
  'pctStart',
  'annealStrategy',
  'cycleMomentum',
  'baseMomentum',
  'maxMomentum',
  'divFactor',
  'finalDivFactor',
  'threePhase',
];

type Rate = 'initial' | 'max' | 'min';
type Momentum = 'base' | 'max';
interface Phase {
  readonly end: number;
  readonly rates: readonly [Rate, Rate];
  readonly momentums: readonly [Momentum, Momentum];
}

/**
 * Up to `maxLr` and down to almost nothing, once, as `torch.optim.lr_scheduler.OneCycleLR`.
 *
 * @example
 * ```ts
 * import { OneCycleLR, SGD } from '@nn/optim';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const x = tensor([1], { dtype: 'float32', requiresGrad: true });
 * const optimizer = new SGD([x], { lr: 1 });
 * const scheduler = new OneCycleLR(optimizer, 0.5, { totalSteps: 6, cycleMomentum: false });
 * const rates: number[] = [];
 * for (let epoch = 0; epoch < 6; epoch++) {
 *   rates.push(Number(optimizer.paramGroups[0].lr.toFixed(3)));
 *   optimizer.step();
 *   scheduler.step();
 * }
 * console.log(rates); // => [ 0.02, 0.497, 0.406, 0.231, 0.067, 0 ]
 * ```
 */
export class OneCycleLR extends LRScheduler {
  readonly totalSteps: number;
  readonly cycleMomentum: boolean;
  readonly annealStrategy: 'cos' | 'linear';
  readonly phases: readonly Phase[];
  readonly rates: { readonly [R in Rate]: readonly number[] };
  readonly momentums: { readonly [M in Momentum]: readonly number[] };

  constructor(optimizer: ScheduledOptimizer, maxLr: PerGroup, options: OneCycleLROptions = {}) {
    super(optimizer, schedulerOptions('OneCycleLR', options, oneCycleOptions));
    const { pctStart = 0.3, divFactor = 25, finalDivFactor = 1e4, annealStrategy = 'cos' } = options;
    this.totalSteps = totalStepsOf(options);
    this.cycleMomentum = options.cycleMomentum ?? true;
    const threePhase = options.threePhase ?? false;
    checkBooleans('OneCycleLR', { cycleMomentum: this.cycleMomentum, threePhase });
    checkFraction('OneCycleLR', { pctStart });
    checkPositiveNumbers('OneCycleLR', { divFactor, finalDivFactor });
    checkChoice('OneCycleLR', 'annealStrategy', annealStrategy, ['cos', 'linear']);
    this.annealStrategy = annealStrategy;
    this.phases = phasesOf(this.totalSteps, pctStart, threePhase);
    const max = perGroup('OneCycleLR: maxLr', maxLr, this.groups.length);
    const initial = max.map((rate) => rate / divFactor);
    this.rates = { initial, max, min: initial.map((rate) => rate / finalDivFactor) };
    this.momentums = {
      base: perGroup('OneCycleLR: baseMomentum', options.baseMomentum ?? 0.85, this.groups.length),
      max: perGroup('OneCycleLR: maxMomentum', options.maxMomentum ?? 0.95, this.groups.length),
    };
    if (this.cycleMomentum) requireMomentum('OneCycleLR', this.groups);
    this.baseLrs = initial;
    this.start();
  }

  override getLr(): number[] {
    const step = this.lastEpoch;
    if (step > this.totalSteps) {
      throw new ArgumentError(
        `step: OneCycleLR was made for ${this.totalSteps} steps and is at step ${step}`,
      );
    }
    const found = this.phases.findIndex(({ end }) => step <= end);
    const at = found === -1 ? this.phases.length - 1 : found;
    const start = at === 0 ? 0 : this.phases[at - 1].end;
    const { end, rates, momentums } = this.phases[at];
    const fraction = (step - start) / (end - start);
    if (this.cycleMomentum) {
      this.groups.forEach((group, i) => {
        setMomentum(
          group,
          this.#between(this.momentums[momentums[0]][i], this.momentums[momentums[1]][i], fraction),
        );
      });
    }
    return this.groups.map((_, i) =>
      this.#between(this.rates[rates[0]][i], this.rates[rates[1]][i], fraction),
    );
  }

  #between(start: number, end: number, fraction: number): number {
    if (this.annealStrategy === 'linear') return (end - start) * fraction + start;
    return end + ((start - end) / 2) * (Math.cos(Math.PI * fraction) + 1);
  }
}

function totalStepsOf({ totalSteps, epochs, stepsPerEpoch }: OneCycleLROptions): number {
  if (totalSteps !== undefined) {
    checkPositiveInteger('OneCycleLR', { totalSteps });
    return totalSteps;
  }
  if (epochs === undefined || stepsPerEpoch === undefined) {
    throw new ArgumentError('OneCycleLR: needs totalSteps, or epochs and stepsPerEpoch: positive integers');
  }
  checkPositiveInteger('OneCycleLR', { epochs, stepsPerEpoch });
  return epochs * stepsPerEpoch;
}

function phasesOf(totalSteps: number, pctStart: number, threePhase: boolean): Phase[] {
  const rise: Phase = {
    end: pctStart * totalSteps - 1,
    rates: ['initial', 'max'],
    momentums: ['max', 'base'],
  };
  if (!threePhase) return [rise, { end: totalSteps - 1, rates: ['max', 'min'], momentums: ['base', 'max'] }];
  return [
    rise,
    { end: 2 * pctStart * totalSteps - 2, rates: ['max', 'initial'], momentums: ['base', 'max'] },
    { end: totalSteps - 1, rates: ['initial', 'min'], momentums: ['max', 'max'] },
  ];
}
