// How a product is cut into slices, blocks and tasks, and how tasks read its operands.

import { type LeftKind, tileBytes, tileRows } from './descriptor.ts';
import type { Gemm, GemmKernels } from './gemm.ts';
import { type Axis, axisLength, overlap, runLength } from './offset-tables.ts';
import type { GemmShape } from './shape.ts';

/** Inner positions packed at a time: a panel of the right operand (8 KiB in float32) stays in the first-level cache. */
const innerBlockBytes = 1024;
/** Panels of the right operand that tiles of the same rows meet one after the other: half of the first-level cache. */
const groupBytes = 16 * 1024;
/** Rows packed at a time: with the above, a block of the left operand takes 192 KiB of the second-level cache. */
const blockRows = 192;
/** Rows that are read in place take at most so much of it: half. */
const blockBytesInPlace = 256 * 1024;
/** Tasks with a packed right operand that they share have at least this many. */
const leastTaskRows = 24;
/** With more rows than this, the right operand is packed, or where it is large, with more than a tile has. */
const mostRowsInPlace = 24;
/** A right operand of at most this many bytes can be read several times. */
const bytesReadAgain = 256 * 1024;
/** Fewer columns side by side are packed; where several tiles of rows meet them, and few tiles would be full. */
const leastRun = 4;
const leastRunReadAgain = 32;
/** A left operand of columns is read in place up to so many bytes, all batches included, or if a tile meets few lines. */
const leftBytesInPlace = 64 * 1024;
const linesInPlace = 128;
/** Addresses so far apart are alike to a first-level cache. */
const aliasBytes = 4096;
/** Inner positions at a time where the right operand is read in place. */
const directBlockBytes = 4096;
/** The right operand is packed in slices of at most this many bytes. */
const sliceBytes = 8 * 2 ** 20;
/** With fewer multiply-adds, waking another thread costs more than it brings. */
export const workWorthThreads = 100_000;
/** Each task of a job with several threads has at least this many. */
export const workPerTask = 50_000;
/** With so many, the same for each thread, they are not cut any further: tasks that share an operand pack it first. */
const evenTasksPerThread = 4;
/** Where work pauses, a task has at most so many, which take a millisecond or two on each tier. */
const mostWorkPerTask = { relaxed: 50_000_000, simd: 25_000_000, scalar: 2_500_000 } as const;
/** For that, the inner dimension is cut first, but not into fewer blocks than this, then columns, then rows. */
const leastInnerBlocks = 4;
const leastTaskColumns = 256;
/** A vector by a matrix waits for memory: so many times as long. */
const slownessOfVectors = 8;
/** With so many tasks a thread, one that comes late or is held up leaves the others little to wait for. */
const tasksPerThread = 8;

/** The cutting of one run. */
export interface Cut {
  readonly innerSlice: number;
  readonly columnSlice: number;
  readonly batchSlice: number;
  readonly taskRows: number;
  readonly taskColumns: number;
  readonly innerBlock: number;
  /** Columns whose panels are used together. */
  readonly groupColumns: number;
  readonly leftKind: LeftKind;
  /** The operand that is packed by a job of its own, for all tasks. */
  readonly packedFirst: 'left' | 'right' | null;
  readonly isVector: boolean;
  /** Columns side by side in the right operand, which is read in place; or 0. */
  readonly columnRun: number;
  readonly scratchBytes: number;
  readonly leftBlockOffset: number;
  readonly rightPanelsOffset: number;
}

/** Columns that a task has a multiple of: tiles, and whole runs where that does not make it much longer. */
function columnUnit(tileColumns: number, wanted: number, run: number): number {
  const unit = (run * tileColumns) / greatestCommonDivisor(run, tileColumns);
  return unit <= 1.25 * wanted ? unit : tileColumns;
}

const greatestCommonDivisor = (a: number, b: number): number =>
  b === 0 ? a : greatestCommonDivisor(b, a % b);

/** From one to the next, if all are equally far apart; else 0. */
export function stepOf({ extents, strides }: Axis): number {
  const steps = strides.filter((_, dimension) => extents[dimension] > 1);
  return steps.length === 1 ? steps[0] : 0;
}

export const ceilDivide = (value: number, by: number): number => Math.ceil(value / by);
export const roundUp = (value: number, to: number): number => Math.ceil(value / to) * to;
/** So many tasks, or a little less, that each thread gets as many as the others. */
const evenly = (tasks: number, threads: number): number => tasks - (tasks > threads ? tasks % threads : 0);

/**
 * How much of `all` a task has: about `wanted`, and so much that no thread gets much more than the others. Each task is
 * there `times` times.
 */
function evenLength(all: number, wanted: number, times: number, threads: number): number {
  let best = wanted;
  let least = Number.POSITIVE_INFINITY;
  for (let distance = 0; distance <= wanted; distance++) {
    for (const length of [wanted + distance, wanted - distance]) {
      if (2 * length < wanted) continue;
      const tasks = ceilDivide(all, length);
      const missing = tasks * length - all;
      const isLastAlone = times === 1 && tasks % threads === 1;
      const longest = ceilDivide(tasks * times, threads) * length - (isLastAlone ? missing : 0);
      // Further from what is wanted only for what shows.
      if (longest < 0.99 * least) {
        best = length;
        least = longest;
      }
    }
    if (least * threads <= 1.01 * all * times) break;
  }
  return best;
}

/** What goes on from the result, task by task. */
export interface Follower {
  /** Columns that lie in one run: tasks should not cut them. */
  readonly columnRun: number;
}

export interface GemmOptions {
  readonly follower?: Follower | null;
  /** The packed right operand has a place of its own; whether it is there already. Products of one slice only. */
  readonly packedRight?: 'made' | 'given';
}

/** What is cut. */
export interface Product {
  readonly gemm: Gemm;
  readonly kernels: GemmKernels;
  /** Its sizes are the numbers below. */
  readonly shape: GemmShape;
  readonly batches: number;
  readonly rows: number;
  readonly columns: number;
  readonly inner: number;
}

/** Whether columns of the right operand, or rows of them, overlap. */
function hasWindows({ shape, columns: count }: Product): boolean {
  const { rows, columns } = shape.right;
  return runLength(columns) >= leastRun && runLength(columns) < count && overlap(rows, columns);
}

/**
 * The columns side by side in the right operand where it pays to read it in place, or 0: where a packed panel would
 * be used once, and where it stays in the cache.
 */
function runInPlace(product: Product): number {
  const { rows, columns } = product.shape.right;
  const run = runLength(columns);
  if (product.rows <= tileRows) return run >= leastRun ? run : 0;
  const bytes = axisLength(rows) * product.columns * product.kernels.elementBytes;
  const isSmall = bytes <= bytesReadAgain && run >= leastRunReadAgain;
  return isSmall && product.rows <= mostRowsInPlace ? run : 0;
}

/**
 * Tiles read the left operand where it is: rows always, as the lines of a tile's rows stay in the first-level cache from
 * tile to tile; inner positions, of each of which a tile wants part of a line, where these lines are few, and do not
 * compete for the same places of the cache, nor for those of its way predictor.
 */
function leftKindOf(product: Product): LeftKind {
  const { rows, columns } = product.shape.left;
  if (runLength(columns) === product.inner) return 'rows';
  const pitchBytes = Math.abs(stepOf(columns)) * product.kernels.elementBytes;
  if (runLength(rows) !== product.rows || pitchBytes === 0) return 'packed';
  const bytes = pitchBytes * product.inner * product.batches;
  const areFew = product.inner <= linesInPlace || bytes <= leftBytesInPlace;
  return areFew && greatestCommonDivisor(pitchBytes, aliasBytes) <= aliasBytes / 8 ? 'columns' : 'packed';
}

export function chooseCut(product: Product, options: GemmOptions): Cut {
  return product.rows === 1 && !hasWindows(product) ? cutVector(product) : cutMatrix(product, options);
}

function mostWorkOf(product: Product): number {
  return (mostWorkPerTask[product.gemm.tier] * 4) / product.kernels.elementBytes;
}

function cutVector(product: Product): Cut {
  const { elementBytes } = product.kernels;
  const { threads } = product.gemm.pool;
  const innerBlock = Math.min(Math.max(1, product.inner), 4096);
  const perTask = ceilDivide(workPerTask, Math.max(1, product.inner));
  const shared = ceilDivide(
    product.columns,
    Math.max(1, ceilDivide(2 * threads, Math.max(1, product.batches))),
  );
  const most = product.gemm.pauses
    ? roundUp(mostWorkOf(product) / slownessOfVectors / Math.max(1, product.inner), 16)
    : 2048;
  const taskColumns = Math.max(
    1,
    Math.min(2048, most, roundUp(Math.max(perTask, shared), 16), product.columns),
  );
  const leftBlockOffset = tileBytes;
  const rightPanelsOffset = leftBlockOffset + roundUp(innerBlock * elementBytes, 64);
  return {
    innerSlice: Math.max(1, product.inner),
    columnSlice: Math.max(1, product.columns),
    batchSlice: Math.max(1, product.batches),
    taskRows: 1,
    taskColumns,
    innerBlock,
    leftKind: 'packed',
    packedFirst: null,
    isVector: true,
    columnRun: 0,
    groupColumns: 0,
    leftBlockOffset,
    rightPanelsOffset,
    scratchBytes: roundUp(rightPanelsOffset + taskColumns * elementBytes, 64),
  };
}

function cutMatrix(product: Product, { follower, packedRight }: GemmOptions): Cut {
  const { elementBytes, tileColumns } = product.kernels;
  const { threads } = product.gemm.pool;
  const columnRun = packedRight === undefined ? runInPlace(product) : 0;
  const blockBytes = columnRun > 0 ? directBlockBytes : innerBlockBytes;
  const innerBlock = Math.max(1, Math.min(product.inner, blockBytes / elementBytes));
  let innerSlice = Math.max(1, product.inner);
  let columnSlice = Math.max(1, product.columns);
  let batchSlice = Math.max(1, product.batches);
  const wholeWork = product.rows * product.columns * product.inner * product.batches;
  const tasks =
    threads === 1 || wholeWork < workWorthThreads
      ? 1
      : Math.min(ceilDivide(wholeWork, workPerTask), threads * tasksPerThread);
  // With a packed right operand that all share rows are cut; otherwise columns, as each task packs its own.
  const rowCuts = ceilDivide(product.rows, leastTaskRows);
  const columnCuts = Math.max(1, ceilDivide(product.columns, tileColumns) >> 1);
  const hasFewColumns = columnCuts < rowCuts && columnCuts * batchSlice < tasks;
  const leftKind = columnRun === 0 ? leftKindOf(product) : 'packed';
  const rowsInPlace = Math.floor(blockBytesInPlace / (innerBlock * elementBytes));
  const mostRows = leftKind === 'packed' ? blockRows : Math.max(blockRows, rowsInPlace);
  const packsRightFirst =
    product.rows > mostRows || (hasFewColumns && columnRun === 0 && packedRight === undefined);
  if (packsRightFirst) {
    // A slice of the right operand must fit; the inner dimension is cut last, as each cut rereads the result.
    const budget = sliceBytes / elementBytes;
    innerSlice = Math.min(innerSlice, innerBlock * 8);
    columnSlice = Math.min(
      columnSlice,
      Math.max(tileColumns, Math.floor(budget / innerSlice / tileColumns) * tileColumns),
    );
    batchSlice = Math.max(
      1,
      Math.min(batchSlice, Math.floor(budget / (innerSlice * roundUp(columnSlice, tileColumns)))),
    );
  }
  // As few rows a task as leave every thread something to do, as many as the cache holds.
  let rowTasks = ceilDivide(product.rows, packsRightFirst ? blockRows : mostRows);
  let columnTasks = 1;
  const present = rowTasks * batchSlice;
  const isEven = present >= evenTasksPerThread * threads && present % threads === 0;
  if (present < tasks && !isEven) {
    const missing = ceilDivide(tasks, batchSlice);
    if (packsRightFirst) rowTasks = Math.max(rowTasks, evenly(Math.min(missing, rowCuts), threads));
    else columnTasks = Math.min(missing, columnCuts);
  }
  if (product.gemm.pauses && packedRight === undefined) {
    const most = mostWorkOf(product);
    const rows = (): number => Math.min(product.rows, ceilDivide(product.rows, rowTasks));
    const columns = (): number => ceilDivide(columnSlice, columnTasks);
    const inners = Math.floor(most / (rows() * columns() * innerBlock));
    innerSlice = Math.min(innerSlice, innerBlock * Math.max(leastInnerBlocks, inners));
    columnTasks = Math.max(
      columnTasks,
      Math.min(
        ceilDivide(rows() * columnSlice * innerSlice, most),
        Math.floor(columnSlice / leastTaskColumns),
      ),
    );
    rowTasks = Math.max(
      rowTasks,
      Math.min(
        ceilDivide(product.rows * columns() * innerSlice, most),
        Math.floor(product.rows / leastTaskRows),
      ),
    );
  }
  // Tiles differ in height anyway; of columns, a task has as many whole tiles as the others, but for the last one.
  const taskRows = ceilDivide(product.rows, rowTasks);
  const tiles = ceilDivide(columnSlice, tileColumns);
  const wanted = Math.max(1, Math.floor(tiles / columnTasks)) * tileColumns;
  const unit = columnUnit(tileColumns, wanted, follower?.columnRun ?? 1);
  const units = Math.max(1, Math.round(wanted / unit));
  const others = rowTasks * Math.min(batchSlice, product.batches);
  const taskColumns =
    unit * (columnTasks === 1 ? units : evenLength(ceilDivide(columnSlice, unit), units, others, threads));
  const sharesLeft = columnTasks > 1 && rowTasks === 1 && leftKind === 'packed';
  const packedFirst = packsRightFirst || packedRight !== undefined ? 'right' : sharesLeft ? 'left' : null;
  const panels = Math.max(1, Math.floor(groupBytes / (innerBlock * tileColumns * elementBytes)));
  const groupColumns = tileColumns * Math.min(panels, ceilDivide(taskColumns, tileColumns));
  const leftBlockOffset = tileBytes;
  const packsLeft = leftKind === 'packed' && packedFirst !== 'left';
  const leftBytes = packsLeft ? taskRows * innerBlock * elementBytes : 0;
  const rightPanelsOffset = leftBlockOffset + roundUp(leftBytes, 64);
  return {
    innerSlice,
    columnSlice,
    batchSlice,
    taskRows,
    taskColumns,
    innerBlock,
    leftKind,
    packedFirst,
    isVector: false,
    columnRun,
    groupColumns,
    leftBlockOffset,
    rightPanelsOffset,
    scratchBytes: roundUp(rightPanelsOffset + innerBlock * groupColumns * elementBytes, 64),
  };
}
