// Which steps of a rows kernel are a pair of reductions of which the second needs the first one's result, and how such
// a pair goes through a long row in one walk (see emit/paired-exponentials.ts and emit/paired-squares.ts): a maximum and
// a sum of exponentials shifted by it, whose exponentials may be stored on the way; a sum, and squared distances from the
// mean, alone or with the distances.
import {
  type Access,
  contiguousStrides,
  ExpressionBuilder,
  type Instruction,
  type LoopKernel,
  type Reduction,
  type RowsKernel,
  sizeOf,
  type Value,
} from '@nn/core';
import type { Tier } from '../emit/context.ts';
import { accessesOf, argumentsOf, copyInto } from '../emit/instructions.ts';
import type { Pairing } from '../emit/pair.ts';
import type { CommandContext } from './command.ts';
import { exponentialAtMostZero, listOf, readsRowOf } from './row-maxima.ts';
import { withPartialResults } from './split.ts';

export interface PairLimits {
  /** Elements of a row from which it is worth it. */
  readonly shortestRow: number;
  /** Elements of a block, at most. */
  readonly longestBlock: number;
  /** Bytes that all rows have at least: within the caches two walks are as fast. */
  readonly leastBytes: number;
}

/** Rows are of several blocks, and a block is small enough for the first-level cache, twice over. */
export const pairLimits: PairLimits = {
  shortestRow: 8192,
  longestBlock: 2048,
  leastBytes: 16 * 1024 * 1024,
};
/** Blocks are whole rounds of vectors. */
const roundLength = 16;

/** The steps of a kernel, one of them a pair. */
export interface PairedRows {
  readonly context: CommandContext;
  readonly scratchBytes: number;
  readonly steps: readonly PairedStep[];
}

export interface PairedStep {
  readonly kernel: LoopKernel;
  readonly pairing: Pairing | null;
}

interface Found {
  readonly kind: Pairing['kind'];
  readonly first: LoopKernel & { readonly producer: Reduction };
  readonly second: LoopKernel & { readonly producer: Reduction };
  /** Which of the second's results is the sum of exponentials or squares; any other is that of distances. */
  readonly main: number;
  /** The second's body, where what it sums is stored before. */
  readonly stored: LoopKernel | null;
}

function isReduction(step: LoopKernel | undefined): step is LoopKernel & { readonly producer: Reduction } {
  return step?.producer?.kind === 'reduce';
}

/** Whether a list walks nothing but whole rows, along which it reads neighbours. */
function isPlain(list: readonly Instruction[], rank: number): boolean {
  return list.every(
    (each) =>
      each.op !== 'gather' &&
      each.op !== 'inside' &&
      (!('access' in each) ||
        (each.access.guards.length === 0 && [0, 1, undefined].includes(each.access.strides[rank]))),
  );
}

const isSame = (a: Access, b: Access): boolean =>
  a.buffer === b.buffer && a.offset === b.offset && `${a.strides}` === `${b.strides}`;

/** The difference from the first one's result of which a value is made: an exponential or a square. */
function differenceOf(list: readonly Instruction[], value: Value, kind: Pairing['kind']): Value | undefined {
  const { op } = list[value];
  const [a, b] = argumentsOf(list[value]);
  if (kind === 'exponentials') return op === 'exp' ? a : undefined;
  return op === 'mul' && a === b ? a : undefined;
}

/** Whether a list's value is the exponential or square of what the first step reduces, less the result of that. */
function dependsOn(
  first: Found['first'],
  kind: Pairing['kind'],
  list: readonly Instruction[],
  value: Value,
): boolean {
  const at = differenceOf(list, value, kind);
  const difference = at === undefined ? undefined : list[at];
  if (difference?.op !== 'sub' || difference.dtype !== 'float32') return false;
  const [minuend, subtrahend] = difference.args;
  const load = list[subtrahend];
  const known = new ExpressionBuilder();
  const reduced = copyInto(known, first.producer.body)[first.producer.accumulators[0].value];
  return (
    load.op === 'load' &&
    readsRowOf(load.access, first.stores[0].access) &&
    copyInto(known, list)[minuend] === reduced
  );
}

/** The pair that begins with a step. */
function findPair(steps: readonly LoopKernel[], at: number, rank: number): Found | undefined {
  const first = steps[at];
  if (!isReduction(first) || first.stores.length !== 1 || first.producer.extents.length !== 1)
    return undefined;
  const { accumulators, body, extents } = first.producer;
  const [{ op, dtype }] = accumulators;
  if (accumulators.length > 1) return undefined;
  const kind = op === 'max' ? 'exponentials' : 'squares';
  if ((op !== 'max' && op !== 'sum') || dtype !== 'float32' || !isPlain(body, rank)) return undefined;
  const [store] = first.stores;
  if (store.access.guards.length > 0 || accessesOf(body).some(({ buffer }) => buffer === store.access.buffer))
    return undefined;
  if (kind === 'exponentials' && first.epilogue[store.value].op !== 'result') return undefined;
  if (first.epilogue[store.value].dtype !== 'float32') return undefined;
  const isStored = kind === 'exponentials' && steps[at + 1]?.producer === null;
  const second = steps[at + (isStored ? 2 : 1)];
  if (!isReduction(second) || `${second.producer.extents}` !== `${extents}`) return undefined;
  if (`${second.extents}` !== `${first.extents}`) return undefined;
  const sums = second.producer.accumulators;
  if (sums.some((sum) => sum.op !== 'sum' || sum.dtype !== 'float32')) return undefined;
  const stored = isStored ? steps[at + 1] : null;
  const summed = second.producer.body;
  if (stored !== null) {
    const [only] = stored.stores;
    const load = summed[sums[0].value];
    if (sums.length > 1 || stored.stores.length > 1 || only.access.guards.length > 0 || load.op !== 'load')
      return undefined;
    if (`${stored.extents}` !== `${[...first.extents, ...extents]}` || !isSame(load.access, only.access))
      return undefined;
    const others = accessesOf(stored.epilogue).filter(({ buffer }) => buffer === only.access.buffer);
    if (!others.every((access) => isSame(access, only.access))) return undefined;
    if (!isPlain(stored.epilogue, rank) || (only.access.strides[rank] ?? 0) !== 1) return undefined;
    // They would see what has not its final shift yet.
    if (
      accessesOf([...first.epilogue, ...second.epilogue]).some(({ buffer }) => buffer === only.access.buffer)
    )
      return undefined;
    return dependsOn(first, kind, stored.epilogue, only.value)
      ? { kind, first, second, main: 0, stored }
      : undefined;
  }
  const differences = sums.map(({ value }) => differenceOf(summed, value, kind));
  const main = differences.findIndex((difference) => difference !== undefined);
  if (main < 0 || !isPlain(summed, rank) || !dependsOn(first, kind, summed, sums[main].value))
    return undefined;
  const isPair =
    sums.length === 1 ||
    (kind === 'squares' && sums.length === 2 && sums[1 - main].value === differences[main]);
  return isPair ? { kind, first, second, main, stored } : undefined;
}

const result = (index: number): Instruction => ({ op: 'result', dtype: 'float32', index });

/**
 * What twice makes an exponential less `from` one less `to`: at once it would be 0 where exponentials that are far
 * greater than 1 are still something.
 */
function rootOfScale(b: ExpressionBuilder, from: Value, to: Value, tier: Tier): Value {
  const half = b.binary('mul', b.binary('sub', from, to), b.constant(0.5, 'float32'));
  return exponentialAtMostZero(b, half, tier);
}

function pairingOf(
  { kind, first, second, main, stored }: Found,
  blockLength: number,
  shifts: Access | null,
  later: readonly Access[],
  tier: Tier,
): Pairing {
  const [store] = first.stores;
  const list = stored === null ? second.producer.body : stored.epilogue;
  const value = stored === null ? second.producer.accumulators[main].value : stored.stores[0].value;
  const body = new ExpressionBuilder();
  const places = copyInto(body, list, (instruction, args) => {
    if (instruction.op === 'load' && instruction.access.buffer === store.access.buffer)
      return body.add(result(0));
    return instruction === list[value] && kind === 'exponentials'
      ? exponentialAtMostZero(body, args[0], tier)
      : undefined;
  });
  const difference = kind === 'exponentials' ? differenceOf(list, value, kind) : undefined;
  const scalar = new ExpressionBuilder();
  const scalarValue =
    kind === 'exponentials'
      ? rootOfScale(scalar, scalar.add(result(0)), scalar.add(result(1)), tier)
      : copyInto(scalar, first.epilogue)[store.value];
  return {
    kind,
    blockLength,
    body: body.instructions,
    value: places[value],
    shifted: difference === undefined ? null : places[argumentsOf(list[difference])[0]],
    stores: stored === null ? [] : [{ access: stored.stores[0].access, value: places[value] }],
    scalar: { instructions: scalar.instructions, value: scalarValue },
    shifts,
    later,
  };
}

/** What later loops write along the rows of exponentials, which are computed for long, without having read it. */
function writtenLater(steps: readonly LoopKernel[], { first, kind }: Found): Access[] {
  if (kind === 'squares') return [];
  const walked = `${[...first.extents, ...first.producer.extents]}`;
  const read = new Set(
    accessesOf([...listOf(first), ...steps.flatMap((step) => [...listOf(step), ...step.epilogue])]).map(
      ({ buffer }) => buffer,
    ),
  );
  return steps.flatMap(({ extents, stores }) =>
    stores.flatMap(({ access }) => {
      const isRow = `${extents}` === walked && access.strides[first.extents.length] === 1;
      return isRow && access.guards.length === 0 && !read.has(access.buffer) ? [access] : [];
    }),
  );
}

/** One kernel of both: the second's epilogue follows the first's, and sees what that stores. */
function together({ first, second, main }: Found): LoopKernel {
  const [store] = first.stores;
  const epilogue = new ExpressionBuilder();
  const places = copyInto(epilogue, first.epilogue);
  const later = copyInto(epilogue, second.epilogue, (instruction) => {
    if (instruction.op === 'result') return epilogue.add(result(instruction.index === main ? 1 : 2));
    const isFirst = instruction.op === 'load' && instruction.access.buffer === store.access.buffer;
    return isFirst ? places[store.value] : undefined;
  });
  const stores = second.stores.map(({ access, value }) => ({ access, value: later[value] }));
  // Where both go to the same place, the second's is what stays.
  const own = stores.some(({ access }) => isSame(access, store.access))
    ? []
    : [{ access: store.access, value: places[store.value] }];
  return {
    ...second,
    producer: first.producer,
    epilogue: epilogue.instructions,
    stores: [...own, ...stores],
  };
}

/** Whether the second's epilogue reads the first's result where the first has stored it, and nothing but that of it. */
function readsResultOnly({ first, second }: Found): boolean {
  const [{ access }] = first.stores;
  return second.epilogue.every((each) =>
    each.op === 'gather'
      ? each.access.buffer !== access.buffer
      : each.op !== 'load' || each.access.buffer !== access.buffer || isSame(each.access, access),
  );
}

/** The step that first reads what a pair has stored, if that is one that puts the final values there, in place. */
function findScaling(steps: readonly LoopKernel[], stored: LoopKernel): number | undefined {
  const { extents: walked } = stored;
  const [{ access }] = stored.stores;
  const touches = (step: LoopKernel): Access[] =>
    [...accessesOf([...listOf(step), ...step.epilogue]), ...step.stores.map((store) => store.access)].filter(
      ({ buffer }) => buffer === access.buffer,
    );
  const at = steps.findIndex((step) => touches(step).length > 0);
  if (at < 0) return undefined;
  const { producer, stores, epilogue, extents } = steps[at];
  const isInPlace = stores.some((store) => isSame(store.access, access));
  const isWhole = stores.every((store) => store.access.guards.length === 0);
  const isRest = touches(steps[at]).every((other) => isSame(other, access));
  const isLoop = producer === null && `${extents}` === `${walked}` && isPlain(epilogue, extents.length - 1);
  return isInPlace && isWhole && isRest && isLoop ? at : undefined;
}

/** Blocks of a row, all of one length, from a block on. */
interface Blocks {
  readonly first: number;
  readonly count: number;
  readonly length: number;
  /** Where the first one begins. */
  readonly start: number;
}

/** What a step does in some blocks; values that a pair has stored at an access are scaled as its last shift demands. */
function scaledPart(
  step: LoopKernel,
  access: Access,
  shifts: Access,
  last: number,
  { first, count, length, start }: Blocks,
  tier: Tier,
): LoopKernel {
  const rank = step.extents.length - 1;
  const rows = step.extents.slice(0, rank);
  const cut = <A extends { readonly offset: number; readonly strides: readonly number[] }>(affine: A): A => {
    const stride = affine.strides[rank] ?? 0;
    const outer = rows.map((_, d) => affine.strides[d] ?? 0);
    return {
      ...affine,
      offset: affine.offset + stride * start,
      strides: [...outer, stride * length, stride],
    };
  };
  const b = new ExpressionBuilder();
  const load = (block: number, stride: number): Value =>
    b.add({
      op: 'load',
      dtype: 'float32',
      access: { ...shifts, offset: shifts.offset + block, strides: [...shifts.strides, stride] },
    });
  const shift = load(first, 1);
  const maximum = load(last, 0);
  const constant = (value: number): Value => b.constant(value, 'float32');
  // What was shifted by the maximum itself needs nothing, but for -Infinity, which was not subtracted.
  const isLeast = b.compare('eq', maximum, constant(-Infinity));
  const root = b.where(
    b.compare('eq', shift, maximum),
    b.where(isLeast, constant(NaN), constant(1)),
    rootOfScale(b, shift, maximum, tier),
  );
  const places = copyInto(b, step.epilogue, (instruction) => {
    if (instruction.op === 'index') return b.add({ ...instruction, affine: cut(instruction.affine) });
    if (instruction.op !== 'load') return undefined;
    const loaded = b.add({ ...instruction, access: cut(instruction.access) });
    return isSame(instruction.access, access) ? b.binary('mul', b.binary('mul', loaded, root), root) : loaded;
  });
  const stores = step.stores.map((store) => ({ access: cut(store.access), value: places[store.value] }));
  return { ...step, extents: [...rows, count, length], epilogue: b.instructions, stores };
}

/** The kernel with a pair where it has one that goes through long rows; the remaining steps as they are. */
export function pairSteps(
  context: CommandContext,
  kernel: RowsKernel,
  { shortestRow, longestBlock }: PairLimits,
): PairedRows | undefined {
  const { steps, extents: rows } = kernel;
  const rank = rows.length;
  const { tier } = context.device;
  for (const at of steps.keys()) {
    const found = findPair(steps, at, rank);
    if (found === undefined || found.first.extents.length !== rank || !readsResultOnly(found)) continue;
    const [extent] = found.first.producer.extents;
    if (extent < shortestRow) continue;
    const blocks = Math.ceil(extent / longestBlock);
    const blockLength = Math.ceil(extent / blocks / roundLength) * roundLength;
    const count = Math.ceil(extent / blockLength);
    const plain = (step: LoopKernel): PairedStep => ({ kernel: step, pairing: null });
    const before = steps.slice(0, at).map(plain);
    const after = steps.slice(at + (found.stored === null ? 2 : 3));
    if (found.stored === null) {
      const pair = {
        kernel: together(found),
        pairing: pairingOf(found, blockLength, null, writtenLater(after, found), tier),
      };
      return { context, scratchBytes: 0, steps: [...before, pair, ...after.map(plain)] };
    }
    const [store] = found.stored.stores;
    const scaling = findScaling(after, found.stored);
    if (scaling === undefined) continue;
    const { extended, first, scratchBytes } = withPartialResults(
      context,
      ['float32'],
      sizeOf(rows) * (count + 1),
    );
    const strides = contiguousStrides([...rows, count + 1]).slice(0, rank);
    const shifts: Access = { buffer: first, offset: 0, strides, guards: [] };
    const pair = { kernel: together(found), pairing: pairingOf(found, blockLength, shifts, [], tier) };
    const whole = Math.floor(extent / blockLength);
    const start = whole * blockLength;
    const parts: Blocks[] = [{ first: 0, count: whole, length: blockLength, start: 0 }];
    if (start < extent) parts.push({ first: whole, count: 1, length: extent - start, start });
    const scaled = parts.map((part) => scaledPart(after[scaling], store.access, shifts, count, part, tier));
    const others = [...after.slice(0, scaling), ...scaled, ...after.slice(scaling + 1)].map(plain);
    return { context: extended, scratchBytes, steps: [...before, pair, ...others] };
  }
  return undefined;
}
