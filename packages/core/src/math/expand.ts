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
import { erf } from './error-function.ts';
import { exp, exp2, expm1 } from './exponential.ts';
import { Float32Code } from './float32.ts';
import { tanh } from './hyperbolic.ts';
import { log, log1p } from './logarithm.ts';
import type { MathOptions } from './options.ts';
import { cos, sin } from './trigonometric.ts';

/** Everything that `expandMath` may be asked for: functions of one float, and of two. */
export type ExpandableOp = MathOp | 'pow' | 'atan2';

type Expansion = (c: Float32Code, ...args: Value[]) => Value;

const float32Expansions: { readonly [O in ExpandableOp]?: Expansion } = {
  exp,
  expm1,
  exp2,
  log,
  log1p,
  sin,
  cos,
  tanh,
  erf,
};

/** Whether `expandMath` can expand this. */
export function hasExpansion(op: ExpandableOp, dtype: DType): boolean {
  return dtype === 'float32' && op in float32Expansions;
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
  const expansion = float32Expansions[op];
  if (expansion === undefined || builder.dtypeOf(args[0]) !== 'float32') {
    throw new InternalError(`expandMath: ${op} of ${builder.dtypeOf(args[0])} has no expansion`);
  }
  return expansion(new Float32Code(builder, options), ...args);
}
