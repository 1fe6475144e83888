// Which kernel must run after which, so that kernels can be grouped and moved without changing what each one reads.
import type { Kernel } from '@nn/core';
import { buffersRead, buffersWritten } from './buffers.ts';
import { BufferUse } from './writers.ts';

/** Paths are not followed further than this; two kernels between which nothing was found out stay apart. */
const maximumVisited = 1024;

/** As many are looked at around two kernels to find what joining them would keep apart. */
const maximumNear = 64;

/** The kernels that edges lead to from one, itself among them. */
function reachable(edges: readonly ReadonlySet<number>[], start: number): Set<number> {
  const found = new Set<number>([start]);
  for (const at of found) {
    for (const next of edges[at]) {
      if (found.size >= maximumNear) return found;
      found.add(next);
    }
  }
  return found;
}

/** Kernels in the order of a program, as a graph that stays acyclic when two of them become one. */
export class Dependences {
  readonly #kernels: (Kernel | null)[];
  readonly #before: Set<number>[];
  readonly #after: Set<number>[];
  /** The last search that came by each kernel. */
  readonly #seen: Int32Array;
  #searches = 0;

  constructor(kernels: readonly Kernel[]) {
    this.#kernels = [...kernels];
    this.#seen = new Int32Array(kernels.length);
    this.#before = kernels.map(() => new Set<number>());
    this.#after = kernels.map(() => new Set<number>());
    const uses = new Map<number, BufferUse>();
    const useOf = (buffer: number): BufferUse => {
      let use = uses.get(buffer);
      if (use === undefined) {
        use = new BufferUse(buffer);
        uses.set(buffer, use);
      }
      return use;
    };
    kernels.forEach((kernel, at) => {
      for (const buffer of buffersRead(kernel))
        for (const before of useOf(buffer).read(at, kernel)) this.order(before, at);
      for (const buffer of buffersWritten(kernel))
        for (const before of useOf(buffer).write(at, kernel)) this.order(before, at);
    });
  }

  /** The kernel at this number; null when it became part of another. */
  kernel(at: number): Kernel | null {
    return this.#kernels[at];
  }

  /** Kernels that this one directly comes after. */
  before(at: number): ReadonlySet<number> {
    return this.#before[at];
  }

  /** Kernels that directly come after this one. */
  after(at: number): ReadonlySet<number> {
    return this.#after[at];
  }

  /** Whether the first reaches the second through others: then the two cannot be one. */
  isBetween(first: number, second: number): boolean {
    // From both ends in turns: often one of them has little beyond it.
    const seen = this.#seen;
    const forwards = ++this.#searches;
    const backwards = ++this.#searches;
    seen[first] = forwards;
    seen[second] = backwards;
    const below: number[] = [];
    const above: number[] = [];
    for (const next of this.#after[first]) if (next !== second) below.push(next);
    for (const next of this.#before[second]) if (next !== first) above.push(next);
    for (let visited = 0; visited < maximumVisited; visited++) {
      const isForwards = visited % 2 === 0;
      const [own, other] = isForwards ? [forwards, backwards] : [backwards, forwards];
      const stack = isForwards ? below : above;
      let at = stack.pop();
      while (at !== undefined && seen[at] === own) at = stack.pop();
      if (at === undefined) return false;
      if (seen[at] === other) return true;
      seen[at] = own;
      for (const next of isForwards ? this.#after[at] : this.#before[at])
        if (seen[next] !== own) stack.push(next);
    }
    return true;
  }

  /** Whether neither comes after the other. */
  areIndependent(a: number, b: number): boolean {
    return !this.#after[a].has(b) && !this.#after[b].has(a) && !this.isBetween(a, b) && !this.isBetween(b, a);
  }

  /**
   * Pairs of kernels, one next to the other, between which these two would come if they were one: such a pair could not
   * become one any more.
   */
  *separatedBy(a: number, b: number): Generator<readonly [number, number]> {
    for (const [first, second] of [
      [a, b],
      [b, a],
    ]) {
      const others = (set: ReadonlySet<number>, known: number): number => set.size - Number(set.has(known));
      if (others(this.#before[second], first) === 0 || others(this.#after[first], second) === 0) continue;
      const before = reachable(this.#before, second);
      const after = reachable(this.#after, first);
      const already = [reachable(this.#before, first), reachable(this.#after, second)];
      for (const earlier of before) {
        if (already[0].has(earlier)) continue;
        for (const later of this.#after[earlier])
          if (after.has(later) && !already[1].has(later)) yield [earlier, later];
      }
    }
  }

  replace(at: number, kernel: Kernel): void {
    this.#kernels[at] = kernel;
  }

  /** Puts a kernel in the place of two. */
  contract(kept: number, gone: number, kernel: Kernel): void {
    this.#kernels[kept] = kernel;
    this.#kernels[gone] = null;
    for (const before of this.#before[gone]) {
      this.#after[before].delete(gone);
      this.order(before, kept);
    }
    for (const after of this.#after[gone]) {
      this.#before[after].delete(gone);
      this.order(kept, after);
    }
    this.#before[gone].clear();
    this.#after[gone].clear();
  }

  /** All kernels in an order that keeps what depends, near the former one. */
  ordered(): Kernel[] {
    const waiting = this.#before.map((before) => before.size);
    const result: Kernel[] = [];
    // Of those that can run, the one that came first: a heap of numbers.
    const ready = new Heap();
    waiting.forEach((count, at) => {
      if (count === 0 && this.#kernels[at] !== null) ready.push(at);
    });
    for (let at = ready.pop(); at !== undefined; at = ready.pop()) {
      result.push(this.#kernels[at] as Kernel);
      for (const next of this.#after[at]) if (--waiting[next] === 0) ready.push(next);
    }
    return result;
  }

  /** Has the second come after the first; not before it already. */
  order(first: number, second: number): void {
    if (first === second) return;
    this.#after[first].add(second);
    this.#before[second].add(first);
  }
}

/** The smallest number first. */
class Heap {
  readonly #items: number[] = [];

  push(item: number): void {
    const items = this.#items;
    let at = items.push(item) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (items[parent] <= items[at]) return;
      [items[parent], items[at]] = [items[at], items[parent]];
      at = parent;
    }
  }

  pop(): number | undefined {
    const items = this.#items;
    const top = items[0];
    const last = items.pop();
    if (items.length === 0 || last === undefined) return top;
    items[0] = last;
    for (let at = 0; ; ) {
      const left = 2 * at + 1;
      if (left >= items.length) return top;
      const child = left + 1 < items.length && items[left + 1] < items[left] ? left + 1 : left;
      if (items[at] <= items[child]) return top;
      [items[at], items[child]] = [items[child], items[at]];
      at = child;
    }
  }
}
