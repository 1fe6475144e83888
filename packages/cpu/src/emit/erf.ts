// The error functions in float64, as instructions, to about three units in the last place: a worker has no function
// to call for them. The series are the reference interpreter's (see core's interpreter/erf.ts for their sources).
import type { ExpressionBuilder, Value } from '@nn/core';

const twoOverRootPi = 1.1283791670955126;

/** Of (1 + 2x) exp(x²) erfc(x) in (x - 3.75) / (x + 3.75), after Shepherd and Laframboise (1981). */
const chebyshev = [
  1.1775789345674017, -0.004590054580646478, -0.08424913336651792, 0.05920993999819189, -0.026658668435305753,
  0.009074997670705265, -0.002413163540417608, 0.0004907758365258086, -6.916973302501207e-5,
  4.13902798607301e-6, 7.74038306619849e-7, -2.1886401049234397e-7, 1.076499946567091e-8,
  4.521959811218287e-9, -7.754400208831351e-10, -6.318088340886684e-11, 2.86879501093067e-11,
  1.9455868545777347e-13, -9.65469674843344e-13, 3.25254814814874e-14, 3.3478119482868056e-14,
  -1.864562880419313e-15, -1.2507950530688648e-15, 7.418235256624044e-17, 5.068148904796111e-17,
];

/** Taylor's 2/√π (-1)^n / (n! (2n + 1)). */
const seriesTerms: readonly number[] = Array.from({ length: 24 }, (_, n) => {
  let factorial = 1;
  for (let i = 2; i <= n; i++) factorial *= i;
  return ((n % 2 === 0 ? 1 : -1) * twoOverRootPi) / (factorial * (2 * n + 1));
});

class Float64Code {
  readonly b: ExpressionBuilder;
  constructor(b: ExpressionBuilder) {
    this.b = b;
  }
  constant = (value: number): Value => this.b.constant(value, 'float64');
  add = (x: Value, y: Value): Value => this.b.binary('add', x, y);
  sub = (x: Value, y: Value): Value => this.b.binary('sub', x, y);
  mul = (x: Value, y: Value): Value => this.b.binary('mul', x, y);
  div = (x: Value, y: Value): Value => this.b.binary('div', x, y);
  exp = (x: Value): Value => this.b.unary('exp', x);
  less = (x: Value, y: number): Value => this.b.compare('lt', x, this.constant(y));
}

/** erf(x), for |x| < 1. */
function erfSmall(c: Float64Code, x: Value): Value {
  const square = c.mul(x, x);
  let sum = c.constant(0);
  for (let n = seriesTerms.length - 1; n > 0; n--)
    sum = c.mul(c.add(sum, c.constant(seriesTerms[n])), square);
  return c.mul(x, c.add(c.constant(twoOverRootPi), sum));
}

/** erfc(x), for x of at least 0.5. */
function erfcLarge(c: Float64Code, x: Value): Value {
  const t = c.div(c.sub(x, c.constant(3.75)), c.add(x, c.constant(3.75)));
  const twice = c.add(t, t);
  let next = c.constant(0);
  let afterNext = c.constant(0);
  for (let j = chebyshev.length - 1; j > 0; j--) {
    const here = c.add(c.sub(c.mul(twice, next), afterNext), c.constant(chebyshev[j]));
    afterNext = next;
    next = here;
  }
  const scaled = c.add(c.sub(c.mul(t, next), afterNext), c.constant(chebyshev[0]));
  // x² = high² + (x - high)(x + high), high² being exact.
  const high = c.b.cast(c.b.cast(x, 'float32'), 'float64');
  const minusSquare = c.sub(c.constant(0), c.mul(high, high));
  const rest = c.mul(c.sub(high, x), c.add(high, x));
  const exponential = c.mul(c.exp(minusSquare), c.exp(rest));
  const value = c.div(c.mul(exponential, scaled), c.add(c.constant(1), c.add(x, x)));
  return c.b.where(c.b.compare('lt', c.constant(27.3), x), c.constant(0), value);
}

/** The error function of a float64. */
export function expandErf(b: ExpressionBuilder, x: Value): Value {
  const c = new Float64Code(b);
  const magnitude = b.unary('abs', x);
  const tail = c.sub(c.constant(1), erfcLarge(c, magnitude));
  const signed = b.where(c.less(x, 0), c.sub(c.constant(0), tail), tail);
  return b.where(c.less(magnitude, 0.9), erfSmall(c, x), signed);
}

/** 1 - erf(x), without cancellation for large x. */
export function expandErfc(b: ExpressionBuilder, x: Value): Value {
  const c = new Float64Code(b);
  const tail = erfcLarge(c, b.unary('abs', x));
  const outer = b.where(c.less(x, 0), c.sub(c.constant(2), tail), tail);
  return b.where(c.less(b.unary('abs', x), 0.5), c.sub(c.constant(1), erfSmall(c, x)), outer);
}
