// The project's functions, methods and classes, looked up by name while a case runs: an API that is missing is a
// failed case, not a broken runner.
import * as functional from '@nn/functional';
import * as modules from '@nn/modules';
import * as optim from '@nn/optim';
import * as tensor from '@nn/tensor';

/** A name that the project does not have. */
export class MissingApiError extends Error {}

const libraries = {
  '@nn/tensor': tensor as Readonly<Record<string, unknown>>,
  '@nn/functional': functional as Readonly<Record<string, unknown>>,
  '@nn/modules': modules as Readonly<Record<string, unknown>>,
  '@nn/optim': optim as Readonly<Record<string, unknown>>,
};
export type Library = keyof typeof libraries;

type AnyFunction = (...args: unknown[]) => unknown;

function isFunction(value: unknown): value is AnyFunction {
  return typeof value === 'function';
}

/** Follows `a.b` through a library's exports. */
function lookUp(library: Library, name: string): unknown {
  let found: unknown = libraries[library];
  for (const part of name.split('.')) found = memberOf(found, part);
  return found;
}

/** @throws {MissingApiError} when the library has no such function. */
export function callFunction(library: Library, name: string, args: readonly unknown[]): unknown {
  const found = lookUp(library, name);
  if (!isFunction(found)) throw new MissingApiError(`${library} has no function ${name}`);
  return found(...args);
}

/** @throws {MissingApiError} when the receiver has no such method. */
export function callMethod(receiver: unknown, name: string, args: readonly unknown[]): unknown {
  const found = memberOf(receiver, name);
  if (!isFunction(found)) throw new MissingApiError(`${classNameOf(receiver)} has no method ${name}`);
  return found.apply(receiver, [...args]);
}

/** A function of @nn/tensor, or where there is none the method of the first argument. */
export function callTensor(name: string, args: readonly unknown[]): unknown {
  if (isFunction(lookUp('@nn/tensor', name))) return callFunction('@nn/tensor', name, args);
  if (!tensor.isTensor(args[0]) || !(name in args[0]))
    throw new MissingApiError(`neither @nn/tensor nor Tensor has ${name}`);
  return callMethod(args[0], name, args.slice(1));
}

/** @throws {MissingApiError} when the receiver has no such property. */
export function readProperty(receiver: unknown, name: string): unknown {
  if (typeof receiver !== 'object' || receiver === null || !(name in receiver))
    throw new MissingApiError(`${classNameOf(receiver)} has no property ${name}`);
  return memberOf(receiver, name);
}

/** @throws {MissingApiError} when the library has no such class. */
export function construct(library: Library, name: string, args: readonly unknown[]): object {
  const found = lookUp(library, name);
  if (!isFunction(found)) throw new MissingApiError(`${library} has no class ${name}`);
  return Reflect.construct(found, args);
}

function memberOf(value: unknown, name: string): unknown {
  if (value === null || value === undefined) return undefined;
  return (Object(value) as Record<string, unknown>)[name];
}

function classNameOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  return typeof value === 'object' ? (value.constructor?.name ?? 'object') : typeof value;
}
