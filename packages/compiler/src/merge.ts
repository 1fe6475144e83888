// Merges kernels over the same loops: those that read what another just stored, and those that load the same.
// An optimizer's whole update (new state and new parameter) becomes one kernel with several stores.
import type { BufferSpec, CopyKernel, DType, Kernel, LoopKernel } from '@nn/core';
import { buffersRead, buffersWritten } from './buffers.ts';
import { joinKernels } from './join.ts';

type Buffers = readonly Pick<BufferSpec, 'role' | 'length' | 'dtype'>[];

/** Merges within each stage: what runs behind a barrier stays behind it. */
export function mergeKernels(stages: readonly (readonly Kernel[])[], buffers: Buffers): Kernel[][] {
  return dropUnreadStores(
    stages.map((kernels) => new Merger(kernels, buffers).merge()),
    buffers,
  );
}

/** How many earlier readers of one buffer are tried: what is further back is out of the cache anyway. */
const readersTried = 4;

class Merger {
  /** A merged kernel stays at one of the two places; the other is empty. */
  readonly #slots: (Kernel | null)[];
  readonly #buffers: Buffers;
  /** The slots of the kernels seen so far, by buffer. */
  readonly #writers = new Map<number, number[]>();
  readonly #readers = new Map<number, number[]>();

  constructor(kernels: readonly Kernel[], buffers: Buffers) {
    this.#slots = [...kernels];
    this.#buffers = buffers;
  }

  merge(): Kernel[] {
    for (let slot = 0; slot < this.#slots.length; slot++) {
      const kernel = this.#slots[slot] as Kernel;
      const loop = kernel.kind === 'copy' ? this.#loopOf(kernel) : kernel.kind === 'loop' ? kernel : null;
      if (loop === null || !this.#tryMerge(loop, slot)) this.#record(kernel, slot);
    }
    return this.#slots.filter((kernel) => kernel !== null);
  }

  #tryMerge(kernel: LoopKernel, slot: number): boolean {
    for (const earlier of this.#candidates(kernel)) {
      const other = this.#slots[earlier];
      if (other === null || other.kind !== 'loop') continue;
      const target = this.#meetingPlace(other, earlier, kernel, slot);
      if (target === null) continue;
      const joined = joinKernels(other, kernel);
      if (joined === null) continue;
      this.#forget(other, earlier);
      this.#slots[earlier] = null;
      this.#slots[slot] = null;
      this.#slots[target] = joined;
      this.#record(joined, target);
      return true;
    }
    return false;
  }

  /** Kernels that wrote what this one reads, last first, then those that read the same. */
  #candidates(kernel: LoopKernel): Set<number> {
    const reads = buffersRead(kernel);
    const writers = reads.flatMap((buffer) => this.#writers.get(buffer)?.slice(-1) ?? []);
    const readers = reads.flatMap((buffer) => this.#readers.get(buffer)?.slice(-readersTried) ?? []);
    return new Set([...writers.sort((a, b) => b - a), ...readers.sort((a, b) => b - a)]);
  }

  /** The slot where both can run: the earlier one's if all else that the later needs is there by then, or its own. */
  #meetingPlace(other: LoopKernel, earlier: number, kernel: LoopKernel, slot: number): number | null {
    const outputs = new Set(buffersWritten(other));
    const targets = buffersWritten(kernel);
    if (targets.some((buffer) => outputs.has(buffer))) return null;
    let up = true;
    for (const buffer of [...buffersRead(kernel), ...targets]) {
      for (const writer of this.#writers.get(buffer) ?? []) {
        if (writer > earlier) up = false;
        // What others wrote over since is not what this kernel reads.
        if (writer > earlier && outputs.has(buffer)) return null;
      }
    }
    if (up) return earlier;
    for (const buffer of outputs) {
      if (this.#readers.get(buffer)?.some((reader) => reader > earlier)) return null;
      if (this.#writers.get(buffer)?.some((writer) => writer > earlier)) return null;
    }
    return slot;
  }

  #record(kernel: Kernel, slot: number): void {
    for (const buffer of buffersRead(kernel)) insert(this.#readers, buffer, slot);
    for (const buffer of buffersWritten(kernel)) insert(this.#writers, buffer, slot);
  }

  #forget(kernel: Kernel, slot: number): void {
    for (const buffer of buffersRead(kernel)) remove(this.#readers, buffer, slot);
    for (const buffer of buffersWritten(kernel)) remove(this.#writers, buffer, slot);
  }

  /** A copy of what a loop wrote can be one more store of that loop. */
  #loopOf({ name, source, target }: CopyKernel): LoopKernel | null {
    const writer = this.#writers.get(source)?.at(-1);
    if (writer === undefined || this.#slots[writer]?.kind !== 'loop') return null;
    const { dtype, length } = this.#buffers[source];
    return copyLoop(name, dtype, length, source, target);
  }
}

function copyLoop(name: string, dtype: DType, length: number, source: number, target: number): LoopKernel {
  const extents = length === 1 ? [] : [length];
  const whole = { offset: 0, strides: extents.map(() => 1), guards: [] };
  return {
    kind: 'loop',
    name,
    extents,
    producer: null,
    epilogue: [{ op: 'load', dtype, access: { buffer: source, ...whole } }],
    stores: [{ access: { buffer: target, ...whole }, value: 0 }],
  };
}

/** Lists stay sorted, so that the last is the latest. */
function insert(lists: Map<number, number[]>, buffer: number, slot: number): void {
  const list = lists.get(buffer);
  if (list === undefined) lists.set(buffer, [slot]);
  else if (!list.includes(slot)) {
    list.push(slot);
    list.sort((a, b) => a - b);
  }
}

function remove(lists: Map<number, number[]>, buffer: number, slot: number): void {
  const list = lists.get(buffer) ?? [];
  const at = list.indexOf(slot);
  if (at >= 0) list.splice(at, 1);
}

/** Merging can leave stores of temporaries that nobody loads any more. */
function dropUnreadStores(stages: readonly (readonly Kernel[])[], buffers: Buffers): Kernel[][] {
  // A scatter needs what was in its target before.
  const needed = (kernel: Kernel): readonly number[] =>
    kernel.kind === 'scatter' ? [...buffersRead(kernel), kernel.target] : buffersRead(kernel);
  const read = new Set(stages.flat().flatMap(needed));
  const dropped = (kernel: Kernel): Kernel => {
    if (kernel.kind !== 'loop') return kernel;
    const stores = kernel.stores.filter(
      ({ access }) => buffers[access.buffer].role !== 'temporary' || read.has(access.buffer),
    );
    return stores.length === kernel.stores.length || stores.length === 0 ? kernel : { ...kernel, stores };
  };
  return stages.map((kernels) => kernels.map(dropped));
}
