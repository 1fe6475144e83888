// erf and erfc.
import type { Value } from '../scalar.ts';
import type { Float32Code } from './float32.ts';

/** Minimax for erf(a) / a - 1 in a², 0 <= a < 1, to a relative error of 2^-24.5 in erf. */
const erfCoefficients = [0.128379121, -0.37612319, 0.112801217, -0.0267097894, 0.00491606677, -0.00056266872];
/** Minimax for erfc(a)^(1/4), 1 <= a <= 3.93, to an absolute error of 2^-25.3 in its fourth power. */
const rootCoefficients = [
  1.00397706, -0.302571893, -0.0740857348, -0.0405303165, 0.0606695041, -0.0204599183, 0.00292792753,
  -0.000157092014,
];

/**
 * Above 1 it is 1 - p(a)^4: the fourth root of erfc needs half the degree that erfc does and, unlike exp(-a²) times
 * a polynomial, no exponential; two squarings lose little because erfc is small there. Above 3.93 erf rounds to 1.
 */
export function erf(c: Float32Code, x: Value): Value {
  const a = c.abs(x);
  const root = c.polynomial(c.atMost(a, 3.93), rootCoefficients);
  const square = c.mul(root, root);
  const large = c.sub(c.constant(1), c.mul(square, square));
  const small = c.fma(c.polynomial(c.mul(x, x), erfCoefficients), a, a);
  return c.withSignOf(c.where(c.compare('lt', a, c.constant(1)), small, large), x);
}
