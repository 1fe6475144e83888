// Learning rates over time. Each rate is computed from the former one, so that schedulers can be chained.
import { ArgumentError, checkOptions } from '@nn/core';
import type { LearningRate, Optimizer, ParamGroup } from './optimizer.ts';

/** An optimizer whose groups have a learning rate, and maybe a momentum. */
export type ScheduledOptimizer = Optimizer<LearningRate>;
export type ScheduledGroup = ParamGroup<LearningRate> & {
  momentum?: number;
  betas?: readonly [number, number];
};

export interface SchedulerOptions {
  /** The last epoch done, to resume; groups then need `initialLr`. Default -1. */
  readonly lastEpoch?: number;
}

export type SchedulerState = { readonly [name: string]: unknown };

/**
 * Base class of schedulers. A subclass sets its fields, then calls `start`; `getLr` gives each group's rate.
 *
 * @example
 * ```ts
 * import { SGD, StepLR } from '@nn/optim';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const optimizer = new SGD([tensor([1], { dtype: 'float32', requiresGrad: true })], { lr: 1 });
 * const scheduler = new StepLR(optimizer, 2, { gamma: 0.5 });
 * for (let epoch = 0; epoch < 2; epoch++) {
 *   optimizer.step();
 *   scheduler.step();
 * }
 * console.log(scheduler.getLastLr()); // => [0.5]
 * ```
 */
export abstract class LRScheduler {
  readonly optimizer: ScheduledOptimizer;
  /** The rate that each group starts from. */
  baseLrs: number[];
  lastEpoch: number;
  protected stepCount = 0;
  protected lastLr: number[] = [];

  constructor(optimizer: ScheduledOptimizer, { lastEpoch = -1 }: SchedulerOptions = {}) {
    this.optimizer = optimizer;
    this.lastEpoch = lastEpoch;
    for (const [i, group] of this.groups.entries()) {
      if (lastEpoch === -1) group.initialLr ??= group.lr;
      else if (group.initialLr === undefined) {
        throw new ArgumentError(
          `${this.constructor.name}: group ${i} has no initialLr to resume from at lastEpoch ${lastEpoch}`,
        );
      }
    }
    this.baseLrs = this.groups.map(({ initialLr }) => initialLr as number);
  }

  /** Each group's rate at `lastEpoch`. */
  abstract getLr(): number[];

  protected get groups(): ScheduledGroup[] {
    return this.optimizer.paramGroups;
  }

  /** Sets the first rate. Called at the end of each subclass's constructor. */
  protected start(): void {
    this.step();
  }

  /** To be called after each epoch (or batch): sets the next rates. */
  step(): void {
    this.stepCount++;
    this.lastEpoch++;
    this.apply(this.getLr());
  }

  protected apply(rates: readonly number[]): void {
    this.groups.forEach((group, i) => {
      group.lr = rates[i];
    });
    this.lastLr = [...rates];
  }

  /** Each group's rate as of now. */
  getLastLr(): number[] {
    return [...this.lastLr];
  }

  /** All fields but the optimizer and functions. */
  stateDict(): SchedulerState {
    return Object.fromEntries(
      Object.entries(this).filter(
        ([name, value]) => name !== 'optimizer' && name !== 'schedulers' && !holdsFunctions(value),
      ),
    );
  }

  loadStateDict(state: SchedulerState): void {
    Object.assign(this, state);
  }
}

function holdsFunctions(value: unknown): boolean {
  return (
    typeof value === 'function' || (Array.isArray(value) && value.some((each) => typeof each === 'function'))
  );
}

/** Options of a scheduler, checked. */
export function schedulerOptions<O extends SchedulerOptions>(
  name: string,
  options: O,
  known: readonly string[],
): O {
  checkOptions(name, options, ['lastEpoch', ...known]);
  return options;
}
