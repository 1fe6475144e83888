// asinh, acosh and atanh.
import type { Value } from '../scalar.ts';
import type { MathCode } from './code.ts';
import { logOfNormal } from './logarithm.ts';

/** Above it, x and √(x² ± 1) are the same, and further on x² overflows. */
const squareless = 1e10;

/** log(a + √(a² + sign)) for a >= 1; infinite and NaN as a is. The sum is halved lest it overflow. */
function logOfSum(c: MathCode, a: Value, sign: 1 | -1): Value {
  const half = c.mul(a, c.constant(0.5));
  const root = c.sqrt(c.fma(half, half, c.constant(sign / 4)));
  const sum = c.add(half, c.where(c.compare('lt', a, c.constant(squareless)), root, half));
  const finite = c.compare('lt', a, c.constant(Number.POSITIVE_INFINITY));
  return c.where(finite, logOfNormal(c, sum, 1), a);
}

/** Minimax for (asinh(a) / a - 1) / a² in a², 0 <= a < 1.2, to a relative error of 2^-24.7 in asinh. */
const asinhCoefficients = [
  -0.166664064, 0.0749357492, -0.0440898016, 0.0279969685, -0.0163177624, 0.00733188447, -0.00209317752,
  0.000273768528,
];

/** The polynomial reaches so far that elsewhere the result is above 1, where the rounding of the sum counts less. */
export function asinh(c: MathCode, x: Value): Value {
  const a = c.abs(x);
  const square = c.mul(x, x);
  const small = c.fma(c.mul(c.polynomial(square, asinhCoefficients), square), a, a);
  return c.withSignOf(c.where(c.compare('lt', a, c.constant(1.2)), small, logOfSum(c, a, 1)), x);
}

/** Minimax for (acosh(1 + t) / √(2t) - 1) / t, 0 <= t < 1, to a relative error of 2^-28 in acosh. */
const acoshCoefficients = [
  -0.0833330899, 0.0187450442, -0.00554633094, 0.00178839592, -0.000507035467, 8.28789998e-5,
];

/** Next to 1 by its square root; x < 1 is NaN by that of a negative number. */
export function acosh(c: MathCode, x: Value): Value {
  const t = c.sub(x, c.constant(1));
  const root = c.sqrt(c.add(t, t));
  const small = c.fma(c.mul(c.polynomial(t, acoshCoefficients), t), root, root);
  return c.where(c.compare('lt', x, c.constant(2)), small, logOfSum(c, x, -1));
}

/** Minimax for (atanh(a) / a - 1) / a² in a², 0 <= a < ½, to a relative error of 2^-25 in atanh. */
const atanhCoefficients = [0.333337307, 0.199781865, 0.14669539, 0.0824171677, 0.181786194];

export function atanh(c: MathCode, x: Value): Value {
  const one = c.constant(1);
  const a = c.abs(x);
  const logarithm = logOfNormal(c, c.div(c.add(one, a), c.sub(one, a)), 0);
  const beyond = c.where(
    c.compare('eq', a, one),
    c.constant(Number.POSITIVE_INFINITY),
    c.constant(Number.NaN),
  );
  const large = c.where(c.compare('lt', a, one), c.mul(logarithm, c.constant(0.5)), beyond);
  const square = c.mul(x, x);
  const small = c.fma(c.mul(c.polynomial(square, atanhCoefficients), square), a, a);
  return c.withSignOf(c.where(c.compare('lt', a, c.constant(0.5)), small, large), x);
}
