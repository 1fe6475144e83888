// Turns the graph behind some roots into a list of integers that says all of its structure, in one walk without
// recursion: the key under which its program is found again.
import { type DType, dtypes, type Node } from '@nn/core';
import { isLeaf, isParam } from './graph.ts';

const dtypeNumbers: ReadonlyMap<DType, number> = new Map(dtypes.map((dtype, i) => [dtype, i]));

// Signatures are positive.
const bufferMark = -1;
const paramMark = -2;

/** A walk's result; valid until `release`, which lets go of the nodes. */
export class Linearizer {
  /** All nodes, inputs first. */
  readonly order: Node[] = [];
  readonly inputs: Node[] = [];
  readonly params: Node[] = [];
  /** The structure. */
  readonly key: number[] = [];
  readonly #stack: Node[] = [];

  walk(roots: readonly Node[]): void {
    const { order, key } = this;
    const stack = this.#stack;
    // A position counts if the list has the node there: no map, and nothing to reset.
    const isListed = (node: Node): boolean => order[node.position] === node;
    for (const root of roots) {
      stack.push(root);
      while (stack.length > 0) {
        const node = stack[stack.length - 1];
        if (isListed(node)) {
          stack.pop();
          continue;
        }
        if (isLeaf(node)) {
          stack.pop();
          node.position = order.push(node) - 1;
          this.#addLeaf(node);
          continue;
        }
        const { inputs } = node;
        const waiting = stack.length;
        for (let i = inputs.length - 1; i >= 0; i--) if (!isListed(inputs[i])) stack.push(inputs[i]);
        if (stack.length > waiting) continue;
        stack.pop();
        node.position = order.push(node) - 1;
        key.push(node.signature, inputs.length);
        for (let i = 0; i < inputs.length; i++) key.push(inputs[i].position);
      }
    }
    for (const root of roots) key.push(root.position);
  }

  #addLeaf(node: Node): void {
    const { key } = this;
    const dtype = dtypeNumbers.get(node.dtype) as number;
    if (isParam(node)) {
      this.params.push(node);
      key.push(paramMark, dtype);
      return;
    }
    this.inputs.push(node);
    key.push(bufferMark, dtype, node.shape.length);
    for (let i = 0; i < node.shape.length; i++) key.push(node.shape[i]);
  }

  release(): void {
    this.order.length = 0;
    this.inputs.length = 0;
    this.params.length = 0;
    this.key.length = 0;
    this.#stack.length = 0;
  }
}

export function hashOf(key: readonly number[]): number {
  let hash = key.length;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key[i], 0x9e3779b1) ^ (hash >>> 15);
  return hash;
}

export function sameKey(a: readonly number[], b: readonly number[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
