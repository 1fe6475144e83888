/**
 * Reductions. Some lanes of a workgroup serve each result: they walk the reduced range, then meet in a tree. Few
 * results over long ranges are cut into chunks first, and the chunks' results reduced again.
 */
import type { LoopKernel, Reduction } from '@nn/core';
import { emitAffine, emitCoordinates, sizeOfExtents } from './affine.ts';
import { emitInstructions } from './instructions.ts';
import { type EmitContext, KernelCode, type Launch } from './kernel-code.ts';
import {
  blockLength,
  emitLanes,
  emitMeet,
  emitWalk,
  floorPowerOfTwo,
  type LaneShape,
  loneRanges,
  workgroupSize,
} from './lanes.ts';
import { emitElement, flatPlace, type Place, type Statements } from './loop.ts';
import { emitState, type StateCode } from './reduce-state.ts';

/** Enough workgroups to keep any adapter busy. */
const wantedWorkgroups = 256;

export function emitReduction(
  kernel: LoopKernel,
  reduction: Reduction,
  context: EmitContext,
): readonly Launch[] {
  if (isInChunks(kernel, reduction, context)) return emitInChunks(kernel, reduction, context);
  const code = new KernelCode(context);
  const size = context.cooperate ? workgroupSize : loneRanges(sizeOfExtents(kernel.extents));
  const { groups, lines } = emitWhole(kernel, reduction, code, size);
  return [code.launch(kernel.name, size, groups, lines)];
}

/** Whether a reduction is cut into chunks, which takes two dispatches. */
export function isInChunks(kernel: LoopKernel, reduction: Reduction, context: EmitContext): boolean {
  return chooseShape(kernel, reduction, context).chunks > 1;
}

/**
 * The statements of a reduction in one piece, by the workgroups number `group` from 0 to `groups`, each of `size`
 * invocations.
 */
export function emitWhole(
  kernel: LoopKernel,
  reduction: Reduction,
  code: KernelCode,
  size: number,
  suffix = '',
): Statements {
  const { shape, outputs, length } = chooseShape(kernel, reduction, code.context);
  const state = emitState(reduction, code, suffix);
  code.declarations.push(
    emitTake(flatPlace('output', kernel.extents, code), reduction, state, code, suffix),
    emitElement(kernel, state.results, code, suffix),
  );
  const range = { ...shape, outputs, length, size, take: `take${suffix}` };
  return reduceRange(code, state, range, finishWith(state, suffix));
}

interface Choice {
  readonly shape: LaneShape;
  readonly chunks: number;
  readonly outputs: number;
  readonly length: number;
}

function chooseShape(kernel: LoopKernel, reduction: Reduction, { cooperate }: EmitContext): Choice {
  const outputs = sizeOfExtents(kernel.extents);
  const length = sizeOfExtents(reduction.extents);
  if (!cooperate) {
    // One lane a result, or a chunk of one.
    const wanted = Math.floor(wantedWorkgroups / outputs);
    const chunks = Math.max(1, Math.min(wanted, Math.floor(length / (4 * blockLength))));
    return { shape: { lanes: 1, alongRange: true }, chunks, outputs, length };
  }
  const alongRange = rangeIsContiguous(reduction.body, kernel.extents.length);
  let across: number;
  if (alongRange) {
    // At least four values a lane.
    across = workgroupSize / Math.min(workgroupSize, floorPowerOfTwo(Math.max(1, length / 4)));
  } else {
    across = outputs >= 2 ** 16 || length <= 8 ? workgroupSize : 32;
  }
  if (outputs < across) across = floorPowerOfTwo(outputs * 2 - 1);
  const groups = Math.ceil(outputs / across);
  const lanes = workgroupSize / across;
  const wanted = groups < wantedWorkgroups / 4 ? Math.floor(wantedWorkgroups / groups) : 1;
  const chunks = Math.max(1, Math.min(wanted, Math.floor(length / (lanes * blockLength))));
  return { shape: { lanes, alongRange }, chunks, outputs, length };
}

/** Whether most loads walk memory step by step along the last dimension, of those beyond the outer ones. */
export function rangeIsContiguous(body: Reduction['body'], outerRank: number): boolean {
  if (outerRank === 0) return true;
  let along = 0;
  for (const instruction of body) {
    if (instruction.op !== 'load' && instruction.op !== 'gather') continue;
    const { strides } = instruction.access;
    if (strides.length === outerRank) continue;
    if (Math.abs(strides.at(-1) as number) === 1) along++;
    else if (Math.abs(strides[outerRank - 1]) === 1) along--;
  }
  return along >= 0;
}

/** `fn take(place, position) -> State`: one value of the range, as the state of a range of one. */
export function emitTake(
  place: Place,
  reduction: Reduction,
  state: StateCode,
  code: KernelCode,
  suffix = '',
): string {
  const inner = emitCoordinates('position', reduction.extents, 'r', code.sizes);
  const scope = {
    code,
    coordinates: [...place.names, ...inner.names],
    results: [],
    prefix: 'b',
    kept: place.kept,
  };
  const { lines, values } = emitInstructions(reduction.body, scope);
  const single = state.single(
    reduction.accumulators.map((accumulator) => values[accumulator.value]),
    'position',
  );
  return `fn take${suffix}(${place.parameters}, position: i32) -> ${state.type} {
  ${[...place.lines, ...inner.lines, ...lines, `return ${single};`].join('\n  ')}
}`;
}

interface Range extends LaneShape {
  readonly outputs: number;
  /** Of the range that is reduced here. */
  readonly length: number;
  readonly chunkLength?: number;
  /** Invocations of a workgroup. */
  readonly size: number;
  /** The function that gives a value of the range. */
  readonly take: string;
}

/** Lanes take their share of the range, then meet. `finish` is what the first lane does with it. */
function reduceRange(
  code: KernelCode,
  state: StateCode,
  range: Range,
  finish: (output: string, chunk: string) => string,
): Statements {
  const { lanes, outputs, length, chunkLength, size, take } = range;
  const { sizes } = code;
  const { cooperate } = code.context;
  const across = size / lanes;
  const chunks = chunkLength === undefined ? 1 : Math.ceil(length / chunkLength);
  const outputCount = sizes.integer(outputs);
  const groups = Math.ceil(outputs / across);
  const bounds =
    chunkLength === undefined
      ? ['let first = group;', 'let from_position = 0;', `let to_position = ${sizes.integer(length)};`]
      : [
          `let chunk = group / ${sizes.integer(groups)};`,
          `let first = group % ${sizes.integer(groups)};`,
          `let from_position = chunk * ${sizes.integer(chunkLength)};`,
          `let to_position = min(${sizes.integer(length)}, from_position + ${sizes.integer(chunkLength)});`,
        ];
  const lines = [
    ...bounds,
    ...emitLanes(range, code),
    `let output = first * ${cooperate ? 'across' : size} + column;`,
    `var state = ${state.identity}();`,
    `if (output < ${outputCount}) {`,
    ...emitWalk(state, cooperate, 'from_position', 'to_position', `${take}(output, position)`),
    '}',
    ...emitMeet(state, range, code),
    `if (${cooperate ? 'place == 0 && ' : ''}output < ${outputCount}) { ${finish('output', 'chunk')} }`,
  ];
  return { groups: groups * chunks, lines };
}

function finishWith(state: StateCode, suffix = ''): (output: string) => string {
  return (output) => `element${suffix}(${[output, ...state.finals('state')].join(', ')});`;
}

function emitInChunks(kernel: LoopKernel, reduction: Reduction, context: EmitContext): readonly Launch[] {
  const { shape, outputs, length, ...wanted } = chooseShape(kernel, reduction, context);
  const size = context.cooperate ? workgroupSize : loneRanges(outputs);
  const chunkLength = Math.ceil(length / wanted.chunks);
  const chunks = Math.ceil(length / chunkLength);

  const first = new KernelCode(context);
  const state = emitState(reduction, first);
  first.declarations.push(emitTake(flatPlace('output', kernel.extents, first), reduction, state, first));
  const partials = first.scratch(state.type, 0, outputs * chunks * state.bytes);
  const at = emitAffine({ offset: 0, strides: [chunks, 1] }, ['output', 'chunk'], first.sizes);
  const keep = (): string => `${partials}[${at}] = state;`;
  const range = { ...shape, outputs, length, chunkLength, size, take: 'take' };
  const { groups, lines } = reduceRange(first, state, range, keep);

  const meeting = { outputs, chunks, outputStride: chunks, chunkStride: 1 };
  return [
    first.launch(`${kernel.name}, in chunks`, size, groups, lines),
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
  const kept = code.scratch(state.type, 0, outputs * chunks * state.bytes);
  const at = emitAffine(
    { offset: 0, strides: [outputStride, chunkStride] },
    ['output', 'position'],
    code.sizes,
  );
  code.declarations.push(
    `fn take(output: i32, position: i32) -> ${state.type} { return ${kept}[${at}]; }`,
    emitElement(kernel, state.results, code),
  );
  const alongRange = chunkStride === 1;
  const mostLanes = alongRange ? workgroupSize : 8;
  const lanes = context.cooperate ? Math.min(mostLanes, floorPowerOfTwo(chunks)) : 1;
  const size = context.cooperate ? workgroupSize : loneRanges(outputs);
  const range = { lanes, alongRange, outputs, length: chunks, size, take: 'take' };
  const { groups, lines } = reduceRange(code, state, range, finishWith(state));
  return code.launch(kernel.name, size, groups, lines);
}
