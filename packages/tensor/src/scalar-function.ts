// Elementwise functions by formula: one op, hence one loop, with a derivative of its own.
import { ArgumentError, DTypeError, isFloat, registerScalarFunction, type ScalarExpression } from '@nn/core';
import { apply } from './dispatch.ts';
import type { Tensor } from './tensor.ts';

export interface ScalarDerivativeContext {
  /** The gradient with respect to the output, in the output's shape. */
  readonly gradient: Tensor;
  readonly inputs: readonly Tensor[];
  readonly output: Tensor;
  readonly constants: readonly number[];
  /** Which inputs' gradients are asked for; others may be null. */
  readonly needs: readonly boolean[];
}

/** Gradients with respect to the inputs (null: none), in the output's shape. */
export type ScalarDerivative = (context: ScalarDerivativeContext) => readonly (Tensor | null)[];

export interface ScalarFunctionDefinition {
  /** Distinct from all others'. */
  readonly name: string;
  readonly expression: ScalarExpression;
  /** Written in tensor operations, so that it can be differentiated again. Without one, `backward` throws. */
  readonly derivative?: ScalarDerivative;
}

const derivatives = new Map<string, ScalarDerivative>();

/** The derivative of a function defined by `scalarFunction`, if it has one. */
export function scalarDerivativeOf(name: string): ScalarDerivative | undefined {
  return derivatives.get(name);
}

/**
 * An elementwise function of float tensors (one dtype, shapes broadcast) from an expression over the scalar
 * instructions. It fuses like any other op and runs on every device.
 *
 * @example
 * ```ts
 * import { interpreter, scalarFunction, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const cubed = scalarFunction({
 *   name: 'example.cubed',
 *   expression: (b, [x]) => b.binary('mul', b.binary('mul', x, x), x),
 *   derivative: ({ gradient, inputs: [x] }) => [gradient.mul(x.square()).mul(3)],
 * });
 * console.log(await cubed([tensor([0.5, 2])]).toArray()); // => [0.125, 8]
 * ```
 * @throws {ArgumentError} when called without tensors, or when another function has the name.
 * @throws {DTypeError} when called with integer or bool tensors, or with different dtypes.
 */
export function scalarFunction(
  definition: ScalarFunctionDefinition,
): (inputs: readonly Tensor[], constants?: readonly number[]) => Tensor {
  const { name, expression, derivative } = definition;
  let registered = false;
  return (inputs, constants = []) => {
    if (!registered) {
      registerScalarFunction(name, expression);
      if (derivative !== undefined) derivatives.set(name, derivative);
      registered = true;
    }
    if (inputs.length === 0) throw new ArgumentError(`${name}: got no tensors`);
    for (const { dtype } of inputs) {
      if (!isFloat(dtype))
        throw new DTypeError(`${name}: takes float tensors, got ${dtype}. Cast it with to()`);
    }
    return apply('scalarFunction', inputs, { name, constants });
  };
}
