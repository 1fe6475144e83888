// Products with a small result and a long inner dimension, as the gradient of a convolution's weight is: its parts are
// products side by side, for several threads, whose results are added up.
import {
  type BufferSpec,
  contiguousStrides,
  type Dot,
  type DotOperand,
  type LoopKernel,
  type Reduction,
  sizeOf,
} from '@nn/core';
import { storageBytes } from '../emit/registers.ts';
import { sharesPerThread } from '../threads/pool.ts';
import { type Command, type CommandContext, withScratch } from './command.ts';
import { dotCommand, isProduct } from './dot.ts';
import { LoopCommand } from './loop.ts';
import { makeAll, Sequence } from './sequence.ts';

/** Multiply-adds of a product that is worth it. */
const workWorthSplitting = 2_000_000;
/** Inner positions of a part: with fewer, adding the parts up takes a part of the time that shows. */
const leastInner = 256;
/** About so much of a result is a task of its own without this. */
const taskRows = 24;
const taskColumns = 32;

interface Parts {
  /** Among the dot's inner dimensions. */
  readonly dimension: number;
  readonly count: number;
  readonly length: number;
  /** What does not fill another part. */
  readonly rest: number;
}

function partsOf({ extents }: LoopKernel, dot: Dot, threads: number): Parts | undefined {
  const rowsEnd = dot.batchRank + dot.rowRank;
  const batches = sizeOf(extents.slice(0, dot.batchRank));
  const rows = sizeOf(extents.slice(dot.batchRank, rowsEnd));
  const columns = sizeOf(extents.slice(rowsEnd));
  const inner = sizeOf(dot.inner);
  const tasks = batches * Math.max(rows / taskRows, columns / taskColumns, 1);
  if (threads === 1 || !isProduct(dot) || tasks >= 2 * threads) return undefined;
  if (batches * rows * columns * inner < workWorthSplitting) return undefined;
  const dimension = dot.inner.indexOf(Math.max(...dot.inner));
  const extent = dot.inner[dimension];
  const count = Math.min(threads * sharesPerThread, extent, Math.floor(inner / leastInner));
  if (count < threads) return undefined;
  const length = Math.floor(extent / count);
  return { dimension, count, length, rest: extent - count * length };
}

/** The product in parts, and what adds them up and goes on; undefined where that brings nothing. */
export function splitDotCommand(context: CommandContext, kernel: LoopKernel, dot: Dot): Command | undefined {
  const parts = partsOf(kernel, dot, context.device.pool.threads);
  if (parts === undefined) return undefined;
  const { dimension, count, length, rest } = parts;
  const { extents } = kernel;
  const { dtype } = dot;
  const outputs = sizeOf(extents);
  const total = rest > 0 ? count + 1 : count;
  const buffer = context.buffers.length;
  const sums: BufferSpec = { dtype, length: total * outputs, role: 'temporary', offset: 0 };
  const sumBytes = Math.ceil((sums.length * storageBytes[dtype]) / 64) * 64;
  const extended = withScratch(context, [sums]);
  const part = (number: number, size: number, start: number, at: number): Command => {
    const shape = [number, ...extents];
    const cut = (operand: DotOperand): DotOperand => {
      const stride = operand.strides[extents.length + dimension];
      return {
        ...operand,
        offset: operand.offset + stride * start,
        strides: [stride * size, ...operand.strides],
      };
    };
    const producer: Dot = {
      ...dot,
      batchRank: dot.batchRank + 1,
      inner: dot.inner.map((extent, d) => (d === dimension ? size : extent)),
      left: cut(dot.left),
      right: cut(dot.right),
    };
    const access = { buffer, offset: at * outputs, strides: contiguousStrides(shape), guards: [] };
    const product: LoopKernel = {
      ...kernel,
      extents: shape,
      producer,
      epilogue: [{ op: 'result', dtype, index: 0 }],
      stores: [{ access, value: 0 }],
    };
    return dotCommand(extended, product, producer, sumBytes);
  };
  const strides = [...contiguousStrides(extents), outputs];
  const adding: Reduction = {
    kind: 'reduce',
    extents: [total],
    body: [{ op: 'load', dtype, access: { buffer, offset: 0, strides, guards: [] } }],
    accumulators: [{ op: 'sum', value: 0, dtype }],
  };
  const commands = makeAll([
    () => part(count, length, 0, 0),
    ...(rest > 0 ? [() => part(1, rest, count * length, count)] : []),
    () => new LoopCommand(extended, { ...kernel, producer: null }, adding),
  ]);
  return new Sequence(commands, sumBytes);
}
