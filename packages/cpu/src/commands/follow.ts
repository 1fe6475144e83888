// What follows a product, task by task of it: by the thread that has just computed a part of the result, while that is
// in its cache.

import { scatteredAccesses } from '../emit/lane-choice.ts';
import { type Dimension, mergeNeighbours, sortByStride, totalExtent, withoutUnits } from '../emit/loops.ts';
import type { Arrangement, Draft } from '../emit/plan.ts';
import { accessed, finishPlan, type Plan } from '../emit/plan.ts';
import type { Tasks } from '../gemm/plan.ts';

/** The loop's dimensions as the product has them, each group in the order in which it is walked. */
export interface Groups {
  readonly batch: readonly Dimension[];
  readonly rows: readonly Dimension[];
  readonly columns: readonly Dimension[];
}

/** A loop that does of a task what `scale` items of it are. */
export interface Following {
  readonly plan: Plan;
  readonly chunkLength: number;
  readonly scale: number;
}

/** Shorter runs than this are better off as one loop over everything. */
const leastRun = 8;

const merged = (dimensions: readonly Dimension[]): Dimension[] => mergeNeighbours(withoutUnits(dimensions));

/** How many columns lie in one run, so that a task is best cut between runs. */
export function runOfColumns({ columns }: Groups): number {
  return merged(columns).at(-1)?.extent ?? 1;
}

/** Undefined where tasks are not runs of the loop's items. */
export function planFollowing(draft: Draft, groups: Groups, tasks: Tasks): Following | undefined {
  const found = tasks.columnTasks === 1 ? byRows(draft, groups, tasks) : byColumns(groups, tasks);
  if (found === undefined) return undefined;
  const { rows, inner, chunkRow, chunkLength, scale } = found;
  if (inner.extent < leastRun || chunkLength < leastRun) return undefined;
  if (scatteredAccesses(draft.table.sites, accessed(draft), inner) > 0) return undefined;
  const plan = finishPlan(draft, { lanesAlong: 'outer', rows, inner, chunkRow, tileLength: null });
  return { plan, chunkLength, scale };
}

interface Arranged extends Pick<Arrangement, 'rows' | 'chunkRow'> {
  readonly inner: Dimension;
  readonly chunkLength: number;
  readonly scale: number;
}

/** Tasks are runs of whole rows. */
function byRows(draft: Draft, { batch, rows, columns }: Groups, tasks: Tasks): Arranged | undefined {
  if (totalExtent(batch) > 1 && totalExtent(rows) % tasks.taskRows !== 0) return undefined;
  const loops = mergeNeighbours(sortByStride(withoutUnits(columns), draft.priority));
  const inner = loops.pop();
  if (inner === undefined) return undefined;
  const outer = [...merged([...batch, ...rows]), ...loops];
  const scale = tasks.taskRows * totalExtent(loops);
  return { rows: outer, inner, chunkRow: outer.length, chunkLength: inner.extent, scale };
}

/** Tasks are runs of columns, of all rows of a batch. */
function byColumns({ batch, rows, columns }: Groups, tasks: Tasks): Arranged | undefined {
  const loops = merged(columns);
  const inner = loops.pop();
  if (tasks.rowTasks > 1 || inner === undefined) return undefined;
  const batches = merged(batch);
  const lines = merged(rows);
  if (loops.length === 0) {
    const outer = [...batches, ...lines];
    const chunkRow = batches.length;
    return { rows: outer, inner, chunkRow, chunkLength: tasks.taskColumns, scale: totalExtent(lines) };
  }
  const runs = tasks.taskColumns / inner.extent;
  if (!Number.isInteger(runs)) return undefined;
  if (totalExtent(batches) > 1 && totalExtent(loops) % runs !== 0) return undefined;
  const outer = [...batches, ...loops, ...lines];
  const scale = runs * totalExtent(lines);
  return { rows: outer, inner, chunkRow: outer.length, chunkLength: inner.extent, scale };
}
