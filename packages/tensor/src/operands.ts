// How elementwise functions take their operands: checked, promoted and cast, then recorded as one op.
import { ArgumentError, type AttributesOf, categoryOf, type DType, type OpName } from '@nn/core';
import {
  apply,
  asOperand,
  castTo,
  describe,
  floatFor,
  promote,
  requireTensor,
  type Scalar,
  writeInPlace,
} from './dispatch.ts';
import { Tensor } from './tensor.ts';

/** A tensor, or a number that goes with any shape. */
export type Operand = Tensor | Scalar;
/** Ops without attributes. */
export type PlainOp = { [N in OpName]: Record<string, never> extends AttributesOf<N> ? N : never }[OpName];

/** Integers become floats. */
export function unaryFloat(op: PlainOp, name: string = op): (x: Tensor) => Tensor {
  return (x) => apply(op, [castTo(requireTensor(name, x), floatFor(x.dtype))], {} as never);
}

/** Integers pass through unchanged. */
export function rounding(op: PlainOp): (x: Tensor) => Tensor {
  return (x) =>
    categoryOf(requireTensor(op, x).dtype) === 'integer' ? x.clone() : apply(op, [x], {} as never);
}

/** The dtype stays. */
export function unarySame(op: PlainOp): (x: Tensor) => Tensor {
  return (x) => apply(op, [requireTensor(op, x)], {} as never);
}

/** Casts both to `dtype` and records the op. */
export function binaryAs(name: string, op: PlainOp, a: Operand, b: Operand, dtype: DType): Tensor {
  return apply(op, [asOperand(name, a, dtype), asOperand(name, b, dtype)], {} as never);
}

/** @throws {ArgumentError} when neither operand is a tensor. */
export function requireOneTensor(name: string, a: Operand, b: Operand): void {
  if (a instanceof Tensor || b instanceof Tensor) return;
  throw new ArgumentError(`${name}: one operand must be a tensor, got ${describe(a)} and ${describe(b)}`);
}

/** A tensor with a tensor or number, in their promoted dtype. */
export function binary(op: PlainOp, name: string = op): (a: Tensor, b: Operand) => Tensor {
  return (a, b) => binaryAs(name, op, requireTensor(name, a), b, promote(a, b));
}

/** Two tensors, in their promoted dtype. */
export function binaryTensors(op: PlainOp, name: string = op): (a: Tensor, b: Tensor) => Tensor {
  return (a, b) => binaryAs(name, op, requireTensor(name, a), requireTensor(name, b), promote(a, b));
}

/** Two tensors, integers as floats. */
export function binaryFloatTensors(op: PlainOp, name: string = op): (a: Tensor, b: Tensor) => Tensor {
  return (a, b) =>
    binaryAs(name, op, requireTensor(name, a), requireTensor(name, b), floatFor(promote(a, b)));
}

/** Both as tensors of one dtype: a float one, if `float`. */
export function asPair(name: string, a: Operand, b: Operand, float: boolean): [Tensor, Tensor] {
  requireOneTensor(name, a, b);
  const promoted = promote(a, b);
  const dtype = float ? floatFor(promoted) : promoted;
  return [asOperand(name, a, dtype), asOperand(name, b, dtype)];
}

/**
 * Stores the result of an operation in its first operand.
 *
 * @throws {DTypeError} when the result's dtype is of a higher category (float into an integer tensor).
 */
export function inPlace<T extends Tensor>(name: string, target: T, result: Tensor): T {
  return writeInPlace(name, target, result, { fresh: true }) as T;
}
