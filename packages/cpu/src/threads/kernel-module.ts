// A compiled module and its copy in shared memory, from which workers make their own instances.

import type { Heap } from '../heap.ts';
import { mathFunctions } from './math-functions.ts';

/** Runs items [begin, end) with the arguments at an address; `thread` chooses scratch space. */
export type KernelFunction = (argumentsAddress: number, begin: number, end: number, thread: number) => void;

/** A kernel: one exported function, `k<entry>`, of a module. */
export interface Kernel {
  readonly module: KernelModule;
  readonly entry: number;
  readonly function: KernelFunction;
}

let lastSerial = 0;
let slots = 0;
const freeSlots: number[] = [];

export class KernelModule {
  /** Where workers keep their instance; used again once the module is disposed of. */
  readonly slot: number = freeSlots.pop() ?? slots++;
  /** Never 0, so that an empty slot is nobody's. */
  readonly serial: number = ++lastSerial;
  readonly bytesAddress: number;
  readonly bytesLength: number;
  readonly #heap: Heap;
  readonly #kernels = new Map<number, Kernel>();
  readonly #exports: WebAssembly.Exports;

  /** Compiles a module that imports `env.memory` and functions of `math`, and exports kernels as `k0`, `k1` … */
  constructor(heap: Heap, bytes: Uint8Array<ArrayBuffer>) {
    this.#heap = heap;
    this.#exports = new WebAssembly.Instance(new WebAssembly.Module(bytes), {
      env: { memory: heap.memory },
      math: mathFunctions,
    }).exports;
    this.bytesLength = bytes.length;
    this.bytesAddress = heap.shared ? heap.allocate(bytes.length) : 0;
    if (heap.shared) new Uint8Array(heap.memory.buffer, this.bytesAddress, bytes.length).set(bytes);
  }

  kernel(entry = 0): Kernel {
    const known = this.#kernels.get(entry);
    if (known !== undefined) return known;
    const kernel = { module: this, entry, function: this.#exports[`k${entry}`] as KernelFunction };
    this.#kernels.set(entry, kernel);
    return kernel;
  }

  /** Frees the copy for workers. They drop their instances when the next module takes the slot. */
  dispose(): void {
    this.#heap.free(this.bytesAddress);
    freeSlots.push(this.slot);
  }
}
