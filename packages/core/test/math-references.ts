// Float64 references of the transcendental functions, points to compare at, and the measure of distance.
import {
  type DType,
  type ExpandableOp,
  ExpressionBuilder,
  expandMath,
  type MathOp,
  type MathOptions,
} from '../src/index.ts';
import { erf, erfc } from '../src/interpreter/erf.ts';
import { evaluator, type FmaMode, floatOf, intBits } from './math-evaluator.ts';

export const unaryReferences: { readonly [O in MathOp]: (x: number) => number } = {
  exp: Math.exp,
  log: Math.log,
  expm1: Math.expm1,
  log1p: Math.log1p,
  exp2: (x) => 2 ** x,
  log2: Math.log2,
  log10: Math.log10,
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  asin: Math.asin,
  acos: Math.acos,
  atan: Math.atan,
  sinh: Math.sinh,
  cosh: Math.cosh,
  tanh: Math.tanh,
  asinh: Math.asinh,
  acosh: Math.acosh,
  atanh: Math.atanh,
  erf,
  erfc,
};

/** C's and PyTorch's pow: unlike JavaScript's, 1 to any power is 1, and -1 to an infinite one. */
export function powReference(x: number, y: number): number {
  if (x === 1 || (x === -1 && Math.abs(y) === Number.POSITIVE_INFINITY)) return 1;
  return x ** y;
}

/** The expansion of a function as a JavaScript function. */
export function expanded(
  op: ExpandableOp,
  fma: FmaMode,
  options: MathOptions,
  dtype: DType = 'float32',
): (...x: number[]) => number {
  const builder = new ExpressionBuilder();
  const args = [0, 1].map((index) => builder.add({ op: 'param', dtype, index }));
  return evaluator(builder, expandMath(builder, op, args, options), fma);
}

const thresholds = [
  ...[0, 2 ** -126, 2 ** -24, 0.25, 0.5, 1, 1.2, 2, 6000, 1e5, 2 ** 24, 1e10, 3.4028234663852886e38],
  // Where exponentials round to zero, turn subnormal, overflow; where a sum with one of them rounds to 1.
  ...[16.6, 17.3287, 18, 87.33655, 88.72284, 89.07, 89.41599, 103.97, 104, 126, 128, 149.5, 150],
  ...[9.01, 9.1, 0.5494, 3.92, 3.93, 10.05, 10.1, 14],
  ...[Math.LN2, Math.LN2 / 2, Math.PI, Math.PI / 2, Math.PI / 4, Math.SQRT2, Math.SQRT1_2],
  ...[Math.SQRT2 - 1, 1 - Math.SQRT1_2, 2 ** 127 * Math.SQRT2],
];

/** Floats of one exponent and each sign, spread over the mantissas. */
function* ofExponent(exponent: number, count: number): Generator<number> {
  for (let i = 0; i < count; i++) {
    const mantissa = (Math.imul(i + exponent * count, 0x9e3779b1) >>> 9) & 0x7fffff;
    const x = floatOf((exponent << 23) | mantissa);
    yield x;
    yield -x;
  }
}

/** All exponents, those of everyday numbers more densely, and the neighbours of where something changes. */
function* points(): Generator<number> {
  for (let exponent = 0; exponent < 255; exponent++) yield* ofExponent(exponent, 150);
  for (let exponent = 115; exponent < 140; exponent++) yield* ofExponent(exponent, 4000);
  for (const threshold of thresholds) {
    for (let offset = -200; offset <= 200; offset++) {
      const x = floatOf(Math.max(intBits(threshold) + offset, 0));
      if (!Number.isNaN(x)) yield* [x, -x];
    }
  }
  yield Number.NaN;
}

/** About 300,000 float32s. */
const unaryPoints: Float32Array = Float32Array.from(points());

/** A float's place in their order, both zeros at 0. */
function rank(x: number): number {
  const bits = intBits(x);
  return bits < 0 ? -(bits & 0x7fffffff) : bits;
}

/** How many floats lie between what was got and the correctly rounded reference; exact zeros must have its sign. */
export function distance(got: number, reference: number): number {
  const rounded = Math.fround(reference);
  if (Number.isNaN(rounded) || Number.isNaN(got) || reference === 0) {
    return Object.is(got, rounded) ? 0 : Number.POSITIVE_INFINITY;
  }
  return Math.abs(rank(got) - rank(rounded));
}

/** The greatest distance over the points of magnitude up to a limit. */
export function worstOf(
  op: MathOp,
  fma: FmaMode,
  options: MathOptions,
  limit: number,
): { readonly ulps: number; readonly at: number } {
  const f = expanded(op, fma, options);
  const reference = unaryReferences[op];
  let ulps = 0;
  let at = 0;
  for (const x of unaryPoints) {
    if (Math.abs(x) > limit) continue;
    const here = distance(f(x), reference(x));
    if (here > ulps) [ulps, at] = [here, x];
  }
  return { ulps, at };
}
