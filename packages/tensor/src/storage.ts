// What views share: the current value of their memory, and how often it was written.
import type { DType, Node, Shape } from '@nn/core';
import { activeCall } from './active.ts';
import type { Call } from './call.ts';
import { runtimeOf } from './runtimes.ts';

let inference = false;

/** Sets whether tensors made from now on take no part in derivatives, ever; for `inferenceMode`. */
export function setInference(value: boolean): void {
  inference = value;
}

export function isInference(): boolean {
  return inference;
}

/** The memory of a tensor and of its views. Its value is an immutable node; a write replaces the node. */
export class Storage {
  #node: Node;
  /** The compiled function's call that knows what the node stands for; null for a node that is the value. */
  #call: Call | null;
  /** Grows by one with each write. */
  version = 0;
  /** Whether it was made in inference mode. */
  readonly inference: boolean = inference;

  constructor(node: Node) {
    this.#node = node;
    this.#call = activeCall;
  }

  get node(): Node {
    if (this.#call !== activeCall && this.#call !== null) this.settle(this.#call.resolve(this.#node));
    return this.#node;
  }

  /** Without looking up the value of a call that is over. */
  get dtype(): DType {
    return this.#node.dtype;
  }
  get device(): string {
    return this.#node.device;
  }
  get shape(): Shape {
    return this.#node.shape;
  }

  /** The value's node, or null where asking for it would count as using the value of a call that is over. */
  get knownNode(): Node | null {
    return this.#call === null ? this.#node : null;
  }

  /** Replaces the value. Graphs recorded before keep the old one. */
  write(node: Node): void {
    const former = this.node;
    this.#node = node;
    this.version++;
    if (activeCall !== null) {
      if (this.#call !== activeCall) activeCall.wrote(this, former);
      this.#call = activeCall;
    } else if (former.device !== '') runtimeOf(former.device).overwritten(this, former);
  }

  /** Moves the value elsewhere without counting as a write (`module.to(device)`). */
  replace(node: Node): void {
    this.#node = node;
    this.#call = activeCall;
  }

  /** The node that the storage got during a call; null if it got none. */
  nodeDuring(call: Call): Node | null {
    return this.#call === call ? this.#node : null;
  }

  /** Gives the storage the value of what it got during a call. */
  settle(node: Node): void {
    this.#node = node;
    this.#call = null;
  }
}
