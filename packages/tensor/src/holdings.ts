// Which values lie on a device, by how they may go and in the order of their last use.
import type { NodeState } from '@nn/core';

/**
 * How a held value may go when memory is short.
 * - `value`: current values of tensors that were written or realized. No budget; when the device is full they are
 *   moved to the host, if it can be read synchronously.
 * - `output`: what was read, or is likely to be. Beyond the budget moved to the host, or where the device cannot be
 *   read synchronously, dropped as transients are.
 * - `transient`: dropped; reading it afterwards throws an error that names the cure. Gradients and old versions.
 * - `upload`: the device's copy of data that is on the host: dropped and uploaded again when needed.
 */
export type Keeping = 'value' | 'output' | 'transient' | 'upload';

/** A value on the device. */
export interface Holding {
  /** Not its node: holding a value must not keep the node alive. */
  readonly state: NodeState;
  keeping: Keeping;
  readonly bytes: number;
  /** The flush that used it last. */
  flush: number;
  before: Holding | null;
  after: Holding | null;
}

/** A doubly linked list: least recently used first. */
class Queue {
  first: Holding | null = null;
  #last: Holding | null = null;
  bytes = 0;
  count = 0;

  add(holding: Holding): void {
    holding.before = this.#last;
    holding.after = null;
    if (this.#last === null) this.first = holding;
    else this.#last.after = holding;
    this.#last = holding;
    this.bytes += holding.bytes;
    this.count++;
  }

  remove(holding: Holding): void {
    const { before, after } = holding;
    if (before === null) this.first = after;
    else before.after = after;
    if (after === null) this.#last = before;
    else after.before = before;
    this.bytes -= holding.bytes;
    this.count--;
  }
}

export class Holdings {
  readonly #byState = new Map<NodeState, Holding>();
  readonly #queues: Readonly<Record<Keeping, Queue>> = {
    value: new Queue(),
    output: new Queue(),
    transient: new Queue(),
    upload: new Queue(),
  };

  add(state: NodeState, keeping: Keeping, bytes: number, flush: number): Holding {
    this.remove(state);
    const holding: Holding = { state, keeping, bytes, flush, before: null, after: null };
    this.#byState.set(state, holding);
    this.#queues[keeping].add(holding);
    return holding;
  }

  /** Whether the holding was neither removed nor replaced. */
  has(holding: Holding): boolean {
    return this.#byState.get(holding.state) === holding;
  }

  /** Whether the flush used the value. */
  isUsed(state: NodeState, flush: number): boolean {
    return this.#byState.get(state)?.flush === flush;
  }

  remove(state: NodeState): void {
    const holding = this.#byState.get(state);
    if (holding === undefined) return;
    this.#byState.delete(state);
    this.#queues[holding.keeping].remove(holding);
  }

  /** Notes a use, and maybe another way in which the value may go. */
  touch(state: NodeState, flush: number, keeping?: Keeping): void {
    const holding = this.#byState.get(state);
    if (holding === undefined) return;
    this.#queues[holding.keeping].remove(holding);
    holding.flush = flush;
    if (keeping !== undefined) holding.keeping = keeping;
    this.#queues[holding.keeping].add(holding);
  }

  keepingOf(state: NodeState): Keeping | undefined {
    return this.#byState.get(state)?.keeping;
  }

  bytes(keeping: Keeping): number {
    return this.#queues[keeping].bytes;
  }

  count(keeping: Keeping): number {
    return this.#queues[keeping].count;
  }

  exceeds(keeping: Keeping, bytes: number, count: number): boolean {
    const queue = this.#queues[keeping];
    return queue.bytes > bytes || queue.count > count;
  }

  /** Least recently used first. The one at hand may be removed on the way. */
  *of(keeping: Keeping): Generator<Holding> {
    let holding = this.#queues[keeping].first;
    while (holding !== null) {
      const { after } = holding;
      yield holding;
      holding = after;
    }
  }
}
