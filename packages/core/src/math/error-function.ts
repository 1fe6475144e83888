// erf and erfc.
import type { Value } from '../scalar.ts';
import type { MathCode } from './code.ts';
import { exp } from './exponential.ts';

/** Minimax for erf(a) / a - 1 in a², 0 <= a < 1, to a relative error of 2^-24.5 in erf. */
const erfCoefficients = [0.128379121, -0.37612319, 0.112801217, -0.0267097894, 0.00491606677, -0.00056266872];
/** Minimax for erfc(a)^(1/4), 1 <= a <= 3.93, to an absolute error of 2^-25.3 in its fourth power. */
const rootCoefficients = [
  1.00397706, -0.302571893, -0.0740857348, -0.0405303165, 0.0606695041, -0.0204599183, 0.00292792753,
  -0.000157092014,
];

/**
 * Above 1 it is 1 - p(a)^4: the fourth root of erfc needs half the degree that erfc does and, unlike exp(-a²) times
 * a polynomial, no exponential; two squarings lose little because erfc is small there. At 4.2 it has reached 1, as erf
 * has to before it is multiplied by something large (gelu).
 */
export function erf(c: MathCode, x: Value): Value {
  const a = c.abs(x);
  const root = c.polynomial(c.atMost(a, 4.2), rootCoefficients);
  const square = c.mul(root, root);
  const large = c.sub(c.constant(1), c.mul(square, square));
  const small = c.fma(c.polynomial(c.mul(x, x), erfCoefficients), a, a);
  return c.withSignOf(c.where(c.compare('lt', a, c.constant(1)), small, large), x);
}

/** Where erfc underflows. */
const erfcZero = 10.1;
/** Minimax for exp(a²) erfc(a) / u in u = 1 / (a + 3), 0 <= a <= 10.1, relative error 2^-29. */
const scaledErfcCoefficients = [
  0.56410798137733265, 1.6981265430409709, 4.6297974795241146, 15.544427094102701, -0.29799850527981014,
  293.2165268325445, -961.47424829557588, 3507.3678833691174, -5740.8254357538899, 3284.8448202847594,
];
/** Minimax for e^r, |r| <= ln 2 / 2, relative error 2^-29. */
const wideExpCoefficients = [
  1.0000000005585923, 1.0000000365390871, 0.4999999203231878, 0.16666419190426962, 0.041668231802908941,
  0.0083748983581937043, 0.001383674191291223,
];

/** exp(-a²) of a float64: as exp, but one scaling reaches as far as float32 does. */
function wideExpMinusSquare(c: MathCode, a: Value): Value {
  const square = c.mul(a, a);
  const n = c.roundScaledWide(square, -Math.LOG2E, 1023);
  const r = c.sub(c.mul(n.float, c.wideConstant(-Math.LN2)), square);
  const shift = c.builder.constant(52, 'int64');
  const scale = c.builder.bitcast(c.builder.binary('shiftLeft', n.bits, shift), 'float64');
  return c.mul(c.polynomial(r, wideExpCoefficients), scale);
}

/** exp(-a²) from a of 12 bits, whose square is exact, and what is missing. */
function expMinusSquare(c: MathCode, a: Value): Value {
  const high = c.floatOf(c.and(c.bitsOf(a), c.integer(0xfffff000)));
  const low = c.mul(c.sub(high, a), c.add(high, a));
  return c.mul(exp(c, c.mul(high, c.neg(high))), exp(c, low));
}

/** exp(-a²) times its slowly varying factor; from 2 on the left, where that is no cancellation. */
export function erfc(c: MathCode, x: Value): Value {
  const clamped = c.atMost(c.abs(x), erfcZero);
  const a = c.wide ? c.widen(clamped) : clamped;
  const like = (value: number): Value => c.builder.constantLike(value, a);
  const u = c.div(like(1), c.add(a, like(3)));
  const decay = c.wide ? wideExpMinusSquare(c, a) : expMinusSquare(c, a);
  const right = c.mul(c.mul(c.polynomial(u, scaledErfcCoefficients), u), decay);
  const isLeft = c.compare('lt', x, c.constant(0));
  return c.narrow(c.where(isLeft, c.sub(like(2), right), right));
}
