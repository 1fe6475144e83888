// Parameters in groups: with names or without, each of them once.
import { ArgumentError, describe, isFloat, isTensor, type Tensor } from '@nn/tensor';

/** Parameters that share settings. Settings may be changed between steps; nothing is compiled anew for that. */
export type ParamGroup<Options extends object> = Options & {
  params: Tensor[];
  /** The parameters' names, where they were given with names (`model.namedParameters()`). */
  paramNames?: string[];
  /** The learning rate that schedulers start from. */
  initialLr?: number;
};

/** As in `model.namedParameters()`. */
export type NamedParameter = readonly [name: string, parameter: Tensor];

interface Parameters {
  readonly params: Tensor[];
  /** Null for parameters without names. */
  readonly names: string[] | null;
}

export function listOf(name: string, value: unknown, what: string): unknown[] {
  if (isTensor(value)) throw new ArgumentError(`${name}: expected a list of ${what}, got a tensor. Use [x]`);
  if (typeof value === 'object' && value !== null && Symbol.iterator in value) {
    return [...(value as Iterable<unknown>)];
  }
  throw new ArgumentError(`${name}: expected a list of ${what}, got ${describe(value)}`);
}

function isNamed(value: unknown): value is NamedParameter {
  return Array.isArray(value) && value.length === 2 && typeof value[0] === 'string';
}

/**
 * The parameters of a group to be.
 *
 * @throws {ArgumentError} for what is no leaf tensor of floats, for parameters that are listed already, and for names
 * of some but not of all parameters.
 */
export function parametersOf(
  optimizer: string,
  given: unknown,
  groups: readonly ParamGroup<object>[],
): Parameters {
  const list = isTensor(given) ? [given] : listOf(optimizer, given, 'parameters');
  const known = new Set(groups.flatMap((group) => group.params));
  const params: Tensor[] = [];
  const names: string[] = [];
  list.forEach((each, i) => {
    if (isNamed(each)) names.push(each[0]);
    const parameter = checkParameter(optimizer, isNamed(each) ? each[1] : each, i);
    if (known.has(parameter)) {
      throw new ArgumentError(`${optimizer}: parameter ${i} of the group appears twice`);
    }
    known.add(parameter);
    params.push(parameter);
  });
  const first = groups.at(0);
  const named = first === undefined ? names.length > 0 : first.paramNames !== undefined;
  if (names.length !== (named ? params.length : 0)) {
    throw new ArgumentError(
      `${optimizer}: some parameters have names and others have none. Give all as [name, tensor], or none`,
    );
  }
  return { params, names: named ? names : null };
}

function checkParameter(name: string, parameter: unknown, position: number): Tensor {
  if (!isTensor(parameter)) {
    throw new ArgumentError(`${name}: parameter ${position} must be a tensor, got ${describe(parameter)}`);
  }
  if (!parameter.isLeaf) {
    throw new ArgumentError(
      `${name}: parameter ${position} was computed from others (${parameter.gradFn?.name}). Optimize those, or x.detach()`,
    );
  }
  if (!isFloat(parameter.dtype)) {
    throw new ArgumentError(
      `${name}: parameter ${position} is ${parameter.dtype}; only float tensors have gradients`,
    );
  }
  return parameter;
}
