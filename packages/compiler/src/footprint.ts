// The memory that a program takes, against what no layout could do without.
import type { BufferSpec, DType, Kernel, Program } from '@nn/core';
import { buffersRead, buffersWritten } from './buffers.ts';

/** Bytes. */
export interface Footprint {
  /** Of inputs, those that are updated in place among them. */
  readonly inputBytes: number;
  readonly outputBytes: number;
  /** Of the arena that temporaries share. */
  readonly arenaBytes: number;
  /** Of all temporaries, if each had memory of its own. */
  readonly temporaryBytes: number;
  /** Inputs, outputs and the arena: what a run takes. */
  readonly peakBytes: number;
  /** Inputs, outputs and those temporaries that must be there at once: no plan with these kernels takes less. */
  readonly requiredBytes: number;
}

/** The first and the last kernel that uses a buffer. */
export type Lifetime = readonly [first: number, last: number];

export function footprintOf(program: Program, bytesPerElement: (dtype: DType) => number): Footprint {
  const { buffers, kernels, arenaBytes } = program;
  const bytesOf = ({ dtype, length }: BufferSpec): number => length * bytesPerElement(dtype);
  const ofRole = (...roles: BufferSpec['role'][]): number =>
    sum(buffers.filter(({ role }) => roles.includes(role)).map(bytesOf));
  const inputBytes = ofRole('input', 'updated');
  const outputBytes = ofRole('output');
  // What begins to live with each kernel, less what ended with the one before.
  const changes = new Array<number>(kernels.length + 1).fill(0);
  for (const [buffer, [first, last]] of lifetimesOf(kernels)) {
    if (buffers[buffer].role !== 'temporary') continue;
    changes[first] += bytesOf(buffers[buffer]);
    changes[last + 1] -= bytesOf(buffers[buffer]);
  }
  let live = 0;
  let most = 0;
  for (const change of changes) {
    live += change;
    most = Math.max(most, live);
  }
  return {
    inputBytes,
    outputBytes,
    arenaBytes,
    temporaryBytes: ofRole('temporary'),
    peakBytes: inputBytes + outputBytes + arenaBytes,
    requiredBytes: inputBytes + outputBytes + most,
  };
}

export function lifetimesOf(kernels: readonly Kernel[]): Map<number, Lifetime> {
  const lifetimes = new Map<number, Lifetime>();
  kernels.forEach((kernel, at) => {
    for (const buffer of [...buffersRead(kernel), ...buffersWritten(kernel)])
      lifetimes.set(buffer, [lifetimes.get(buffer)?.[0] ?? at, at]);
  });
  return lifetimes;
}

function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0);
}
