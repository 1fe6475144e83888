// Along which dimension vectors lie.
import type { Dimension } from './loops.ts';
import type { OpenStep, Site } from './sites.ts';
import type { StoreStructure } from './structure.ts';

/** Accesses that would have to go lane by lane. */
function scatteredAccesses(sites: readonly Site[], cursors: readonly number[], lane: Dimension): number {
  let scattered = 0;
  for (const cursor of cursors) {
    const stride = lane.strides[cursor];
    if (stride !== 0 && stride !== sites[cursor].elementBytes) scattered++;
  }
  return scattered;
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
  if (innerOuter === undefined || innerOuter.extent < 4) return 'reduced';
  if (innerReduced.extent < 4) return 'outer';
  const loads = steps.flatMap((step) => (step.kind === 'load' ? [step.cursor] : []));
  const alongReduced = scatteredAccesses(sites, loads, innerReduced);
  const alongOuter = scatteredAccesses(sites, [...loads, ...stores.map(({ cursor }) => cursor)], innerOuter);
  return alongReduced < alongOuter ? 'reduced' : 'outer';
}
