// Ranges of settings.
import { ArgumentError } from '@nn/core';

/** @throws {ArgumentError} for values that are negative or no numbers. */
export function checkNotNegative(name: string, options: { readonly [option: string]: number }): void {
  for (const [option, value] of Object.entries(options)) {
    if (!(value >= 0)) throw new ArgumentError(`${name}: ${option} must be at least 0, got ${value}`);
  }
}

/** @throws {ArgumentError} unless both lie in [0, 1). */
export function checkBetas(name: string, betas: readonly [number, number]): void {
  if (betas.length === 2 && betas.every((beta) => beta >= 0 && beta < 1)) return;
  throw new ArgumentError(`${name}: betas must be two numbers in [0, 1), got [${String(betas)}]`);
}
