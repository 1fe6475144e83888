// What all parts of one CPU device share.
import type { Tier } from './emit/context.ts';
import { emitModule } from './emit/module.ts';
import { type Structure, structureKey } from './emit/structure.ts';
import { Gemm } from './gemm/gemm.ts';
import { Heap } from './heap.ts';
import { type HeldKernel, KernelCache } from './threads/kernel-cache.ts';
import { ThreadPool } from './threads/pool.ts';
import { features } from './wasm/index.ts';

export interface CpuOptions {
  /** Threads that compute, the caller included. Default: as many as the machine has, 16 at most. */
  readonly threads?: number;
  /**
   * Whether what was recorded is computed at once when it must be. Otherwise it is queued, and computed in slices of a few
   * milliseconds while results are awaited, so that a page goes on reacting; reading synchronously waits for all of
   * it. Default: false on the main thread of a page, true elsewhere.
   */
  readonly blocking?: boolean;
  /**
   * Whether large float32 convolutions with windows of 3 x 3 and stride 1 may be computed by Winograd's minimal filtering,
   * in half the time. Rounding then adds some 1e-6 of the results' size to each, at most some 2e-5; and infinity and NaN
   * reach all 16 results of a tile. Default: true.
   */
  readonly winograd?: boolean;
  /** The instructions to use, at most what the engine has: for tests. Default: all that it has. */
  readonly tier?: 'relaxed' | 'simd' | 'scalar';
}

export class Device {
  readonly heap: Heap;
  readonly pool: ThreadPool;
  readonly gemm: Gemm;
  readonly tier: Tier;
  /** Whether work must pause now and then, and so be cut fine enough for it. */
  readonly pauses: boolean;
  readonly usesWinograd: boolean;
  readonly kernels: KernelCache;
  /** What programs that may still run need of the arena: how many need so many bytes. */
  readonly #arenaNeeds = new Map<number, number>();
  #arena = 0;
  #arenaBytes = 0;

  constructor(options: CpuOptions) {
    const available = features();
    const wanted = options.tier ?? 'relaxed';
    this.tier = {
      simd: available.simd && wanted !== 'scalar',
      relaxedSimd: available.relaxedSimd && wanted === 'relaxed',
    };
    this.usesWinograd = options.winograd ?? true;
    this.pauses = options.blocking === false;
    this.heap = new Heap();
    this.pool = new ThreadPool(this.heap, options.threads === undefined ? {} : { threads: options.threads });
    const gemmTier = this.tier.relaxedSimd ? 'relaxed' : this.tier.simd ? 'simd' : 'scalar';
    this.gemm = new Gemm(this.heap, this.pool, gemmTier, this.pauses);
    this.kernels = new KernelCache(this.heap);
  }

  /** The kernel of a structure, compiled when it is new. */
  loopKernel(structure: Structure): HeldKernel {
    return this.kernels.hold(structureKey(structure), () => emitModule(structure, this.heap));
  }

  get arenaBytes(): number {
    return this.#arenaBytes;
  }

  /** The address of space for a program's temporaries: one for all programs, which run one after the other. */
  arena(bytes: number): number {
    if (bytes > this.#arenaBytes) {
      this.#freeArena();
      this.#arena = this.heap.allocate(bytes);
      this.#arenaBytes = bytes;
    }
    return this.#arena;
  }

  /** Announces a program that will ask for so much. */
  needArena(bytes: number): void {
    this.#arenaNeeds.set(bytes, (this.#arenaNeeds.get(bytes) ?? 0) + 1);
  }

  /** Such a program will not run any more: what nobody else needs is given back. */
  releaseArena(bytes: number): void {
    const left = (this.#arenaNeeds.get(bytes) ?? 1) - 1;
    if (left > 0) {
      this.#arenaNeeds.set(bytes, left);
      return;
    }
    this.#arenaNeeds.delete(bytes);
    if (bytes < this.#arenaBytes) return;
    for (const needed of this.#arenaNeeds.keys()) if (needed >= this.#arenaBytes) return;
    this.#freeArena();
  }

  #freeArena(): void {
    this.heap.free(this.#arena);
    this.#arena = 0;
    this.#arenaBytes = 0;
  }

  dispose(): void {
    this.pool.dispose();
    this.gemm.dispose();
    this.kernels.dispose();
    this.#freeArena();
  }
}
