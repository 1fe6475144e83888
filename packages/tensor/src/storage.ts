// What views share: the current value of their memory, and how often it was written.
import type { Node } from '@nn/core';
import { runtimeOf } from './runtime.ts';

/** The memory of a tensor and of its views. Its value is an immutable node; a write replaces the node. */
export class Storage {
  #node: Node;
  /** Grows by one with each write. */
  version = 0;

  constructor(node: Node) {
    this.#node = node;
  }

  get node(): Node {
    return this.#node;
  }

  /** Replaces the value. Graphs recorded before keep the old one. */
  write(node: Node): void {
    const former = this.#node;
    this.#node = node;
    this.version++;
    if (former.device !== '') runtimeOf(former.device).overwritten(this, former);
  }

  /** Moves the value elsewhere without counting as a write (`module.to(device)`). */
  replace(node: Node): void {
    this.#node = node;
  }
}
