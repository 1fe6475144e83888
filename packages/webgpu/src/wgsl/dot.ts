/**
 * Products of matrices, batched, with any strides (a convolution is one with overlapping strides). A workgroup
 * of 16 x 16 computes a tile of up to 64 x 64 results, up to 4 x 4 an invocation, from slices of both factors
 * that it brings into workgroup memory together. Thin products become reductions instead.
 */
import type { Dot, Instruction, LoopKernel } from '@nn/core';
import { emitAffine, emitCoordinates, sizeOfExtents } from './affine.ts';
import { type EmitContext, KernelCode, type Launch } from './kernel-code.ts';
import { emitTail } from './loop.ts';
import { fitted } from './operations.ts';
import { emitReduction } from './reduce.ts';
import { registerType } from './storage.ts';

const side = 16;
const workgroupSize = side * side;
/** Inner positions that a slice holds. */
const depth = 16;

interface Factor {
  /** WGSL function from a row (or column) and batch to where it begins in the buffer. */
  readonly begin: string;
  /** WGSL function from an inner position to the distance from there. */
  readonly step: string;
  /** Whether neighbours along the inner range are neighbours in memory. */
  readonly innerIsContiguous: boolean;
}

export function emitDot(kernel: LoopKernel, dot: Dot, context: EmitContext): readonly Launch[] {
  const { batch, rows, columns } = split(kernel, dot);
  const inner = sizeOfExtents(dot.inner);
  const few = Math.min(rows.size, columns.size) === 1 || batch.size * rows.size * columns.size <= 64;
  if (few || inner === 0) return emitReduction(...asReduction(kernel, dot, context));
  const emit = context.cooperate ? emitTiles : emitBlocks;
  return [emit(kernel, dot, { batch, rows, columns, inner }, context)];
}

interface Part {
  readonly extents: readonly number[];
  readonly size: number;
  /** Its first dimension among the kernel's. */
  readonly from: number;
}

function split(kernel: LoopKernel, dot: Dot): { batch: Part; rows: Part; columns: Part } {
  const part = (from: number, to?: number): Part => {
    const extents = kernel.extents.slice(from, to);
    return { extents, size: sizeOfExtents(extents), from };
  };
  const columnsFrom = dot.batchRank + dot.rowRank;
  return {
    batch: part(0, dot.batchRank),
    rows: part(dot.batchRank, columnsFrom),
    columns: part(columnsFrom),
  };
}

/** The same product as a reduction of elementwise products. */
function asReduction(kernel: LoopKernel, dot: Dot, context: EmitContext): Parameters<typeof emitReduction> {
  const load = ({ buffer, offset, strides }: Dot['left']): Instruction => ({
    op: 'load',
    dtype: dot.dtype,
    access: { buffer, offset, strides, guards: [] },
  });
  // Products of the 16-bit floats are exact in float32, so that is what is added up.
  const wide = dot.dtype === 'float16' || dot.dtype === 'bfloat16' ? 'float32' : dot.dtype;
  const body: Instruction[] = [
    load(dot.left),
    load(dot.right),
    { op: 'cast', dtype: wide, args: [0] },
    { op: 'cast', dtype: wide, args: [1] },
    { op: 'mul', dtype: wide, args: [2, 3] },
  ];
  const accumulators = [{ op: 'sum', value: 4, dtype: dot.dtype }] as const;
  const reduction = { kind: 'reduce', extents: dot.inner, body, accumulators } as const;
  return [{ ...kernel, producer: reduction }, reduction, context];
}

function emitTiles(
  kernel: LoopKernel,
  dot: Dot,
  { batch, rows, columns, inner }: { batch: Part; rows: Part; columns: Part; inner: number },
  context: EmitContext,
): Launch {
  const code = new KernelCode(context);
  const { sizes } = code;
  const type = registerType(dot.dtype) === 'f32' ? 'f32' : 'i32';
  const zero = type === 'f32' ? '0.0f' : '0';
  const down = resultsEach(rows.size);
  const across = resultsEach(columns.size);
  const [height, width] = [side * down, side * across];
  const tilesDown = Math.ceil(rows.size / height);
  const tilesAcross = Math.ceil(columns.size / width);
  const left = emitFactor('left', kernel, dot, dot.left, { batch, own: rows }, code);
  const right = emitFactor('right', kernel, dot, dot.right, { batch, own: columns }, code);
  code.declarations.push(
    // One more a row, so that invocations that store down a column meet different memory banks.
    `var<workgroup> left_slice: array<${type}, ${depth * (height + 1)}>;`,
    `var<workgroup> right_slice: array<${type}, ${depth * (width + 1)}>;`,
    left.begin,
    left.step,
    right.begin,
    right.step,
    emitResult(kernel, dot, { batch, rows, columns }, type, code),
  );
  const rowCount = sizes.integer(rows.size);
  const columnCount = sizes.integer(columns.size);
  const innerCount = sizes.integer(inner);
  const acrossCount = sizes.integer(tilesAcross);
  const tileCount = sizes.integer(tilesDown * tilesAcross);
  const pairs = range(down).flatMap((i) => range(across).map((j) => [i, j] as const));
  const body = [
    `let batch = group / ${tileCount};`,
    `let tile = group % ${tileCount};`,
    `let first_row = (tile / ${acrossCount}) * ${height};`,
    `let first_column = (tile % ${acrossCount}) * ${width};`,
    `let own_row = lane / ${side};`,
    `let own_column = lane % ${side};`,
    ...pairs.map(([i, j]) => `var sum${i}_${j} = ${zero};`),
    ...emitFillBegin('left', left, height, rowCount, 'first_row'),
    ...emitFillBegin('right', right, width, columnCount, 'first_column'),
    `for (var slice = 0; slice < ${innerCount}; slice += ${depth}) {`,
    ...emitFill('left', height, code.memory.load(dot.left.buffer, 'at'), innerCount, type),
    ...emitFill('right', width, code.memory.load(dot.right.buffer, 'at'), innerCount, type),
    '  workgroupBarrier();',
    `  for (var k = 0; k < ${depth}; k++) {`,
    ...range(down).map((i) => `    let a${i} = left_slice[k * ${height + 1} + own_row + ${i * side}];`),
    ...range(across).map((j) => `    let b${j} = right_slice[k * ${width + 1} + own_column + ${j * side}];`),
    ...pairs.map(([i, j]) => `    ${multiplyAdd(type, i, j)}`),
    '  }',
    '  workgroupBarrier();',
    '}',
    ...pairs.map(
      ([i, j]) =>
        `result(batch, first_row + own_row + ${i * side}, first_column + own_column + ${j * side}, sum${i}_${j});`,
    ),
  ];
  const text = body.map((line) => `  ${line}`).join('\n');
  return code.launch(kernel.name, workgroupSize, batch.size * tilesDown * tilesAcross, text);
}

/** Without workgroup memory: each invocation computes its block of results straight from the buffers. */
function emitBlocks(
  kernel: LoopKernel,
  dot: Dot,
  { batch, rows, columns, inner }: { batch: Part; rows: Part; columns: Part; inner: number },
  context: EmitContext,
): Launch {
  const code = new KernelCode(context);
  const { sizes } = code;
  const type = registerType(dot.dtype) === 'f32' ? 'f32' : 'i32';
  const left = emitFactor('left', kernel, dot, dot.left, { batch, own: rows }, code);
  const right = emitFactor('right', kernel, dot, dot.right, { batch, own: columns }, code);
  const result = emitResult(kernel, dot, { batch, rows, columns }, type, code);
  code.declarations.push(left.begin, left.step, right.begin, right.step, result);
  const down = range(4);
  const across = range(4);
  const blocksDown = Math.ceil(rows.size / down.length);
  const blocksAcross = Math.ceil(columns.size / across.length);
  const blocks = batch.size * blocksDown * blocksAcross;
  const [rowCount, columnCount] = [sizes.integer(rows.size), sizes.integer(columns.size)];
  const [downCount, acrossCount] = [sizes.integer(blocksDown), sizes.integer(blocksAcross)];
  const load = (buffer: number, at: string): string => code.memory.load(buffer, at);
  const pairs = down.flatMap((i) => across.map((j) => [i, j] as const));
  const body = [
    `let block = group * ${blockGroup} + lane;`,
    `if (block >= ${sizes.integer(blocks)}) { return; }`,
    `let column = (block % ${acrossCount}) * ${across.length};`,
    `let row = ((block / ${acrossCount}) % ${downCount}) * ${down.length};`,
    `let batch = block / (${acrossCount} * ${downCount});`,
    // Past the end the last row or column is computed again, and not stored.
    ...down.map((i) => `let left${i} = left_begin(batch, min(row + ${i}, ${rowCount} - 1));`),
    ...across.map((j) => `let right${j} = right_begin(batch, min(column + ${j}, ${columnCount} - 1));`),
    ...pairs.map(([i, j]) => `var sum${i}_${j} = ${type === 'f32' ? '0.0f' : '0'};`),
    `for (var k = 0; k < ${sizes.integer(inner)}; k++) {`,
    '  let left_at = left_step(k);',
    '  let right_at = right_step(k);',
    ...down.map((i) => `  let a${i} = ${load(dot.left.buffer, `left${i} + left_at`)};`),
    ...across.map((j) => `  let b${j} = ${load(dot.right.buffer, `right${j} + right_at`)};`),
    ...pairs.map(([i, j]) => `  ${multiplyAdd(type, i, j)}`),
    '}',
    ...pairs.map(([i, j]) => `result(batch, row + ${i}, column + ${j}, sum${i}_${j});`),
  ];
  const text = body.map((line) => `  ${line}`).join('\n');
  return code.launch(kernel.name, blockGroup, Math.ceil(blocks / blockGroup), text);
}

const blockGroup = 16;

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

function multiplyAdd(type: 'f32' | 'i32', i: number, j: number): string {
  return type === 'f32'
    ? `sum${i}_${j} = fma(a${i}, b${j}, sum${i}_${j});`
    : `sum${i}_${j} += a${i} * b${j};`;
}

/** Results of one invocation along a side: wide tiles read less, narrow ones waste less. */
function resultsEach(size: number): number {
  return size > 2 * side ? 4 : size > side ? 2 : 1;
}

function emitFactor(
  name: 'left' | 'right',
  kernel: LoopKernel,
  dot: Dot,
  operand: Dot['left'],
  { batch, own }: { batch: Part; own: Part },
  code: KernelCode,
): Factor {
  const rank = kernel.extents.length;
  const batchPart = emitCoordinates('batch', batch.extents, 'b', code.sizes);
  const ownPart = emitCoordinates('own', own.extents, 'o', code.sizes);
  const innerPart = emitCoordinates('position', dot.inner, 'k', code.sizes);
  const strides = [
    ...operand.strides.slice(batch.from, batch.from + batch.extents.length),
    ...operand.strides.slice(own.from, own.from + own.extents.length),
  ];
  const begin = emitAffine(
    { offset: operand.offset, strides },
    [...batchPart.names, ...ownPart.names],
    code.sizes,
  );
  const step = emitAffine({ offset: 0, strides: operand.strides.slice(rank) }, innerPart.names, code.sizes);
  return {
    begin: `fn ${name}_begin(batch: i32, own: i32) -> i32 {
  ${[...batchPart.lines, ...ownPart.lines, `return ${begin};`].join('\n  ')}
}`,
    step: `fn ${name}_step(position: i32) -> i32 {
  ${[...innerPart.lines, `return ${step};`].join('\n  ')}
}`,
    innerIsContiguous: dot.inner.length > 0 && operand.strides.at(-1) === 1,
  };
}

/** What one invocation brings in for each slice: its places in the slice, and where they begin in memory. */
function emitFillBegin(
  name: 'left' | 'right',
  factor: Factor,
  extent: number,
  count: string,
  first: string,
): string[] {
  return Array.from({ length: (extent * depth) / workgroupSize }, (_, i) => {
    const place = `(lane + ${i * workgroupSize})`;
    const [own, position] = factor.innerIsContiguous
      ? [`${place} / ${depth}`, `${place} % ${depth}`]
      : [`${place} % ${extent}`, `${place} / ${extent}`];
    const at = `${name}_own${i}`;
    return [
      `let ${at} = ${own};`,
      `let ${name}_position${i} = ${position};`,
      `let ${name}_inside${i} = ${first} + ${at} < ${count};`,
      `let ${name}_begin${i} = ${name}_begin(batch, min(${first} + ${at}, ${count} - 1));`,
    ];
  }).flat();
}

function emitFill(
  name: 'left' | 'right',
  extent: number,
  load: string,
  innerCount: string,
  type: 'f32' | 'i32',
): string[] {
  const zero = type === 'f32' ? '0.0f' : '0';
  return Array.from({ length: (extent * depth) / workgroupSize }, (_, i) => [
    '  {',
    `    let position = slice + ${name}_position${i};`,
    `    var value = ${zero};`,
    `    if (${name}_inside${i} && position < ${innerCount}) {`,
    `      let at = ${name}_begin${i} + ${name}_step(position);`,
    `      value = ${load};`,
    '    }',
    `    ${name}_slice[${name}_position${i} * ${extent + 1} + ${name}_own${i}] = value;`,
    '  }',
  ]).flat();
}

/** `fn result(batch, row, column, sum)`: the epilogue and the stores of one result, if it is one. */
function emitResult(
  kernel: LoopKernel,
  dot: Dot,
  { batch, rows, columns }: { batch: Part; rows: Part; columns: Part },
  type: 'f32' | 'i32',
  code: KernelCode,
): string {
  const parts = [
    emitCoordinates('batch', batch.extents, 'b', code.sizes),
    emitCoordinates('row', rows.extents, 'r', code.sizes),
    emitCoordinates('column', columns.extents, 'c', code.sizes),
  ];
  const coordinates = parts.flatMap((part) => part.names);
  const guard = `row < ${code.sizes.integer(rows.size)} && column < ${code.sizes.integer(columns.size)}`;
  const tail = emitTail(kernel, coordinates, [`result0: ${type}`], code);
  const lines = [
    `if (!(${guard})) { return; }`,
    ...parts.flatMap((part) => part.lines),
    `let result0 = ${fitted(dot.dtype, 'sum')};`,
    ...tail,
  ];
  return `fn result(batch: i32, row: i32, column: i32, sum: ${type}) {\n  ${lines.join('\n  ')}\n}`;
}
