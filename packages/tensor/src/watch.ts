// Tells when a value that is held cannot be reached any more.
//
// Watching costs a cell for each value, which V8 moves to its old generation with all that it points to, since its
// frequent collections of young objects take what is watched for reachable. Most values of a loop are replaced a flush
// or two later. So small ones are watched only once they have lasted; those with a budget of their own, never.
import type { Node, NodeState } from '@nn/core';
import type { Holding } from './holdings.ts';

interface Small {
  readonly lease: object;
  readonly holding: Holding;
}

/** Bytes from which a value is watched at once. */
const largeBytes = 2 ** 16;

export class Watch {
  readonly #registry: FinalizationRegistry<NodeState>;
  /** Small values of this flush, and of the one before it: kept alive until then. */
  #young: Small[] = [];
  #older: Small[] = [];

  /** @param collected is told of each value whose node was collected. */
  constructor(collected: (state: NodeState) => void) {
    this.#registry = new FinalizationRegistry(collected);
  }

  add(node: Node, holding: Holding): void {
    node.lease ??= {};
    if (holding.bytes >= largeBytes) this.#register(node.lease, holding);
    else if (holding.keeping !== 'transient') this.#young.push({ lease: node.lease, holding });
  }

  /** To be called after each flush. */
  endFlush(): void {
    if (this.#older.length > 0) {
      for (const { lease, holding } of this.#older) {
        if (holding.state.holding === holding && holding.keeping !== 'transient')
          this.#register(lease, holding);
      }
    } else if (this.#young.length === 0) return;
    this.#older = this.#young;
    this.#young = [];
  }

  remove(holding: Holding): void {
    if (holding.isWatched) this.#registry.unregister(holding.state);
    holding.isWatched = false;
  }

  #register(lease: object, holding: Holding): void {
    holding.isWatched = true;
    this.#registry.register(lease, holding.state, holding.state);
  }
}
