// Along which dimension vectors lie, and in which order tiles are walked.
import type { Dimension } from './loops.ts';
import type { OpenStep, Site } from './sites.ts';
import type { StoreStructure } from './structure.ts';

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

export function chooseLanes(
  sites: readonly Site[],
  steps: readonly OpenStep[],
  stores: readonly StoreStructure[],
  outer: readonly Dimension[],
  reduced: readonly Dimension[],
): 'outer' | 'reduced' {
  const innerReduced = reduced.at(-1);
  const innerOuter = outer.at(-1);
  if (innerReduced === undefined) return 'outer';
  if (innerOuter === undefined || innerOuter.extent < shortExtent) return 'reduced';
  if (innerReduced.extent < shortExtent) return 'outer';
  const loads = steps.flatMap((step) => (step.kind === 'load' ? [step.cursor] : []));
  const alongReduced = scatteredAccesses(sites, loads, innerReduced);
  const alongOuter = scatteredAccesses(sites, [...loads, ...stores.map(({ cursor }) => cursor)], innerOuter);
  return alongReduced < alongOuter ? 'reduced' : 'outer';
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
