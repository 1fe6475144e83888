// Transcendental functions as straight-line code over the primitive instructions.
//
// No branches, so that it vectorises; every case (NaN, infinities, signed zeros, subnormals, overflow) comes out of
// the same instructions or of a final select. In float32 results are within 2 units in the last place of the
// correctly rounded ones, whether `fma` rounds once or twice. Coefficients are minimax fits by Remez's algorithm in
// extended precision, each rounded to float32 in turn and the others refitted.
import type { DType } from '../dtype.ts';
import { InternalError } from '../errors.ts';
import type { ExpressionBuilder } from '../expression.ts';
import type { MathOp, Value } from '../scalar.ts';
import { MathCode } from './code.ts';
import { erf, erfc } from './error-function.ts';
import { exp, exp2, expm1 } from './exponential.ts';
import { cosh, sinh, tanh } from './hyperbolic.ts';
import { acosh, asinh, atanh } from './inverse-hyperbolic.ts';
import { acos, asin, atan, atan2 } from './inverse-trigonometric.ts';
import { log, log1p, log2, log10 } from './logarithm.ts';
import type { MathOptions } from './options.ts';
import { pow } from './power.ts';
import { cos, sin, tan } from './trigonometric.ts';
import { wideExp, wideExpm1, wideLog, wideLog1p, wideTanh } from './wide.ts';

/** Everything that `expandMath` may be asked for: functions of one float, and of two. */
export type ExpandableOp = MathOp | 'pow' | 'atan2';

type Unary = (c: MathCode, x: Value) => Value;
type Binary = (c: MathCode, a: Value, b: Value) => Value;

const float32Expansions: { readonly [O in MathOp]: Unary } & {
  readonly pow: Binary;
  readonly atan2: Binary;
} = {
  exp,
  log,
  expm1,
  log1p,
  exp2,
  log2,
  log10,
  sin,
  cos,
  tan,
  asin,
  acos,
  atan,
  sinh,
  cosh,
  tanh,
  asinh,
  acosh,
  atanh,
  erf,
  erfc,
  pow,
  atan2,
};

const float64Expansions: { readonly [O in ExpandableOp]?: Unary } = {
  exp: wideExp,
  expm1: wideExpm1,
  log: wideLog,
  log1p: wideLog1p,
  tanh: wideTanh,
};

/** Whether `expandMath` can expand this. */
export function hasExpansion(op: ExpandableOp, dtype: DType): boolean {
  return dtype === 'float32' || (dtype === 'float64' && op in float64Expansions);
}

/**
 * Appends instructions that compute `op` of values of one float dtype, and returns the reference to their result.
 * Only for what `hasExpansion` affirms.
 */
export function expandMath(
  builder: ExpressionBuilder,
  op: ExpandableOp,
  args: readonly Value[],
  options: MathOptions = {},
): Value {
  const [a, b] = args;
  const code = new MathCode(builder, options);
  const dtype = builder.dtypeOf(a);
  if (dtype === 'float32') {
    return op === 'pow' || op === 'atan2'
      ? float32Expansions[op](code, a, b)
      : float32Expansions[op](code, a);
  }
  const expansion = dtype === 'float64' ? float64Expansions[op] : undefined;
  if (expansion === undefined) throw new InternalError(`expandMath: ${op} of ${dtype} has no expansion`);
  return expansion(code, a);
}
