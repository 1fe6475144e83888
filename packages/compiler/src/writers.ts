// The kernels that write a buffer, one after the other or each a part of its own: what they come after, and what comes
// after them.
import type { Kernel, LoopKernel } from '@nn/core';
import { buffersRead } from './buffers.ts';
import { stayApart } from './locality.ts';

/** So many write parts of a buffer in any order, at most; then one comes after all of them. */
const maximumTogether = 64;
/** Each of those in any order comes after so many, at most; where there are more, after one that comes after these. */
const maximumFormer = 8;

/** A kernel by its number. */
interface Writer {
  readonly at: number;
  /** Null where it needs all of the buffer. */
  readonly loops: readonly LoopKernel[] | null;
}

/** The loops of a kernel; null where it is none, and may need all of a buffer. */
function loopsOf(kernel: Kernel): readonly LoopKernel[] | null {
  if (kernel.kind === 'loop') return [kernel];
  if (kernel.kind === 'parallel') return kernel.parts;
  return kernel.kind === 'rows' ? kernel.steps : null;
}

/** Loops that may write a part of the buffer in any order with others; null for what needs all of it. */
function writingLoops(kernel: Kernel, buffer: number): readonly LoopKernel[] | null {
  return buffersRead(kernel).includes(buffer) ? null : loopsOf(kernel);
}

/** Whether two kernels write parts of a buffer that have no element in common, and read none of it. */
export function writeApart(a: Kernel, b: Kernel, buffer: number): boolean {
  return areApart(writingLoops(a, buffer), writingLoops(b, buffer), buffer);
}

function areApart(first: Writer['loops'], second: Writer['loops'], buffer: number): boolean {
  if (first === null || second === null) return false;
  return first.every((a) => second.every((b) => stayApart(a, b, buffer)));
}

/** What was done with one buffer so far. */
export class BufferUse {
  readonly #buffer: number;
  /** The last to write it, in any order. */
  #writers: Writer[] = [];
  /** Those who read what these wrote. */
  #readers: number[] = [];
  /** Those that each of the writers comes after. */
  #former: readonly number[] = [];

  constructor(buffer: number) {
    this.#buffer = buffer;
  }

  /** Notes a kernel that reads the buffer; tells what it comes after. */
  read(at: number, kernel: Kernel): readonly number[] {
    this.#readers.push(at);
    const loops = loopsOf(kernel);
    const wrote = this.#writers.filter((writer) => !areApart(writer.loops, loops, this.#buffer));
    return wrote.length > 0 ? wrote.map((writer) => writer.at) : this.#former;
  }

  /** Notes a kernel that writes the buffer; tells what it comes after. */
  write(at: number, kernel: Kernel): readonly number[] {
    const loops = writingLoops(kernel, this.#buffer);
    const goesAlong =
      this.#readers.length === 0 &&
      this.#writers.length < maximumTogether &&
      this.#writers.every((writer) => areApart(writer.loops, loops, this.#buffer));
    if (goesAlong) {
      this.#writers.push({ at, loops });
      return this.#former;
    }
    const before = [...this.#writers.map((writer) => writer.at), ...this.#readers];
    this.#writers = [{ at, loops }];
    this.#readers = [];
    this.#former = before.length > maximumFormer ? [at] : before;
    return before;
  }
}
