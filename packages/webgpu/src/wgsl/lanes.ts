/**
 * How the lanes of a workgroup share out ranges: a power of two of lanes to each, chosen at run time, so that other
 * sizes need no other code. Lanes walk their range, then meet in a tree, within subgroups where the adapter has them.
 */
import type { KernelCode } from './kernel-code.ts';
import type { StateCode } from './reduce-state.ts';

export const workgroupSize = 256;
const workgroupBits = 8;
/** Values that a lane adds up before it adds them to its total, so that errors do not grow with the range. */
export const blockLength = 32;

export interface LaneShape {
  /** Lanes that serve one range: a power of two up to 256; 1 where lanes do not work together. */
  readonly lanes: number;
  /** Whether neighbouring lanes take neighbouring values of one range, or the same value of neighbouring ranges. */
  readonly alongRange: boolean;
}

export function floorPowerOfTwo(value: number): number {
  return 2 ** Math.floor(Math.log2(value));
}

/** As many ranges as a workgroup without cooperation serves: few where there are few, so that all cores have some. */
export function loneRanges(ranges: number): number {
  return ranges < 2048 ? 8 : 64;
}

/**
 * The statements that name `lanes` to a range, `across` ranges in the workgroup, which of them (`column`) this
 * invocation serves, and its `place` among the lanes that do.
 */
export function emitLanes({ lanes, alongRange }: LaneShape, code: KernelCode): string[] {
  if (!code.context.cooperate) return ['let column = lane;'];
  const bits = code.sizes.integer(Math.log2(lanes));
  return [
    `let lane_bits = u32(${bits});`,
    'let lanes = 1 << lane_bits;',
    `let across = ${workgroupSize} >> lane_bits;`,
    alongRange ? 'let column = lane >> lane_bits;' : 'let column = lane & (across - 1);',
    alongRange ? 'let place = lane & (lanes - 1);' : `let place = lane >> (${workgroupBits}u - lane_bits);`,
  ];
}

/** The statements by which an invocation reduces its share of the positions `from` to `to` into `state`. */
export function emitWalk(
  state: StateCode,
  cooperate: boolean,
  from: string,
  to: string,
  take: string,
): string[] {
  const step = cooperate ? 'lanes' : '1';
  return [
    `var position = ${from}${cooperate ? ' + place' : ''};`,
    `while (position < ${to}) {`,
    `  var block = ${take};`,
    `  position += ${step};`,
    `  for (var i = 1; i < ${blockLength} && position < ${to}; i++) {`,
    `    block = ${state.combine}(block, ${take});`,
    `    position += ${step};`,
    '  }',
    `  state = ${state.combine}(state, block);`,
    '}',
  ];
}

/**
 * Combines the `state` of all lanes that serve a range; afterwards each of them has the result. `again` if lanes may
 * still be reading what they met over before.
 */
export function emitMeet(
  state: StateCode,
  { alongRange }: LaneShape,
  code: KernelCode,
  again = false,
): string[] {
  if (!code.context.cooperate) return [];
  const shared = `shared_${state.type}`;
  code.shared(shared, state.type, workgroupSize, state.bytes);
  const wait = again ? ['  workgroupBarrier();'] : [];
  const { combine } = state;
  if (alongRange && code.context.subgroups) {
    code.declare(
      `fn shuffle_${state.type}(state: ${state.type}, distance: u32) -> ${state.type} { return ${state.shuffled}; }`,
    );
    return [
      'for (var distance = min(lanes, i32(subgroup_size)) / 2; distance > 0; distance /= 2) {',
      `  state = ${combine}(state, shuffle_${state.type}(state, u32(distance)));`,
      '}',
      'if (lanes > i32(subgroup_size)) {',
      ...wait,
      '  let first = column * lanes / i32(subgroup_size);',
      `  if (subgroup_lane == 0u) { ${shared}[u32(lane) / subgroup_size] = state; }`,
      '  workgroupBarrier();',
      '  for (var count = lanes / i32(subgroup_size) / 2; count > 0; count /= 2) {',
      '    if (place < count) {',
      `      ${shared}[first + place] = ${combine}(${shared}[first + place], ${shared}[first + place + count]);`,
      '    }',
      '    workgroupBarrier();',
      '  }',
      `  state = ${shared}[first];`,
      '}',
    ];
  }
  const [step, first] = alongRange ? ['1', 'lane - place'] : ['across', 'column'];
  return [
    'if (lanes > 1) {',
    ...wait,
    `  ${shared}[lane] = state;`,
    '  workgroupBarrier();',
    '  for (var distance = lanes / 2; distance > 0; distance /= 2) {',
    '    if (place < distance) {',
    `      ${shared}[lane] = ${combine}(${shared}[lane], ${shared}[lane + distance * ${step}]);`,
    '    }',
    '    workgroupBarrier();',
    '  }',
    `  state = ${shared}[${first}];`,
    '}',
  ];
}
