// Gives temporaries their place in the arena: buffers that are alive at the same time never overlap.
import type { BufferSpec, DType, Kernel, Program } from '@nn/core';
import { buffersRead, buffersWritten } from './buffers.ts';

const alignment = 256;

interface Lifetime {
  readonly buffer: number;
  readonly bytes: number;
  first: number;
  last: number;
}

/** Lays out the temporaries: largest first, each as low as it fits best. */
export function planMemory(
  buffers: readonly Omit<BufferSpec, 'offset'>[],
  params: readonly DType[],
  kernels: readonly Kernel[],
  bytesPerElement: (dtype: DType) => number,
): Program {
  const lifetimes = new Map<number, Lifetime>();
  kernels.forEach((kernel, at) => {
    for (const buffer of [...buffersRead(kernel), ...buffersWritten(kernel)]) {
      const { role, dtype, length } = buffers[buffer];
      if (role !== 'temporary') continue;
      const known = lifetimes.get(buffer);
      if (known !== undefined) known.last = at;
      else {
        const bytes = Math.ceil((length * bytesPerElement(dtype)) / alignment) * alignment;
        lifetimes.set(buffer, { buffer, bytes, first: at, last: at });
      }
    }
  });
  const { offsets, arenaBytes } = placeAll([...lifetimes.values()]);
  return {
    buffers: buffers.map((buffer, i) => ({ ...buffer, offset: offsets.get(i) ?? 0 })),
    params,
    kernels,
    arenaBytes,
  };
}

interface Placed extends Lifetime {
  readonly offset: number;
}

/** Programs of more temporaries than this are laid out in one sweep over time. */
const maximumCompared = 1500;

function placeAll(lifetimes: readonly Lifetime[]): { offsets: Map<number, number>; arenaBytes: number } {
  const offsets = new Map<number, number>();
  // By offset; a new one goes into the smallest gap between those that live at its time.
  const placed: Placed[] = [];
  let arenaBytes = 0;
  if (lifetimes.length > maximumCompared) return sweep(lifetimes);
  const order = [...lifetimes].sort((a, b) => b.bytes - a.bytes || a.first - b.first);
  for (const lifetime of order) {
    const offset = bestGap(placed, lifetime);
    offsets.set(lifetime.buffer, offset);
    const at = placed.findIndex((other) => other.offset > offset);
    placed.splice(at < 0 ? placed.length : at, 0, { ...lifetime, offset });
    arenaBytes = Math.max(arenaBytes, offset + lifetime.bytes);
  }
  return { offsets, arenaBytes };
}

function bestGap(placed: readonly Placed[], { bytes, first, last }: Lifetime): number {
  let end = 0;
  let best = -1;
  let bestSize = Number.POSITIVE_INFINITY;
  for (const other of placed) {
    if (other.last < first || other.first > last) continue;
    const gap = other.offset - end;
    if (gap >= bytes && gap < bestSize) {
      best = end;
      bestSize = gap;
    }
    end = Math.max(end, other.offset + other.bytes);
  }
  return best >= 0 ? best : end;
}

/** Takes buffers as they begin, each into the best gap between those alive then: fast, and nearly as tight. */
function sweep(lifetimes: readonly Lifetime[]): { offsets: Map<number, number>; arenaBytes: number } {
  const offsets = new Map<number, number>();
  let alive: Placed[] = [];
  let arenaBytes = 0;
  for (const lifetime of [...lifetimes].sort((a, b) => a.first - b.first || b.bytes - a.bytes)) {
    alive = alive.filter((other) => other.last >= lifetime.first);
    const offset = bestGap(alive, lifetime);
    offsets.set(lifetime.buffer, offset);
    const at = alive.findIndex((other) => other.offset > offset);
    alive.splice(at < 0 ? alive.length : at, 0, { ...lifetime, offset });
    arenaBytes = Math.max(arenaBytes, offset + lifetime.bytes);
  }
  return { offsets, arenaBytes };
}
