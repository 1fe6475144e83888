// exp, exp2 and expm1.
import type { Value } from '../scalar.ts';
import type { MathCode } from './code.ts';

/**
 * The result is p 2^k 2^k with an even exponent split in two, so that subnormals are rounded once and what
 * overflows goes through no infinite factor; that makes the reduced argument twice as long as usual and the
 * polynomial one degree higher, which is cheaper than splitting an odd exponent.
 */
function scaleTwice(c: MathCode, p: Value, halfExponent: Value): Value {
  const scale = c.powerOfTwo(halfExponent);
  return c.mul(c.mul(p, scale), scale);
}

/**
 * Where exponents end, the scale 2^-127 has the bits of 0: what a mask takes away is 0 at once, and not a subnormal
 * number on its way to 0, which processors are slow with.
 */
const leastHalfExponent = -127;
/** 2 ln 2 in two parts, the first of 16 bits. */
const twoLog2 = [1.38629150390625, 2.8572135306603741e-6];
/** Minimax for e^r, |r| <= ln 2, relative error 2^-26 (Remez; coefficients rounded one by one, refitting the others). */
const expCoefficients = [
  1, 1, 0.500000358, 0.166666165, 0.0416611917, 0.00833595544, 0.00141055952, 0.000196321591,
];

/** ln 2 in two parts, the first of 16 bits. */
const log2Parts: readonly number[] = [0.693145751953125, 1.428606765330187e-6];
/** Minimax for e^r, |r| <= ln 2 / 2, relative error 2^-28. */
const shortExpCoefficients = [1, 1, 0.49999994, 0.166665211, 0.0416682884, 0.00836870354, 0.00138189446];

/** Minimax for e^r, |r| <= ln 2 / 2, to 1.07 units in the last place. */
const shortestExpCoefficients = [1, 0.999999464, 0.499991447, 0.166681796, 0.0418984853, 0.00826205034];

/**
 * One scale does: it does not overflow, and where it is subnormal the result is 0. Where a product is added without
 * being rounded, a multiple of ln 2 as one float is as far off as one of an argument changed by 2^-28.4 of itself.
 */
function expAtMostZero(c: MathCode, x: Value): Value {
  const clamped = c.atLeast(x, -127 * Math.LN2);
  const n = c.roundScaled(clamped, Math.LOG2E, 127);
  const r = c.reduce(clamped, n.float, c.fused ? [Math.LN2] : log2Parts);
  const p = c.polynomial(r, c.fused ? shortestExpCoefficients : shortExpCoefficients);
  return c.mul(p, c.powerOfTwo(n.bits));
}

export function exp(c: MathCode, x: Value): Value {
  if (c.atMostZero) return expAtMostZero(c, x);
  const clamped = c.atLeast(c.atMost(x, 88.8), 2 * leastHalfExponent * Math.LN2);
  const n = c.roundScaled(clamped, 0.5 * Math.LOG2E, 127);
  const r = c.reduce(clamped, n.float, twoLog2);
  return scaleTwice(c, c.polynomial(r, expCoefficients), n.bits);
}

/** Minimax for 2^r, |r| <= 1, relative error 2^-26. */
const exp2Coefficients = [
  1, 0.693147242, 0.240226686, 0.055503659, 0.00961684436, 0.00133417198, 0.000156452923, 1.49169637e-5,
];

/** 2^r 2^2n from |r| <= 1 and the low bits of n + 127. */
export function exp2FromParts(c: MathCode, r: Value, halfExponent: Value): Value {
  return scaleTwice(c, c.polynomial(r, exp2Coefficients), halfExponent);
}

export function exp2(c: MathCode, x: Value): Value {
  const clamped = c.atLeast(c.atMost(x, 128), 2 * leastHalfExponent);
  const n = c.roundScaled(clamped, 0.5, 127);
  return exp2FromParts(c, c.reduce(clamped, n.float, [2]), n.bits);
}

/** Minimax for (e^r - 1 - r) / r², |r| <= ln 2 / 2, to a relative error of 2^-31 in e^r - 1. */
const expm1Coefficients = [0.5, 0.166666657, 0.0416664667, 0.00833364204, 0.00139349909, 0.000196675159];

/** e^x - 1 = 2^n (e^r - 1) + (2^n - 1), halved until the end lest 2^n overflow. */
export function expm1(c: MathCode, x: Value): Value {
  const clamped = c.atLeast(c.atMost(x, 88.8), -18);
  const n = c.roundScaled(clamped, Math.LOG2E, 126);
  const r = c.reduce(clamped, n.float, log2Parts);
  const p = c.fma(c.mul(r, r), c.polynomial(r, expm1Coefficients), r);
  const halfScale = c.powerOfTwo(n.bits);
  const half = c.fma(halfScale, p, c.sub(halfScale, c.constant(0.5)));
  const result = c.add(half, half);
  return c.where(c.compare('eq', x, c.constant(0)), x, result);
}

/** e^a / 4 for 0 <= a, to 1 ulp rather than 2, and finite where sinh and cosh are. */
export function quarterExp(c: MathCode, a: Value): Value {
  const clamped = c.atMost(a, 89.5);
  const n = c.roundScaled(clamped, Math.LOG2E, 125);
  const r = c.reduce(clamped, n.float, log2Parts);
  return c.mul(c.polynomial(r, shortExpCoefficients), c.powerOfTwo(n.bits));
}
