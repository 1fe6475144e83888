// Scatters: of elements on one thread; of rows with some columns for each thread.
import type { ScatterKernel } from '@nn/core';
import type { Device } from '../device.ts';
import { columnsPerItem, scatterModule, scatterRowsModule } from '../kernels/scatter.ts';
import { Job } from '../threads/job.ts';
import type { HeldKernel } from '../threads/kernel-cache.ts';
import { inSlices, type Slices } from '../threads/slices.ts';
import { bindAddress, type Command, type CommandContext } from './command.ts';
import { PlainCommand } from './plain.ts';

export function scatterCommand(context: CommandContext, kernel: ScatterKernel): Command {
  const { device, buffers } = context;
  const { dtype } = buffers[kernel.target];
  if (kernel.width !== undefined) return new ScatterRowsCommand(context, kernel, kernel.width);
  const code = device.kernels.hold(`scatter ${kernel.mode} ${dtype}`, () =>
    scatterModule(device.heap, kernel.mode, dtype),
  );
  return new PlainCommand(context, code, {
    buffers: [kernel.index, kernel.source, kernel.target],
    numbers: [kernel.targetSize],
    items: kernel.count,
    grain: kernel.count,
  });
}

/** Words of the record that say which rows are next. */
const rowsWord = 5;
/** Elements of a slice, at least: some microseconds. */
const elementsPerSlice = 16_384;
/** Elements in all from which threads share them. */
const elementsWorthSharing = 32_768;

class ScatterRowsCommand implements Command {
  readonly scratchBytes = 0;
  readonly #device: Device;
  readonly #held: HeldKernel;
  readonly #record: number;
  readonly #kernel: ScatterKernel;
  readonly #rowsPerSlice: number;
  readonly #items: number;
  readonly #grain: number;
  readonly #job: Job | undefined;

  constructor(context: CommandContext, kernel: ScatterKernel, width: number) {
    const { device, buffers, tier } = context;
    const { mode, count, targetSize } = kernel;
    const { dtype } = buffers[kernel.target];
    this.#device = device;
    this.#kernel = kernel;
    this.#rowsPerSlice = Math.ceil(elementsPerSlice / width);
    this.#items = Math.ceil(width / columnsPerItem);
    this.#held = device.kernels.hold(`scatter rows ${mode} ${dtype} ${tier.simd} ${tier.relaxedSimd}`, () =>
      scatterRowsModule(device.heap, mode, dtype, tier),
    );
    this.#record = device.heap.allocate(7 * 4);
    const start = this.#record >>> 2;
    for (const [at, buffer] of [kernel.index, kernel.source, kernel.target].entries())
      bindAddress(context, start + at, buffer, 0);
    device.heap.words.set([targetSize, width], start + 3);
    const threads = count * width < elementsWorthSharing ? 1 : device.pool.threads;
    this.#grain = Math.ceil(this.#items / threads);
    const call = { kernel: this.#held.kernel, arguments: this.#record };
    this.#job = this.#grain >= this.#items ? undefined : new Job(device.heap, [call]);
  }

  run(): void {
    this.#runRows(0, this.#kernel.count);
  }

  *inSlices(): Slices {
    yield* inSlices((begin, end) => this.#runRows(begin, end), this.#kernel.count, this.#rowsPerSlice);
  }

  #runRows(begin: number, end: number): void {
    const { words } = this.#device.heap;
    words[(this.#record >>> 2) + rowsWord] = begin;
    words[(this.#record >>> 2) + rowsWord + 1] = end;
    if (this.#job === undefined) this.#held.kernel.function(this.#record, 0, this.#items, 0);
    else this.#device.pool.run(this.#job, this.#items, this.#grain);
  }

  dispose(): void {
    this.#job?.dispose();
    this.#device.heap.free(this.#record);
    this.#device.kernels.release(this.#held);
  }
}
