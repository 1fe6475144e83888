// log, log1p, log2 and log10.
import type { Value } from '../scalar.ts';
import type { MathCode } from './code.ts';

/** Bits of the float32 next to √½: mantissas are taken in [√½, √2). */
const lowestMantissa = 0x3f3504f3;
const one = 0x3f800000;
const exponentMask = 0xff800000;
/** The exponent stays in its place in the int32, 2^23 times too large when cast: the constants make up for it. */
const exponentUnit = 2 ** -23;

/** Minimax for (log(1 + f) - f) / f², f in [√½ - 1, √2 - 1], to a relative error of 2^-25 in log(1 + f). */
const logCoefficients = [
  -0.5, 0.333339095, -0.250013351, 0.199631006, -0.165776521, 0.149145082, -0.14266932, 0.0870040208,
];
const log2High: number = 0.693145751953125 * exponentUnit;
const log2Low: number = 1.428606765330187e-6 * exponentUnit;

/** A number 2^k (1 + f): f in [√½ - 1, √2 - 1], and -k 2^23 as a float. */
export interface Parts {
  readonly negatedExponent: Value;
  readonly f: Value;
}

/**
 * log(2^k (1 + f)) = k ln 2 + (f + f² P(f)), k being negated so that a zero f keeps
 * its sign, as log1p(-0) needs: (+0)(-ln 2) + (-0) is -0.
 */
function logFromParts(c: MathCode, { negatedExponent, f }: Parts): Value {
  const square = c.mul(f, f);
  const tail = c.mul(square, c.polynomialInHalves(f, square, logCoefficients));
  const withLow = c.fma(negatedExponent, c.constant(-log2Low), tail);
  return c.fma(negatedExponent, c.constant(-log2High), c.add(f, withLow));
}

/** Minus the exponent of x, normal and positive, for a mantissa in [√½, √2); in the exponent's place of an int32. */
function negatedExponentOf(c: MathCode, x: Value): Value {
  return c.and(c.sub(c.integer(lowestMantissa + 0x7fffff), c.bitsOf(x)), c.integer(exponentMask));
}

/** Of x, normal and positive, times 2^exponentShift. */
export function normalParts(c: MathCode, x: Value, exponentShift?: Value): Parts {
  const negated = negatedExponentOf(c, x);
  const mantissa = c.floatOf(c.add(c.bitsOf(x), negated));
  const shifted = exponentShift === undefined ? negated : c.sub(negated, exponentShift);
  return { negatedExponent: c.builder.cast(shifted, 'float32'), f: c.sub(mantissa, c.constant(1)) };
}

/** Of any positive x. */
export function positiveParts(c: MathCode, x: Value): Parts {
  const tiny = c.compare('lt', x, c.constant(2 ** -126));
  const normal = c.where(tiny, c.mul(x, c.constant(2 ** 23)), x);
  return normalParts(c, normal, c.where(tiny, c.integer(-23 * 2 ** 23), c.integer(0)));
}

/** log(2^doublings x) of a normal positive number, other values giving anything. */
export function logOfNormal(c: MathCode, x: Value, doublings: number): Value {
  const shift = doublings === 0 ? undefined : c.integer(doublings * 2 ** 23);
  return logFromParts(c, normalParts(c, x, shift));
}

/** -Infinity where x is `pole`, NaN below, +Infinity and NaN where x is that, elsewhere the result. */
function logEdges(c: MathCode, x: Value, pole: number, result: Value): Value {
  const finite = c.where(c.compare('lt', x, c.constant(Number.POSITIVE_INFINITY)), result, x);
  const atPole = c.compare('eq', x, c.constant(pole));
  const defined = c.where(atPole, c.constant(Number.NEGATIVE_INFINITY), finite);
  return c.where(c.compare('lt', x, c.constant(pole)), c.constant(Number.NaN), defined);
}

/** Bits of the least normal float32, and of infinity. */
const leastNormal = 0x00800000;
export const infinity = 0x7f800000;

/** Whether x is no normal positive number: 0, subnormal, negative, infinite or NaN. */
export function isUnusual(c: MathCode, x: Value): Value {
  return c.isOutside(x, leastNormal, infinity);
}

/**
 * A logarithm from the parts of x. All that needs special care stands on one side of one selection, so that a device
 * may leave it out where no x needs it.
 */
function logarithmOf(c: MathCode, x: Value, fromParts: (parts: Parts) => Value): Value {
  const usual = fromParts(normalParts(c, x));
  const careful = logEdges(c, x, 0, fromParts(positiveParts(c, x)));
  return c.where(isUnusual(c, x), careful, usual);
}

export function log(c: MathCode, x: Value): Value {
  return logarithmOf(c, x, (parts) => logFromParts(c, parts));
}

/** Bits of 2^126, beyond which the scale of log1p is subnormal and 1 + x is x. */
const hugeBits = 0x7e800000;

/** log(1 + x): 2^k from 1 + x rounded, but f = x 2^-k - (1 - 2^-k) from x itself, exact where k is 0. */
export function log1p(c: MathCode, x: Value): Value {
  const sum = c.add(x, c.constant(1));
  const negated = negatedExponentOf(c, sum);
  const scale = c.floatOf(c.add(negated, c.integer(one)));
  const scaled = c.floatOf(c.add(c.bitsOf(x), negated));
  const f = c.sub(scaled, c.sub(c.constant(1), scale));
  const usual = logFromParts(c, { negatedExponent: c.builder.cast(negated, 'float32'), f });
  const careful = logEdges(c, x, -1, logFromParts(c, positiveParts(c, x)));
  return c.where(c.isOutside(sum, leastNormal, hugeBits), careful, usual);
}

/** Minimax for log2(1 + f) / f - 1, relative error 2^-25 in log2. */
const log2Coefficients = [
  0.442694992, -0.721347511, 0.480913699, -0.360688895, 0.287791461, -0.239246294, 0.21737437, -0.205639914,
  0.118907176,
];

/** k + (f + f Q(f)): a polynomial less its leading 1 keeps its rounding errors small. */
function log2FromParts(c: MathCode, { negatedExponent, f }: Parts): Value {
  const mantissaPart = c.fma(f, c.polynomialInHalves(f, c.mul(f, f), log2Coefficients), f);
  return c.fma(negatedExponent, c.constant(-exponentUnit), mantissaPart);
}

export function log2OfPositive(c: MathCode, x: Value): Value {
  return log2FromParts(c, positiveParts(c, x));
}

export function log2(c: MathCode, x: Value): Value {
  return logarithmOf(c, x, (parts) => log2FromParts(c, parts));
}

/** Minimax for log10(1 + f) / f - ½, relative error 2^-25 in log10. */
const log10Coefficients = [
  -0.0657055303, -0.217147231, 0.144768625, -0.108579502, 0.086668551, -0.0719867647, 0.0650030747,
  -0.0620766357, 0.037377011,
];
/** log10(2) in two parts, the first of 11 bits. */
const log10Of2High: number = 0.301025390625 * exponentUnit;
const log10Of2Low: number = 4.6050390665186569e-6 * exponentUnit;

function log10FromParts(c: MathCode, { negatedExponent, f }: Parts): Value {
  const tail = c.mul(f, c.polynomialInHalves(f, c.mul(f, f), log10Coefficients));
  const withLow = c.fma(negatedExponent, c.constant(-log10Of2Low), tail);
  const withMantissa = c.fma(f, c.constant(0.5), withLow);
  return c.fma(negatedExponent, c.constant(-log10Of2High), withMantissa);
}

export function log10(c: MathCode, x: Value): Value {
  return logarithmOf(c, x, (parts) => log10FromParts(c, parts));
}
