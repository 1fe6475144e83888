// Reductions with few outputs, for several threads, or too long to do without a pause: parts of one reduced dimension are
// reduced on their own, then their results together. Two or three ordinary kernels; nothing here knows how those are written.
import {
  type Access,
  type Accumulator,
  type BufferSpec,
  contiguousStrides,
  type DType,
  ExpressionBuilder,
  type Instruction,
  type LoopKernel,
  type Reduction,
  sizeOf,
} from '@nn/core';
import { copyInto } from '../emit/instructions.ts';
import { computeDType } from '../emit/lower.ts';
import { storageBytes } from '../emit/registers.ts';
import { sharesPerThread } from '../threads/pool.ts';
import { type Command, type CommandContext, withScratch } from './command.ts';
import { LoopCommand } from './loop.ts';
import { makeAll, Sequence } from './sequence.ts';

/** The reduced dimension to cut: the longest, or the outermost where positions matter. */
function cutDimension({ extents, accumulators }: Reduction): number {
  if (accumulators.some(({ op }) => op === 'argmax' || op === 'argmin')) return 0;
  return extents.indexOf(Math.max(...extents));
}

/** Instructions computed in all from which a reduction is cut: some 50 µs. */
const stepsWorthCutting = 500_000;
/** Instructions done without a pause: one millisecond in vectors, some more of the costliest ones. */
const mostStepsAtOnce = 8_000_000;
/** Where lanes lie along parts, a loop has at least so many of them in an item. */
const partsAtOnce = 16;

function stepsOf(kernel: LoopKernel, { extents, body }: Reduction): number {
  return sizeOf(kernel.extents) * sizeOf(extents) * (body.length + 2);
}

/** Whether cutting gives each thread something that it would not have otherwise, or lets one pause. */
export function isWorthSplitting(kernel: LoopKernel, reduction: Reduction, threads: number): boolean {
  const outputs = sizeOf(kernel.extents);
  const steps = stepsOf(kernel, reduction);
  if (steps < (threads > 1 ? stepsWorthCutting : 2 * mostStepsAtOnce)) return false;
  const cut = reduction.extents[cutDimension(reduction)] ?? 1;
  return outputs > 0 && outputs < threads * 64 && cut >= threads * sharesPerThread * 2;
}

/** A kernel's affine function with the cut dimension divided: parts lead, and `start` is where they begin. */
export interface Cut {
  readonly kernelRank: number;
  readonly dimension: number;
  readonly length: number;
  readonly start: number;
}

function cutAffine<A extends { readonly offset: number; readonly strides: readonly number[] }>(
  affine: A,
  { kernelRank, dimension, length, start }: Cut,
): A {
  const stride = affine.strides[kernelRank + dimension] ?? 0;
  return { ...affine, offset: affine.offset + stride * start, strides: [stride * length, ...affine.strides] };
}

function cutAccess(access: Access, cut: Cut): Access {
  return { ...cutAffine(access, cut), guards: access.guards.map((guard) => cutAffine(guard, cut)) };
}

export function cutInstruction(instruction: Instruction, cut: Cut): Instruction {
  switch (instruction.op) {
    case 'index':
      return { ...instruction, affine: cutAffine(instruction.affine, cut) };
    case 'load':
    case 'gather':
      return { ...instruction, access: cutAccess(instruction.access, cut) };
    case 'inside':
      return { ...instruction, guards: instruction.guards.map((guard) => cutAffine(guard, cut)) };
    default:
      return instruction;
  }
}

/** What the parts compute: for a position, also the value there. */
export function partAccumulators(reduction: Reduction): Accumulator[] {
  return reduction.accumulators.flatMap((accumulator) => {
    const { op, value } = accumulator;
    if (op !== 'argmax' && op !== 'argmin') return [accumulator];
    const best: Accumulator = {
      op: op === 'argmax' ? 'max' : 'min',
      value,
      dtype: reduction.body[value].dtype,
    };
    return [accumulator, best];
  });
}

/** Room for the results of parts: behind the program's buffers, from number `first` on, one of a length for each dtype. */
export function withPartialResults(
  context: CommandContext,
  dtypes: readonly DType[],
  length: number,
): { readonly extended: CommandContext; readonly first: number; readonly scratchBytes: number } {
  let scratchBytes = 0;
  const scratch = dtypes.map((dtype): BufferSpec => {
    const offset = scratchBytes;
    scratchBytes += alignedBytes(dtype, length);
    return { dtype, length, role: 'temporary', offset };
  });
  return { extended: withScratch(context, scratch), first: context.buffers.length, scratchBytes };
}

/** The reduction cut into parts, and what combines them. */
export function splitCommand(context: CommandContext, kernel: LoopKernel, reduction: Reduction): Command {
  const outputs = sizeOf(kernel.extents);
  const dimension = cutDimension(reduction);
  const extent = reduction.extents[dimension];
  const pauses = Math.floor(stepsOf(kernel, reduction) / mostStepsAtOnce);
  const least = context.device.pool.threads * sharesPerThread;
  const parts = Math.max(least, Math.min(pauses * partsAtOnce, Math.floor(extent / 2)));
  const length = Math.floor(extent / parts);
  const rest = extent - parts * length;
  const total = parts + (rest > 0 ? 1 : 0);
  const accumulators = partAccumulators(reduction);
  const dtypes = accumulators.map(({ dtype }) => computeDType(dtype));
  const { extended, first, scratchBytes } = withPartialResults(context, dtypes, total * outputs);
  const positionsPerPart = length * (sizeOf(reduction.extents) / extent);
  const results = { dtypes, first, total, positionsPerPart, inDoubles: true };
  const part = (count: number, size: number, start: number, at: number): LoopCommand =>
    partCommand(extended, kernel, reduction, { ...results, dimension, count, length: size, start, at });
  const commands = makeAll([
    () => part(parts, length, 0, 0),
    ...(rest > 0 ? [() => part(1, rest, parts * length, parts)] : []),
    () => combineCommand(extended, kernel, reduction, results),
  ]);
  return new Sequence(commands, scratchBytes);
}

function alignedBytes(dtype: DType, length: number): number {
  return Math.ceil((length * storageBytes[dtype]) / 64) * 64;
}

/** Where parts of a reduction have their results. */
export interface Parts {
  readonly dtypes: readonly DType[];
  /** The first of the scratch buffers. */
  readonly first: number;
  readonly total: number;
  readonly positionsPerPart: number;
  /** Whether sums of float32 are added up in float64: many parts, each rounded, would lose what shows. */
  readonly inDoubles?: boolean;
}

interface Part extends Parts {
  readonly dimension: number;
  /** Parts of this length follow each other from `start` on; the first has its results at `at`. */
  readonly count: number;
  readonly length: number;
  readonly start: number;
  readonly at: number;
}

/** The reduction of parts of the cut dimension, as a loop of its own. */
export function partCommand(
  context: CommandContext,
  kernel: LoopKernel,
  reduction: Reduction,
  { dtypes, first, dimension, count, length, start, at }: Part,
): LoopCommand {
  const cut = { kernelRank: kernel.extents.length, dimension, length, start };
  const extents = reduction.extents.map((other, d) => (d === dimension ? length : other));
  const body = reduction.body.map((instruction) => cutInstruction(instruction, cut));
  const shape = [count, ...kernel.extents];
  const offset = at * sizeOf(kernel.extents);
  const stores = dtypes.map((_, index) => ({
    access: { buffer: first + index, offset, strides: contiguousStrides(shape), guards: [] },
    value: index,
  }));
  const accumulators = partAccumulators(reduction);
  const epilogue = accumulators.map(({ dtype }, index): Instruction => ({ op: 'result', dtype, index }));
  const partKernel: LoopKernel = { ...kernel, extents: shape, producer: null, epilogue, stores };
  return new LoopCommand(context, partKernel, { kind: 'reduce', extents, body, accumulators });
}

/** The kernel over what the parts gave: its results go on to the epilogue as the whole reduction's would. */
export function combineCommand(
  context: CommandContext,
  kernel: LoopKernel,
  reduction: Reduction,
  { dtypes, first, total, positionsPerPart, inDoubles = false }: Parts,
): LoopCommand {
  const outputs = sizeOf(kernel.extents);
  const outer = contiguousStrides(kernel.extents);
  const body = new ExpressionBuilder();
  const accumulators: Accumulator[] = [];
  const epilogue = new ExpressionBuilder();
  /** The epilogue's value of each result. */
  const results: number[] = [];
  let buffer = first;
  for (const [index, { op, dtype }] of reduction.accumulators.entries()) {
    const isLocating = op === 'argmax' || op === 'argmin';
    const positions = buffer;
    if (isLocating) buffer++;
    const access: Access = { buffer, offset: 0, strides: [...outer, outputs], guards: [] };
    const value = body.add({ op: 'load', dtype: dtypes[buffer - first], access });
    buffer++;
    if (inDoubles && op === 'sum' && dtype === 'float32') {
      const double = body.add({ op: 'cast', dtype: 'float64', args: [value] });
      accumulators.push({ op, value: double, dtype: 'float64' });
      const sum = epilogue.add({ op: 'result', dtype: 'float64', index });
      results.push(epilogue.add({ op: 'cast', dtype, args: [sum] }));
      continue;
    }
    accumulators.push({ op, value, dtype });
    const result = epilogue.add({ op: 'result', dtype, index });
    results.push(isLocating ? locate(result, positions) : result);
  }
  const places = copyInto(epilogue, kernel.epilogue, (instruction) =>
    instruction.op === 'result' ? results[instruction.index] : undefined,
  );
  const stores = kernel.stores.map((store) => ({ ...store, value: places[store.value] }));
  const whole: LoopKernel = { ...kernel, producer: null, epilogue: epilogue.instructions, stores };
  const combined = { kind: 'reduce', extents: [total], body: body.instructions, accumulators } as const;
  return new LoopCommand(context, whole, combined);

  /** The position among all, from the number of the best part and the position in that. */
  function locate(part: number, positions: number): number {
    const at = epilogue.binary('mul', part, epilogue.constant(outputs, 'int32'));
    const access: Access = { buffer: positions, offset: 0, strides: outer, guards: [] };
    const size = (total - 1) * outputs + 1;
    const within = epilogue.add({ op: 'gather', dtype: 'int32', access, size, args: [at] });
    const before = epilogue.binary('mul', part, epilogue.constant(positionsPerPart, 'int32'));
    return epilogue.binary('add', before, within);
  }
}
