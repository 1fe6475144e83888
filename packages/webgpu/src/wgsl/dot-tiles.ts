/**
 * Dots for GPUs: a workgroup of 16 x 16 computes a tile of up to 64 x 64 results, up to 4 x 4 an invocation, from
 * slices of both factors that it brings into workgroup memory together. An invocation reads a slice as vectors of the
 * rows (or columns) that it serves, so that its multiplications outnumber its reads by eight to one.
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
  range,
} from './dot-parts.ts';
import { type EmitContext, KernelCode, type Launch } from './kernel-code.ts';

const side = 16;
const workgroupSize = side * side;
/** Inner positions that a slice holds: each invocation brings in one vector of each factor. */
const depth = 16;
/** One more a row, so that invocations that store down a column meet different memory banks. */
const pitch = side + 1;

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
  const down = resultsEach(rows.size);
  const across = resultsEach(columns.size);
  const tilesDown = Math.ceil(rows.size / (side * down));
  const tilesAcross = Math.ceil(columns.size / (side * across));
  const groups = batch.size * tilesDown * tilesAcross;
  const loops = inChunks(whole, groups);
  const left = emitFactor('left', kernel, dot, loops, code);
  const right = emitFactor('right', kernel, dot, loops, code);
  code.declarations.push(
    `var<workgroup> left_slice: array<${vector(type, down)}, ${depth * pitch}>;`,
    `var<workgroup> right_slice: array<${vector(type, across)}, ${depth * pitch}>;`,
    left.begin,
    left.step,
    right.begin,
    right.step,
    emitResult(kernel, dot, loops, code),
  );
  const [rowCount, columnCount] = [sizes.integer(rows.size), sizes.integer(columns.size)];
  const acrossCount = sizes.integer(tilesAcross);
  const tileCount = sizes.integer(tilesDown * tilesAcross);
  const body = [
    ...emitChunk(loops, groups, code),
    `let batch = unit / ${tileCount};`,
    `let tile = unit % ${tileCount};`,
    `let first_row = (tile / ${acrossCount}) * ${side * down};`,
    `let first_column = (tile % ${acrossCount}) * ${side * across};`,
    `let own_row = lane / ${side};`,
    `let own_column = lane % ${side};`,
    ...emitPlace('left', left, down, rowCount, 'first_row'),
    ...emitPlace('right', right, across, columnCount, 'first_column'),
    ...range(down).map((i) => `var sum${i} = ${vector(type, across)}();`),
    `for (var slice = begin; slice < end; slice += ${depth}) {`,
    ...emitFill('left', down, type, code.memory.load(dot.left.buffer, 'at')),
    ...emitFill('right', across, type, code.memory.load(dot.right.buffer, 'at')),
    '  workgroupBarrier();',
    `  for (var k = 0; k < ${depth}; k++) {`,
    `    let a = left_slice[k * ${pitch} + own_row];`,
    `    let b = right_slice[k * ${pitch} + own_column];`,
    ...range(down).map((i) => `    ${multiplyAdd(type, i, component('a', down, i), across)}`),
    '  }',
    '  workgroupBarrier();',
    '}',
    `let row = first_row + own_row * ${down};`,
    `let column = first_column + own_column * ${across};`,
    ...range(down).flatMap((i) =>
      range(across).map(
        (j) => `result(chunk, batch, row + ${i}, column + ${j}, ${component(`sum${i}`, across, j)});`,
      ),
    ),
  ];
  return { launch: code.launch(kernel.name, workgroupSize, groups * chunkCount(loops), body), loops };
}

/** Results of one invocation along a side: wide tiles read less, narrow ones waste less. */
function resultsEach(size: number): 1 | 2 | 4 {
  return size > 2 * side ? 4 : size > side ? 2 : 1;
}

function vector(type: DotType, width: number): string {
  return width === 1 ? type : `vec${width}<${type}>`;
}

function component(name: string, width: number, at: number): string {
  return width === 1 ? name : `${name}.${'xyzw'[at]}`;
}

function multiplyAdd(type: DotType, row: number, factor: string, width: number): string {
  if (type === 'i32') return `sum${row} += ${factor} * b;`;
  return `sum${row} = fma(${vector(type, width)}(${factor}), b, sum${row});`;
}

/** Which vector of a slice an invocation brings in, and where its elements begin in memory. */
function emitPlace(
  name: 'left' | 'right',
  factor: Factor,
  width: number,
  count: string,
  first: string,
): string[] {
  // Neighbouring invocations read neighbouring memory.
  const [own, position] = factor.innerIsContiguous
    ? [`lane / ${depth}`, `lane % ${depth}`]
    : [`lane % ${side}`, `lane / ${side}`];
  return [
    `let ${name}_own = ${own};`,
    `let ${name}_position = ${position};`,
    // Past the end the last one is computed again, and not stored.
    ...range(width).map(
      (i) =>
        `let ${name}_begin${i} = ${name}_begin(batch, min(${first} + ${name}_own * ${width} + ${i}, ${count} - 1));`,
    ),
  ];
}

function emitFill(name: 'left' | 'right', width: number, type: DotType, load: string): string[] {
  return [
    '  {',
    `    let position = slice + ${name}_position;`,
    `    var value = ${vector(type, width)}();`,
    '    if (position < end) {',
    `      let step = ${name}_step(position);`,
    ...range(width).map(
      (i) => `      { let at = ${name}_begin${i} + step; ${component('value', width, i)} = ${load}; }`,
    ),
    '    }',
    `    ${name}_slice[${name}_position * ${pitch} + ${name}_own] = value;`,
    '  }',
  ];
}
