// Runs the graph: decides when, and what is kept afterwards. A value computed on the way to another is not kept.
import type { Prepared } from '@nn/compiler';
import {
  type Backend,
  backendOf,
  type DeviceBuffer,
  type HostArray,
  isDeviceAvailable,
  isHeld,
  type Node,
  type NodeState,
  nodeState,
  StaleValueError,
} from '@nn/core';
import { activeCall } from './active.ts';
import { requireDType } from './device-dtype.ts';
import { turnIfDue } from './event-loop.ts';
import type { Keeping } from './holdings.ts';
import { policy } from './memory-policy.ts';
import { observers } from './observer.ts';
import { Programs, type Replay, updatedMessage } from './programs.ts';
import { Recorded } from './recorded.ts';
import { findRepeated } from './repeated.ts';
import { Residence } from './residence.ts';
import { isUnshared } from './takeover.ts';
import { isTraced } from './trace.ts';

/** What has a value that changes. */
export interface Valued {
  readonly node: Node;
  readonly device: string;
}

/** Values asked to be kept at the next step, at most, before outputs are forgotten. */
const mostPending = 512;

/** Host copies up to this size are kept after a read. */
const smallBytes = 2 ** 16;

const noInputs: readonly Node[] = [];
const noUpdates: ReadonlyMap<Node, Node> = new Map();

export class Runtime {
  readonly backend: Backend;
  readonly #residence: Residence;
  readonly #programs: Programs;
  readonly #recorded = new Recorded();
  /** What the next step computes and keeps besides what it is asked for. */
  readonly #pending = new Map<Node, Keeping>();
  /** Storages whose kept value was overwritten since the last step, with that value: their new one replaces it. */
  readonly #written = new Map<{ readonly node: Node }, Node>();
  /** Storages of tensors that derivatives are asked for, which were written or made since the last step. */
  readonly #updated = new Set<Valued>();

  constructor(backend: Backend) {
    this.backend = backend;
    this.#residence = new Residence(backend);
    this.#programs = new Programs(backend, this.#residence);
  }

  /**
   * Notes a recorded node; runs the graph when too much is pending.
   *
   * @throws {UnsupportedError} for a dtype that the device lacks: here, at the call that made the node.
   */
  record(node: Node): void {
    requireDType(node.op, node.dtype, this.backend);
    if (!this.#recorded.add(node)) return;
    const keeping = new Map<Node, Keeping>();
    // Most of these nobody will read; where they can be moved to the host, they need not stay here.
    const how = this.backend.capabilities.synchronousRead ? 'output' : 'value';
    for (const each of this.#recorded.results()) keeping.set(each, how);
    this.#addWritten(keeping);
    this.#recorded.clear();
    this.#runWhatCan(keeping);
  }

  /** How many recorded operations are not known to be computed. */
  get pendingCount(): number {
    return this.#recorded.count;
  }

  /** How many programs of its own, and of compiled functions, it began. */
  get runs(): number {
    return this.#residence.flushes;
  }

  /** Notes that a recorded operation has a derivative: what it saved for that will be needed again. */
  noteDerivative(): void {
    this.#recorded.noteDerivative();
  }

  /** Asks that a value be kept when the next step runs, since it is likely to be read. */
  keepLater(node: Node, keeping: Keeping): void {
    if (activeCall !== null) {
      activeCall.keepLater(node, keeping);
      return;
    }
    if (isHeld(node)) return;
    this.#pending.set(node, keeping);
    if (keeping === 'output' && this.#pending.size > mostPending) this.#dropOldestOutput();
  }

  #dropOldestOutput(): void {
    for (const [node, keeping] of this.#pending) {
      if (keeping !== 'output') continue;
      this.#pending.delete(node);
      return;
    }
  }

  /** Notes that a storage's value was overwritten by one that is not computed yet. */
  overwritten(storage: { readonly node: Node }, former: Node): void {
    // A value that was kept across steps has a successor that must not become an ever longer graph.
    if (isHeld(former) && !this.#written.has(storage)) this.#written.set(storage, former);
    this.supersede(former);
  }

  /** Notes that a tensor that derivatives are asked for was written or made. Gives how many were since the last step. */
  updated(storage: Valued): number {
    return this.#updated.add(storage).size;
  }

  /** Begins a step with the tensors that were written or made, where these are not computed. */
  stepIfUpdated(): void {
    let isPending = false;
    for (const { node, device } of this.#updated) isPending ||= device === this.backend.name && !isHeld(node);
    if (isPending && this.#isInUse()) this.step([]);
    this.#updated.clear();
  }

  /** Whether its backend is neither removed nor replaced. */
  #isInUse(): boolean {
    const { name } = this.backend;
    return isDeviceAvailable(name) && backendOf(name) === this.backend;
  }

  /** Runs what the given values need, together with everything asked to be kept since the last step. */
  step(nodes: readonly Node[]): void {
    if (activeCall !== null) {
      activeCall.require(nodes);
      return;
    }
    if (nodes.length === 0 && this.#isSettled() && this.#updated.size === 0) {
      this.#recorded.clear();
      return;
    }
    const keeping = new Map(this.#pending);
    this.#pending.clear();
    const updates = this.#updates();
    this.#addWritten(keeping);
    // One that was moved to another device is computed.
    for (const { node, device } of this.#updated)
      if (device === this.backend.name) keeping.set(node, 'value');
    this.#updated.clear();
    for (const node of nodes) keeping.set(node, 'value');
    this.#runWhatCan(keeping, nodes, updates);
    this.#recorded.clear();
  }

  /** Runs all of these together; where some depend on values that are gone, the others, and throws for `required`. */
  #runWhatCan(
    keeping: Map<Node, Keeping>,
    required: readonly Node[] = [],
    updates: ReadonlyMap<Node, Node> = noUpdates,
  ): void {
    try {
      this.#run(keeping, updates);
    } catch (error) {
      if (!(error instanceof StaleValueError)) throw error;
      const possible = new Map<Node, Keeping>();
      let missing: unknown = null;
      for (const [node, how] of keeping) {
        try {
          findRepeated([node]);
          possible.set(node, how);
        } catch (own) {
          if (!(own instanceof StaleValueError)) throw own;
          // Whoever reads another value is told then.
          if (required.includes(node)) missing ??= own;
        }
      }
      // Together: old values that some of them depend on may go after any run.
      this.#run(possible);
      if (missing !== null) throw missing;
    }
  }

  /** The new values that take the memory of the old ones, since the budget would drop these anyway. */
  #updates(): ReadonlyMap<Node, Node> {
    let bytes = 0;
    const updates = new Map<Node, Node>();
    for (const [{ node }, former] of this.#written) {
      const holding = former.state === null ? undefined : this.#residence.holdingOf(former.state);
      if (holding === undefined || holding.keeping !== 'transient' || former.shared) continue;
      bytes += holding.bytes;
      updates.set(node, former);
    }
    return bytes > policy.keptBytes ? updates : noUpdates;
  }

  #addWritten(keeping: Map<Node, Keeping>): void {
    for (const { node } of this.#written.keys()) keeping.set(node, 'value');
    this.#written.clear();
  }

  /** Computes and holds the values of the nodes. */
  evaluate(nodes: readonly Node[], keeping: Keeping): void {
    const call = activeCall;
    const outside = call === null ? nodes : nodes.filter((node) => !isTraced(node));
    call?.require(nodes);
    // What is held for a while is held for good from now on.
    if (keeping === 'value') this.#residence.realize(outside);
    const wanted = new Map<Node, Keeping>();
    for (const node of outside) if (!isHeld(node)) wanted.set(node, keeping);
    try {
      if (wanted.size > 0) this.#evaluate(wanted);
    } finally {
      call?.renumber();
    }
    if (keeping === 'value') this.#residence.realize(outside);
  }

  /** Computes the wanted; when old values are to go, also the current ones that may depend on them. */
  #evaluate(wanted: Map<Node, Keeping>): void {
    if (this.#written.size === 0 || !this.#residence.isDropping) {
      this.#compute(wanted, noUpdates);
      return;
    }
    const nodes = [...wanted.keys()];
    const updates = this.#updates();
    this.#addWritten(wanted);
    this.#runWhatCan(wanted, nodes, updates);
  }

  /** The program of a compiled function's course; `updates` as in `PlanCache.prepare`. */
  prepare(roots: readonly Node[], updates: ReadonlyMap<Node, Node>): Prepared {
    return this.#programs.prepare(roots, updates);
  }

  /** As `Programs.replay`. */
  replay(prepared: Prepared, replay: Replay): Node[] {
    this.#residence.beginFlush();
    const results = this.#programs.replay(prepared, replay);
    this.#residence.enforceBudgets();
    return results;
  }

  /** Computes what was asked to be kept, before a compiled function overwrites what it depends on. */
  settle(): void {
    if (!this.#isSettled() && this.#isInUse()) this.step([]);
  }

  #isSettled(): boolean {
    return this.#pending.size === 0 && this.#written.size === 0;
  }

  /** Notes that a compiled function overwrote a storage's value. */
  replaced(former: Node, donates: boolean): void {
    const { state } = former;
    if (state === null || !donates || !isUnshared(former) || state.host !== undefined) this.supersede(former);
    else if (state.buffer !== undefined) {
      this.#residence.release(state);
      state.lost = updatedMessage;
    }
  }

  /** Computes those of the wanted that are not held. Leaves these and what else it kept in the map. */
  #run(wanted: Map<Node, Keeping>, updates: ReadonlyMap<Node, Node> = noUpdates): void {
    for (const node of wanted.keys()) if (isHeld(node)) wanted.delete(node);
    if (wanted.size > 0) this.#compute(wanted, updates);
  }

  #compute(wanted: Map<Node, Keeping>, updates: ReadonlyMap<Node, Node>): void {
    if (observers === null) {
      this.#flush(wanted, updates);
      return;
    }
    const nodes = [...wanted.keys()];
    observers.computing(nodes, this.backend.name);
    try {
      this.#flush(wanted, updates);
    } catch (error) {
      observers.failed(nodes, this.backend, error);
      throw error;
    }
  }

  #flush(wanted: Map<Node, Keeping>, updates: ReadonlyMap<Node, Node>): void {
    this.#residence.beginFlush();
    const roots = this.#promoteRepeated(wanted);
    this.#programs.compute(roots, wanted, updates);
    this.#residence.enforceBudgets();
  }

  /** As `Programs.computeApart`. */
  computeApart(nodes: readonly Node[]): DeviceBuffer[] {
    return this.#programs.computeApart(nodes);
  }

  /**
   * Adds to the wanted what an earlier flush computed without keeping and this one would compute again: somebody
   * holds it. Gives all of them. Throws for values that are gone.
   */
  #promoteRepeated(wanted: Map<Node, Keeping>): Node[] {
    const roots = [...wanted.keys()];
    const { visited, repeated } = findRepeated(roots);
    for (const node of repeated) {
      if (wanted.has(node)) continue;
      wanted.set(node, 'output');
      roots.push(node);
    }
    for (let i = 0; i < visited.length; i++) visited[i].runs++;
    return roots;
  }

  /** How many values are held on the device. */
  heldCount(): number {
    return this.#residence.count();
  }

  /** How the value may go; undefined when the device does not hold it. */
  keepingOf(state: NodeState): Keeping | undefined {
    return this.#residence.holdingOf(state)?.keeping;
  }

  /** Bytes held on the device, by how they may go. */
  heldBytes(): Readonly<Record<Keeping, number>> {
    return this.#residence.bytes();
  }

  /** Notes that a value is no longer current: an old version stays only as long as the budget for them allows. */
  supersede(node: Node): void {
    this.#pending.delete(node);
    this.#residence.supersede(node);
  }

  /** Notes that a gradient was cleared: an old version, unless somebody asked that it be kept. */
  cleared(node: Node): void {
    if (node.state === null || this.#residence.holdingOf(node.state)?.isRealized !== true)
      this.supersede(node);
  }

  /** Frees a value for good, unless another storage holds it too. */
  dispose(node: Node): void {
    if (activeCall !== null) {
      activeCall.disposeLater(node);
      return;
    }
    if (node.shared) return;
    if (node.state === null) node.state = nodeState({});
    this.#residence.release(node.state);
    node.state.host = undefined;
    node.state.lost = 'this tensor was disposed';
    node.inputs = noInputs;
  }

  /** A fresh host copy of the value. */
  readSync(asked: Node): HostArray {
    const node = activeCall === null ? asked : activeCall.leave(asked);
    this.#prepareRead(node);
    const start = observers?.now() ?? 0;
    const values = node.state!.host?.slice() ?? this.backend.readSync(node.state!.buffer!);
    observers?.read(node, start, undefined);
    return values;
  }

  /** A fresh host copy of the value. */
  async read(asked: Node): Promise<HostArray> {
    const node = activeCall === null ? asked : activeCall.leave(asked);
    this.#prepareRead(node);
    const state = node.state!;
    if (state.host !== undefined) {
      const copy = state.host.slice();
      await turnIfDue();
      return copy;
    }
    const values = await this.#readBuffer(node, state.buffer!);
    if (this.backend.capabilities.synchronousRead) await turnIfDue();
    // What can be kept of this value when memory is short.
    else if (values.byteLength <= smallBytes) state.host = values.slice();
    return values;
  }

  async #readBuffer(node: Node, buffer: DeviceBuffer): Promise<HostArray> {
    const start = observers?.now() ?? 0;
    try {
      const values = await this.backend.read(buffer);
      observers?.read(node, start, undefined);
      if (observers !== null) await observers.settled();
      return values;
    } catch (error) {
      observers?.read(node, start, error);
      throw error;
    }
  }

  #prepareRead(node: Node): void {
    if (!isHeld(node)) this.evaluate([node], 'output');
  }
}
