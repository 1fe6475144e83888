// Functions that are called around steps and state dicts: of one optimizer, or of all.
import { ArgumentError, checkOptions, describe, type RemovableHandle } from '@nn/tensor';
import type { OptimizerStateDict } from './state-dict.ts';

export type OptimizerHook<O> = (optimizer: O) => void;
/** What it returns, if anything, takes the dict's place. */
// biome-ignore lint/suspicious/noConfusingVoidType: a hook may return nothing
export type StateDictHook<O> = (optimizer: O, stateDict: OptimizerStateDict) => OptimizerStateDict | void;
export type LoadStateDictPreHook<O> = StateDictHook<O>;

export interface StateDictHookOptions {
  /** Whether to call it before the hooks that are there already. Default false. */
  readonly prepend?: boolean;
}

interface Kinds<O> {
  stepPre: OptimizerHook<O>;
  stepPost: OptimizerHook<O>;
  statePre: OptimizerHook<O>;
  statePost: StateDictHook<O>;
  loadPre: LoadStateDictPreHook<O>;
  loadPost: OptimizerHook<O>;
}

function add<H>(hooks: Set<H>, hook: H, prepend: boolean): RemovableHandle {
  if (typeof hook !== 'function') {
    throw new ArgumentError(`register…Hook: expected a function of the optimizer, got ${describe(hook)}`);
  }
  const former = prepend ? [...hooks] : [];
  for (const each of former) hooks.delete(each);
  hooks.add(hook);
  for (const each of former) hooks.add(each);
  return { remove: () => void hooks.delete(hook) };
}

/** The hooks of one optimizer. */
export class OptimizerHooks<O> {
  readonly #hooks: { readonly [K in keyof Kinds<O>]: Set<Kinds<O>[K]> } = {
    stepPre: new Set(),
    stepPost: new Set(),
    statePre: new Set(),
    statePost: new Set(),
    loadPre: new Set(),
    loadPost: new Set(),
  };

  add<K extends keyof Kinds<O>>(
    kind: K,
    hook: Kinds<O>[K],
    options: StateDictHookOptions = {},
  ): RemovableHandle {
    checkOptions('register…Hook', options, ['prepend']);
    return add(this.#hooks[kind] as Set<Kinds<O>[K]>, hook, options.prepend ?? false);
  }

  beforeStep(optimizer: O): void {
    for (const hook of globalPreHooks) hook(optimizer as object);
    for (const hook of this.#hooks.stepPre) hook(optimizer);
  }

  afterStep(optimizer: O): void {
    for (const hook of this.#hooks.stepPost) hook(optimizer);
    for (const hook of globalPostHooks) hook(optimizer as object);
  }

  aroundState(optimizer: O, read: () => OptimizerStateDict): OptimizerStateDict {
    for (const hook of this.#hooks.statePre) hook(optimizer);
    let dict = read();
    for (const hook of this.#hooks.statePost) dict = hook(optimizer, dict) ?? dict;
    return dict;
  }

  aroundLoading(optimizer: O, given: OptimizerStateDict, load: (dict: OptimizerStateDict) => void): void {
    let dict = given;
    for (const hook of this.#hooks.loadPre) dict = hook(optimizer, dict) ?? dict;
    load(dict);
    for (const hook of this.#hooks.loadPost) hook(optimizer);
  }
}

const globalPreHooks = new Set<OptimizerHook<object>>();
const globalPostHooks = new Set<OptimizerHook<object>>();

/**
 * Calls the hook at the start of each step of any optimizer, as
 * `torch.optim.optimizer.register_optimizer_step_pre_hook`.
 *
 * @example
 * ```ts
 * import { registerOptimizerStepPreHook, SGD } from '@nn/optim';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * let steps = 0;
 * const counting = registerOptimizerStepPreHook(() => void steps++);
 * new SGD([tensor([1], { dtype: 'float32', requiresGrad: true })]).step();
 * counting.remove();
 * console.log(steps); // => 1
 * ```
 */
export function registerOptimizerStepPreHook(hook: OptimizerHook<object>): RemovableHandle {
  return add(globalPreHooks, hook, false);
}

/**
 * Calls the hook at the end of each step of any optimizer.
 *
 * @example
 * ```ts
 * import { registerOptimizerStepPostHook, SGD } from '@nn/optim';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const stepped: string[] = [];
 * const noting = registerOptimizerStepPostHook((optimizer) => void stepped.push(optimizer.constructor.name));
 * new SGD([tensor([1], { dtype: 'float32', requiresGrad: true })]).step();
 * noting.remove();
 * console.log(stepped); // => [ 'SGD' ]
 * ```
 */
export function registerOptimizerStepPostHook(hook: OptimizerHook<object>): RemovableHandle {
  return add(globalPostHooks, hook, false);
}
