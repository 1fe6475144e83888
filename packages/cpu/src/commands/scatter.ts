// Scatters: of elements on one thread; of rows with some columns for each thread.
import type { ScatterKernel } from '@nn/core';
import { columnsPerItem, scatterModule, scatterRowsModule } from '../kernels/scatter.ts';
import { inSlices, type Slices } from '../threads/slices.ts';
import type { Command, CommandContext } from './command.ts';
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

/** Where among the record's numbers it says which rows are next. */
const firstRow = 2;
const endOfRows = 3;
/** Elements of a slice, at least: some microseconds. */
const elementsPerSlice = 16_384;
/** Elements in all from which threads share them. */
const elementsWorthSharing = 32_768;

class ScatterRowsCommand implements Command {
  readonly scratchBytes = 0;
  readonly #rows: number;
  readonly #rowsPerSlice: number;
  readonly #plain: PlainCommand;

  constructor(context: CommandContext, kernel: ScatterKernel, width: number) {
    const { device, buffers, tier } = context;
    const { mode, count, targetSize } = kernel;
    const { dtype } = buffers[kernel.target];
    this.#rows = count;
    this.#rowsPerSlice = Math.ceil(elementsPerSlice / width);
    const code = device.kernels.hold(`scatter rows ${mode} ${dtype} ${tier.simd} ${tier.relaxedSimd}`, () =>
      scatterRowsModule(device.heap, mode, dtype, tier),
    );
    const items = Math.ceil(width / columnsPerItem);
    const threads = count * width < elementsWorthSharing ? 1 : device.pool.threads;
    this.#plain = new PlainCommand(context, code, {
      buffers: [kernel.index, kernel.source, kernel.target],
      numbers: [targetSize, width, 0, count],
      items,
      grain: Math.ceil(items / threads),
    });
  }

  run(leaves = false): void {
    this.#runRows(0, this.#rows, leaves);
  }

  *inSlices(): Slices {
    yield* inSlices((begin, end) => this.#runRows(begin, end), this.#rows, this.#rowsPerSlice);
  }

  #runRows(begin: number, end: number, leaves = false): void {
    this.#plain.setNumber(firstRow, begin);
    this.#plain.setNumber(endOfRows, end);
    this.#plain.run(leaves);
  }

  dispose(): void {
    this.#plain.dispose();
  }
}
