// One prepared product: its tables, its descriptor, and how its work is cut into jobs.

import { Job, type KernelCall } from '../threads/job.ts';
import type { Kernel } from '../threads/kernel-module.ts';
import { inSlices, type Slices } from '../threads/slices.ts';
import {
  descriptorBytes,
  type LeftKind,
  leftKinds,
  scratchTileVectors,
  tileBytes,
  tileRows,
  tileVectors,
  word,
} from './descriptor.ts';
import { directVectors } from './direct-tile.ts';
import type { Gemm, GemmKernels } from './gemm.ts';
import { type Axis, axisLength, type OffsetTable, overlap, runLength } from './offset-tables.ts';
import { type GemmShape, oriented } from './shape.ts';

/** Inner positions packed at a time: a panel of the right operand (8 KiB in float32) stays in the first-level cache. */
const innerBlockBytes = 1024;
/** Rows packed at a time: with the above, a block of the left operand takes 192 KiB of the second-level cache. */
const blockRows = 192;
/** Tasks with a packed right operand that they share have at least this many. */
const leastTaskRows = 24;
/** With more rows than this, the right operand is packed, or where it is large, with more than a tile has. */
const mostRowsInPlace = 24;
/** A right operand of at most this many bytes can be read several times. */
const bytesReadAgain = 256 * 1024;
/** Fewer columns side by side are packed; where several tiles of rows meet them, and few tiles would be full. */
const leastRun = 4;
const leastRunReadAgain = 32;
/** A left operand of at most this many bytes, gaps and all batches included, is read in place; packing fetches more. */
const leftBytesInPlace = 64 * 1024;
/** Addresses so far apart are alike to a first-level cache. */
const aliasBytes = 4096;
/** Inner positions at a time where the right operand is read in place. */
const directBlockBytes = 4096;
/** The right operand is packed in slices of at most this many bytes. */
const sliceBytes = 8 * 2 ** 20;
/** With fewer multiply-adds, waking another thread costs more than it brings. */
const workWorthThreads = 100_000;
/** Each task of a job with several threads has at least this many. */
const workPerTask = 50_000;
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
interface Cut {
  readonly innerSlice: number;
  readonly columnSlice: number;
  readonly batchSlice: number;
  readonly taskRows: number;
  readonly taskColumns: number;
  readonly innerBlock: number;
  readonly leftKind: LeftKind;
  /** The operand that is packed by a job of its own, for all tasks. */
  readonly packedFirst: 'left' | 'right' | null;
  readonly isVector: boolean;
  /** Columns side by side in the right operand, which is read in place; or 0. */
  readonly columnRun: number;
  readonly scratchBytes: number;
  readonly leftBlockOffset: number;
  readonly rightPanelOffset: number;
}

/** A word of the heap that must hold an operand's address, that of its element at offset 0, plus bytes. */
export interface OperandAddress {
  readonly operand: 'left' | 'right' | 'result' | 'scratch' | 'packedRight';
  readonly word: number;
  readonly offset: number;
}

/** How the result is cut: task (batch * rowTasks + rowTask) * columnTasks + columnTask. */
export interface Tasks {
  readonly count: number;
  readonly rowTasks: number;
  readonly taskRows: number;
  readonly columnTasks: number;
  readonly taskColumns: number;
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

/** What one slice gives the threads to do. */
interface Jobs {
  /** Whether waking another thread would cost more than it brings. */
  readonly isAlone: boolean;
  readonly packItems: number;
  readonly packGrain: number;
  readonly items: number;
  readonly grain: number;
  /** Whether the result is complete then. */
  readonly isLast: boolean;
}

const packedWords = {
  left: { address: word.packedLeft, bytes: word.packedLeftBytes },
  right: { address: word.packedRight, bytes: word.packedRightBytes },
};

/** Columns that a task has a multiple of: tiles, and whole runs where that does not make it much longer. */
function columnUnit(tileColumns: number, wanted: number, run: number): number {
  const unit = (run * tileColumns) / greatestCommonDivisor(run, tileColumns);
  return unit <= 1.25 * wanted ? unit : tileColumns;
}

const greatestCommonDivisor = (a: number, b: number): number =>
  b === 0 ? a : greatestCommonDivisor(b, a % b);

/** From one to the next, if all are equally far apart; else 0. */
function stepOf({ extents, strides }: Axis): number {
  const steps = strides.filter((_, dimension) => extents[dimension] > 1);
  return steps.length === 1 ? steps[0] : 0;
}

const ceilDivide = (value: number, by: number): number => Math.ceil(value / by);
/** So many tasks, or a little less, that each thread gets as many as the others. */
const evenly = (tasks: number, threads: number): number => tasks - (tasks > threads ? tasks % threads : 0);
const roundUp = (value: number, to: number): number => Math.ceil(value / to) * to;

export class GemmPlan {
  readonly #gemm: Gemm;
  readonly #kernels: GemmKernels;
  readonly #shape: GemmShape;
  readonly #tables: OffsetTable[] = [];
  readonly #descriptor: number;
  readonly #isSwapped: boolean;
  readonly #batches: number;
  readonly #rows: number;
  readonly #columns: number;
  readonly #inner: number;
  readonly #cut: Cut;
  readonly #packedRight: GemmOptions['packedRight'];
  readonly #compute: Kernel;
  readonly #pack: Kernel;
  readonly #packJob: Job;
  readonly #computeJob: Job;
  /** The same job and what follows it; absent where nothing does. */
  #followedJob: Job | undefined;
  /** Where one slice is all there is: its jobs, with everything about it written down already. */
  readonly #onlySlice: Jobs | undefined;

  constructor(gemm: Gemm, given: GemmShape, options: GemmOptions = {}) {
    const shape = oriented(given);
    this.#gemm = gemm;
    this.#shape = shape;
    this.#isSwapped = shape !== given;
    this.#kernels = gemm.kernels(shape.type);
    this.#batches = axisLength(shape.result.batch);
    this.#rows = axisLength(shape.result.rows);
    this.#columns = axisLength(shape.result.columns);
    this.#inner = axisLength(shape.left.columns);
    this.#packedRight = options.packedRight;
    this.#cut = this.#chooseCut(options);
    this.#descriptor = gemm.heap.allocate(descriptorBytes);
    const { left, right, result } = shape;
    for (const axis of [
      left.rows,
      left.columns,
      right.rows,
      right.columns,
      result.rows,
      result.columns,
      left.batch,
      right.batch,
      result.batch,
    ]) {
      this.#tables.push(gemm.tables.hold(axis));
    }
    this.#compute = this.#cut.isVector ? this.#kernels.vector : this.#kernels.compute;
    const argumentsAddress = this.#descriptor;
    this.#pack = this.#cut.packedFirst === 'left' ? this.#kernels.packLeft : this.#kernels.packRight;
    this.#packJob = new Job(gemm.heap, [{ kernel: this.#pack, arguments: argumentsAddress }]);
    this.#computeJob = new Job(gemm.heap, [{ kernel: this.#compute, arguments: argumentsAddress }]);
    this.#writeConstants();
    const { batchSlice, columnSlice, innerSlice } = this.#cut;
    const isOne = this.#batches <= batchSlice && this.#columns <= columnSlice && this.#inner <= innerSlice;
    this.#onlySlice = isOne && !this.#isEmpty ? this.#describeSlice(0, 0, 0) : undefined;
  }

  /** Bytes of scratch space that a run needs. */
  get scratchBytes(): number {
    if (this.#isEmpty) return 0;
    const { scratchBytes, batchSlice, innerSlice, columnSlice } = this.#cut;
    const packedBytes =
      this.#packedRight === undefined ? this.#packedBytesPerBatch(innerSlice, columnSlice) : 0;
    return this.#gemm.pool.threads * scratchBytes + batchSlice * packedBytes;
  }

  /** Where addresses must be written before a run. */
  get addresses(): readonly OperandAddress[] {
    const base = this.#descriptor >>> 2;
    const { packedFirst, scratchBytes } = this.#cut;
    const packed = this.#gemm.pool.threads * scratchBytes;
    return [
      { operand: this.#isSwapped ? 'right' : 'left', word: base + word.leftBase, offset: 0 },
      { operand: this.#isSwapped ? 'left' : 'right', word: base + word.rightBase, offset: 0 },
      { operand: 'result', word: base + word.resultBase, offset: 0 },
      { operand: 'scratch', word: base + word.scratch, offset: 0 },
      ...(packedFirst === null
        ? []
        : [
            {
              operand: this.#packedRight === undefined ? 'scratch' : 'packedRight',
              word: base + packedWords[packedFirst].address,
              offset: this.#packedRight === undefined ? packed : 0,
            } as const,
          ]),
    ];
  }

  /** Undefined where the result does not come in one piece. */
  get tasks(): Tasks | undefined {
    const { batchSlice, columnSlice, taskRows, taskColumns, isVector } = this.#cut;
    if (this.#isEmpty || this.#batches > batchSlice || this.#columns > columnSlice) return undefined;
    const rowTasks = isVector ? 1 : ceilDivide(this.#rows, taskRows);
    const columnTasks = ceilDivide(this.#columns, taskColumns);
    const count = this.#batches * rowTasks * columnTasks;
    return { count, rowTasks, taskRows, columnTasks, taskColumns };
  }

  /** Has a call run after each task, on the same thread: `scale` of its items for each task. */
  follow(call: KernelCall): void {
    const compute = { kernel: this.#compute, arguments: this.#descriptor };
    this.#followedJob = new Job(this.#gemm.heap, [compute, call]);
  }

  get #isEmpty(): boolean {
    return this.#batches === 0 || this.#rows === 0 || this.#columns === 0;
  }

  /** Runs on the operands at the addresses that were written. */
  run(): void {
    if (this.#onlySlice !== undefined) this.#runJobs(this.#onlySlice);
    else for (const jobs of this.#slices()) this.#runJobs(jobs);
  }

  /** The same, pausing now and then. */
  *inSlices(): Slices {
    if (this.#onlySlice !== undefined) yield* this.#jobsInSlices(this.#onlySlice);
    else for (const jobs of this.#slices()) yield* this.#jobsInSlices(jobs);
  }

  /** Describes one slice of the product after the other. */
  *#slices(): Generator<Jobs, void, void> {
    if (this.#isEmpty) return;
    const cut = this.#cut;
    for (let batch = 0; batch < this.#batches; batch += cut.batchSlice) {
      for (let column = 0; column < this.#columns; column += cut.columnSlice) {
        let inner = 0;
        do {
          yield this.#describeSlice(batch, column, inner);
          inner += cut.innerSlice;
        } while (inner < this.#inner);
      }
    }
  }

  dispose(): void {
    for (const table of this.#tables) this.#gemm.tables.release(table);
    this.#tables.length = 0;
    this.#packJob.dispose();
    this.#computeJob.dispose();
    this.#followedJob?.dispose();
    this.#gemm.heap.free(this.#descriptor);
  }

  #writeConstants(): void {
    const words = this.#gemm.heap.words;
    const base = this.#descriptor >>> 2;
    const cut = this.#cut;
    const { tileColumns } = this.#kernels;
    words[base + word.leftRows] = this.#tables[0].address;
    words[base + word.resultRows] = this.#tables[4].address;
    words[base + word.rows] = this.#rows;
    words[base + word.rowTasks] = cut.isVector ? 1 : ceilDivide(this.#rows, cut.taskRows);
    words[base + word.taskRows] = cut.taskRows;
    words[base + word.taskColumns] = cut.taskColumns;
    words[base + word.scratchBytes] = cut.scratchBytes;
    words[base + word.leftBlockOffset] = cut.leftBlockOffset;
    words[base + word.rightPanelOffset] = cut.rightPanelOffset;
    words[base + word.innerBlock] = cut.innerBlock;
    words[base + word.leftKind] = leftKinds.indexOf(cut.leftKind);
    words[base + word.leftPitch] = stepOf(this.#shape.left.columns) * this.#kernels.elementBytes;
    words[base + word.packedLeft] = 0;
    words[base + word.packedRight] = 0;
    const pitch = (scratchTileVectors * tileColumns) / tileVectors;
    for (let row = 0; row < tileRows; row++) words[base + word.tileRows + row] = row * pitch;
    words[base + word.columnRun] = cut.columnRun;
    words[base + word.resultRun] = runLength(this.#shape.result.columns);
    const height = Math.max(1, ceilDivide(cut.taskRows, Math.max(1, ceilDivide(cut.taskRows, tileRows))));
    words[base + word.directColumns] = (directVectors(height) * tileColumns) / tileVectors;
  }

  /** Writes a slice into the descriptor. */
  #describeSlice(batch: number, column: number, inner: number): Jobs {
    const { heap, pool } = this.#gemm;
    const { words } = heap;
    const base = this.#descriptor >>> 2;
    const cut = this.#cut;
    const batches = Math.min(cut.batchSlice, this.#batches - batch);
    const columns = Math.min(cut.columnSlice, this.#columns - column);
    const inners = Math.min(cut.innerSlice, this.#inner - inner);
    const columnTasks = ceilDivide(columns, cut.taskColumns);
    const at = (table: number, index: number): number => this.#tables[table].address + index * 4;
    words[base + word.leftInner] = at(1, inner);
    words[base + word.rightInner] = at(2, inner);
    words[base + word.rightColumns] = at(3, column);
    words[base + word.resultColumns] = at(5, column);
    words[base + word.leftBatch] = at(6, batch);
    words[base + word.rightBatch] = at(7, batch);
    words[base + word.resultBatch] = at(8, batch);
    words[base + word.columns] = columns;
    words[base + word.inner] = inners;
    words[base + word.accumulate] = this.#shape.accumulate || inner > 0 ? 1 : 0;
    words[base + word.columnTasks] = columnTasks;
    if (cut.packedFirst !== null)
      words[base + packedWords[cut.packedFirst].bytes] = this.#packedBytesPerBatch(inners, columns);
    const work = batches * this.#rows * columns * inners;
    const packItems = this.#packedRight === 'given' ? 0 : batches * this.#panelsPerBatch(inners, columns);
    const items = batches * ceilDivide(this.#rows, cut.taskRows) * columnTasks;
    const shares = 4 * pool.threads;
    return {
      isAlone: pool.threads === 1 || work < workWorthThreads,
      packItems,
      packGrain: Math.max(1, Math.floor(packItems / shares)),
      items,
      grain: Math.max(1, Math.min(Math.floor(items / shares), ceilDivide(workPerTask * items, work))),
      isLast: inner + inners >= this.#inner,
    };
  }

  #runJobs(jobs: Jobs): void {
    const { isAlone, packItems, packGrain, items, grain } = jobs;
    const { pool } = this.#gemm;
    if (!isAlone) {
      if (packItems > 0) pool.run(this.#packJob, packItems, packGrain);
      pool.run(this.#jobOf(jobs), items, grain);
      return;
    }
    if (packItems > 0) this.#pack.function(this.#descriptor, 0, packItems, 0);
    if (this.#followedJob === undefined) this.#compute.function(this.#descriptor, 0, items, 0);
    else for (let task = 0; task < items; task++) this.#jobOf(jobs).run(task, task + 1);
  }

  *#jobsInSlices(jobs: Jobs): Slices {
    const { isAlone, packItems, packGrain, items, grain } = jobs;
    const { pool } = this.#gemm;
    if (isAlone) {
      const pack = this.#pack.function;
      yield* inSlices((begin, end) => pack(this.#descriptor, begin, end, 0), packItems, 1);
      const job = this.#jobOf(jobs);
      yield* inSlices((begin, end) => job.run(begin, end), items, 1);
      return;
    }
    if (packItems > 0) yield* pool.inSlices(this.#packJob, packItems, packGrain);
    yield* pool.inSlices(this.#jobOf(jobs), items, grain);
  }

  #jobOf({ isLast }: Jobs): Job {
    return (isLast ? this.#followedJob : undefined) ?? this.#computeJob;
  }

  /** Of the operand that is packed first. */
  #packedBytesPerBatch(inners: number, columns: number): number {
    const { tileColumns, elementBytes } = this.#kernels;
    const { packedFirst } = this.#cut;
    if (packedFirst === null) return 0;
    return (packedFirst === 'left' ? this.#rows : roundUp(columns, tileColumns)) * inners * elementBytes;
  }

  #panelsPerBatch(inners: number, columns: number): number {
    const { packedFirst, innerBlock } = this.#cut;
    if (packedFirst === null) return 0;
    return packedFirst === 'left'
      ? ceilDivide(inners, innerBlock) * ceilDivide(this.#rows, tileRows)
      : ceilDivide(columns, this.#kernels.tileColumns);
  }

  /** Whether columns of the right operand, or rows of them, overlap. */
  get #hasWindows(): boolean {
    const { rows, columns } = this.#shape.right;
    return runLength(columns) >= leastRun && runLength(columns) < this.#columns && overlap(rows, columns);
  }

  /**
   * The columns side by side in the right operand where it pays to read it in place, or 0: where a packed panel would
   * be used once, and where it stays in the cache.
   */
  get #runInPlace(): number {
    const { rows, columns } = this.#shape.right;
    const run = runLength(columns);
    if (this.#rows <= tileRows) return run >= leastRun ? run : 0;
    const bytes = axisLength(rows) * this.#columns * this.#kernels.elementBytes;
    const isSmall = bytes <= bytesReadAgain && run >= leastRunReadAgain;
    return isSmall && this.#rows <= mostRowsInPlace ? run : 0;
  }

  /**
   * Tiles read the left operand where it is if its rows, or inner positions, do not compete for the same places of the
   * first-level cache, nor for those of its way predictor.
   */
  get #leftKind(): LeftKind {
    const { rows, columns } = this.#shape.left;
    const kind =
      runLength(columns) === this.#inner ? 'rows' : runLength(rows) === this.#rows ? 'columns' : 'packed';
    const lines = kind === 'rows' ? rows : columns;
    const lineBytes = Math.abs(stepOf(lines)) * this.#kernels.elementBytes;
    const bytes = lineBytes * axisLength(lines) * this.#batches;
    const fits = bytes > 0 && bytes <= leftBytesInPlace;
    return fits && greatestCommonDivisor(lineBytes, aliasBytes) <= aliasBytes / 8 ? kind : 'packed';
  }

  #chooseCut(options: GemmOptions): Cut {
    return this.#rows === 1 && !this.#hasWindows ? this.#cutVector() : this.#cutMatrix(options);
  }

  get #mostWorkPerTask(): number {
    return (mostWorkPerTask[this.#gemm.tier] * 4) / this.#kernels.elementBytes;
  }

  #cutVector(): Cut {
    const { elementBytes } = this.#kernels;
    const { threads } = this.#gemm.pool;
    const innerBlock = Math.min(Math.max(1, this.#inner), 4096);
    const perTask = ceilDivide(workPerTask, Math.max(1, this.#inner));
    const shared = ceilDivide(
      this.#columns,
      Math.max(1, ceilDivide(2 * threads, Math.max(1, this.#batches))),
    );
    const most = this.#gemm.pauses
      ? roundUp(this.#mostWorkPerTask / slownessOfVectors / Math.max(1, this.#inner), 16)
      : 2048;
    const taskColumns = Math.max(
      1,
      Math.min(2048, most, roundUp(Math.max(perTask, shared), 16), this.#columns),
    );
    const leftBlockOffset = tileBytes;
    const rightPanelOffset = leftBlockOffset + roundUp(innerBlock * elementBytes, 64);
    return {
      innerSlice: Math.max(1, this.#inner),
      columnSlice: Math.max(1, this.#columns),
      batchSlice: Math.max(1, this.#batches),
      taskRows: 1,
      taskColumns,
      innerBlock,
      leftKind: 'packed',
      packedFirst: null,
      isVector: true,
      columnRun: 0,
      leftBlockOffset,
      rightPanelOffset,
      scratchBytes: roundUp(rightPanelOffset + taskColumns * elementBytes, 64),
    };
  }

  #cutMatrix({ follower, packedRight }: GemmOptions): Cut {
    const { elementBytes, tileColumns } = this.#kernels;
    const { threads } = this.#gemm.pool;
    const columnRun = packedRight === undefined ? this.#runInPlace : 0;
    const blockBytes = columnRun > 0 ? directBlockBytes : innerBlockBytes;
    const innerBlock = Math.max(1, Math.min(this.#inner, blockBytes / elementBytes));
    let innerSlice = Math.max(1, this.#inner);
    let columnSlice = Math.max(1, this.#columns);
    let batchSlice = Math.max(1, this.#batches);
    const wholeWork = this.#rows * this.#columns * this.#inner * this.#batches;
    const tasks =
      threads === 1 || wholeWork < workWorthThreads
        ? 1
        : Math.min(ceilDivide(wholeWork, workPerTask), threads * tasksPerThread);
    // With a packed right operand that all share rows are cut; otherwise columns, as each task packs its own.
    const rowCuts = ceilDivide(this.#rows, leastTaskRows);
    const columnCuts = Math.max(1, ceilDivide(this.#columns, tileColumns) >> 1);
    const hasFewColumns = columnCuts < rowCuts && columnCuts * batchSlice < tasks;
    const packsRightFirst =
      this.#rows > blockRows || (hasFewColumns && columnRun === 0 && packedRight === undefined);
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
    let rowTasks = ceilDivide(this.#rows, blockRows);
    let columnTasks = 1;
    const present = rowTasks * batchSlice;
    const isEven = present >= evenTasksPerThread * threads && present % threads === 0;
    if (present < tasks && !isEven) {
      const missing = ceilDivide(tasks, batchSlice);
      if (packsRightFirst) rowTasks = Math.max(rowTasks, evenly(Math.min(missing, rowCuts), threads));
      else columnTasks = Math.min(missing, columnCuts);
    }
    if (this.#gemm.pauses && packedRight === undefined) {
      const most = this.#mostWorkPerTask;
      const rows = (): number => Math.min(this.#rows, ceilDivide(this.#rows, rowTasks));
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
          ceilDivide(this.#rows * columns() * innerSlice, most),
          Math.floor(this.#rows / leastTaskRows),
        ),
      );
    }
    // Tiles differ in height anyway; of columns, a task has as many whole tiles as the others, but for the last one.
    const taskRows = ceilDivide(this.#rows, rowTasks);
    const tiles = ceilDivide(columnSlice, tileColumns);
    const wanted = Math.max(1, Math.floor(tiles / columnTasks)) * tileColumns;
    const unit = columnUnit(tileColumns, wanted, follower?.columnRun ?? 1);
    const taskColumns = Math.max(1, Math.round(wanted / unit)) * unit;
    const leftKind = columnRun === 0 ? this.#leftKind : 'packed';
    const sharesLeft = columnTasks > 1 && rowTasks === 1 && leftKind === 'packed';
    const packedFirst = packsRightFirst || packedRight !== undefined ? 'right' : sharesLeft ? 'left' : null;
    const leftBlockOffset = tileBytes;
    const rightPanelOffset = leftBlockOffset + roundUp(taskRows * innerBlock * elementBytes, 64);
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
      leftBlockOffset,
      rightPanelOffset,
      scratchBytes: roundUp(rightPanelOffset + innerBlock * tileColumns * elementBytes, 64),
    };
  }
}
