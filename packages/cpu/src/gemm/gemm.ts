// Matrix products of any strides, prepared once and run many times.

import type { Heap } from '../heap.ts';
import { type Kernel, KernelModule } from '../threads/kernel-module.ts';
import type { ThreadPool } from '../threads/pool.ts';
import { features } from '../wasm/index.ts';
import type { GemmOptions } from './cut.ts';
import { buildGemmModule, entry } from './kernels.ts';
import { type GemmType, lanesOf, type Tier } from './lanes.ts';
import { OffsetTables } from './offset-tables.ts';
import { GemmPlan } from './plan.ts';
import type { GemmShape } from './shape.ts';

/** The kernels of one element type. */
export interface GemmKernels {
  readonly packLeft: Kernel;
  readonly packRight: Kernel;
  readonly compute: Kernel;
  readonly vector: Kernel;
  /** Columns of a register tile. */
  readonly tileColumns: number;
  readonly elementBytes: number;
}

export class Gemm {
  readonly heap: Heap;
  readonly pool: ThreadPool;
  readonly tables: OffsetTables;
  readonly tier: Tier;
  readonly pauses: boolean;
  readonly #kernels = new Map<GemmType, GemmKernels>();

  /** @param pauses whether tasks are to be short enough to pause between them. */
  constructor(heap: Heap, pool: ThreadPool, tier?: Tier, pauses: boolean = false) {
    this.pauses = pauses;
    this.heap = heap;
    this.pool = pool;
    this.tables = new OffsetTables(heap);
    const { simd, relaxedSimd } = features();
    this.tier = tier ?? (relaxedSimd ? 'relaxed' : simd ? 'simd' : 'scalar');
  }

  /** Prepares result[b, i, j] (+)= Σ_k left[b, i, k] * right[b, k, j]; the plan holds memory until disposed. */
  prepare(shape: GemmShape, options: GemmOptions = {}): GemmPlan {
    return new GemmPlan(this, shape, options);
  }

  kernels(type: GemmType): GemmKernels {
    const known = this.#kernels.get(type);
    if (known !== undefined) return known;
    const lanes = lanesOf(type, this.tier);
    const { shared, maximumPages } = this.heap;
    const module = new KernelModule(this.heap, buildGemmModule(lanes, { shared, maximumPages }));
    const kernels = {
      packLeft: module.kernel(entry.packLeft),
      packRight: module.kernel(entry.packRight),
      compute: module.kernel(entry.compute),
      vector: module.kernel(entry.vector),
      tileColumns: 2 * lanes.count,
      elementBytes: lanes.elementBytes,
    };
    this.#kernels.set(type, kernels);
    return kernels;
  }

  dispose(): void {
    for (const { compute } of this.#kernels.values()) compute.module.dispose();
    this.#kernels.clear();
  }
}
