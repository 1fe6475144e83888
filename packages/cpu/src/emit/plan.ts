// A loop kernel made ready: its loops in order, its structure (what code it needs) and the numbers of its record.
import type { BufferSpec, DType, Instruction, LoopKernel, Reduction } from '@nn/core';
import type { Tier } from './context.ts';
import { chooseLanes, chooseTile, lanesLast } from './lane-choice.ts';
import { type Dimension, mergeNeighbours, sortByStride, totalExtent, withoutUnits } from './loops.ts';
import { fuseProducts, lower, lowerStores, ParamPool, summedProduct } from './lower.ts';
import { draftPair, type PairDraft, type Pairing, resolvePair } from './pair.ts';
import { type RegisterDType, storageBytes } from './registers.ts';
import { resolveSteps } from './resolve.ts';
import { type OpenStep, type Site, SiteTable, StepList } from './sites.ts';
import {
  type AccumulatorStructure,
  type CursorStructure,
  dependency,
  type LaneStride,
  type StoreStructure,
  type Structure,
} from './structure.ts';

export interface Plan {
  readonly structure: Structure;
  readonly sites: readonly Site[];
  readonly sizes: readonly number[];
  readonly slots: SiteTable['slots'];
  readonly constants: ParamPool['constants'];
  /** Outer loops; with lanes along 'outer', without the innermost. */
  readonly rows: readonly Dimension[];
  /** With lanes along 'outer', the innermost loop. */
  readonly inner: Dimension | null;
  readonly reduced: readonly Dimension[];
  /** How much of the innermost extent an item must cover, where its items are tiles. */
  readonly tileLength: number | null;
}

export interface PlanOptions {
  readonly tier: Tier;
  readonly buffers: readonly BufferSpec[];
  readonly programParams: number;
}

type LoweredAccumulator = Omit<AccumulatorStructure, 'isShort'>;

interface LoweredKernel {
  readonly body: readonly Instruction[] | null;
  readonly accumulators: readonly LoweredAccumulator[];
  readonly epilogue: readonly Instruction[];
  /** Values of the epilogue, one for each store. */
  readonly stored: readonly number[];
}

function lowerKernel(
  kernel: LoopKernel,
  reduction: Reduction | null,
  params: ParamPool,
  { tier, buffers }: PlanOptions,
  isPair: boolean,
): LoweredKernel {
  const fuse = (instructions: readonly Instruction[], roots: readonly number[]): readonly Instruction[] =>
    tier.relaxedSimd ? fuseProducts(instructions, roots) : instructions;
  let body: readonly Instruction[] | null = null;
  let accumulators: readonly LoweredAccumulator[] = [];
  if (reduction !== null) {
    const roots = reduction.accumulators.map(({ value }) => value);
    const lowered = lower(fuse(reduction.body, roots), params);
    const { instructions, values } = lowered;
    const accumulated = roots.map((root) => values[root]);
    accumulators = reduction.accumulators.map(({ op }, at) => {
      const value = accumulated[at];
      const factors =
        op === 'sum' && tier.relaxedSimd && !isPair ? summedProduct(instructions, accumulated, value) : null;
      const dtype = instructions[value].dtype as RegisterDType;
      return { op, value: factors?.[0] ?? value, factor: factors?.[1] ?? null, dtype };
    });
    body = instructions;
  }
  const stores = kernel.stores.map(({ value, access }) => ({ value, dtype: buffers[access.buffer].dtype }));
  const fused = fuse(
    kernel.epilogue,
    stores.map(({ value }) => value),
  );
  const epilogue = lowerStores(lower(fused, params), stores);
  return {
    body,
    accumulators,
    epilogue: epilogue.instructions,
    stored: epilogue.values,
  };
}

/** Where a kernel's instructions look, and its dimensions in the order given. */
export interface Draft {
  readonly lowered: LoweredKernel;
  readonly params: ParamPool;
  readonly options: PlanOptions;
  readonly table: SiteTable;
  readonly body: StepList | null;
  readonly bodyValues: readonly number[];
  readonly pair: PairDraft | null;
  readonly epilogue: StepList;
  readonly epilogueValues: readonly number[];
  readonly stores: readonly StoreStructure[];
  /** The kernel's dimensions, those of extent 1 among them. */
  readonly outer: readonly Dimension[];
  /** The reduced ones, in the order in which they are walked. */
  readonly reduced: readonly Dimension[];
  /** Cursors, from the one that has most say in the order of the loops. */
  readonly priority: readonly number[];
}

/** Finds out what a kernel with no producer or a reduction does, without a decision on its loops. */
export function draftLoop(
  kernel: LoopKernel,
  reduction: Reduction | null,
  options: PlanOptions,
  pairing: Pairing | null = null,
): Draft {
  const { buffers, tier } = options;
  const params = new ParamPool(options.programParams);
  const lowered = lowerKernel(kernel, reduction, params, options, pairing !== null);
  const extents = [...kernel.extents, ...(reduction?.extents ?? [])];
  const storage = (buffer: number): DType => buffers[buffer].dtype;
  const accesses = [
    ...kernel.stores.map(({ access }) => access),
    ...(pairing?.stores ?? []).map(({ access }) => access),
    ...(pairing?.later ?? []),
    ...[...(lowered.body ?? []), ...(pairing?.body ?? []), ...lowered.epilogue].flatMap((one) =>
      one.op === 'load' ? [one.access] : [],
    ),
  ];
  const table = new SiteTable(
    extents.length,
    accesses.map((access) => [access, storageBytes[storage(access.buffer)]]),
  );
  const epilogue = new StepList(table, storage);
  // Stores come first: their order decides that of the loops.
  const stores: StoreStructure[] = kernel.stores.map(({ access }) => ({
    storage: storage(access.buffer),
    ...epilogue.placeOf(access),
    value: 0,
    guards: epilogue.guardsOf(access.guards),
  }));
  const body = lowered.body === null ? null : new StepList(table, storage);
  const bodyValues = body === null || lowered.body === null ? [] : body.append(lowered.body);
  const epilogueValues = epilogue.append(lowered.epilogue);
  const pair = pairing === null ? null : draftPair(pairing, table, storage, params, tier);
  const dimensions = extents.map(
    (extent, at): Dimension => ({ extent, strides: table.sites.map((site) => site.strides[at]) }),
  );
  const priority = [...new Set([...stores.map(({ cursor }) => cursor), ...table.sites.keys()])];
  const reduced = withoutUnits(dimensions.slice(kernel.extents.length));
  const ordersMatter = lowered.accumulators.some(({ op }) => op === 'argmax' || op === 'argmin');
  return {
    lowered,
    params,
    options,
    table,
    body,
    bodyValues,
    pair,
    epilogue,
    epilogueValues,
    stores,
    outer: dimensions.slice(0, kernel.extents.length),
    reduced: mergeNeighbours(ordersMatter ? reduced : sortByStride(reduced, priority)),
    priority,
  };
}

/** The order of a kernel's loops, and along which of them vectors lie. */
export interface Arrangement {
  readonly lanesAlong: 'outer' | 'reduced';
  readonly rows: readonly Dimension[];
  /** With lanes along 'outer', the loop that they lie along. */
  readonly inner: Dimension | null;
  /** With lanes along 'outer': where among the rows the chunks of the innermost loop are counted. */
  readonly chunkRow: number;
  readonly tileLength: number | null;
}

/** All of a kernel's steps, as they are before it is known which loop each depends on. */
export function openSteps({ body, pair, epilogue }: Draft): OpenStep[] {
  return [...(body?.steps ?? []), ...(pair?.body.steps ?? []), ...epilogue.steps];
}

/** The cursors of a kernel's loads and stores. */
export function accessed(draft: Draft): number[] {
  const loads = openSteps(draft).flatMap((step) => (step.kind === 'load' ? [step.cursor] : []));
  return [...loads, ...draft.stores.map(({ cursor }) => cursor)];
}

function arrange(draft: Draft): Arrangement {
  const { table, body, priority } = draft;
  const { sites } = table;
  const outer = mergeNeighbours(sortByStride(withoutUnits(draft.outer), priority));
  const open = openSteps(draft);
  const arranged = lanesLast(sites, accessed(draft), outer);
  const lanesAlong = chooseLanes(draft, arranged);
  if (lanesAlong === 'reduced')
    return { lanesAlong, rows: outer, inner: null, chunkRow: 0, tileLength: null };
  const inner = arranged.at(-1) ?? unitDimension(sites);
  const rows = arranged.slice(0, -1);
  const tile = body === null ? chooseTile(sites, open, rows, inner) : null;
  return tile === null
    ? { lanesAlong, rows, inner, chunkRow: rows.length, tileLength: null }
    : { lanesAlong, rows: tile.rows, inner, chunkRow: tile.rows.length - 1, tileLength: tile.length };
}

/** Makes a kernel with no producer or a reduction ready. */
export function planLoop(kernel: LoopKernel, reduction: Reduction | null, options: PlanOptions): Plan {
  const draft = draftLoop(kernel, reduction, options);
  return finishPlan(draft, arrange(draft));
}

/** Whether two of a program's buffers lie in the same memory, if only in part. */
export function isOneMemory(buffers: readonly BufferSpec[], a: number, b: number): boolean {
  if (a === b) return true;
  const [one, other] = [buffers[a], buffers[b]];
  if (one.role !== 'temporary' || other.role !== 'temporary') return false;
  const end = ({ dtype, length, offset }: BufferSpec): number => offset + length * storageBytes[dtype];
  return one.offset < end(other) && other.offset < end(one);
}

/** Whether a kernel works in place: computing an element again would start from its result. */
function readsWhatItStores(draft: Draft): boolean {
  const { buffers } = draft.options;
  const { sites } = draft.table;
  return openSteps(draft).some(
    (step) =>
      (step.kind === 'load' || step.kind === 'gather') &&
      draft.stores.some(({ cursor }) =>
        isOneMemory(buffers, sites[step.cursor].buffer, sites[cursor].buffer),
      ),
  );
}

export function finishPlan(draft: Draft, arrangement: Arrangement): Plan {
  const { lowered, params, options, table, reduced } = draft;
  const { lanesAlong, rows, inner, chunkRow, tileLength } = arrangement;
  const { sites, sizes, slots } = table;
  const lane = inner ?? (reduced.at(-1) as Dimension);
  const cursors = sites.map((site, at) => cursorStructure(site, at, lane, rows, reduced, lanesAlong));
  const stored = lowered.stored.map((value) => draft.epilogueValues[value]);
  const roots = draft.stores.flatMap((store, at) => [stored[at], ...store.guards]);
  // Where each lane reduces on its own, results differ from lane to lane.
  const ofResults = dependency.row | (lanesAlong === 'outer' ? dependency.lane : 0);
  const epilogue = resolveSteps(draft.epilogue.steps, roots, cursors, ofResults);
  const accumulated = lowered.accumulators
    .flatMap(({ value, factor }) => (factor === null ? [value] : [value, factor]))
    .map((value) => draft.bodyValues[value]);
  const body = draft.body === null ? null : resolveSteps(draft.body.steps, accumulated, cursors, ofResults);
  const placed = (value: number): number => body?.place(draft.bodyValues[value]) ?? 0;
  const vectorized = options.tier.simd && lane.extent >= 4;
  const window = lanesAlong === 'outer' ? windowOf(reduced, body?.steps.length ?? 0) : [];
  const pair = draft.pair === null ? null : resolvePair(draft.pair, cursors);
  const length = (body?.steps.length ?? 0) + (pair?.body.length ?? 0);
  const bodySteps = body === null ? null : length * Math.max(1, product(window));
  const structure: Structure = {
    tier: options.tier,
    lanesAlong,
    vectorized,
    strips: vectorized
      ? chooseStrips(bodySteps, lowered.accumulators.length, epilogue.steps.length, lanesAlong)
      : [],
    overlaps: vectorized && lanesAlong === 'outer' && !readsWhatItStores(draft),
    rowRank: rows.length + (inner === null ? 0 : 1),
    chunkRow,
    reduceRank: reduced.length,
    window,
    cursors,
    sizes: sizes.length,
    slots: slots.length,
    body: body?.steps ?? null,
    accumulators: lowered.accumulators.map((accumulator) => ({
      ...accumulator,
      value: placed(accumulator.value),
      factor: accumulator.factor === null ? null : placed(accumulator.factor),
      isShort: window.length > 0,
    })),
    pair,
    epilogue: epilogue.steps,
    stores: draft.stores.map((store, at) => ({
      ...store,
      value: epilogue.place(stored[at]),
      guards: store.guards.map(epilogue.place),
    })),
  };
  return { structure, sites, sizes, slots, constants: params.constants, rows, inner, reduced, tileLength };
}

/** Steps of all elements of a window that are written out, at most. */
export const mostStepsWrittenOut = 64;
/** Elements of one, at most. */
const mostWindow = 9;

const product = (window: readonly number[]): number => window.reduce((all, extent) => all * extent, 1);

/** The reduced extents where they are written out, which saves counting: they become part of the structure. */
function windowOf(reduced: readonly Dimension[], steps: number): readonly number[] {
  const total = totalExtent(reduced);
  if (total > mostWindow || total * steps > mostStepsWrittenOut) return [];
  return reduced.map(({ extent }) => extent);
}

/** Steps up to which four vectors take turns, and then two: without a reduction, and with one. */
const mostSteps = { loop: { byFour: 130, byTwo: 260 }, reduction: { byFour: 60, byTwo: 130 } };

/** Sums of all vectors side by side that registers hold. */
const mostSums = 12;

/** Vectors of a strip, from the widest strips to the last; the widest hides latency. */
function chooseStrips(
  bodySteps: number | null,
  accumulators: number,
  epilogueSteps: number,
  lanesAlong: 'outer' | 'reduced',
): number[] {
  // With lanes along what is reduced, results are single numbers, and so is what follows from them.
  const steps = (bodySteps ?? 0) + (lanesAlong === 'reduced' ? 0 : epilogueSteps);
  // Long columns: more of a row at a time, since the next row is likely in another page.
  if (bodySteps !== null && lanesAlong === 'outer' && steps <= 6) return [16, 4, 1];
  const { byFour, byTwo } = mostSteps[bodySteps === null ? 'loop' : 'reduction'];
  if (steps <= byFour && accumulators <= mostSums / 4) return [4, 1];
  return steps <= byTwo && accumulators <= mostSums / 2 ? [2, 1] : [1];
}

/** Whether a reduction could do more vectors side by side if nothing but stores followed it. */
export function isNarrowedByEpilogue({ structure }: Plan): boolean {
  const { body, lanesAlong, strips, accumulators } = structure;
  if (body === null || lanesAlong !== 'outer' || strips.length === 0) return false;
  return chooseStrips(body.length, accumulators.length, accumulators.length, lanesAlong)[0] > strips[0];
}

export function unitDimension(sites: readonly Site[]): Dimension {
  return { extent: 1, strides: sites.map(() => 0) };
}

function cursorStructure(
  site: Site,
  at: number,
  lane: Dimension,
  rows: readonly Dimension[],
  reduced: readonly Dimension[],
  lanesAlong: 'outer' | 'reduced',
): CursorStructure {
  const moves = (dimensions: readonly Dimension[]): boolean =>
    dimensions.some((dimension) => dimension !== lane && dimension.strides[at] !== 0);
  const movesWithLane = lane.strides[at] !== 0;
  return {
    elementBytes: site.elementBytes,
    movesWithRows: moves(rows) || (lanesAlong === 'outer' && movesWithLane),
    movesWithReduced: moves(reduced),
    lane: laneStride(lane.strides[at], site.elementBytes),
  };
}

function laneStride(stride: number, elementBytes: number): LaneStride {
  if (stride === 0) return 'zero';
  if (elementBytes > 0 && stride === elementBytes) return 'unit';
  if (elementBytes > 0 && stride === -elementBytes) return 'reversed';
  if (elementBytes === 0 && stride === 1) return 'counting';
  if (elementBytes === 4 && stride === 2 * elementBytes) return 'double';
  if (elementBytes === 4 && stride === 3 * elementBytes) return 'triple';
  return 'other';
}

/** Scalar iterations of a kernel's innermost body. */
export function workOf(plan: Plan): number {
  return totalExtent(plan.rows) * (plan.inner?.extent ?? 1) * totalExtent(plan.reduced);
}
