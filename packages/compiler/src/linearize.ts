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
  /** Whoever takes a list may keep it. */
  inputs: Node[] = [];
  params: Node[] = [];
  updates: GraphUpdate[] = [];
  // Both are kept from walk to walk: growing anew costs more than a short walk, as does setting an array's length.
  readonly #stack: (Node | null)[] = [];
  readonly #order: (Node | null)[] = [];
  #count = 0;
  #numbers = new Float64Array(1024);
  #length = 0;

  /** How many nodes there are. */
  get count(): number {
    return this.#count;
  }

  /** All nodes, inputs first. */
  order(): Node[] {
    return this.#order.slice(0, this.#count) as Node[];
  }

  /** A copy of the structure. */
  key(): Float64Array {
    return this.#numbers.slice(0, this.#length);
  }

  /** Whether the structure is that of a key. */
  hasKey(key: Float64Array): boolean {
    const length = this.#length;
    if (key.length !== length) return false;
    const numbers = this.#numbers;
    for (let i = 0; i < length; i++) if (numbers[i] !== key[i]) return false;
    return true;
  }

  /** Equal for equal structures. */
  hash(): number {
    const length = this.#length;
    const numbers = this.#numbers;
    let hash = length;
    for (let i = 0; i < length; i++) hash = Math.imul(hash ^ numbers[i], 0x9e3779b1) ^ (hash >>> 15);
    return hash;
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
    const order = this.#order;
    const stack = this.#stack;
    // A position counts if the list has the node there: no map, and nothing to reset.
    const isListed = (node: Node): boolean => order[node.position] === node;
    for (let root = 0; root < roots.length; root++) {
      let depth = 0;
      stack[depth++] = roots[root];
      while (depth > 0) {
        const node = stack[depth - 1]!;
        if (isListed(node)) {
          stack[--depth] = null;
          continue;
        }
        if (isLeaf(node)) {
          stack[--depth] = null;
          this.#list(node);
          this.#addLeaf(node);
          continue;
        }
        const { inputs } = node;
        const waiting = depth;
        for (let i = inputs.length - 1; i >= 0; i--) if (!isListed(inputs[i])) stack[depth++] = inputs[i];
        if (depth > waiting) continue;
        stack[--depth] = null;
        this.#list(node);
        this.#add(node.signature);
        this.#add(inputs.length);
        for (let i = 0; i < inputs.length; i++) this.#add(inputs[i].position);
      }
    }
    this.#add(rootsMark);
    for (let root = 0; root < roots.length; root++) this.#add(roots[root].position);
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

  #list(node: Node): void {
    node.position = this.#count;
    this.#order[this.#count++] = node;
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
    for (let i = 0; i < this.#count; i++) this.#order[i] = null;
    this.#count = 0;
    this.inputs = [];
    this.params = [];
    this.updates = [];
    this.#length = 0;
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
