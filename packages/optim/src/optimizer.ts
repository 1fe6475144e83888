// What all optimizers share: parameters in groups with their own settings, state for each parameter, and a step
// that runs everything recorded since the last one, and the update itself, as one program.

import { enableGrad, noGrad } from '@nn/autograd';
import {
  ArgumentError,
  AutogradError,
  checkOptions,
  describe,
  isFloat,
  isTensor,
  type RemovableHandle,
  recordFunction,
  runtimeOf,
  sameShape,
  type Tensor,
  zerosLike,
} from '@nn/tensor';
import { given } from './checks.ts';
import { fittedState, type OptimizerStateDict, readState } from './state-dict.ts';

/** What learning-rate schedulers change. */
export interface LearningRate {
  lr: number;
}

/** Parameters that share settings. Settings may be changed between steps; nothing is compiled anew for that. */
export type ParamGroup<Options extends object> = Options & {
  params: Tensor[];
  /** The learning rate that schedulers start from. */
  initialLr?: number;
};

/** A group to be: what it leaves out are the optimizer's settings. */
export type GroupInput<Options extends object> = Partial<Options> & {
  readonly params: Tensor | Iterable<Tensor>;
};

/** Parameters, or groups of them with settings of their own. */
export type ParamsInput<Options extends object> = Iterable<Tensor> | Iterable<GroupInput<Options>>;

/** An optimizer's memory of a parameter: numbers and tensors by name. */
export type ParamState = { [name: string]: number | Tensor | undefined };

export type StepHook<Options extends object> = (optimizer: Optimizer<Options>) => void;

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
  readonly #preHooks = new Set<StepHook<Options>>();
  readonly #postHooks = new Set<StepHook<Options>>();

  /**
   * @throws {ArgumentError} for no parameters, or what `addParamGroup` refuses.
   * @throws {AutogradError} when none of the parameters requires gradients.
   */
  constructor(params: ParamsInput<Options>, defaults: Options) {
    this.defaults = defaults;
    const groups = listOf(this.constructor.name, params, 'parameters or groups');
    if (groups.length === 0)
      throw new ArgumentError(`${this.constructor.name}: the list of parameters is empty`);
    const plain = groups.every(isTensor) ? [{ params: groups }] : groups;
    for (const group of plain) this.addParamGroup(group as GroupInput<Options>);
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
   * @throws {ArgumentError} for what is no leaf tensor of floats, or is in a group already.
   */
  addParamGroup(group: GroupInput<Options>): void {
    const { name } = this.constructor;
    if (typeof group !== 'object' || group === null || !('params' in group)) {
      throw new ArgumentError(
        `${name}: a group needs params, got ${isTensor(group) ? 'a tensor' : describe(group)}`,
      );
    }
    checkOptions(name, group, [...Object.keys(this.defaults), 'params', 'initialLr']);
    const params = isTensor(group.params) ? [group.params] : listOf(name, group.params, 'parameters');
    const known = new Set(this.paramGroups.flatMap((each) => each.params));
    const checked = params.map((parameter, i) => {
      const valid = checkParameter(name, parameter, i);
      if (known.has(valid)) throw new ArgumentError(`${name}: parameter ${i} of the group appears twice`);
      known.add(valid);
      return valid;
    });
    const whole = { ...this.defaults, ...given(group), params: checked } as ParamGroup<Options>;
    this.checkGroup(whole);
    this.paramGroups.push(whole);
    // Initial values are computed once, not within each program until the first update.
    evaluate(checked);
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
    for (const hook of this.#preHooks) hook(this);
    const loss = closure === undefined ? undefined : enableGrad(closure);
    if (loss instanceof Promise) {
      throw new ArgumentError(
        'step: the closure is asynchronous, so the gradients are not there yet. Return the loss itself; read it after the step',
      );
    }
    recordFunction(`${this.constructor.name}.step`, () => {
      noGrad(() => {
        for (const group of this.paramGroups) this.update(group);
      });
      this.#run();
    });
    for (const hook of this.#postHooks) hook(this);
    return loss;
  }

  /** Computes what was recorded: forward, backward and update in one program for each device. */
  #run(): void {
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
          if (typeof value === 'object') add(value);
        }
      }
    }
    for (const [device, nodes] of nodesOf) if (device !== '') runtimeOf(device).step(nodes);
  }

  /** Called at the start of each step. */
  registerStepPreHook(hook: StepHook<Options>): RemovableHandle {
    this.#preHooks.add(hook);
    return { remove: () => void this.#preHooks.delete(hook) };
  }

  /** Called at the end of each step. */
  registerStepPostHook(hook: StepHook<Options>): RemovableHandle {
    this.#postHooks.add(hook);
    return { remove: () => void this.#postHooks.delete(hook) };
  }

  /** Settings and state. Parameters are named by their position; the tensors are the optimizer's own. */
  stateDict(): OptimizerStateDict {
    return readState(this.paramGroups, this.state);
  }

  /**
   * Restores settings and state, of which it keeps copies. Nothing is changed when they do not fit.
   *
   * @throws {DataError} that names all that does not fit: groups, settings, names or shapes of the state.
   */
  loadStateDict(dict: OptimizerStateDict): void {
    const { groups, state } = noGrad(() =>
      fittedState(dict, {
        name: this.constructor.name,
        groups: this.paramGroups,
        settings: Object.keys(this.defaults),
        stateNames: (parameter, group) => Object.keys(this.freshState(parameter, group)),
        fits: (name, value, parameter) => this.fitsState(name, value, parameter),
      }),
    );
    for (const group of groups) this.checkGroup(group);
    groups.forEach((group, i) => {
      Object.assign(this.paramGroups[i], group);
    });
    this.state.clear();
    for (const [parameter, values] of state) this.state.set(parameter, values as State);
  }

  toString(): string {
    const groups = this.paramGroups.map(({ params, ...options }, i) => {
      const lines = Object.entries(options).map(([name, value]) => `    ${name}: ${String(value)}`);
      return `  Group ${i} of ${params.length} parameters\n${lines.join('\n')}`;
    });
    return `${this.constructor.name} (\n${groups.join('\n')}\n)`;
  }
}

function listOf(name: string, value: unknown, what: string): unknown[] {
  if (isTensor(value)) throw new ArgumentError(`${name}: expected a list of ${what}, got a tensor. Use [x]`);
  if (typeof value === 'object' && value !== null && Symbol.iterator in value) {
    return [...(value as Iterable<unknown>)];
  }
  throw new ArgumentError(`${name}: expected a list of ${what}, got ${describe(value)}`);
}

function checkParameter(name: string, parameter: unknown, position: number): Tensor {
  if (!isTensor(parameter)) {
    throw new ArgumentError(`${name}: parameter ${position} must be a tensor, got ${describe(parameter)}`);
  }
  if (!parameter.isLeaf) {
    throw new ArgumentError(
      `${name}: parameter ${position} was computed from others (${parameter.gradFn?.name}). Optimize those, or x.detach()`,
    );
  }
  if (!isFloat(parameter.dtype)) {
    throw new ArgumentError(
      `${name}: parameter ${position} is ${parameter.dtype}; only float tensors have gradients`,
    );
  }
  return parameter;
}

function evaluate(params: readonly Tensor[]): void {
  for (const device of new Set(params.map((parameter) => parameter.device))) {
    if (device === '') continue;
    const nodes = params.filter((parameter) => parameter.device === device).map(({ root }) => root.node);
    runtimeOf(device).evaluate(nodes, 'value');
  }
}
