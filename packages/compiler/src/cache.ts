// Programs by the structure of their graphs: what a training loop compiles in its first step it finds in the next.
import type { Executable, Node, Program } from '@nn/core';
import { type CompileOptions, compileGraph } from './compile.ts';
import { buildGraph, distinctRoots } from './graph.ts';
import { hashOf, Linearizer, sameKey } from './linearize.ts';

/** A flush made ready: the program, and what to bind to it. */
export interface Prepared {
  readonly program: Program;
  /** In the order of the program's inputs. */
  readonly inputs: readonly Node[];
  /** In the order of the program's params. */
  readonly params: readonly (number | bigint)[];
  /** In the order of the program's outputs: the roots, without repeats and those at hand already. */
  readonly outputs: readonly Node[];
  /** Nodes that the flush computes. */
  readonly nodeCount: number;
  readonly cached: boolean;
  /** Belongs to the cached plan: where the engine keeps what its backend compiled. */
  readonly executableSlot: { executable?: Executable };
}

interface Plan {
  readonly key: readonly number[];
  readonly program: Program;
  readonly executableSlot: { executable?: Executable };
  lastUse: number;
}

const capacity = 512;

export class PlanCache {
  readonly #options: CompileOptions;
  readonly #plans = new Map<number, Plan[]>();
  readonly #linearizer = new Linearizer();
  #size = 0;
  #clock = 0;

  constructor(options: CompileOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#size;
  }

  clear(): void {
    this.#plans.clear();
    this.#size = 0;
  }

  /** The program that computes the roots, compiled unless a graph of the same structure was seen before. */
  prepare(roots: readonly Node[]): Prepared {
    const outputs = distinctRoots(roots);
    const linearizer = this.#linearizer;
    try {
      linearizer.walk(outputs);
      const { key, order } = linearizer;
      const inputs = linearizer.inputs.slice();
      const params = linearizer.params.map((node) => node.state?.value ?? 0);
      const nodeCount = order.length - inputs.length - params.length;
      const hash = hashOf(key);
      let plan = this.#plans.get(hash)?.find((candidate) => sameKey(candidate.key, key));
      const cached = plan !== undefined;
      if (plan === undefined) {
        const program = compileGraph(buildGraph(order, outputs), this.#options);
        plan = { key: key.slice(), program, executableSlot: {}, lastUse: 0 };
        this.#add(hash, plan);
      }
      plan.lastUse = ++this.#clock;
      const { program, executableSlot } = plan;
      return { program, inputs, params, outputs, nodeCount, cached, executableSlot };
    } finally {
      linearizer.release();
    }
  }

  #add(hash: number, plan: Plan): void {
    if (this.#size >= capacity) this.#dropOldest();
    const bucket = this.#plans.get(hash);
    if (bucket === undefined) this.#plans.set(hash, [plan]);
    else bucket.push(plan);
    this.#size++;
  }

  #dropOldest(): void {
    let oldest: Plan | undefined;
    let oldestHash = 0;
    for (const [hash, bucket] of this.#plans) {
      for (const plan of bucket) {
        if (oldest !== undefined && plan.lastUse >= oldest.lastUse) continue;
        oldest = plan;
        oldestHash = hash;
      }
    }
    const rest = (this.#plans.get(oldestHash) ?? []).filter((plan) => plan !== oldest);
    if (rest.length === 0) this.#plans.delete(oldestHash);
    else this.#plans.set(oldestHash, rest);
    this.#size--;
  }
}
