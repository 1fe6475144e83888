// Where a program's addresses and params stand in the records of its kernels. The records stay from run to run, so
// that a run writes only what is not as it was.

import { writeSlot } from '../emit/record.ts';
import type { RegisterDType } from '../emit/registers.ts';
import type { Heap } from '../heap.ts';

interface AddressPlace {
  /** Index into the heap's words. */
  readonly word: number;
  readonly offset: number;
}

interface ParamPlace {
  readonly word: number;
  readonly dtype: RegisterDType;
}

export class Binding {
  readonly #heap: Heap;
  /** Of each of the program's buffers, then of scratch space; 0 before the first run. */
  readonly #addresses: number[];
  readonly #addressPlaces: AddressPlace[][];
  readonly #params: (number | bigint | undefined)[];
  readonly #paramPlaces: ParamPlace[][];

  constructor(heap: Heap, buffers: number, params: number) {
    this.#heap = heap;
    this.#addresses = new Array<number>(buffers + 1).fill(0);
    this.#addressPlaces = this.#addresses.map(() => []);
    this.#params = new Array<undefined>(params).fill(undefined);
    this.#paramPlaces = this.#params.map(() => []);
  }

  /** The number of scratch space, after the program's buffers. */
  get scratch(): number {
    return this.#addresses.length - 1;
  }

  addressAt(word: number, buffer: number, offset: number): void {
    this.#addressPlaces[buffer].push({ word, offset });
  }

  paramAt(word: number, param: number, dtype: RegisterDType): void {
    this.#paramPlaces[param].push({ word, dtype });
  }

  bindAddress(buffer: number, address: number): void {
    if (this.#addresses[buffer] === address) return;
    this.#addresses[buffer] = address;
    const { words } = this.#heap;
    for (const { word, offset } of this.#addressPlaces[buffer]) words[word] = address + offset;
  }

  bindParam(param: number, value: number | bigint): void {
    if (Object.is(this.#params[param], value)) return;
    this.#params[param] = value;
    const { words } = this.#heap;
    for (const { word, dtype } of this.#paramPlaces[param]) writeSlot(words, word, dtype, value);
  }
}
