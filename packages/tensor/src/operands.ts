// How elementwise functions take their operands: checked, promoted and cast, then recorded as one op.
import {
  ArgumentError,
  type AttributesOf,
  broadcastShapes,
  categoryOf,
  type DType,
  type OpName,
} from '@nn/core';
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
import { deliver, deliverOnly, elementwise, type OutOptions } from './out.ts';
import { Tensor } from './tensor.ts';

/** A tensor, or a number that goes with any shape. */
export type Operand = Tensor | Scalar;
/** Ops without attributes. */
export type PlainOp = { [N in OpName]: Record<string, never> extends AttributesOf<N> ? N : never }[OpName];

/** A function of one element. */
export type Unary = (x: Tensor, options?: OutOptions) => Tensor;
/** A function of two elements, one of them of a tensor. */
export type Binary = (a: Tensor, b: Operand, options?: OutOptions) => Tensor;
/** A function of two elements, either of them a number. */
export type BinaryOperands = (a: Operand, b: Operand, options?: OutOptions) => Tensor;
/** A function of two tensors' elements. */
export type BinaryTensors = (a: Tensor, b: Tensor, options?: OutOptions) => Tensor;

/** The result of a function of single elements, or the `out` (checked to be a known option) that took it. */
export function deliverElements(
  name: string,
  result: Tensor,
  options: OutOptions | undefined,
  inputs: readonly unknown[],
): Tensor {
  return deliver(name, result, options, inputs, elementwise);
}

/** Integers become floats. */
export function unaryFloat(op: PlainOp, name: string = op): Unary {
  return (x, options) => {
    const result = apply(op, [castTo(requireTensor(name, x), floatFor(x.dtype))], {} as never);
    return deliverOnly(name, result, options, [x], elementwise);
  };
}

/** Integers pass through unchanged. */
export function rounding(op: PlainOp): Unary {
  return (x, options) => {
    const whole = categoryOf(requireTensor(op, x).dtype) === 'integer';
    return deliverOnly(op, whole ? x.clone() : apply(op, [x], {} as never), options, [x], elementwise);
  };
}

/** The dtype stays. */
export function unarySame(op: PlainOp): Unary {
  return (x, options) => {
    return deliverOnly(op, apply(op, [requireTensor(op, x)], {} as never), options, [x], elementwise);
  };
}

/** @throws {ShapeError} naming the function that was called, not one that it is made of. */
export function requireBroadcast(name: string, ...operands: readonly (Operand | null | undefined)[]): void {
  broadcastShapes(name, ...operands.flatMap((each) => (each instanceof Tensor ? [each.shape] : [])));
}

/** Casts both to `dtype` and records the op. */
export function binaryAs(name: string, op: PlainOp, a: Operand, b: Operand, dtype: DType): Tensor {
  if (name !== op) requireBroadcast(name, a, b);
  return apply(op, [asOperand(name, a, dtype), asOperand(name, b, dtype)], {} as never);
}

/** @throws {ArgumentError} when neither operand is a tensor. */
export function requireOneTensor(name: string, a: Operand, b: Operand): void {
  if (a instanceof Tensor || b instanceof Tensor) return;
  throw new ArgumentError(`${name}: one operand must be a tensor, got ${describe(a)} and ${describe(b)}`);
}

/** A tensor with a tensor or number, in their promoted dtype. */
export function binary(op: PlainOp, name: string = op): Binary {
  return (a, b, options) => {
    const result = binaryAs(name, op, requireTensor(name, a), b, promote(a, b));
    return deliverOnly(name, result, options, [a, b], elementwise);
  };
}

/** Two tensors, in their promoted dtype. */
export function binaryTensors(op: PlainOp, name: string = op): BinaryTensors {
  return (a, b, options) => {
    const result = binaryAs(name, op, requireTensor(name, a), requireTensor(name, b), promote(a, b));
    return deliverOnly(name, result, options, [a, b], elementwise);
  };
}

/** Two tensors, integers as floats. */
export function binaryFloatTensors(op: PlainOp, name: string = op): BinaryTensors {
  return (a, b, options) => {
    const dtype = floatFor(promote(requireTensor(name, a), requireTensor(name, b)));
    return deliverOnly(name, binaryAs(name, op, a, b, dtype), options, [a, b], elementwise);
  };
}

/** Both as tensors of one dtype: a float one, if `float`. */
export function asPair(name: string, a: Operand, b: Operand, float: boolean): [Tensor, Tensor] {
  requireOneTensor(name, a, b);
  requireBroadcast(name, a, b);
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
