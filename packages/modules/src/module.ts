// Modules that are called: what a call does, and hooks around it.
import { isGradEnabled } from '@nn/autograd';
import {
  ArgumentError,
  isProfiling,
  isTensor,
  type RemovableHandle,
  recordFunction,
  runtimeOf,
  type Tensor,
} from '@nn/tensor';
import { type BackwardHook, type BackwardPreHook, ObservedCall } from './backward-hooks.ts';
import {
  globalBackwardHooks,
  globalBackwardPreHooks,
  globalForwardHooks,
  globalForwardPreHooks,
} from './global-hooks.ts';
import { type HookOptions, Hooks } from './hooks.ts';
import { ModuleBase } from './module-base.ts';

/** Called with a module and all arguments of its call, an options object among them. */
export type ForwardPreHook<Inputs extends unknown[]> = (
  module: ModuleBase,
  inputs: Readonly<Inputs>,
) => Inputs | undefined;

/** Called with a module, all arguments of its call and what `forward` gave. */
export type ForwardHook<Inputs extends unknown[], Output> = (
  module: ModuleBase,
  inputs: Readonly<Inputs>,
  output: Output,
) => Output | undefined;

/** A module whatever it takes and gives, that can be called. */
export type AnyModule = ModuleBase & ((...inputs: never) => unknown);

/** How many modules' `forward` is running now. */
let depth = 0;

export interface Module<Inputs extends unknown[] = [Tensor], Output = Tensor> {
  // biome-ignore lint/style/useShorthandFunctionType: a call signature for the class of the same name
  (...inputs: Inputs): Output;
}

/**
 * Base class of layers and models, as `torch.nn.Module`. Override `forward`, and call the module itself:
 * `model(x)` runs hooks and `forward`. Parameters and modules register by being assigned to fields.
 *
 * @example
 * ```ts
 * import { Linear, Module } from '@nn/modules';
 * import * as F from '@nn/functional';
 * import { interpreter, ones, type Tensor, use } from '@nn/tensor';
 * use(interpreter());
 * class Net extends Module<[Tensor], Tensor> {
 *   hidden = new Linear(4, 8);
 *   out = new Linear(8, 2);
 *   override forward(x: Tensor): Tensor {
 *     return this.out(F.relu(this.hidden(x)));
 *   }
 * }
 * const net = new Net();
 * console.log(net(ones([3, 4])).shape, Object.keys(net.stateDict()));
 * ```
 */
export abstract class Module<Inputs extends unknown[] = [Tensor], Output = Tensor> extends ModuleBase {
  readonly #preHooks = new Hooks<ForwardPreHook<Inputs>>();
  readonly #hooks = new Hooks<ForwardHook<Inputs, Output>>();
  readonly #backwardPreHooks = new Hooks<BackwardPreHook>();
  readonly #backwardHooks = new Hooks<BackwardHook>();

  abstract forward(...inputs: Inputs): Output;

  protected override invoke(given: readonly unknown[]): Output {
    let inputs = given as Inputs;
    if (typeof this.forward !== 'function') {
      const { name } = this.constructor;
      throw new ArgumentError(
        `${name}: the class has no method forward. Define forward(x) { … } in ${name}, and call the module itself`,
      );
    }
    if (depth === 0) this.settle();
    for (const hook of globalForwardPreHooks.list)
      inputs = (hook(this, inputs) as Inputs | undefined) ?? inputs;
    for (const hook of this.#preHooks.list) inputs = hook(this, inputs) ?? inputs;
    const call = this.#observed();
    if (call !== null) inputs = call.enter(inputs);
    depth++;
    let output: Output;
    try {
      output = isProfiling()
        ? recordFunction(this.constructor.name, () => this.forward(...inputs))
        : this.forward(...inputs);
    } finally {
      depth--;
    }
    for (const hook of globalForwardHooks.list)
      output = (hook(this, inputs, output) as Output | undefined) ?? output;
    for (const hook of this.#hooks.list) output = hook(this, inputs, output) ?? output;
    if (call !== null) output = call.leave(output);
    if (depth === 0 || !this.#hooks.isEmpty) keep(output);
    return output;
  }

  /** Null when nobody wants to see gradients. */
  #observed(): ObservedCall | null {
    const own = this.#backwardHooks.isEmpty && this.#backwardPreHooks.isEmpty;
    if (own && globalBackwardHooks.isEmpty && globalBackwardPreHooks.isEmpty) return null;
    const before = [globalBackwardPreHooks, this.#backwardPreHooks];
    return new ObservedCall(this, { before, after: [globalBackwardHooks, this.#backwardHooks] });
  }

  /** Called before `forward`; a returned list replaces the inputs. */
  registerForwardPreHook(hook: ForwardPreHook<Inputs>, options?: HookOptions): RemovableHandle {
    return this.#preHooks.add('registerForwardPreHook', hook, options);
  }

  /** Called after `forward`; what is returned replaces the output. */
  registerForwardHook(hook: ForwardHook<Inputs, Output>, options?: HookOptions): RemovableHandle {
    return this.#hooks.add('registerForwardHook', hook, options);
  }

  /**
   * Called in each backward when the gradients of the outputs are known, before the module's own backward. What is
   * returned replaces them.
   */
  registerFullBackwardPreHook(hook: BackwardPreHook, options?: HookOptions): RemovableHandle {
    return this.#backwardPreHooks.add('registerFullBackwardPreHook', hook, options);
  }

  /**
   * Called in each backward with the gradients of the inputs and of the outputs: tensors that are arguments
   * themselves, or the result or elements of the array that `forward` returns. What is returned replaces the inputs'.
   * Where no input requires gradients it is called as soon as those of the outputs are known, with nulls.
   *
   * @example
   * ```ts
   * import { Linear } from '@nn/modules';
   * import { interpreter, ones, use } from '@nn/tensor';
   * use(interpreter());
   * const layer = new Linear(2, 3);
   * layer.registerFullBackwardHook((_, [gradInput], [gradOutput]) => {
   *   console.log(gradInput?.shape, gradOutput?.shape);
   *   return undefined;
   * });
   * layer(ones([4, 2], { requiresGrad: true })).sum().backward(); // prints [4, 2] [4, 3]
   * ```
   */
  registerFullBackwardHook(hook: BackwardHook, options?: HookOptions): RemovableHandle {
    return this.#backwardHooks.add('registerFullBackwardHook', hook, options);
  }

  /**
   * An empty module of the same class, which `deepcopy` gives the fields of this one. Override it in classes with
   * `#private` members, which no one else can make: `return new MyLayer(this.size) as this`.
   */
  blank(): this {
    return Reflect.construct(Module, [], this.constructor) as this;
  }

  /** @internal */
  override copyRegistrations(source: this): void {
    super.copyRegistrations(source);
    this.#preHooks.addAll(source.#preHooks);
    this.#hooks.addAll(source.#hooks);
    this.#backwardPreHooks.addAll(source.#backwardPreHooks);
    this.#backwardHooks.addAll(source.#backwardHooks);
  }
}

/** Keeps what a user is likely to read, or to go on from, when the next step computes it. */
function keep(output: unknown): void {
  if (Array.isArray(output)) for (const each of output) keep(each);
  if (!isTensor(output) || output.device === '' || !output.requiresGrad || !isGradEnabled()) return;
  runtimeOf(output.device).keepLater(output.node, 'output');
}
