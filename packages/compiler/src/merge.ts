// Merges kernels over the same loops: those that read what another just stored, and those that load the same.
// An optimizer's whole update (new state and new parameter) becomes one kernel with several stores.
import { type BufferSpec, type CopyKernel, type DType, type Kernel, type LoopKernel, sizeOf } from '@nn/core';
import { buffersRead, buffersWritten } from './buffers.ts';
import { Dependences } from './dependences.ts';
import { joinKernels, mayMeet } from './join.ts';
import { workOf } from './work.ts';
import { writeApart } from './writers.ts';

type Buffers = readonly Pick<BufferSpec, 'role' | 'length' | 'dtype'>[];

/** Merges within each stage: what runs behind a barrier stays behind it. */
export function mergeKernels(
  stages: readonly (readonly Kernel[])[],
  buffers: Buffers,
  buffersPerKernel: number,
): Kernel[][] {
  return dropUnreadStores(
    stages.map((kernels) => new Merger(kernels, buffers, buffersPerKernel).merge()),
    buffers,
  );
}

/** How many earlier readers of one buffer are tried: what is further back is out of the cache anyway. */
const readersTried = 4;

class Merger {
  readonly #order: Dependences;
  readonly #count: number;
  readonly #buffers: Buffers;
  readonly #buffersPerKernel: number;
  /** Kernels seen so far, by the buffers that they read. */
  readonly #readers = new Map<number, number[]>();

  constructor(kernels: readonly Kernel[], buffers: Buffers, buffersPerKernel: number) {
    this.#order = new Dependences(kernels);
    this.#count = kernels.length;
    this.#buffers = buffers;
    this.#buffersPerKernel = buffersPerKernel;
  }

  merge(): Kernel[] {
    for (let at = 0; at < this.#count; at++) {
      let current = at;
      for (let merged: number | null = at; merged !== null; merged = this.#tryMerge(current))
        current = merged;
      this.#noteReads(current);
    }
    return this.#order.ordered();
  }

  /** Makes the kernel part of an earlier one; returns that one's number. */
  #tryMerge(at: number): number | null {
    const kernel = this.#loopAt(at);
    if (kernel === null) return null;
    for (const earlier of this.#candidates(kernel, at)) {
      const other = this.#order.kernel(earlier);
      if (other?.kind !== 'loop' || !mayMeet(other, kernel)) continue;
      if (!this.#canMeet(other, earlier, kernel, at)) continue;
      const joined = joinKernels(other, kernel, this.#buffersPerKernel);
      if (joined === null || this.#keepsMoreApart(earlier, at)) continue;
      this.#order.contract(earlier, at, joined);
      return earlier;
    }
    return null;
  }

  /** Whether the two as one would come between others that could be one, and that have more to walk. */
  #keepsMoreApart(earlier: number, at: number): boolean {
    const work = (kernel: number): number => workOf(this.#order.kernel(kernel));
    const own = work(earlier) + work(at);
    for (const pair of this.#order.separatedBy(earlier, at))
      if (pair.some((other) => work(other) > own) && this.#mayBeOne(...pair)) return true;
    return false;
  }

  /** Products become one kernel only with what walks as many elements. */
  #mayBeOne(a: number, b: number): boolean {
    const [first, second] = [this.#order.kernel(a), this.#order.kernel(b)];
    if (first?.kind !== 'loop' || second?.kind !== 'loop') return true;
    if (first.producer?.kind !== 'dot' && second.producer?.kind !== 'dot') return true;
    return sizeOf(first.extents) === sizeOf(second.extents);
  }

  /** Kernels that wrote what this one reads, last first, then those that read the same. */
  #candidates(kernel: LoopKernel, at: number): Set<number> {
    const readers = buffersRead(kernel).flatMap((buffer) => {
      const alive = (this.#readers.get(buffer) ?? []).filter((reader) => this.#order.kernel(reader) !== null);
      return alive.slice(-readersTried);
    });
    const candidates = new Set([
      ...[...this.#order.before(at)].sort((a, b) => b - a),
      ...readers.sort((a, b) => b - a),
    ]);
    candidates.delete(at);
    return candidates;
  }

  #canMeet(other: LoopKernel, earlier: number, kernel: LoopKernel, at: number): boolean {
    const read = buffersRead(other);
    const stored = buffersWritten(other);
    for (const buffer of buffersWritten(kernel)) {
      if (read.includes(buffer)) return false;
      if (stored.includes(buffer) && !writeApart(other, kernel, buffer)) return false;
    }
    if (this.#order.before(at).has(earlier)) return !this.#order.isBetween(earlier, at);
    return this.#order.areIndependent(earlier, at);
  }

  #noteReads(at: number): void {
    for (const buffer of buffersRead(this.#order.kernel(at) as Kernel)) {
      const list = this.#readers.get(buffer);
      if (list === undefined) this.#readers.set(buffer, [at]);
      else if (!list.includes(at)) list.push(at);
    }
  }

  #loopAt(at: number): LoopKernel | null {
    const kernel = this.#order.kernel(at);
    if (kernel?.kind === 'copy') return this.#loopOf(kernel, at);
    return kernel?.kind === 'loop' ? kernel : null;
  }

  /** A copy of what a loop wrote can be one more store of that loop. */
  #loopOf({ name, source, target }: CopyKernel, at: number): LoopKernel | null {
    const isWriter = (kernel: Kernel | null): boolean =>
      kernel?.kind === 'loop' && buffersWritten(kernel).includes(source);
    if (![...this.#order.before(at)].some((before) => isWriter(this.#order.kernel(before)))) return null;
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
