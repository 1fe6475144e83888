// Takes down what the host does and how long each kernel runs, while a profile is taken.
import type { Prepared } from '@nn/compiler';
import type { Backend, Node, Program } from '@nn/core';
import type { Launch, Observer } from './observer.ts';

/** What the host spends time on: `plan` finds a known plan, `make` makes one, which a device compiles. */
export type HostWork =
  | 'record'
  | 'plan'
  | 'make'
  | 'compile'
  | 'upload'
  | 'run'
  | 'read'
  | 'flush'
  | 'region';

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
  /** When the last program of a device was over. */
  readonly #ends = new Map<Backend, number>();
  #flushStart: number | null = null;

  recorded(node: Node, start: number): void {
    this.#add('record', node.op, start);
  }

  computing(): void {
    this.#flushStart = performance.now();
  }

  planned({ cached, program }: Prepared, _device: string, start: number): void {
    const kernels = `${program.kernels.length} kernels`;
    if (cached) this.#add('plan', `find the plan of ${kernels}`, start);
    else this.#add('make', `make a plan of ${kernels}`, start);
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

  run(backend: Backend, { executable, inputs, outputs, params }: Launch): void {
    const start = performance.now();
    this.#backends.add(backend);
    const run: ProgramRun = {
      program: executable.program,
      device: backend.name,
      bytesPerElement: (dtype) => backend.bytesPerElement(dtype),
      start,
      times: [],
      byKernel: backend.runTimed !== undefined,
    };
    this.runs.push(run);
    if (backend.runTimed !== undefined) {
      const timed = backend.runTimed(executable, inputs, outputs, params);
      this.#await(
        timed.then((times) => {
          run.times = times;
        }),
      );
    } else {
      backend.run(executable, inputs, outputs, params);
      if (backend.capabilities.synchronousRead) run.times = [performance.now() - start];
      else this.#await(this.#whenDone(backend, run));
    }
    this.#add('run', `run ${executable.program.kernels.length} kernels on ${backend.name}`, start);
  }

  /** Programs run one after the other: this one began when the one before it ended. */
  async #whenDone(backend: Backend, run: ProgramRun): Promise<void> {
    await backend.synchronize();
    const end = performance.now();
    run.times = [end - Math.max(run.start, this.#ends.get(backend) ?? 0)];
    this.#ends.set(backend, end);
  }

  #await(result: Promise<void>): void {
    // What goes wrong is thrown by `settle`; until then it must not count as nobody's.
    result.catch(() => {});
    this.#results.push(result);
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

  #add(work: HostWork, name: string, start: number, bytes: number = 0): void {
    this.spans.push({ work, name, start, end: performance.now(), bytes });
  }

  /** Waits for all devices. @throws what a device reports. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.#results);
    await Promise.all([...this.#results, ...Array.from(this.#backends, (backend) => backend.synchronize())]);
  }
}
