/**
 * Dots for GPUs: a workgroup of 16 x 16 computes a tile of up to 64 x 64 results, up to 4 x 4 an invocation, from
 * slices of both factors that it brings into workgroup memory together.
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
  type Factor,
  inChunks,
  multiplyAdd,
  range,
} from './dot-parts.ts';
import { type EmitContext, KernelCode, type Launch } from './kernel-code.ts';

const side = 16;
const workgroupSize = side * side;
/** Inner positions that a slice holds. */
const depth = 16;

export function emitTiles(
  kernel: LoopKernel,
  dot: Dot,
  whole: DotLoops,
  context: EmitContext,
): { launch: Launch; loops: DotLoops } {
  const code = new KernelCode(context);
  const { sizes } = code;
  const type = dotType(dot);
  const { batch, rows, columns } = whole;
  const zero = type === 'f32' ? '0.0f' : '0';
  const down = resultsEach(rows.size);
  const across = resultsEach(columns.size);
  const [height, width] = [side * down, side * across];
  const tilesDown = Math.ceil(rows.size / height);
  const tilesAcross = Math.ceil(columns.size / width);
  const groups = batch.size * tilesDown * tilesAcross;
  const loops = inChunks(whole, groups);
  const left = emitFactor('left', kernel, dot, loops, code);
  const right = emitFactor('right', kernel, dot, loops, code);
  code.declarations.push(
    // One more a row, so that invocations that store down a column meet different memory banks.
    `var<workgroup> left_slice: array<${type}, ${depth * (height + 1)}>;`,
    `var<workgroup> right_slice: array<${type}, ${depth * (width + 1)}>;`,
    left.begin,
    left.step,
    right.begin,
    right.step,
    emitResult(kernel, dot, loops, code),
  );
  const rowCount = sizes.integer(rows.size);
  const columnCount = sizes.integer(columns.size);
  const acrossCount = sizes.integer(tilesAcross);
  const tileCount = sizes.integer(tilesDown * tilesAcross);
  const pairs = range(down).flatMap((i) => range(across).map((j) => [i, j] as const));
  const body = [
    ...emitChunk(loops, groups, code),
    `let batch = unit / ${tileCount};`,
    `let tile = unit % ${tileCount};`,
    `let first_row = (tile / ${acrossCount}) * ${height};`,
    `let first_column = (tile % ${acrossCount}) * ${width};`,
    `let own_row = lane / ${side};`,
    `let own_column = lane % ${side};`,
    ...pairs.map(([i, j]) => `var sum${i}_${j} = ${zero};`),
    ...emitFillBegin('left', left, height, rowCount, 'first_row'),
    ...emitFillBegin('right', right, width, columnCount, 'first_column'),
    `for (var slice = begin; slice < end; slice += ${depth}) {`,
    ...emitFill('left', height, code.memory.load(dot.left.buffer, 'at'), type),
    ...emitFill('right', width, code.memory.load(dot.right.buffer, 'at'), type),
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
        `result(chunk, batch, first_row + own_row + ${i * side}, first_column + own_column + ${j * side}, sum${i}_${j});`,
    ),
  ];
  const text = body.map((line) => `  ${line}`).join('\n');
  return { launch: code.launch(kernel.name, workgroupSize, groups * chunkCount(loops), text), loops };
}

/** Results of one invocation along a side: wide tiles read less, narrow ones waste less. */
function resultsEach(size: number): number {
  return size > 2 * side ? 4 : size > side ? 2 : 1;
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

function emitFill(name: 'left' | 'right', extent: number, load: string, type: DotType): string[] {
  const zero = type === 'f32' ? '0.0f' : '0';
  return Array.from({ length: (extent * depth) / workgroupSize }, (_, i) => [
    '  {',
    `    let position = slice + ${name}_position${i};`,
    `    var value = ${zero};`,
    `    if (${name}_inside${i} && position < end) {`,
    `      let at = ${name}_begin${i} + ${name}_step(position);`,
    `      value = ${load};`,
    '    }',
    `    ${name}_slice[${name}_position${i} * ${extent + 1} + ${name}_own${i}] = value;`,
    '  }',
  ]).flat();
}
