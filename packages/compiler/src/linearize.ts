// Turns the graph behind some roots into a list of integers that says all of its structure, in one walk without
// recursion: the key under which its program is found again.
import { type DType, dtypes, type Node, sizeOf } from '@nn/core';
import type { GraphUpdate } from './compile.ts';
import { isLeaf, isParam } from './graph.ts';

const dtypeNumbers: ReadonlyMap<DType, number> = new Map(dtypes.map((dtype, i) => [dtype, i]));

// Signatures are positive.
const bufferMark = -1;
const paramMark = -2;
const rootsMark = -3;
const updatesMark = -4;

/** A walk's result; valid until `release`, which lets go of the nodes. */
export class Linearizer {
  /** All nodes, inputs first. */
  readonly order: Node[] = [];
  readonly inputs: Node[] = [];
  readonly params: Node[] = [];
  readonly updates: GraphUpdate[] = [];
  readonly #stack: Node[] = [];
  // Kept from walk to walk: an array of numbers would grow anew each time.
  #numbers = new Float64Array(1024);
  #length = 0;

  /** The structure. */
  get key(): Float64Array {
    return this.#numbers.subarray(0, this.#length);
  }

  #add(number: number): void {
    if (this.#length === this.#numbers.length) {
      const longer = new Float64Array(2 * this.#length);
      longer.set(this.#numbers);
      this.#numbers = longer;
    }
    this.#numbers[this.#length++] = number;
  }

  walk(roots: readonly Node[]): void {
    const { order } = this;
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
        this.#add(node.signature);
        this.#add(inputs.length);
        for (let i = 0; i < inputs.length; i++) this.#add(inputs[i].position);
      }
    }
    this.#add(rootsMark);
    for (const root of roots) this.#add(root.position);
  }

  /**
   * Adds the updates that a program may do, by the order of the roots: of held nodes that it reads, whose memory no
   * other input shares, each for the first root that asks.
   *
   * @param kept Nodes whose values must stay.
   */
  addUpdates(roots: readonly Node[], updates: ReadonlyMap<Node, Node>, kept: ReadonlySet<Node> | null): void {
    const { inputs } = this;
    const shared = sharedMemory(inputs);
    const taken = new Uint8Array(inputs.length);
    for (let root = 0; root < roots.length; root++) {
      const { dtype, shape } = roots[root];
      const held = updates.get(roots[root]);
      const input = held === undefined ? -1 : this.#inputNumber(held);
      if (held === undefined || input < 0 || taken[input] !== 0) continue;
      if (held.dtype !== dtype || sizeOf(held.shape) !== sizeOf(shape)) continue;
      if (kept?.has(held) || shared?.has(memoryOf(held))) continue;
      taken[input] = 1;
      if (this.updates.push({ root, input }) === 1) this.#add(updatesMark);
      this.#add(root);
      this.#add(input);
    }
  }

  /** Inputs lie in the order of their positions. */
  #inputNumber(node: Node): number {
    const { inputs } = this;
    let low = 0;
    let high = inputs.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (inputs[middle].position < node.position) low = middle + 1;
      else high = middle;
    }
    return inputs[low] === node ? low : -1;
  }

  #addLeaf(node: Node): void {
    const dtype = dtypeNumbers.get(node.dtype) as number;
    if (isParam(node)) {
      this.params.push(node);
      this.#add(paramMark);
      this.#add(dtype);
      return;
    }
    this.inputs.push(node);
    this.#add(bufferMark);
    this.#add(dtype);
    this.#add(node.shape.length);
    for (let i = 0; i < node.shape.length; i++) this.#add(node.shape[i]);
  }

  release(): void {
    this.order.length = 0;
    this.inputs.length = 0;
    this.params.length = 0;
    this.#length = 0;
    this.updates.length = 0;
    this.#stack.length = 0;
  }
}

/** What tells one device buffer from another, also before it is allocated. */
function memoryOf({ state }: Node): object | null {
  return state?.buffer ?? state;
}

/** The memory that several inputs share; null when none do. */
function sharedMemory(inputs: readonly Node[]): Set<object | null> | null {
  const seen = new Set<object | null>();
  for (const input of inputs) seen.add(memoryOf(input));
  if (seen.size === inputs.length) return null;
  const shared = new Set<object | null>();
  seen.clear();
  for (const input of inputs) (seen.has(memoryOf(input)) ? shared : seen).add(memoryOf(input));
  return shared;
}

export function hashOf(key: Float64Array): number {
  let hash = key.length;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key[i], 0x9e3779b1) ^ (hash >>> 15);
  return hash;
}

export function sameKey(a: Float64Array, b: Float64Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
