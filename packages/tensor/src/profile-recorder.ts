// Takes down what the host does and how long each kernel runs, while a profile is taken.
import type { Prepared } from '@nn/compiler';
import type { Backend, Executable, Node, Program } from '@nn/core';
import type { Launch, Observer } from './observer.ts';

/** What the host spends time on. `plan` finds a known plan, `compile` makes a new one. */
export type HostWork = 'record' | 'plan' | 'compile' | 'upload' | 'run' | 'read' | 'flush' | 'region';

/** Times are milliseconds of `performance.now()`. */
export interface HostSpan {
  readonly work: HostWork;
  readonly name: string;
  readonly start: number;
  readonly end: number;
  /** Of uploads and reads. */
  readonly bytes: number;
}

/** One run of a program. */
export interface ProgramRun {
  readonly program: Program;
  readonly device: string;
  readonly bytesPerElement: Backend['bytesPerElement'];
  /** When the host handed it over. */
  readonly start: number;
  /** Milliseconds of each kernel, or where the device cannot tell, of the whole program. */
  times: readonly number[];
  readonly byKernel: boolean;
}

export class Recorder implements Observer {
  readonly spans: HostSpan[] = [];
  readonly runs: ProgramRun[] = [];
  readonly peakBytes: Map<string, number> = new Map();
  readonly #results: Promise<void>[] = [];
  readonly #backends = new Set<Backend>();
  #flushStart: number | null = null;

  recorded(node: Node, start: number): void {
    this.#add('record', node.op, start);
  }

  computing(): void {
    this.#flushStart = performance.now();
  }

  planned({ cached, program }: Prepared, _device: string, start: number): void {
    this.#add(
      cached ? 'plan' : 'compile',
      `${cached ? 'find' : 'make'} plan of ${program.kernels.length}`,
      start,
    );
  }

  compiled({ program }: Prepared, device: string, start: number): void {
    this.#add('compile', `compile ${program.kernels.length} kernels for ${device}`, start);
  }

  uploaded(node: Node, bytes: number, start: number): void {
    this.#add('upload', `upload [${node.shape.join(', ')}]`, start, bytes);
  }

  read(node: Node, start: number): void {
    const bytes = node.state?.buffer?.bytes ?? node.state?.host?.byteLength ?? 0;
    this.#add('read', `read [${node.shape.join(', ')}]`, start, bytes);
  }

  run(backend: Backend, launch: Launch): void {
    const { executable, inputs, outputs, params } = launch;
    const start = performance.now();
    this.#backends.add(backend);
    if (backend.runTimed === undefined) {
      backend.run(executable, inputs, outputs, params);
      // Where a read can be synchronous, the run is over when it returns, or soon after.
      const run = this.#addRun(backend, executable, start, false);
      const done = (): void => {
        run.times = [performance.now() - Math.max(start, run.previousEnd())];
      };
      this.#results.push(backend.synchronize().then(done));
    } else {
      const run = this.#addRun(backend, executable, start, true);
      this.#results.push(
        backend.runTimed(executable, inputs, outputs, params).then((times) => {
          run.times = times;
        }),
      );
    }
    this.#add('run', `run ${executable.program.kernels.length} kernels on ${backend.name}`, start);
  }

  computed(backend: Backend): void {
    const { liveBytes } = backend.memory();
    this.peakBytes.set(backend.name, Math.max(liveBytes, this.peakBytes.get(backend.name) ?? 0));
    if (this.#flushStart !== null) this.#add('flush', 'flush', this.#flushStart);
    this.#flushStart = null;
  }

  failed(): void {
    this.#flushStart = null;
  }

  region(name: string, start: number): void {
    this.#add('region', name, start);
  }

  /** Waits for all devices. @throws what a device reports. */
  async settle(): Promise<void> {
    const outcomes = await Promise.allSettled(this.#results);
    for (const backend of this.#backends) await backend.synchronize();
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  }
}
