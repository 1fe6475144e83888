// Schedulers made of schedulers: one after the other, or all at once.
import { ArgumentError, checkOptions, DataError, describe } from '@nn/tensor';
import { text } from './checks.ts';
import {
  LRScheduler,
  type ScheduledOptimizer,
  type SchedulerOptions,
  type SchedulerState,
  schedulerOptions,
} from './scheduler.ts';

/** @throws {ArgumentError} unless all are schedulers of one optimizer. */
function checkedSchedulers(name: string, schedulers: unknown, optimizer?: unknown): readonly LRScheduler[] {
  if (!Array.isArray(schedulers) || schedulers.length === 0) {
    throw new ArgumentError(`${name}: expected a list of schedulers, got ${text(schedulers)}`);
  }
  schedulers.forEach((each: unknown, i) => {
    if (!(each instanceof LRScheduler)) {
      throw new ArgumentError(
        `${name}: schedulers[${i}] must be a scheduler that needs no metric, got ${describe(each)}. ` +
          'Call step(metric) of a ReduceLROnPlateau apart',
      );
    }
    if (each.optimizer === (optimizer ?? schedulers[0].optimizer)) return;
    throw new ArgumentError(
      `${name}: schedulers[${i}] changes another optimizer. Make all with the same one`,
    );
  });
  return [...schedulers];
}

/** What both share: the schedulers' states are part of theirs. */
abstract class SchedulerList extends LRScheduler {
  /** Not a field of the state: its states are. */
  readonly #schedulers: readonly LRScheduler[];

  constructor(schedulers: readonly LRScheduler[], optimizer: ScheduledOptimizer, options: SchedulerOptions) {
    super(optimizer, options);
    this.#schedulers = schedulers;
  }

  protected get schedulers(): readonly LRScheduler[] {
    return this.#schedulers;
  }

  override getLr(): number[] {
    return this.groups.map(({ lr }) => lr);
  }

  override stateDict(): SchedulerState {
    return { ...super.stateDict(), schedulers: this.#schedulers.map((each) => each.stateDict()) };
  }

  /** @throws {DataError} when the state is of another scheduler, or of other schedulers within. */
  override loadStateDict(state: SchedulerState): void {
    const states: unknown = typeof state === 'object' && state !== null ? state['schedulers'] : undefined;
    if (!Array.isArray(states) || states.length !== this.#schedulers.length) {
      throw new DataError(
        `loadStateDict: the state does not fit this ${this.constructor.name} of ${this.#schedulers.length} schedulers`,
      );
    }
    const { schedulers: _, ...own } = state;
    const former = this.#schedulers.map((each) => each.stateDict());
    try {
      this.#schedulers.forEach((each, i) => {
        each.loadStateDict(states[i]);
      });
      super.loadStateDict(own);
    } catch (error) {
      this.#schedulers.forEach((each, i) => {
        each.loadStateDict(former[i]);
      });
      throw error;
    }
  }
}

/**
 * One scheduler after the other: the next takes over at each milestone, as
 * `torch.optim.lr_scheduler.SequentialLR`.
 *
 * @throws {ArgumentError} unless there is one milestone less than there are schedulers of the optimizer.
 * @example
 * ```ts
 * import { ExponentialLR, LinearLR, SequentialLR, SGD } from '@nn/optim';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const optimizer = new SGD([tensor([1], { dtype: 'float32', requiresGrad: true })], { lr: 1 });
 * const warmup = new LinearLR(optimizer, { startFactor: 0.25, totalIters: 3 });
 * const decay = new ExponentialLR(optimizer, 0.5);
 * const scheduler = new SequentialLR(optimizer, [warmup, decay], [3]);
 * const rates = [];
 * for (let epoch = 0; epoch < 6; epoch++) {
 *   rates.push(scheduler.getLastLr()[0]);
 *   scheduler.step();
 * }
 * console.log(rates); // => [0.25, 0.5, 0.75, 1, 0.5, 0.25]
 * ```
 */
export class SequentialLR extends SchedulerList {
  readonly milestones: readonly number[];

  constructor(
    optimizer: ScheduledOptimizer,
    schedulers: readonly LRScheduler[],
    milestones: readonly number[],
    options: SchedulerOptions = {},
  ) {
    const { lastEpoch = -1 } = schedulerOptions('SequentialLR', options, []);
    super(checkedSchedulers('SequentialLR', schedulers, optimizer), optimizer, options);
    const isList = Array.isArray(milestones) && milestones.every(Number.isInteger);
    if (!isList || milestones.length !== schedulers.length - 1) {
      throw new ArgumentError(
        `SequentialLR: ${schedulers.length} schedulers need ${schedulers.length - 1} milestones, ` +
          `the epochs at which the next takes over; got ${text(milestones)}`,
      );
    }
    if (milestones.some((milestone, i) => milestone <= (i === 0 ? 0 : milestones[i - 1]))) {
      throw new ArgumentError(`SequentialLR: milestones must rise from above 0, got ${text(milestones)}`);
    }
    this.milestones = [...milestones];
    this.lastEpoch = lastEpoch + 1;
    // The schedulers' constructors have set rates, each on top of the former's.
    for (const group of this.groups) group.lr = group.initialLr!;
    for (const each of this.schedulers) LRScheduler.undoFirstStep(each);
    LRScheduler.repeatFirstStep(this.schedulers[0]);
    this.lastLr = this.schedulers[0].getLastLr();
  }

  override step(): void {
    this.stepCount++;
    this.lastEpoch++;
    const passed = this.milestones.filter((milestone) => milestone <= this.lastEpoch).length;
    const present = this.schedulers[passed];
    if (passed > 0 && this.milestones[passed - 1] === this.lastEpoch) present.step(0);
    else present.step();
    this.lastLr = present.getLastLr();
  }
}

/**
 * All schedulers at once, each changing the rate that the one before has left, as
 * `torch.optim.lr_scheduler.ChainedScheduler`.
 *
 * @example
 * ```ts
 * import { ChainedScheduler, ConstantLR, ExponentialLR, SGD } from '@nn/optim';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const optimizer = new SGD([tensor([1], { dtype: 'float32', requiresGrad: true })], { lr: 1 });
 * const warmup = new ConstantLR(optimizer, { factor: 0.25, totalIters: 2 });
 * const scheduler = new ChainedScheduler([warmup, new ExponentialLR(optimizer, 0.5)]);
 * const rates: number[] = [];
 * for (let epoch = 0; epoch < 4; epoch++) {
 *   rates.push(scheduler.getLastLr()[0]);
 *   optimizer.step();
 *   scheduler.step();
 * }
 * console.log(rates); // => [ 0.25, 0.125, 0.25, 0.125 ]
 * ```
 */
export class ChainedScheduler extends SchedulerList {
  constructor(schedulers: readonly LRScheduler[], options: Record<string, never> = {}) {
    checkOptions('ChainedScheduler', options, []);
    const checked = checkedSchedulers('ChainedScheduler', schedulers);
    super(checked, checked[0].optimizer, {});
    this.lastEpoch = 0;
    this.lastLr = this.getLr();
  }

  override step(): void {
    this.stepCount++;
    this.lastEpoch++;
    for (const each of this.schedulers) each.step();
    this.lastLr = this.getLr();
  }
}
