// Optimizer state as plain data, and whether such data fits an optimizer.
import { DataError, describe, formatShape, isTensor, type Tensor } from '@nn/tensor';
import type { ParamState } from './optimizer.ts';

/** What an optimizer keeps of a parameter: numbers (a step count, say), lists of them, and tensors. */
export type StateValue = number | readonly number[] | Tensor;

export interface OptimizerStateDict {
  /** By the parameter's position over all groups. */
  readonly state: { readonly [position: number]: ParamState };
  readonly paramGroups: readonly { readonly params: readonly number[]; readonly [option: string]: unknown }[];
}

interface Group {
  readonly params: readonly Tensor[];
}

/** What an optimizer expects of its state. */
export interface Expectations<G extends Group> {
  readonly name: string;
  readonly groups: readonly G[];
  /** Settings that each group has. */
  readonly settings: readonly string[];
  /** Names that a parameter's state has in such a group. */
  stateNames(parameter: Tensor, group: G): readonly string[];
  fits(name: string, value: Tensor, parameter: Tensor): boolean;
}

export interface FittedState<G extends Group> {
  readonly groups: readonly G[];
  readonly state: ReadonlyMap<Tensor, ParamState>;
}

/** Lists (of numbers or names) are not shared between dict and optimizer; tensors of a dict are the optimizer's own. */
function copied(options: object): object {
  return Object.fromEntries(
    Object.entries(options).map(([name, value]) => [name, Array.isArray(value) ? [...value] : value]),
  );
}

export function readState(
  groups: readonly Group[],
  state: ReadonlyMap<Tensor, ParamState>,
): OptimizerStateDict {
  const positions = new Map(groups.flatMap(({ params }) => params).map((parameter, i) => [parameter, i]));
  const byPosition: { [position: number]: ParamState } = {};
  for (const [parameter, values] of state) {
    const position = positions.get(parameter);
    if (position !== undefined) byPosition[position] = copied(values) as ParamState;
  }
  const paramGroups = groups.map(({ params, ...options }) => ({
    ...copied(options),
    params: params.map((parameter) => positions.get(parameter)!),
  }));
  return { state: byPosition, paramGroups };
}

function isObject(value: unknown): value is { readonly [name: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * The dict's settings and state in terms of the optimizer's parameters. The tensors are copies.
 *
 * @throws {DataError} that names all that does not fit.
 */
export function fittedState<G extends Group>(dict: unknown, expected: Expectations<G>): FittedState<G> {
  const problems: string[] = [];
  const refuse = (): never => {
    throw new DataError(
      `loadStateDict: the state does not fit this ${expected.name}:\n  ${problems.join('\n  ')}`,
    );
  };
  if (!isObject(dict) || !isObject(dict['state']) || !Array.isArray(dict['paramGroups'])) {
    problems.push(`expected { state, paramGroups }, got ${describe(dict)}`);
    return refuse();
  }
  const saved: readonly unknown[] = dict['paramGroups'];
  const sizes = (groups: readonly unknown[]): string =>
    groups
      .map((group) => (isObject(group) && Array.isArray(group['params']) ? group['params'].length : 'no'))
      .join(', ');
  if (sizes(saved) !== sizes(expected.groups)) {
    problems.push(
      `it has groups of ${sizes(saved) || 'no'} parameters, the optimizer of ${sizes(expected.groups)}`,
    );
    return refuse();
  }
  const owners = new Map<string, { parameter: Tensor; group: G }>();
  const groups = saved.map((each, i) => {
    const { params, ...options } = each as OptimizerStateDict['paramGroups'][number];
    const lacking = expected.settings.filter((name) => !Object.hasOwn(options, name));
    if (lacking.length > 0)
      problems.push(`group ${i} lacks ${lacking.join(', ')}: another kind of optimizer?`);
    const own = expected.groups[i];
    const group = { ...own, ...copied(options), params: own.params } as G;
    params.forEach((position, j) => {
      owners.set(String(position), { parameter: own.params[j], group });
    });
    return group;
  });
  if (problems.length > 0) return refuse();
  const state = new Map<Tensor, ParamState>();
  for (const [position, values] of Object.entries(dict['state'])) {
    const owner = owners.get(position);
    if (owner === undefined) problems.push(`state ${position} belongs to no parameter of any group`);
    else if (!isObject(values)) problems.push(`state ${position} is ${describe(values)}`);
    else {
      const found = problemsOf(position, values, owner, expected);
      if (found.length === 0) state.set(owner.parameter, ownState(values as ParamState, owner.parameter));
      problems.push(...found);
    }
  }
  return problems.length > 0 ? refuse() : { groups, state };
}

function problemsOf<G extends Group>(
  position: string,
  values: { readonly [name: string]: unknown },
  { parameter, group }: { readonly parameter: Tensor; readonly group: G },
  expected: Expectations<G>,
): string[] {
  const lacking = expected.stateNames(parameter, group).filter((name) => !Object.hasOwn(values, name));
  const problems = lacking.map((name) => `state ${position} lacks ${name}`);
  for (const [name, value] of Object.entries(values)) {
    if (isTensor(value)) {
      if (expected.fits(name, value, parameter)) continue;
      problems.push(
        `state ${position}: ${name} has shape ${formatShape(value.shape)}, the parameter ${formatShape(parameter.shape)}`,
      );
    } else if (typeof value !== 'number' && !isListOfNumbers(value)) {
      problems.push(
        `state ${position}: ${name} must be a number, a list of numbers or a tensor, got ${describe(value)}`,
      );
    }
  }
  return problems;
}

function isListOfNumbers(value: unknown): boolean {
  return Array.isArray(value) && value.every((each) => typeof each === 'number');
}

/** Tensors of its own, on the parameter's device and in its dtype. */
function ownState(values: ParamState, parameter: Tensor): ParamState {
  return Object.fromEntries(
    Object.entries(copied(values) as ParamState).map(([name, value]) => [
      name,
      isTensor(value) ? value.detach().to(parameter.device).to(parameter.dtype).clone() : value,
    ]),
  );
}
