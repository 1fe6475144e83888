// Makes one kernel of two that walk the same loops: the second's loads of what the first stores become values.
import {
  type Access,
  type Accumulator,
  ExpressionBuilder,
  type Instruction,
  type LoopKernel,
  type Reduction,
  type Store,
  sizeOf,
  type Value,
} from '@nn/core';
import { affineKey, boundKey } from './affine.ts';
import { commonExtents, matchRows, rowsFirst, splitLoops, splitRows } from './align.ts';
import { buffersRead, buffersWritten, loadedBuffers } from './buffers.ts';
import { innerExtents } from './rewrite.ts';
import { simplifyLoops } from './simplify.ts';

/** More instructions than this spill registers. */
const maximumInstructions = 320;

/** The kernel that does what both do, where they may meet, or null when they cannot be one or would gain nothing by it. */
export function joinKernels(
  first: LoopKernel,
  second: LoopKernel,
  buffersPerKernel: number,
): LoopKernel | null {
  if (!fits(first, second, buffersPerKernel)) return null;
  let aligned: Pair | null = align(first, second);
  if (!isInPlace(aligned)) aligned = alignPermuted(first, second);
  if (!isInPlace(aligned)) return null;
  const [a, b] = aligned;
  const stored = storesOf(a);
  const dependent = b.epilogue.some((each) => each.op === 'load' && stored.has(each.access.buffer));
  if (!dependent && !sharesLoad(a, b)) return null;

  const producer = joinProducers(a, b);
  const epilogue = new ExpressionBuilder();
  const valuesOfA = append(epilogue, a.epilogue, (instruction) => instruction);
  const valuesOfB = append(epilogue, b.epilogue, (instruction) => {
    if (instruction.op === 'result') return { ...instruction, index: producer.results[instruction.index] };
    const store = instruction.op === 'load' ? stored.get(instruction.access.buffer) : undefined;
    return store === undefined ? instruction : valuesOfA[store.value];
  });
  const stores = [
    ...a.stores.map((store) => ({ ...store, value: valuesOfA[store.value] })),
    ...b.stores.map((store) => ({ ...store, value: valuesOfB[store.value] })),
  ];
  return simplifyLoops({
    kind: 'loop',
    name: joinNames(a.name, b.name),
    ops: [...(a.ops ?? []), ...(b.ops ?? [])],
    extents: a.extents,
    producer: producer.producer,
    epilogue: epilogue.instructions,
    stores,
  });
}

/** Whether two kernels may become one: what can be told without bringing both to the same loops, which takes longer. */
export function mayMeet(a: LoopKernel, b: LoopKernel): boolean {
  if (sizeOf(a.extents) !== sizeOf(b.extents)) return false;
  const isStored = (buffer: number): boolean => a.stores.some(({ access }) => access.buffer === buffer);
  const { producer } = b;
  if (producer?.kind === 'dot' && (isStored(producer.left.buffer) || isStored(producer.right.buffer)))
    return false;
  if (producer?.kind === 'reduce' && loadedBuffers(producer.body).some(isStored)) return false;
  if (loadedBuffers(b.epilogue).some(isStored)) return true;
  const shared = sharedLists(a, b);
  if (shared === null) return false;
  const loaded = loadedBuffers(shared[0]);
  return loadedBuffers(shared[1]).some((buffer) => loaded.includes(buffer));
}

type Pair = readonly [LoopKernel, LoopKernel];

function isInPlace(pair: Pair | null): pair is Pair {
  return pair !== null && readsInPlace(pair[1], storesOf(pair[0]));
}

function storesOf({ stores }: LoopKernel): Map<number, Store> {
  return new Map(stores.map((store) => [store.access.buffer, store]));
}

/** Names stay readable; `ops` has all of them. */
export function joinNames(a: string, b: string): string {
  const joined = `${a}+${b}`;
  return joined.length <= 64 ? joined : `${joined.slice(0, 63)}…`;
}

function fits(a: LoopKernel, b: LoopKernel, buffersPerKernel: number): boolean {
  const buffers = new Set([a, b].flatMap((kernel) => [...buffersRead(kernel), ...buffersWritten(kernel)]));
  return buffers.size <= buffersPerKernel && lengthOf(a) + lengthOf(b) <= maximumInstructions;
}

function lengthOf({ producer, epilogue }: LoopKernel): number {
  return epilogue.length + (producer?.kind === 'reduce' ? producer.body.length : 0);
}

/** Both over the same loops, or null. At most one may have a producer, unless both reduce over the same. */
function align(a: LoopKernel, b: LoopKernel): [LoopKernel, LoopKernel] | null {
  const outer = commonExtents(a.extents, b.extents);
  if (outer === null) return null;
  if (a.producer === null || b.producer === null)
    return [splitLoops(a, outer, innerExtents(a)), splitLoops(b, outer, innerExtents(b))];
  if (a.producer.kind !== 'reduce' || b.producer.kind !== 'reduce') return null;
  const inner = commonExtents(a.producer.extents, b.producer.extents);
  return inner === null ? null : [splitLoops(a, outer, inner), splitLoops(b, outer, inner)];
}

/** Both over the loops of the one that has a producer, coordinates matched by how they go through what both touch. */
function alignPermuted(a: LoopKernel, b: LoopKernel): [LoopKernel, LoopKernel] | null {
  if (a.producer !== null && b.producer !== null) return null;
  const [first, second] = splitRows({ rows: a.extents, steps: [a] }, { rows: b.extents, steps: [b] });
  const pairs = matchRows(first, second);
  if (pairs.length < first.rows.length || pairs.length < second.rows.length) return null;
  const [[former], [latter]] = [first.steps, second.steps];
  if (b.producer === null)
    return [
      former,
      rowsFirst(
        latter,
        pairs.map(([, row]) => row),
      ),
    ];
  const order = second.rows.map(
    (_, row) => (pairs.find(([, other]) => other === row) as [number, number])[0],
  );
  return [rowsFirst(former, order), latter];
}

/** Whether the kernel reads what another stores only where that is stored: in its epilogue, at the same elements. */
function readsInPlace({ producer, epilogue }: LoopKernel, stored: ReadonlyMap<number, Store>): boolean {
  if (producer?.kind === 'dot' && (stored.has(producer.left.buffer) || stored.has(producer.right.buffer)))
    return false;
  const body = producer?.kind === 'reduce' ? producer.body : [];
  for (const instruction of body) {
    const loads = instruction.op === 'load' || instruction.op === 'gather';
    if (loads && stored.has(instruction.access.buffer)) return false;
  }
  for (const instruction of epilogue) {
    if (instruction.op !== 'load' && instruction.op !== 'gather') continue;
    const store = stored.get(instruction.access.buffer);
    if (store === undefined) continue;
    if (instruction.op === 'gather' || instruction.access.guards.length > 0) return false;
    if (affineKey(instruction.access) !== affineKey(store.access)) return false;
  }
  return true;
}

/** Where loads that both have are worth sharing; null where none are. */
function sharedLists(
  a: LoopKernel,
  b: LoopKernel,
): readonly [readonly Instruction[], readonly Instruction[]] | null {
  if (a.producer?.kind === 'dot' || b.producer?.kind === 'dot') return null;
  if (a.producer === null && b.producer === null) return [a.epilogue, b.epilogue];
  return a.producer === null || b.producer === null ? null : [a.producer.body, b.producer.body];
}

/** Whether both load the same elements, so many that loading them once is worth it. */
function sharesLoad(a: LoopKernel, b: LoopKernel): boolean {
  const lists = sharedLists(a, b);
  if (lists === null) return false;
  const extents = [...a.extents, ...innerExtents(a)];
  const full = (access: Access): boolean =>
    access.strides.every((stride, i) => stride !== 0 || extents[i] === 1);
  const known = new Set<string>();
  for (const instruction of lists[0])
    if (instruction.op === 'load' && full(instruction.access)) known.add(accessKey(instruction.access));
  return lists[1].some(
    (instruction) => instruction.op === 'load' && known.has(accessKey(instruction.access)),
  );
}

/** Equal for loads of the same elements. */
function accessKey(access: Access): string {
  return `${access.buffer}:${affineKey(access)};${access.guards.map(boundKey).join(';')}`;
}

type Rename = (instruction: Instruction) => Instruction | Value;

/** Adds instructions to a list; returns where each one's value is now. A rename to a number takes that value. */
function append(builder: ExpressionBuilder, instructions: readonly Instruction[], rename: Rename): Value[] {
  const values: Value[] = [];
  for (const instruction of instructions) {
    const renamed = rename(instruction);
    if (typeof renamed === 'number') values.push(renamed);
    else values.push(builder.add(withArguments(renamed, values)));
  }
  return values;
}

function withArguments(instruction: Instruction, values: readonly Value[]): Instruction {
  if (!('args' in instruction) || instruction.args.every((value) => values[value] === value))
    return instruction;
  if (instruction.op === 'gather') return { ...instruction, args: [values[instruction.args[0]]] };
  return { ...instruction, args: instruction.args.map((value) => values[value]) };
}

interface JoinedProducer {
  readonly producer: LoopKernel['producer'];
  /** Where the second kernel's results are now. */
  readonly results: readonly number[];
}

function joinProducers(a: LoopKernel, b: LoopKernel): JoinedProducer {
  if (a.producer?.kind === 'reduce' && b.producer?.kind === 'reduce')
    return joinReductions(a.producer, b.producer);
  const count = b.producer?.kind === 'reduce' ? b.producer.accumulators.length : 1;
  return { producer: a.producer ?? b.producer, results: Array.from({ length: count }, (_, i) => i) };
}

function joinReductions(a: Reduction, b: Reduction): JoinedProducer {
  const builder = new ExpressionBuilder();
  const valuesOfA = append(builder, a.body, (instruction) => instruction);
  const valuesOfB = append(builder, b.body, (instruction) => instruction);
  const accumulators: Accumulator[] = a.accumulators.map((one) => ({ ...one, value: valuesOfA[one.value] }));
  const results = b.accumulators.map(({ op, value, dtype }) => {
    const moved = valuesOfB[value];
    const known = accumulators.findIndex((other) => other.op === op && other.value === moved);
    return known >= 0 ? known : accumulators.push({ op, value: moved, dtype }) - 1;
  });
  return { producer: { ...a, body: builder.instructions, accumulators }, results };
}
