// Which values lie on a device, by how they may go and in the order of their last use.
import type { NodeState } from '@nn/core';

/**
 * How a held value may go when memory is short.
 * - `value`: current values of tensors that were written or realized, and gradients. No budget; when the device is full they are
 *   moved to the host, if it can be read synchronously.
 * - `output`: what was read, or is likely to be. Beyond the budget moved to the host, or where the device cannot be
 *   read synchronously, dropped as transients are.
 * - `transient`: dropped; reading it afterwards throws an error that names the cure. Old versions, and gradients that
 *   were cleared.
 * - `upload`: the device's copy of data that is on the host: dropped and uploaded again when needed.
 */
export type Keeping = 'value' | 'output' | 'transient' | 'upload';

/** A value on the device. */
export interface Holding {
  readonly holder: Holdings;
  /** Not its node: holding a value must not keep the node alive. */
  readonly state: NodeState;
  keeping: Keeping;
  queue: Queue;
  readonly bytes: number;
  /** The flush that used it last. */
  flush: number;
  /** Whether somebody asked that it be kept, whatever becomes of the tensor that it was computed for. */
  isRealized: boolean;
  /** Whether a registry tells when its node is collected. */
  isWatched: boolean;
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
    // What is old and gone must not keep others from being collected while they are young.
    holding.before = null;
    holding.after = null;
    this.bytes -= holding.bytes;
    this.count--;
  }
}

export class Holdings {
  readonly #queues: Readonly<Record<Keeping, Queue>> = {
    value: new Queue(),
    output: new Queue(),
    transient: new Queue(),
    upload: new Queue(),
  };

  /** A state that is held already must have been removed. */
  add(state: NodeState, keeping: Keeping, bytes: number, flush: number): Holding {
    const holding: Holding = {
      holder: this,
      state,
      keeping,
      queue: this.#queues[keeping],
      bytes,
      flush,
      isRealized: false,
      isWatched: false,
      before: null,
      after: null,
    };
    state.holding = holding;
    holding.queue.add(holding);
    return holding;
  }

  /** What is known of the value, if it is held here. */
  get(state: NodeState): Holding | undefined {
    const holding = state.holding as Holding | undefined;
    return holding?.holder === this ? holding : undefined;
  }

  /** Whether the flush used the value. */
  isUsed(state: NodeState, flush: number): boolean {
    return this.get(state)?.flush === flush;
  }

  remove(holding: Holding): void {
    holding.state.holding = undefined;
    holding.queue.remove(holding);
  }

  /** Notes a use, and maybe another way in which the value may go. */
  touch(holding: Holding, flush: number, keeping: Keeping = holding.keeping): void {
    holding.queue.remove(holding);
    holding.flush = flush;
    if (keeping !== holding.keeping) {
      holding.keeping = keeping;
      holding.queue = this.#queues[keeping];
    }
    holding.queue.add(holding);
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
