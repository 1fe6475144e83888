// Modified Bessel functions of orders 0 and 1. Source: Chebyshev expansions by scripts/fits.py, in the variables of
// Clenshaw, Chebyshev Series for Mathematical Functions (1962).
import type { Unary } from '../operands.ts';
import {
  i0Far,
  i0Near,
  i0Small,
  i1Far,
  i1Near,
  i1Small,
  k0Far,
  k0Near,
  k1Far,
  k1Near,
} from './coefficients/modified-bessel.ts';
import { chebyshev, choose, type Formula, overArgument, unaryFormula } from './formula.ts';

/** exp(-a) I0(a), or exp(-a) I1(a), for a >= 0. */
function scaledI(a: Formula, order: 0 | 1): Formula {
  const near = chebyshev(a.min(8).mul(0.25).sub(1), order === 0 ? i0Near : i1Near);
  const far = a.max(8);
  const distant = chebyshev(far.under(16).sub(1), order === 0 ? i0Far : i1Far).div(far.sqrt());
  return a.le(8).select(order === 0 ? near : near.mul(a), distant);
}

/** Times exp(a), in two steps: exp(a) alone overflows before the product does. */
function unscaled(value: Formula, a: Formula): Formula {
  const growth = a.mul(0.5).exp();
  return a.eq(Infinity).select(a, value.mul(growth).mul(growth));
}

/** Of an odd function, from its values for x >= 0. */
const odd = (x: Formula, right: Formula): Formula => x.lt(0).select(right.neg(), right);

/** `torch.i0`, `torch.special.i0` and `modified_bessel_i0`: I0(x). */
export const i0: Unary = unaryFormula(
  'i0',
  (x) => unscaled(scaledI(x.abs(), 0), x.abs()),
  (g, x) => g.mul(i1(x)),
);

/** `torch.special.i0e`: exp(-|x|) I0(x). */
export const i0e: Unary = unaryFormula(
  'i0e',
  (x) => scaledI(x.abs(), 0),
  (g, x, z) => g.mul(i1e(x).sub(x.sign().mul(z))),
);

/** `torch.special.i1` and `modified_bessel_i1`: I1(x). */
export const i1: Unary = unaryFormula(
  'i1',
  (x) => odd(x, unscaled(scaledI(x.abs(), 1), x.abs())),
  (g, x, z) => g.mul(i0(x).sub(overArgument(z, x))),
);

/** `torch.special.i1e`: exp(-|x|) I1(x). */
export const i1e: Unary = unaryFormula(
  'i1e',
  (x) => odd(x, scaledI(x.abs(), 1)),
  (g, x, z) => g.mul(i0e(x).sub(x.sign().mul(z)).sub(overArgument(z, x))),
);

/** K0(x), or K1(x), times exp(x) if `scaled`. */
function kFormula(x: Formula, order: 0 | 1, scaled: boolean): Formula {
  const near = x.min(2);
  const t = near.square().mul(0.5).sub(1);
  const logarithm = near.log().sub(Math.LN2);
  const small =
    order === 0
      ? chebyshev(t, k0Near).sub(logarithm.mul(chebyshev(t, i0Small)))
      : logarithm.mul(near).mul(chebyshev(t, i1Small)).add(chebyshev(t, k1Near).div(near));
  const far = x.max(2);
  const distant = chebyshev(far.under(4).sub(1), order === 0 ? k0Far : k1Far).div(far.sqrt());
  const growth = near.exp();
  const decay = far.neg().exp();
  const positive = x.le(2).select(scaled ? small.mul(growth) : small, scaled ? distant : distant.mul(decay));
  return choose(
    [
      [x.lt(0), Number.NaN],
      [x.eq(0), Infinity],
    ],
    positive,
  );
}

/** `torch.special.modified_bessel_k0`: K0(x), infinity at 0 and NaN left of it. */
export const modifiedBesselK0: Unary = unaryFormula(
  'modifiedBesselK0',
  (x) => kFormula(x, 0, false),
  (g, x) => g.mul(modifiedBesselK1(x)).neg(),
);

/** `torch.special.modified_bessel_k1`: K1(x), infinity at 0 and NaN left of it. */
export const modifiedBesselK1: Unary = unaryFormula(
  'modifiedBesselK1',
  (x) => kFormula(x, 1, false),
  (g, x, z) => g.mul(modifiedBesselK0(x).add(z.div(x))).neg(),
);

/** `torch.special.scaled_modified_bessel_k0`: exp(x) K0(x). */
export const scaledModifiedBesselK0: Unary = unaryFormula(
  'scaledModifiedBesselK0',
  (x) => kFormula(x, 0, true),
  (g, x, z) => g.mul(z.sub(scaledModifiedBesselK1(x))),
);

/** `torch.special.scaled_modified_bessel_k1`: exp(x) K1(x). */
export const scaledModifiedBesselK1: Unary = unaryFormula(
  'scaledModifiedBesselK1',
  (x) => kFormula(x, 1, true),
  (g, x, z) => g.mul(z.sub(scaledModifiedBesselK0(x)).sub(z.div(x))),
);
