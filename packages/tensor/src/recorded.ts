// What is recorded and not known to be computed: how much that is, and when it is too much.
import { bytesPerElement, isHeld, type Node, sizeOf } from '@nn/core';
import { policy } from './memory-policy.ts';

/** How many more operations may be pending where derivatives are: cutting a training step in two costs much. */
const differentiatedShare = 8;

/** Recorded nodes that are not worth looking through. */
const leastSwept = 256;

function bytesOf({ shape, dtype }: Node): number {
  return sizeOf(shape) * bytesPerElement(dtype);
}

function isComputed(node: Node): boolean {
  return node.runs > 0 || isHeld(node);
}

/** Bytes of a held value, or of one that the node is a view of. */
function heldBytes(node: Node): number {
  if (isHeld(node)) return bytesOf(node);
  const { inputs } = node;
  return inputs.length === 1 && inputs[0].consumers === 1 && isHeld(inputs[0]) ? bytesOf(inputs[0]) : 0;
}

/** The pending graph of a device. */
export class Recorded {
  #nodes: Node[] = [];
  #hasDerivatives = false;
  /** Bytes of held values that recorded nodes are the first to use. */
  #bytes = 0;
  /** How many nodes there are when those that were computed are looked for. */
  #sweepAt = leastSwept;

  /** How many recorded operations are not known to be computed. */
  get count(): number {
    return this.#nodes.length;
  }

  /** Notes a node that was recorded. Tells whether so much is pending that it must be computed. */
  add(node: Node): boolean {
    const { inputs } = node;
    for (let i = 0; i < inputs.length; i++)
      if (inputs[i].consumers === 1) this.#bytes += heldBytes(inputs[i]);
    if (this.#nodes.push(node) >= this.#sweepAt) this.#forgetComputed();
    if (!this.#isTooMuch()) return false;
    this.#forgetComputed();
    return this.#isTooMuch();
  }

  /** Notes that a recorded operation has a derivative: what it saved for that will be needed again. */
  noteDerivative(): void {
    this.#hasDerivatives = true;
  }

  /** What is not computed, and nothing that was recorded uses. */
  *results(): Generator<Node> {
    for (const node of this.#nodes) if (node.consumers === 0 && !isHeld(node)) yield node;
  }

  clear(): void {
    if (this.#nodes.length > 0) this.#nodes = [];
    this.#hasDerivatives = false;
    this.#bytes = 0;
    this.#sweepAt = leastSwept;
  }

  #isTooMuch(): boolean {
    const most = this.#hasDerivatives ? differentiatedShare * policy.pendingNodes : policy.pendingNodes;
    return this.#nodes.length >= most || this.#bytes >= policy.pendingBytes;
  }

  /** What was computed meanwhile, for whoever read it, is not pending any more, and must not be kept alive. */
  #forgetComputed(): void {
    const kept = this.#nodes.filter((node) => !isComputed(node));
    this.#sweepAt = Math.max(leastSwept, 2 * kept.length);
    // In a step of training nothing was, most of the time.
    if (kept.length === this.#nodes.length && this.#bytes < policy.pendingBytes) return;
    this.#nodes = kept;
    const waiting = new Set<Node>();
    for (const { inputs } of this.#nodes) for (const input of inputs) waiting.add(input);
    this.#bytes = 0;
    for (const input of waiting) this.#bytes += heldBytes(input);
  }
}
