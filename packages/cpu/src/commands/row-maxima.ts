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

export const argumentsOf = (instruction: Instruction): readonly Value[] =>
  'args' in instruction ? instruction.args : [];

export const withArguments = (instruction: Instruction, args: readonly Value[]): Instruction =>
  'args' in instruction ? ({ ...instruction, args } as Instruction) : instruction;

/** Equal numbers for equal expressions, also of different lists. */
export function expressionsOf(list: readonly Instruction[], known: ExpressionBuilder): Value[] {
  const ids: Value[] = [];
  for (const instruction of list)
    ids.push(
      known.add(
        withArguments(
          instruction,
          argumentsOf(instruction).map((arg) => ids[arg]),
        ),
      ),
    );
  return ids;
}

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
  const read = producer.body.flatMap((each) => ('access' in each ? [each.access.buffer] : []));
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
function withShortExponentials(step: LoopKernel, exponentials: ReadonlySet<Value>): LoopKernel {
  const b = new ExpressionBuilder();
  const places: Value[] = [];
  for (const [at, instruction] of listOf(step).entries()) {
    const args = argumentsOf(instruction).map((arg) => places[arg]);
    const { dtype } = instruction;
    places.push(
      exponentials.has(at)
        ? b.cast(expandMath(b, 'exp', [b.cast(args[0], 'float32')], { atMostZero: true }), dtype)
        : b.add(withArguments(instruction, args)),
    );
  }
  const { producer } = step;
  if (producer?.kind === 'reduce') {
    const accumulators = producer.accumulators.map((one) => ({ ...one, value: places[one.value] }));
    return { ...step, producer: { ...producer, body: b.instructions, accumulators } };
  }
  const stores = step.stores.map((store) => ({ ...store, value: places[store.value] }));
  return { ...step, epilogue: b.instructions, stores };
}

/** The kernel with shorter exponentials where arguments are known to be at most 0. */
export function shortenExponentials(kernel: RowsKernel): RowsKernel {
  const known = new ExpressionBuilder();
  let maxima: RowMaximum[] = [];
  let isSame = true;
  const steps = kernel.steps.map((step) => {
    const expressions = expressionsOf(listOf(step), known);
    const exponentials = shiftedExponentials(step, expressions, maxima);
    for (const at of exponentials) if (listOf(step)[at].dtype === 'float64') exponentials.delete(at);
    const written = new Set(step.stores.map(({ access }) => access.buffer));
    maxima = maxima.filter(({ buffers }) => ![...buffers].some((buffer) => written.has(buffer)));
    maxima.push(...maximaOf(step, expressions));
    if (exponentials.size === 0) return step;
    isSame = false;
    return withShortExponentials(step, exponentials);
  });
  return isSame ? kernel : { ...kernel, steps };
}
