// One prepared product: its tables, its descriptor, and its jobs.

import { Job, type KernelCall } from '../threads/job.ts';
import type { Kernel } from '../threads/kernel-module.ts';
import { inSlices, type Slices } from '../threads/slices.ts';
import {
  type Cut,
  ceilDivide,
  chooseCut,
  type GemmOptions,
  roundUp,
  stepOf,
  workPerTask,
  workWorthThreads,
} from './cut.ts';
import {
  descriptorBytes,
  leftKinds,
  panelsTogether,
  scratchTileVectors,
  tileRows,
  tileVectors,
  unbounded,
  word,
} from './descriptor.ts';
import { directVectors } from './direct-tile.ts';
import type { Gemm, GemmKernels } from './gemm.ts';
import { type Axis, axisLength, type OffsetTable, runLength } from './offset-tables.ts';
import { type GemmShape, oriented } from './shape.ts';

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
    this.#cut = chooseCut(
      {
        gemm,
        kernels: this.#kernels,
        shape,
        batches: this.#batches,
        rows: this.#rows,
        columns: this.#columns,
        inner: this.#inner,
      },
      options,
    );
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

  /** Runs on the operands at the addresses that were written; `leaves` as in `ThreadPool.run`. */
  run(leaves = false): void {
    if (this.#onlySlice !== undefined) this.#runJobs(this.#onlySlice, leaves);
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
    words[base + word.rightPanelsOffset] = cut.rightPanelsOffset;
    words[base + word.innerBlock] = cut.innerBlock;
    words[base + word.groupColumns] = cut.groupColumns;
    words[base + word.leftKind] = leftKinds.indexOf(cut.leftKind);
    words[base + word.leftPitch] = stepOf(this.#shape.left.columns) * this.#kernels.elementBytes;
    words[base + word.packedLeft] = 0;
    words[base + word.packedRight] = 0;
    const pitch = (scratchTileVectors * tileColumns) / tileVectors;
    for (let row = 0; row < tileRows; row++) words[base + word.tileRows + row] = row * pitch;
    words[base + word.columnRun] = cut.columnRun;
    const runOf = (axis: Axis): number => (runLength(axis) === this.#columns ? unbounded : runLength(axis));
    words[base + word.resultRun] = runOf(this.#shape.result.columns);
    words[base + word.rightRun] = runOf(this.#shape.right.columns);
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

  #runJobs(jobs: Jobs, leaves = false): void {
    const { isAlone, packItems, packGrain, items, grain } = jobs;
    const { pool } = this.#gemm;
    if (!isAlone) {
      if (packItems > 0) pool.run(this.#packJob, packItems, packGrain);
      pool.run(this.#jobOf(jobs), items, grain, leaves);
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
    const panels =
      packedFirst === 'left'
        ? ceilDivide(this.#rows, tileRows)
        : ceilDivide(columns, this.#kernels.tileColumns * panelsTogether);
    return ceilDivide(inners, innerBlock) * panels;
  }
}
