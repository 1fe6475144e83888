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

function resolved(step: OpenStep, depends: number, places: readonly Value[]): Step {
  const placed = (values: readonly Value[]): readonly Value[] =>
    values.length === 0 ? values : values.map((value) => places[value]);
  switch (step.kind) {
    case 'operation': {
      const { kind, dtype, op, args } = step;
      return { kind, dtype, op, args: placed(args), depends };
    }
    case 'load':
      return { ...step, guards: placed(step.guards), depends };
    case 'gather':
      return { ...step, args: placed(step.args), guards: placed(step.guards), depends };
    default:
      return { ...step, depends };
  }
}

/** What a step depends on by itself, its operands apart. */
function ownDependencies(step: OpenStep, cursors: readonly CursorStructure[], resultDepends: number): number {
  switch (step.kind) {
    case 'index':
    case 'guard':
    case 'load':
    case 'gather': {
      const { movesWithRows, movesWithReduced, lane } = cursors[step.cursor];
      return (
        (movesWithRows ? dependency.row : 0) |
        (movesWithReduced ? dependency.reduced : 0) |
        (lane === 'zero' ? 0 : dependency.lane)
      );
    }
    case 'result':
      return resultDepends;
    default:
      return 0;
  }
}

/** Drops steps that no root needs, and finds the dependencies of the rest, given those of a reduction's results. */
export function resolveSteps(
  open: readonly OpenStep[],
  roots: readonly Value[],
  cursors: readonly CursorStructure[],
  resultDepends: number,
): ResolvedSteps {
  const isLive = new Uint8Array(open.length);
  for (const root of roots) isLive[root] = 1;
  for (let at = open.length - 1; at >= 0; at--)
    if (isLive[at] === 1) for (const operand of operandsOf(open[at])) isLive[operand] = 1;
  const places = new Array<Value>(open.length);
  const dependencies = new Uint8Array(open.length);
  const steps: Step[] = [];
  for (let at = 0; at < open.length; at++) {
    if (isLive[at] === 0) continue;
    const step = open[at];
    let depends = ownDependencies(step, cursors, resultDepends);
    for (const operand of operandsOf(step)) depends |= dependencies[operand];
    dependencies[at] = depends;
    places[at] = steps.push(resolved(step, depends, places)) - 1;
  }
  return { steps, place: (value) => places[value] };
}
