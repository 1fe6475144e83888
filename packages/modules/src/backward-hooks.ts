// Hooks that see a module's gradients: its inputs and outputs go through functions that do nothing but tell.
import { customFunction, isGradEnabled } from '@nn/autograd';
import { ArgumentError, isTensor, type Tensor } from '@nn/tensor';
import type { Hooks } from './hooks.ts';
import type { ModuleBase } from './module-base.ts';

/** One for each argument (result); null for those that are no tensors or have no gradient. */
export type Gradients = readonly (Tensor | null)[];

/** Called when the gradients of a module's inputs are known; may return others in their place. */
export type BackwardHook = (
  module: ModuleBase,
  gradInput: Gradients,
  gradOutput: Gradients,
) => Gradients | Tensor | undefined;

/** Called when the gradients of a module's outputs are known; may return others in their place. */
export type BackwardPreHook = (module: ModuleBase, gradOutput: Gradients) => Gradients | Tensor | undefined;

interface BackwardHookLists {
  readonly before: readonly Hooks<BackwardPreHook>[];
  readonly after: readonly Hooks<BackwardHook>[];
}

/** Has `tell` see, and perhaps replace, the gradients of values that are tensors and require them. */
function observed(
  values: readonly unknown[],
  tell: (gradients: Gradients) => Gradients,
): readonly unknown[] | null {
  const positions = values.flatMap((value, i) => (isTensor(value) ? [i] : []));
  const tensors = positions.map((i) => values[i] as Tensor);
  if (!tensors.some(({ requiresGrad }) => requiresGrad)) return null;
  const passed = customFunction<Tensor[], Tensor[]>({
    name: 'ModuleHook',
    forward(context, ...given) {
      context.setMaterializeGrads(false);
      context.markNonDifferentiable(...given.filter(({ requiresGrad }) => !requiresGrad));
      return given;
    },
    backward(_, ...gradients: readonly (Tensor | null)[]) {
      const all = values.map((_, i) => gradients[positions.indexOf(i)] ?? null);
      const told = tell(all);
      return positions.map((i) => told[i] ?? null);
    },
  })(...tensors);
  return values.map((value, i) => passed[positions.indexOf(i)] ?? value);
}

/** What a hook returned, as a list for `given`. */
function replaced(given: Gradients, returned: Gradients | Tensor | undefined): Gradients {
  if (returned === undefined) return given;
  const list = isTensor(returned) ? [returned] : returned;
  if (!Array.isArray(list) || list.length !== given.length) {
    throw new ArgumentError(
      `a backward hook must return nothing or ${given.length} gradients, one for each of the ${given.length} it was given`,
    );
  }
  return list;
}

/** The backward hooks around one call of a module; null when they cannot be called. */
export class ObservedCall {
  readonly #module: ModuleBase;
  readonly #hooks: BackwardHookLists;
  #gradOutput: Gradients = [];
  #inputs: readonly unknown[] = [];
  #seesInputs = false;

  constructor(module: ModuleBase, hooks: BackwardHookLists) {
    this.#module = module;
    this.#hooks = hooks;
  }

  /** The inputs, so that their gradients are seen. */
  enter<Inputs extends readonly unknown[]>(inputs: Inputs): Inputs {
    this.#inputs = inputs;
    if (!isGradEnabled()) return inputs;
    const wrapped = observed(inputs, (gradients) => this.#runAfter(gradients));
    this.#seesInputs = wrapped !== null;
    return (wrapped ?? inputs) as Inputs;
  }

  /** The output, so that its gradients are seen. */
  leave<Output>(output: Output): Output {
    if (!isGradEnabled()) return output;
    const outputs: readonly unknown[] = Array.isArray(output) ? output : [output];
    const wrapped = observed(outputs, (gradients) => {
      this.#gradOutput = this.#runBefore(gradients);
      // Without a gradient to wait for, the hooks are called at once, as in PyTorch.
      if (!this.#seesInputs) this.#runAfter(this.#inputs.map(() => null));
      return this.#gradOutput;
    });
    if (wrapped === null) return output;
    return (Array.isArray(output) ? wrapped : wrapped[0]) as Output;
  }

  #runBefore(gradients: Gradients): Gradients {
    let current = gradients;
    for (const hooks of this.#hooks.before)
      for (const hook of hooks.list) current = replaced(current, hook(this.#module, current));
    return current;
  }

  #runAfter(gradients: Gradients): Gradients {
    let current = gradients;
    for (const hooks of this.#hooks.after)
      for (const hook of hooks.list)
        current = replaced(current, hook(this.#module, current, this.#gradOutput));
    return current;
  }
}
