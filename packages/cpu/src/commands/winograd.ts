// Convolutions with windows of 3 x 3 by Winograd's minimal filtering F(4 x 4, 3 x 3) (Lavin and Gray 2016, "Fast
// algorithms for convolutional neural networks"): tiles of 4 x 4 results are products of 36 numbers of a transformed
// tile of the image with 36 of the transformed filter, where direct sums take 144. All tiles and channels together are
// 36 matrix products; the transformations are ordinary loops. Nothing here knows how either is written.
import {
  type Access,
  type Bound,
  type BufferSpec,
  type Dot,
  ExpressionBuilder,
  type LoopKernel,
  type Store,
  sizeOf,
  type Value,
} from '@nn/core';
import { shortExtent } from '../emit/lane-choice.ts';
import { storageBytes } from '../emit/registers.ts';
import { type Command, type CommandContext, withScratch } from './command.ts';
import { arrangeApart, dotCommand } from './dot.ts';
import { LoopCommand } from './loop.ts';
import { makeAll, Sequence } from './sequence.ts';
import {
  ofFilter,
  ofInput,
  ofResult,
  points,
  reads,
  results,
  taps,
  transformed,
} from './winograd-transforms.ts';

/** Fewer channels leave the transformations too much of the time. */
const leastChannels = 16;
/** Multiply-adds of a convolution that is worth its kernels. */
const leastWork = 4_000_000;
/** How much faster it must be by estimate. */
const worthwhileGain = 1.2;
/** Cycles, as measured, of a multiply-add, of a tile of one channel to be transformed, and of a filter. */
const cycles = { product: 0.145, tile: 100, filter: 150 };
/** Transformed tiles of the image and of the result that are in the caches at a time. */
const blockBytes = 8 * 2 ** 20;

/** A convolution of images [image, y, x] by filters [out, channel, 3, 3]. */
interface Convolution {
  readonly outputs: number;
  readonly channels: number;
  readonly images: number;
  readonly height: number;
  readonly width: number;
  /** Of the filters, by output, channel and tap. */
  readonly left: readonly [output: number, channel: number, y: number, x: number];
  /** Of the input, by channel, image and position. */
  readonly right: readonly [channel: number, image: number, y: number, x: number];
  /** Of the kernel's extents: outputs, images (where there are several), height and width. */
  readonly dimensions: readonly [output: number, image: number, y: number, x: number];
}

function convolutionOf({ extents }: LoopKernel, dot: Dot): Convolution | undefined {
  const { batchRank, rowRank, inner, left, right } = dot;
  const rank = extents.length;
  const columns = batchRank + rowRank;
  const columnRank = rank - columns;
  if (dot.dtype !== 'float32' || inner.length !== 3 || rowRank !== 1) return undefined;
  if (inner[1] !== taps || inner[2] !== taps || columnRank < 2 || columnRank > 3) return undefined;
  if (sizeOf(extents.slice(0, batchRank)) !== 1) return undefined;
  const [y, x] = [rank - 2, rank - 1];
  const image = columnRank === 3 ? columns : -1;
  const strideOf = (strides: readonly number[], d: number): number => strides[d] ?? 0;
  const ofRight = (d: number): number => strideOf(right.strides, d);
  if (ofRight(rank + 1) !== ofRight(y) || ofRight(rank + 2) !== ofRight(x)) return undefined;
  return {
    outputs: extents[batchRank],
    channels: inner[0],
    images: image < 0 ? 1 : extents[image],
    height: extents[y],
    width: extents[x],
    left: [batchRank, rank, rank + 1, rank + 2].map((d) => strideOf(left.strides, d)) as never,
    right: [ofRight(rank), image < 0 ? 0 : ofRight(image), ofRight(y), ofRight(x)],
    dimensions: [batchRank, image, y, x],
  };
}

function isWorthwhile({ outputs, channels, images, height, width }: Convolution): boolean {
  if (Math.min(outputs, channels) < leastChannels) return false;
  const filters = outputs * channels;
  const direct = filters * taps * taps * images * height * width;
  if (direct < leastWork) return false;
  const tiles = images * Math.ceil(height / results) * Math.ceil(width / results);
  const products = points * filters * tiles * cycles.product;
  const transformations = (outputs + channels) * tiles * cycles.tile + filters * cycles.filter;
  return direct * cycles.product > worthwhileGain * (products + transformations);
}

/**
 * Numbers from one of the 36 points to the next: what lies at the same place of several is in different sets of the cache.
 */
const pointStride = (length: number): number => Math.ceil(length / 1024) * 1024 + 16;

/** A part of the images: some of them, and some rows of tiles of each. */
interface Block {
  readonly image: number;
  readonly images: number;
  readonly row: number;
  readonly rows: number;
}

function blocksOf({ images, height, width, outputs, channels }: Convolution): Block[] {
  const rows = Math.ceil(height / results);
  const bytesPerRow = Math.ceil(width / results) * points * (outputs + channels) * 4;
  const rowsAtOnce = Math.max(1, Math.floor(blockBytes / bytesPerRow));
  const blocks: Block[] = [];
  const even = (total: number, most: number): number => Math.ceil(total / Math.ceil(total / most));
  if (rowsAtOnce >= rows) {
    const step = even(images, Math.floor(rowsAtOnce / rows));
    for (let image = 0; image < images; image += step)
      blocks.push({ image, images: Math.min(step, images - image), row: 0, rows });
    return blocks;
  }
  const step = even(rows, rowsAtOnce);
  for (let image = 0; image < images; image++)
    for (let row = 0; row < rows; row += step)
      blocks.push({ image, images: 1, row, rows: Math.min(step, rows - row) });
  return blocks;
}

const loop = (
  name: string,
  extents: readonly number[],
  b: ExpressionBuilder,
  stores: readonly Store[],
): LoopKernel => ({
  kind: 'loop',
  name,
  extents,
  producer: null,
  epilogue: b.instructions,
  stores,
});

/** Scratch buffers, one behind the other. */
class Scratch {
  readonly specs: BufferSpec[] = [];
  bytes = 0;
  readonly #first: number;

  constructor(first: number) {
    this.#first = first;
  }

  /** The number of a new one. */
  add(length: number): number {
    const spec: BufferSpec = { dtype: 'float32', length, role: 'temporary', offset: this.bytes };
    this.bytes += Math.ceil((length * storageBytes.float32) / 64) * 64;
    return this.#first + this.specs.push(spec) - 1;
  }
}

/** The loops and products of one convolution. */
class Writer {
  readonly #convolution: Convolution;
  readonly #dot: Dot;
  readonly #filters: number;
  readonly #input: number;
  readonly #products: number;
  readonly #tilesAcross: number;

  constructor(
    convolution: Convolution,
    dot: Dot,
    buffers: readonly [filters: number, input: number, products: number],
  ) {
    this.#convolution = convolution;
    this.#dot = dot;
    [this.#filters, this.#input, this.#products] = buffers;
    this.#tilesAcross = Math.ceil(convolution.width / results);
  }

  /** Filters [point, output, channel]. */
  transformFilters(): LoopKernel {
    const { outputs, channels, left } = this.#convolution;
    const b = new ExpressionBuilder();
    const [output, channel, y, x] = left;
    const { buffer, offset } = this.#dot.left;
    const square = transformed(b, taps, ofFilter, (row, column) =>
      b.add({
        op: 'load',
        dtype: 'float32',
        access: { buffer, offset: offset + row * y + column * x, strides: [output, channel], guards: [] },
      }),
    );
    const stores = this.#storesOf(square, this.#filters, pointStride(outputs * channels), [channels, 1]);
    return loop('winograd.filters', [outputs, channels], b, stores);
  }

  /** Tiles [point, channel, tile], or [point, tile, channel] where rows have too few tiles for vectors. */
  transformInput(block: Block): LoopKernel {
    const { channels, height, width, right } = this.#convolution;
    const [channel, image, y, x] = right;
    const { buffer, offset } = this.#dot.right;
    const b = new ExpressionBuilder();
    const first = offset + block.image * image + block.row * results * y;
    const square = transformed(b, reads, ofInput, (row, column) => {
      const guards: Bound[] = [];
      const at = block.row * results + row;
      if ((block.row + block.rows) * results > height)
        guards.push({ offset: at, strides: [0, 0, results, 0], size: height + taps - 1 });
      if (width % results !== 0)
        guards.push({ offset: column, strides: [0, 0, 0, results], size: width + taps - 1 });
      const strides = [channel, image, results * y, results * x];
      const access = { buffer, offset: first + row * y + column * x, strides, guards };
      return b.add({ op: 'load', dtype: 'float32', access });
    });
    const strides = this.#stridesOf(block, channels);
    const stores = this.#storesOf(square, this.#input, pointStride(this.#tiles(block) * channels), strides);
    return loop('winograd.input', [channels, block.images, block.rows, this.#tilesAcross], b, stores);
  }

  multiply(block: Block): { readonly kernel: LoopKernel; readonly dot: Dot } {
    const { outputs, channels } = this.#convolution;
    const tiles = this.#tiles(block);
    const [channel, , , tile] = this.#stridesOf(block, channels);
    const [output, , , resultTile] = this.#stridesOf(block, outputs);
    const dot: Dot = {
      kind: 'dot',
      dtype: 'float32',
      batchRank: 1,
      rowRank: 1,
      inner: [channels],
      left: { buffer: this.#filters, offset: 0, strides: [pointStride(outputs * channels), channels, 0, 1] },
      right: { buffer: this.#input, offset: 0, strides: [pointStride(tiles * channels), 0, tile, channel] },
    };
    const access: Access = {
      buffer: this.#products,
      offset: 0,
      strides: [pointStride(tiles * outputs), output, resultTile],
      guards: [],
    };
    const kernel: LoopKernel = {
      kind: 'loop',
      name: 'winograd.products',
      extents: [points, outputs, tiles],
      producer: dot,
      epilogue: [{ op: 'result', dtype: 'float32', index: 0 }],
      stores: [{ access, value: 0 }],
    };
    return { kernel, dot };
  }

  /** From the products to where the convolution's results go. */
  transformResult(block: Block, result: Access): LoopKernel {
    const { outputs, height, width, dimensions } = this.#convolution;
    const [output, image, y, x] = dimensions.map((d) => (d < 0 ? 0 : (result.strides[d] ?? 0)));
    const strides = this.#stridesOf(block, outputs);
    const size = pointStride(this.#tiles(block) * outputs);
    const b = new ExpressionBuilder();
    const square = transformed(b, reads, ofResult, (row, column) =>
      b.add({
        op: 'load',
        dtype: 'float32',
        access: { buffer: this.#products, offset: (row * reads + column) * size, strides, guards: [] },
      }),
    );
    const stores = square.flatMap((line, row) =>
      line.map((value, column): Store => {
        const guards: Bound[] = [];
        const at = block.row * results + row;
        if ((block.row + block.rows) * results > height)
          guards.push({ offset: at, strides: [0, 0, results, 0], size: height });
        if (width % results !== 0) guards.push({ offset: column, strides: [0, 0, 0, results], size: width });
        const access: Access = {
          buffer: result.buffer,
          offset: result.offset + block.image * image + at * y + column * x,
          strides: [output, image, results * y, results * x],
          guards,
        };
        return { access, value };
      }),
    );
    return loop('winograd.result', [outputs, block.images, block.rows, this.#tilesAcross], b, stores);
  }

  #tiles({ images, rows }: Block): number {
    return images * rows * this.#tilesAcross;
  }

  /** Of [line, image, row of tiles, tile], of what has so many lines. */
  #stridesOf(block: Block, lines: number): readonly [number, number, number, number] {
    const across = this.#tilesAcross;
    return across >= shortExtent
      ? [this.#tiles(block), block.rows * across, across, 1]
      : [1, block.rows * across * lines, across * lines, lines];
  }

  #storesOf(
    square: readonly (readonly Value[])[],
    buffer: number,
    size: number,
    strides: readonly number[],
  ): Store[] {
    return square.flatMap((line, row) =>
      line.map((value, column) => ({
        access: { buffer, offset: (row * reads + column) * size, strides, guards: [] },
        value,
      })),
    );
  }
}

/** The product of a convolution that has windows of 3 x 3 in steps of 1; undefined for others, and where it does not pay. */
export function winogradCommand(context: CommandContext, kernel: LoopKernel, dot: Dot): Command | undefined {
  const convolution = convolutionOf(kernel, dot);
  if (convolution === undefined || !isWorthwhile(convolution)) return undefined;
  const { outputs, channels, width } = convolution;
  const blocks = blocksOf(convolution);
  const [{ images, rows }] = blocks;
  const tiles = images * rows * Math.ceil(width / results);
  const scratch = new Scratch(context.buffers.length);
  const filters = scratch.add(points * pointStride(outputs * channels));
  const input = scratch.add(points * pointStride(channels * tiles));
  const products = scratch.add(points * pointStride(outputs * tiles));
  const { result, isScratch, epilogue } = arrangeApart(
    kernel,
    context.buffers,
    dot,
    context.buffers.length + 3,
  );
  if (isScratch) scratch.add(sizeOf(kernel.extents));
  const extended = withScratch(context, scratch.specs);
  const writer = new Writer(convolution, dot, [filters, input, products]);
  const commands = makeAll<Command>([
    () => new LoopCommand(extended, writer.transformFilters(), null),
    ...blocks.flatMap((block) => [
      () => new LoopCommand(extended, writer.transformInput(block), null),
      () => {
        const multiplied = writer.multiply(block);
        return dotCommand(extended, multiplied.kernel, multiplied.dot, scratch.bytes);
      },
      () => new LoopCommand(extended, writer.transformResult(block, result), null),
    ]),
    ...(epilogue === null ? [] : [() => new LoopCommand(extended, epilogue, null)]),
  ]);
  return new Sequence(commands, scratch.bytes);
}
