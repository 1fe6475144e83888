// A loop kernel made ready: its loops in order, its structure (what code it needs) and the numbers of its record.
import type { BufferSpec, DType, Instruction, LoopKernel, Reduction } from '@nn/core';
import type { Tier } from './context.ts';
import { chooseLanes } from './lane-choice.ts';
import { type Dimension, mergeNeighbours, sortByStride, totalExtent, withoutUnits } from './loops.ts';
import { fuseProducts, lower, lowerStores, ParamPool } from './lower.ts';
import type { RegisterDType } from './registers.ts';
import { resolveSteps } from './resolve.ts';
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

/** Makes a kernel with no producer or a reduction ready. */
export function planLoop(kernel: LoopKernel, reduction: Reduction | null, options: PlanOptions): Plan {
  const params = new ParamPool(options.programParams);
  const lowered = lowerKernel(kernel, reduction, params, options);
  const extents = [...kernel.extents, ...(reduction?.extents ?? [])];
  const table = new SiteTable(extents.length);
  const storage = (buffer: number): DType => options.buffers[buffer].dtype;
  const epilogueList = new StepList(table, storage);
  const stores: StoreStructure[] = kernel.stores.map(({ access }) => ({
    storage: storage(access.buffer),
    cursor: epilogueList.cursorOf(access),
    value: 0,
    guards: epilogueList.guardsOf(access.guards),
  }));
  const storePriority = stores.map(({ cursor }) => cursor);
  const bodyList = new StepList(table, storage);
  const bodyValues = lowered.body === null ? null : bodyList.append(lowered.body);
  const epilogueValues = epilogueList.append(lowered.epilogue);
  const priority = [...new Set([...storePriority, ...table.sites.keys()])];
  const ordersMatter = lowered.accumulators.some(({ op }) => op === 'argmax' || op === 'argmin');
  const dimensions = extents.map(
    (extent, at): Dimension => ({
      extent,
      strides: table.sites.map((site) => site.strides[at]),
    }),
  );
  const outer = mergeNeighbours(
    sortByStride(withoutUnits(dimensions.slice(0, kernel.extents.length)), priority),
  );
  const inside = withoutUnits(dimensions.slice(kernel.extents.length));
  const reduced = mergeNeighbours(ordersMatter ? inside : sortByStride(inside, priority));
  const bodySteps = bodyValues === null ? null : bodyList.steps;
  const lanesAlong = chooseLanes(
    table.sites,
    [...(bodySteps ?? []), ...epilogueList.steps],
    stores,
    outer,
    reduced,
  );
  const rows = lanesAlong === 'outer' ? outer.slice(0, -1) : outer;
  const inner = lanesAlong === 'outer' ? (outer.at(-1) ?? unitDimension(table.sites)) : null;
  const laneDimension = inner ?? (reduced.at(-1) as Dimension);
  const cursors = table.sites.map((site, at) =>
    cursorStructure(site, at, laneDimension, outer, reduced, lanesAlong),
  );
  const epilogue = resolveSteps(
    epilogueList.steps,
    stores.flatMap((store, at) => [epilogueValues[lowered.stored[at]], ...store.guards]),
    cursors,
    lanesAlong,
  );
  const body =
    bodySteps === null || bodyValues === null
      ? null
      : resolveSteps(
          bodySteps,
          lowered.accumulators.map(({ value }) => bodyValues[value]),
          cursors,
          lanesAlong,
        );
  const vectorized = options.tier.simd && laneDimension.extent >= 4;
  const steps = (body?.steps.length ?? 0) + epilogue.steps.length;
  const structure: Structure = {
    tier: options.tier,
    lanesAlong,
    vectorized,
    unroll: vectorized ? chooseUnroll(steps, body !== null) : 1,
    rowRank: rows.length + (inner === null ? 0 : 1),
    reduceRank: reduced.length,
    cursors,
    sizes: table.sizes.length,
    slots: table.slots.length,
    body: body?.steps ?? null,
    accumulators: lowered.accumulators.map((accumulator) => ({
      ...accumulator,
      value: body === null || bodyValues === null ? 0 : body.place(bodyValues[accumulator.value]),
    })),
    epilogue: epilogue.steps,
    stores: stores.map((store, at) => ({
      ...store,
      value: epilogue.place(epilogueValues[lowered.stored[at]]),
      guards: store.guards.map(epilogue.place),
    })),
  };
  const { sites, sizes, slots } = table;
  return { structure, sites, sizes, slots, constants: params.constants, rows, inner, reduced };
}

/** More vectors in flight hide the latency of short bodies; long ones have enough to do, and too few registers. */
function chooseUnroll(steps: number, isReduction: boolean): number {
  if (steps > 40) return 1;
  if (steps > 16) return 2;
  return isReduction || steps < 8 ? 4 : 2;
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
