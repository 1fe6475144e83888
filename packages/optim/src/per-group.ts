// Settings that a scheduler takes for all groups, or for each.
import { ArgumentError } from '@nn/tensor';
import { isNumber, text } from './checks.ts';

/** One number for all groups, or one for each. */
export type PerGroup = number | readonly number[];

/** @throws {ArgumentError} for what is neither a number nor a number for each group. */
export function perGroup(name: string, value: PerGroup, count: number): number[] {
  const list: unknown = isNumber(value) ? new Array<number>(count).fill(value) : value;
  const isList = Array.isArray(list) && list.every(isNumber);
  if (isList && list.length === count) return [...list];
  throw new ArgumentError(
    `${name}: expected one number, or a list of ${count} (one for each group), got ${isList ? list.length : text(value)}`,
  );
}
