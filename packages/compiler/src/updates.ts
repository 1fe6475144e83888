// Updates in place: results that a program writes over inputs which nobody uses afterwards, as an optimizer does
// with parameters and its state.
import type { Kernel } from '@nn/core';
import { buffersRead, buffersWritten } from './buffers.ts';
import { Dependences } from './dependences.ts';
import { WriteOver } from './in-place.ts';

/** A result and the input that it may replace: buffers of equal dtype and length. */
export interface Update {
  readonly output: number;
  readonly input: number;
}

/**
 * Chooses the updates that can be done in place: all who read the input come before those who write the output, or
 * can be moved there. Tells `aliases` that the input's buffer stands for the output's.
 *
 * @returns the kernels in their new order, less copies of what is there already.
 */
export function placeUpdates(
  kernels: readonly Kernel[],
  updates: readonly Update[],
  aliases: number[],
): readonly Kernel[] {
  return updates.length === 0 ? kernels : new UpdatePlacer(kernels, aliases).place(updates);
}

class UpdatePlacer {
  readonly #kernels: readonly Kernel[];
  readonly #aliases: number[];
  readonly #dependences: Dependences;
  /** Kernels as they will run, and where each one is in that list. */
  readonly #order: number[];
  readonly #position: number[];
  readonly #readers = new Map<number, number[]>();
  readonly #writers = new Map<number, number[]>();
  readonly #over = new Map<number, WriteOver>();
  readonly #taken = new Set<number>();
  readonly #dropped = new Set<number>();

  constructor(kernels: readonly Kernel[], aliases: number[]) {
    this.#kernels = kernels;
    this.#aliases = aliases;
    this.#dependences = new Dependences(kernels);
    this.#order = kernels.map((_, at) => at);
    this.#position = kernels.map((_, at) => at);
    kernels.forEach((kernel, at) => {
      for (const buffer of buffersRead(kernel)) append(this.#readers, buffer, at);
      for (const buffer of buffersWritten(kernel)) append(this.#writers, buffer, at);
    });
  }

  place(updates: readonly Update[]): readonly Kernel[] {
    for (const { output, input } of updates) {
      if (this.#taken.has(input) || !this.#tryPlace(output, input)) continue;
      this.#taken.add(input);
      this.#aliases[output] = input;
    }
    return this.#order.filter((at) => !this.#dropped.has(at)).map((at) => this.#kernels[at]);
  }

  #tryPlace(output: number, input: number): boolean {
    let writers = this.#writers.get(output) ?? [];
    let readers = this.#readers.get(input) ?? [];
    if (writers.length === 0) return false;
    const [start] = writers;
    const first = this.#kernels[start];
    // What starts as a copy of the input is there already.
    const isCopy = first.kind === 'copy' && first.source === input;
    if (isCopy) {
      writers = writers.slice(1);
      readers = readers.filter((reader) => reader !== start);
    }
    for (const writer of writers) {
      const others = readers.filter((reader) => reader !== writer);
      if (others.length < readers.length && !this.#writeOver(writer).allows(input, output)) return false;
      if (!this.#runBehind(writer, others)) return false;
    }
    if (isCopy) this.#dropped.add(start);
    return true;
  }

  #writeOver(at: number): WriteOver {
    let over = this.#over.get(at);
    if (over === undefined) {
      over = new WriteOver(this.#kernels[at]);
      this.#over.set(at, over);
    }
    return over;
  }

  /** Moves a kernel, and what depends on it, behind others, unless one of them depends on it. */
  #runBehind(moved: number, others: readonly number[]): boolean {
    const position = this.#position;
    let end = position[moved];
    for (const other of others) end = Math.max(end, position[other]);
    const following = new Set<number>([moved]);
    if (end > position[moved]) {
      for (const at of following)
        for (const next of this.#dependences.after(at)) if (position[next] <= end) following.add(next);
      if (others.some((other) => following.has(other))) return false;
      const window = this.#order.slice(position[moved], end + 1);
      const start = position[moved];
      [...window.filter((at) => !following.has(at)), ...window.filter((at) => following.has(at))].forEach(
        (at, i) => {
          this.#order[start + i] = at;
          position[at] = start + i;
        },
      );
    }
    for (const other of others) this.#dependences.order(other, moved);
    return true;
  }
}

function append(lists: Map<number, number[]>, buffer: number, at: number): void {
  const list = lists.get(buffer);
  if (list === undefined) lists.set(buffer, [at]);
  else list.push(at);
}
