// Reductions along the columns of a matrix. Columns that are walked down one after the other read a short run of every
// row: each in another page, and too short for a prefetcher. Here a few rows at a time are added to partial results that
// stay in the first-level cache, so that memory is read as it lies; what blocks of rows gave is reduced at the end.
import {
  type Access,
  type Accumulator,
  contiguousStrides,
  ExpressionBuilder,
  type LoopKernel,
  type Reduction,
  type Store,
  sizeOf,
  type Value,
} from '@nn/core';
import type { Device } from '../device.ts';
import { combiningOps, isLocating } from '../emit/accumulate.ts';
import { lanesLast } from '../emit/lane-choice.ts';
import { mergeNeighbours, sortByStride, totalExtent, withoutUnits } from '../emit/loops.ts';
import { computeDType } from '../emit/lower.ts';
import { accessed, draftLoop, finishPlan, mostStepsWrittenOut, type Plan } from '../emit/plan.ts';
import { blockLength } from '../emit/reduce-nest.ts';
import { Job } from '../threads/job.ts';
import { sharesPerThread } from '../threads/pool.ts';
import type { Slices } from '../threads/slices.ts';
import type { Command, CommandContext } from './command.ts';
import { estimatedTime, LoopCall, longestItem, workWorthThreads } from './loop.ts';
import { makeAll, Sequence } from './sequence.ts';
import {
  combineCommand,
  cutInstruction,
  partAccumulators,
  partCommand,
  withPartialResults,
} from './split.ts';

/** Rows that are read side by side, at most: as many streams as prefetchers follow. */
const mostRowsAtOnce = 8;
const fewestRowsAtOnce = 2;
/** Columns whose partial results stay in the first-level cache. */
const columnsAtOnce = 2048;
/** Fewer columns than this are read whole by what walks down columns. */
const fewestColumns = 128;
const fewestRows = 64;
/** Elements from which partial results are worth their steps. */
const elementsWorthStreaming = 16 * 1024;
const elementsBeyondCaches = 4 * 1024 * 1024;

/** Rows read side by side: as many as can be written out. */
function rowsAtOnce({ structure }: Plan): number {
  const fits = Math.floor(mostStepsWrittenOut / Math.max(1, structure.body?.length ?? 0));
  return Math.min(mostRowsAtOnce, 2 ** Math.floor(Math.log2(Math.max(1, fits))));
}

/** Whether a reduction is so long that another order can pay. */
export function isLong(kernel: LoopKernel, { extents }: Reduction): boolean {
  return sizeOf(kernel.extents) * sizeOf(extents) >= elementsWorthStreaming;
}

/** Whether a reduction walks down columns, many and long ones, whose rows are contiguous. */
export function isWorthStreaming({ extents, accumulators }: Reduction, plan: Plan): boolean {
  const { structure, inner, reduced, sites } = plan;
  if (extents.filter((extent) => extent > 1).length !== 1) return false;
  const { lanesAlong, vectorized, body, cursors } = structure;
  if (lanesAlong !== 'outer' || !vectorized || body === null || inner === null) return false;
  if (reduced.length !== 1 || reduced[0].extent < fewestRows || inner.extent < fewestColumns) return false;
  // Positions take so many steps that only main memory is slower.
  const locates = accumulators.some(({ op }) => isLocating(op));
  const elements = totalExtent(plan.rows) * inner.extent * reduced[0].extent;
  if (locates && elements < elementsBeyondCaches) return false;
  const streams = body.filter((step) => {
    if (step.kind !== 'load') return false;
    return cursors[step.cursor].lane === 'unit' && reduced[0].strides[step.cursor] !== 0;
  });
  const isPlain = sites.every((_, at) => cursors[at].lane === 'unit' || cursors[at].lane === 'zero');
  const gathers = body.some((step) => step.kind === 'gather');
  return streams.length > 0 && isPlain && !gathers && rowsAtOnce(plan) >= fewestRowsAtOnce;
}

/** Adds a few rows at a time to the partial results of their block. */
class StreamCommand implements Command {
  readonly scratchBytes = 0;
  readonly #device: Device;
  readonly #call: LoopCall;
  readonly #job: Job;
  readonly #items: number;
  readonly #grain: number;

  /** The kernel's first two dimensions count blocks, and steps within them. */
  constructor(context: CommandContext, kernel: LoopKernel, reduction: Reduction) {
    const { device } = context;
    const draft = draftLoop(kernel, reduction, context);
    const [blocks, steps, ...outer] = draft.outer;
    const loops = mergeNeighbours(sortByStride(withoutUnits(outer), draft.priority));
    const arranged = lanesLast(draft.table.sites, accessed(draft), loops);
    const inner = arranged[arranged.length - 1];
    const rows = [blocks, ...arranged.slice(0, -1), steps];
    const chunkRow = rows.length - 1;
    const plan = finishPlan(draft, { lanesAlong: 'outer', rows, inner, chunkRow, tileLength: null });
    const time = estimatedTime(plan);
    const threads = time >= workWorthThreads ? device.pool.threads : 1;
    const chunks = Math.ceil(inner.extent / columnsAtOnce);
    const length = Math.ceil(inner.extent / chunks / 16) * 16;
    this.#device = device;
    this.#call = new LoopCall(context, plan, length, steps.extent);
    this.#job = new Job(device.heap, [this.#call]);
    this.#items = this.#call.items / steps.extent;
    const turns = Math.max(threads * sharesPerThread, Math.ceil(time / longestItem));
    this.#grain = Math.ceil(this.#items / turns);
  }

  run(): void {
    this.#device.pool.run(this.#job, this.#items, this.#grain);
  }

  *inSlices(): Slices {
    yield* this.#device.pool.inSlices(this.#job, this.#items, this.#grain);
  }

  dispose(): void {
    this.#job.dispose();
    this.#call.dispose();
  }
}

/** What was found so far, together with what a few more rows give. */
class PartialResults {
  readonly #b = new ExpressionBuilder();
  readonly #isFirst: Value;
  readonly #step: Value;
  readonly #accesses: readonly Access[];
  readonly stores: Store[] = [];

  constructor(accesses: readonly Access[]) {
    const b = this.#b;
    this.#accesses = accesses;
    this.#step = b.add({ op: 'index', dtype: 'int32', affine: { offset: 0, strides: [0, 1] } });
    const zero = b.add({ op: 'const', dtype: 'int32', value: 0 });
    this.#isFirst = b.add({ op: 'eq', dtype: 'bool', args: [this.#step, zero] });
  }

  get epilogue(): LoopKernel['epilogue'] {
    return this.#b.instructions;
  }

  #result(index: number, { dtype }: Accumulator): Value {
    return this.#b.add({ op: 'result', dtype: computeDType(dtype), index });
  }

  #former(index: number, { dtype }: Accumulator): Value {
    return this.#b.add({ op: 'load', dtype: computeDType(dtype), access: this.#accesses[index] });
  }

  #store(index: number, value: Value): void {
    this.stores.push({ access: this.#accesses[index], value });
  }

  /** The accumulator at `index` of those that the parts have. */
  combine(op: keyof typeof combiningOps, index: number, accumulator: Accumulator): void {
    const b = this.#b;
    const dtype = computeDType(accumulator.dtype);
    const found = this.#result(index, accumulator);
    const both = b.add({ op: combiningOps[op], dtype, args: [this.#former(index, accumulator), found] });
    this.#store(index, b.add({ op: 'where', dtype, args: [this.#isFirst, found, both] }));
  }

  /** A position and the value there, which the next accumulator has: later ones must be better, or the first NaN. */
  locate(
    op: 'argmax' | 'argmin',
    index: number,
    position: Accumulator,
    value: Accumulator,
    perStep: number,
  ): void {
    const b = this.#b;
    const dtype = computeDType(value.dtype);
    const [found, best] = [this.#result(index + 1, value), this.#former(index + 1, value)];
    const [low, high] = op === 'argmax' ? [found, best] : [best, found];
    const isNoBetter = b.add({ op: 'le', dtype: 'bool', args: [low, high] });
    const isBetter = b.add({ op: 'not', dtype: 'bool', args: [isNoBetter] });
    const isNumber = b.add({ op: 'eq', dtype: 'bool', args: [best, best] });
    const beats = b.add({ op: 'and', dtype: 'bool', args: [isBetter, isNumber] });
    const takes = b.add({ op: 'or', dtype: 'bool', args: [this.#isFirst, beats] });
    const length = b.add({ op: 'const', dtype: 'int32', value: perStep });
    const start = b.add({ op: 'mul', dtype: 'int32', args: [this.#step, length] });
    const at = b.add({ op: 'add', dtype: 'int32', args: [start, this.#result(index, position)] });
    const former = this.#former(index, position);
    this.#store(index, b.add({ op: 'where', dtype: 'int32', args: [takes, at, former] }));
    this.#store(index + 1, b.add({ op: 'where', dtype, args: [takes, found, best] }));
  }
}

/** @param plan of the kernel, as it would walk down columns. */
export function columnsCommand(
  context: CommandContext,
  kernel: LoopKernel,
  reduction: Reduction,
  plan: Plan,
): Command {
  const outputs = sizeOf(kernel.extents);
  const dimension = reduction.extents.findIndex((extent) => extent > 1);
  const extent = reduction.extents[dimension];
  const rows = rowsAtOnce(plan);
  const blocks = Math.max(1, Math.floor(extent / blockLength));
  const steps = Math.floor(extent / (rows * blocks));
  const perBlock = rows * steps;
  const rest = extent - perBlock * blocks;
  const total = blocks + (rest > 0 ? 1 : 0);
  const accumulators = partAccumulators(reduction);
  const dtypes = accumulators.map(({ dtype }) => computeDType(dtype));
  const { extended, first, scratchBytes } = withPartialResults(context, dtypes, total * outputs);
  const stream = (): Command => {
    const rank = kernel.extents.length;
    const step = { kernelRank: rank, dimension, length: rows, start: 0 };
    const block = { kernelRank: rank + 1, dimension, length: perBlock, start: 0 };
    const body = reduction.body.map((instruction) =>
      cutInstruction(cutInstruction(instruction, step), block),
    );
    const strides = contiguousStrides(kernel.extents);
    const results = new PartialResults(
      dtypes.map((_, at) => ({
        buffer: first + at,
        offset: 0,
        strides: [outputs, 0, ...strides],
        guards: [],
      })),
    );
    let at = 0;
    for (const { op } of reduction.accumulators) {
      if (isLocating(op)) results.locate(op, at, accumulators[at], accumulators[at + 1], rows);
      else results.combine(op, at, accumulators[at]);
      at += isLocating(op) ? 2 : 1;
    }
    const extents = reduction.extents.map((other, d) => (d === dimension ? rows : other));
    return new StreamCommand(
      extended,
      {
        ...kernel,
        extents: [blocks, steps, ...kernel.extents],
        producer: null,
        epilogue: results.epilogue,
        stores: results.stores,
      },
      { kind: 'reduce', extents, body, accumulators },
    );
  };
  const parts = { dtypes, first, total, positionsPerPart: perBlock };
  const commands = makeAll([
    stream,
    ...(rest > 0
      ? [
          () =>
            partCommand(extended, kernel, reduction, {
              ...parts,
              dimension,
              count: 1,
              length: rest,
              start: perBlock * blocks,
              at: blocks,
            }),
        ]
      : []),
    () => combineCommand(extended, kernel, reduction, parts),
  ]);
  return new Sequence(commands, scratchBytes);
}
