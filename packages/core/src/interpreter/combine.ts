// Combining two elements, one at a time: for reductions, scans and scatters.
import type { DType } from '../dtype.ts';
import type { ReduceOp } from '../kernel.ts';
import { type Element, fitNumber, greaterBigint, lesserBigint, rangeOf } from './element.ts';

export type CombineOp = Exclude<ReduceOp, 'argmax' | 'argmin'>;
export type Combine = (x: Element, y: Element) => Element;

const onBigints: { readonly [O in CombineOp]: (x: bigint, y: bigint) => bigint } = {
  sum: (x, y) => BigInt.asIntN(64, x + y),
  prod: (x, y) => BigInt.asIntN(64, x * y),
  max: greaterBigint,
  min: lesserBigint,
};

const onFloats: { readonly [O in CombineOp]: (x: number, y: number) => number } = {
  sum: (x, y) => x + y,
  prod: (x, y) => x * y,
  max: Math.max,
  min: Math.min,
};

const onIntegers: { readonly [O in CombineOp]: (x: number, y: number) => number } = {
  ...onFloats,
  sum: (x, y) => (x + y) | 0,
  prod: Math.imul,
};

const integers: ReadonlySet<DType> = new Set(['uint8', 'int8', 'int16', 'int32']);

/**
 * Combines without rounding floats (they accumulate in float64); integers wrap at 32 bits, which wrapping
 * narrower at the end does not notice.
 */
export function accumulating(op: CombineOp, dtype: DType): Combine {
  if (dtype === 'int64') return onBigints[op] as Combine;
  return (integers.has(dtype) ? onIntegers : onFloats)[op] as Combine;
}

/** Combines within the dtype: each result is rounded or wrapped. */
export function combining(op: CombineOp, dtype: DType): Combine {
  const combine = accumulating(op, dtype);
  if (dtype === 'int64') return combine;
  return (x, y) => fitNumber(dtype, combine(x, y) as number);
}

/** What combines with every x to x: the result over nothing. */
export function identityOf(op: CombineOp, dtype: DType): Element {
  if (op === 'max') return rangeOf(dtype)[0];
  if (op === 'min') return rangeOf(dtype)[1];
  const identity = op === 'sum' ? 0 : 1;
  return dtype === 'int64' ? BigInt(identity) : identity;
}
