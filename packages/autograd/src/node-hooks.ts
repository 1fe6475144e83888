// Hooks of recorded functions: what `registerHook` and `registerPrehook` of a tensor's `gradFn` add.
import type { NodeHook, NodePrehook, RemovableHandle, Tensor } from '@nn/tensor';

type Gradients = readonly (Tensor | null)[];

/** The hooks of one recorded function. */
export class NodeHooks {
  readonly #before = new Set<NodePrehook>();
  readonly #after = new Set<NodeHook>();

  addBefore(hook: NodePrehook): RemovableHandle {
    this.#before.add(hook);
    return { remove: () => void this.#before.delete(hook) };
  }

  addAfter(hook: NodeHook): RemovableHandle {
    this.#after.add(hook);
    return { remove: () => void this.#after.delete(hook) };
  }

  /** The outputs' gradients, as hooks change them. */
  before(gradients: Gradients): Gradients {
    let result = gradients;
    for (const hook of this.#before) result = hook(result) ?? result;
    return result;
  }

  /** The inputs' gradients, as hooks change them. */
  after(computed: Gradients, given: Gradients): Gradients {
    let result = computed;
    for (const hook of this.#after) result = hook(result, given) ?? result;
    return result;
  }
}
