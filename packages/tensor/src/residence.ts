// What lies on a device: how values come there, and how they go.
//
// What is kept holds a device buffer until its node is collected, it is disposed, or a budget is exceeded: then the
// least recently used go first. JavaScript tells nobody that a handle is gone while a synchronous loop runs, so the
// budgets are what keeps memory flat there.
import {
  type Backend,
  type DType,
  InternalError,
  type Node,
  type NodeState,
  OutOfMemoryError,
  StaleValueError,
  sizeOf,
} from '@nn/core';
import { type Holding, Holdings, type Keeping } from './holdings.ts';
import { policy } from './memory-policy.ts';
import { observers } from './observer.ts';
import { Watch } from './watch.ts';

/** How much more than for old versions there is room for outputs: these are more likely to be read. */
const outputShare = 8;

/** Outputs kept on a device that can be read synchronously, at most. */
const mostOutputs = 1024;

/**
 * Old versions and gradients kept on a device, at most, but for those of the last flushes: few enough for a loop of
 * small steps to drop them while they are young, for that is when they cost the garbage collector nothing.
 */
const mostTransients = 1024;
const recentFlushes = 8;

/** Values kept on a device that can be read synchronously, at most, but for those of the last flushes. */
const mostValues = 4096;

export const staleMessage: string =
  'this value was kept for a while after what it depends on was overwritten, and has been dropped. ' +
  'Read it earlier, or keep it with x.realize() before the overwriting step, or raise memoryPolicy({ keptBytes })';

export class Residence {
  readonly #backend: Backend;
  readonly #holdings = new Holdings();
  readonly #watch: Watch;
  #flush = 0;

  constructor(backend: Backend) {
    this.#backend = backend;
    this.#watch = new Watch((state) => this.release(state));
  }

  /** How often a flush began. */
  get flushes(): number {
    return this.#flush;
  }

  /** To be called before each run: what that uses stays until it is over. */
  beginFlush(): void {
    this.#flush++;
  }

  /** What is known of a value, if it is held on the device. */
  holdingOf(state: NodeState): Holding | undefined {
    return this.#holdings.get(state);
  }

  /** Whether the flush at hand uses the value. */
  isUsed(state: NodeState): boolean {
    return this.#holdings.isUsed(state, this.#flush);
  }

  /** The value's buffer, uploaded if need be; `temporary` gets those to release when the flush is over. */
  bufferOf(node: Node, temporary: NodeState[]): NonNullable<NodeState['buffer']> {
    const state = node.state!;
    if (state.buffer !== undefined) {
      const holding = this.#holdings.get(state);
      if (holding !== undefined) this.#holdings.touch(holding, this.#flush);
      return state.buffer;
    }
    if (state.lost !== undefined && state.host === undefined) throw new StaleValueError(state.lost);
    if (state.host === undefined)
      throw new InternalError(`runtime: an input of op '${node.op}' is held nowhere`);
    const buffer = this.allocate(node.dtype, sizeOf(node.shape));
    const start = observers?.now() ?? 0;
    this.#backend.write(buffer, state.host);
    observers?.uploaded(node, buffer.bytes, start);
    state.buffer = buffer;
    // Data used once (a batch) leaves at once; data used again stays.
    if (node.runs++ > 0) this.hold(node, 'upload');
    else {
      this.#holdings.add(state, 'upload', buffer.bytes, this.#flush);
      temporary.push(state);
    }
    return buffer;
  }

  /** A new buffer, for which others make room where memory is short. */
  allocate(dtype: DType, length: number): ReturnType<Backend['allocate']> {
    try {
      return this.#backend.allocate(dtype, length);
    } catch (error) {
      if (!(error instanceof OutOfMemoryError)) throw error;
      this.#evict('upload', 0);
      this.#evict('transient', 0);
      this.#evict('output', 0);
      this.#evict('value', 0);
      return this.#backend.allocate(dtype, length);
    }
  }

  /** Keeps the value that lies in its node's buffer. */
  hold(node: Node, keeping: Keeping): void {
    const state = node.state!;
    // A value may be in the memory of a former one.
    this.#letGo(state);
    this.#watch.add(node, this.#holdings.add(state, keeping, state.buffer!.bytes, this.#flush));
  }

  /** Keeps values that are held for a while for good. */
  realize(nodes: readonly Node[]): void {
    for (const { state } of nodes) {
      const holding = state === null ? undefined : this.#holdings.get(state);
      if (holding === undefined || holding.keeping === 'upload') continue;
      this.#holdings.touch(holding, holding.flush, 'value');
      holding.isRealized = true;
    }
  }

  /** Notes a use by the flush at hand. */
  touch(holding: Holding): void {
    this.#holdings.touch(holding, this.#flush);
  }

  /** An old version stays only as long as the budget for them allows. */
  supersede(node: Node): void {
    if (node.state === null || node.shared) return;
    const holding = this.#holdings.get(node.state);
    if (holding?.keeping === 'value' || holding?.keeping === 'output')
      this.#holdings.touch(holding, this.#flush, 'transient');
  }

  /** Whether old versions will be dropped after the next run. */
  get isDropping(): boolean {
    return this.#holdings.exceeds('transient', policy.keptBytes, mostTransients);
  }

  /** To be called after each run. */
  enforceBudgets(): void {
    this.#evict('transient', policy.keptBytes, mostTransients);
    // Small outputs cost little each, but a loop that never pauses makes many: the host's are collected.
    const count = this.#backend.capabilities.synchronousRead ? mostOutputs : Number.POSITIVE_INFINITY;
    this.#evict('output', outputShare * policy.keptBytes, count);
    if (this.#backend.capabilities.synchronousRead)
      this.#evict('value', Number.POSITIVE_INFINITY, mostValues);
    this.#evict('upload', policy.uploadBytes);
    this.#watch.endFlush();
  }

  #evict(keeping: Keeping, budget: number, count: number = Number.POSITIVE_INFINITY): void {
    if (!this.#holdings.exceeds(keeping, budget, count)) return;
    const mayBeRecent = keeping === 'transient' || keeping === 'value';
    const tooLarge = (): boolean => this.#holdings.exceeds(keeping, budget, Number.POSITIVE_INFINITY);
    for (const { state, flush } of this.#holdings.of(keeping)) {
      if (flush === this.#flush) continue;
      if (mayBeRecent && flush > this.#flush - recentFlushes && !tooLarge()) return;
      const canMove = state.host !== undefined || this.#backend.capabilities.synchronousRead;
      if (keeping === 'value' && !canMove) continue;
      if (keeping !== 'transient' && canMove) state.host ??= this.#backend.readSync(state.buffer!);
      this.release(state);
      if (state.host === undefined) state.lost ??= staleMessage;
      if (!this.#holdings.exceeds(keeping, budget, count)) return;
    }
  }

  #letGo(state: NodeState): void {
    const holding = this.#holdings.get(state);
    if (holding === undefined) return;
    this.#holdings.remove(holding);
    this.#watch.remove(holding);
  }

  /** Frees the device's copy of a value, if it has one. */
  release(state: NodeState): void {
    this.#letGo(state);
    if (state.buffer === undefined) return;
    this.#backend.free(state.buffer);
    state.buffer = undefined;
  }

  /** How many values are held. */
  count(): number {
    const holdings = this.#holdings;
    return (['value', 'output', 'transient', 'upload'] as const).reduce(
      (sum, how) => sum + holdings.count(how),
      0,
    );
  }

  /** Bytes held, by how they may go. */
  bytes(): Readonly<Record<Keeping, number>> {
    const bytes = (keeping: Keeping): number => this.#holdings.bytes(keeping);
    return {
      value: bytes('value'),
      output: bytes('output'),
      transient: bytes('transient'),
      upload: bytes('upload'),
    };
  }
}
