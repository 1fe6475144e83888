// Learning rates over time. Each rate is computed from the former one, so that schedulers can be chained.
import { ArgumentError, checkOptions, DataError, describe } from '@nn/tensor';
import { checkNotNegative, text } from './checks.ts';
import type { LearningRate } from './optimizer.ts';
import type { ParamGroup } from './param-groups.ts';

/** An optimizer whose groups have a learning rate, and maybe a momentum. */
export interface ScheduledOptimizer {
  readonly paramGroups: ParamGroup<LearningRate>[];
}
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
    checkScheduled(this.constructor.name, optimizer);
    if (!Number.isInteger(lastEpoch) || lastEpoch < -1) {
      throw new ArgumentError(
        `${this.constructor.name}: lastEpoch must be an integer of at least -1, got ${text(lastEpoch)}`,
      );
    }
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

  /** Each group's rate at `lastEpoch` as if no other scheduler had changed it, where there is such a formula. */
  protected closedForm?(): number[];

  /** To be called after each epoch (or batch): sets the next rates, or those of a given epoch. */
  step(epoch?: number): void {
    if (epoch !== undefined) checkNotNegative('step', { epoch });
    this.stepCount++;
    this.lastEpoch = epoch ?? this.lastEpoch + 1;
    this.apply((epoch === undefined ? undefined : this.closedForm?.()) ?? this.getLr());
  }

  /** Takes back the step that a scheduler's constructor has done. */
  protected static undoFirstStep(scheduler: LRScheduler): void {
    scheduler.lastEpoch--;
  }

  protected static repeatFirstStep(scheduler: LRScheduler): void {
    scheduler.stepCount = 0;
    scheduler.start();
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
    return fieldsOf(this);
  }

  /**
   * Restores the fields. The optimizer's rates are in the optimizer's own state.
   *
   * @throws {DataError} when the state is of another scheduler, or for another number of groups.
   */
  loadStateDict(state: SchedulerState): void {
    loadFields(this, state);
  }
}

/** @throws {ArgumentError} for what is no optimizer, or for groups without a rate. */
export function checkScheduled(name: string, optimizer: unknown): void {
  const groups: unknown =
    typeof optimizer === 'object' && optimizer !== null && 'paramGroups' in optimizer
      ? optimizer.paramGroups
      : undefined;
  if (!Array.isArray(groups)) {
    throw new ArgumentError(
      `${name}: the first argument must be an optimizer, got ${describe(optimizer)}: new ${name}(optimizer, …)`,
    );
  }
  groups.forEach((group: unknown, i) => {
    if (typeof group === 'object' && group !== null && 'lr' in group && typeof group.lr === 'number') return;
    throw new ArgumentError(`${name}: group ${i} of the optimizer has no lr to change`);
  });
}

function holdsFunctions(value: unknown): boolean {
  return (
    typeof value === 'function' || (Array.isArray(value) && value.some((each) => typeof each === 'function'))
  );
}

/** A scheduler's fields as plain data of its own. */
function fieldsOf(scheduler: object): SchedulerState {
  const fields = Object.entries(scheduler).filter(
    ([name, value]) => name !== 'optimizer' && !holdsFunctions(value),
  );
  return structuredClone(Object.fromEntries(fields));
}

/** @throws {DataError} unless the state has just the scheduler's fields, with values of the same kinds. */
export function loadFields(
  scheduler: object,
  state: unknown,
  name: string = scheduler.constructor.name,
): void {
  const fail = (why: string): never => {
    throw new DataError(`loadStateDict: the state does not fit this ${name}: ${why}`);
  };
  if (typeof state !== 'object' || state === null) fail(`it is ${describe(state)}`);
  const own = fieldsOf(scheduler);
  const given = state as SchedulerState;
  const lacking = Object.keys(own).filter((field) => !Object.hasOwn(given, field));
  const foreign = Object.keys(given).filter((field) => !Object.hasOwn(own, field));
  if (lacking.length > 0 || foreign.length > 0) {
    fail(
      `it lacks ${lacking.join(', ') || 'nothing'} and has ${foreign.join(', ') || 'nothing'} that is unknown here`,
    );
  }
  for (const [field, value] of Object.entries(given)) {
    const present = own[field];
    // Null stands for a value that is not there yet.
    if (present !== null && value !== null && typeof value !== typeof present) {
      fail(`${field} is ${describe(value)}, not of type ${typeof present}`);
    }
    if (field === 'baseLrs' && (value as number[]).length !== (present as number[]).length) {
      fail(`it is of ${(value as number[]).length} groups, not ${(present as number[]).length}`);
    }
  }
  Object.assign(scheduler, structuredClone(given));
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
