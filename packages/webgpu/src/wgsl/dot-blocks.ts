/**
 * Dots for software drivers, which are slow at workgroup memory: each invocation computes 4 x 4 results straight
 * from the buffers.
 */
import type { Dot, LoopKernel } from '@nn/core';
import {
  chunkCount,
  type DotLoops,
  type DotType,
  dotType,
  emitChunk,
  emitFactor,
  emitResult,
  inChunks,
  range,
} from './dot-parts.ts';
import { type EmitContext, KernelCode, type Launch } from './kernel-code.ts';

const workgroupSize = 16;

export function emitBlocks(
  kernel: LoopKernel,
  dot: Dot,
  whole: DotLoops,
  context: EmitContext,
): { launch: Launch; loops: DotLoops } {
  const code = new KernelCode(context);
  const { sizes } = code;
  const type = dotType(dot);
  const { batch, rows, columns } = whole;
  const down = range(4);
  const across = range(4);
  const blocksDown = Math.ceil(rows.size / down.length);
  const blocksAcross = Math.ceil(columns.size / across.length);
  const blocks = batch.size * blocksDown * blocksAcross;
  const loops = inChunks(whole, blocks);
  const left = emitFactor('left', kernel, dot, loops, code);
  const right = emitFactor('right', kernel, dot, loops, code);
  const result = emitResult(kernel, dot, loops, code);
  code.declarations.push(left.begin, left.step, right.begin, right.step, result);
  const [rowCount, columnCount] = [sizes.integer(rows.size), sizes.integer(columns.size)];
  const [downCount, acrossCount] = [sizes.integer(blocksDown), sizes.integer(blocksAcross)];
  const load = (buffer: number, at: string): string => code.memory.load(buffer, at);
  const pairs = down.flatMap((i) => across.map((j) => [i, j] as const));
  const body = [
    `let invocation = group * ${workgroupSize} + lane;`,
    `if (invocation >= ${sizes.integer(blocks * chunkCount(loops))}) { return; }`,
    ...emitChunk(loops, blocks, code, 'invocation'),
    `let column = (unit % ${acrossCount}) * ${across.length};`,
    `let row = ((unit / ${acrossCount}) % ${downCount}) * ${down.length};`,
    `let batch = unit / (${acrossCount} * ${downCount});`,
    // Past the end the last row or column is computed again, and not stored.
    ...down.map((i) => `let left${i} = left_begin(batch, min(row + ${i}, ${rowCount} - 1));`),
    ...across.map((j) => `let right${j} = right_begin(batch, min(column + ${j}, ${columnCount} - 1));`),
    ...pairs.map(([i, j]) => `var sum${i}_${j} = ${type === 'f32' ? '0.0f' : '0'};`),
    'for (var k = begin; k < end; k++) {',
    '  let left_at = left_step(k);',
    '  let right_at = right_step(k);',
    ...down.map((i) => `  let a${i} = ${load(dot.left.buffer, `left${i} + left_at`)};`),
    ...across.map((j) => `  let b${j} = ${load(dot.right.buffer, `right${j} + right_at`)};`),
    ...pairs.map(([i, j]) => `  ${multiplyAdd(type, i, j)}`),
    '}',
    ...pairs.map(([i, j]) => `result(chunk, batch, row + ${i}, column + ${j}, sum${i}_${j});`),
  ];
  const groups = Math.ceil((blocks * chunkCount(loops)) / workgroupSize);
  return { launch: code.launch(kernel.name, workgroupSize, groups, body), loops };
}

function multiplyAdd(type: DotType, i: number, j: number): string {
  return type === 'f32'
    ? `sum${i}_${j} = fma(a${i}, b${j}, sum${i}_${j});`
    : `sum${i}_${j} += a${i} * b${j};`;
}
