// Settings: completed by defaults, and held to their ranges.
import { ArgumentError, checkOptions, describe } from '@nn/tensor';

/**
 * The options, with defaults for those that are left out or undefined.
 *
 * @throws {ArgumentError} for unknown options.
 */
export function complete<O extends object>(name: string, defaults: O, options: Partial<O>): O {
  checkOptions(name, options, Object.keys(defaults));
  return { ...defaults, ...given(options) };
}

/** Without the options that are undefined: spread, they would hide defaults. */
export function given<O extends object>(options: O): O {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as O;
}

/** What was given, for a message: numbers and text as they are written, lists with their elements. */
export function text(value: unknown): string {
  if (typeof value === 'number' || value === undefined || value === null) return String(value);
  if (typeof value === 'string') return `'${value}'`;
  if (Array.isArray(value)) return `[${value.map(text).join(', ')}]`;
  return describe(value);
}

/** A number, and not NaN. */
export function isNumber(value: unknown): value is number {
  return typeof value === 'number' && !Number.isNaN(value);
}

/** @throws {ArgumentError} for values that are negative or no numbers. */
export function checkNotNegative(name: string, options: { readonly [option: string]: unknown }): void {
  for (const [option, value] of Object.entries(options)) {
    if (!isNumber(value) || value < 0) {
      throw new ArgumentError(`${name}: ${option} must be a number of at least 0, got ${text(value)}`);
    }
  }
}

/** @throws {ArgumentError} for values that are not above 0, or no numbers. */
export function checkPositiveNumbers(name: string, options: { readonly [option: string]: unknown }): void {
  for (const [option, value] of Object.entries(options)) {
    if (!isNumber(value) || value <= 0) {
      throw new ArgumentError(`${name}: ${option} must be a number above 0, got ${text(value)}`);
    }
  }
}

/** @throws {ArgumentError} for what is no number. */
export function checkNumbers(name: string, options: { readonly [option: string]: unknown }): void {
  for (const [option, value] of Object.entries(options)) {
    if (!isNumber(value)) throw new ArgumentError(`${name}: ${option} must be a number, got ${text(value)}`);
  }
}

/** @throws {ArgumentError} for what is neither true nor false. */
export function checkBooleans(name: string, options: { readonly [option: string]: unknown }): void {
  for (const [option, value] of Object.entries(options)) {
    if (typeof value !== 'boolean')
      throw new ArgumentError(`${name}: ${option} must be true or false, got ${text(value)}`);
  }
}

/** @throws {ArgumentError} for what is none of the choices. */
export function checkChoice(name: string, option: string, value: unknown, choices: readonly unknown[]): void {
  if (choices.includes(value)) return;
  throw new ArgumentError(`${name}: ${option} must be ${choices.map(text).join(' or ')}, got ${text(value)}`);
}

/** @throws {ArgumentError} for values outside of [0, 1]. */
export function checkFraction(name: string, options: { readonly [option: string]: unknown }): void {
  for (const [option, value] of Object.entries(options)) {
    if (!isNumber(value) || value < 0 || value > 1) {
      throw new ArgumentError(`${name}: ${option} must lie between 0 and 1, got ${text(value)}`);
    }
  }
}

/** @throws {ArgumentError} for what is no integer of at least 1. */
export function checkPositiveInteger(name: string, options: { readonly [option: string]: unknown }): void {
  for (const [option, value] of Object.entries(options)) {
    if (!Number.isInteger(value) || (value as number) < 1) {
      throw new ArgumentError(`${name}: ${option} must be a positive integer, got ${text(value)}`);
    }
  }
}

/** @throws {ArgumentError} unless it is a pair of numbers that `accepts` takes. */
export function checkPair(
  name: string,
  option: string,
  value: unknown,
  what: string,
  accepts: (first: number, second: number) => boolean,
): void {
  if (Array.isArray(value) && value.length === 2 && value.every(isNumber) && accepts(value[0], value[1]))
    return;
  throw new ArgumentError(`${name}: ${option} must be ${what}, got ${text(value)}`);
}

/** @throws {ArgumentError} unless both lie in [0, 1). */
export function checkBetas(name: string, betas: unknown): void {
  const inside = (beta: number): boolean => beta >= 0 && beta < 1;
  checkPair(
    name,
    'betas',
    betas,
    'two numbers in [0, 1)',
    (first, second) => inside(first) && inside(second),
  );
}
