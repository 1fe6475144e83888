// Which steps are needed, and what each depends on.
import type { Value } from '@nn/core';
import type { OpenStep } from './sites.ts';
import { type CursorStructure, dependency, type Step } from './structure.ts';

export interface ResolvedSteps {
  readonly steps: readonly Step[];
  /** Where a step of the open list is now. */
  readonly place: (value: Value) => Value;
}

function operandsOf(step: OpenStep): readonly Value[] {
  switch (step.kind) {
    case 'operation':
      return step.args;
    case 'gather':
      return [...step.args, ...step.guards];
    case 'load':
      return step.guards;
    default:
      return [];
  }
}

function cursorDependencies(cursor: CursorStructure): number {
  return (
    (cursor.movesWithRows ? dependency.row : 0) |
    (cursor.movesWithReduced ? dependency.reduced : 0) |
    (cursor.lane === 'zero' ? 0 : dependency.lane)
  );
}

/** Drops steps that no root needs, and finds the dependencies of the rest. */
export function resolveSteps(
  open: readonly OpenStep[],
  roots: readonly Value[],
  cursors: readonly CursorStructure[],
  lanesAlong: 'outer' | 'reduced',
): ResolvedSteps {
  const isLive = new Array<boolean>(open.length).fill(false);
  for (const root of roots) isLive[root] = true;
  for (let at = open.length - 1; at >= 0; at--)
    if (isLive[at]) for (const operand of operandsOf(open[at])) isLive[operand] = true;
  const places: Value[] = [];
  const place = (value: Value): Value => places[value];
  const steps: Step[] = [];
  for (const [at, step] of open.entries()) {
    if (!isLive[at]) continue;
    let depends = 0;
    for (const operand of operandsOf(step)) depends |= steps[place(operand)].depends;
    if ('cursor' in step) depends |= cursorDependencies(cursors[step.cursor]);
    // A result differs from lane to lane when each lane reduces on its own.
    if (step.kind === 'result') depends |= dependency.row | (lanesAlong === 'outer' ? dependency.lane : 0);
    places[at] = steps.length;
    steps.push({
      ...step,
      ...('args' in step ? { args: step.args.map(place) } : {}),
      ...('guards' in step ? { guards: step.guards.map(place) } : {}),
      depends,
    } as Step);
  }
  return { steps, place };
}
