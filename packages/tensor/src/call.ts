// One call of a compiled function. Its operations are compared with the course that an earlier call took, or recorded
// as a new one; at the end one program computes what remains. Storages that were made meanwhile hold nodes of the
// trace; the call tells them what value that is.
import {
  type AttributesOf,
  backendOf,
  type DType,
  InternalError,
  isHeld,
  makeNode,
  type Node,
  nodeState,
  type OpName,
  sameAttributes,
  scalarNode,
  scalarValue,
} from '@nn/core';
import { setActiveCall } from './active.ts';
import { requireDType } from './device-dtype.ts';
import type { GradientState } from './gradient.ts';
import type { Keeping } from './holdings.ts';
import { buildPlan, isPlanFor } from './plan.ts';
import { runtimeOf } from './runtimes.ts';
import type { Storage } from './storage.ts';
import {
  type Entry,
  fitsPlaceholder,
  isTraced,
  markTraced,
  type Plan,
  placeholderFor,
  Trace,
  type Traces,
  tracedScalar,
} from './trace.ts';

/** Operations of a call, at most: a longer one goes on as if it were not compiled. */
const mostEntries = 2 ** 16;

/** Calls of a course before buffers are updated in place: until then what was not returned can be computed later. */
const friendlyCalls = 2;

const leakMessage =
  'this tensor was made inside a compiled function and not returned, and what it was computed from has been ' +
  'overwritten since. Return it from the function';

const noInputs: readonly Node[] = [];

export class Call {
  readonly #traces: Traces;
  #entries: readonly Entry[];
  /** The entries, while new ones are recorded. */
  #recorded: Entry[] | null = null;
  #placeholders: readonly Node[];
  #position = 0;
  /** The value of each placeholder. A node whose `position` leads to itself here is bound. */
  readonly #bound: Node[] = [];
  readonly #scalars: (number | bigint)[] = [];
  /** Storages from outside that were written, with their former values. */
  readonly #writes = new Map<Storage, Node>();
  readonly #gradients = new Set<GradientState>();
  /** What must be computed besides, by nodes that recording calls ask for. */
  readonly #required: Node[] = [];
  readonly #kept: { readonly node: Node; readonly keeping: Keeping }[] = [];
  readonly #disposed: Node[] = [];
  #outcome: 'open' | 'computed' | 'abandoned' = 'open';
  #trace: Trace | null = null;
  #plan: Plan | null = null;
  #values: readonly Node[] = [];
  /** Nodes outside of the trace for what was neither computed nor forgotten. */
  #clones: Map<Node, Node> | null = null;

  constructor(traces: Traces) {
    this.#traces = traces;
    const latest = traces.latest;
    this.#entries = latest?.entries ?? [];
    this.#placeholders = latest?.placeholders ?? [];
    if (latest === null) this.#startRecording();
  }

  /** Whether all operations so far are known from an earlier call. */
  get isReplaying(): boolean {
    return this.#recorded === null;
  }

  /** Whether nothing made it go on as if the function were not compiled. */
  get isOpen(): boolean {
    return this.#outcome === 'open';
  }

  // ---- Operations ----

  /** The trace's node for an op. */
  record(op: OpName, inputs: readonly Node[], attributes: object, device: string | undefined): Node {
    if (this.#position === mostEntries) {
      const outside = inputs.map((input) => this.leave(input));
      const node = makeNode(op, outside, attributes as AttributesOf<OpName>, device);
      if (node.device !== '') runtimeOf(node.device).record(node);
      return node;
    }
    if (this.#recorded === null) {
      const entry = this.#entries[this.#position];
      if (
        (entry !== undefined && this.#matches(entry, op, inputs, attributes, device)) ||
        this.#branch((other) => this.#matches(other, op, inputs, attributes, device))
      ) {
        return this.#entries[this.#position++].node;
      }
      this.#startRecording();
    }
    return this.#append(op, inputs, attributes, device);
  }

  /** The trace's node for a number. */
  scalar(given: number | bigint | boolean, dtype: DType): Node {
    const value = scalarValue(given, dtype);
    if (this.#recorded === null) {
      const matches = ({ op, node }: Entry): boolean => op === 'scalar' && node.dtype === dtype;
      const entry = this.#entries[this.#position];
      if ((entry !== undefined && matches(entry)) || this.#branch(matches)) {
        const { node } = this.#entries[this.#position++];
        node.state!.value = value;
        this.#scalars.push(value);
        return node;
      }
      this.#startRecording();
    }
    const node = tracedScalar(value, dtype);
    this.#scalars.push(value);
    this.#push({ op: 'scalar', inputs: noInputs, slots: [], attributes: {}, device: undefined, node });
    return node;
  }

  #matches(
    entry: Entry,
    op: OpName,
    inputs: readonly Node[],
    attributes: object,
    device: string | undefined,
  ): boolean {
    if (entry.op !== op || entry.device !== device || entry.inputs.length !== inputs.length) return false;
    if (entry.attributes !== attributes && !sameAttributes(entry.attributes, attributes)) return false;
    const bound = this.#bound;
    const before = bound.length;
    for (let i = 0; i < inputs.length; i++) {
      const slot = entry.slots[i];
      const input = inputs[i];
      if (slot < 0) {
        if (input === entry.inputs[i]) continue;
      } else if (slot < bound.length) {
        if (input === bound[slot]) continue;
      } else if (!isTraced(input) && !this.#isBound(input) && fitsPlaceholder(entry.inputs[i], input)) {
        this.#bind(input);
        continue;
      }
      bound.length = before;
      return false;
    }
    return true;
  }

  #isBound(node: Node): boolean {
    return this.#bound[node.position] === node;
  }

  #bind(node: Node): void {
    node.position = this.#bound.push(node) - 1;
  }

  /** Goes over to another course that is the same so far and goes on as this call does. */
  #branch(matches: (entry: Entry) => boolean): boolean {
    const position = this.#position;
    for (const trace of this.#traces.all) {
      if (trace.entries === this.#entries || trace.entries.length <= position) continue;
      if (!trace.sharesPrefix(this.#entries, position) || !matches(trace.entries[position])) continue;
      this.#entries = trace.entries;
      this.#placeholders = trace.placeholders;
      return true;
    }
    return false;
  }

  #startRecording(): void {
    this.#recorded = this.#entries.slice(0, this.#position);
    this.#entries = this.#recorded;
    this.#placeholders = this.#placeholders.slice(0, this.#bound.length);
  }

  #append(op: OpName, inputs: readonly Node[], attributes: object, device: string | undefined): Node {
    const bound = this.#bound;
    const placeholders = this.#placeholders as Node[];
    const before = bound.length;
    const slots: number[] = [];
    const traced = inputs.map((input) => {
      if (isTraced(input)) {
        slots.push(-1);
        return input;
      }
      if (!this.#isBound(input)) {
        this.#bind(input);
        placeholders.push(placeholderFor(input));
      }
      slots.push(input.position);
      return placeholders[input.position];
    });
    try {
      const node = markTraced(makeNode(op, traced, attributes as AttributesOf<OpName>, device));
      if (node.device !== '') requireDType(op, node.dtype, backendOf(node.device));
      this.#push({ op, inputs: traced, slots, attributes, device, node });
      return node;
    } catch (error) {
      bound.length = before;
      placeholders.length = before;
      throw error;
    }
  }

  #push(entry: Entry): void {
    this.#position = this.#recorded!.push(entry);
  }

  // ---- What the rest of the library asks for meanwhile ----

  wrote(storage: Storage, former: Node): void {
    this.#writes.set(storage, former);
  }

  /** Asks that values be computed with the others. Known courses compute what their first call asked for. */
  require(nodes: readonly Node[]): void {
    if (this.#recorded === null) return;
    for (const node of nodes) if (isTraced(node) && node.device !== '') this.#required.push(node);
  }

  keepLater(node: Node, keeping: Keeping): void {
    if (isTraced(node)) this.#kept.push({ node, keeping });
  }

  /** Notes a gradient that was set; it is computed if it is still there at the end. */
  keepGradient(state: GradientState): void {
    this.#gradients.add(state);
  }

  /** Disposes a value at the end: until then it may be an input. */
  disposeLater(node: Node): void {
    if (!isTraced(node)) this.#disposed.push(node);
  }

  /** To be called after a graph was run meanwhile: that renumbers nodes. */
  renumber(): void {
    this.#bound.forEach((node, i) => {
      node.position = i;
    });
  }

  // ---- The end ----

  /** The value of a node that is needed at once: the call goes on as if the function were not compiled. */
  leave(node: Node): Node {
    this.abandon();
    return this.resolve(node);
  }

  /** Goes on as if the function were not compiled: every value is found outside of the trace from now on. */
  abandon(): void {
    if (this.#outcome !== 'open') return;
    this.#outcome = 'abandoned';
    setActiveCall(null);
    for (const [storage, former] of this.#writes) {
      if (former.device !== '') runtimeOf(former.device).overwritten(storage, former);
    }
    for (const { node, keeping } of this.#kept) {
      if (node.device !== '') runtimeOf(node.device).keepLater(this.#cloned(node), keeping);
    }
    for (const { grad } of this.#gradients) {
      if (grad !== null && grad.device !== '') runtimeOf(grad.device).keepLater(grad.node, 'value');
    }
    const required = new Map<string, Node[]>();
    for (const node of this.#required) {
      if (!required.has(node.device)) required.set(node.device, []);
      required.get(node.device)!.push(this.#cloned(node));
    }
    for (const [device, nodes] of required) if (device !== '') runtimeOf(device).step(nodes);
    for (const node of this.#disposed) runtimeOf(node.device).dispose(node);
  }

  /** Computes what remains: what was written, gradients, and the storages of what is returned. */
  finish(returned: readonly Storage[]): void {
    setActiveCall(null);
    const storages: Storage[] = [];
    const wanted: Node[] = [];
    const formers: number[] = [];
    const add = (storage: Storage): boolean => {
      const node = storage.nodeDuring(this);
      // What belongs to no device is computed when it is read.
      if (node === null || !isTraced(node) || node.device === '') return false;
      storages.push(storage);
      wanted.push(node);
      return true;
    };
    for (const [storage, former] of this.#writes) {
      if (add(storage)) formers.push(this.#isBound(former) ? former.position : -1);
    }
    let gradients = 0;
    for (const { grad } of this.#gradients) if (grad !== null && add(grad.storage)) gradients++;
    for (const storage of returned) add(storage);

    const trace = this.#findTrace();
    for (const node of this.#required) if (!trace.extras.has(node)) trace.extras.set(node, 'value');
    let plan = trace.plans.find((each) => isPlanFor(each, trace, wanted, formers, gradients));
    plan ??= buildPlan(trace, wanted, formers, gradients);
    this.#run(trace, plan);

    for (let i = 0; i < storages.length; i++) {
      storages[i].settle(this.#values[plan.positions.get(wanted[i])!]);
    }
    for (const [storage, former] of this.#writes) {
      // Reads it, so that the storage does not hold on to this call.
      void storage.node;
      if (former.device !== '') runtimeOf(former.device).replaced(former, trace.calls > friendlyCalls);
    }
    for (const node of this.#disposed) runtimeOf(node.device).dispose(node);
  }

  #findTrace(): Trace {
    const position = this.#position;
    for (const trace of this.#traces.all) {
      if (trace.entries.length === position && trace.sharesPrefix(this.#entries, position)) {
        this.#traces.use(trace);
        return trace;
      }
    }
    const bound = this.#placeholders.slice(0, this.#bound.length);
    const trace = new Trace(this.#entries.slice(0, position), bound);
    this.#traces.add(trace);
    this.#traces.use(trace);
    return trace;
  }

  #run(trace: Trace, plan: Plan): void {
    const bound = this.#bound;
    const donates = trace.calls > friendlyCalls;
    const values: Node[] = new Array(plan.roots.length);
    this.#evaluateInputs(plan);
    for (const part of plan.parts) {
      const { prepared, keepings, recycles, roots } = part;
      const nodes: Node[] = [];
      for (const slot of part.inputs) nodes.push(bound[slot]);
      const params: (number | bigint)[] = [];
      for (const slot of part.params)
        params.push(slot >= 0 ? this.#scalars[slot] : bound[-1 - slot].state!.value!);
      const former = part.results;
      const results = part.runtime.replay(prepared, { nodes, params, keepings, recycles, donates, former });
      part.results = results;
      for (let i = 0; i < results.length; i++) {
        values[roots[i]] = results[i];
        if (plan.shared[roots[i]]) results[i].shared = true;
      }
    }
    this.#outcome = 'computed';
    this.#trace = trace;
    this.#plan = plan;
    this.#values = values;
  }

  /** What comes from outside may not be computed yet. */
  #evaluateInputs(plan: Plan): void {
    for (const { runtime, inputs } of plan.parts) {
      const missing = inputs.map((slot) => this.#bound[slot]).filter((node) => !isHeld(node));
      if (missing.length > 0) runtime.evaluate(missing, 'output');
    }
  }

  // ---- Afterwards ----

  /** The value of a node of the trace in this call, which is over. */
  resolve(node: Node): Node {
    if (!isTraced(node)) return node;
    if (this.#outcome === 'open') throw new InternalError('compile: a value was asked for during the call');
    const position = this.#plan?.positions.get(node);
    if (position !== undefined) {
      const value = this.#values[position];
      value.shared = true;
      return value;
    }
    // Somebody uses it though it was not returned: from the next call on it is computed with the others.
    if (node.device !== '') this.#trace?.extras.set(node, 'output');
    return this.#cloned(node);
  }

  /** An equal node outside of the trace. */
  #cloned(wanted: Node): Node {
    this.#clones ??= new Map();
    const clones = this.#clones;
    const stack = [wanted];
    while (stack.length > 0) {
      const node = stack[stack.length - 1];
      if (clones.has(node)) {
        stack.pop();
        continue;
      }
      const leaf = this.#leaf(node);
      if (leaf !== null) {
        clones.set(node, leaf);
        stack.pop();
        continue;
      }
      const waiting = stack.length;
      for (const input of node.inputs) if (!clones.has(input)) stack.push(input);
      if (stack.length > waiting) continue;
      stack.pop();
      const inputs = node.inputs.map((input) => clones.get(input)!);
      const clone = makeNode(node.op, inputs, node.attributes, node.device === '' ? undefined : node.device);
      clone.shared = node.shared;
      if (inputs.some((input) => !isHeld(input) && input.state?.lost !== undefined))
        clone.state = nodeState({ lost: leakMessage });
      clones.set(node, clone);
    }
    return clones.get(wanted)!;
  }

  /** What was computed for a node of the trace, or what it stands for in this call. */
  #leaf(node: Node): Node | null {
    const position = this.#plan?.positions.get(node);
    if (position !== undefined) return this.#values[position];
    if (node.op !== 'data' && node.op !== 'scalar') return null;
    const slot = this.#placeholders.indexOf(node);
    if (slot >= 0) return this.#bound[slot];
    let scalar = 0;
    for (const entry of this.#entries) {
      if (entry.node === node) break;
      if (entry.op === 'scalar') scalar++;
    }
    return scalarNode(this.#scalars[scalar], node.dtype);
  }
}
