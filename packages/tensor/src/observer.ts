// Looking on while the engine works: the seam for profiles, anomaly mode and memory tracking. When nobody looks on,
// the engine pays one comparison with null at each place.
import type { Prepared } from '@nn/compiler';
import type { Backend, DeviceBuffer, Executable, Node } from '@nn/core';
import type { Tensor } from './tensor.ts';

/** Times are milliseconds of `performance.now()`. */
export interface Observer {
  /** An op was recorded; the call began at `start`. */
  recorded?(node: Node, start: number): void;
  /** A handle was made. */
  made?(tensor: Tensor): void;
  /** The values are about to be computed: their graph is still there, and so is what it reads. */
  computing?(nodes: readonly Node[], device: string): void;
  /** A flush has its program. */
  planned?(prepared: Prepared, device: string, start: number): void;
  /** The backend compiled the program. */
  compiled?(prepared: Prepared, device: string, start: number): void;
  uploaded?(node: Node, bytes: number, start: number): void;
  /** Values were copied to the host. `error`: why they were not. */
  read?(node: Node, start: number, error: unknown): void;
  /** Awaited before a value of a device that computes behind the calls is handed out: may throw. */
  settled?(): Promise<void>;
  /** Compiled functions do not replay: each op is recorded. */
  readonly recordsAll?: boolean;
  /** Runs a program in the place of `Backend.run`. */
  run?(backend: Backend, launch: Launch): void;
  /** After a flush: what was allocated for it is still there. */
  computed?(backend: Backend): void;
  /** Computing the values failed. */
  failed?(nodes: readonly Node[], backend: Backend, error: unknown): void;
}

/** The arguments of `Backend.run`. */
export interface Launch {
  readonly executable: Executable;
  readonly inputs: readonly DeviceBuffer[];
  readonly outputs: readonly DeviceBuffer[];
  readonly params: readonly (number | bigint)[];
}

/** All who look on. */
export class Observers {
  readonly #all: readonly Observer[];

  constructor(all: readonly Observer[]) {
    this.#all = all;
  }

  now(): number {
    return performance.now();
  }
  with(observer: Observer): Observers {
    return new Observers([...this.#all, observer]);
  }
  without(observer: Observer): Observers | null {
    const others = this.#all.filter((each) => each !== observer);
    return others.length === 0 ? null : new Observers(others);
  }

  recorded(node: Node, start: number): void {
    for (const each of this.#all) each.recorded?.(node, start);
  }
  made(tensor: Tensor): void {
    for (const each of this.#all) each.made?.(tensor);
  }
  computing(nodes: readonly Node[], device: string): void {
    for (const each of this.#all) each.computing?.(nodes, device);
  }
  planned(prepared: Prepared, device: string, start: number): void {
    for (const each of this.#all) each.planned?.(prepared, device, start);
  }
  compiled(prepared: Prepared, device: string, start: number): void {
    for (const each of this.#all) each.compiled?.(prepared, device, start);
  }
  uploaded(node: Node, bytes: number, start: number): void {
    for (const each of this.#all) each.uploaded?.(node, bytes, start);
  }
  read(node: Node, start: number, error: unknown): void {
    for (const each of this.#all) each.read?.(node, start, error);
  }
  async settled(): Promise<void> {
    for (const each of this.#all) await each.settled?.();
  }
  get recordsAll(): boolean {
    return this.#all.some((each) => each.recordsAll === true);
  }
  run(backend: Backend, launch: Launch): void {
    const runner = this.#all.find((each) => each.run !== undefined);
    if (runner?.run !== undefined) runner.run(backend, launch);
    else backend.run(launch.executable, launch.inputs, launch.outputs, launch.params);
  }
  computed(backend: Backend): void {
    for (const each of this.#all) each.computed?.(backend);
  }
  failed(nodes: readonly Node[], backend: Backend, error: unknown): void {
    for (const each of this.#all) each.failed?.(nodes, backend, error);
  }
}

/** Null unless somebody looks on. */
export let observers: Observers | null = null;

/** Looks on until the guard's end. */
export function observe(observer: Observer): Disposable {
  observers = observers?.with(observer) ?? new Observers([observer]);
  let over = false;
  return {
    [Symbol.dispose]() {
      if (!over) observers = observers?.without(observer) ?? null;
      over = true;
    },
  };
}
