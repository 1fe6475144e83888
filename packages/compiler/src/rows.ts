// Makes one kernel of steps that share rows: softmax is a maximum, a sum and a quotient of each row. A device then
// finishes a row while its data is near, and starts one kernel instead of several.
import type { Kernel, LoopKernel, RowsKernel } from '@nn/core';
import { splitLoops } from './align.ts';
import { buffersRead, buffersWritten, maximumBuffers } from './buffers.ts';
import { Dependences } from './dependences.ts';
import { joinNames } from './join.ts';
import { isConflict, staysInRows, type Touch, touchesOf } from './locality.ts';
import { rewriteKernel } from './rewrite.ts';
import { mergeRows, simplifyInner } from './simplify.ts';

/** Steps whose extents begin with these rows. A kernel alone is a group whose rows are all of its extents. */
interface Group {
  readonly rows: readonly number[];
  readonly steps: readonly LoopKernel[];
}

/** Bounds on what one kernel holds: its code is compiled as a whole. */
const maximumSteps = 16;
const maximumInstructions = 800;

/** As many rows keep the cores of a device busy. */
const enoughRows = 16;
/** Walks of up to this many elements a row are done soon, however few rows there are. */
const shortRow = 16384;
/** Programs of so little work that starting a kernel takes longer: one row will do. */
const tinyWork = 2048;

export function groupRows(kernels: readonly Kernel[]): Kernel[] {
  if (kernels.length < 2) return [...kernels];
  const order = new Dependences(kernels);
  const groups = new Map<number, Group>();
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
        const second = groups.get(current) as Group;
        if (first === undefined || order.isBetween(earlier, current)) continue;
        const group = joinGroups(first, second);
        if (group === null) continue;
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

/** The group of both, or null when they do not share enough rows. */
function joinGroups(first: Group, second: Group): Group | null {
  if (!fits([...first.steps, ...second.steps])) return null;
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

function fits(steps: readonly LoopKernel[]): boolean {
  const buffers = new Set(steps.flatMap((step) => [...buffersRead(step), ...buffersWritten(step)]));
  const length = steps.reduce((sum, step) => sum + lengthOf(step), 0);
  return steps.length <= maximumSteps && buffers.size <= maximumBuffers && length <= maximumInstructions;
}

function lengthOf({ producer, epilogue }: LoopKernel): number {
  return epilogue.length + (producer?.kind === 'reduce' ? producer.body.length : 0);
}

const product = (extents: readonly number[]): number => extents.reduce((a, b) => a * b, 1);

/** How many elements a step walks. */
function workOf({ extents, producer }: LoopKernel): number {
  return product(extents) * (producer?.kind === 'reduce' ? product(producer.extents) : 1);
}

function isWorthwhile(rows: readonly number[], steps: readonly LoopKernel[]): boolean {
  const count = product(rows);
  const works = steps.map(workOf);
  const total = works.reduce((a, b) => a + b, 0);
  if (total <= tinyWork) return true;
  // Steps without anything to walk in a row have no row to keep near.
  if (works.every((work) => work === count)) return false;
  return count >= enoughRows || (count > 1 && Math.max(...works) / count <= shortRow);
}

/** Pairs of touches of two groups whose order matters. */
function conflicts(first: Group, second: Group): [Touch, Touch][] {
  const pairs: [Touch, Touch][] = [];
  const touches = second.steps.flatMap(touchesOf);
  for (const a of first.steps.flatMap(touchesOf))
    for (const b of touches) if (isConflict(a, b)) pairs.push([a, b]);
  return pairs;
}

/** Splits the rows of both so that what one walks as a whole and the other in parts becomes the same parts. */
function splitRows(first: Group, second: Group): [Group, Group] {
  const pairs = conflicts(first, second);
  const a = splitAt(
    first,
    pairs.map(([own, other]) => [own, other]),
  );
  const b = splitAt(
    second,
    pairs.map(([other, own]) => [own, other]),
  );
  return [a, b];
}

/** Splits a group's rows where the loops of the other begin and end, in the buffers that both touch. */
function splitAt(group: Group, pairs: readonly (readonly [own: Touch, other: Touch])[]): Group {
  const parts = group.rows.map((extent, row) => {
    const cuts = new Set<number>();
    for (const [own, other] of pairs) {
      const unit = Math.abs(own.strides[row]);
      if (unit === 0) continue;
      other.strides.forEach((stride, c) => {
        for (const edge of [Math.abs(stride), Math.abs(stride) * other.extents[c]]) {
          const cut = edge / unit;
          if (Number.isInteger(cut) && cut > 1 && cut < extent && extent % cut === 0) cuts.add(cut);
        }
      });
    }
    return splitExtent(extent, cuts);
  });
  if (parts.every((list) => list.length === 1)) return group;
  const rows = parts.flat();
  const steps = group.steps.map((step) => {
    const inner = step.producer?.kind === 'reduce' ? step.producer.extents : [];
    return splitLoops(step, [...rows, ...step.extents.slice(group.rows.length)], inner);
  });
  return { rows, steps };
}

/** Loops that together walk the extent, cut at multiples of these units as far as they divide each other. */
function splitExtent(extent: number, cuts: ReadonlySet<number>): number[] {
  const factors: number[] = [];
  let unit = 1;
  for (const cut of [...cuts, extent].sort((x, y) => x - y)) {
    if (cut % unit !== 0 || cut === unit || extent % cut !== 0) continue;
    factors.unshift(cut / unit);
    unit = cut;
  }
  return factors;
}

/** Rows of the two groups that go through all buffers that both touch in equal steps. */
function matchRows(first: Group, second: Group): [row: number, other: number][] {
  const pairs = conflicts(first, second);
  const taken = new Set<number>();
  const matched: [number, number][] = [];
  first.rows.forEach((extent, row) => {
    const other = second.rows.findIndex(
      (candidate, at) =>
        candidate === extent &&
        !taken.has(at) &&
        pairs.every(([a, b]) => a.strides[row] === b.strides[at] && a.strides[row] !== 0),
    );
    if (other < 0) return;
    taken.add(other);
    matched.push([row, other]);
  });
  return matched;
}

/** The same loops with these coordinates in front. */
function rowsFirst(kernel: LoopKernel, rows: readonly number[]): LoopKernel {
  const others = kernel.extents.map((_, c) => c).filter((c) => !rows.includes(c));
  return reorder(kernel, [...rows, ...others]);
}

function reorder(kernel: LoopKernel, order: readonly number[]): LoopKernel {
  if (order.every((c, i) => c === i)) return kernel;
  const inner = kernel.producer?.kind === 'reduce' ? kernel.producer.extents : [];
  const all = [...order, ...inner.map((_, i) => order.length + i)];
  return rewriteKernel(
    kernel,
    order.map((c) => kernel.extents[c]),
    inner,
    ({ offset, strides }) => ({ offset, strides: order.map((c) => strides[c]) }),
    ({ offset, strides }) => ({ offset, strides: all.map((c) => strides[c]) }),
  );
}

/** Few and long loops again: rows that all steps walk as one become one, and so do the loops within them. */
function finishGroup({ rows, steps }: Group): RowsKernel {
  const loops = mergeRows(rows, steps);
  const merged = steps.map((step) => simplifyInner(step, loops));
  return {
    kind: 'rows',
    name: steps.map(({ name }) => name).reduce(joinNames),
    extents: loops.map((loop) => loop.reduce((extent, row) => extent * rows[row], 1)),
    steps: merged,
  };
}
