// A backend that notes what the engine asks of it.
import { buffersRead, buffersWritten } from '@nn/compiler';
import type { Backend, Program } from '@nn/core';
import { namedBackend } from '../libraries/named-backend.ts';

export interface Counts {
  programs: number;
  kernels: number;
  /** The most bytes that were live at once. */
  peakBytes: number;
  /** Of the largest arena; and what the temporaries in it take that must be there at once. */
  arenaBytes: number;
  arenaLeastBytes: number;
  /** Milliseconds within `run`. */
  runMs: number;
  /** When the backend was first called, as `performance.now()` gives it; 0 for never. */
  firstCall: number;
}

export interface CountingBackend extends Backend {
  readonly counts: Readonly<Counts>;
  reset(): void;
}

export function countingBackend(backend: Backend): CountingBackend {
  const counts = fresh();
  const arenas = new WeakMap<Program, number>();
  const notePeak = (): void => {
    counts.peakBytes = Math.max(counts.peakBytes, backend.memory().liveBytes);
  };
  const noteCall = (): void => {
    if (counts.firstCall === 0) counts.firstCall = performance.now();
  };
  return {
    ...namedBackend(backend, backend.name),
    counts,
    allocate(dtype, length) {
      noteCall();
      const buffer = backend.allocate(dtype, length);
      notePeak();
      return buffer;
    },
    write(buffer, data) {
      noteCall();
      backend.write(buffer, data);
    },
    run(executable, inputs, outputs, params) {
      noteCall();
      const { program } = executable;
      counts.programs++;
      counts.kernels += program.kernels.length;
      if (program.arenaBytes >= counts.arenaBytes) {
        const least = arenas.get(program) ?? leastArena(program, backend);
        arenas.set(program, least);
        counts.arenaBytes = program.arenaBytes;
        counts.arenaLeastBytes = least;
      }
      const start = performance.now();
      backend.run(executable, inputs, outputs, params);
      counts.runMs += performance.now() - start;
      notePeak();
    },
    reset() {
      Object.assign(counts, fresh());
    },
  };
}

function fresh(): Counts {
  return {
    programs: 0,
    kernels: 0,
    peakBytes: 0,
    arenaBytes: 0,
    arenaLeastBytes: 0,
    runMs: 0,
    firstCall: 0,
  };
}

/** What temporaries take at the kernel where most of them are needed: no arena for these kernels is smaller. */
function leastArena({ kernels, buffers }: Program, backend: Backend): number {
  const lifetimes = new Map<number, { first: number; last: number }>();
  for (const [at, kernel] of kernels.entries()) {
    for (const buffer of [...buffersRead(kernel), ...buffersWritten(kernel)]) {
      if (buffers[buffer].role !== 'temporary') continue;
      const known = lifetimes.get(buffer);
      if (known === undefined) lifetimes.set(buffer, { first: at, last: at });
      else known.last = at;
    }
  }
  const live = kernels.map((_, at) => {
    let bytes = 0;
    for (const [buffer, { first, last }] of lifetimes) {
      const { dtype, length } = buffers[buffer];
      if (first <= at && at <= last) bytes += length * backend.bytesPerElement(dtype);
    }
    return bytes;
  });
  return Math.max(0, ...live);
}
