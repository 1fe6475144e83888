// The programs of a device: finds the one that computes a graph, and runs it on the buffers of held values.
import { type CacheOptions, PlanCache, type Prepared } from '@nn/compiler';
import {
  type Backend,
  type DeviceBuffer,
  type DType,
  type Executable,
  type Node,
  type NodeState,
  nodeState,
  sizeOf,
} from '@nn/core';
import { isFused } from './fusion.ts';
import type { Keeping } from './holdings.ts';
import { type Launch, observers } from './observer.ts';
import type { Residence } from './residence.ts';
import { detachMemory, isUnshared, takeOver, valueNode } from './takeover.ts';

const noInputs: readonly Node[] = [];

const recycledMessage =
  'this gradient was left by a compiled function, which has been called again since. ' +
  'Read it earlier, or keep it with x.realize() or x.clone() before the next call';

/** Why a value is gone that a compiled function wrote over. */
export const updatedMessage: string =
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

export class Programs {
  readonly #backend: Backend;
  readonly #residence: Residence;
  readonly #fused: PlanCache;
  readonly #unfused: PlanCache;

  constructor(backend: Backend, residence: Residence) {
    this.#backend = backend;
    this.#residence = residence;
    const options = (fusion: boolean): CacheOptions => ({
      fusion,
      bytesPerElement: (dtype: DType) => backend.bytesPerElement(dtype),
      buffersPerKernel: backend.capabilities.buffersPerKernel,
      onDrop: (executable) => backend.release(executable),
    });
    this.#fused = new PlanCache(options(true));
    this.#unfused = new PlanCache(options(false));
  }

  /** The program for the roots; `updates` as in `PlanCache.prepare`. */
  prepare(roots: readonly Node[], updates?: ReadonlyMap<Node, Node>): Prepared {
    return (isFused() ? this.#fused : this.#unfused).prepare(roots, updates);
  }

  /** Computes the roots and holds their values, as is wanted of each; `updates` as in `PlanCache.prepare`. */
  compute(
    roots: readonly Node[],
    wanted: ReadonlyMap<Node, Keeping>,
    updates: ReadonlyMap<Node, Node>,
  ): void {
    const start = observers?.now() ?? 0;
    const prepared = this.prepare(roots, updates);
    observers?.planned(prepared, this.#backend.name, start);
    const executable = this.#executableOf(prepared);
    const temporary: NodeState[] = [];
    const inputs = this.#inputsOf(prepared, temporary);
    const outputs = this.#allocateOutputs(prepared);
    // Whatever happens while the program runs, nobody may take what it writes over for the former value.
    const updated = prepared.updated.map(({ root, input }) => detachMemory(prepared.inputs[input], root));
    this.#launch({ executable, inputs, outputs, params: prepared.params });
    for (const state of temporary) this.#residence.release(state);
    for (const { root, state, lease } of updated) {
      root.lease = lease;
      this.#keepComputed(root, state, wanted);
    }
    for (let i = 0; i < outputs.length; i++)
      this.#keepComputed(prepared.outputs[i], nodeState({ buffer: outputs[i] }), wanted);
  }

  /**
   * Runs a prepared program of a compiled function. Gives the values of its outputs, then those that it updated: with
   * `donates`, in the buffers of the inputs, where nobody else may need these; else in copies of them.
   */
  replay(prepared: Prepared, replay: Replay): Node[] {
    const { nodes, params, keepings, recycles, donates, former } = replay;
    const executable = this.#executableOf(prepared);
    const temporary: NodeState[] = [];
    const inputs: DeviceBuffer[] = [];
    for (const node of nodes) inputs.push(this.#residence.bufferOf(node, temporary));
    for (const { input } of prepared.updated) {
      const node = nodes[input];
      if (donates && isUnshared(node) && !temporary.includes(node.state!)) continue;
      const copy = this.#residence.allocate(node.dtype, inputs[input].length);
      this.#backend.copy(inputs[input], copy);
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
    return results;
  }

  /** Whether nobody is known to need what a former call left, neither this call nor who asked to keep it. */
  #isFree(former: Node | undefined): boolean {
    const state = former?.state;
    if (former === undefined || state?.buffer === undefined || !isUnshared(former)) return false;
    return !this.#residence.isUsed(state) && this.#residence.holdingOf(state)?.keeping === 'transient';
  }

  /**
   * Computes values beside everything else: nothing is kept or counted. The caller frees the buffers.
   *
   * @param nodes distinct ones that are not held.
   */
  computeApart(nodes: readonly Node[]): DeviceBuffer[] {
    const prepared = this.prepare(nodes);
    const executable = this.#executableOf(prepared);
    const temporary: NodeState[] = [];
    const inputs = this.#inputsOf(prepared, temporary);
    const outputs = this.#allocateOutputs(prepared);
    this.#backend.run(executable, inputs, outputs, prepared.params);
    for (const state of temporary) this.#residence.release(state);
    return outputs;
  }

  #executableOf(prepared: Prepared): Executable {
    const slot = prepared.executableSlot;
    if (slot.executable === undefined) {
      const start = observers?.now() ?? 0;
      slot.executable = this.#backend.compile(prepared.program);
      observers?.compiled(prepared, this.#backend.name, start);
    }
    return slot.executable;
  }

  #launch(launch: Launch): void {
    if (observers === null)
      this.#backend.run(launch.executable, launch.inputs, launch.outputs, launch.params);
    else {
      observers.run(this.#backend, launch);
      observers.computed(this.#backend);
    }
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
}
