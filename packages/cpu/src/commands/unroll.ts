// Coordinates that read much of the same computed side by side: neighbouring windows of an image have most of their
// elements in common, and the taps of a filter's gradient all meet the same gradient. Each such element is then loaded
// once for all of them ("unroll and jam", Callahan, Carr and Kennedy 1990).
import {
  type Access,
  type Accumulator,
  type Affine,
  ExpressionBuilder,
  type Instruction,
  type LoopKernel,
  type Reduction,
  type Store,
  type Value,
} from '@nn/core';
import { argumentsOf, copyInto } from '../emit/instructions.ts';
import { sectionOf } from './sections.ts';

/** Instructions of a kernel with this many loads of one buffer are a window's. */
const leastTaps = 4;
/** Loads that are left, as a part of those that there were. */
const worthwhilePart = 0.75;
/**
 * Rows of results that are longer take so long that what each costs besides does not show; windows of so many elements
 * are bounded by their loads in any row.
 */
const longestRow = 32;
const largeWindow = 16;
/** Instructions of windows side by side, at most; and windows. */
const mostInstructions = 1600;
const mostSideBySide = 8;
/** Sums that stay in registers. */
const mostAccumulators = 9;

const strideOf = ({ strides }: Affine, dimension: number): number => strides[dimension] ?? 0;

/** Coordinate `first` of each `count`, which then are one. */
function thinned<A extends Affine>(affine: A, dimension: number, first: number, count: number): A {
  const stride = strideOf(affine, dimension);
  return {
    ...affine,
    offset: affine.offset + stride * first,
    strides: affine.strides.map((each, d) => (d === dimension ? each * count : each)),
  };
}

/** Appends what the instructions are at coordinate `first` of each `count`; gives where each is then. */
function append(
  builder: ExpressionBuilder,
  instructions: readonly Instruction[],
  dimension: number,
  first: number,
  count: number,
  results: number,
): Value[] {
  const move = <A extends Affine>(affine: A): A => thinned(affine, dimension, first, count);
  const access = (given: Access): Access => ({ ...move(given), guards: given.guards.map(move) });
  return copyInto(builder, instructions, (instruction, args) => {
    switch (instruction.op) {
      case 'index':
        return builder.add({ ...instruction, affine: move(instruction.affine) });
      case 'load':
        return builder.add({ ...instruction, access: access(instruction.access) });
      case 'gather':
        return builder.add({ ...instruction, access: access(instruction.access), args: [args[0]] });
      case 'inside':
        return builder.add({ ...instruction, guards: instruction.guards.map(move) });
      case 'result':
        return builder.add({ ...instruction, index: instruction.index + first * results });
      default:
        return undefined;
    }
  });
}

/** The loop or reduction with `count` coordinates of a dimension side by side; the extent is a multiple of that. */
export function unrolled(kernel: LoopKernel, dimension: number, count: number): LoopKernel {
  const { producer } = kernel;
  const reduction = producer?.kind === 'reduce' ? producer : null;
  const body = new ExpressionBuilder();
  const epilogue = new ExpressionBuilder();
  const accumulators: Accumulator[] = [];
  const stores: Store[] = [];
  for (let first = 0; first < count; first++) {
    if (reduction !== null) {
      const places = append(body, reduction.body, dimension, first, count, 0);
      for (const one of reduction.accumulators) accumulators.push({ ...one, value: places[one.value] });
    }
    const results = reduction?.accumulators.length ?? 0;
    const places = append(epilogue, kernel.epilogue, dimension, first, count, results);
    for (const { access, value } of kernel.stores) {
      const guards = access.guards.map((guard) => thinned(guard, dimension, first, count));
      stores.push({
        access: { ...thinned(access, dimension, first, count), guards },
        value: places[value],
      });
    }
  }
  return {
    ...kernel,
    extents: kernel.extents.map((extent, d) => (d === dimension ? extent / count : extent)),
    producer: reduction === null ? null : { ...reduction, body: body.instructions, accumulators },
    epilogue: epilogue.instructions,
    stores,
  };
}

/**
 * The same kernel, with each of the tap's loads followed by all that it completes: where sums go through their windows
 * in the order of the elements, all windows use an element at once, and then it needs no register.
 *
 * @param ascending whether that is the order of rising offsets.
 */
function usedAtOnce(kernel: LoopKernel, tap: Access, ascending: boolean): LoopKernel {
  const { epilogue } = kernel;
  const isTap = (instruction: Instruction): boolean =>
    instruction.op === 'load' &&
    instruction.access.buffer === tap.buffer &&
    instruction.access.strides.join() === tap.strides.join();
  const users = epilogue.map((): Value[] => []);
  const missing = epilogue.map((instruction, at) => {
    const args = new Set(argumentsOf(instruction));
    for (const arg of args) users[arg].push(at);
    return args.size;
  });
  const ordered: Instruction[] = [];
  const places: Value[] = [];
  const append = (at: Value): void => {
    const instruction = epilogue[at];
    const args = argumentsOf(instruction).map((arg) => places[arg]);
    places[at] =
      ordered.push(args.length === 0 ? instruction : ({ ...instruction, args } as Instruction)) - 1;
    for (const user of users[at]) if (--missing[user] === 0) append(user);
  };
  const sources = [...epilogue.keys()].filter((at) => missing[at] === 0);
  const offsetOf = (at: Value): number => (epilogue[at] as { readonly access: Access }).access.offset;
  for (const at of sources) if (!isTap(epilogue[at])) append(at);
  const loads = sources.filter((at) => isTap(epilogue[at]));
  loads.sort((a, b) => (ascending ? offsetOf(a) - offsetOf(b) : offsetOf(b) - offsetOf(a)));
  for (const at of loads) append(at);
  const stores = kernel.stores.map((store) => ({ ...store, value: places[store.value] }));
  return { ...kernel, epilogue: ordered, stores };
}

function loadsOf(instructions: readonly Instruction[]): Access[] {
  return instructions.flatMap((instruction) => (instruction.op === 'load' ? [instruction.access] : []));
}

/** How many different elements are read along with the `count` coordinates. */
function countLoads(loads: readonly Access[], dimension: number, count: number): number {
  const found = new Set<string>();
  for (const load of loads) {
    const stride = strideOf(load, dimension);
    const guarded = load.guards.length > 0;
    for (let first = 0; first < count; first++)
      found.add(
        `${load.buffer} ${load.strides.join()} ${load.offset + stride * first} ${guarded ? first : ''}`,
      );
  }
  return found.size;
}

/** The taps of a window: loads of one buffer that move alike, without guards. */
function tapsOf(kernel: LoopKernel): readonly Access[] {
  const alike = new Map<string, Access[]>();
  for (const load of loadsOf(kernel.epilogue)) {
    if (load.guards.length > 0) return [];
    const key = `${load.buffer} ${load.strides.join()}`;
    const found = alike.get(key);
    if (found === undefined) alike.set(key, [load]);
    else found.push(load);
  }
  const lane = kernel.extents.findIndex((_, d) => isLane(kernel, d));
  if (lane < 0) return [];
  const windows = [...alike.values()].filter(([load]) => strideOf(load, lane) !== 0);
  const most = windows.reduce<readonly Access[]>((a, b) => (b.length > a.length ? b : a), []);
  if (kernel.extents[lane] > longestRow && most.length < largeWindow) return [];
  return most.length >= leastTaps ? most : [];
}

/** Whether results lie side by side along the dimension. */
function isLane({ extents, stores }: LoopKernel, dimension: number): boolean {
  return extents[dimension] > 1 && stores.some(({ access }) => Math.abs(access.strides[dimension]) === 1);
}

/** Windows one below the other. */
function unrolledWindows(kernel: LoopKernel, fixed: number): readonly LoopKernel[] {
  const taps = tapsOf(kernel);
  if (taps.length === 0) return [kernel];
  const ascending = taps[0].offset <= taps[taps.length - 1].offset;
  const { extents } = kernel;
  for (let dimension = extents.length - 1; dimension >= fixed; dimension--) {
    const extent = extents[dimension];
    if (extent < 2 || isLane(kernel, dimension)) continue;
    if (countLoads(taps, dimension, 2) > worthwhilePart * 2 * taps.length) continue;
    const most = Math.min(mostSideBySide, extent, Math.floor(mostInstructions / kernel.epilogue.length));
    if (most < 2) continue;
    let count = most;
    while (count > most / 2 && extent % count !== 0) count--;
    if (extent % count !== 0) count = most;
    const whole = extent - (extent % count);
    const part = (begin: number, end: number, at: number): LoopKernel => {
      const section = unrolled(sectionOf(kernel, { dimension, begin, end }), dimension, at);
      return usedAtOnce(section, thinned(taps[0], dimension, 0, at), ascending);
    };
    const parts = [part(0, whole, count)];
    if (whole < extent) parts.push(part(whole, extent, extent - whole));
    return parts;
  }
  return [kernel];
}

/** Reductions of the same elements with others, as by a filter's taps. */
function unrolledReduction(kernel: LoopKernel, reduction: Reduction, fixed: number): LoopKernel {
  const { extents } = kernel;
  if (reduction.accumulators.some(({ op }) => op === 'argmax' || op === 'argmin')) return kernel;
  const before = loadsOf(reduction.body).length / reduction.accumulators.length;
  let result = kernel;
  for (let dimension = extents.length - 1; dimension >= fixed; dimension--) {
    const extent = extents[dimension];
    const { body, accumulators } = result.producer as Reduction;
    const count = extent * accumulators.length;
    if (extent < 2 || count > mostAccumulators) continue;
    if (countLoads(loadsOf(body), dimension, extent) > worthwhilePart * count * before) continue;
    result = unrolled(result, dimension, extent);
  }
  return result;
}

/**
 * The loop with coordinates side by side where they share what they read, in one or two parts; itself where they do not.
 *
 * @param fixed leading dimensions that stay as they are.
 */
export function sideBySide(kernel: LoopKernel, fixed = 0): readonly LoopKernel[] {
  const { producer } = kernel;
  if (producer === null) return unrolledWindows(kernel, fixed);
  return producer.kind === 'reduce' ? [unrolledReduction(kernel, producer, fixed)] : [kernel];
}
