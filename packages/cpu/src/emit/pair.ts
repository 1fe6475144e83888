// A reduction and a second one that needs its result, made ready to go through the same row together.
import type { Access, DType, Instruction, Store, Value } from '@nn/core';
import type { Tier } from './context.ts';
import { fuseProducts, lower, type ParamPool, summedProduct } from './lower.ts';
import { resolveSteps } from './resolve.ts';
import { type SiteTable, StepList } from './sites.ts';
import { type CursorStructure, dependency, type PairStructure, type StoreStructure } from './structure.ts';

/** The second reduction, a float32 sum over the extents of the first one. */
export interface Pairing {
  readonly kind: PairStructure['kind'];
  readonly blockLength: number;
  /** Sees, as result 0, what is subtracted: the maximum up to the end of a block, or the block's mean. */
  readonly body: readonly Instruction[];
  readonly value: Value;
  /** Of exponentials: what result 0 is subtracted from. */
  readonly shifted: Value | null;
  /** Of values of the body, at every coordinate. */
  readonly stores: readonly Store[];
  /**
   * Of exponentials: exp((result 0 - result 1) / 2). Of squares: from the first reduction's result, what distances are taken
   * from.
   */
  readonly scalar: { readonly instructions: readonly Instruction[]; readonly value: Value };
  /** Where each row has room for what is subtracted in each block. */
  readonly shifts: Access | null;
  /** What later loops write along the row: it is brought into the cache while there is something to compute. */
  readonly later: readonly Access[];
}

export interface PairDraft {
  readonly kind: PairStructure['kind'];
  readonly blockLength: number;
  readonly body: StepList;
  readonly value: Value;
  /** Where products are summed that nothing stores: what `value` is multiplied by. */
  readonly factor: Value | null;
  readonly shifted: Value | null;
  readonly stores: readonly StoreStructure[];
  readonly scalar: StepList;
  readonly scalarValue: Value;
  readonly shifts: number | null;
  readonly later: readonly number[];
}

export function draftPair(
  { kind, blockLength, body, value, shifted, stores, scalar, shifts, later }: Pairing,
  table: SiteTable,
  storage: (buffer: number) => DType,
  params: ParamPool,
  tier: Tier,
): PairDraft {
  const listOf = (
    instructions: readonly Instruction[],
    roots: readonly Value[],
  ): {
    readonly list: StepList;
    readonly values: readonly Value[];
    readonly factors: readonly Value[] | undefined;
  } => {
    const lowered = lower(tier.relaxedSimd ? fuseProducts(instructions, roots) : instructions, params);
    const list = new StepList(table, storage);
    const places = list.append(lowered.instructions);
    const values = roots.map((root) => lowered.values[root]);
    const factors = tier.relaxedSimd ? summedProduct(lowered.instructions, values, values[0]) : null;
    const placed = (all: readonly Value[]): Value[] => all.map((each) => places[each]);
    return { list, values: placed(values), factors: factors === null ? undefined : placed(factors) };
  };
  const own = [value, ...stores.map((store) => store.value)];
  const second = listOf(body, shifted === null ? own : [...own, shifted]);
  const [first, factor = null] = second.factors ?? second.values.slice(0, 1);
  const alone = listOf(scalar.instructions, [scalar.value]);
  return {
    kind,
    blockLength,
    body: second.list,
    value: first,
    factor,
    shifted: shifted === null ? null : second.values[own.length],
    stores: stores.map(({ access }, at) => ({
      storage: storage(access.buffer),
      ...second.list.placeOf(access),
      value: second.values[at + 1],
      guards: [],
    })),
    scalar: alone.list,
    scalarValue: alone.values[0],
    shifts: shifts === null ? null : second.list.placeOf(shifts).cursor,
    later: later.map((access) => second.list.placeOf(access).cursor),
  };
}

export function resolvePair(draft: PairDraft, cursors: readonly CursorStructure[]): PairStructure {
  const { kind, factor, shifted, stores, shifts, later } = draft;
  const needed = [draft.value, factor, shifted].filter((value) => value !== null);
  const roots = [...needed, ...stores.map(({ value }) => value)];
  const body = resolveSteps(draft.body.steps, roots, cursors, dependency.row | dependency.reduced);
  const scalar = resolveSteps(draft.scalar.steps, [draft.scalarValue], cursors, dependency.row);
  return {
    kind,
    body: body.steps,
    accumulator: {
      op: 'sum',
      dtype: 'float32',
      value: body.place(draft.value),
      factor: factor === null ? null : body.place(factor),
      isShort: false,
    },
    shifted: shifted === null ? null : body.place(shifted),
    stores: stores.map((store) => ({ ...store, value: body.place(store.value) })),
    scalar: { steps: scalar.steps, value: scalar.place(draft.scalarValue) },
    shifts,
    later,
  };
}
