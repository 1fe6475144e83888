// Loops over the same rows, arranged so that all of them can do one block of rows after the other: a block is a run of
// whole rows, or, with vectors along the rows, a run of neighbouring ones.
import { chooseLanes, lanesLast, scatteredAccesses, shortExtent } from './lane-choice.ts';
import { type Dimension, mergeNeighbours, sortByStride, totalExtent, withoutUnits } from './loops.ts';
import {
  type Arrangement,
  accessed,
  type Draft,
  finishPlan,
  openSteps,
  type Plan,
  unitDimension,
} from './plan.ts';

/** One of the loops, arranged. */
export interface RowsStep {
  readonly plan: Plan;
  /** Items that a row has. 0: an item is a block of rows, and `chunkLength` the part of it that one row takes. */
  readonly itemsPerRow: number;
  readonly chunkLength: number;
}

export interface RowsPlan {
  /** Rows that are cut into blocks, and how often: with vectors along the rows, there are other dimensions of them. */
  readonly rows: number;
  readonly repeats: number;
  /** Vectors lie along the rows: a block begins anew with each repeat. */
  readonly lanesAlongRows: boolean;
  /** Bytes that the steps touch in a row, broadcast operands apart. */
  readonly bytesPerRow: number;
  /** Whether what a row has of each buffer lies together. */
  readonly isDense: boolean;
  readonly steps: readonly RowsStep[];
}

/** A dimension of the rows after merging: its extent, and which dimension of each loop has its strides. */
interface RowDimension {
  readonly extent: number;
  readonly dimension: number;
}

/** The rows' dimensions without those of size 1; neighbours that are one walk in every loop are merged. */
function commonRows(drafts: readonly Draft[], rank: number): RowDimension[] {
  const merged: RowDimension[] = [];
  for (let dimension = 0; dimension < rank; dimension++) {
    const { extent } = drafts[0].outer[dimension];
    if (extent === 1) continue;
    const last = merged.at(-1);
    const isOneWalk =
      last !== undefined &&
      drafts.every(({ outer }) =>
        outer[last.dimension].strides.every((stride, at) => stride === outer[dimension].strides[at] * extent),
      );
    if (isOneWalk) merged[merged.length - 1] = { extent: last.extent * extent, dimension };
    else merged.push({ extent, dimension });
  }
  return merged;
}

/** The kernel's loops inside a row, in order. */
function loopsInRow({ outer, priority }: Draft, rank: number): Dimension[] {
  return mergeNeighbours(sortByStride(withoutUnits(outer.slice(rank)), priority));
}

/** Whether vectors along the rows walk memory better than those along something within a row. */
function areLanesAlongRows(drafts: readonly Draft[], rank: number, rows: readonly RowDimension[]): boolean {
  const last = rows.at(-1);
  if (last === undefined || last.extent < shortExtent) return false;
  // Pairs of reductions go through a row together.
  const isPaired = drafts.some(({ pair }) => pair !== null);
  let alongRows = 0;
  let within = 0;
  for (const draft of drafts) {
    const { table, reduced } = draft;
    const others = loopsInRow(draft, rank);
    if (others.length === 0 && reduced.length === 0) continue;
    const open = openSteps(draft);
    const loads = open.flatMap((step) => (step.kind === 'load' ? [step.cursor] : []));
    const all = accessed(draft);
    const arranged = lanesLast(table.sites, all, others);
    const isReduced = chooseLanes(draft, arranged) === 'reduced';
    const lane = (isReduced ? reduced : arranged).at(-1) as Dimension;
    const row = draft.outer[last.dimension];
    alongRows += scatteredAccesses(table.sites, all, row);
    // Rows that are too short to be reduced by vectors of their own are better off side by side.
    const areRowsShort = isReduced && !isPaired && chooseLanes(draft, [row]) === 'outer';
    const isShort = lane.extent < shortExtent || areRowsShort;
    within += isShort ? all.length + 1 : scatteredAccesses(table.sites, isReduced ? loads : all, lane);
  }
  return alongRows < within;
}

function arrangeAlongRows(draft: Draft, rank: number, rows: readonly RowDimension[]): RowsStep {
  const dimensions = rows.map(
    ({ extent, dimension }): Dimension => ({ extent, strides: draft.outer[dimension].strides }),
  );
  const lead = dimensions.slice(0, -1);
  const others = loopsInRow(draft, rank);
  const plan = finishPlan(draft, {
    lanesAlong: 'outer',
    rows: [...lead, ...others],
    inner: dimensions.at(-1) as Dimension,
    chunkRow: lead.length,
    tileLength: null,
  });
  return { plan, itemsPerRow: totalExtent(others), chunkLength: 1 };
}

function arrangeWithinRows(draft: Draft, rank: number): RowsStep {
  const { table, body } = draft;
  const rowDimensions = withoutUnits(draft.outer.slice(0, rank));
  const others = loopsInRow(draft, rank);
  if (draft.pair !== null) {
    const rows = mergeNeighbours(rowDimensions);
    const loops = { rows, inner: null, chunkRow: rows.length, tileLength: null };
    const plan = finishPlan(draft, { lanesAlong: 'reduced', ...loops });
    return { plan, itemsPerRow: 1, chunkLength: draft.pair.blockLength };
  }
  const whole = mergeNeighbours([...rowDimensions, ...others]);
  if (body === null && whole.length <= 1) {
    const inner = whole.at(0) ?? unitDimension(table.sites);
    const plan = finishPlan(draft, {
      lanesAlong: 'outer',
      rows: [],
      inner,
      chunkRow: 0,
      tileLength: null,
    });
    return { plan, itemsPerRow: 0, chunkLength: totalExtent(others) };
  }
  const rows = mergeNeighbours(rowDimensions);
  const vectors = lanesLast(table.sites, accessed(draft), others);
  const arranged: Pick<Arrangement, 'lanesAlong' | 'inner'> =
    chooseLanes(draft, vectors) === 'reduced'
      ? { lanesAlong: 'reduced', inner: null }
      : { lanesAlong: 'outer', inner: vectors.at(-1) ?? unitDimension(table.sites) };
  const outside = arranged.inner === null ? others : vectors.slice(0, -1);
  const loops = [...rows, ...outside];
  return {
    plan: finishPlan(draft, { ...arranged, rows: loops, chunkRow: loops.length, tileLength: null }),
    itemsPerRow: totalExtent(outside),
    chunkLength: Math.max(1, arranged.inner?.extent ?? 1),
  };
}

/** What the loops touch in one row: of each buffer, what the access that reaches the most of it does. */
function footprint(drafts: readonly Draft[], rank: number): Pick<RowsPlan, 'bytesPerRow' | 'isDense'> {
  const bytes = new Map<number, number>();
  let isDense = true;
  for (const { table, outer, reduced } of drafts) {
    for (const [at, { buffer, elementBytes }] of table.sites.entries()) {
      const moves = ({ extent, strides }: Dimension): boolean => extent !== 1 && strides[at] !== 0;
      if (buffer < 0 || !outer.slice(0, rank).some(moves)) continue;
      const within = [...outer.slice(rank), ...reduced].filter(moves);
      const touched = totalExtent(within) * elementBytes;
      let span = elementBytes;
      for (const { extent, strides } of within) span += (extent - 1) * Math.abs(strides[at]);
      if (span > touched) isDense = false;
      bytes.set(buffer, Math.max(bytes.get(buffer) ?? 0, touched));
    }
  }
  return { bytesPerRow: [...bytes.values()].reduce((sum, one) => sum + one, 0), isDense };
}

/** Arranges loops whose first `rank` dimensions are the rows that they share. */
export function planRows(drafts: readonly Draft[], rank: number): RowsPlan {
  const rows = commonRows(drafts, rank);
  const lanesAlongRows = areLanesAlongRows(drafts, rank, rows);
  const all = rows.reduce((product, { extent }) => product * extent, 1);
  const cut = lanesAlongRows ? (rows.at(-1) as RowDimension).extent : all;
  return {
    rows: cut,
    repeats: cut === 0 ? 0 : all / cut,
    lanesAlongRows,
    ...footprint(drafts, rank),
    steps: drafts.map((draft) =>
      lanesAlongRows ? arrangeAlongRows(draft, rank, rows) : arrangeWithinRows(draft, rank),
    ),
  };
}
