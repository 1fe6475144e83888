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
import { ModuleBase } from './module-base.ts';

export type ForwardPreHook<Inputs extends unknown[]> = (
  module: ModuleBase,
  inputs: Readonly<Inputs>,
) => Inputs | undefined;

export type ForwardHook<Inputs extends unknown[], Output> = (
  module: ModuleBase,
  inputs: Readonly<Inputs>,
  output: Output,
) => Output | undefined;

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
  readonly #preHooks = new Set<ForwardPreHook<Inputs>>();
  readonly #hooks = new Set<ForwardHook<Inputs, Output>>();

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
    for (const hook of this.#preHooks) inputs = hook(this, inputs) ?? inputs;
    depth++;
    let output: Output;
    try {
      output = isProfiling()
        ? recordFunction(this.constructor.name, () => this.forward(...inputs))
        : this.forward(...inputs);
    } finally {
      depth--;
    }
    for (const hook of this.#hooks) output = hook(this, inputs, output) ?? output;
    if (depth === 0 || this.#hooks.size > 0) keep(output);
    return output;
  }

  /** Called before `forward`; a returned list replaces the inputs. */
  registerForwardPreHook(hook: ForwardPreHook<Inputs>): RemovableHandle {
    return added(this.#preHooks, hook);
  }

  /** Called after `forward`; what is returned replaces the output. */
  registerForwardHook(hook: ForwardHook<Inputs, Output>): RemovableHandle {
    return added(this.#hooks, hook);
  }
}

function added<T>(hooks: Set<T>, hook: T): RemovableHandle {
  hooks.add(hook);
  return { remove: () => void hooks.delete(hook) };
}

/** Keeps what a user is likely to read, when the next step computes it. */
function keep(output: unknown): void {
  if (!isTensor(output) || output.device === '' || !output.requiresGrad || !isGradEnabled()) return;
  runtimeOf(output.device).keepLater(output.node, 'output');
}
