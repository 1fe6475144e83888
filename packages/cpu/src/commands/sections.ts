// Loops cut where their guards change: a concatenation, a padded image, the gradient of a slice test each element's
// place, though the answer is the same for long runs of them. Cut there, each section has no tests, and no loads of
// what is not there.
import {
  type Access,
  type Affine,
  type Bound,
  type Instruction,
  type LoopKernel,
  type Reduction,
  sizeOf,
  type Value,
} from '@nn/core';

/** More sections than this are not made of one loop. */
const mostSections = 8;
/** Loops of fewer elements are not worth another launch. */
const elementsWorthCutting = 4096;
/** Along the dimension in which results lie together, sections have at least this many elements. */
const leastRun = 16;

/** A dimension from one coordinate to another one. */
interface Section {
  readonly dimension: number;
  readonly begin: number;
  readonly end: number;
}

function shifted<A extends Affine>(affine: A, { dimension, begin }: Section): A {
  return { ...affine, offset: affine.offset + (affine.strides[dimension] ?? 0) * begin };
}

function shiftedAccess(access: Access, section: Section): Access {
  return { ...shifted(access, section), guards: access.guards.map((guard) => shifted(guard, section)) };
}

function shiftedInstruction(instruction: Instruction, section: Section): Instruction {
  switch (instruction.op) {
    case 'index':
      return { ...instruction, affine: shifted(instruction.affine, section) };
    case 'load':
    case 'gather':
      return { ...instruction, access: shiftedAccess(instruction.access, section) };
    case 'inside':
      return { ...instruction, guards: instruction.guards.map((guard) => shifted(guard, section)) };
    default:
      return instruction;
  }
}

/** What a kernel does in a section of one of its dimensions. */
export function sectionOf(kernel: LoopKernel, section: Section): LoopKernel {
  const shift = (instruction: Instruction): Instruction => shiftedInstruction(instruction, section);
  const { producer } = kernel;
  return {
    ...kernel,
    extents: kernel.extents.map((extent, d) =>
      d === section.dimension ? section.end - section.begin : extent,
    ),
    producer:
      producer === null
        ? null
        : producer.kind === 'reduce'
          ? { ...producer, body: producer.body.map(shift) }
          : { ...producer, left: shifted(producer.left, section), right: shifted(producer.right, section) },
    epilogue: kernel.epilogue.map(shift),
    stores: kernel.stores.map((store) => ({ ...store, access: shiftedAccess(store.access, section) })),
  };
}

/** The least and the greatest value of an affine function, one dimension apart. */
function range({ offset, strides }: Affine, extents: readonly number[], without = -1): [number, number] {
  let least = offset;
  let greatest = offset;
  for (const [d, stride] of strides.entries()) {
    if (d === without) continue;
    const reach = stride * (extents[d] - 1);
    if (reach < 0) least += reach;
    else greatest += reach;
  }
  return [least, greatest];
}

/** Coordinates from which on, and up to which, `low + stride * c >= 0` and `high + stride * c < size`. */
function interval(low: number, high: number, size: number, stride: number, extent: number): [number, number] {
  const [begin, end] =
    stride > 0
      ? [Math.ceil(-low / stride), Math.ceil((size - high) / stride)]
      : [Math.floor((high - size) / -stride) + 1, Math.floor(low / -stride) + 1];
  const clamp = (value: number): number => Math.min(extent, Math.max(0, value));
  return [clamp(begin), clamp(end)];
}

const isEmpty = ([begin, end]: readonly [number, number]): boolean => begin >= end;

/** Where along a dimension the guard holds; undefined where it depends on other dimensions too. */
function holdsWithin(
  guard: Bound,
  dimension: number,
  extents: readonly number[],
): readonly [number, number] | undefined {
  const [least, greatest] = range(guard, extents, dimension);
  const stride = guard.strides[dimension];
  const extent = extents[dimension];
  const always = interval(least, greatest, guard.size, stride, extent);
  const ever = interval(greatest, least, guard.size, stride, extent);
  if (isEmpty(ever)) return [0, 0];
  return always[0] === ever[0] && always[1] === ever[1] ? always : undefined;
}

function boundsOf(instructions: readonly Instruction[]): Bound[] {
  return instructions.flatMap((instruction) => {
    if (instruction.op === 'inside') return instruction.guards;
    return instruction.op === 'load' || instruction.op === 'gather' ? instruction.access.guards : [];
  });
}

function reductionOf({ producer }: LoopKernel): Reduction | null {
  return producer?.kind === 'reduce' ? producer : null;
}

const allExtents = (kernel: LoopKernel): readonly number[] => [
  ...kernel.extents,
  ...(reductionOf(kernel)?.extents ?? []),
];

/** The coordinates of a dimension at which guards change; undefined where that does not settle them. */
function changes(kernel: LoopKernel, guards: readonly Bound[], dimension: number): number[] | undefined {
  const extents = allExtents(kernel);
  const found = new Set<number>();
  for (const guard of guards) {
    if ((guard.strides[dimension] ?? 0) === 0) continue;
    const held = holdsWithin(guard, dimension, extents);
    if (held === undefined) return undefined;
    if (!isEmpty(held)) for (const coordinate of held) found.add(coordinate);
  }
  found.delete(0);
  found.delete(extents[dimension]);
  if (found.size === 0 || found.size >= mostSections) return undefined;
  const cuts = [0, ...found, extents[dimension]].sort((a, b) => a - b);
  const runsAlong = kernel.stores.some(({ access }) => Math.abs(access.strides[dimension]) === 1);
  if (runsAlong && cuts.some((cut, at) => at > 0 && cut - cuts[at - 1] < leastRun)) return undefined;
  return cuts;
}

type Status = 'always' | 'never' | 'sometimes';

function statusOf(guard: Bound, extents: readonly number[]): Status {
  const [least, greatest] = range(guard, extents);
  if (least >= 0 && greatest < guard.size) return 'always';
  return greatest < 0 || least >= guard.size ? 'never' : 'sometimes';
}

/** Guards that are left, or null where one never holds. */
function leftOf<B extends Bound>(guards: readonly B[], extents: readonly number[]): readonly B[] | null {
  const statuses = guards.map((guard) => statusOf(guard, extents));
  return statuses.includes('never') ? null : guards.filter((_, at) => statuses[at] !== 'always');
}

interface Simplified {
  readonly instructions: readonly Instruction[];
  /** The new number of each old value. */
  readonly places: readonly Value[];
}

/** Without guards that are settled, loads that give nothing but zeros, and additions of those. */
function simplified(given: readonly Instruction[], extents: readonly number[]): Simplified {
  const instructions: Instruction[] = [];
  const places: Value[] = [];
  const zeros = new Set<Value>();
  const push = (instruction: Instruction): Value => instructions.push(instruction) - 1;
  const zero = (dtype: Instruction['dtype']): Value => {
    const place = push({ op: 'const', dtype, value: dtype === 'int64' ? 0n : 0 });
    zeros.add(place);
    return place;
  };
  const placeOf = (instruction: Instruction): Value => {
    switch (instruction.op) {
      case 'load': {
        const guards = leftOf(instruction.access.guards, extents);
        if (guards === null) return zero(instruction.dtype);
        return push({ ...instruction, access: { ...instruction.access, guards } });
      }
      case 'gather': {
        const guards = leftOf(instruction.access.guards, extents);
        if (guards === null) return zero(instruction.dtype);
        return push({
          ...instruction,
          access: { ...instruction.access, guards },
          args: [places[instruction.args[0]]],
        });
      }
      case 'inside': {
        const guards = leftOf(instruction.guards, extents);
        if (guards === null) return zero(instruction.dtype);
        if (guards.length === 0) return push({ op: 'const', dtype: instruction.dtype, value: 1 });
        return push({ ...instruction, guards });
      }
      default: {
        if (!('args' in instruction)) return push(instruction);
        const args = instruction.args.map((arg) => places[arg]);
        if (instruction.op === 'add') {
          if (zeros.has(args[0])) return args[1];
          if (zeros.has(args[1])) return args[0];
        }
        return push({ ...instruction, args });
      }
    }
  };
  for (const instruction of given) places.push(placeOf(instruction));
  return { instructions, places };
}

/** Without guards that are settled, and what only they need. */
export function simplifiedKernel(kernel: LoopKernel): LoopKernel {
  const reduction = reductionOf(kernel);
  let { producer } = kernel;
  if (reduction !== null) {
    const { instructions, places } = simplified(reduction.body, allExtents(kernel));
    const accumulators = reduction.accumulators.map((one) => ({ ...one, value: places[one.value] }));
    producer = { ...reduction, body: instructions, accumulators };
  }
  const { instructions, places } = simplified(kernel.epilogue, kernel.extents);
  const stores = kernel.stores.flatMap(({ access, value }) => {
    const guards = leftOf(access.guards, kernel.extents);
    return guards === null ? [] : [{ access: { ...access, guards }, value: places[value] }];
  });
  return { ...kernel, producer, epilogue: instructions, stores };
}

/** The loop, which has no dot, in sections that have nothing to do with each other; itself where there are none. */
export function cutByGuards(kernel: LoopKernel, most: number = mostSections): readonly LoopKernel[] {
  const guards = [
    ...boundsOf(reductionOf(kernel)?.body ?? []),
    ...boundsOf(kernel.epilogue),
    ...kernel.stores.flatMap(({ access }) => access.guards),
  ];
  if (guards.length === 0 || sizeOf(allExtents(kernel)) < elementsWorthCutting) return [kernel];
  for (const dimension of kernel.extents.keys()) {
    const cuts = changes(kernel, guards, dimension);
    if (cuts === undefined || cuts.length - 1 > most) continue;
    const each = Math.floor(most / (cuts.length - 1));
    return cuts.slice(1).flatMap((end, at) => {
      const section = simplifiedKernel(sectionOf(kernel, { dimension, begin: cuts[at], end }));
      return section.stores.length === 0 ? [] : cutByGuards(section, each);
    });
  }
  return [kernel];
}
