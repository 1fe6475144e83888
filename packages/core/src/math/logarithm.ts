// log and log1p; log2 and log10.
import type { Value } from '../scalar.ts';
import type { Float32Code } from './float32.ts';

/** Bits of the float32 next to √½: mantissas are taken in [√½, √2). */
const lowestMantissa = 0x3f3504f3;
const one = 0x3f800000;
const exponentMask = 0xff800000;
/** The exponent stays in its place in the int32, 2^23 times too large when cast: the constants make up for it. */
const exponentUnit = 2 ** -23;

/** Minimax for (log(1 + f) - f + f²/2) / f³, f in [√½ - 1, √2 - 1], to a relative error of 2^-25 in log(1 + f). */
const logCoefficients = [
  -0.5, 0.333339095, -0.250013411, 0.199630827, -0.165772632, 0.149149254, -0.14272365, 0.0870609358,
];
const log2High: number = 0.693145751953125 * exponentUnit;
const log2Low: number = 1.428606765330187e-6 * exponentUnit;

/**
 * log(2^k (1 + f)) = k ln 2 + (f + f² P(f)), given minus k, times 2^23, as a float. Negated so that a zero f keeps
 * its sign, as log1p(-0) needs: (+0)(-ln 2) + (-0) is -0.
 */
function logFromParts(c: Float32Code, negatedExponent: Value, f: Value): Value {
  const tail = c.mul(c.mul(f, f), c.polynomial(f, logCoefficients));
  const withLow = c.fma(negatedExponent, c.constant(-log2Low), tail);
  return c.fma(negatedExponent, c.constant(-log2High), c.add(f, withLow));
}

/** Minus the exponent of x, normal and positive, for a mantissa in [√½, √2); in the exponent's place of an int32. */
function negatedExponentOf(c: Float32Code, x: Value): Value {
  return c.and(c.sub(c.integer(lowestMantissa + 0x7fffff), c.bitsOf(x)), c.integer(exponentMask));
}

/** -Infinity where x is `zero`, NaN below, +Infinity and NaN where x is that, elsewhere the result. */
function logEdges(c: Float32Code, x: Value, zero: number, result: Value): Value {
  const { builder } = c;
  const finite = c.where(c.compare('lt', x, c.constant(Infinity)), result, x);
  const pole = c.constant(zero);
  const atPole = c.where(c.compare('eq', x, pole), builder.constant(-Infinity, 'float32'), finite);
  return c.where(c.compare('lt', x, pole), c.constant(NaN), atPole);
}

export function log(c: Float32Code, x: Value): Value {
  const tiny = c.compare('lt', x, c.constant(2 ** -126));
  const normal = c.where(tiny, c.mul(x, c.constant(2 ** 23)), x);
  const negated = negatedExponentOf(c, normal);
  const mantissa = c.floatOf(c.add(c.bitsOf(normal), negated));
  const f = c.sub(mantissa, c.constant(1));
  const shift = c.where(tiny, c.integer(23 * 2 ** 23), c.integer(0));
  const exponent = c.builder.cast(c.add(negated, shift), 'float32');
  return logEdges(c, x, 0, logFromParts(c, exponent, f));
}

/** log(1 + x): 2^k from 1 + x rounded, but f = x 2^-k - (1 - 2^-k) from x itself, exact where k is 0. */
export function log1p(c: Float32Code, x: Value): Value {
  const negated = negatedExponentOf(c, c.add(x, c.constant(1)));
  // Where the exponent is 128, 2^-128 does without its last bits: f is x 2^-128 - 1 either way.
  const scale = c.floatOf(c.builder.binary('max', c.add(negated, c.integer(one)), c.integer(0)));

  const scaled = c.floatOf(c.add(c.bitsOf(x), negated));
  const f = c.sub(scaled, c.sub(c.constant(1), scale));
  return logEdges(c, x, -1, logFromParts(c, c.builder.cast(negated, 'float32'), f));
}
