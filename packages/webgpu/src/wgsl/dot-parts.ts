/** What the ways to compute a dot share: its loops, the addresses of its factors, and what becomes of a result. */
import type { Dot, LoopKernel } from '@nn/core';
import { emitAffine, emitCoordinates, sizeOfExtents } from './affine.ts';
import type { KernelCode } from './kernel-code.ts';
import { emitTail } from './loop.ts';
import { fitted } from './operations.ts';
import { registerType } from './storage.ts';

export interface Part {
  readonly extents: readonly number[];
  readonly size: number;
  /** Its first dimension among the kernel's. */
  readonly from: number;
}

export interface DotLoops {
  readonly batch: Part;
  readonly rows: Part;
  readonly columns: Part;
  /** Size of the inner range. */
  readonly inner: number;
  /** Where the inner range is cut, so that more invocations have work: inner positions a chunk. */
  readonly chunkLength: number | null;
}

export function splitDot(kernel: LoopKernel, dot: Dot): DotLoops {
  const part = (from: number, to?: number): Part => {
    const extents = kernel.extents.slice(from, to);
    return { extents, size: sizeOfExtents(extents), from };
  };
  const columnsFrom = dot.batchRank + dot.rowRank;
  return {
    batch: part(0, dot.batchRank),
    rows: part(dot.batchRank, columnsFrom),
    columns: part(columnsFrom),
    inner: sizeOfExtents(dot.inner),
    chunkLength: null,
  };
}

/** The results in row-major order, all chunks' first results before the second chunk's. */
export function resultCount({ batch, rows, columns }: DotLoops): number {
  return batch.size * rows.size * columns.size;
}

export function chunkCount({ inner, chunkLength }: DotLoops): number {
  return chunkLength === null ? 1 : Math.ceil(inner / chunkLength);
}

/** Chunks where `units` of independent work are too few to keep a GPU busy and the inner range is long. */
export function inChunks(loops: DotLoops, units: number): DotLoops {
  const { inner } = loops;
  if (units >= 64 || inner < 1024) return loops;
  const chunks = Math.min(Math.floor(256 / units), Math.floor(inner / 256));
  // Whole slices, so that only the last chunk is ragged.
  const chunkLength = Math.ceil(inner / chunks / 16) * 16;
  return { ...loops, chunkLength };
}

/**
 * Names which of `units` of work, of which chunk, an invocation (or workgroup, by its number) does: `unit`, `chunk`,
 * and the chunk's inner positions from `begin` to `end`.
 */
export function emitChunk(
  { inner, chunkLength }: DotLoops,
  units: number,
  { sizes }: KernelCode,
  number = 'group',
): readonly string[] {
  const innerCount = sizes.integer(inner);
  if (chunkLength === null) {
    return ['let chunk = 0;', `let unit = ${number};`, 'let begin = 0;', `let end = ${innerCount};`];
  }
  const [unitCount, length] = [sizes.integer(units), sizes.integer(chunkLength)];
  return [
    `let chunk = ${number} / ${unitCount};`,
    `let unit = ${number} % ${unitCount};`,
    `let begin = chunk * ${length};`,
    `let end = min(begin + ${length}, ${innerCount});`,
  ];
}

export type DotType = 'f32' | 'i32';

export function dotType(dot: Dot): DotType {
  return registerType(dot.dtype) === 'f32' ? 'f32' : 'i32';
}

export interface Factor {
  /** WGSL function from a row (or column) and batch to where it begins in the buffer. */
  readonly begin: string;
  /** WGSL function from an inner position to the distance from there. */
  readonly step: string;
  /** Whether neighbours along the inner range are neighbours in memory. */
  readonly innerIsContiguous: boolean;
}

export function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

export function emitFactor(
  name: 'left' | 'right',
  kernel: LoopKernel,
  dot: Dot,
  loops: DotLoops,
  code: KernelCode,
): Factor {
  const rank = kernel.extents.length;
  const { batch } = loops;
  const own = name === 'left' ? loops.rows : loops.columns;
  const batchPart = emitCoordinates('batch', batch.extents, 'b', code.sizes);
  const ownPart = emitCoordinates('own', own.extents, 'o', code.sizes);
  const innerPart = emitCoordinates('position', dot.inner, 'k', code.sizes);
  const strides = [
    ...dot[name].strides.slice(batch.from, batch.from + batch.extents.length),
    ...dot[name].strides.slice(own.from, own.from + own.extents.length),
  ];
  const begin = emitAffine(
    { offset: dot[name].offset, strides },
    [...batchPart.names, ...ownPart.names],
    code.sizes,
  );
  const step = emitAffine({ offset: 0, strides: dot[name].strides.slice(rank) }, innerPart.names, code.sizes);
  return {
    begin: `fn ${name}_begin(batch: i32, own: i32) -> i32 {
  ${[...batchPart.lines, ...ownPart.lines, `return ${begin};`].join('\n  ')}
}`,
    step: `fn ${name}_step(position: i32) -> i32 {
  ${[...innerPart.lines, `return ${step};`].join('\n  ')}
}`,
    innerIsContiguous: dot.inner.length > 0 && dot[name].strides.at(-1) === 1,
  };
}

/**
 * `fn result(chunk, batch, row, column, sum)`: the epilogue and the stores of one result, if it is one; of a chunk's
 * result, that it is kept.
 */
export function emitResult(kernel: LoopKernel, dot: Dot, loops: DotLoops, code: KernelCode): string {
  const { batch, rows, columns } = loops;
  const type = dotType(dot);
  const [rowCount, columnCount] = [code.sizes.integer(rows.size), code.sizes.integer(columns.size)];
  const lines = [`if (row >= ${rowCount} || column >= ${columnCount}) { return; }`];
  if (loops.chunkLength === null) {
    const parts = [
      emitCoordinates('batch', batch.extents, 'b', code.sizes),
      emitCoordinates('row', rows.extents, 'r', code.sizes),
      emitCoordinates('column', columns.extents, 'c', code.sizes),
    ];
    const names = parts.flatMap((part) => part.names);
    const { values, stores } = emitTail(kernel, { names }, [`result0: ${type}`], code);
    lines.push(
      ...parts.flatMap((part) => part.lines),
      `let result0 = ${fitted(dot.dtype, 'sum')};`,
      ...values,
      ...stores,
    );
  } else {
    const kept = code.scratch(type, 0, resultCount(loops) * chunkCount(loops) * 4);
    const matrix = `(chunk * ${code.sizes.integer(batch.size)} + batch)`;
    lines.push(`${kept}[(${matrix} * ${rowCount} + row) * ${columnCount} + column] = sum;`);
  }
  return `fn result(chunk: i32, batch: i32, row: i32, column: i32, sum: ${type}) {
  ${lines.join('\n  ')}
}`;
}
