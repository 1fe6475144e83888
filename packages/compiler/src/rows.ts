// Makes one kernel of steps that share rows: softmax is a maximum, a sum and a quotient of each row. A device then
// finishes a row while its data is near, and starts one kernel instead of several.
import { type Kernel, type LoopKernel, type RowsKernel, sizeOf } from '@nn/core';
import { matchRows, type RowGroup, rowsFirst, splitRows } from './align.ts';
import { buffersRead, buffersWritten } from './buffers.ts';
import { Dependences } from './dependences.ts';
import { joinNames } from './join.ts';
import { staysInRows } from './locality.ts';
import { reuseValues } from './reuse.ts';
import { mergeRows, simplifyInner } from './simplify.ts';
import { workOf } from './work.ts';

/** Bounds on what one kernel holds: its code is compiled as a whole. */
const maximumSteps = 16;
const maximumInstructions = 800;

/** As many rows keep the cores of a device busy. */
const enoughRows = 16;
/** Walks of up to this many elements a row are done soon, however few rows there are. */
const shortRow = 16384;
/** Programs of so little work that starting a kernel takes longer: one row will do. */
const tinyWork = 2048;

export function groupRows(kernels: readonly Kernel[], buffersPerKernel: number): Kernel[] {
  if (kernels.length < 2) return [...kernels];
  const order = new Dependences(kernels);
  const groups = new Map<number, RowGroup>();
  kernels.forEach((kernel, at) => {
    if (kernel.kind === 'loop' && kernel.producer?.kind !== 'dot')
      groups.set(at, { rows: kernel.extents, steps: [kernel] });
  });
  for (let at = 0; at < kernels.length; at++) {
    let current = at;
    for (let joined = groups.has(at); joined; ) {
      joined = false;
      for (const earlier of [...order.before(current)].sort((a, b) => b - a)) {
        const first = groups.get(earlier);
        const second = groups.get(current) as RowGroup;
        if (first === undefined || order.isBetween(earlier, current)) continue;
        const group = joinGroups(first, second, buffersPerKernel);
        if (group === null || keepsMoreApart(order, groups, earlier, current)) continue;
        order.contract(earlier, current, group.steps[0]);
        groups.delete(current);
        groups.set(earlier, group);
        current = earlier;
        joined = true;
        break;
      }
    }
  }
  for (const [at, group] of groups) if (group.steps.length > 1) order.replace(at, finishGroup(group));
  return order.ordered();
}

/** Whether two groups as one would come between others that could be one, and that have more to walk. */
function keepsMoreApart(
  order: Dependences,
  groups: ReadonlyMap<number, RowGroup>,
  earlier: number,
  current: number,
): boolean {
  const work = (at: number): number =>
    (groups.get(at)?.steps ?? []).reduce((sum, step) => sum + workOf(step), 0);
  const own = work(earlier) + work(current);
  for (const pair of order.separatedBy(earlier, current))
    if (pair.some((other) => work(other) > own)) return true;
  return false;
}

/** The group of both, or null when they do not share enough rows. */
function joinGroups(first: RowGroup, second: RowGroup, buffersPerKernel: number): RowGroup | null {
  if (!fits([...first.steps, ...second.steps], buffersPerKernel)) return null;
  const [a, b] = splitRows(first, second);
  const pairs = matchRows(a, b);
  const rows = pairs.map(([row]) => a.rows[row]);
  if (!isWorthwhile(rows, [...a.steps, ...b.steps])) return null;
  const group = {
    rows,
    steps: [
      ...a.steps.map((step) =>
        rowsFirst(
          step,
          pairs.map(([row]) => row),
        ),
      ),
      ...b.steps.map((step) =>
        rowsFirst(
          step,
          pairs.map(([, row]) => row),
        ),
      ),
    ],
  };
  const [earlier, later] = [group.steps.slice(0, a.steps.length), group.steps.slice(a.steps.length)];
  const local = earlier.every((step) => later.every((other) => staysInRows(step, other, rows.length)));
  return local ? group : null;
}

function fits(steps: readonly LoopKernel[], buffersPerKernel: number): boolean {
  const buffers = new Set(steps.flatMap((step) => [...buffersRead(step), ...buffersWritten(step)]));
  const length = steps.reduce((sum, step) => sum + lengthOf(step), 0);
  return steps.length <= maximumSteps && buffers.size <= buffersPerKernel && length <= maximumInstructions;
}

function lengthOf({ producer, epilogue }: LoopKernel): number {
  return epilogue.length + (producer?.kind === 'reduce' ? producer.body.length : 0);
}

function isWorthwhile(rows: readonly number[], steps: readonly LoopKernel[]): boolean {
  const count = sizeOf(rows);
  const works = steps.map((step) => workOf(step));
  const total = works.reduce((a, b) => a + b, 0);
  if (total <= tinyWork) return true;
  // Steps without anything to walk in a row have no row to keep near.
  if (works.every((work) => work === count)) return false;
  return count >= enoughRows || (count > 1 && Math.max(...works) / count <= shortRow);
}

/** Few and long loops again: rows that all steps walk as one become one, and so do the loops within them. */
function finishGroup({ rows, steps }: RowGroup): RowsKernel {
  const loops = mergeRows(rows, steps);
  const merged = reuseValues(steps.map((step) => simplifyInner(step, loops)));
  return {
    kind: 'rows',
    name: steps.map(({ name }) => name).reduce(joinNames),
    extents: loops.map((loop) => loop.reduce((extent, row) => extent * rows[row], 1)),
    steps: merged,
  };
}
