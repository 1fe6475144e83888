// One WebAssembly memory for everything, and an allocator over it.
//
// The allocator is a two-level segregated fit (Masmano et al. 2004, "TLSF: a new dynamic memory allocator for
// real-time systems"): constant time, neighbours coalesce at once, so that any number of cycles leaves it flat.
// Its records live in JavaScript: nothing that a kernel overwrites by mistake can break it.

import { OutOfMemoryError } from '@nn/core';
import { features } from './wasm/index.ts';

const pageBytes = 65536;
const alignment = 64;
/** Address 0 is never handed out, so that 0 can mean "none". */
const firstAddress = 1024;
/** The last bytes are not handed out: vectors may be read that reach beyond the end of what they are read from. */
const bytesBehind = 64;
const classesPerOctave = 8;
const octaves = 32;

interface Block {
  address: number;
  bytes: number;
  isFree: boolean;
  /** Neighbours by address. */
  before: Block | undefined;
  after: Block | undefined;
  /** Neighbours in the list of free blocks of one size class. */
  previous: Block | undefined;
  next: Block | undefined;
}

export interface HeapOptions {
  /** The most that the memory may grow to; 4 GiB less one page by default, or what the engine agrees to reserve. */
  readonly maximumBytes?: number;
}

/** A size in units of the alignment: an integer of 32 bits for all that a memory can hold. */
function unitsOf(bytes: number): number {
  return (bytes / alignment) | 0;
}

/** The class of the free blocks of a given size. */
function sizeClass(bytes: number): number {
  const units = unitsOf(bytes);
  const octave = 31 - Math.clz32(units);
  if (octave < 3) return units;
  return (octave - 3) * classesPerOctave + (units >>> (octave - 3));
}

/** The size rounded up so that every block of its class is large enough. */
function roundedForSearch(bytes: number): number {
  const octave = 31 - Math.clz32(unitsOf(bytes));
  return octave < 3 ? bytes : bytes + ((1 << (octave - 3)) - 1) * alignment;
}

export class Heap {
  readonly memory: WebAssembly.Memory;
  /** Whether other threads can see this memory. */
  readonly shared: boolean;
  readonly maximumPages: number;
  readonly #used = new Map<number, Block>();
  readonly #freeLists: (Block | undefined)[] = new Array(octaves * classesPerOctave).fill(undefined);
  /** Bit c % 32 of word c / 32 tells whether list c has a block. */
  readonly #occupied = new Int32Array((octaves * classesPerOctave) / 32);
  /** Records without a block, for the next one. */
  #spare: Block | undefined;
  #last: Block | undefined;
  #endOfMemory: number;
  #liveBytes = 0;
  #peakBytes = 0;
  #words: Int32Array;

  constructor(options: HeapOptions = {}) {
    this.shared = features().threads;
    const wanted = Math.min(65535, Math.max(1, Math.floor((options.maximumBytes ?? 2 ** 32) / pageBytes)));
    const reserved = reserve(wanted, this.shared);
    this.memory = reserved.memory;
    this.maximumPages = reserved.maximumPages;
    this.#endOfMemory = this.memory.buffer.byteLength;
    this.#words = new Int32Array(this.memory.buffer);
    this.#addFreeSpace(firstAddress, this.#endOfMemory - bytesBehind - firstAddress);
  }

  /** Bytes allocated and not freed, as rounded up to the alignment. */
  get liveBytes(): number {
    return this.#liveBytes;
  }

  get peakBytes(): number {
    return this.#peakBytes;
  }

  /** The bytes that the memory has grown to. */
  get reservedBytes(): number {
    return this.#endOfMemory;
  }

  /** The whole memory as 32-bit words: `words[address >>> 2]`. Ask anew after any allocation. */
  get words(): Int32Array {
    return this.#words;
  }

  /**
   * An address of at least `bytes` bytes, 64-byte aligned. The content is whatever was there.
   *
   * @throws {OutOfMemoryError} when the memory cannot grow any further.
   */
  allocate(bytes: number): number {
    const size = Math.max(alignment, Math.ceil(bytes / alignment) * alignment);
    let block = this.#find(size);
    if (block === undefined) {
      this.#grow(size);
      block = this.#find(size);
      if (block === undefined) throw this.#outOfMemory(bytes);
    }
    this.#unlink(block);
    this.#split(block, size);
    block.isFree = false;
    this.#used.set(block.address, block);
    this.#liveBytes += block.bytes;
    if (this.#liveBytes > this.#peakBytes) this.#peakBytes = this.#liveBytes;
    return block.address;
  }

  /** Gives back what `allocate` gave. Address 0 is ignored. */
  free(address: number): void {
    if (address === 0) return;
    const block = this.#used.get(address);
    if (block === undefined)
      throw new TypeError(`heap: address ${address} is not allocated, or was freed before.`);
    this.#used.delete(address);
    this.#liveBytes -= block.bytes;
    this.#release(block);
  }

  #find(size: number): Block | undefined {
    const wanted = roundedForSearch(size);
    if (wanted >= 2 ** 32) return undefined;
    const first = sizeClass(wanted);
    let word = first >>> 5;
    let bits = (this.#occupied[word] >>> (first & 31)) << (first & 31);
    while (bits === 0) {
      word++;
      if (word === this.#occupied.length) return this.#findExactly(size);
      bits = this.#occupied[word];
    }
    return this.#freeLists[word * 32 + (31 - Math.clz32(bits & -bits))];
  }

  /** The last resort before growing: the size's own class may hold a block that is just large enough. */
  #findExactly(size: number): Block | undefined {
    let block = this.#freeLists[sizeClass(size)];
    while (block !== undefined && block.bytes < size) block = block.next;
    return block;
  }

  #grow(size: number): void {
    const tail = this.#last?.isFree ? this.#last.bytes : 0;
    const needed = Math.ceil((roundedForSearch(size) - tail) / pageBytes);
    const room = this.maximumPages - this.#endOfMemory / pageBytes;
    // Some more than needed, so that a series of small allocations grows rarely; each growth costs a system call.
    const generous = Math.min(room, Math.max(needed, Math.floor(this.#endOfMemory / pageBytes / 4), 64));
    for (const pages of [generous, needed, Math.ceil((size - tail) / pageBytes)]) {
      if (pages <= 0 || pages > room) continue;
      try {
        this.memory.grow(pages);
      } catch {
        continue;
      }
      const start = this.#endOfMemory;
      this.#endOfMemory += pages * pageBytes;
      this.#words = new Int32Array(this.memory.buffer);
      this.#addFreeSpace(start - bytesBehind, pages * pageBytes);
      return;
    }
  }

  #outOfMemory(bytes: number): OutOfMemoryError {
    const mebibytes = (count: number): string => `${(count / 2 ** 20).toFixed(1)} MiB`;
    return new OutOfMemoryError(
      `cpu: cannot allocate ${mebibytes(bytes)}: ${mebibytes(this.#liveBytes)} are in use, and the memory cannot grow ` +
        `beyond ${mebibytes(this.maximumPages * pageBytes)} (WebAssembly addresses have 32 bits). ` +
        'Use a smaller batch, or dispose tensors that are not needed.',
    );
  }

  #addFreeSpace(address: number, bytes: number): void {
    const block = this.#record(address, bytes, this.#last, undefined);
    if (this.#last !== undefined) this.#last.after = block;
    this.#last = block;
    this.#release(block);
  }

  /** Makes a block free and merges it with its free neighbours. */
  #release(block: Block): void {
    let merged = block;
    const { before, after } = block;
    if (before?.isFree) {
      this.#unlink(before);
      this.#absorb(before, block);
      merged = before;
    }
    if (after?.isFree) {
      this.#unlink(after);
      this.#absorb(merged, after);
    }
    this.#link(merged);
  }

  #absorb(block: Block, after: Block): void {
    block.bytes += after.bytes;
    block.after = after.after;
    if (after.after !== undefined) after.after.before = block;
    if (this.#last === after) this.#last = block;
    after.before = undefined;
    after.after = undefined;
    after.next = this.#spare;
    this.#spare = after;
  }

  /** Records are used again: one that was dropped would keep its neighbours' from being collected while young. */
  #record(address: number, bytes: number, before: Block | undefined, after: Block | undefined): Block {
    const spare = this.#spare;
    if (spare === undefined)
      return { address, bytes, isFree: false, before, after, previous: undefined, next: undefined };
    this.#spare = spare.next;
    spare.next = undefined;
    spare.address = address;
    spare.bytes = bytes;
    spare.before = before;
    spare.after = after;
    return spare;
  }

  #split(block: Block, size: number): void {
    const rest = block.bytes - size;
    if (rest < alignment) return;
    block.bytes = size;
    const remainder = this.#record(block.address + size, rest, block, block.after);
    if (block.after !== undefined) block.after.before = remainder;
    block.after = remainder;
    if (this.#last === block) this.#last = remainder;
    this.#link(remainder);
  }

  #link(block: Block): void {
    const list = sizeClass(block.bytes);
    const head = this.#freeLists[list];
    block.isFree = true;
    block.previous = undefined;
    block.next = head;
    if (head !== undefined) head.previous = block;
    this.#freeLists[list] = block;
    this.#occupied[list >>> 5] |= 1 << (list & 31);
  }

  #unlink(block: Block): void {
    const { previous, next } = block;
    if (next !== undefined) next.previous = previous;
    if (previous !== undefined) {
      previous.next = next;
    } else {
      const list = sizeClass(block.bytes);
      this.#freeLists[list] = next;
      if (next === undefined) this.#occupied[list >>> 5] &= ~(1 << (list & 31));
    }
    block.isFree = false;
    block.previous = undefined;
    block.next = undefined;
  }
}

/** Asks for the largest memory that the engine agrees to: a shared one reserves its whole address range at once. */
function reserve(
  wanted: number,
  shared: boolean,
): { readonly memory: WebAssembly.Memory; readonly maximumPages: number } {
  for (let maximumPages = wanted; ; maximumPages = Math.ceil(maximumPages / 2)) {
    try {
      const initial = Math.min(64, maximumPages);
      return { memory: new WebAssembly.Memory({ initial, maximum: maximumPages, shared }), maximumPages };
    } catch (error) {
      if (maximumPages <= 64) {
        throw new OutOfMemoryError('cpu: the engine refuses even a WebAssembly memory of 4 MiB.', {
          cause: error,
        });
      }
    }
  }
}
