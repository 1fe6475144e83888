/**
 * Reductions. A workgroup of 256 serves `outputs` results with `256 / outputs` lanes each: lanes walk the
 * reduced range, then meet in a tree (within subgroups where the adapter has them and all lanes serve one
 * result). Few results over long ranges are cut into chunks first, and the chunks' results reduced again.
 */
import type { LoopKernel, Reduction } from '@nn/core';
import { emitAffine, emitCoordinates, sizeOfExtents } from './affine.ts';
import { emitInstructions } from './instructions.ts';
import { type EmitContext, KernelCode, type Launch } from './kernel-code.ts';
import { emitElement } from './loop.ts';
import { emitState, type StateCode } from './reduce-state.ts';

const workgroupSize = 256;
/** Values that a lane adds up before it adds them to its total, so that errors do not grow with the range. */
const blockLength = 32;
/** Enough workgroups to keep any adapter busy. */
const wantedWorkgroups = 256;

export function emitReduction(
  kernel: LoopKernel,
  reduction: Reduction,
  context: EmitContext,
): readonly Launch[] {
  const outputs = sizeOfExtents(kernel.extents);
  const length = sizeOfExtents(reduction.extents);
  const shape = context.cooperate
    ? chooseShape(kernel, reduction, outputs, length)
    : chooseLoneShape(outputs, length);
  if (shape.chunks === 1) {
    const code = new KernelCode(context);
    const state = emitState(reduction, code);
    code.declarations.push(
      emitBody(kernel, reduction, state, code),
      emitElement(kernel, state.results, code),
    );
    return [launchReduction(code, state, kernel.name, { ...shape, outputs, length }, finishWith(state))];
  }
  return emitInChunks(kernel, reduction, context, outputs, length, shape);
}

interface Shape {
  /** Results that one workgroup serves. */
  readonly across: number;
  /** Lanes that serve one result. */
  readonly lanes: number;
  /** Whether neighbouring lanes take neighbouring values of one range, or the same value of neighbouring results. */
  readonly lanesAlongRange: boolean;
  readonly chunks: number;
}

function chooseShape(kernel: LoopKernel, reduction: Reduction, outputs: number, length: number): Shape {
  const lanesAlongRange = rangeIsContiguous(kernel, reduction);
  let across: number;
  if (lanesAlongRange) {
    // At least four values a lane.
    across = workgroupSize / Math.min(workgroupSize, floorPowerOfTwo(Math.max(1, length / 4)));
    if (outputs < across) across = floorPowerOfTwo(outputs * 2 - 1);
  } else {
    across = outputs >= 2 ** 16 || length <= 8 ? workgroupSize : 32;
    if (outputs < across) across = floorPowerOfTwo(outputs * 2 - 1);
  }
  const groups = Math.ceil(outputs / across);
  const lanes = workgroupSize / across;
  const wanted = groups < wantedWorkgroups / 4 ? Math.floor(wantedWorkgroups / groups) : 1;
  const chunks = Math.max(1, Math.min(wanted, Math.floor(length / (lanes * blockLength))));
  return { across, lanes, lanesAlongRange, chunks };
}

/** One lane a result, or a chunk of one. */
function chooseLoneShape(outputs: number, length: number): Shape {
  const wanted = Math.floor(wantedWorkgroups / outputs);
  const chunks = Math.max(1, Math.min(wanted, Math.floor(length / (4 * blockLength))));
  const across = Math.min(workgroupSize, Math.max(4, floorPowerOfTwo(outputs * 2 - 1)));
  return { across, lanes: 1, lanesAlongRange: false, chunks };
}

function floorPowerOfTwo(value: number): number {
  return 2 ** Math.floor(Math.log2(value));
}

/** Whether most loads walk memory step by step along the last reduced dimension. */
function rangeIsContiguous(kernel: LoopKernel, reduction: Reduction): boolean {
  const rank = kernel.extents.length;
  if (reduction.extents.length === 0 || rank === 0) return true;
  let along = 0;
  for (const instruction of reduction.body) {
    if (instruction.op !== 'load' && instruction.op !== 'gather') continue;
    const { strides } = instruction.access;
    if (Math.abs(strides.at(-1) as number) === 1) along++;
    else if (Math.abs(strides[rank - 1]) === 1) along--;
  }
  return along >= 0;
}

/** `fn take(output, position) -> State`: one value of the range, as the state of a range of one. */
function emitBody(kernel: LoopKernel, reduction: Reduction, state: StateCode, code: KernelCode): string {
  const outer = emitCoordinates('output', kernel.extents, 'c', code.sizes);
  const inner = emitCoordinates('position', reduction.extents, 'r', code.sizes);
  const scope = { code, coordinates: [...outer.names, ...inner.names], results: [], prefix: 'b' };
  const { lines, values } = emitInstructions(reduction.body, scope);
  const single = state.single(
    reduction.accumulators.map((accumulator) => values[accumulator.value]),
    'position',
  );
  return `fn take(output: i32, position: i32) -> State {
  ${[...outer.lines, ...inner.lines, ...lines, `return ${single};`].join('\n  ')}
}`;
}

interface Range extends Omit<Shape, 'chunks'> {
  readonly outputs: number;
  /** Of the range that is reduced here; with chunks, `from` and `to` are computed. */
  readonly length: number;
  readonly chunkLength?: number;
}

/** Emits `main`: lanes take their share of the range, then meet. `finish` is what the first lane does with it. */
function launchReduction(
  code: KernelCode,
  state: StateCode,
  name: string,
  range: Range,
  finish: (output: string, chunk: string) => string,
): Launch {
  const { across, lanes, outputs, length, lanesAlongRange, chunkLength } = range;
  const chunks = chunkLength === undefined ? 1 : Math.ceil(length / chunkLength);
  const outputCount = code.sizes.integer(outputs);
  const end = code.sizes.integer(length);
  const groups = Math.ceil(outputs / across);
  const chunked = chunkLength !== undefined;
  const column = across === 1 ? '0' : lanesAlongRange ? `lane / ${lanes}` : `lane % ${across}`;
  const row = lanes === 1 ? '0' : lanesAlongRange ? `lane % ${lanes}` : `lane / ${across}`;
  const lines = [
    chunked ? `let chunk = group / ${code.sizes.integer(groups)};` : '',
    chunked
      ? `let first_output = (group % ${code.sizes.integer(groups)}) * ${across};`
      : `let first_output = group * ${across};`,
    `let output = first_output + ${column};`,
    `let row = ${row};`,
    chunked ? `let from_position = chunk * ${code.sizes.integer(chunkLength)};` : 'let from_position = 0;',
    chunked
      ? `let to_position = min(${end}, from_position + ${code.sizes.integer(chunkLength)});`
      : `let to_position = ${end};`,
    'var state = identity();',
    `if (output < ${outputCount}) {`,
    '  var position = from_position + row;',
    '  while (position < to_position) {',
    '    var block = take(output, position);',
    `    position += ${lanes};`,
    `    for (var i = 1; i < ${blockLength} && position < to_position; i++) {`,
    '      block = combine(block, take(output, position));',
    `      position += ${lanes};`,
    '    }',
    '    state = combine(state, block);',
    '  }',
    '}',
    ...meet(code, state, lanes, across, lanesAlongRange),
    `if (row == 0 && output < ${outputCount}) { ${finish('output', 'chunk')} }`,
  ];
  const body = lines
    .filter((line) => line !== '')
    .map((line) => `  ${line}`)
    .join('\n');
  return code.launch(name, across * lanes, groups * chunks, body);
}

/** Combines the lanes that serve one result; afterwards the lane of row 0 has it. */
function meet(
  code: KernelCode,
  state: StateCode,
  lanes: number,
  across: number,
  lanesAlongRange: boolean,
): string[] {
  if (lanes === 1) return [];
  code.declarations.push(`var<workgroup> shared_states: array<State, ${workgroupSize}>;`);
  if (across === 1 && code.context.subgroups) {
    code.declarations.push(state.shuffle);
    // First within each subgroup, then over the subgroups' results.
    return [
      'for (var distance = subgroup_size / 2u; distance > 0u; distance /= 2u) {',
      '  state = combine(state, shuffle(state, distance));',
      '}',
      'if (subgroup_lane == 0u) { shared_states[u32(lane) / subgroup_size] = state; }',
      'workgroupBarrier();',
      `for (var count = ${workgroupSize}u / subgroup_size / 2u; count > 0u; count /= 2u) {`,
      '  if (u32(lane) < count) {',
      '    shared_states[lane] = combine(shared_states[lane], shared_states[u32(lane) + count]);',
      '  }',
      '  workgroupBarrier();',
      '}',
      'state = shared_states[0];',
    ];
  }
  const step = lanesAlongRange ? 1 : across;
  const lines = ['shared_states[lane] = state;', 'workgroupBarrier();'];
  for (let distance = lanes / 2; distance >= 1; distance /= 2) {
    lines.push(
      `if (row < ${distance}) {`,
      `  shared_states[lane] = combine(shared_states[lane], shared_states[lane + ${distance * step}]);`,
      '}',
      'workgroupBarrier();',
    );
  }
  return [...lines, 'state = shared_states[lane];'];
}

function finishWith(state: StateCode): (output: string) => string {
  return (output) => `element(${[output, ...state.finals('state')].join(', ')});`;
}

function emitInChunks(
  kernel: LoopKernel,
  reduction: Reduction,
  context: EmitContext,
  outputs: number,
  length: number,
  shape: Shape,
): readonly Launch[] {
  const chunkLength = Math.ceil(length / shape.chunks);
  const chunks = Math.ceil(length / chunkLength);

  const first = new KernelCode(context);
  const firstState = emitState(reduction, first);
  first.declarations.push(emitBody(kernel, reduction, firstState, first));
  const bytes = outputs * chunks * firstState.bytes;
  const partials = first.scratch('State', 0, bytes);
  const at = emitAffine({ offset: 0, strides: [chunks, 1] }, ['output', 'chunk'], first.sizes);
  const keep = (): string => `${partials}[${at}] = state;`;
  const range = { ...shape, outputs, length, chunkLength };

  const meeting = { outputs, chunks, outputStride: chunks, chunkStride: 1 };
  return [
    launchReduction(first, firstState, `${kernel.name}, in chunks`, range, keep),
    emitMeeting(kernel, reduction, context, meeting),
  ];
}

/** How the chunks' results lie in scratch memory. */
export interface Meeting {
  readonly outputs: number;
  readonly chunks: number;
  readonly outputStride: number;
  readonly chunkStride: number;
}

/** Reduces the chunks' results, and finishes each. */
export function emitMeeting(
  kernel: LoopKernel,
  reduction: Reduction,
  context: EmitContext,
  { outputs, chunks, outputStride, chunkStride }: Meeting,
): Launch {
  const code = new KernelCode(context);
  const state = emitState(reduction, code);
  const kept = code.scratch('State', 0, outputs * chunks * state.bytes);
  const at = emitAffine(
    { offset: 0, strides: [outputStride, chunkStride] },
    ['output', 'position'],
    code.sizes,
  );
  code.declarations.push(
    `fn take(output: i32, position: i32) -> State { return ${kept}[${at}]; }`,
    emitElement(kernel, state.results, code),
  );
  const lanesAlongRange = chunkStride === 1;
  const mostLanes = lanesAlongRange ? workgroupSize : 8;
  const lanes = context.cooperate ? Math.min(mostLanes, floorPowerOfTwo(chunks)) : 1;
  const across = workgroupSize / (context.cooperate ? lanes : 4);
  return launchReduction(
    code,
    state,
    kernel.name,
    { across, lanes, lanesAlongRange, outputs, length: chunks },
    finishWith(state),
  );
}
