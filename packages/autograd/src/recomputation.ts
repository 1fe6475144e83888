// What a checkpoint saves for backward: no values, but how to compute them again. Values are nodes of an immutable
// graph, random numbers among them, so that computing again needs no second call of the user's function: backward
// gets copies of the nodes, with barriers before them.
import { definitionOf, isHeld, type Node } from '@nn/core';
import { fromNode, record, Storage, scalarTensor, Tensor } from '@nn/tensor';

let current: Recomputation | null = null;
/** Those that the present walk made copies for. */
const inUse = new Set<Recomputation>();

/** The nodes made while a checkpointed function ran. */
export class Recomputation {
  readonly #outer: Recomputation | null = current;
  /** Nodes are numbered as they are recorded: those up to this one were there before. */
  readonly #start: Node = scalarTensor(false, 'bool').node;
  /** Tensors, whose nodes are right also when a compiled function ends meanwhile. */
  readonly #again = new Map<Node, Tensor>();
  /** The first gradient that came in: nothing is computed again before it. */
  #gate: Tensor | null = null;

  /** The one that what is recorded now belongs to. */
  static get current(): Recomputation | null {
    return current;
  }

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
    const again = this.#computedAgain(node, gradient);
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

  #computedAgain(node: Node, gradient: Tensor): Node {
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
        const outside = top.device === '' ? top : this.#barrier(this.#fromOutside(top, gradient));
        again.set(top, fromNode(outside));
        continue;
      }
      const waiting = stack.length;
      for (const input of top.inputs) if (!again.has(input)) stack.push(input);
      if (stack.length > waiting) continue;
      stack.pop();
      again.set(top, fromNode(this.#copy(top)));
    }
    return this.#known(node);
  }

  #known(node: Node): Node {
    return (this.#again.get(node) as Tensor).node;
  }

  /** A compiled function has nodes of its own for what it records; others, and those for data, are from outside. */
  #wasThere(node: Node): boolean {
    if (node.id <= this.#start.id || node.op === 'data') return true;
    return this.#start.state?.traced === true && node.state?.traced !== true;
  }

  /** What was there before is kept, unless a checkpoint around this one computes that again, too. */
  #fromOutside(node: Node, gradient: Tensor): Node {
    if (this.#outer === null || isHeld(node) || node.device === '') return node;
    return this.#outer.#computedAgain(node, gradient);
  }

  #copy(node: Node): Node {
    // Random numbers depend on nothing but numbers; unless they wait too, their mask is what would be kept.
    const waits = definitionOf(node.op).kind === 'generator';
    const inputs = node.inputs.map((input) => {
      const again = this.#known(input);
      return waits ? this.#barrier(again) : again;
    });
    if (inputs.every((input, i) => input === node.inputs[i])) return node;
    return record(node.op, inputs, node.attributes, node.device);
  }

  #barrier(node: Node): Node {
    return record('barrier', [node, (this.#gate as Tensor).node], {});
  }
}

/** Called when a walk backwards is over. */
export function endRecomputation(): void {
  for (const recomputation of inUse) recomputation.forget();
  inUse.clear();
}
