// What a compiled function did: its operations in order, on placeholders for the tensors that it was given or found,
// and the programs that compute what remains of it. Traces that begin alike share the entries that they have in common.
import type { Prepared } from '@nn/compiler';
import { Node, type NodeState, nodeState, type OpName, sameShape } from '@nn/core';
import type { Keeping } from './holdings.ts';
import type { Runtime } from './runtime.ts';

/** An operation, as it was recorded. */
export interface Entry {
  readonly op: OpName;
  /** Nodes of the trace: earlier entries' and placeholders. */
  readonly inputs: readonly Node[];
  /** For each input the number of its placeholder; -1 for those of entries. */
  readonly slots: readonly number[];
  readonly attributes: object;
  /** As it was asked for; undefined where it follows from the inputs. */
  readonly device: string | undefined;
  readonly node: Node;
}

/** The state of a trace's nodes. They stand for another value at each call, so none is ever held by them. */
const tracedState: NodeState = nodeState({
  traced: true,
  lost: 'this is a node of a compiled function, not a value',
});

/** Whether the node belongs to a trace. */
export function isTraced(node: Node): boolean {
  return node.state?.traced === true;
}

/** Makes a node part of a trace. */
export function markTraced(node: Node): Node {
  node.state = tracedState;
  return node;
}

/** A number that each call gives anew. */
export function tracedScalar(value: number | bigint, dtype: Node['dtype']): Node {
  return new Node('scalar', [], { dtype }, { shape: [], dtype }, '', nodeState({ traced: true, value }));
}

/** Stands for a value from outside. */
export function placeholderFor(node: Node): Node {
  const { shape, dtype, device } = node;
  const meta = { shape, dtype };
  return node.op === 'scalar'
    ? new Node('scalar', [], { dtype }, meta, device, nodeState({ traced: true }))
    : // A state of its own: nodes with one state would be taken for one memory.
      new Node('data', [], meta, meta, device, nodeState(tracedState));
}

/** Whether a program made for the placeholder takes this value. */
export function fitsPlaceholder(placeholder: Node, node: Node): boolean {
  return (
    placeholder.dtype === node.dtype &&
    placeholder.device === node.device &&
    (placeholder.op === 'scalar') === (node.op === 'scalar') &&
    sameShape(placeholder.shape, node.shape)
  );
}

/** The part of a plan that one device runs. */
export interface PlanPart {
  readonly runtime: Runtime;
  readonly prepared: Prepared;
  /** Placeholders' numbers, in the order of the program's inputs. */
  readonly inputs: readonly number[];
  /** Numbers of scalars, in the order of the program's params; those of placeholders as -1 - number. */
  readonly params: readonly number[];
  /** Positions among the plan's roots, in the order of the program's outputs, and then of what it updates. */
  readonly roots: readonly number[];
  readonly keepings: readonly Keeping[];
  /** Results that are gradients only: they may take the memory of those of the last call. */
  readonly recycles: readonly boolean[];
  /** What the last run left. */
  results: readonly Node[];
}

/** What computes the values that remain after a call. */
export interface Plan {
  /** What was asked for, by storages written, gradients and results, in order. */
  readonly wanted: readonly Node[];
  /** For each storage written, the placeholder of its former value; -1 for none. */
  readonly formers: readonly number[];
  readonly gradients: number;
  readonly extras: number;
  readonly fusion: boolean;
  /** Distinct nodes. */
  readonly roots: readonly Node[];
  /** Whether several storages get the root's value. */
  readonly shared: readonly boolean[];
  readonly positions: ReadonlyMap<Node, number>;
  readonly parts: readonly PlanPart[];
}

/** One course that a compiled function took. */
export class Trace {
  readonly entries: readonly Entry[];
  readonly placeholders: readonly Node[];
  readonly plans: Plan[] = [];
  /** What is computed at each call besides what it leaves in storages, gradients and results. */
  readonly extras: Map<Node, Keeping> = new Map();
  /** Calls that took this course. */
  calls = 0;
  lastUse = 0;

  constructor(entries: readonly Entry[], placeholders: readonly Node[]) {
    this.entries = entries;
    this.placeholders = placeholders;
  }

  /** Whether this trace begins with the first `count` entries of another one. */
  sharesPrefix(entries: readonly Entry[], count: number): boolean {
    return this.entries.length >= count && (count === 0 || this.entries[count - 1] === entries[count - 1]);
  }
}

/** Courses kept for a compiled function, at most. */
const mostTraces = 32;

/** All courses that a compiled function is known to take. */
export class Traces {
  readonly all: Trace[] = [];
  #clock = 0;

  /** The one taken last. */
  get latest(): Trace | null {
    let latest: Trace | null = null;
    for (const trace of this.all) if (latest === null || trace.lastUse > latest.lastUse) latest = trace;
    return latest;
  }

  /** Notes that a call took this course. */
  use(trace: Trace): void {
    trace.lastUse = ++this.#clock;
    trace.calls++;
  }

  add(trace: Trace): void {
    if (this.all.length >= mostTraces) {
      let oldest = 0;
      this.all.forEach((each, i) => {
        if (each.lastUse < this.all[oldest].lastUse) oldest = i;
      });
      this.all.splice(oldest, 1);
    }
    this.all.push(trace);
  }
}
