// Exponentials of what a row's maximum was subtracted from: their arguments are at most 0, so that shorter code does.
import {
  type Access,
  ExpressionBuilder,
  expandMath,
  type Instruction,
  type LoopKernel,
  type RowsKernel,
  type Value,
} from '@nn/core';
import type { Tier } from '../emit/context.ts';
import { accessesOf, copyInto } from '../emit/instructions.ts';

/** exp(x) of a float32 that is at most 0. */
export function exponentialAtMostZero(b: ExpressionBuilder, x: Value, { relaxedSimd }: Tier): Value {
  return expandMath(b, 'exp', [x], { atMostZero: true, fused: relaxedSimd });
}

/** A maximum that a step has stored, one for each row. */
interface RowMaximum {
  readonly access: Access;
  /** What it is the maximum of, and over which extents. */
  readonly value: Value;
  readonly extents: string;
  /** Buffers that decide whether it still is. */
  readonly buffers: ReadonlySet<number>;
}

export const listOf = ({ producer, epilogue }: LoopKernel): readonly Instruction[] =>
  producer?.kind === 'reduce' ? producer.body : epilogue;

/** All extents that a step's list is computed over. */
const extentsOf = ({ producer, extents }: LoopKernel): string =>
  [...extents, ...(producer?.kind === 'reduce' ? producer.extents : [])].join();

/** Whether a load reads at each coordinate what a store wrote for the coordinate's row. */
export function readsRowOf(load: Access, store: Access): boolean {
  return (
    load.buffer === store.buffer &&
    load.offset === store.offset &&
    load.guards.length === 0 &&
    load.strides.every((stride, d) => stride === (store.strides[d] ?? 0))
  );
}

/** The maxima that a step stores. */
function maximaOf(step: LoopKernel, expressions: readonly Value[]): RowMaximum[] {
  const { producer, epilogue, stores } = step;
  if (producer?.kind !== 'reduce') return [];
  const read = accessesOf(producer.body).map(({ buffer }) => buffer);
  return stores.flatMap(({ access, value }) => {
    const stored = epilogue[value];
    if (stored.op !== 'result' || access.guards.length > 0) return [];
    const accumulator = producer.accumulators[stored.index];
    if (accumulator.op !== 'max') return [];
    const buffers = new Set([...read, access.buffer]);
    return [{ access, value: expressions[accumulator.value], extents: extentsOf(step), buffers }];
  });
}

/** Instructions of a list that are exponentials of differences from one of the maxima. */
function shiftedExponentials(
  step: LoopKernel,
  expressions: readonly Value[],
  maxima: readonly RowMaximum[],
): Set<Value> {
  const list = listOf(step);
  const extents = extentsOf(step);
  const found = new Set<Value>();
  for (const [at, instruction] of list.entries()) {
    if (instruction.op !== 'exp') continue;
    const difference = list[instruction.args[0]];
    if (difference.op !== 'sub') continue;
    const [value, shift] = difference.args;
    const load = list[shift];
    if (load.op !== 'load') continue;
    const isShifted = maxima.some(
      (maximum) =>
        maximum.value === expressions[value] &&
        maximum.extents === extents &&
        readsRowOf(load.access, maximum.access),
    );
    if (isShifted) found.add(at);
  }
  return found;
}

/** The step with these exponentials written out. */
function withShortExponentials(step: LoopKernel, exponentials: ReadonlySet<Value>, tier: Tier): LoopKernel {
  const b = new ExpressionBuilder();
  const places = copyInto(b, listOf(step), ({ dtype }, args, at) =>
    exponentials.has(at)
      ? b.cast(exponentialAtMostZero(b, b.cast(args[0], 'float32'), tier), dtype)
      : undefined,
  );
  const { producer } = step;
  if (producer?.kind === 'reduce') {
    const accumulators = producer.accumulators.map((one) => ({ ...one, value: places[one.value] }));
    return { ...step, producer: { ...producer, body: b.instructions, accumulators } };
  }
  const stores = step.stores.map((store) => ({ ...store, value: places[store.value] }));
  return { ...step, epilogue: b.instructions, stores };
}

/** The kernel with shorter exponentials where arguments are known to be at most 0. */
export function shortenExponentials(kernel: RowsKernel, tier: Tier): RowsKernel {
  const known = new ExpressionBuilder();
  let maxima: RowMaximum[] = [];
  let isSame = true;
  const steps = kernel.steps.map((step) => {
    const expressions = copyInto(known, listOf(step));
    const exponentials = shiftedExponentials(step, expressions, maxima);
    for (const at of exponentials) if (listOf(step)[at].dtype === 'float64') exponentials.delete(at);
    const written = new Set(step.stores.map(({ access }) => access.buffer));
    maxima = maxima.filter(({ buffers }) => ![...buffers].some((buffer) => written.has(buffer)));
    maxima.push(...maximaOf(step, expressions));
    if (exponentials.size === 0) return step;
    isSame = false;
    return withShortExponentials(step, exponentials, tier);
  });
  return isSame ? kernel : { ...kernel, steps };
}
