// Computes dear expressions of a row once: what a sum accumulates and a later step stores a function of (softmax's
// exponentials) is written where that result will be, and read back from the cache.
import { type Access, ExpressionBuilder, type Instruction, type LoopKernel, type Value } from '@nn/core';
import { buffersRead, buffersWritten } from './buffers.ts';
import { innerExtents } from './rewrite.ts';
import { instructionWeight } from './weight.ts';

/** Storing an element and loading it twice costs about this much. */
const storeWeight = 6;

/** @param steps of one kernel over common rows */
export function reuseValues(steps: readonly LoopKernel[]): LoopKernel[] {
  let result = [...steps];
  for (const step of steps) {
    const at = result.indexOf(step);
    result = reuseIn(result, at) ?? result;
  }
  return result;
}

/** The steps with one more, which computes what this step shares with reductions before it; null where it does not. */
function reuseIn(steps: readonly LoopKernel[], at: number): LoopKernel[] | null {
  const { epilogue, stores, producer, extents } = steps[at];
  if (producer !== null) return null;
  const isSame = (step: LoopKernel): boolean =>
    step.producer?.kind === 'reduce' && `${[...step.extents, ...innerExtents(step)]}` === `${extents}`;
  const reductions = steps.slice(0, at).filter(isSame);
  if (reductions.length === 0) return null;
  const known = new ExpressionBuilder();
  const own = treesOf(epilogue, known);
  const others = new Map(reductions.map((step) => [step, treesOf(bodyOf(step), known)]));
  // From the last: an expression comes after its parts.
  for (let value = epilogue.length - 1; value >= 0; value--) {
    const { id, weight } = own[value];
    const placeIn = (step: LoopKernel): Value => others.get(step)?.findIndex((tree) => tree.id === id) ?? -1;
    const users = reductions.filter((step) => placeIn(step) >= 0);
    if (weight <= storeWeight || users.length === 0) continue;
    const place = stores.find(
      ({ access, value: stored }) =>
        access.guards.length === 0 &&
        epilogue[stored].dtype === epilogue[value].dtype &&
        steps.slice(0, at + 1).every((step, i) => isUntouched(step, access.buffer, i === at)),
    );
    if (place === undefined) return null;
    const { access } = place;
    const first = steps.indexOf(users[0]);
    const rewritten = steps.map((step, i) => {
      if (i === at) return withLoad(step, value, access);
      const shared = placeIn(step);
      return shared < 0 ? step : withLoad(step, shared, access);
    });
    const { instructions, values } = rebuild(epilogue, [value], new Map());
    const computed: LoopKernel = {
      ...steps[at],
      name: `part of ${steps[at].name}`,
      ops: [],
      epilogue: instructions,
      stores: [{ access, value: values[0] }],
    };
    return [...rewritten.slice(0, first), computed, ...rewritten.slice(first)];
  }
  return null;
}

function bodyOf({ producer }: LoopKernel): readonly Instruction[] {
  return producer?.kind === 'reduce' ? producer.body : [];
}

function isUntouched(step: LoopKernel, buffer: number, isLast: boolean): boolean {
  return !buffersRead(step).includes(buffer) && (isLast || !buffersWritten(step).includes(buffer));
}

interface Tree {
  /** Equal for equal expressions. */
  readonly id: Value;
  readonly weight: number;
}

/** The whole expression of each instruction, and what it costs. `known` tells expressions apart. */
function treesOf(list: readonly Instruction[], known: ExpressionBuilder): Tree[] {
  const parts: Set<Value>[] = [];
  const trees: Tree[] = [];
  list.forEach((instruction, i) => {
    const args = argumentsOf(instruction);
    const closure = new Set([i, ...args.flatMap((arg) => [...parts[arg]])]);
    parts.push(closure);
    let weight = 0;
    for (const part of closure) weight += instructionWeight(list[part]);
    const ids = args.map((arg) => trees[arg].id);
    trees.push({ id: known.add(withArguments(instruction, ids)), weight });
  });
  return trees;
}

function argumentsOf(instruction: Instruction): readonly Value[] {
  return 'args' in instruction ? instruction.args : [];
}

function withArguments(instruction: Instruction, args: readonly Value[]): Instruction {
  return 'args' in instruction ? ({ ...instruction, args } as Instruction) : instruction;
}

/** The step with one of its values loaded from a buffer. */
function withLoad(step: LoopKernel, value: Value, access: Access): LoopKernel {
  const { producer, epilogue, stores } = step;
  const list = producer?.kind === 'reduce' ? producer.body : epilogue;
  const load: Instruction = { op: 'load', dtype: list[value].dtype, access };
  const replaced = new Map([[value, load]]);
  if (producer?.kind !== 'reduce') {
    const { instructions, values } = rebuild(
      epilogue,
      stores.map((store) => store.value),
      replaced,
    );
    return {
      ...step,
      epilogue: instructions,
      stores: stores.map((store, i) => ({ ...store, value: values[i] })),
    };
  }
  const { instructions, values } = rebuild(
    producer.body,
    producer.accumulators.map((accumulator) => accumulator.value),
    replaced,
  );
  const accumulators = producer.accumulators.map((accumulator, i) => ({ ...accumulator, value: values[i] }));
  return { ...step, producer: { ...producer, body: instructions, accumulators } };
}

/** A list of what these values need, with some instructions replaced. */
function rebuild(
  list: readonly Instruction[],
  roots: readonly Value[],
  replaced: ReadonlyMap<Value, Instruction>,
): { readonly instructions: readonly Instruction[]; readonly values: readonly Value[] } {
  const needed = new Set<Value>(roots);
  for (let i = list.length - 1; i >= 0; i--) {
    if (needed.has(i) && !replaced.has(i)) for (const arg of argumentsOf(list[i])) needed.add(arg);
  }
  const builder = new ExpressionBuilder();
  const places = new Map<Value, Value>();
  list.forEach((former, i) => {
    if (!needed.has(i)) return;
    const instruction = replaced.get(i) ?? former;
    const args = argumentsOf(instruction).map((arg) => places.get(arg) as Value);
    places.set(i, builder.add(withArguments(instruction, args)));
  });
  return { instructions: builder.instructions, values: roots.map((root) => places.get(root) as Value) };
}
