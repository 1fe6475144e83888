// pow, with C's special cases, which are PyTorch's.
import type { Value } from '../scalar.ts';
import type { MathCode } from './code.ts';
import { exp2, exp2FromParts } from './exponential.ts';
import { infinity, isUnusual, log2OfPositive, normalParts, type Parts, positiveParts } from './logarithm.ts';

/** Minimax for log2((1 + s) / (1 - s)) / s in s², (1 + s) / (1 - s) in [√½, √2], relative error 2^-37. */
const log2Coefficients = [
  2.8853900817902041, 0.96179667318199369, 0.57708361747118464, 0.41167066133558111, 0.34076998926745278,
];
const largest = 3.4028234663852886e38;

/** log2 of a positive number as float64, to the 2^-35 that exponents up to 150 need. */
function wideLog2(c: MathCode, { negatedExponent, f }: Parts): Value {
  const numerator = c.widen(f);
  const s = c.div(numerator, c.add(numerator, c.wideConstant(2)));
  const exponent = c.mul(c.widen(negatedExponent), c.wideConstant(-(2 ** -23)));
  return c.fma(s, c.polynomial(c.mul(s, s), log2Coefficients), exponent);
}

/** 2^exponent of a float64, clamped where all results are infinite or zero. */
function exp2OfWide(c: MathCode, exponent: Value): Value {
  const clamped = c.atLeast(c.atMost(exponent, 129), -151);
  const n = c.roundScaledWide(clamped, 0.5, 127);
  const r = c.fma(n.float, c.wideConstant(-2), clamped);
  return exp2FromParts(c, c.narrow(r), c.lowBits(n.bits));
}

/** 2^(y log2 x), the logarithm being given, as wide as it is to be computed. */
function powerOf(c: MathCode, logarithm: Value, y: Value): Value {
  const exponent = c.mul(c.builder.cast(y, c.builder.dtypeOf(logarithm)), logarithm);
  return c.wide ? exp2OfWide(c, exponent) : exp2(c, exponent);
}

/**
 * 2^(y log2 |x|), the logarithm being replaced where |x| is 0 or infinite, and by NaN where x < 0 has no such power;
 * with the sign of x for odd y; and 1 where x is 1 or y is 0, whatever the other.
 */
function carefulPow(c: MathCode, x: Value, y: Value): Value {
  const { builder } = c;
  const zero = c.constant(0);
  const a = c.abs(x);
  // Infinite powers of 1 are 1, and the largest float gives the others' too.
  const finiteY = c.atLeast(c.atMost(y, largest), -largest);
  const half = c.mul(finiteY, c.constant(0.5));
  const isInteger = c.compare('eq', c.round(finiteY), finiteY);
  const isOdd = builder.binary('and', isInteger, c.compare('ne', c.round(half), half));

  const plain = c.wide ? wideLog2(c, positiveParts(c, a)) : log2OfPositive(c, a);
  const like = (value: number): Value => builder.constantLike(value, plain);
  const isUndefined = builder.binary('and', c.compare('lt', x, zero), c.compare('ne', c.round(y), y));
  const defined = c.where(isUndefined, like(Number.NaN), plain);
  const atZero = c.where(c.compare('eq', a, zero), like(Number.NEGATIVE_INFINITY), defined);
  const hasLogarithm = c.compare('lt', a, c.constant(Number.POSITIVE_INFINITY));
  const logarithm = c.where(hasLogarithm, atZero, builder.cast(a, builder.dtypeOf(plain)));
  const magnitude = powerOf(c, logarithm, finiteY);
  const sign = c.where(isOdd, c.signOf(x), c.integer(0));
  const signed = c.floatOf(c.xor(c.bitsOf(magnitude), sign));
  const isOne = builder.binary('or', c.compare('eq', y, zero), c.compare('eq', x, c.constant(1)));
  return c.where(isOne, c.constant(1), signed);
}

/** As a logarithm (see there): what is not of a normal positive number and a finite one stands on one side. */
export function pow(c: MathCode, x: Value, y: Value): Value {
  // Shading languages would compute both sides.
  if (!c.wide) return carefulPow(c, x, y);
  const usual = powerOf(c, wideLog2(c, normalParts(c, x)), y);
  const isUnusualExponent = c.isOutside(c.abs(y), 0, infinity);
  const needsCare = c.builder.binary('or', isUnusual(c, x), isUnusualExponent);
  return c.where(needsCare, carefulPow(c, x, y), usual);
}
