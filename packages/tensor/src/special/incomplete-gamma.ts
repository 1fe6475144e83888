// The regularised incomplete gamma functions P and Q.
//
// Four ways, by where the point lies: the power series (DLMF 8.11.4), the continued fraction (DLMF 8.9.2), for large a
// near x = a Temme's uniform expansion (DLMF 8.12), and for Q where both are small the series without its 1.
import { requireTensor } from '../dispatch.ts';
import type { OutOptions } from '../out.ts';
import type { Tensor } from '../tensor.ts';
import { temmeCoefficients } from './coefficients/temme.ts';
import { binaryFormula, choose, type Formula, polynomial } from './formula.ts';
import { lgamma, lgammaFormula } from './gamma.ts';

/** From where on, and how far around x = a, Temme's expansion is used. */
const largeA = 20;
const around = { least: 0.5, most: 2 };
/** Below it the power series serves for any a. */
const smallX = 2;

interface Parts {
  /** P, small where x is far below a. */
  readonly lower: Formula;
  readonly upper: Formula;
}

/** log(1 + u) - u, without cancellation for small u. */
function log1pMinus(u: Formula): Formula {
  // log(1 + u) = 2 artanh(r), r = u / (2 + u); u = 2r / (1 - r).
  const r = u.div(u.add(2));
  const square = r.square();
  const coefficients = Array.from({ length: u.isDouble ? 16 : 7 }, (_, k) => 2 / (2 * k + 3));
  const series = r.mul(square).mul(polynomial(square, coefficients));
  return u
    .abs()
    .lt(0.5)
    .select(series.sub(r.mul(u)), u.log1p().sub(u));
}

/** x^a exp(-x) / Γ(a + 1). For large a by Stirling's series, from x / a alone. */
function prefix(a: Formula, x: Formula): Formula {
  const small = a.min(largeA);
  const plain = small
    .mul(x.log())
    .sub(x)
    .sub(lgammaFormula(small.add(1)))
    .exp();
  const big = a.max(largeA);
  const inverse = big.under(1);
  const stirling = polynomial(inverse.square(), [1 / 12, -1 / 360, 1 / 1260, -1 / 1680]).mul(inverse);
  const exponent = big.mul(log1pMinus(x.sub(big).div(big))).sub(stirling);
  const scaled = exponent.exp().div(big.mul(2 * Math.PI).sqrt());
  return a.le(largeA).select(plain, scaled);
}

/** Σ x^n / ((a + 1) … (a + n)). */
function powerSeries(a: Formula, x: Formula): Formula {
  let sum = x.constant(1);
  for (let n = x.isDouble ? 54 : 32; n >= 1; n--) sum = x.div(a.add(n)).fma(sum, 1);
  return sum;
}

/** Γ(a, x) exp(x) / x^a, for x above 2 and above a + 1, from the tail. */
function continuedFraction(a: Formula, x: Formula): Formula {
  const terms = x.isDouble ? 48 : 16;
  const base = x.sub(a);
  let fraction = base.add(2 * terms + 1);
  for (let k = terms; k >= 1; k--) fraction = base.add(2 * k - 1).sub(a.from(k).mul(k).div(fraction));
  return fraction.under(1);
}

/** Both functions near x = a for large a. */
function temme(a: Formula, x: Formula): Parts {
  const mu = x.sub(a).div(a);
  const halfSquare = log1pMinus(mu).neg();
  const size = halfSquare.add(halfSquare).max(0).sqrt();
  const eta = mu.lt(0).select(size.neg(), size);
  const inverse = a.under(1);
  let sum = a.constant(0);
  for (let k = temmeCoefficients.length - 1; k >= 0; k--) {
    const coefficients = a.isDouble ? temmeCoefficients[k] : shortened(temmeCoefficients[k], k);
    if (coefficients.length > 0) sum = sum.mul(inverse).add(polynomial(eta, coefficients));
  }
  const rest = a
    .mul(halfSquare)
    .neg()
    .exp()
    .div(a.mul(2 * Math.PI).sqrt())
    .mul(sum);
  const scaled = eta.mul(a.mul(0.5).sqrt());
  return {
    lower: scaled.neg().erfc().mul(0.5).sub(rest),
    upper: scaled.erfc().mul(0.5).add(rest),
  };
}

/** What matters in float32 of C_k(η) / a^k. */
function shortened(coefficients: readonly number[], k: number): readonly number[] {
  let count = coefficients.length;
  while (count > 0 && Math.abs(coefficients[count - 1]) * 0.79 ** (count - 1) < 2 ** -26 * largeA ** k)
    count--;
  return coefficients.slice(0, count);
}

/** Q for x < 2 and a < 1: 1 - x^a / Γ(a + 1) (1 + a Σ (-x)^n / ((a + n) n!)). */
function smallUpper(a: Formula, x: Formula): Formula {
  let sum = x.constant(0);
  let factorial = 1;
  const terms: number[] = [];
  for (let n = 1; n <= (x.isDouble ? 24 : 14); n++) {
    factorial *= n;
    terms.push((n % 2 === 0 ? 1 : -1) / factorial);
  }
  for (let n = terms.length; n >= 1; n--) sum = sum.mul(x).add(a.add(n).under(terms[n - 1]));
  const exponent = a.mul(x.log()).sub(lgammaFormula(a.add(1)));
  return exponent.expm1().add(exponent.exp().mul(a).mul(x).mul(sum)).neg();
}

function incompleteGamma(a: Formula, x: Formula, kind: keyof Parts): Formula {
  const ratio = x.div(a);
  const isNear = a.gt(largeA).and(ratio.gt(around.least)).and(ratio.lt(around.most));
  const bySeries = x.lt(smallX).or(x.lt(a.add(1)));
  const inner = isNear.select(a, 2 * largeA);
  const near = temme(inner, isNear.select(x, 2 * largeA))[kind];

  const front = prefix(a, x);
  const seriesX = bySeries.select(x, 1);
  const lower = front.mul(powerSeries(a, seriesX));
  const fractionX = bySeries.select(x.constant(4), x);
  const upper = front.mul(a).mul(continuedFraction(bySeries.select(x.constant(1), a), fractionX));
  let value: Formula;
  if (kind === 'lower') {
    value = bySeries.select(lower, upper.from(1));
  } else {
    const tiny = a.lt(1);
    const complement = tiny.select(smallUpper(a.min(1), x.min(smallX)), lower.from(1));
    value = bySeries.select(complement, upper);
  }
  const atZero = kind === 'lower' ? 0 : 1;
  const atInfinity = 1 - atZero;
  return choose(
    [
      [a.lt(0).or(x.lt(0)), Number.NaN],
      [a.eq(0), x.gt(0).select(x.constant(atInfinity), Number.NaN)],
      [x.eq(0), atZero],
      [a.eq(Infinity), x.eq(Infinity).select(x.constant(Number.NaN), atZero)],
      [x.eq(Infinity), atInfinity],
      [a.isNaN().or(x.isNaN()), Number.NaN],
      [isNear, near],
    ],
    value,
  );
}

/** x^(a - 1) exp(-x) / Γ(a). */
const density = (a: Tensor, x: Tensor): Tensor => a.sub(1).mul(x.log()).sub(x).sub(lgamma(a)).exp();

const lowerOp = binaryFormula(
  'igamma',
  (a, x) => incompleteGamma(a, x, 'lower'),
  ({ gradient, inputs: [a, x] }) => [null, gradient.mul(density(a, x))],
);
const upperOp = binaryFormula(
  'igammac',
  (a, x) => incompleteGamma(a, x, 'upper'),
  ({ gradient, inputs: [a, x] }) => [null, gradient.mul(density(a, x)).neg()],
);

/**
 * `torch.igamma`, `torch.special.gammainc`: the regularised lower incomplete gamma function P(a, x), for a >= 0 and
 * x >= 0, NaN elsewhere. Broadcasts. Differentiable in x.
 *
 * Source: DLMF 8.11, 8.9 and 8.12.
 */
export function igamma(a: Tensor, x: Tensor, options?: OutOptions): Tensor {
  return lowerOp(requireTensor('igamma', a), requireTensor('igamma', x), options);
}

/** `torch.igammac`, `torch.special.gammaincc`: the regularised upper incomplete gamma function, 1 - igamma(a, x). */
export function igammac(a: Tensor, x: Tensor, options?: OutOptions): Tensor {
  return upperOp(requireTensor('igammac', a), requireTensor('igammac', x), options);
}
