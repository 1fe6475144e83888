// Runs the graph: decides when, and what is kept afterwards. A value computed on the way to another is not kept.
import { type CacheOptions, PlanCache, type Prepared } from '@nn/compiler';
import {
  type Backend,
  backendOf,
  type DeviceBuffer,
  type DType,
  type Executable,
  type HostArray,
  isDeviceAvailable,
  isHeld,
  type Node,
  type NodeState,
  nodeState,
  StaleValueError,
  sizeOf,
  UnsupportedError,
} from '@nn/core';
import { activeCall } from './active.ts';
import { turnIfDue } from './event-loop.ts';
import type { Keeping } from './holdings.ts';
import { policy } from './memory-policy.ts';
import { type Launch, observers } from './observer.ts';
import { Recorded } from './recorded.ts';
import { findRepeated } from './repeated.ts';
import { Residence } from './residence.ts';
import { detachMemory, isUnshared, takeOver, valueNode } from './takeover.ts';
import { isTraced } from './trace.ts';

export type { Keeping } from './holdings.ts';
export { type MemoryPolicy, memoryPolicy } from './memory-policy.ts';

let fusion = true;
const byDevice = new Map<string, Runtime>();

/** Turns fusion on or off for what is run from now on; results agree within rounding. Returns the former setting. */
export function setFusion(enabled: boolean): boolean {
  const former = fusion;
  fusion = enabled;
  return former;
}

/** Whether fusion is on. */
export function isFused(): boolean {
  return fusion;
}

/** The runtime of a device. A backend that was replaced under the same name gets a fresh one. */
export function runtimeOf(device: string): Runtime {
  const backend = backendOf(device);
  let runtime = byDevice.get(device);
  if (runtime === undefined || runtime.backend !== backend) {
    runtime = new Runtime(backend);
    byDevice.set(device, runtime);
  }
  return runtime;
}

/** Those of all devices that were used. */
export function runtimes(): Iterable<Runtime> {
  return byDevice.values();
}

/** Computes, on all devices, what was asked to be kept. */
export function settleRuntimes(): void {
  for (const runtime of runtimes()) runtime.settle();
}

/** What has a value that changes. */
export interface Valued {
  readonly node: Node;
  readonly device: string;
}

/** Values asked to be kept at the next step, at most, before outputs are forgotten. */
const mostPending = 512;

/** Host copies up to this size are kept after a read. */
const smallBytes = 2 ** 16;

/** @throws {UnsupportedError} naming another dtype where the device lacks this one. */
export function requireDType(functionName: string, dtype: DType, backend: Backend): void {
  if (backend.capabilities.dtypes.has(dtype)) return;
  const other = dtype === 'int64' ? 'int32' : 'float32';
  throw new UnsupportedError(
    `${functionName}: device '${backend.name}' has no ${dtype}. Use dtype '${other}', or another device`,
  );
}

const recycledMessage =
  'this gradient was left by a compiled function, which has been called again since. ' +
  'Read it earlier, or keep it with x.realize() or x.clone() before the next call';

const noInputs: readonly Node[] = [];
const noUpdates: ReadonlyMap<Node, Node> = new Map();

const updatedMessage =
  'this value, or one that it was computed from, has been updated in place by a compiled function. ' +
  'Return it from that function, or keep it with x.realize() before the call';

/** What a compiled function's program runs on. */
export interface Replay {
  readonly nodes: readonly Node[];
  readonly params: readonly (number | bigint)[];
  /** For each result. */
  readonly keepings: readonly Keeping[];
  /** Whether a result may take the memory of the last call's, when that is an old version by now. */
  readonly recycles: readonly boolean[];
  readonly donates: boolean;
  /** The results of the last call. */
  readonly former: readonly Node[];
}

export class Runtime {
  readonly backend: Backend;
  readonly #fused: PlanCache;
  readonly #unfused: PlanCache;
  readonly #residence: Residence;
  readonly #recorded = new Recorded();
  /** What the next step computes and keeps besides what it is asked for. */
  readonly #pending = new Map<Node, Keeping>();
  /** Storages whose kept value was overwritten since the last step, with that value: their new one replaces it. */
  readonly #written = new Map<{ readonly node: Node }, Node>();
  /** Storages of tensors that derivatives are asked for, which were written or made since the last step. */
  readonly #updated = new Set<Valued>();

  constructor(backend: Backend) {
    this.backend = backend;
    const options = (enabled: boolean): CacheOptions => ({
      fusion: enabled,
      bytesPerElement: (dtype: DType) => backend.bytesPerElement(dtype),
      buffersPerKernel: backend.capabilities.buffersPerKernel,
      onDrop: (executable) => backend.release(executable),
    });
    this.#fused = new PlanCache(options(true));
    this.#unfused = new PlanCache(options(false));
    this.#residence = new Residence(backend);
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
      for (const [node, how] of keeping) {
        try {
          this.#run(new Map([[node, how]]));
        } catch (own) {
          // Whoever reads the value is told then.
          if (!(own instanceof StaleValueError) || required.includes(node)) throw own;
        }
      }
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
      if (wanted.size > 0) this.#compute(wanted, noUpdates);
    } finally {
      call?.renumber();
    }
    if (keeping === 'value') this.#residence.realize(outside);
  }

  /** The program of a compiled function's course; `updates` as in `PlanCache.prepare`. */
  prepare(roots: readonly Node[], updates: ReadonlyMap<Node, Node>): Prepared {
    return (fusion ? this.#fused : this.#unfused).prepare(roots, updates);
  }

  /** Computes what was asked to be kept, before a compiled function overwrites what it depends on. */
  settle(): void {
    if (!this.#isSettled() && this.#isInUse()) this.step([]);
  }

  #isSettled(): boolean {
    return this.#pending.size === 0 && this.#written.size === 0;
  }

  /**
   * Runs a prepared program of a compiled function. Gives the values of its outputs, then those that it updated: with
   * `donates`, in the buffers of the inputs, where nobody else may need these; else in copies of them.
   */
  replay(prepared: Prepared, replay: Replay): Node[] {
    const { nodes, params, keepings, recycles, donates, former } = replay;
    this.#residence.beginFlush();
    const executable = this.#executableOf(prepared);
    const temporary: NodeState[] = [];
    const inputs: DeviceBuffer[] = [];
    for (const node of nodes) inputs.push(this.#residence.bufferOf(node, temporary));
    for (const { input } of prepared.updated) {
      const node = nodes[input];
      if (donates && isUnshared(node) && !temporary.includes(node.state!)) continue;
      const copy = this.#residence.allocate(node.dtype, inputs[input].length);
      this.backend.copy(inputs[input], copy);
      inputs[input] = copy;
    }
    const results: Node[] = [];
    const outputs: DeviceBuffer[] = [];
    for (let i = 0; i < prepared.outputs.length; i++) {
      const root = prepared.outputs[i];
      const isFree = donates && recycles[i] && this.#isFree(former[i]);
      const result = isFree
        ? takeOver(former[i], root, recycledMessage)
        : valueNode(root, nodeState({ buffer: this.#residence.allocate(root.dtype, sizeOf(root.shape)) }));
      results.push(result);
      outputs.push(result.state!.buffer!);
    }
    for (const { root, input } of prepared.updated) {
      const node = nodes[input];
      // Whatever happens while the program runs, nobody may take what it writes over for the former value.
      const isTaken = node.state!.buffer === inputs[input];
      results.push(
        isTaken
          ? takeOver(node, root, updatedMessage)
          : valueNode(root, nodeState({ buffer: inputs[input] })),
      );
    }
    this.#launch({ executable, inputs, outputs, params });
    for (const state of temporary) this.#residence.release(state);
    for (let i = 0; i < results.length; i++) {
      const result = results[i];
      const holding = this.#residence.holdingOf(result.state!);
      // In the memory of a former value that was kept alike, it is watched already.
      if (holding?.keeping === keepings[i]) this.#residence.touch(holding);
      else this.#residence.hold(result, keepings[i]);
    }
    this.#residence.enforceBudgets();
    return results;
  }

  /** Whether nobody is known to need what a former call left, neither this call nor who asked to keep it. */
  #isFree(former: Node | undefined): boolean {
    const state = former?.state;
    if (former === undefined || state?.buffer === undefined || !isUnshared(former)) return false;
    return !this.#residence.isUsed(state) && this.#residence.holdingOf(state)?.keeping === 'transient';
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
    const residence = this.#residence;
    residence.beginFlush();
    const roots = this.#promoteRepeated(wanted);
    const cache = fusion ? this.#fused : this.#unfused;
    const start = observers?.now() ?? 0;
    const prepared = cache.prepare(roots, updates);
    observers?.planned(prepared, this.backend.name, start);
    const executable = this.#executableOf(prepared);
    const temporary: NodeState[] = [];
    const inputs = this.#inputsOf(prepared, temporary);
    const outputs = this.#allocateOutputs(prepared);
    // Whatever happens while the program runs, nobody may take what it writes over for the former value.
    const updated = prepared.updated.map(({ root, input }) => detachMemory(prepared.inputs[input], root));
    this.#launch({ executable, inputs, outputs, params: prepared.params });
    for (const state of temporary) residence.release(state);
    for (const { root, state, lease } of updated) {
      root.lease = lease;
      this.#keepComputed(root, state, wanted);
    }
    for (let i = 0; i < outputs.length; i++)
      this.#keepComputed(prepared.outputs[i], nodeState({ buffer: outputs[i] }), wanted);
    residence.enforceBudgets();
  }

  #inputsOf({ inputs }: Prepared, temporary: NodeState[]): DeviceBuffer[] {
    const buffers = new Array<DeviceBuffer>(inputs.length);
    for (let i = 0; i < inputs.length; i++) buffers[i] = this.#residence.bufferOf(inputs[i], temporary);
    return buffers;
  }

  #allocateOutputs({ outputs }: Prepared): DeviceBuffer[] {
    const buffers = new Array<DeviceBuffer>(outputs.length);
    for (let i = 0; i < outputs.length; i++)
      buffers[i] = this.#residence.allocate(outputs[i].dtype, sizeOf(outputs[i].shape));
    return buffers;
  }

  #keepComputed(node: Node, state: NodeState, wanted: ReadonlyMap<Node, Keeping>): void {
    node.state = state;
    node.inputs = noInputs;
    this.#residence.hold(node, wanted.get(node) ?? 'value');
  }

  /**
   * Computes values beside everything else: nothing is kept or counted. The caller frees the buffers.
   *
   * @param nodes distinct ones that are not held.
   */
  computeApart(nodes: readonly Node[]): DeviceBuffer[] {
    const prepared = (fusion ? this.#fused : this.#unfused).prepare(nodes);
    const executable = this.#executableOf(prepared);
    const temporary: NodeState[] = [];
    const inputs = this.#inputsOf(prepared, temporary);
    const outputs = this.#allocateOutputs(prepared);
    this.backend.run(executable, inputs, outputs, prepared.params);
    for (const state of temporary) this.#residence.release(state);
    return outputs;
  }

  #executableOf(prepared: Prepared): Executable {
    const slot = prepared.executableSlot;
    if (slot.executable === undefined) {
      const start = observers?.now() ?? 0;
      slot.executable = this.backend.compile(prepared.program);
      observers?.compiled(prepared, this.backend.name, start);
    }
    return slot.executable;
  }

  #launch(launch: Launch): void {
    if (observers === null) this.backend.run(launch.executable, launch.inputs, launch.outputs, launch.params);
    else {
      observers.run(this.backend, launch);
      observers.computed(this.backend);
    }
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
      wanted.set(node, 'transient');
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
