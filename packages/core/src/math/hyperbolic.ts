// sinh, cosh and tanh.
import type { Value } from '../scalar.ts';
import type { MathCode } from './code.ts';
import { quarterExp } from './exponential.ts';

/** Minimax for e^2r, |r| <= ln 2 / 4, relative error 2^-23.4: it counts for 3/8 at most. */
const tanhExpCoefficients = [1, 0.999999702, 0.499991447, 0.166676491, 0.0418986715, 0.00828980375].map(
  (coefficient, power) => coefficient * 2 ** power,
);
/** Minimax for (tanh(a) / a - 1) / a² in a², 0 <= a < 0.5494, to a relative error of 2^-24.7 in tanh. */
const tanhCoefficients = [-0.333329499, 0.133208022, -0.0526768826, 0.0164474696];

/**
 * 1 - 2 / (e^2a + 1) where that is at least ½, below an odd polynomial. One part of ln 2 / 2 is enough: its error
 * grows with the multiple, but is felt less and less.
 */
export function tanh(c: MathCode, x: Value): Value {
  const a = c.abs(x);
  const clamped = c.atMost(a, 9.1);
  const n = c.roundScaled(clamped, 2 * Math.LOG2E, 127);
  const r = c.reduce(clamped, n.float, [Math.LN2 / 2]);
  const one = c.constant(1);
  const denominator = c.fma(c.powerOfTwo(n.bits), c.polynomial(r, tanhExpCoefficients), one);
  const large = c.sub(one, c.div(c.constant(2), denominator));
  const square = c.mul(x, x);
  const small = c.fma(c.mul(c.polynomial(square, tanhCoefficients), square), a, a);
  return c.withSignOf(c.where(c.compare('lt', a, c.constant(0.5494)), small, large), x);
}

/** Minimax for (sinh(a) / a - 1) / a² in a², 0 <= a < 1, to a relative error of 2^-25 in sinh. */
const sinhCoefficients = [0.166667163, 0.00833027065, 0.000203733449];

export function sinh(c: MathCode, x: Value): Value {
  const a = c.abs(x);
  const quarter = quarterExp(c, a);
  const half = c.sub(quarter, c.div(c.constant(1 / 16), quarter));
  const square = c.mul(x, x);
  const small = c.fma(c.mul(c.polynomial(square, sinhCoefficients), square), a, a);
  return c.withSignOf(c.where(c.compare('lt', a, c.constant(1)), small, c.add(half, half)), x);
}

export function cosh(c: MathCode, x: Value): Value {
  const quarter = quarterExp(c, c.abs(x));
  const half = c.add(quarter, c.div(c.constant(1 / 16), quarter));
  return c.add(half, half);
}
