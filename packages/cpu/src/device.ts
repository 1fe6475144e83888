// What all parts of one CPU device share.
import type { Tier } from './emit/context.ts';
import { emitModule } from './emit/module.ts';
import { type Structure, structureKey } from './emit/structure.ts';
import { Gemm } from './gemm/gemm.ts';
import { Heap } from './heap.ts';
import { type Kernel, KernelModule } from './threads/kernel-module.ts';
import { ThreadPool } from './threads/pool.ts';
import { features } from './wasm/index.ts';

export interface CpuOptions {
  /** Threads that compute, the caller included. Default: as many as the machine has, 16 at most. */
  readonly threads?: number;
  /** The instructions to use, at most what the engine has: for tests. Default: all that it has. */
  readonly tier?: 'relaxed' | 'simd' | 'scalar';
}

/** Words of the record through which a kernel gets its numbers; kernels run one after the other and share it. */
const recordBytes = 64 * 1024;

export class Device {
  readonly heap: Heap;
  readonly pool: ThreadPool;
  readonly gemm: Gemm;
  readonly tier: Tier;
  readonly recordAddress: number;
  readonly #kernels = new Map<string, Kernel>();
  #arena = 0;
  #arenaBytes = 0;

  constructor(options: CpuOptions) {
    const available = features();
    const wanted = options.tier ?? 'relaxed';
    this.tier = {
      simd: available.simd && wanted !== 'scalar',
      relaxedSimd: available.relaxedSimd && wanted === 'relaxed',
    };
    this.heap = new Heap();
    this.pool = new ThreadPool(this.heap, options.threads === undefined ? {} : { threads: options.threads });
    const gemmTier = this.tier.relaxedSimd ? 'relaxed' : this.tier.simd ? 'simd' : 'scalar';
    this.gemm = new Gemm(this.heap, this.pool, gemmTier);
    this.recordAddress = this.heap.allocate(recordBytes);
  }

  /** The kernel of a structure, compiled when it is new. */
  loopKernel(structure: Structure): Kernel {
    return this.kernel(structureKey(structure), () => emitModule(structure, this.heap));
  }

  kernel(key: string, build: () => Uint8Array<ArrayBuffer>): Kernel {
    let kernel = this.#kernels.get(key);
    if (kernel === undefined) {
      kernel = new KernelModule(this.heap, build()).kernel();
      this.#kernels.set(key, kernel);
    }
    return kernel;
  }

  get arenaBytes(): number {
    return this.#arenaBytes;
  }

  /** The address of space for a program's temporaries: one for all programs, which run one after the other. */
  arena(bytes: number): number {
    if (bytes > this.#arenaBytes) {
      this.heap.free(this.#arena);
      this.#arena = 0;
      this.#arenaBytes = 0;
      this.#arena = this.heap.allocate(bytes);
      this.#arenaBytes = bytes;
    }
    return this.#arena;
  }

  dispose(): void {
    this.pool.dispose();
    this.gemm.dispose();
    for (const { module } of this.#kernels.values()) module.dispose();
    this.#kernels.clear();
    this.heap.free(this.#arena);
    this.#arena = 0;
    this.#arenaBytes = 0;
  }
}
