// The gamma function's logarithm and its derivatives, and the zeta function that gives the higher ones.
import { ArgumentError } from '@nn/core';
import { castTo, floatFor, requireTensor } from '../dispatch.ts';
import type { BinaryOperands, Unary } from '../operands.ts';
import { deliverOnly, elementwise, type OutOptions } from '../out.ts';
import type { Tensor } from '../tensor.ts';
import {
  digammaCore,
  digammaTail,
  lgammaCore,
  lgammaTail,
  trigammaCore,
  trigammaTail,
} from './coefficients/gamma.ts';
import { binaryFormula, chebyshev, choose, type Formula, unaryFormula } from './formula.ts';

const halfLogTwoPi = 0.5 * Math.log(2 * Math.PI);

/** Where the expansions that start from 3 are taken, 18 / x² - 1. */
const tailVariable = (x: Formula): Formula => x.square().under(18).sub(1);

/** sin(πx) and cos(πx): of x less the nearest integer, without the sign that both then change. */
function halfTurns(x: Formula): { readonly sin: Formula; readonly cos: Formula } {
  const rest = x.sub(x.round()).mul(Math.PI);
  return { sin: rest.sin(), cos: rest.cos() };
}

/** a - 2 up to 3; for a below 1 that of a + 1, which itself need not be a number of the dtype. */
const coreVariable = (a: Formula): Formula => a.lt(1).select(a.sub(1), a.min(3).sub(2));

/** log |Γ(1 + a)| and log |Γ(a)| for a >= 0. */
function lgammaOfPositive(a: Formula): { readonly next: Formula; readonly here: Formula } {
  const small = a.lt(1);
  const beyondOne = small.select(a, a.min(3).sub(1));
  const beyondTwo = coreVariable(a);
  const product = beyondOne.mul(beyondTwo).mul(chebyshev(beyondTwo, lgammaCore));
  const core = product.eq(0).select(product.constant(0), product);
  const far = a.max(3);
  const logarithm = small.select(a, far).log();
  const tail = chebyshev(tailVariable(far), lgammaTail).div(far);
  const stirling = far.sub(0.5).mul(logarithm).sub(far).add(halfLogTwoPi).add(tail);
  const infinite = a.eq(Infinity);
  const here = choose(
    [
      [small, core.sub(logarithm)],
      [a.le(3), core],
      [infinite, a],
    ],
    stirling,
  );
  return { next: core, here };
}

/** log |Γ(x)|: Chebyshev's and Stirling's series, reflected at 0 (DLMF 5.5.3). */
export function lgammaFormula(x: Formula): Formula {
  const a = x.abs();
  const small = a.lt(1);
  const { next, here } = lgammaOfPositive(a);
  const sine = halfTurns(a).sin.abs();
  const reflected = small.select(sine, sine.mul(a)).under(Math.PI).log().sub(small.select(next, here));
  // sin(πa) is πa for tiny a, but may underflow.
  const left = choose(
    [
      [a.eq(a.round()), Infinity],
      [a.lt(1e-20), here],
    ],
    reflected,
  );
  return choose(
    [
      [x.isNaN(), x],
      [x.lt(0), left],
    ],
    here,
  );
}

const root = 1.4616321449683622;
/** What the root of digamma has beyond float64, and beyond float32. */
const rootRest = 9.549995429965697e-17;
const float32Root = Math.fround(root);

/** ψ(x), reflected at 0 (DLMF 5.5.4). */
function digammaFormula(x: Formula): Formula {
  const a = x.abs();
  const small = a.lt(1);
  const t = coreVariable(a);
  const beyondRoot = x.isDouble
    ? t.add(2 - root).sub(rootRest)
    : t.add(2 - float32Root).sub(root - float32Root);
  const core = beyondRoot.mul(chebyshev(t, digammaCore));
  const far = a.max(3);
  const series = chebyshev(tailVariable(far), digammaTail).div(far.square());
  const asymptotic = far.log().sub(far.under(0.5)).sub(series);
  const inverse = a.under(1);
  const large = a.le(3).select(core, asymptotic);
  const positive = small.select(core.sub(inverse), large);
  const { sin, cos } = halfTurns(a);
  const next = small.select(core, large.add(inverse));
  const left = a.eq(a.round()).select(a.constant(Number.NaN), next.add(cos.div(sin).mul(Math.PI)));
  return choose(
    [
      [x.isNaN(), x],
      [x.eq(0), x.under(-1)],
      [x.lt(0), left],
      [x.eq(Infinity), x],
    ],
    positive,
  );
}

/** ψ'(x), reflected at 0 (DLMF 5.15.6). */
function trigammaFormula(x: Formula): Formula {
  const a = x.abs();
  const small = a.lt(1);
  const core = chebyshev(coreVariable(a), trigammaCore);
  const far = a.max(3);
  const inverse = far.under(1);
  const series = chebyshev(tailVariable(far), trigammaTail).mul(inverse).mul(inverse).mul(inverse);
  const asymptotic = inverse.add(inverse.square().mul(0.5)).add(series);
  const step = a.under(1).square();
  const large = a.le(3).select(core, asymptotic);
  const positive = small.select(core.add(step), large);
  const next = small.select(core, large.sub(step));
  // At the poles PyTorch's value is not infinite: it divides by the sine of the rounded πx. So does this.
  const sine = a.eq(a.round()).select(a.mul(Math.PI).sin(), halfTurns(a).sin);
  const left = sine.under(Math.PI).square().sub(next);
  return choose(
    [
      [x.isNaN(), x],
      [x.eq(-Infinity), Number.NaN],
      [x.lt(0), left],
    ],
    positive,
  );
}

/** B(2k) / (2k)!, k from 1. */
const bernoulliRatios = [
  1 / 12,
  -1 / 720,
  1 / 30240,
  -1 / 1209600,
  1 / 47900160,
  -691 / 1307674368000,
  1 / 74724249600,
  -3617 / 10670622842880000,
];

/** Σ 1 / (q + k)^s for q >= start, large: Euler and Maclaurin (DLMF 25.11.28). */
function zetaTail(s: Formula, q: Formula): Formula {
  const terms = s.isDouble ? 8 : 4;
  const power = q.pow(s.neg());
  const inverse = q.under(1);
  const inverseSquare = inverse.square();
  // Σ B(2k) / (2k)! s (s + 1) … (s + 2k - 2) / q^(2k - 1), innermost first.
  let sum = s.constant(0);
  for (let k = terms; k >= 1; k--) {
    const term = sum.add(bernoulliRatios[k - 1]);
    sum =
      k === 1
        ? term
        : term
            .mul(s.add(2 * k - 3))
            .mul(s.add(2 * k - 2))
            .mul(inverseSquare);
  }
  const corrections = sum.mul(s).mul(inverse);
  const tail = power.mul(q.div(s.sub(1)).add(0.5).add(corrections));
  return power.eq(0).select(power, tail);
}

/**
 * Hurwitz's zeta function for s > 1. Left of 0, where s is an integer, the terms on the two sides of 0 are summed
 * apart, each from the ones nearest to it.
 */
function zetaFormula(s: Formula, q: Formula): Formula {
  const direct = s.isDouble ? 9 : 5;
  const exponent = s.neg();
  const negative = q.lt(0);
  // The first term on the right: q itself, or its distance to the integer below.
  const below = q.floor();
  const first = negative.select(q.sub(below), q);
  const count = negative.select(below.neg(), 0);
  let right = s.constant(0);
  let left = s.constant(0);
  for (let k = 0; k < direct; k++) {
    right = right.add(first.add(k).pow(exponent));
    const power = first.from(k + 1).pow(exponent);
    left = left.add(count.gt(k).select(power, 0));
  }
  right = right.add(zetaTail(s, first.add(direct)));
  const more = count.gt(direct);
  const rest = zetaTail(s, first.from(direct + 1)).sub(
    zetaTail(
      s,
      more
        .select(count, direct + 1)
        .sub(first)
        .add(1),
    ),
  );
  left = left.add(more.select(rest, 0));
  const odd = s.mul(0.5).floor().mul(2).lt(s);
  const both = negative.select(right.add(odd.select(left.neg(), left)), right);
  const integer = s.eq(s.floor());
  return choose(
    [
      [s.eq(1), Infinity],
      [s.lt(1), Number.NaN],
      [q.le(0).and(q.eq(below)), Infinity],
      [s.isNaN().or(q.isNaN()), Number.NaN],
      [q.eq(Infinity), 0],
      [negative.and(integer.not()), Number.NaN],
      [s.eq(Infinity), q.lt(1).select(s, q.eq(1).select(s.constant(1), 0))],
    ],
    both,
  );
}

/**
 * `torch.special.zeta`: Hurwitz's ζ(s, q) = Σ 1 / (q + k)^s over k >= 0, for s > 1. Broadcasts; one of the two may be
 * a number. Differentiable in q.
 *
 * Source: Euler and Maclaurin's formula, DLMF 25.11.28.
 */
export const zeta: BinaryOperands = binaryFormula('zeta', zetaFormula, ({ gradient, inputs: [s, q] }) => [
  null,
  gradient.mul(s.neg()).mul(zeta(s.add(1), q)),
]);

/** ψ'(x), `torch.polygamma(1, x)`. */
const trigamma: Unary = unaryFormula('trigamma', trigammaFormula, (g, x) => g.mul(polygamma(2, x)));

/**
 * `torch.digamma`: the derivative of lgamma. ∓infinity at ±0, NaN at the negative integers.
 *
 * Source: Chebyshev expansions by scripts/fits.py; reflection, DLMF 5.5.4.
 */
export const digamma: Unary = unaryFormula('digamma', digammaFormula, (g, x) => g.mul(trigamma(x)));

/**
 * `torch.lgamma`: log |Γ(x)|. Infinity at 0 and at the negative integers.
 *
 * Source: Chebyshev expansions by scripts/fits.py; reflection, DLMF 5.5.3.
 *
 * @example
 * ```ts
 * import { interpreter, lgamma, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * console.log(await lgamma(tensor([1, 3])).toArray()); // => [0, 0.6931471824645996]
 * ```
 */
export const lgamma: Unary = unaryFormula('lgamma', lgammaFormula, (g, x) => g.mul(digamma(x)));

/**
 * `torch.polygamma`: the n-th derivative of digamma.
 *
 * @throws {ArgumentError} unless n is an integer of at least 0.
 */
export function polygamma(n: number, x: Tensor, options?: OutOptions): Tensor {
  if (!Number.isInteger(n) || n < 0)
    throw new ArgumentError(`polygamma: n must be an integer of at least 0, got ${String(n)}`);
  return deliverOnly('polygamma', derivativeOfDigamma(n, x), options, [x], elementwise);
}

function derivativeOfDigamma(n: number, x: Tensor): Tensor {
  if (n === 0) return digamma(x);
  if (n === 1) return trigamma(x);
  const source = castTo(requireTensor('polygamma', x), floatFor(x.dtype));
  let factorial = 1;
  for (let k = 2; k <= n; k++) factorial *= k;
  return zeta(n + 1, source).mul(n % 2 === 0 ? -factorial : factorial);
}

/**
 * `torch.mvlgamma`: the logarithm of the multivariate gamma function of dimension p, for x > (p - 1) / 2.
 *
 * @throws {ArgumentError} unless p is an integer of at least 1.
 */
export function mvlgamma(x: Tensor, p: number, options?: OutOptions): Tensor {
  if (!Number.isInteger(p) || p < 1)
    throw new ArgumentError(`mvlgamma: p must be an integer of at least 1, got ${String(p)}`);
  const source = castTo(requireTensor('mvlgamma', x), floatFor(x.dtype));
  let sum = lgamma(source);
  for (let j = 1; j < p; j++) sum = sum.add(lgamma(source.sub(j / 2)));
  return deliverOnly(
    'mvlgamma',
    p === 1 ? sum : sum.add(((p * (p - 1)) / 4) * Math.log(Math.PI)),
    options,
    [x],
    elementwise,
  );
}
