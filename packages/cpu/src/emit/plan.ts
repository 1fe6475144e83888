// A loop kernel made ready: its loops in order, its structure (what code it needs) and the numbers of its record.
import type { BufferSpec, DType, Instruction, LoopKernel, Reduction } from '@nn/core';
import type { Tier } from './context.ts';
import { chooseLanes, chooseTile } from './lane-choice.ts';
import { type Dimension, mergeNeighbours, sortByStride, totalExtent, withoutUnits } from './loops.ts';
import { fuseProducts, lower, lowerStores, ParamPool } from './lower.ts';
import type { RegisterDType } from './registers.ts';
import { type ResolvedSteps, resolveSteps } from './resolve.ts';
import { type Site, SiteTable, StepList } from './sites.ts';
import type {
  AccumulatorStructure,
  CursorStructure,
  LaneStride,
  StoreStructure,
  Structure,
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

interface LoweredKernel {
  readonly body: readonly Instruction[] | null;
  readonly accumulators: readonly AccumulatorStructure[];
  readonly epilogue: readonly Instruction[];
  /** Values of the epilogue, one for each store. */
  readonly stored: readonly number[];
}

function lowerKernel(
  kernel: LoopKernel,
  reduction: Reduction | null,
  params: ParamPool,
  { tier, buffers }: PlanOptions,
): LoweredKernel {
  const fuse = (instructions: readonly Instruction[], roots: readonly number[]): readonly Instruction[] =>
    tier.relaxedSimd ? fuseProducts(instructions, roots) : instructions;
  let body: readonly Instruction[] | null = null;
  let accumulators: readonly AccumulatorStructure[] = [];
  if (reduction !== null) {
    const roots = reduction.accumulators.map(({ value }) => value);
    const lowered = lower(fuse(reduction.body, roots), params);
    accumulators = reduction.accumulators.map(({ op, value }) => ({
      op,
      value: lowered.values[value],
      dtype: lowered.instructions[lowered.values[value]].dtype as RegisterDType,
    }));
    body = lowered.instructions;
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

/** Where a kernel's instructions look, and the loops around them in the order given. */
interface Draft {
  readonly table: SiteTable;
  readonly body: StepList | null;
  readonly bodyValues: readonly number[];
  readonly epilogue: StepList;
  readonly epilogueValues: readonly number[];
  readonly stores: readonly StoreStructure[];
  readonly outer: readonly Dimension[];
  readonly reduced: readonly Dimension[];
}

function draftLoops(
  kernel: LoopKernel,
  reduction: Reduction | null,
  lowered: LoweredKernel,
  buffers: readonly BufferSpec[],
): Draft {
  const extents = [...kernel.extents, ...(reduction?.extents ?? [])];
  const table = new SiteTable(extents.length);
  const storage = (buffer: number): DType => buffers[buffer].dtype;
  const epilogue = new StepList(table, storage);
  // Stores come first: their order decides that of the loops.
  const stores: StoreStructure[] = kernel.stores.map(({ access }) => ({
    storage: storage(access.buffer),
    cursor: epilogue.cursorOf(access),
    value: 0,
    guards: epilogue.guardsOf(access.guards),
  }));
  const body = lowered.body === null ? null : new StepList(table, storage);
  const bodyValues = body === null || lowered.body === null ? [] : body.append(lowered.body);
  const epilogueValues = epilogue.append(lowered.epilogue);
  const dimensions = extents.map(
    (extent, at): Dimension => ({ extent, strides: table.sites.map((site) => site.strides[at]) }),
  );
  const priority = [...new Set([...stores.map(({ cursor }) => cursor), ...table.sites.keys()])];
  const outer = withoutUnits(dimensions.slice(0, kernel.extents.length));
  const reduced = withoutUnits(dimensions.slice(kernel.extents.length));
  const ordersMatter = lowered.accumulators.some(({ op }) => op === 'argmax' || op === 'argmin');
  return {
    table,
    body,
    bodyValues,
    epilogue,
    epilogueValues,
    stores,
    outer: mergeNeighbours(sortByStride(outer, priority)),
    reduced: mergeNeighbours(ordersMatter ? reduced : sortByStride(reduced, priority)),
  };
}

/** Makes a kernel with no producer or a reduction ready. */
export function planLoop(kernel: LoopKernel, reduction: Reduction | null, options: PlanOptions): Plan {
  const params = new ParamPool(options.programParams);
  const lowered = lowerKernel(kernel, reduction, params, options);
  const draft = draftLoops(kernel, reduction, lowered, options.buffers);
  const { table, outer, reduced } = draft;
  const { sites, sizes, slots } = table;
  const open = [...(draft.body?.steps ?? []), ...draft.epilogue.steps];
  const lanesAlong = chooseLanes(sites, open, draft.stores, outer, reduced);
  const inner = lanesAlong === 'outer' ? (outer.at(-1) ?? unitDimension(sites)) : null;
  const lane = inner ?? (reduced.at(-1) as Dimension);
  const tile =
    inner === null || draft.body !== null ? null : chooseTile(sites, open, outer.slice(0, -1), inner);
  const rows = tile?.rows ?? (inner === null ? outer : outer.slice(0, -1));
  const cursors = sites.map((site, at) => cursorStructure(site, at, lane, outer, reduced, lanesAlong));
  const stored = lowered.stored.map((value) => draft.epilogueValues[value]);
  const roots = draft.stores.flatMap((store, at) => [stored[at], ...store.guards]);
  const epilogue = resolveSteps(draft.epilogue.steps, roots, cursors, lanesAlong);
  const accumulated = lowered.accumulators.map(({ value }) => draft.bodyValues[value]);
  const body = draft.body === null ? null : resolveSteps(draft.body.steps, accumulated, cursors, lanesAlong);
  const vectorized = options.tier.simd && lane.extent >= 4;
  const structure: Structure = {
    tier: options.tier,
    lanesAlong,
    vectorized,
    strips: vectorized ? chooseStrips(body, epilogue, lanesAlong, lane.extent) : [],
    rowRank: rows.length + (inner === null ? 0 : 1),
    chunkRow: tile === null ? rows.length : rows.length - 1,
    reduceRank: reduced.length,
    cursors,
    sizes: sizes.length,
    slots: slots.length,
    body: body?.steps ?? null,
    accumulators: lowered.accumulators.map((accumulator, at) => ({
      ...accumulator,
      value: body === null ? 0 : body.place(accumulated[at]),
    })),
    epilogue: epilogue.steps,
    stores: draft.stores.map((store, at) => ({
      ...store,
      value: epilogue.place(stored[at]),
      guards: store.guards.map(epilogue.place),
    })),
  };
  const tileLength = tile?.length ?? null;
  return { structure, sites, sizes, slots, constants: params.constants, rows, inner, reduced, tileLength };
}

/** Vectors of a strip, from the widest strips to the last; the widest hides the latency of short bodies. */
function chooseStrips(
  body: ResolvedSteps | null,
  epilogue: ResolvedSteps,
  lanesAlong: 'outer' | 'reduced',
  extent: number,
): number[] {
  const steps = (body?.steps.length ?? 0) + epilogue.steps.length;
  if (steps > 40) return [1];
  if (steps > 16) return [2, 1];
  // Long columns: more of a row at a time, since the next row is likely in another page.
  if (body !== null && lanesAlong === 'outer' && steps <= 6 && extent >= 64) return [16, 4, 1];
  return body !== null || steps < 8 ? [4, 1] : [2, 1];
}

function unitDimension(sites: readonly Site[]): Dimension {
  return { extent: 1, strides: sites.map(() => 0) };
}

function cursorStructure(
  site: Site,
  at: number,
  lane: Dimension,
  outer: readonly Dimension[],
  reduced: readonly Dimension[],
  lanesAlong: 'outer' | 'reduced',
): CursorStructure {
  const moves = (dimensions: readonly Dimension[]): boolean =>
    dimensions.some((dimension) => dimension !== lane && dimension.strides[at] !== 0);
  const rows = lanesAlong === 'outer' ? [...outer, lane] : outer;
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
  return 'other';
}

/** Scalar iterations of a kernel's innermost body. */
export function workOf(plan: Plan): number {
  return totalExtent(plan.rows) * (plan.inner?.extent ?? 1) * totalExtent(plan.reduced);
}
