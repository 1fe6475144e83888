// Steps that matter only where some selection takes their side, as the reduction of huge angles does for sin: a test
// whether any lane does is cheaper than they are.
import type { Value } from '@nn/core';
import { isWide } from './registers.ts';
import { dependency, type Step } from './structure.ts';

/** Steps computed together, just before the first selection that needs them, and only if its condition holds anywhere. */
export interface ColdSteps {
  readonly condition: Value;
  readonly members: readonly Value[];
  /** Members that others use. */
  readonly results: readonly Value[];
  /** Whether none but the selection does, which is computed with them then: elsewhere its other side is the result. */
  readonly withSelection: boolean;
}

/** Registers' worth of steps from which a branch pays, even one that is often predicted wrongly. */
const worthBranch = 24;

const inLanes = (step: Step): boolean => (step.depends & dependency.lane) !== 0;

/**
 * For each step, the condition under which alone it matters: all who use it are selections by that condition, on the
 * side where it holds, or matter under it themselves. -1 for none. `roots` are used by others than steps.
 */
function conditionsOf(steps: readonly Step[], roots: readonly Value[]): Int32Array {
  const unused = -2;
  const conditions = new Int32Array(steps.length).fill(unused);
  const note = (value: Value, condition: number): void => {
    conditions[value] = conditions[value] === unused || conditions[value] === condition ? condition : -1;
  };
  for (const root of roots) conditions[root] = -1;
  for (let at = steps.length - 1; at >= 0; at--) {
    const step = steps[at];
    if (step.kind !== 'operation' || !inLanes(step) || conditions[at] === unused) conditions[at] = -1;
    const own = conditions[at];
    if (step.kind === 'operation' && step.op === 'where' && own === -1) {
      const [condition, whenTrue, whenFalse] = step.args;
      note(condition, -1);
      note(whenFalse, -1);
      note(whenTrue, inLanes(steps[condition]) ? condition : -1);
    } else {
      if ('args' in step) for (const arg of step.args) note(arg, own);
      if ('guards' in step) for (const guard of step.guards) note(guard, -1);
    }
  }
  return conditions;
}

/** By the selection before which they come. */
export function findColdSteps(
  steps: readonly Step[],
  roots: readonly Value[],
): ReadonlyMap<Value, ColdSteps> {
  const found = new Map<Value, ColdSteps>();
  if (steps.length < worthBranch) return found;
  const conditions = conditionsOf(steps, roots);
  /** By condition: the first selection by it. */
  const selections = new Map<Value, Value>();
  for (const [at, step] of steps.entries()) {
    if (step.kind !== 'operation' || step.op !== 'where' || conditions[at] !== -1) continue;
    if (!selections.has(step.args[0])) selections.set(step.args[0], at);
  }
  /** The selection before which a step could come; -1 for none. */
  const selectionOf = (value: Value): Value => {
    const at = selections.get(conditions[value]);
    return at !== undefined && value < at ? at : -1;
  };
  interface Group {
    readonly condition: Value;
    readonly members: Value[];
    readonly results: Set<Value>;
    withSelection: boolean;
    cost: number;
  }
  const groups = new Map<Value, Group>();
  for (let value = 0; value < steps.length; value++) {
    const at = selectionOf(value);
    if (at >= 0) {
      let group = groups.get(at);
      if (group === undefined) {
        const condition = conditions[value];
        group = { condition, members: [], results: new Set(), withSelection: true, cost: 0 };
        groups.set(at, group);
      }
      group.members.push(value);
      group.cost += isWide(steps[value].dtype) ? 2 : 1;
    }
    const step = steps[value];
    if (!('args' in step)) continue;
    for (const arg of step.args) {
      const from = selectionOf(arg);
      if (from < 0 || from === at) continue;
      const group = groups.get(from)!;
      group.results.add(arg);
      if (value !== from) group.withSelection = false;
    }
  }
  for (const [at, { condition, members, results, withSelection, cost }] of groups)
    if (cost >= worthBranch) found.set(at, { condition, members, results: [...results], withSelection });
  return found;
}
