// What a checkpoint saves for backward: no values, but how to compute them again. Values are nodes of an immutable
// graph, random numbers among them, so that computing again needs no second call of the user's function: backward
// gets copies of the nodes, with barriers before them.
import { definitionOf, isHeld, makeNode, type Node, scalarNode } from '@nn/core';
import { runtimeOf, Storage, Tensor } from '@nn/tensor';

let current: Recomputation | null = null;
/** Those that the present walk made copies for. */
const inUse = new Set<Recomputation>();

/** The nodes made while a checkpointed function ran. */
export class Recomputation {
  readonly #outer: Recomputation | null = current;
  /** Nodes are numbered as they are made: those up to this one were there before. */
  readonly #start: number = scalarNode(0, 'bool').id;
  readonly #again = new Map<Node, Node>();
  /** The first gradient that came in: nothing is computed again before it. */
  #gate: Node | null = null;

  /** Runs the function; what is recorded in it saves no values. */
  within<T>(body: () => T): T {
    current = this;
    try {
      return body();
    } finally {
      current = this.#outer;
    }
  }

  /** The saved tensor, to be computed again. */
  restore(tensor: Tensor, gradient: Tensor): Tensor {
    const { node } = tensor;
    // What is at hand anyway is no use to compute.
    if (node.device === '' || isHeld(node)) return tensor;
    const again = this.#computedAgain(node, gradient.node);
    if (again === node) return tensor;
    const restored = new Tensor(new Storage(again), tensor.shape, null);
    restored.gradient = tensor.gradient;
    return restored;
  }

  /** Lets go of the copies: another backward makes its own. */
  forget(): void {
    this.#again.clear();
    this.#gate = null;
  }

  #computedAgain(node: Node, gradient: Node): Node {
    inUse.add(this);
    this.#gate ??= gradient;
    if (this.#wasThere(node)) return this.#fromOutside(node, gradient);
    const again = this.#again;
    const stack = [node];
    while (stack.length > 0) {
      const top = stack[stack.length - 1];
      if (again.has(top)) {
        stack.pop();
        continue;
      }
      if (this.#wasThere(top) || isHeld(top)) {
        stack.pop();
        again.set(top, top.device === '' ? top : this.#barrier(this.#fromOutside(top, gradient)));
        continue;
      }
      const waiting = stack.length;
      for (const input of top.inputs) if (!again.has(input)) stack.push(input);
      if (stack.length > waiting) continue;
      stack.pop();
      again.set(top, this.#copy(top));
    }
    return again.get(node) as Node;
  }

  #wasThere(node: Node): boolean {
    return node.id <= this.#start;
  }

  /** What was there before is kept, unless a checkpoint around this one computes that again, too. */
  #fromOutside(node: Node, gradient: Node): Node {
    if (this.#outer === null || isHeld(node) || node.device === '') return node;
    return this.#outer.#computedAgain(node, gradient);
  }

  #copy(node: Node): Node {
    // Random numbers depend on nothing but numbers; unless they wait too, their mask is what would be kept.
    const waits = definitionOf(node.op).kind === 'generator';
    const inputs = node.inputs.map((input) => {
      const again = this.#again.get(input) as Node;
      return waits ? this.#barrier(again) : again;
    });
    if (inputs.every((input, i) => input === node.inputs[i])) return node;
    return recorded(makeNode(node.op, inputs, node.attributes, node.device));
  }

  #barrier(node: Node): Node {
    return recorded(makeNode('barrier', [node, this.#gate as Node], {}));
  }
}

function recorded(node: Node): Node {
  runtimeOf(node.device).record(node);
  return node;
}

/** Values that a derivative needs, as they were when it was recorded: later writes to their storages do not show. */
export class SavedTensors {
  readonly #tensors: readonly Tensor[];
  readonly #recomputation: Recomputation | null = current;

  constructor(tensors: readonly Tensor[]) {
    this.#tensors = tensors.map((tensor) => {
      const saved = new Tensor(new Storage(tensor.node), tensor.shape, null);
      saved.gradient = tensor.gradient;
      return saved;
    });
  }

  /** The tensors; those of a checkpoint will be computed again, once the gradient (null: none yet) is there. */
  restored(gradient: Tensor | null): readonly Tensor[] {
    const recomputation = this.#recomputation;
    if (recomputation === null || gradient === null) return this.#tensors;
    return this.#tensors.map((tensor) => recomputation.restore(tensor, gradient));
  }

  /** Has a tensor take part in differentiation. */
  link(position: number, state: Tensor['gradient']): void {
    this.#tensors[position].gradient = state;
  }
}

/** Called when a walk backwards is over. */
export function endRecomputation(): void {
  for (const recomputation of inUse) recomputation.forget();
  inUse.clear();
}
