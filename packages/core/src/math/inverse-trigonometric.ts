// asin, acos, atan and atan2.
import type { Value } from '../scalar.ts';
import type { MathCode } from './code.ts';

const halfPi: number = Math.fround(Math.PI / 2);
/** What is missing to π / 2, and to any multiple of it as a part of the multiple. */
const halfPiRest = -4.3711390001862426e-8;
const relativeRest: number = halfPiRest / halfPi;

/** Minimax for (asin(s) / s - 1) / s² in s², 0 <= s <= ½, to a relative error of 2^-27 in asin. */
const asinCoefficients = [0.166667521, 0.0749530941, 0.0454695486, 0.0241790656, 0.0421761945];

/** s² for asin(s): above ½ of s = √((1 - a) / 2), for asin(a) = π/2 - 2 asin(s). */
function reducedSquare(c: MathCode, x: Value, a: Value, isLarge: Value): Value {
  return c.where(isLarge, c.fma(a, c.constant(-0.5), c.constant(0.5)), c.mul(x, x));
}

export function asin(c: MathCode, x: Value): Value {
  const a = c.abs(x);
  const isLarge = c.compare('lt', c.constant(0.5), a);
  const square = reducedSquare(c, x, a, isLarge);
  const s = c.where(isLarge, c.sqrt(square), a);
  const tail = c.mul(c.mul(s, square), c.polynomial(square, asinCoefficients));
  const two = c.constant(2);
  const double = c.fma(s, two, c.fma(tail, two, c.constant(-halfPiRest)));
  return c.withSignOf(c.where(isLarge, c.sub(c.constant(halfPi), double), c.add(s, tail)), x);
}

/** π/2 - asin(x), or next to 1 twice asin(√((1 - x) / 2)), next to -1 π less that of -x: base + s + ... with signs. */
export function acos(c: MathCode, x: Value): Value {
  const a = c.abs(x);
  const zero = c.constant(0);
  const isLarge = c.compare('lt', c.constant(0.5), a);
  const square = reducedSquare(c, x, a, isLarge);
  const root = c.sqrt(square);
  const magnitude = c.where(isLarge, c.add(root, root), c.neg(a));
  const s = c.floatOf(c.xor(c.bitsOf(magnitude), c.signOf(x)));
  const largeBase = c.where(c.compare('lt', x, zero), c.constant(2 * halfPi), zero);
  const base = c.where(isLarge, largeBase, c.constant(halfPi));
  const rest = c.mul(base, c.constant(relativeRest));
  const tail = c.fma(c.mul(s, square), c.polynomial(square, asinCoefficients), rest);
  return c.add(base, c.add(s, tail));
}

/** Minimax for (atan(t) / t - 1) / t² in t², 0 <= t <= 1, to a relative error of 2^-25 in atan. */
const atanCoefficients = [
  -0.333331525, 0.199937671, -0.142110035, 0.10665787, -0.0755173638, 0.0432062037, -0.0163644925,
  0.00291984691,
];

/** base + atan(t) for |t| <= 1 and base a multiple of π/2 that is right to float32. */
function turnedAtan(c: MathCode, base: Value, t: Value): Value {
  const square = c.mul(t, t);
  const rest = c.mul(base, c.constant(relativeRest));
  const tail = c.fma(c.mul(t, square), c.polynomial(square, atanCoefficients), rest);
  return c.add(base, c.add(t, tail));
}

export function atan(c: MathCode, x: Value): Value {
  const a = c.abs(x);
  const isLarge = c.compare('lt', c.constant(1), a);
  const t = c.where(isLarge, c.div(c.constant(-1), a), a);
  const base = c.where(isLarge, c.constant(halfPi), c.constant(0));
  return c.withSignOf(turnedAtan(c, base, t), x);
}

/** The angle of the point (x, y), by atan of the smaller of |x| and |y| over the larger. */
export function atan2(c: MathCode, y: Value, x: Value): Value {
  const { builder } = c;
  const zero = c.constant(0);
  const absX = c.abs(x);
  const absY = c.abs(y);
  const isSteep = c.compare('lt', absX, absY);
  const larger = c.where(isSteep, absY, absX);
  const smaller = c.where(isSteep, absX, absY);
  // 0 / 0 is to be 0, and ∞ / ∞ 1: equal ones need no division.
  const areEqual = c.compare('eq', smaller, larger);
  const ofEqual = c.where(c.compare('eq', smaller, zero), zero, c.constant(1));
  const ratio = c.where(areEqual, ofEqual, c.div(smaller, larger));
  const isLeft = c.compare('lt', c.bitsOf(x), c.integer(0));
  const flips = builder.binary('xor', isSteep, isLeft);
  const t = c.where(flips, c.neg(ratio), ratio);
  const base = c.where(isSteep, c.constant(halfPi), c.where(isLeft, c.constant(2 * halfPi), zero));
  return c.withSignOf(turnedAtan(c, base, t), y);
}
