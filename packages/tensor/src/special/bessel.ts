// Bessel functions of the first and second kind, of orders 0 and 1, the spherical one, and Airy's function.
// Source: Chebyshev expansions by scripts/fits.py; far out of the moduli in Hankel's form (DLMF 10.17, 9.7).
import type { Unary } from '../operands.ts';
import { airyLeftCosine, airyLeftSine, airyMiddle, airyRight } from './coefficients/airy.ts';
import { j0Near, j1Near, p0, p1, q0, q1, y0Near, y1Near } from './coefficients/bessel.ts';
import { chebyshev, choose, type Formula, overArgument, polynomial, unaryFormula } from './formula.ts';

type Order = 0 | 1;
const twoOverPi = 2 / Math.PI;

/** From where on Hankel's form is used. */
const split = 8;
const nearVariable = (x: Formula): Formula =>
  x
    .abs()
    .min(split)
    .square()
    .mul(1 / 32)
    .sub(1);

/** J up to the split. */
function nearJ(x: Formula, order: Order): Formula {
  const series = chebyshev(nearVariable(x), order === 0 ? j0Near : j1Near);
  return order === 0 ? series : series.mul(x);
}

/** √(2 / πx) (P cos χ - Q sin χ) for J, (P sin χ + Q cos χ) for Y, χ = x - π/4 - order π/2. */
function hankel(x: Formula, order: Order, kind: 'J' | 'Y'): Formula {
  const far = x.max(split);
  const inverse = far.under(1);
  const t = inverse
    .square()
    .mul(2 * split * split)
    .sub(1);
  const p = chebyshev(t, order === 0 ? p0 : p1);
  const q = chebyshev(t, order === 0 ? q0 : q1).mul(inverse);
  const sine = far.sin();
  const cosine = far.cos();
  // √2 cos χ and √2 sin χ.
  const sum = sine.add(cosine);
  const difference = sine.sub(cosine);
  const [cosPhase, sinPhase] = order === 0 ? [sum, difference] : [difference, sum.neg()];
  const wave = kind === 'J' ? p.mul(cosPhase).sub(q.mul(sinPhase)) : p.mul(sinPhase).add(q.mul(cosPhase));
  return wave.mul(inverse.mul(1 / Math.PI).sqrt());
}

function besselJ(x: Formula, order: Order): Formula {
  const a = x.abs();
  const right = hankel(a, order, 'J');
  const far = order === 1 ? x.lt(0).select(right.neg(), right) : right;
  return choose(
    [
      [a.le(split), nearJ(x, order)],
      [a.eq(Infinity), 0],
    ],
    far,
  );
}

function besselY(x: Formula, order: Order): Formula {
  const near = x.min(split);
  const series = chebyshev(nearVariable(near), order === 0 ? y0Near : y1Near);
  const logarithm = near.log().mul(nearJ(near, order));
  const small =
    order === 0
      ? logarithm.mul(twoOverPi).add(series)
      : logarithm.sub(near.under(1)).mul(twoOverPi).add(series.mul(near));
  return choose(
    [
      [x.lt(0), Number.NaN],
      [x.eq(0), -Infinity],
      [x.le(split), small],
      [x.eq(Infinity), 0],
    ],
    hankel(x, order, 'Y'),
  );
}

/** `torch.special.bessel_j0`: the Bessel function of the first kind of order 0. */
export const besselJ0: Unary = unaryFormula(
  'besselJ0',
  (x) => besselJ(x, 0),
  (g, x) => g.mul(besselJ1(x)).neg(),
);

/** `torch.special.bessel_j1`: the Bessel function of the first kind of order 1. */
export const besselJ1: Unary = unaryFormula(
  'besselJ1',
  (x) => besselJ(x, 1),
  (g, x, z) => g.mul(besselJ0(x).sub(overArgument(z, x))),
);

/** `torch.special.bessel_y0`: the Bessel function of the second kind of order 0; -infinity at 0, NaN left of it. */
export const besselY0: Unary = unaryFormula(
  'besselY0',
  (x) => besselY(x, 0),
  (g, x) => g.mul(besselY1(x)).neg(),
);

/** `torch.special.bessel_y1`: the Bessel function of the second kind of order 1; -infinity at 0, NaN left of it. */
export const besselY1: Unary = unaryFormula(
  'besselY1',
  (x) => besselY(x, 1),
  (g, x, z) => g.mul(besselY0(x).sub(z.div(x))),
);

/** Coefficients of sin(x) / x in x², up to x = 1/2. */
const sineRatio = [1, -1 / 6, 1 / 120, -1 / 5040, 1 / 362880, -1 / 39916800, 1 / 6227020800];

/** `torch.special.spherical_bessel_j0`: sin(x) / x, 1 at 0. */
export const sphericalBesselJ0: Unary = unaryFormula('sphericalBesselJ0', (x) => {
  const series = polynomial(x.square(), sineRatio);
  return choose(
    [
      [x.abs().eq(Infinity), 0],
      [x.abs().lt(0.5), series],
    ],
    x.sin().div(x),
  );
});

const rightStart = 2;
const leftStart = 4;
/** ζ = ⅔ |x|^(3/2). */
const zetaOf = (a: number): number => (2 / 3) * a * Math.sqrt(a);

/** `torch.special.airy_ai`: Airy's function Ai. */
export const airyAi: Unary = unaryFormula('airyAi', (x) => {
  const middle = chebyshev(x.max(-leftStart).min(rightStart).add(1).div(3), airyMiddle);

  // Ai itself underflows before √x x does.
  const right = x.max(rightStart).min(1e4);
  const rightRoot = right.sqrt();
  const rightZeta = right.mul(rightRoot).mul(2 / 3);
  const rightSeries = chebyshev(rightZeta.under(2 * zetaOf(rightStart)).sub(1), airyRight);
  const decaying = rightSeries
    .mul(rightZeta.neg().exp())
    .mul(1 / Math.sqrt(Math.PI))
    .div(rightRoot.sqrt());

  const left = x.neg().max(leftStart);
  const leftRoot = left.sqrt();
  const leftZeta = left.mul(leftRoot).mul(2 / 3);
  const t = leftZeta.under(zetaOf(leftStart)).square().mul(2).sub(1);
  const sine = leftZeta.sin();
  const cosine = leftZeta.cos();
  const cosinePart = sine.add(cosine).mul(chebyshev(t, airyLeftCosine));
  const sinePart = sine.sub(cosine).mul(chebyshev(t, airyLeftSine)).div(leftZeta);
  const oscillating = cosinePart
    .add(sinePart)
    .mul(Math.sqrt(0.5 / Math.PI))
    .div(leftRoot.sqrt());

  return choose(
    [
      [x.isNaN(), x],
      [x.abs().eq(Infinity), Number.NaN],
      [x.gt(rightStart), decaying],
      [x.lt(-leftStart), oscillating],
    ],
    middle,
  );
});
