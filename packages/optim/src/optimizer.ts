// What all optimizers share: parameters in groups with their own settings, state for each parameter, and a step
// that runs everything recorded since the last one, and the update itself, as one program.
import { enableGrad, noGrad } from '@nn/autograd';
import { ArgumentError, checkOptions, DataError } from '@nn/core';
import { describe, isTensor, type RemovableHandle, runtimeOf, type Tensor } from '@nn/tensor';

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

/** Parameters, or groups of them with settings of their own. */
export type ParamsInput<Options extends object> =
  | Iterable<Tensor>
  | Iterable<Partial<Options> & { readonly params: Tensor | Iterable<Tensor> }>;

/** An optimizer's memory of a parameter: numbers and tensors by name. */
export type ParamState = { [name: string]: number | Tensor };

export interface OptimizerStateDict {
  /** By the parameter's position over all groups. */
  readonly state: { readonly [index: number]: ParamState };
  readonly paramGroups: readonly { readonly params: readonly number[]; readonly [option: string]: unknown }[];
}

export type StepHook<Options extends object> = (optimizer: Optimizer<Options>) => void;

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
export abstract class Optimizer<Options extends object = LearningRate> {
  readonly defaults: Options;
  readonly paramGroups: ParamGroup<Options>[] = [];
  readonly state: Map<Tensor, ParamState> = new Map();
  readonly #preHooks = new Set<StepHook<Options>>();
  readonly #postHooks = new Set<StepHook<Options>>();

  constructor(params: ParamsInput<Options>, defaults: Options) {
    this.defaults = defaults;
    const given = isTensor(params) ? [] : [...(params as Iterable<unknown>)];
    if (given.length === 0) {
      throw new ArgumentError(
        `${this.constructor.name}: expected a list of parameters or of groups, got ${isTensor(params) ? 'a tensor. Use [x]' : 'none'}`,
      );
    }
    const groups = given.every(isTensor) ? [{ params: given }] : given;
    for (const group of groups) this.addParamGroup(group as Partial<Options> & { params: Tensor[] });
  }

  /** Changes the group's parameters (those with a gradient) in place. Gradients are not recorded meanwhile. */
  protected abstract update(group: ParamGroup<Options>): void;

  /**
   * Adds parameters with settings of their own; the others are the defaults.
   *
   * @throws {ArgumentError} for what is no parameter, or is in another group already.
   */
  addParamGroup(group: Partial<Options> & { readonly params: Tensor | Iterable<Tensor> }): void {
    const name = this.constructor.name;
    if (typeof group !== 'object' || group === null || !('params' in group)) {
      throw new ArgumentError(`${name}: a group needs params, got ${describe(group)}`);
    }
    checkOptions(name, group, [...Object.keys(this.defaults), 'params', 'initialLr']);
    const params = isTensor(group.params) ? [group.params] : [...group.params];
    const known = new Set(this.paramGroups.flatMap((each) => each.params));
    for (const parameter of params) {
      if (!isTensor(parameter)) {
        throw new ArgumentError(`${name}: parameters must be tensors, got ${describe(parameter)}`);
      }
      if (!parameter.isLeaf) {
        throw new ArgumentError(
          `${name}: cannot optimize a tensor that was computed from others; use x.detach()`,
        );
      }
      if (known.has(parameter)) throw new ArgumentError(`${name}: a parameter appears twice`);
      known.add(parameter);
    }
    const complete = { ...this.defaults, ...group, params } as ParamGroup<Options>;
    this.checkGroup(complete);
    this.paramGroups.push(complete);
    // Initial values are computed once, not within each program until the first update.
    evaluate(params);
  }

  /** @throws {ArgumentError} for settings outside of their range. */
  protected checkGroup(_group: ParamGroup<Options>): void {}

  /** The parameter's state; the first time, what `create` gives. */
  protected stateOf<S extends ParamState>(parameter: Tensor, create: () => S): S {
    let state = this.state.get(parameter);
    if (state === undefined) {
      state = create();
      this.state.set(parameter, state);
    }
    return state as S;
  }

  /** Forgets all gradients. */
  zeroGrad(): void {
    for (const { params } of this.paramGroups) for (const parameter of params) parameter.grad = null;
  }

  /** Updates the parameters by their gradients. A closure computes the loss and its gradients first. */
  step(): undefined;
  step(closure: () => Tensor): Tensor;
  step(closure?: () => Tensor): Tensor | undefined {
    for (const hook of this.#preHooks) hook(this);
    const loss = closure === undefined ? undefined : enableGrad(closure);
    noGrad(() => {
      for (const group of this.paramGroups) this.update(group);
    });
    this.#run();
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
        for (const value of Object.values(this.state.get(parameter) ?? {})) if (isTensor(value)) add(value);
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

  /** Settings and state. Parameters are named by their position. */
  stateDict(): OptimizerStateDict {
    const all = this.paramGroups.flatMap(({ params }) => params);
    const positions = new Map(all.map((parameter, i) => [parameter, i]));
    const state: { [index: number]: ParamState } = {};
    for (const [parameter, values] of this.state) state[positions.get(parameter)!] = { ...values };
    const paramGroups = this.paramGroups.map(({ params, ...options }) => ({
      ...options,
      params: params.map((parameter) => positions.get(parameter)!),
    }));
    return { state, paramGroups };
  }

  /**
   * Restores settings and state. Nothing is changed when they do not fit.
   *
   * @throws {DataError} when the groups differ in number or size.
   */
  loadStateDict({ state, paramGroups }: OptimizerStateDict): void {
    const sizes = (groups: readonly { readonly params: readonly unknown[] }[]): string =>
      groups.map(({ params }) => params.length).join(', ');
    if (sizes(paramGroups) !== sizes(this.paramGroups)) {
      throw new DataError(
        `loadStateDict: the state has groups of ${sizes(paramGroups)} parameters, this ${this.constructor.name} of ${sizes(this.paramGroups)}`,
      );
    }
    const parameterAt = new Map<number, Tensor>();
    paramGroups.forEach(({ params, ...options }, i) => {
      const group = this.paramGroups[i];
      Object.assign(group, options);
      params.forEach((position, j) => {
        parameterAt.set(position, group.params[j]);
      });
    });
    this.state.clear();
    for (const [position, values] of Object.entries(state)) {
      const parameter = parameterAt.get(Number(position));
      if (parameter === undefined) continue;
      const own = Object.entries(values).map(([name, value]) => [
        name,
        isTensor(value) ? value.detach().to(parameter.device).to(parameter.dtype).clone() : value,
      ]);
      this.state.set(parameter, Object.fromEntries(own) as ParamState);
    }
  }

  toString(): string {
    const groups = this.paramGroups.map(({ params, ...options }, i) => {
      const lines = Object.entries(options).map(([name, value]) => `    ${name}: ${String(value)}`);
      return `  Group ${i} of ${params.length} parameters\n${lines.join('\n')}`;
    });
    return `${this.constructor.name} (\n${groups.join('\n')}\n)`;
  }
}

function evaluate(params: readonly Tensor[]): void {
  for (const device of new Set(params.map((parameter) => parameter.device))) {
    if (device === '') continue;
    const nodes = params.filter((parameter) => parameter.device === device).map(({ root }) => root.node);
    runtimeOf(device).evaluate(nodes, 'value');
  }
}
