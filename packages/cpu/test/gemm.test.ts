import { afterAll, describe, expect, test } from 'vitest';
import { Gemm } from '../src/gemm/gemm.ts';
import type { GemmType, Tier } from '../src/gemm/lanes.ts';
import type { Axis } from '../src/gemm/offset-tables.ts';
import type { GemmShape } from '../src/gemm/shape.ts';
import { Heap } from '../src/heap.ts';
import { ThreadPool } from '../src/threads/pool.ts';

const heap = new Heap();
const alone = new ThreadPool(heap, { threads: 1 });
const together = new ThreadPool(heap, { threads: 3 });
afterAll(() => {
  alone.dispose();
  together.dispose();
});

/** A small deterministic generator, so that a failure repeats. */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const arrays = {
  float32: Float32Array,
  float64: Float64Array,
  int32: Int32Array,
  int64: BigInt64Array,
} as const;

function offsets({ extents, strides }: Axis): number[] {
  let result = [0];
  for (const [dimension, extent] of extents.entries()) {
    result = result.flatMap((offset) =>
      Array.from({ length: extent }, (_, coordinate) => offset + coordinate * strides[dimension]),
    );
  }
  return result;
}

const line = (extent: number, stride: number): Axis => ({ extents: [extent], strides: [stride] });

/** Small integers, so that every sum is exact in every type, and any order of additions gives the same. */
function check(gemm: Gemm, shape: GemmShape, seed: number): void {
  const { heap } = gemm;
  const random = generator(seed);
  const { type } = shape;
  const TypedArray = arrays[type];
  const convert = (value: number): number & bigint =>
    (type === 'int64' ? BigInt(value) : value) as number & bigint;
  /** Element 0 lies at `first`, behind what negative strides reach. */
  const operand = (
    of: GemmShape['left'],
  ): { address: number; first: number; view: () => { [index: number]: number | bigint } } => {
    const axes = [of.batch, of.rows, of.columns].map(offsets);
    const first = -axes.reduce((sum, all) => sum + Math.min(0, ...all), 0);
    const length = 1 + first + axes.reduce((sum, all) => sum + Math.max(0, ...all), 0);
    const address = heap.allocate(length * TypedArray.BYTES_PER_ELEMENT);
    const view = (): { [index: number]: number | bigint } =>
      new TypedArray(heap.memory.buffer, address, length);
    const values = view();
    for (let index = 0; index < length; index++) values[index] = convert(random(9) - 4);
    return { address, first, view };
  };
  const left = operand(shape.left);
  const right = operand(shape.right);
  const result = operand(shape.result);
  const before = Array.from(result.view() as ArrayLike<number | bigint>, Number);
  const leftValues = Array.from(left.view() as ArrayLike<number | bigint>, Number);
  const rightValues = Array.from(right.view() as ArrayLike<number | bigint>, Number);
  const expected = before.slice();
  const tables = {
    leftBatch: offsets(shape.left.batch),
    rightBatch: offsets(shape.right.batch),
    resultBatch: offsets(shape.result.batch),
    leftRows: offsets(shape.left.rows),
    leftInner: offsets(shape.left.columns),
    rightInner: offsets(shape.right.rows),
    rightColumns: offsets(shape.right.columns),
    resultRows: offsets(shape.result.rows),
    resultColumns: offsets(shape.result.columns),
  };
  for (const [batch, resultStart] of tables.resultBatch.entries()) {
    for (const [row, resultRow] of tables.resultRows.entries()) {
      const leftRow = left.first + tables.leftBatch[batch] + tables.leftRows[row];
      for (const [column, resultColumn] of tables.resultColumns.entries()) {
        const rightColumn = right.first + tables.rightBatch[batch] + tables.rightColumns[column];
        let sum = 0;
        for (const [position, inner] of tables.leftInner.entries()) {
          sum += leftValues[leftRow + inner] * rightValues[rightColumn + tables.rightInner[position]];
        }
        const at = result.first + resultStart + resultRow + resultColumn;
        expected[at] = sum + (shape.accumulate ? before[at] : 0);
      }
    }
  }
  const plan = gemm.prepare(shape);
  const scratch = heap.allocate(plan.scratchBytes);
  const addresses = {
    left: left.address + left.first * TypedArray.BYTES_PER_ELEMENT,
    right: right.address + right.first * TypedArray.BYTES_PER_ELEMENT,
    result: result.address + result.first * TypedArray.BYTES_PER_ELEMENT,
    scratch,
    packedRight: scratch,
  };
  for (const { operand, word, offset } of plan.addresses) heap.words[word] = addresses[operand] + offset;
  plan.run();
  plan.dispose();
  heap.free(scratch);
  const actual = Array.from(result.view() as ArrayLike<number | bigint>, Number);
  for (const { address } of [left, right, result]) heap.free(address);
  let wrong = 0;
  for (const [index, value] of expected.entries()) if (actual[index] !== value) wrong++;
  if (wrong > 0) throw new Error(`${wrong} of ${expected.length} wrong: ${JSON.stringify(shape)}`);
}

type Layout = 'row' | 'column' | 'spread';

function matrix(layout: Layout, batches: number, rows: number, columns: number): GemmShape['left'] {
  const strides = { row: [columns + 1, 1], column: [1, rows + 2], spread: [3 * columns, 3] }[layout];
  return {
    batch: line(batches, 3 * (rows + 2) * (columns + 1)),
    rows: line(rows, strides[0]),
    columns: line(columns, strides[1]),
  };
}

function dense(
  type: GemmType,
  sizes: readonly [batches: number, rows: number, columns: number, inner: number],
  layouts: readonly [Layout, Layout, Layout],
  accumulate: boolean,
): GemmShape {
  const [batches, rows, columns, inner] = sizes;
  return {
    type,
    left: matrix(layouts[0], batches, rows, inner),
    right: matrix(layouts[1], batches, inner, columns),
    result: matrix(layouts[2], batches, rows, columns),
    accumulate,
  };
}

const layouts: readonly Layout[] = ['row', 'column', 'spread'];
const oddSizes = [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 16, 17, 31, 33];

describe.each<Tier>(['relaxed', 'simd', 'scalar'])('gemm, %s', (tier) => {
  const gemm = new Gemm(heap, alone, tier);
  const shared = new Gemm(heap, together, tier);

  test.each<GemmType>(['float32', 'float64', 'int32', 'int64'])(
    '%s of small and odd sizes in all layouts',
    (type) => {
      const random = generator(7);
      for (let round = 0; round < 200; round++) {
        const pick = (): number => oddSizes[random(oddSizes.length)];
        const layout = (): Layout => layouts[random(3)];
        const shape = dense(
          type,
          [1 + random(3), pick(), pick(), pick()],
          [layout(), layout(), layout()],
          random(2) === 1,
        );
        check(gemm, shape, round);
      }
    },
  );

  test('sizes beyond one block, on one and several threads', () => {
    const sizes = [
      [1, 300, 70, 40],
      [1, 40, 70, 520],
      [2, 197, 43, 57],
      [1, 1, 100, 5000],
      [1, 1000, 1, 133],
      [3, 1, 100, 377],
      [1, 200, 7, 2500],
      [40, 33, 17, 29],
      [1, 500, 3, 2],
      [1, 128, 10, 256],
      [3, 73, 13, 310],
      [1, 63, 63, 63],
      [2, 20, 30, 600],
    ] as const;
    for (const [index, size] of sizes.entries()) {
      for (const [left, right] of [
        ['row', 'row'],
        ['row', 'column'],
        ['column', 'row'],
        ['column', 'column'],
      ] as const) {
        const shape = dense('float32', size, [left, right, index % 2 ? 'row' : 'column'], index % 3 === 1);
        check(gemm, shape, index);
        check(shared, shape, index);
      }
    }
  });

  test('left operands in place and packed, of rows and of columns, in several blocks', () => {
    for (const [at, inner] of [40, 300].entries()) {
      const [rows, columns] = [23, 37];
      for (const isByColumns of [false, true]) {
        // Rows, or inner positions, that are 4 KiB apart are packed.
        for (const pitch of [isByColumns ? rows + 1 : inner, 1024]) {
          const steps = isByColumns ? [1, pitch] : [pitch, 1];
          const shape: GemmShape = {
            type: 'float32',
            left: {
              batch: line(2, 1024 * 300),
              rows: line(rows, steps[0]),
              columns: line(inner, steps[1]),
            },
            right: matrix('column', 2, inner, columns),
            result: matrix('row', 2, rows, columns),
            accumulate: isByColumns,
          };
          check(gemm, shape, at);
          check(shared, shape, at);
        }
      }
    }
  });

  test('operands that are walked backwards', () => {
    const [rows, columns, inner] = [23, 37, 40];
    const backwards = ({ extents, strides }: Axis): Axis => ({
      extents,
      strides: strides.map((stride) => -stride),
    });
    for (const layout of layouts) {
      const left = matrix(layout, 2, rows, inner);
      const right = matrix('column', 2, inner, columns);
      const result = matrix('row', 2, rows, columns);
      const turned: readonly Partial<GemmShape>[] = [
        { left: { ...left, columns: backwards(left.columns) } },
        { left: { ...left, rows: backwards(left.rows) } },
        { left: { ...left, batch: backwards(left.batch) } },
        { right: { ...right, rows: backwards(right.rows), columns: backwards(right.columns) } },
        { result: { ...result, rows: backwards(result.rows), columns: backwards(result.columns) } },
      ];
      for (const [seed, part] of turned.entries()) {
        const shape: GemmShape = { type: 'float32', left, right, result, ...part };
        check(gemm, shape, seed);
        check(shared, shape, seed);
      }
    }
  });

  test('tasks short enough for pauses, of rows and columns', () => {
    const pausing = new Gemm(heap, alone, tier, true);
    check(pausing, dense('float32', [1, 100, 512, 300], ['column', 'row', 'row'], false), 3);
    check(pausing, dense('float32', [1, 220, 512, 130], ['row', 'column', 'row'], true), 4);
    pausing.dispose();
  });

  test('an inner dimension of zero gives zeros, no rows give nothing', () => {
    for (const size of [
      [1, 5, 9, 0],
      [1, 1, 9, 0],
      [0, 5, 9, 3],
      [1, 0, 9, 3],
    ] as const) {
      check(gemm, dense('float32', size, ['row', 'row', 'row'], false), 1);
    }
  });

  test.each<GemmType>(['float32', 'float64', 'int32', 'int64'])(
    'a convolution is a product over overlapping windows, of %s',
    (type) => {
      const random = generator(11);
      for (const filters of [1, 2, 3, 4, 5, 6, 7, 10, 25]) {
        for (const width of [3, 6, 7, 9, 14, 30, 39]) {
          const [images, channels, height, kernel] = [2, 3, 5, 3];
          const apart = 1 + random(2);
          const [outHeight, outWidth] = [height - kernel + 1, Math.floor((width - kernel) / apart) + 1];
          const plane = height * width;
          // Results side by side, or every other element, as the gradient of a convolution with a stride has them.
          const step = 1 + random(2);
          const shape: GemmShape = {
            type,
            left: {
              batch: line(1, 0),
              rows: line(filters, channels * kernel * kernel),
              columns: line(channels * kernel * kernel, 1),
            },
            right: {
              batch: line(1, 0),
              rows: { extents: [channels, kernel, kernel], strides: [plane, width, 1] },
              columns: { extents: [images, outHeight, outWidth], strides: [channels * plane, width, apart] },
            },
            result: {
              batch: line(1, 0),
              rows: line(filters, step * outHeight * outWidth),
              columns: {
                extents: [images, outHeight, outWidth],
                strides: [filters * step * outHeight * outWidth, step * outWidth, step],
              },
            },
            accumulate: random(2) === 1,
          };
          check(gemm, shape, filters + width);
          check(shared, shape, filters + width);
        }
      }
    },
  );

  test('windows with more inner positions than are read at a time', () => {
    const [channels, width, size, filters] = [400, 20, 3, 3];
    const columns = width - size + 1;
    const shape: GemmShape = {
      type: 'float32',
      left: { batch: line(1, 0), rows: line(filters, channels * size), columns: line(channels * size, 1) },
      right: {
        batch: line(1, 0),
        rows: { extents: [channels, size], strides: [width, 1] },
        columns: { extents: [2, columns], strides: [channels * width, 1] },
      },
      result: { batch: line(1, 0), rows: line(filters, 2 * columns), columns: line(2 * columns, 1) },
    };
    check(gemm, shape, 5);
    check(shared, shape, 6);
  });
});

test('addresses on both sides of 2 GiB, where they are negative as numbers with a sign', () => {
  const large = new Heap();
  const pool = new ThreadPool(large, { threads: 1 });
  const boundary = 2 ** 31;
  // Engines may agree to less.
  if (large.maximumPages * 65_536 >= boundary + 2 ** 26) {
    const gemms = (['relaxed', 'scalar'] as const).map((tier) => new Gemm(large, pool, tier));
    for (const gemm of gemms) gemm.kernels('float32');
    const start = large.allocate(64) + 64;
    for (let before = 64; before <= 16_384; before += 64) {
      const filler = large.allocate(boundary - before - start);
      expect(filler).toBe(start);
      for (const gemm of gemms) {
        check(gemm, dense('float32', [1, 31, 19, 50], ['row', 'row', 'column'], false), before);
        check(gemm, dense('float32', [1, 1, 90, 50], ['row', 'row', 'spread'], true), before);
        check(gemm, dense('float32', [2, 7, 21, 30], ['column', 'column', 'spread'], true), before);
      }
      large.free(filler);
    }
    for (const gemm of gemms) gemm.dispose();
  }
  pool.dispose();
});

/** The part of the longest task list of two threads that take turns, as a multiple of half of all tiles. */
function imbalance(rows: number, columns: number, inner: number): number {
  const pool = new ThreadPool(heap, { threads: 2 });
  const plan = new Gemm(heap, pool).prepare(
    dense('float32', [1, rows, columns, inner], ['row', 'row', 'row'], false),
  );
  const { tasks } = plan;
  plan.dispose();
  pool.dispose();
  if (tasks === undefined) throw new Error('the result comes in slices');
  const work = [0, 0];
  for (let task = 0; task < tasks.count; task++) {
    const row = Math.floor(task / tasks.columnTasks) * tasks.taskRows;
    const column = (task % tasks.columnTasks) * tasks.taskColumns;
    const height = Math.min(tasks.taskRows, rows - row);
    const width = Math.min(tasks.taskColumns, columns - column);
    work[work[0] <= work[1] ? 0 : 1] += height * Math.ceil(width / 8);
  }
  return Math.max(...work) / ((rows * Math.ceil(columns / 8)) / 2);
}

test.each([
  [63, 63, 63],
  [127, 127, 127],
  [144, 144, 144],
  [240, 240, 240],
  [255, 255, 255],
  [256, 256, 256],
  [128, 10, 256],
  [784, 512, 128],
  [1024, 256, 1024],
  [512, 10, 128],
])('two threads share %i x %i evenly', (rows, columns, inner) => {
  expect(imbalance(rows, columns, inner)).toBeLessThan(1.05);
});

test('plans and scratch give all memory back', () => {
  const gemm = new Gemm(heap, alone);
  gemm.kernels('float32');
  const before = heap.liveBytes;
  for (let round = 0; round < 100; round++) {
    gemm.prepare(dense('float32', [1, 64, 64, 64], ['row', 'row', 'row'], false)).dispose();
  }
  expect(heap.liveBytes).toBe(before);
});
