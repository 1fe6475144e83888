// The expansions of transcendental functions against float64 references, over the whole range of float32.
import { describe, expect, it } from 'vitest';
import {
  type ExpandableOp,
  ExpressionBuilder,
  expandMath,
  hasExpansion,
  type MathOp,
  mathOps,
} from '../src/index.ts';
import { erf, erfc } from '../src/interpreter/erf.ts';
import { evaluator, type FmaMode, floatOf, intBits } from './math-evaluator.ts';

const references: { readonly [O in MathOp]: (x: number) => number } = {
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

function expanded(op: ExpandableOp, inputs: number, fma: FmaMode, wide: boolean): (...x: number[]) => number {
  const builder = new ExpressionBuilder();
  const args = Array.from({ length: inputs }, (_, index) =>
    builder.add({ op: 'param', dtype: 'float32', index }),
  );
  return evaluator(builder, expandMath(builder, op, args, { wide }), fma);
}

/** Every exponent with 400 mantissas, both signs, and the neighbourhoods of where formulas change. */
function* sweep(): Generator<number> {
  const mantissas = 400;
  for (let exponent = 0; exponent < 255; exponent++) {
    for (let i = 0; i < mantissas; i++) {
      const mantissa = (Math.imul(i + exponent * mantissas, 0x9e3779b1) >>> 9) & 0x7fffff;
      const x = floatOf((exponent << 23) | mantissa);
      yield x;
      yield -x;
    }
  }
  const thresholds = [
    0,
    1,
    0.5,
    2,
    0.25,
    Math.LN2,
    Math.LN2 / 2,
    88.72284,
    103.97,
    87.33655,
    89.41599,
    128,
    126,
    149.5,
    150,
    17.3287,
    9.01,
    9.1,
    0.5494,
    3.93,
    3.92,
    10.05,
    14,
    6000,
    Math.PI,
    Math.PI / 2,
    Math.PI / 4,
    Math.SQRT2,
    Math.SQRT1_2,
    Math.SQRT2 - 1,
    1 - Math.SQRT1_2,
    2 ** -126,
    2 ** -24,
    2 ** 24,
    1e5,
    3.4028234663852886e38,
    2.4061e38,
  ];
  for (const threshold of thresholds) {
    const bits = intBits(threshold);
    for (let offset = -300; offset <= 300; offset++) {
      const x = floatOf(Math.max(bits + offset, 0));
      if (Number.isNaN(x)) continue;
      yield x;
      yield -x;
    }
  }
  yield Number.NaN;
}

/** The result's place in the order of float32s, both zeros at 0. */
function rank(x: number): number {
  const bits = intBits(x);
  return bits < 0 ? -(bits & 0x7fffffff) : bits;
}

/** Float32s from the correctly rounded reference to what was got. */
function distance(got: number, reference: number): number {
  const rounded = Math.fround(reference);
  if (Number.isNaN(rounded) || Number.isNaN(got))
    return Object.is(got, rounded) ? 0 : Number.POSITIVE_INFINITY;
  if (rounded === 0 && reference === 0) return Object.is(got, rounded) ? 0 : Number.POSITIVE_INFINITY;
  return Math.abs(rank(got) - rank(rounded));
}

const points: Float32Array = Float32Array.from(sweep());

function worst(op: MathOp, fma: FmaMode, wide: boolean, limit: number): { ulps: number; at: number } {
  const f = expanded(op, 1, fma, wide);
  const reference = references[op];
  let ulps = 0;
  let at = 0;
  for (const x of points) {
    if (Math.abs(x) > limit) continue;
    const here = distance(f(x), reference(x));
    if (here > ulps) [ulps, at] = [here, x];
  }
  return { ulps, at };
}

describe.each(mathOps.filter((op) => hasExpansion(op, 'float32')))('%s of float32', (op) => {
  it.each(['fused', 'separate'] as const)('is within 2 ulp everywhere (%s)', (fma) => {
    const { ulps, at } = worst(op, fma, true, Number.POSITIVE_INFINITY);
    expect(ulps, `at ${at}`).toBeLessThanOrEqual(2);
  });
});
