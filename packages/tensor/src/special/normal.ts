// The scaled error function, the normal distribution's functions, and entropy.

import { where } from '../blending.ts';
import type { Unary } from '../operands.ts';
import { erfcxRight } from './coefficients/erfcx.ts';
import { chebyshev, choose, type Formula, polynomial, unaryFormula } from './formula.ts';

/** exp(x²) erfc(x) for x >= 0: Shepherd and Laframboise, Mathematics of Computation 36 (1981). */
function erfcxOfPositive(a: Formula): Formula {
  const t = a.sub(3.75).div(a.add(3.75));
  const far = a.under(1 / Math.sqrt(Math.PI));
  return a.gt(1e8).select(far, chebyshev(t, erfcxRight).div(a.add(a).add(1)));
}

/** Left of 0 from erfc(x) + erfc(-x) = 2. */
function erfcxFormula(x: Formula): Formula {
  const right = erfcxOfPositive(x.abs());
  return x.lt(0).select(x.square().exp().mul(2).sub(right), right);
}

/** `torch.special.erfcx`: exp(x²) erfc(x). Source: Shepherd and Laframboise 1981. */
export const erfcx: Unary = unaryFormula('erfcx', erfcxFormula, (g, x, z) =>
  g.mul(
    x
      .mul(z)
      .mul(2)
      .sub(2 / Math.sqrt(Math.PI)),
  ),
);

/**
 * `torch.special.ndtr`: the standard normal distribution's cumulative function.
 *
 * @example
 * ```ts
 * import { interpreter, special, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const x = tensor([-1.5, 0, 2]);
 * console.log(await special.ndtri(special.ndtr(x)).round({ decimals: 4 }).toArray()); // => [-1.5, 0, 2]
 * ```
 */
export const ndtr: Unary = unaryFormula(
  'ndtr',
  (x) => x.mul(-Math.SQRT1_2).erfc().mul(0.5),
  (g, x) =>
    g.mul(
      x
        .square()
        .mul(-0.5)
        .exp()
        .mul(1 / Math.sqrt(2 * Math.PI)),
    ),
);

/** `torch.special.log_ndtr`: log of ndtr, which does not lose the left tail. */
export const logNdtr: Unary = unaryFormula(
  'logNdtr',
  (x) => {
    const scaled = x.mul(Math.SQRT1_2);
    const left = erfcxOfPositive(scaled.abs()).mul(0.5).log().sub(scaled.square());
    const right = scaled.erfc().mul(-0.5).log1p();
    return x.lt(-1).select(left, right);
  },
  (g, x) => g.mul(Math.sqrt(2 / Math.PI)).div(erfcx(x.mul(-Math.SQRT1_2))),
);

// Wichura, Algorithm AS 241 (PPND16), Applied Statistics 37 (1988): numerators and denominators.
const central = [
  [
    3.3871328727963665, 133.14166789178438, 1971.5909503065513, 13731.69376550946, 45921.95393154987,
    67265.7709270087, 33430.57558358813, 2509.0809287301227,
  ],
  [
    1, 42.31333070160091, 687.1870074920579, 5394.196021424751, 21213.794301586597, 39307.89580009271,
    28729.085735721943, 5226.495278852854,
  ],
];
const outer = [
  [
    1.4234371107496835, 4.630337846156546, 5.769497221460691, 3.6478483247632045, 1.2704582524523684,
    0.2417807251774506, 0.022723844989269184, 0.0007745450142783414,
  ],
  [
    1, 2.053191626637759, 1.6763848301838038, 0.6897673349851, 0.14810397642748008, 0.015198666563616457,
    0.0005475938084995345, 1.0507500716444169e-9,
  ],
];
const tails = [
  [
    6.657904643501103, 5.463784911164114, 1.7848265399172913, 0.29656057182850487, 0.026532189526576124,
    0.0012426609473880784, 2.7115555687434876e-5, 2.0103343992922881e-7,
  ],
  [
    1, 0.599832206555888, 0.1369298809227358, 0.014875361290850615, 0.0007868691311456133,
    1.8463183175100548e-5, 1.421511758316446e-7, 2.0442631033899397e-15,
  ],
];

function ndtriFormula(p: Formula): Formula {
  const middle = p.sub(0.5);
  const rest = middle.square().from(0.180625);
  const near = middle.mul(polynomial(rest, central[0])).div(polynomial(rest, central[1]));
  const logarithm = p.min(p.from(1)).log().neg().sqrt();
  const ratio = (variable: Formula, [above, below]: readonly (readonly number[])[]): Formula =>
    polynomial(variable, above).div(polynomial(variable, below));
  const size = logarithm.le(5).select(ratio(logarithm.sub(1.6), outer), ratio(logarithm.sub(5), tails));
  const far = middle.lt(0).select(size.neg(), size);
  return choose(
    [
      [p.eq(0), -Infinity],
      [p.eq(1), Infinity],
      [p.lt(0).or(p.gt(1)), Number.NaN],
      [middle.abs().le(0.425), near],
    ],
    far,
  );
}

/**
 * `torch.special.ndtri`: the inverse of ndtr on (0, 1), ∓infinity at the ends, NaN outside.
 *
 * Source: Wichura, Algorithm AS 241 (1988).
 */
export const ndtri: Unary = unaryFormula('ndtri', ndtriFormula, (g, _, z) =>
  g.mul(z.square().mul(0.5).exp()).mul(Math.sqrt(2 * Math.PI)),
);

/** `torch.special.entr`: -x log x; 0 at 0, -infinity left of it. */
export const entr: Unary = unaryFormula(
  'entr',
  (x) =>
    choose(
      [
        [x.lt(0), -Infinity],
        [x.eq(0), 0],
      ],
      x.neg().mul(x.log()),
    ),
  (g, x) => where(x.isnan(), x, g.mul(x.log().add(1)).neg()),
);
