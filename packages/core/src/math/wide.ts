// Functions of float64, to a few units in the last place; the others are left to the host's Math.
import type { Value } from '../scalar.ts';
import type { MathCode, Rounded } from './code.ts';

/** 2^n from the low bits of n + 1023 in an int64. */
function powerOfTwo(c: MathCode, exponent: Value): Value {
  const shifted = c.builder.binary('shiftLeft', exponent, c.builder.constant(52, 'int64'));
  return c.builder.bitcast(shifted, 'float64');
}

/** x - n Σ parts. */
function reduce(c: MathCode, x: Value, n: Rounded, parts: readonly number[]): Value {
  return parts.reduce((rest, part) => c.fma(n.float, c.wideConstant(-part), rest), x);
}

/** 2 ln 2 in two parts, the first of 40 bits. */
const twoLog2 = [1.3862943611202354, -3.447888905122967e-13];
/** Minimax for e^r, |r| <= ln 2, relative error 2^-55. */
const expCoefficients = [
  1, 1, 0.5, 0.16666666666667107, 0.041666666666681514, 0.0083333333332268143, 0.0013888888885532932,
  0.00019841269929461703, 2.4801590012501128e-5, 2.755728668623049e-6, 2.7556313384287978e-7,
  2.5057490896679548e-8, 2.1051350497288946e-9, 1.5772493339132746e-10,
];

/** As float32's: scaled twice by the half of an even exponent. */
export function wideExp(c: MathCode, x: Value): Value {
  const clamped = c.atLeast(c.atMost(x, 709.9), -746);
  const n = c.roundScaledWide(clamped, 0.5 * Math.LOG2E, 1023);
  const scale = powerOfTwo(c, n.bits);
  const r = reduce(c, clamped, n, twoLog2);
  return c.mul(c.mul(c.polynomial(r, expCoefficients), scale), scale);
}

/** ln 2 in two parts, the first of 40 bits. */
const log2Parts = [0.6931471805601177, -1.7239444525614835e-13];
/** Minimax for (e^r - 1 - r - r²/2) / r³, |r| <= ln 2 / 2, to a relative error of 2^-55 in e^r - 1. */
const expm1Coefficients = [
  0.5, 0.16666666666666602, 0.041666666666619688, 0.008333333333388461, 0.0013888888920661074,
  0.00019841269709226794, 2.4801516117134923e-5, 2.755742498530262e-6, 2.762233368499757e-7,
  2.5046024422894287e-8,
];

/** As float32's: half of 2^n (e^r - 1) + (2^n - 1), doubled. */
export function wideExpm1(c: MathCode, x: Value): Value {
  const clamped = c.atLeast(c.atMost(x, 709.9), -38);
  const n = c.roundScaledWide(clamped, Math.LOG2E, 1022);
  const r = reduce(c, clamped, n, log2Parts);
  const p = c.fma(c.mul(r, r), c.polynomial(r, expm1Coefficients), r);
  const halfScale = powerOfTwo(c, n.bits);
  const half = c.fma(halfScale, p, c.sub(halfScale, c.wideConstant(0.5)));
  return c.where(c.compare('eq', x, c.wideConstant(0)), x, c.add(half, half));
}

/** expm1(2a) / (expm1(2a) + 2), with the sign of x. */
export function wideTanh(c: MathCode, x: Value): Value {
  const a = c.atMost(c.builder.unary('abs', x), 20);
  const growth = wideExpm1(c, c.add(a, a));
  const magnitude = c.div(growth, c.add(growth, c.wideConstant(2)));
  return c.where(
    c.compare('lt', x, c.wideConstant(0)),
    c.neg(magnitude),
    c.where(isZero(c, x), x, magnitude),
  );
}

function isZero(c: MathCode, x: Value): Value {
  return c.compare('eq', x, c.wideConstant(0));
}

const lowestMantissa = 0x3fe6a09e667f3bcdn;
const one = 0x3ff0000000000000n;
const mantissaMask = 0xfffffffffffffn;
/** The bits of 2^52: with an integer below 2^52 in its mantissa, that much more. */
const integerBits = 0x4330000000000000n;

const long = (c: MathCode, value: bigint): Value => c.builder.constant(value, 'int64');

/** fdlibm's e_log.c (Sun Microsystems 1993): log(1 + f) = f - (f²/2 - s (f²/2 + R(s²))), s = f / (2 + f). */
const logCoefficients = [
  0.6666666666666735, 0.3999999999940942, 0.2857142874366239, 0.22222198432149784, 0.1818357216161805,
  0.15313837699209373, 0.14798198605116586,
];
/** ln 2 in two parts, the first of 32 bits. */
const log2High = 0.6931471803691238;
const log2Low = 1.9082149292705877e-10;

/** k ln 2 + log(1 + f). */
function logFromParts(c: MathCode, k: Value, f: Value): Value {
  const s = c.div(f, c.add(f, c.wideConstant(2)));
  const square = c.mul(s, s);
  const series = c.mul(square, c.polynomial(square, logCoefficients));
  const halfSquare = c.mul(c.mul(f, f), c.wideConstant(0.5));
  const tail = c.fma(s, c.add(halfSquare, series), c.mul(k, c.wideConstant(log2Low)));
  const rest = c.sub(halfSquare, tail);
  return c.fma(k, c.wideConstant(log2High), c.sub(f, rest));
}

/** The exponent of a normal positive x for a mantissa in [√½, √2), plus 1023, as an int64; and as it is as a float. */
function exponentOf(
  c: MathCode,
  x: Value,
): { readonly biased: Value; readonly k: Value; readonly bits: Value } {
  const bits = c.add(c.builder.bitcast(x, 'int64'), long(c, one - lowestMantissa));
  const biased = c.builder.binary('shiftRightUnsigned', bits, long(c, 52n));
  const float = c.builder.bitcast(c.or(biased, long(c, integerBits)), 'float64');
  return { biased, k: c.sub(float, c.wideConstant(2 ** 52 + 1023)), bits };
}

/** -Infinity where x is `pole`, NaN below, +Infinity and NaN where x is that, elsewhere the result. */
function logEdges(c: MathCode, x: Value, pole: number, result: Value): Value {
  const finite = c.where(c.compare('lt', x, c.wideConstant(Number.POSITIVE_INFINITY)), result, x);
  const atPole = c.compare('eq', x, c.wideConstant(pole));
  const defined = c.where(atPole, c.wideConstant(Number.NEGATIVE_INFINITY), finite);
  return c.where(c.compare('lt', x, c.wideConstant(pole)), c.wideConstant(Number.NaN), defined);
}

export function wideLog(c: MathCode, x: Value): Value {
  const tiny = c.compare('lt', x, c.wideConstant(2 ** -1022));
  const normal = c.where(tiny, c.mul(x, c.wideConstant(2 ** 54)), x);
  const { bits, k } = exponentOf(c, normal);
  const mantissaBits = c.add(c.and(bits, long(c, mantissaMask)), long(c, lowestMantissa));
  const f = c.sub(c.builder.bitcast(mantissaBits, 'float64'), c.wideConstant(1));
  const exponent = c.sub(k, c.where(tiny, c.wideConstant(54), c.wideConstant(0)));
  return logEdges(c, x, 0, logFromParts(c, exponent, f));
}

/** log(1 + x): 2^k from 1 + x rounded, but f = x 2^-k - (1 - 2^-k) from x itself, exact where k is 0. */
export function wideLog1p(c: MathCode, x: Value): Value {
  const { biased, k } = exponentOf(c, c.add(x, c.wideConstant(1)));
  // By way of 2^(2 - k), as 2^-k is subnormal for the greatest k.
  const scale = c.mul(powerOfTwo(c, c.sub(long(c, 2048n), biased)), c.wideConstant(0.25));
  const f = c.sub(c.mul(x, scale), c.sub(c.wideConstant(1), scale));
  return logEdges(c, x, -1, c.where(isZero(c, x), x, logFromParts(c, k, f)));
}
