// Along which dimension vectors lie, and in which order tiles are walked.
import type { ReduceOp } from '@nn/core';
import { isLocating } from './accumulate.ts';
import { type Dimension, totalExtent } from './loops.ts';
import type { Draft } from './plan.ts';
import { lanes } from './registers.ts';
import type { OpenStep, Site } from './sites.ts';

/** Accesses that would have to go lane by lane. */
export function scatteredAccesses(
  sites: readonly Site[],
  cursors: readonly number[],
  lane: Dimension,
): number {
  let scattered = 0;
  for (const cursor of cursors) {
    const stride = lane.strides[cursor];
    if (stride !== 0 && stride !== sites[cursor].elementBytes) scattered++;
  }
  return scattered;
}

/** Below this many elements, vectors along a dimension do not pay. */
export const shortExtent = 4;

/**
 * The loops with one last along which vectors pay: where the innermost is too short, as a pooling window is, the one
 * with the fewest scattered accesses.
 */
export function lanesLast(
  sites: readonly Site[],
  cursors: readonly number[],
  loops: readonly Dimension[],
): readonly Dimension[] {
  const innermost = loops.at(-1);
  if (innermost === undefined || innermost.extent >= shortExtent) return loops;
  let best: Dimension | undefined;
  let fewest = Infinity;
  for (const loop of loops) {
    const scattered = scatteredAccesses(sites, cursors, loop);
    if (loop.extent < shortExtent || scattered > fewest) continue;
    best = loop;
    fewest = scattered;
  }
  return best === undefined ? loops : [...loops.filter((loop) => loop !== best), best];
}

/** Longer rows have vectors of their own whatever follows them. */
const longestShortRow = 64;
/** Instructions, roughly, that four lanes loaded or stored one by one take; that combining the lanes of a vector does. */
const scatteredCost = 6;
const combiningCost = { sum: 12, extremum: 60, position: 150 };

function costOfCombining({ op }: { readonly op: ReduceOp }): number {
  if (isLocating(op)) return combiningCost.position;
  return op === 'max' || op === 'min' ? combiningCost.extremum : combiningCost.sum;
}

/**
 * Whether rows that are reduced are so short that four side by side cost less, though their elements lie apart: each
 * row by itself ends with adding up lanes, and what follows is computed for one number at a time.
 */
function areFasterSideBySide(
  { body, epilogue, lowered, reduced }: Draft,
  scattered: { readonly alongReduced: number; readonly alongOuter: number; readonly stores: number },
): boolean {
  const { extent } = reduced[reduced.length - 1];
  if (extent > longestShortRow) return false;
  const total = totalExtent(reduced);
  const steps = body?.steps.length ?? 0;
  const vectors = (total / extent) * Math.ceil(extent / lanes);
  const combined = lowered.accumulators.reduce((sum, one) => sum + costOfCombining(one), 0);
  const alone = vectors * (steps + scatteredCost * scattered.alongReduced) + combined + epilogue.steps.length;
  const sideBySide =
    total * (steps + scatteredCost * scattered.alongOuter) +
    epilogue.steps.length +
    scatteredCost * scattered.stores;
  return sideBySide < lanes * alone;
}

/** @param outer the kernel's loops, with the one last along which vectors would lie. */
export function chooseLanes(draft: Draft, outer: readonly Dimension[]): 'outer' | 'reduced' {
  const { table, body, pair, epilogue, stores, reduced } = draft;
  const innerReduced = reduced.at(-1);
  const innerOuter = outer.at(-1);
  if (innerReduced === undefined) return 'outer';
  if (innerOuter === undefined || innerOuter.extent < shortExtent) return 'reduced';
  if (innerReduced.extent < shortExtent) return 'outer';
  const apart = (cursors: readonly number[], lane: Dimension): number =>
    scatteredAccesses(table.sites, cursors, lane);
  const loadsOf = (steps: readonly OpenStep[]): number[] =>
    steps.flatMap((step) => (step.kind === 'load' ? [step.cursor] : []));
  const inBody = loadsOf([...(body?.steps ?? []), ...(pair?.body.steps ?? [])]);
  const after = [...loadsOf(epilogue.steps), ...stores.map(({ cursor }) => cursor)];
  const alongReduced = apart(inBody, innerReduced);
  const alongOuter = apart(inBody, innerOuter);
  const ofStores = apart(after, innerOuter);
  if (alongReduced >= alongOuter + ofStores) return 'outer';
  return areFasterSideBySide(draft, { alongReduced, alongOuter, stores: ofStores }) ? 'outer' : 'reduced';
}

/** Elements of a tile along the lanes: one cache line of float32. */
const tileLength = 16;
/** With fewer scattered elements than this in a row, their cache lines stay where they are until the next row. */
const scatteredWorthTiles = 256;

/** Rows of tiles that are walked before the tiles next to them: as many pages as translations of addresses are held. */
const mostPanelRows = 512;
const leastPanelRows = 64;

/** A dimension in panels, where it is long and they are all of one length. */
function inPanels({ extent, strides }: Dimension): readonly Dimension[] {
  let rows = Math.min(extent, mostPanelRows);
  while (extent % rows !== 0) rows--;
  if (rows === extent || rows < leastPanelRows) return [{ extent, strides }];
  return [
    { extent: extent / rows, strides: strides.map((stride) => stride * rows) },
    { extent: rows, strides },
  ];
}

/**
 * For kernels that walk a buffer across its rows, as a transposition does: tiles that are narrow along the lanes, and
 * walked next along the dimension in which that buffer is contiguous, so that each cache line is read once.
 */
export function chooseTile(
  sites: readonly Site[],
  steps: readonly OpenStep[],
  rows: readonly Dimension[],
  inner: Dimension,
): { readonly rows: readonly Dimension[]; readonly length: number } | null {
  if (inner.extent < scatteredWorthTiles) return null;
  for (const step of steps) {
    if (step.kind !== 'load') continue;
    const { elementBytes } = sites[step.cursor];
    const stride = Math.abs(inner.strides[step.cursor]);
    if (stride <= elementBytes) continue;
    const contiguous = rows.find((row) => Math.abs(row.strides[step.cursor]) === elementBytes);
    if (contiguous === undefined) continue;
    return {
      rows: [...rows.filter((row) => row !== contiguous), ...inPanels(contiguous)],
      length: tileLength,
    };
  }
  return null;
}
