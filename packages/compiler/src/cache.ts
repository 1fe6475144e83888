// Programs by the structure of their graphs: what a training loop compiles in its first step it finds in the next.
import type { Executable, Node, Program } from '@nn/core';
import { type CompileOptions, compileGraph, type GraphUpdate } from './compile.ts';
import { buildGraph, distinctRoots } from './graph.ts';
import { Linearizer } from './linearize.ts';

/** A flush made ready: the program, and what to bind to it. */
export interface Prepared {
  readonly program: Program;
  /** In the order of the program's inputs. */
  readonly inputs: readonly Node[];
  /** In the order of the program's params. */
  readonly params: readonly (number | bigint)[];
  /** In the order of the program's outputs: the roots, without repeats, those at hand already and the updated. */
  readonly outputs: readonly Node[];
  /** The roots whose values lie, after a run, in the buffers of inputs: `inputs[input]` holds its value no more. */
  readonly updated: readonly Updated[];
  /** Nodes that the flush computes. */
  readonly nodeCount: number;
  readonly cached: boolean;
  /** Belongs to the cached plan: where the engine keeps what its backend compiled. */
  readonly executableSlot: { executable?: Executable };
}

/** A root whose value a run writes over that of an input. */
export interface Updated {
  readonly root: Node;
  /** Index into the inputs. */
  readonly input: number;
}

export interface CacheOptions extends CompileOptions {
  /** Told what the backend compiled for a plan that the cache drops. */
  onDrop?(executable: Executable): void;
}

interface Plan {
  readonly key: Float64Array;
  readonly program: Program;
  /** By the numbers of roots and inputs. */
  readonly updated: readonly GraphUpdate[];
  readonly executableSlot: { executable?: Executable };
  lastUse: number;
}

const capacity = 512;
const noneUpdated: readonly Updated[] = [];

export class PlanCache {
  readonly #options: CacheOptions;
  readonly #plans = new Map<number, Plan[]>();
  readonly #linearizer = new Linearizer();
  #size = 0;
  #clock = 0;

  constructor(options: CacheOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#size;
  }

  clear(): void {
    for (const bucket of this.#plans.values()) for (const plan of bucket) this.#drop(plan);
    this.#plans.clear();
    this.#size = 0;
  }

  /**
   * The program that computes the roots, compiled unless a graph of the same structure was seen before.
   *
   * @param updates For roots that are not held, a held node of the same dtype and size each, whose value nobody uses
   * after the run: where it can, the program writes the root's value over it. The others are outputs as ever.
   */
  prepare(roots: readonly Node[], updates?: ReadonlyMap<Node, Node>): Prepared {
    const distinct = distinctRoots(roots);
    const linearizer = this.#linearizer;
    try {
      linearizer.walk(distinct);
      if (updates !== undefined && updates.size > 0) {
        const kept = distinct.length < roots.length ? new Set(roots) : null;
        linearizer.addUpdates(distinct, updates, kept);
      }
      const { inputs } = linearizer;
      const params = linearizer.params.map((node) => node.state?.value ?? 0);
      const nodeCount = linearizer.count - inputs.length - params.length;
      const hash = linearizer.hash();
      let plan = this.#find(hash);
      const cached = plan !== undefined;
      if (plan === undefined) {
        const graph = buildGraph(linearizer.order(), distinct);
        const { program, updated } = compileGraph(graph, this.#options, linearizer.updates);
        plan = { key: linearizer.key(), program, updated, executableSlot: {}, lastUse: 0 };
        this.#add(hash, plan);
      }
      plan.lastUse = ++this.#clock;
      const { program, executableSlot } = plan;
      const isUpdating = plan.updated.length > 0;
      const updated = isUpdating
        ? plan.updated.map(({ root, input }) => ({ root: distinct[root], input }))
        : noneUpdated;
      const outputs = isUpdating ? withoutUpdated(distinct, plan.updated) : distinct;
      return { program, inputs, params, outputs, updated, nodeCount, cached, executableSlot };
    } finally {
      linearizer.release();
    }
  }

  /** The plan of what the linearizer saw. */
  #find(hash: number): Plan | undefined {
    const bucket = this.#plans.get(hash);
    if (bucket === undefined) return undefined;
    for (let at = 0; at < bucket.length; at++) if (this.#linearizer.hasKey(bucket[at].key)) return bucket[at];
    return undefined;
  }

  #add(hash: number, plan: Plan): void {
    if (this.#size >= capacity) this.#dropOldest();
    const bucket = this.#plans.get(hash);
    if (bucket === undefined) this.#plans.set(hash, [plan]);
    else bucket.push(plan);
    this.#size++;
  }

  #drop({ executableSlot }: Plan): void {
    const { executable } = executableSlot;
    executableSlot.executable = undefined;
    if (executable !== undefined) this.#options.onDrop?.(executable);
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
    if (oldest !== undefined) this.#drop(oldest);
    const rest = (this.#plans.get(oldestHash) ?? []).filter((plan) => plan !== oldest);
    if (rest.length === 0) this.#plans.delete(oldestHash);
    else this.#plans.set(oldestHash, rest);
    this.#size--;
  }
}

function withoutUpdated(roots: readonly Node[], updated: readonly GraphUpdate[]): Node[] {
  let next = 0;
  return roots.filter((_, root) => {
    if (updated[next]?.root !== root) return true;
    next++;
    return false;
  });
}
