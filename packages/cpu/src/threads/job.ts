// What threads do together, described in shared memory once, so that giving it out again costs a few words.
import type { Heap } from '../heap.ts';
import { callWord, pieceWord, wordsPerCall, wordsPerPiece } from './control.ts';
import type { Kernel } from './kernel-module.ts';

/** One kernel with the address of its arguments. */
export interface KernelCall {
  readonly kernel: Kernel;
  readonly arguments: number;
  /** Items of the kernel for each of the job's. Default: 1. */
  readonly scale?: number;
  /** All items of the kernel. Default: as many as the job's. */
  readonly items?: number;
}

/** Items [begin, end) of call number `call`. */
export interface Piece {
  readonly call: number;
  readonly begin: number;
  readonly end: number;
}

const unbounded = 0x7fffffff;

/**
 * Without pieces, each call runs on each run of items, one after the other. With pieces, an item is a piece of one of
 * the calls, and they come in any order.
 */
export class Job {
  readonly address: number;
  readonly callCount: number;
  readonly piecesAddress: number;
  readonly #heap: Heap;
  readonly #functions: readonly Kernel['function'][];
  readonly #calls: Int32Array;
  readonly #pieces: Int32Array | undefined;

  constructor(heap: Heap, calls: readonly KernelCall[], pieces?: readonly Piece[]) {
    this.#heap = heap;
    this.callCount = calls.length;
    this.#functions = calls.map(({ kernel }) => kernel.function);
    this.#calls = new Int32Array(calls.length * wordsPerCall);
    for (const [at, call] of calls.entries()) {
      const { module, entry } = call.kernel;
      const base = at * wordsPerCall;
      this.#calls[base + callWord.slot] = module.slot;
      this.#calls[base + callWord.serial] = module.serial;
      this.#calls[base + callWord.bytesAddress] = module.bytesAddress;
      this.#calls[base + callWord.bytesLength] = module.bytesLength;
      this.#calls[base + callWord.entry] = entry;
      this.#calls[base + callWord.arguments] = call.arguments;
      this.#calls[base + callWord.scale] = call.scale ?? 1;
      this.#calls[base + callWord.items] = call.items ?? unbounded;
    }
    this.#pieces = pieces && Int32Array.from(pieces.flatMap(({ call, begin, end }) => [call, begin, end]));
    this.address = this.#share(this.#calls);
    this.piecesAddress = this.#pieces === undefined ? 0 : this.#share(this.#pieces);
  }

  #share(words: Int32Array): number {
    const address = this.#heap.allocate(words.byteLength);
    this.#heap.words.set(words, address >>> 2);
    return address;
  }

  /** Runs items [begin, end) on the calling thread. */
  run(begin: number, end: number): void {
    const calls = this.#calls;
    const pieces = this.#pieces;
    if (pieces === undefined) {
      for (let call = 0; call < this.callCount; call++) {
        const base = call * wordsPerCall;
        const scale = calls[base + callWord.scale];
        const last = Math.min(end * scale, calls[base + callWord.items]);
        this.#functions[call](calls[base + callWord.arguments], begin * scale, last, 0);
      }
      return;
    }
    for (let at = begin * wordsPerPiece; at < end * wordsPerPiece; at += wordsPerPiece) {
      const call = pieces[at + pieceWord.call];
      const argumentsAddress = calls[call * wordsPerCall + callWord.arguments];
      this.#functions[call](argumentsAddress, pieces[at + pieceWord.begin], pieces[at + pieceWord.end], 0);
    }
  }

  /** Frees the description. */
  dispose(): void {
    this.#heap.free(this.address);
    this.#heap.free(this.piecesAddress);
  }
}
