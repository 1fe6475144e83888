// An elementwise op whose expression is not in the table but was registered under a name: what few programs need
// (Bessel functions, a user's own formula) costs the others nothing.
import { ArgumentError, DTypeError } from '../errors.ts';
import type { ExpressionBuilder } from '../expression.ts';
import type { Value } from '../scalar.ts';
import { broadcastShapes } from '../shape.ts';
import type { ScalarDefinition } from './definition.ts';

/** One element of the result from one element of each input; the constants are part of the kernel. */
export type ScalarExpression = (
  builder: ExpressionBuilder,
  inputs: readonly Value[],
  constants: readonly number[],
) => Value;

export interface ScalarFunctionAttributes {
  /** What the expression is registered under. */
  readonly name: string;
  readonly constants: readonly number[];
}

export type ScalarFunctionOps = {
  readonly scalarFunction: ScalarDefinition<ScalarFunctionAttributes>;
};

const expressions = new Map<string, ScalarExpression>();

/**
 * Makes an expression known as the op `scalarFunction` of this name: floats of one dtype to that dtype. It must be
 * the same at every call with the same constants.
 *
 * @throws {ArgumentError} when another expression has the name.
 */
export function registerScalarFunction(name: string, expression: ScalarExpression): void {
  const known = expressions.get(name);
  if (known !== undefined && known !== expression) {
    throw new ArgumentError(
      `scalarFunction: another function is called '${name}'. Give this one another name`,
    );
  }
  expressions.set(name, expression);
}

function expressionOf(name: string): ScalarExpression {
  const expression = expressions.get(name);
  if (expression !== undefined) return expression;
  throw new ArgumentError(`scalarFunction: no function is registered as '${name}'`);
}

const scalarFunction: ScalarDefinition<ScalarFunctionAttributes> = {
  kind: 'scalar',
  infer(inputs, { name }) {
    expressionOf(name);
    const { dtype } = inputs[0];
    for (const input of inputs) {
      if (input.dtype !== dtype)
        throw new DTypeError(`${name}: inputs are ${dtype} and ${input.dtype}; cast one of them`);
    }
    const shape =
      inputs.length === 1 ? inputs[0].shape : broadcastShapes(name, ...inputs.map((input) => input.shape));
    return { shape, dtype };
  },
  expression(b, inputs, { name, constants }) {
    const dtype = b.dtypeOf(inputs[0]);
    const expression = expressionOf(name);
    if (dtype !== 'float16' && dtype !== 'bfloat16') return expression(b, inputs, constants);
    // Intermediate results need more digits than half precision has.
    const wide = inputs.map((input) => b.cast(input, 'float32'));
    return b.cast(expression(b, wide, constants), dtype);
  },
};

export const scalarFunctionOps: ScalarFunctionOps = { scalarFunction };
