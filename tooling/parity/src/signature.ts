// How a row of the table is written: PyTorch's parameter names in PyTorch's order, and where they go.
//
//     'input kernel_size | stride padding'
//
// are two arguments and two options: f(input, kernelSize, { stride, padding }). '*tensors' takes all positional
// arguments, spread. Python's None is null for an argument; as an option it is left out. Keyword arguments that a row
// does not name go into the options as well, so that the function refuses them.
import { callFunction, callMethod, callTensor, type Library, readProperty } from './api.ts';

/** What a case gives: decoded positional and keyword arguments. */
export interface Given {
  readonly args: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;
}

/** Calls the project's API as PyTorch's operator was called. */
export type Row = (given: Given) => unknown;

export interface Signature {
  readonly positional: readonly string[];
  readonly options: readonly string[];
}

export function parseSignature(text: string): Signature {
  const [positional, options = ''] = text.split('|');
  const names = (part: string): string[] => part.split(' ').filter((name) => name !== '');
  return { positional: names(positional), options: names(options) };
}

/** The values by PyTorch's parameter names. */
export function bind({ positional, options }: Signature, { args, kwargs }: Given): Map<string, unknown> {
  const names = [...positional, ...options];
  const bound = new Map<string, unknown>();
  args.forEach((value, i) => {
    if (names[i] === undefined)
      throw new Error(`parity: the row takes ${names.length} arguments: ${names.join(', ')}`);
    bound.set(names[i], value);
  });
  for (const [name, value] of Object.entries(kwargs)) bound.set(name, value);
  // The device is the one that the run is about, and default.
  bound.delete('device');
  return bound;
}

/** The JavaScript arguments of a call. */
export function argumentsOf(signature: Signature, given: Given): unknown[] {
  const { positional } = signature;
  const starred = positional.findIndex((name) => name.startsWith('*'));
  if (starred >= 0) {
    const { kwargs } = given;
    const rest = bind({ positional: [], options: signature.options }, { args: [], kwargs });
    return [...given.args, ...optionsOf(rest, [])];
  }
  const bound = bind(signature, given);
  const values = positional.map((name) => bound.get(name));
  const options = optionsOf(bound, positional);
  if (options.length === 0) while (values.length > 0 && values.at(-1) == null) values.pop();
  return [...values, ...options];
}

/** An options object of what is not positional, or nothing. */
function optionsOf(bound: ReadonlyMap<string, unknown>, positional: readonly string[]): object[] {
  const entries = [...bound].filter(([name, value]) => !positional.includes(name) && value !== null);
  return entries.length === 0 ? [] : [toOptions(Object.fromEntries(entries))];
}

/** Keyword arguments as an options object. */
export function toOptions(kwargs: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(kwargs).map(([name, value]) => [toCamelCase(name), value]));
}

/** Keyword arguments whose values that are names are written as names are here: `strong_wolfe` is 'strongWolfe'. */
export function withCamelCaseValues(kwargs: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(kwargs).map(([name, value]) => [
      name,
      typeof value === 'string' ? toCamelCase(value) : value,
    ]),
  );
}

/** `rounding_mode` to `roundingMode`, `T_max` to `tMax`. */
export function toCamelCase(name: string): string {
  const camel = name.replace(/(?<=[^_])_+([a-zA-Z0-9])/g, (_, letter: string) => letter.toUpperCase());
  return camel.charAt(0).toLowerCase() + camel.slice(1);
}

/** A function of @nn/tensor, or else a method of the first argument. */
export function tensor(name: string, signature: string): Row {
  const parsed = parseSignature(signature);
  return (given) => callTensor(name, argumentsOf(parsed, given));
}

/** A method of the first argument. */
export function method(name: string, signature: string): Row {
  const parsed = parseSignature(signature);
  return (given) => {
    const [receiver, ...args] = argumentsOf(parsed, given);
    return callMethod(receiver, name, args);
  };
}

/** A property of the only argument. */
export function property(name: string): Row {
  return ({ args }) => readProperty(args[0], name);
}

export function functional(name: string, signature: string): Row {
  return from('@nn/functional', name, signature);
}

/** A function of a library; `name` may be a path, `special.ndtr`. */
export function from(library: Library, name: string, signature: string): Row {
  const parsed = parseSignature(signature);
  return (given) => callFunction(library, name, argumentsOf(parsed, given));
}

/** A row that says itself what to call, with the values by PyTorch's names. */
export function custom(
  signature: string,
  call: (values: { readonly [name: string]: unknown }) => unknown,
): Row {
  const parsed = parseSignature(signature);
  return (given) => call(Object.fromEntries(bind(parsed, given)));
}
