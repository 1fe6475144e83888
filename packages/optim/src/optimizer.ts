// What all optimizers share: parameters in groups with their own settings, state for each parameter, and a step
// that runs everything recorded since the last one, and the update itself, as one program.

import { enableGrad, noGrad } from '@nn/autograd';
import {
  ArgumentError,
  AutogradError,
  checkOptions,
  describe,
  isTensor,
  type RemovableHandle,
  recordFunction,
  runtimeOf,
  sameShape,
  type Tensor,
  zerosLike,
} from '@nn/tensor';
import { checkBooleans, given } from './checks.ts';
import {
  type LoadStateDictPreHook,
  type OptimizerHook,
  OptimizerHooks,
  type StateDictHook,
  type StateDictHookOptions,
} from './hooks.ts';
import { listOf, type NamedParameter, type ParamGroup, parametersOf } from './param-groups.ts';
import { fittedState, type OptimizerStateDict, readState, type StateValue } from './state-dict.ts';

/** What learning-rate schedulers change. */
export interface LearningRate {
  lr: number;
}

/** A group to be: what it leaves out are the optimizer's settings. */
export type GroupInput<Options extends object> = Partial<Options> & {
  readonly params: Tensor | Iterable<Tensor> | Iterable<NamedParameter>;
};

/** Parameters, with names or without, or groups of them with settings of their own. */
export type ParamsInput<Options extends object> =
  | Iterable<Tensor>
  | Iterable<NamedParameter>
  | Iterable<GroupInput<Options>>;

/** An optimizer's memory of a parameter, by name. */
export type ParamState = { [name: string]: StateValue | undefined };

export interface ZeroGradOptions {
  /** Forget gradients; false: set those that are there to zero. Default true. */
  readonly setToNone?: boolean;
}

/**
 * Base class of optimizers. A subclass gives defaults and, in `update`, changes each parameter of a group in place.
 *
 * @example
 * ```ts
 * import { Optimizer, type ParamGroup } from '@nn/optim';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * class SignDescent extends Optimizer<{ lr: number }> {
 *   protected override update({ params, lr }: ParamGroup<{ lr: number }>): void {
 *     for (const parameter of params) if (parameter.grad) parameter.sub_(parameter.grad.sign().mul(lr));
 *   }
 * }
 * const x = tensor([3, -4], { dtype: 'float32', requiresGrad: true });
 * const optimizer = new SignDescent([x], { lr: 1 });
 * x.square().sum().backward();
 * optimizer.step();
 * console.log(await x.toArray()); // => [2, -3]
 * ```
 */
export abstract class Optimizer<
  Options extends object = LearningRate,
  State extends ParamState = ParamState,
> {
  readonly defaults: Options;
  readonly paramGroups: ParamGroup<Options>[] = [];
  readonly state: Map<Tensor, State> = new Map();
  readonly #hooks = new OptimizerHooks<this>();

  /**
   * @throws {ArgumentError} for no parameters, or what `addParamGroup` refuses.
   * @throws {AutogradError} when none of the parameters requires gradients.
   */
  constructor(params: ParamsInput<Options>, defaults: Options) {
    this.defaults = defaults;
    const groups = listOf(this.constructor.name, params, 'parameters or groups');
    if (groups.length === 0)
      throw new ArgumentError(`${this.constructor.name}: the list of parameters is empty`);
    const areParameters = groups.every((each) => isTensor(each) || Array.isArray(each));
    for (const group of areParameters ? [{ params: groups }] : groups) {
      this.addParamGroup(group as GroupInput<Options>);
    }
    // Single parameters may be frozen, as in PyTorch, and thawed later; that all are is a mistake.
    if (this.paramGroups.some((group) => group.params.some((parameter) => parameter.requiresGrad))) return;
    throw new AutogradError(
      `${this.constructor.name}: none of the parameters requires gradients. Call requiresGrad_() on those to optimize`,
    );
  }

  /** Changes the group's parameters (those with a gradient) in place. Gradients are not recorded meanwhile. */
  protected abstract update(group: ParamGroup<Options>): void;

  /** @throws {ArgumentError} for settings outside of their range. */
  protected checkGroup(_group: ParamGroup<Options>): void {}

  /** A parameter's state before its first update. Tensors in it are not shared with other parameters. */
  protected freshState(_parameter: Tensor, _group: ParamGroup<Options>): State {
    return {} as State;
  }

  /** Whether a state tensor of that name may be loaded for the parameter: by default, of the same shape. */
  protected fitsState(_name: string, value: Tensor, parameter: Tensor): boolean {
    return sameShape(value.shape, parameter.shape);
  }

  /** The parameter's state; the first time, a fresh one. */
  protected stateOf(parameter: Tensor, group: ParamGroup<Options>): State {
    let state = this.state.get(parameter);
    if (state === undefined) {
      state = this.freshState(parameter, group);
      this.state.set(parameter, state);
    }
    return state;
  }

  /**
   * Adds parameters with settings of their own; the others are the defaults.
   *
   * @throws {ArgumentError} for what is no leaf tensor of floats, or is in a group already; and for parameters with
   * names where others have none.
   */
  addParamGroup(group: GroupInput<Options>): void {
    const { name } = this.constructor;
    if (typeof group !== 'object' || group === null || !('params' in group)) {
      throw new ArgumentError(
        `${name}: a group needs params, got ${isTensor(group) ? 'a tensor' : describe(group)}`,
      );
    }
    checkOptions(name, group, [...Object.keys(this.defaults), 'params', 'initialLr']);
    const { params, names } = parametersOf(name, group.params, this.paramGroups);
    const whole = { ...this.defaults, ...given(group), params } as ParamGroup<Options>;
    if (names !== null) whole.paramNames = names;
    this.#check(whole);
    this.paramGroups.push(whole);
    // Initial values are computed once, not within each program until the first update.
    evaluate(params);
  }

  #check(group: ParamGroup<Options>): void {
    const isSwitch = ([, value]: [string, unknown]): boolean => typeof value === 'boolean';
    for (const [name] of Object.entries(this.defaults).filter(isSwitch)) {
      checkBooleans(this.constructor.name, { [name]: group[name as keyof Options] });
    }
    this.checkGroup(group);
  }

  /** Forgets all gradients. */
  zeroGrad(options: ZeroGradOptions = {}): void {
    checkOptions('zeroGrad', options, ['setToNone']);
    const forget = options.setToNone ?? true;
    for (const { params } of this.paramGroups) {
      for (const parameter of params) {
        // A new tensor: this gradient may be an expanded view, or be shared with another parameter.
        if (parameter.grad !== null) parameter.grad = forget ? null : zerosLike(parameter.grad);
      }
    }
  }

  /**
   * Updates the parameters by their gradients. A closure first computes the loss, which is returned, and gradients.
   *
   * @throws {ArgumentError} for an asynchronous closure.
   */
  step(): undefined;
  step<T>(closure: () => T): T;
  step<T>(closure?: () => T): T | undefined {
    this.#hooks.beforeStep(this);
    const loss = closure === undefined ? undefined : evaluated(closure);
    recordFunction(`${this.constructor.name}.step`, () => {
      noGrad(() => {
        for (const group of this.paramGroups) this.update(group);
      });
      this.computeUpdate();
    });
    this.#hooks.afterStep(this);
    return loss;
  }

  /** For steps of another kind: runs the hooks around `body`. */
  protected withStepHooks<T>(body: () => T): T {
    this.#hooks.beforeStep(this);
    const result = body();
    if (result instanceof Promise) {
      return result.then((value) => {
        this.#hooks.afterStep(this);
        return value;
      }) as T;
    }
    this.#hooks.afterStep(this);
    return result;
  }

  /** Computes what was recorded: forward, backward and update in one program for each device. */
  protected computeUpdate(): void {
    const nodesOf = new Map<string, Tensor['node'][]>();
    const add = ({ device, node }: Tensor): void => {
      const nodes = nodesOf.get(device);
      if (nodes === undefined) nodesOf.set(device, [node]);
      else nodes.push(node);
    };
    for (const { params } of this.paramGroups) {
      for (const parameter of params) {
        if (parameter.grad === null) continue;
        add(parameter.root);
        const state = this.state.get(parameter);
        for (const name in state) {
          const value = state[name];
          if (isTensor(value)) add(value);
        }
      }
    }
    for (const [device, nodes] of nodesOf) if (device !== '') runtimeOf(device).step(nodes);
  }

  /** Calls the hook at the start of each step, after those of all optimizers. */
  registerStepPreHook(hook: OptimizerHook<this>): RemovableHandle {
    return this.#hooks.add('stepPre', hook);
  }

  /** Calls the hook at the end of each step, before those of all optimizers. */
  registerStepPostHook(hook: OptimizerHook<this>): RemovableHandle {
    return this.#hooks.add('stepPost', hook);
  }

  /** Calls the hook before `stateDict` reads the state. */
  registerStateDictPreHook(hook: OptimizerHook<this>, options?: StateDictHookOptions): RemovableHandle {
    return this.#hooks.add('statePre', hook, options);
  }

  /** Calls the hook with the result of `stateDict`; it may return another one. */
  registerStateDictPostHook(hook: StateDictHook<this>, options?: StateDictHookOptions): RemovableHandle {
    return this.#hooks.add('statePost', hook, options);
  }

  /** Calls the hook with what `loadStateDict` was given; it may return another dict in its place. */
  registerLoadStateDictPreHook(
    hook: LoadStateDictPreHook<this>,
    options?: StateDictHookOptions,
  ): RemovableHandle {
    return this.#hooks.add('loadPre', hook, options);
  }

  /** Calls the hook after a state was loaded. */
  registerLoadStateDictPostHook(hook: OptimizerHook<this>, options?: StateDictHookOptions): RemovableHandle {
    return this.#hooks.add('loadPost', hook, options);
  }

  /** Settings and state. Parameters are named by their position; the tensors are the optimizer's own. */
  stateDict(): OptimizerStateDict {
    return this.#hooks.aroundState(this, () => readState(this.paramGroups, this.state));
  }

  /**
   * Restores settings and state, of which it keeps copies. Nothing is changed when they do not fit.
   *
   * @throws {DataError} that names all that does not fit: groups, settings, names or shapes of the state.
   */
  loadStateDict(dict: OptimizerStateDict): void {
    this.#hooks.aroundLoading(this, dict, (given) => this.#load(given));
  }

  #load(dict: OptimizerStateDict): void {
    const { groups, state } = noGrad(() =>
      fittedState(dict, {
        name: this.constructor.name,
        groups: this.paramGroups,
        settings: Object.keys(this.defaults),
        stateNames: (parameter, group) => Object.keys(this.freshState(parameter, group)),
        fits: (name, value, parameter) => this.fitsState(name, value, parameter),
      }),
    );
    for (const group of groups) this.#check(group);
    groups.forEach((group, i) => {
      Object.assign(this.paramGroups[i], group);
    });
    this.state.clear();
    for (const [parameter, values] of state) this.state.set(parameter, values as State);
  }

  toString(): string {
    const groups = this.paramGroups.map(({ params, paramNames: _, ...options }, i) => {
      const lines = Object.entries(options).map(([name, value]) => `    ${name}: ${String(value)}`);
      return `  Group ${i} of ${params.length} parameters\n${lines.join('\n')}`;
    });
    return `${this.constructor.name} (\n${groups.join('\n')}\n)`;
  }
}

/** The closure's loss, with gradients recorded. */
export function evaluated<T>(closure: () => T): T {
  const loss = enableGrad(closure);
  if (!(loss instanceof Promise)) return loss;
  throw new ArgumentError(
    'step: the closure is asynchronous, so the gradients are not there yet. Return the loss itself; read it after the step',
  );
}

function evaluate(params: readonly Tensor[]): void {
  for (const device of new Set(params.map((parameter) => parameter.device))) {
    if (device === '') continue;
    const nodes = params.filter((parameter) => parameter.device === device).map(({ root }) => root.node);
    runtimeOf(device).evaluate(nodes, 'value');
  }
}
