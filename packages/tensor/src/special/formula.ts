// Formulas over the scalar instructions, written as one writes them: what the special functions are made of.
import type { DType, ExpressionBuilder, UnaryOp, Value } from '@nn/core';
import { where } from '../blending.ts';
import { asOperand, castTo, floatFor, promote, requireTensor } from '../dispatch.ts';
import { type BinaryOperands, requireOneTensor, type Unary } from '../operands.ts';
import { deliverOnly, elementwise } from '../out.ts';
import { type ScalarDerivative, scalarFunction } from '../scalar-function.ts';
import type { Tensor } from '../tensor.ts';

type Term = Formula | number;

/** A value of a formula under construction: a float, or the truth value of a comparison. */
export class Formula {
  readonly builder: ExpressionBuilder;
  readonly value: Value;

  constructor(builder: ExpressionBuilder, value: Value) {
    this.builder = builder;
    this.value = value;
  }

  get dtype(): DType {
    return this.builder.dtypeOf(this.value);
  }

  /** Whether this is computed in float64: then every term counts. */
  get isDouble(): boolean {
    return this.dtype === 'float64';
  }

  /** A constant of this dtype. */
  constant(value: number): Formula {
    return this.#of(this.builder.constantLike(value, this.value));
  }

  #of(value: Value): Formula {
    return new Formula(this.builder, value);
  }

  #value(term: Term): Value {
    return typeof term === 'number' ? this.builder.constantLike(term, this.value) : term.value;
  }

  #unary(op: UnaryOp): Formula {
    return this.#of(this.builder.unary(op, this.value));
  }

  add(other: Term): Formula {
    return this.#of(this.builder.binary('add', this.value, this.#value(other)));
  }
  sub(other: Term): Formula {
    return this.#of(this.builder.binary('sub', this.value, this.#value(other)));
  }
  mul(other: Term): Formula {
    return this.#of(this.builder.binary('mul', this.value, this.#value(other)));
  }
  div(other: Term): Formula {
    return this.#of(this.builder.binary('div', this.value, this.#value(other)));
  }
  pow(other: Term): Formula {
    return this.#of(this.builder.binary('pow', this.value, this.#value(other)));
  }
  max(other: Term): Formula {
    return this.#of(this.builder.binary('max', this.value, this.#value(other)));
  }
  min(other: Term): Formula {
    return this.#of(this.builder.binary('min', this.value, this.#value(other)));
  }
  /** this * factor + term. */
  fma(factor: Term, term: Term): Formula {
    return this.#of(this.builder.fma(this.value, this.#value(factor), this.#value(term)));
  }
  /** other / this. */
  under(other: number): Formula {
    return this.constant(other).div(this);
  }
  /** other - this. */
  from(other: number): Formula {
    return this.constant(other).sub(this);
  }
  square(): Formula {
    return this.mul(this);
  }
  neg(): Formula {
    return this.#unary('neg');
  }
  abs(): Formula {
    return this.#unary('abs');
  }
  sqrt(): Formula {
    return this.#unary('sqrt');
  }
  exp(): Formula {
    return this.#unary('exp');
  }
  expm1(): Formula {
    return this.#unary('expm1');
  }
  log(): Formula {
    return this.#unary('log');
  }
  log1p(): Formula {
    return this.#unary('log1p');
  }
  sin(): Formula {
    return this.#unary('sin');
  }
  cos(): Formula {
    return this.#unary('cos');
  }
  acos(): Formula {
    return this.#unary('acos');
  }
  acosh(): Formula {
    return this.#unary('acosh');
  }
  sinh(): Formula {
    return this.#unary('sinh');
  }
  cosh(): Formula {
    return this.#unary('cosh');
  }
  erfc(): Formula {
    return this.#unary('erfc');
  }
  round(): Formula {
    return this.#unary('round');
  }
  floor(): Formula {
    return this.#unary('floor');
  }
  trunc(): Formula {
    return this.#unary('trunc');
  }

  lt(other: Term): Formula {
    return this.#of(this.builder.compare('lt', this.value, this.#value(other)));
  }
  le(other: Term): Formula {
    return this.#of(this.builder.compare('le', this.value, this.#value(other)));
  }
  gt(other: Term): Formula {
    return this.#of(this.builder.compare('lt', this.#value(other), this.value));
  }
  ge(other: Term): Formula {
    return this.#of(this.builder.compare('le', this.#value(other), this.value));
  }
  eq(other: Term): Formula {
    return this.#of(this.builder.compare('eq', this.value, this.#value(other)));
  }
  isNaN(): Formula {
    return this.#of(this.builder.isNaN(this.value));
  }
  and(other: Formula): Formula {
    return this.#of(this.builder.binary('and', this.value, other.value));
  }
  or(other: Formula): Formula {
    return this.#of(this.builder.binary('or', this.value, other.value));
  }
  not(): Formula {
    return this.#unary('not');
  }

  /** One of two values, by this truth value. */
  select(yes: Formula, no: Term): Formula {
    return this.#of(this.builder.where(this.value, yes.value, yes.#value(no)));
  }

  shiftLeft(count: number): Formula {
    return this.#of(this.builder.binary('shiftLeft', this.value, this.#value(count)));
  }
  shiftRight(count: number): Formula {
    return this.#of(this.builder.binary('shiftRight', this.value, this.#value(count)));
  }
  cast(dtype: DType): Formula {
    return this.#of(this.builder.cast(this.value, dtype));
  }
  bitcast(dtype: DType): Formula {
    return this.#of(this.builder.bitcast(this.value, dtype));
  }
}

/** The result of the first condition that holds, else `otherwise`. */
export function choose(cases: readonly (readonly [Formula, Term])[], otherwise: Formula): Formula {
  let result = otherwise;
  for (const [condition, value] of [...cases].reverse())
    result = condition.select(typeof value === 'number' ? otherwise.constant(value) : value, result);
  return result;
}

/** Σ coefficients[i] x^i, by Horner's rule. */
export function polynomial(x: Formula, coefficients: readonly number[]): Formula {
  let sum = x.constant(coefficients[coefficients.length - 1]);
  for (let i = coefficients.length - 2; i >= 0; i--) sum = sum.fma(x, coefficients[i]);
  return sum;
}

/** Relative to the largest coefficient, what does not show in float32. */
const float32Negligible = 2 ** -28;

/** Σ coefficients[i] T_i(t) for |t| <= 1, by Clenshaw's recurrence (1955). In float32 without the last ones. */
export function chebyshev(t: Formula, coefficients: readonly number[]): Formula {
  let last = coefficients.length - 1;
  if (!t.isDouble) {
    const negligible = float32Negligible * Math.max(...coefficients.map(Math.abs));
    while (Math.abs(coefficients[last]) < negligible) last--;
  }
  const twice = t.add(t);
  let next = t.constant(coefficients[last]);
  let afterNext = t.constant(0);
  for (let i = last - 1; i >= 1; i--) {
    [next, afterNext] = [twice.fma(next, t.constant(coefficients[i]).sub(afterNext)), next];
  }
  return t.fma(next, t.constant(coefficients[0]).sub(afterNext));
}

/** A formula of any number of inputs and constants as an op. */
function formulaOp(
  name: string,
  formula: (inputs: readonly Formula[], constants: readonly number[]) => Formula,
  derivative?: ScalarDerivative,
): (inputs: readonly Tensor[], constants?: readonly number[]) => Tensor {
  return scalarFunction({
    name: `special.${name}`,
    expression: (b, inputs, constants) =>
      formula(
        inputs.map((input) => new Formula(b, input)),
        constants,
      ).value,
    ...(derivative === undefined ? {} : { derivative }),
  });
}

/** dz/dx times the gradient, from x and z. */
export type UnaryDerivative = (gradient: Tensor, x: Tensor, z: Tensor) => Tensor;

/** A function of one element; integers become floats. */
export function unaryFormula(
  name: string,
  formula: (x: Formula) => Formula,
  derivative?: UnaryDerivative,
): Unary {
  const op = formulaOp(
    name,
    ([x]) => formula(x),
    derivative && (({ gradient, inputs: [x], output }) => [derivative(gradient, x, output)]),
  );
  return (x, options) =>
    deliverOnly(name, op([castTo(requireTensor(name, x), floatFor(x.dtype))]), options, [x], elementwise);
}

/** A function of two elements in their promoted dtype, integers as floats; one of the two may be a number. */
export function binaryFormula(
  name: string,
  formula: (x: Formula, y: Formula) => Formula,
  derivative?: ScalarDerivative,
): BinaryOperands {
  const op = formulaOp(name, ([x, y]) => formula(x, y), derivative);
  return (x, y, options) => {
    requireOneTensor(name, x, y);
    const dtype = floatFor(promote(x, y));
    const result = op([asOperand(name, x, dtype), asOperand(name, y, dtype)]);
    return deliverOnly(name, result, options, [x, y], elementwise);
  };
}

/** A function of one element and of fixed numbers; integers become floats. */
export function formulaWithConstants(
  name: string,
  formula: (x: Formula, constants: readonly number[]) => Formula,
): (x: Tensor, constants: readonly number[]) => Tensor {
  const op = formulaOp(name, ([x], constants) => formula(x, constants));
  return (x, constants) => op([castTo(requireTensor(name, x), floatFor(x.dtype))], constants);
}

/** z / x where z is odd in x with slope 1/2 at 0, as Bessel functions of order 1 are. */
export function overArgument(z: Tensor, x: Tensor): Tensor {
  const zero = x.eq(0);
  return where(zero, 0.5, z.div(where(zero, 1, x)));
}
