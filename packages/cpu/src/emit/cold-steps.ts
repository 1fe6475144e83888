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
  const seen = new Set<Value>();
  for (const [at, step] of steps.entries()) {
    if (step.kind !== 'operation' || step.op !== 'where' || conditions[at] !== -1) continue;
    const [condition] = step.args;
    if (seen.has(condition)) continue;
    seen.add(condition);
    const members: Value[] = [];
    let cost = 0;
    for (let value = 0; value < at; value++) {
      if (conditions[value] !== condition) continue;
      members.push(value);
      cost += isWide(steps[value].dtype) ? 2 : 1;
    }
    if (cost < worthBranch) continue;
    const inside = new Set(members);
    const results = new Set<Value>();
    for (const [user, other] of steps.entries())
      if (!inside.has(user) && 'args' in other)
        for (const arg of other.args) if (inside.has(arg)) results.add(arg);
    found.set(at, { condition, members, results: [...results] });
  }
  return found;
}
