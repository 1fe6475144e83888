// What is known of a value before it is computed: between which numbers it lies, and whether it is exact.
//
// Exact values are whole multiples of 2^-bits, few enough of them that float32 holds every sum of such values: then
// no order of summation, fusion or fused multiply-add changes a bit, and steps (comparisons, rounding, sorting) are
// safe. Everything else is compared within a tolerance, and takes part only in what is continuous.

export interface Domain {
  readonly low: number;
  readonly high: number;
  /** Values are whole multiples of 2^-bits. Infinity where nothing is known. */
  readonly bits: number;
  /** NaN and infinities may occur. */
  readonly special: boolean;
}

/** Whole numbers up to this are exact in float32. */
const exactRange = 2 ** 24;
const inexactBits = Number.POSITIVE_INFINITY;

export const domainOf = (low: number, high: number, bits: number = 0): Domain => ({
  low,
  high,
  bits: Math.max(-low, high) * 2 ** bits > exactRange ? inexactBits : bits,
  special: false,
});

export const inexact = (low: number, high: number): Domain => ({
  low,
  high,
  bits: inexactBits,
  special: false,
});

export function constant(value: number): Domain {
  let bits = 0;
  while (bits < 30 && !Number.isInteger(value * 2 ** bits)) bits++;
  return bits === 30 ? inexact(value, value) : domainOf(value, value, bits);
}

export const isExact = ({ bits }: Domain): boolean => bits !== inexactBits;

export const magnitudeOf = ({ low, high }: Domain): number => Math.max(Math.abs(low), Math.abs(high));

function marked(result: Domain, ...from: readonly Domain[]): Domain {
  return from.some(({ special }) => special) ? { ...result, special: true } : result;
}

/** One or the other. */
export function join(...domains: readonly Domain[]): Domain {
  const low = Math.min(...domains.map((each) => each.low));
  const high = Math.max(...domains.map((each) => each.high));
  return marked(domainOf(low, high, Math.max(...domains.map((each) => each.bits))), ...domains);
}

export function plus(a: Domain, b: Domain): Domain {
  return marked(domainOf(a.low + b.low, a.high + b.high, Math.max(a.bits, b.bits)), a, b);
}

export function negated(a: Domain): Domain {
  return { ...a, low: -a.high, high: -a.low };
}

export function product(a: Domain, b: Domain): Domain {
  const corners = [a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high];
  return marked(domainOf(Math.min(...corners), Math.max(...corners), a.bits + b.bits), a, b);
}

/** A sum of up to `count` such values. */
export function total(a: Domain, count: number): Domain {
  return marked(domainOf(Math.min(0, a.low * count), Math.max(0, a.high * count), a.bits), a);
}

/** The values cut off outside of the bounds, which are exact. */
export function clamped(a: Domain, low: number, high: number): Domain {
  const cut = (value: number): number => Math.min(Math.max(value, low), high);
  return marked(domainOf(cut(a.low), cut(a.high), Math.max(a.bits, constant(low).bits)), a);
}

/** Whether all that `inner` allows is allowed by `outer`. */
export function isWithin(inner: Domain, outer: Domain): boolean {
  return (
    inner.low >= outer.low &&
    inner.high <= outer.high &&
    inner.bits <= outer.bits &&
    (outer.special || !inner.special)
  );
}

/** int32 wraps around. */
export function wrapped(a: Domain): Domain {
  return a.low >= -(2 ** 31) && a.high < 2 ** 31 ? a : domainOf(-(2 ** 31), 2 ** 31);
}
