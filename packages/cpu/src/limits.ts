/**
 * `@nn/cpu/limits`: what this machine can do at most, measured, for benchmarks to hold kernels against.
 *
 * The kernels here do nothing useful: multiply-adds between registers only, and passes over memory with no
 * arithmetic to speak of. They run in the same WebAssembly and on the same threads as real kernels.
 */
import { Heap } from './heap.ts';
import { type KernelParameters, kernelModule } from './kernels/module.ts';
import { Job } from './threads/job.ts';
import { KernelModule } from './threads/kernel-module.ts';
import { ThreadPool } from './threads/pool.ts';
import {
  type Expression,
  type FunctionBuilder,
  f32x4,
  features,
  i32,
  i32x4,
  type Local,
  memory,
  v128,
} from './wasm/index.ts';

export interface Bandwidth {
  /** The size of what is walked, by all threads together: in a cache or not. */
  readonly bytes: number;
  /** Bytes read and bytes written, both counted, in 10⁹ a second. */
  readonly copy: number;
  readonly read: number;
}

export interface MachineLimits {
  readonly threads: number;
  /** Float32 operations in 10⁹ a second; a multiply-add counts as two. */
  readonly gflops: number;
  /** For each of the sizes asked for. */
  readonly bandwidth: readonly Bandwidth[];
}

export interface LimitOptions {
  /** Threads that work at once, the caller included. Default: as many as the machine has, 16 at most. */
  readonly threads?: number;
  /** Sizes of working sets to walk. Default: 256 KiB, 12 MiB, 192 MiB. */
  readonly workingSets?: readonly number[];
  /** How long each measurement repeats; the best repetition counts. Default 100. */
  readonly milliseconds?: number;
}

/** Independent chains: more than latency times throughput of any present core, and few enough for 16 registers. */
const chains = 12;
const unrolled = 4;
const roundsPerItem = 256;
const flopsPerItem = roundsPerItem * unrolled * chains * 4 * 2;

/** Each item multiplies and adds between registers. Words: one where each thread leaves its result. */
function multiplyAdd(builder: FunctionBuilder, { record, begin, end, thread }: KernelParameters): void {
  const scale = builder.local('v128', f32x4.splat(0.999));
  const shift = builder.local('v128', f32x4.splat(0.001));
  const sums = builder.locals('v128', chains);
  for (const [chain, sum] of sums.entries()) builder.set(sum, f32x4.constant(chain));
  const { relaxedSimd } = features();
  builder.for(begin, end, () => {
    builder.for(0, roundsPerItem, () => {
      for (let round = 0; round < unrolled; round++) {
        for (const sum of sums) {
          const next = relaxedSimd
            ? f32x4.relaxedMadd(sum, scale, shift)
            : f32x4.add(f32x4.mul(sum, scale), shift);
          builder.set(sum, next);
        }
      }
    });
  });
  leave(builder, sums, record, thread);
}

/** Stores the sums, since the engine would drop arithmetic whose result nobody sees. */
function leave(
  builder: FunctionBuilder,
  sums: readonly Local<'v128'>[],
  record: Local<'i32'>,
  thread: Local<'i32'>,
): void {
  const total = sums.reduce<Expression<'v128'>>((left, right) => v128.xor(left, right), i32x4.constant(0));
  builder.emit(v128.store(i32.add(record, i32.shl(thread, 6)), total, recordResults));
}

/** Words 0 and 1 of the record: the source's and the target's address; 2: bytes a thread walks. Then results. */
const recordResults = 64;

/** The thread's own part of an array whose address is in a word of the record. */
function partOf(builder: FunctionBuilder, word: number, { record, thread }: KernelParameters): Local<'i32'> {
  return builder.local('i32', i32.add(i32.load(record, word * 4), i32.mul(thread, i32.load(record, 8))));
}

const vectorsPerRound = 8;
const bytesPerRound = vectorsPerRound * 16;

/** Each item reads the thread's part once. */
function readPass(builder: FunctionBuilder, parameters: KernelParameters): void {
  const { record, begin, end, thread } = parameters;
  const source = partOf(builder, 0, parameters);
  const stop = builder.local('i32', i32.add(source, i32.load(record, 8)));
  const address = builder.local('i32');
  const sums = builder.locals('v128', vectorsPerRound);
  for (const sum of sums) builder.set(sum, i32x4.constant(0));
  builder.for(begin, end, () => {
    builder.set(address, source);
    builder.while(
      () => i32.ltU(address, stop),
      () => {
        for (const [at, sum] of sums.entries()) builder.set(sum, v128.xor(sum, v128.load(address, at * 16)));
        builder.increment(address, bytesPerRound);
      },
    );
  });
  leave(builder, sums, record, thread);
}

/** Each item copies the thread's part once, by vectors. */
function copyPass(builder: FunctionBuilder, parameters: KernelParameters): void {
  const { record, begin, end } = parameters;
  const source = partOf(builder, 0, parameters);
  const target = partOf(builder, 1, parameters);
  const at = builder.local('i32');
  builder.for(begin, end, () => {
    builder.set(at, 0);
    builder.while(
      () => i32.ltU(at, i32.load(record, 8)),
      () => {
        builder.scope(() => {
          const from = builder.local('i32', i32.add(source, at));
          const to = builder.local('i32', i32.add(target, at));
          for (let vector = 0; vector < vectorsPerRound; vector++)
            builder.emit(v128.store(to, v128.load(from, vector * 16), vector * 16));
        });
        builder.increment(at, bytesPerRound);
      },
    );
  });
}

/** The same by the engine's own instruction, which may know wider vectors. */
function moveBulk(builder: FunctionBuilder, parameters: KernelParameters): void {
  const { record, begin, end } = parameters;
  const source = partOf(builder, 0, parameters);
  const target = partOf(builder, 1, parameters);
  builder.for(begin, end, () => builder.emit(memory.copy(target, source, i32.load(record, 8))));
}

class Gauge {
  readonly heap: Heap = new Heap();
  readonly pool: ThreadPool;
  readonly record: number;
  readonly #milliseconds: number;

  constructor(threads: number | undefined, milliseconds: number) {
    this.pool = new ThreadPool(this.heap, threads === undefined ? {} : { threads });
    this.record = this.heap.allocate(recordResults * (1 + this.pool.threads));
    this.#milliseconds = milliseconds;
  }

  /** Workers start on their own time; limits of all threads need all of them. */
  async allThreadsUp(): Promise<void> {
    while (this.pool.readyWorkers < this.pool.threads - 1) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** Items a second, at best, of a kernel. */
  rate(write: (builder: FunctionBuilder, parameters: KernelParameters) => void): number {
    const module = new KernelModule(this.heap, kernelModule(this.heap, write));
    const job = new Job(this.heap, [{ kernel: module.kernel(), arguments: this.record }]);
    const secondsFor = (items: number): number => {
      const start = performance.now();
      this.pool.run(job, items, Math.max(1, Math.floor(items / (this.pool.threads * 8))));
      return (performance.now() - start) / 1000;
    };
    // Until a run takes a tenth of the time: then clocks and the engine's optimizer are settled too.
    const deadline = performance.now() + this.#milliseconds;
    const enough = this.#milliseconds / 10_000;
    let items = this.pool.threads * 8;
    while (secondsFor(items) < enough) items *= 2;
    let best = Number.POSITIVE_INFINITY;
    do best = Math.min(best, secondsFor(items));
    while (performance.now() < deadline);
    job.dispose();
    module.dispose();
    return items / best;
  }

  bandwidth(workingSet: number): Bandwidth {
    const { threads } = this.pool;
    // A copy walks two arrays, which must fit together where one of the working set's size would.
    const part = Math.max(
      bytesPerRound,
      Math.floor(workingSet / 2 / threads / bytesPerRound) * bytesPerRound,
    );
    const source = this.heap.allocate(2 * part * threads);
    this.heap.words.fill(1, source >>> 2, (source + 2 * part * threads) >>> 2);
    const describe = (bytes: number): void => {
      this.heap.words.set([source, source + part * threads, bytes], this.record >>> 2);
    };
    describe(part);
    const copies = Math.max(this.rate(copyPass), this.rate(moveBulk));
    describe(2 * part);
    const reads = this.rate(readPass);
    this.heap.free(source);
    return {
      bytes: 2 * part * threads,
      copy: (copies * 2 * part) / 1e9,
      read: (reads * 2 * part) / 1e9,
    };
  }
}

/**
 * Measures the limits of this machine: float32 multiply-adds, and copying and reading working sets of several
 * sizes. Takes about a second. Blocks the thread meanwhile, but for the start of workers.
 *
 * @example
 * ```ts
 * import { measureLimits } from '@nn/cpu/limits';
 * const limits = await measureLimits({ threads: 1, milliseconds: 10, workingSets: [2 ** 18] });
 * console.log(limits.gflops > 1); // => true
 * ```
 */
export async function measureLimits(options: LimitOptions = {}): Promise<MachineLimits> {
  const gauge = new Gauge(options.threads, options.milliseconds ?? 100);
  const workingSets = options.workingSets ?? [256 * 2 ** 10, 12 * 2 ** 20, 192 * 2 ** 20];
  try {
    await gauge.allThreadsUp();
    return {
      threads: gauge.pool.threads,
      gflops: (gauge.rate(multiplyAdd) * flopsPerItem) / 1e9,
      bandwidth: workingSets.map((bytes) => gauge.bandwidth(bytes)),
    };
  } finally {
    gauge.pool.dispose();
  }
}
