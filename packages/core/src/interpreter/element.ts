// How one element of each dtype is held while computing: a number that the dtype can represent, or a bigint for
// int64. Bool is 0 and 1.
import { categoryOf, type DType, type HostArray } from '../dtype.ts';
import {
  bfloat16ToNumber,
  float16ToNumber,
  numberToBfloat16,
  numberToFloat16,
  roundToBfloat16,
  roundToFloat16,
} from '../half.ts';

export type Element = number | bigint;

/** Brings the exact (or float64) result of an operation into the dtype: floats round, integers wrap around. */
export function fitNumber(dtype: DType, value: number): number {
  switch (dtype) {
    case 'bool':
      return value !== 0 ? 1 : 0;
    case 'uint8':
      return value & 0xff;
    case 'int8':
      return (value << 24) >> 24;
    case 'int16':
      return (value << 16) >> 16;
    case 'float16':
      return roundToFloat16(value);
    case 'bfloat16':
      return roundToBfloat16(value);
    case 'float32':
      return Math.fround(value);
    case 'int32':
      return value | 0;
    default:
      return value;
  }
}

const integerRanges: { readonly [D in DType]?: readonly [number, number] } = {
  uint8: [0, 0xff],
  int8: [-0x80, 0x7f],
  int16: [-0x8000, 0x7fff],
  int32: [-0x80000000, 0x7fffffff],
};

const int64Range: readonly [bigint, bigint] = [-(2n ** 63n), 2n ** 63n - 1n];

/** The least and the greatest value of a dtype; infinities for floats. */
export function rangeOf(dtype: DType): readonly [Element, Element] {
  if (dtype === 'int64') return int64Range;
  if (dtype === 'bool') return [0, 1];
  return integerRanges[dtype] ?? [-Infinity, Infinity];
}

/** The language's `cast` from a float64, integer (in float64) or bool value. */
export function castNumber(from: DType, to: DType, value: number): Element {
  if (to === 'bool') return value !== 0 ? 1 : 0;
  if (to === 'int64') {
    if (Number.isNaN(value)) return 0n;
    if (value >= 2 ** 63) return int64Range[1];
    return value <= -(2 ** 63) ? int64Range[0] : BigInt(Math.trunc(value));
  }
  if (categoryOf(from) === 'float' && categoryOf(to) === 'integer') {
    const [low, high] = integerRanges[to] as readonly [number, number];
    if (Number.isNaN(value)) return 0;
    return value <= low ? low : value >= high ? high : Math.trunc(value) + 0;
  }
  return fitNumber(to, value);
}

/** The language's `cast` from int64. */
export function castBigint(to: DType, value: bigint): Element {
  if (to === 'int64') return BigInt.asIntN(64, value);
  if (to === 'bool') return value !== 0n ? 1 : 0;
  if (categoryOf(to) === 'integer') return fitNumber(to, Number(BigInt.asIntN(32, value)));
  return fitNumber(to, to === 'float64' ? Number(value) : toStickyNumber(value));
}

/** A float64 from which rounding to a shorter float gives what rounding the integer itself would. */
function toStickyNumber(value: bigint): number {
  if (value > -(2n ** 53n) && value < 2n ** 53n) return Number(value);
  const kept = value >> 11n;
  return Number(value & 0x7ffn ? kept | 1n : kept) * 2048;
}

/** A constant or parameter as a value of the dtype. Integers given as numbers wrap, so that -1 is all ones. */
export function elementFrom(dtype: DType, value: Element): Element {
  if (typeof value === 'bigint') return castBigint(dtype, value);
  if (dtype === 'int64') return castNumber('float64', 'int64', value);
  return fitNumber(dtype, value);
}

/** Reads element `at` of a host array. */
export function loadElement(dtype: DType, array: HostArray, at: number): Element {
  const raw = array[at];
  if (dtype === 'float16') return float16ToNumber(raw as number);
  if (dtype === 'bfloat16') return bfloat16ToNumber(raw as number);
  return raw;
}

/** Writes a value of the dtype to element `at` of a host array. */
export function storeElement(dtype: DType, array: HostArray, at: number, value: Element): void {
  if (dtype === 'float16') array[at] = numberToFloat16(value as number);
  else if (dtype === 'bfloat16') array[at] = numberToBfloat16(value as number);
  else array[at] = value;
}

/** Math.min takes no bigints. */
export function lesserBigint(x: bigint, y: bigint): bigint {
  if (y < x) return y;
  return x;
}

export function greaterBigint(x: bigint, y: bigint): bigint {
  if (y > x) return y;
  return x;
}
