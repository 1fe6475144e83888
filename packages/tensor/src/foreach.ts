// Functions of lists of tensors, one after the other: `torch._foreach_*`. All of a list is recorded before any of it is
// computed, so that it runs as one program, in which tensors share kernels where the compiler can join them.
import { ArgumentError, checkOptions, ShapeError } from '@nn/core';
import * as arithmetic from './arithmetic.ts';
import * as blending from './blending.ts';
import { zerosLike } from './creation.ts';
import { describe, requireTensor, type Scalar } from './dispatch.ts';
import { inPlace } from './operands.ts';
import { lgamma as lgammaOf } from './special/gamma.ts';
import { type NormOrder, norm as normOf } from './statistics.ts';
import { Tensor } from './tensor.ts';
import * as unary from './unary.ts';

/** A tensor for each tensor, a number for each, or one number (or zero-dimensional tensor) for all. */
export type ListOperand = readonly Tensor[] | readonly Scalar[] | Scalar | Tensor;
/** A number for each tensor, or one for all. */
export type ListScalar = readonly number[] | number;

/** A function of each tensor in a list. */
export type ListFunction = (tensors: readonly Tensor[]) => Tensor[];
/** A function of each tensor in a list, which takes the result; the list is returned. */
export type ListUpdate = <T extends Tensor>(tensors: readonly T[]) => readonly T[];
/** A function of each tensor in a list and its operand. */
export type ListBinary = (tensors: readonly Tensor[], other: ListOperand) => Tensor[];
/** A function of each tensor in a list and its operand; the tensor takes the result; the list is returned. */
export type ListBinaryUpdate = <T extends Tensor>(tensors: readonly T[], other: ListOperand) => readonly T[];

function checked<T extends Tensor>(name: string, tensors: readonly T[]): readonly T[] {
  if (!Array.isArray(tensors))
    throw new ArgumentError(`foreach.${name}: expected an array of tensors, got ${describe(tensors)}`);
  if (tensors.length === 0) throw new ArgumentError(`foreach.${name}: needs at least one tensor`);
  for (const each of tensors) requireTensor(`foreach.${name}`, each);
  return tensors;
}

/** The i-th operand of a list, or the one for all. */
function operandAt<V>(name: string, operands: V | readonly V[], i: number, count: number): V {
  if (!Array.isArray(operands)) return operands as V;
  if (operands.length === count) return operands[i];
  throw new ShapeError(
    `foreach.${name}: ${operands.length} operands for ${count} tensors: give one for each`,
  );
}

function each(name: string, of: (x: Tensor) => Tensor): ListFunction {
  return (tensors) => checked(name, tensors).map((x) => of(x));
}

function update(name: string, of: (x: Tensor) => Tensor): ListUpdate {
  return (tensors) => {
    for (const x of checked(name, tensors)) inPlace(`foreach.${name}`, x, of(x));
    return tensors;
  };
}

type OperandFunction = (x: Tensor, other: Tensor | Scalar) => Tensor;

function pairs(name: string, tensors: readonly Tensor[], other: ListOperand, of: OperandFunction): Tensor[] {
  return checked(name, tensors).map((x, i) =>
    of(x, operandAt<Tensor | Scalar>(name, other, i, tensors.length)),
  );
}

function store<T extends Tensor>(
  name: string,
  tensors: readonly T[],
  results: readonly Tensor[],
): readonly T[] {
  tensors.forEach((x, i) => {
    inPlace(`foreach.${name}`, x, results[i]);
  });
  return tensors;
}

function binary(name: string, of: OperandFunction): ListBinary {
  return (tensors, other) => pairs(name, tensors, other, of);
}

function binaryUpdate(name: string, of: OperandFunction): ListBinaryUpdate {
  return (tensors, other) => store(name, tensors, pairs(name, tensors, other, of));
}

export const abs: ListFunction = each('abs', (x) => unary.abs(x));
export const abs_: ListUpdate = update('abs_', (x) => unary.abs(x));
export const acos: ListFunction = each('acos', (x) => unary.acos(x));
export const acos_: ListUpdate = update('acos_', (x) => unary.acos(x));
export const asin: ListFunction = each('asin', (x) => unary.asin(x));
export const asin_: ListUpdate = update('asin_', (x) => unary.asin(x));
export const atan: ListFunction = each('atan', (x) => unary.atan(x));
export const atan_: ListUpdate = update('atan_', (x) => unary.atan(x));
export const ceil: ListFunction = each('ceil', (x) => unary.ceil(x));
export const ceil_: ListUpdate = update('ceil_', (x) => unary.ceil(x));
export const cos: ListFunction = each('cos', (x) => unary.cos(x));
export const cos_: ListUpdate = update('cos_', (x) => unary.cos(x));
export const cosh: ListFunction = each('cosh', (x) => unary.cosh(x));
export const cosh_: ListUpdate = update('cosh_', (x) => unary.cosh(x));
export const erf: ListFunction = each('erf', (x) => unary.erf(x));
export const erf_: ListUpdate = update('erf_', (x) => unary.erf(x));
export const erfc: ListFunction = each('erfc', (x) => unary.erfc(x));
export const erfc_: ListUpdate = update('erfc_', (x) => unary.erfc(x));
export const exp: ListFunction = each('exp', (x) => unary.exp(x));
export const exp_: ListUpdate = update('exp_', (x) => unary.exp(x));
export const expm1: ListFunction = each('expm1', (x) => unary.expm1(x));
export const expm1_: ListUpdate = update('expm1_', (x) => unary.expm1(x));
export const floor: ListFunction = each('floor', (x) => unary.floor(x));
export const floor_: ListUpdate = update('floor_', (x) => unary.floor(x));
export const frac: ListFunction = each('frac', (x) => unary.frac(x));
export const frac_: ListUpdate = update('frac_', (x) => unary.frac(x));
export const lgamma: ListFunction = each('lgamma', (x) => lgammaOf(x));
export const lgamma_: ListUpdate = update('lgamma_', (x) => lgammaOf(x));
export const log: ListFunction = each('log', (x) => unary.log(x));
export const log_: ListUpdate = update('log_', (x) => unary.log(x));
export const log10: ListFunction = each('log10', (x) => unary.log10(x));
export const log10_: ListUpdate = update('log10_', (x) => unary.log10(x));
export const log1p: ListFunction = each('log1p', (x) => unary.log1p(x));
export const log1p_: ListUpdate = update('log1p_', (x) => unary.log1p(x));
export const log2: ListFunction = each('log2', (x) => unary.log2(x));
export const log2_: ListUpdate = update('log2_', (x) => unary.log2(x));
export const neg: ListFunction = each('neg', (x) => unary.neg(x));
export const neg_: ListUpdate = update('neg_', (x) => unary.neg(x));
export const reciprocal: ListFunction = each('reciprocal', (x) => unary.reciprocal(x));
export const reciprocal_: ListUpdate = update('reciprocal_', (x) => unary.reciprocal(x));
export const round: ListFunction = each('round', (x) => unary.round(x));
export const round_: ListUpdate = update('round_', (x) => unary.round(x));
export const rsqrt: ListFunction = each('rsqrt', (x) => unary.rsqrt(x));
export const rsqrt_: ListUpdate = update('rsqrt_', (x) => unary.rsqrt(x));
export const sigmoid: ListFunction = each('sigmoid', (x) => unary.sigmoid(x));
export const sigmoid_: ListUpdate = update('sigmoid_', (x) => unary.sigmoid(x));
export const sign: ListFunction = each('sign', (x) => unary.sign(x));
export const sign_: ListUpdate = update('sign_', (x) => unary.sign(x));
export const sin: ListFunction = each('sin', (x) => unary.sin(x));
export const sin_: ListUpdate = update('sin_', (x) => unary.sin(x));
export const sinh: ListFunction = each('sinh', (x) => unary.sinh(x));
export const sinh_: ListUpdate = update('sinh_', (x) => unary.sinh(x));
export const sqrt: ListFunction = each('sqrt', (x) => unary.sqrt(x));
export const sqrt_: ListUpdate = update('sqrt_', (x) => unary.sqrt(x));
export const tan: ListFunction = each('tan', (x) => unary.tan(x));
export const tan_: ListUpdate = update('tan_', (x) => unary.tan(x));
export const tanh: ListFunction = each('tanh', (x) => unary.tanh(x));
export const tanh_: ListUpdate = update('tanh_', (x) => unary.tanh(x));
export const trunc: ListFunction = each('trunc', (x) => unary.trunc(x));
export const trunc_: ListUpdate = update('trunc_', (x) => unary.trunc(x));
export const zero_: ListUpdate = update('zero_', (x) => zerosLike(x));

export interface AlphaOptions {
  /** Multiplies the second operands. Default 1. */
  readonly alpha?: number;
}

function sums(
  name: string,
  tensors: readonly Tensor[],
  other: ListOperand,
  options: AlphaOptions,
  of: typeof arithmetic.add,
): Tensor[] {
  checkOptions(`foreach.${name}`, options, ['alpha']);
  return pairs(name, tensors, other, (x, y) => of(x, y, options));
}

/**
 * `torch._foreach_add`: x + alpha * y for each tensor x of a list. y is a tensor or a number for each, or one for all.
 *
 * @throws {ShapeError} when there are not as many operands as tensors; {ArgumentError} for an empty list.
 * @example
 * ```ts
 * import { foreach, interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const weights = [tensor([1, 2]), tensor([3])];
 * foreach.add_(weights, [10, 20]);
 * console.log(await weights[0].toArray(), await weights[1].toArray()); // => [11, 12] [23]
 * ```
 */
export function add(tensors: readonly Tensor[], other: ListOperand, options: AlphaOptions = {}): Tensor[] {
  return sums('add', tensors, other, options, arithmetic.add);
}
export function add_<T extends Tensor>(
  tensors: readonly T[],
  other: ListOperand,
  options: AlphaOptions = {},
): readonly T[] {
  return store('add_', tensors, sums('add_', tensors, other, options, arithmetic.add));
}
/** `torch._foreach_sub`: x - alpha * y for each tensor of a list. */
export function sub(tensors: readonly Tensor[], other: ListOperand, options: AlphaOptions = {}): Tensor[] {
  return sums('sub', tensors, other, options, arithmetic.sub);
}
export function sub_<T extends Tensor>(
  tensors: readonly T[],
  other: ListOperand,
  options: AlphaOptions = {},
): readonly T[] {
  return store('sub_', tensors, sums('sub_', tensors, other, options, arithmetic.sub));
}

export const mul: ListBinary = binary('mul', (x, y) => arithmetic.mul(x, y));
export const mul_: ListBinaryUpdate = binaryUpdate('mul_', (x, y) => arithmetic.mul(x, y));
export const div: ListBinary = binary('div', (x, y) => arithmetic.div(x, y));
export const div_: ListBinaryUpdate = binaryUpdate('div_', (x, y) => arithmetic.div(x, y));
export const pow: ListBinary = binary('pow', (x, y) => arithmetic.pow(x, y));
export const pow_: ListBinaryUpdate = binaryUpdate('pow_', (x, y) => arithmetic.pow(x, y));
export const maximum: ListBinary = binary('maximum', greater);
export const maximum_: ListBinaryUpdate = binaryUpdate('maximum_', greater);
export const minimum: ListBinary = binary('minimum', lesser);
export const minimum_: ListBinaryUpdate = binaryUpdate('minimum_', lesser);
export const clampMin: ListBinary = binary('clampMin', greater);
export const clampMin_: ListBinaryUpdate = binaryUpdate('clampMin_', greater);
export const clampMax: ListBinary = binary('clampMax', lesser);
export const clampMax_: ListBinaryUpdate = binaryUpdate('clampMax_', lesser);

/** The greater of two elements; NaN if one is. */
function greater(x: Tensor, y: Tensor | Scalar): Tensor {
  return y instanceof Tensor ? blending.maximum(x, y) : blending.clampMin(x, y);
}

function lesser(x: Tensor, y: Tensor | Scalar): Tensor {
  return y instanceof Tensor ? blending.minimum(x, y) : blending.clampMax(x, y);
}

export interface ValueOptions {
  /** Multiplies the products or quotients: a number for each tensor, or one for all. Default 1. */
  readonly value?: ListScalar;
}

function products(
  name: string,
  tensors: readonly Tensor[],
  a: readonly Tensor[],
  b: readonly Tensor[],
  options: ValueOptions,
  of: typeof arithmetic.addcmul,
): Tensor[] {
  checkOptions(`foreach.${name}`, options, ['value']);
  const count = checked(name, tensors).length;
  const lists = [checked(name, a), checked(name, b)];
  return tensors.map((x, i) => {
    const [first, second] = lists.map((list) => operandAt<Tensor>(name, list, i, count));
    return of(x, first, second, { value: operandAt(name, options.value ?? 1, i, count) });
  });
}

/** `torch._foreach_addcmul`: x + value * a * b for each tensor of a list. */
export function addcmul(
  tensors: readonly Tensor[],
  a: readonly Tensor[],
  b: readonly Tensor[],
  options: ValueOptions = {},
): Tensor[] {
  return products('addcmul', tensors, a, b, options, arithmetic.addcmul);
}
export function addcmul_<T extends Tensor>(
  tensors: readonly T[],
  a: readonly Tensor[],
  b: readonly Tensor[],
  options: ValueOptions = {},
): readonly T[] {
  return store('addcmul_', tensors, products('addcmul_', tensors, a, b, options, arithmetic.addcmul));
}
/** `torch._foreach_addcdiv`: x + value * a / b for each tensor of a list. */
export function addcdiv(
  tensors: readonly Tensor[],
  a: readonly Tensor[],
  b: readonly Tensor[],
  options: ValueOptions = {},
): Tensor[] {
  return products('addcdiv', tensors, a, b, options, arithmetic.addcdiv);
}
export function addcdiv_<T extends Tensor>(
  tensors: readonly T[],
  a: readonly Tensor[],
  b: readonly Tensor[],
  options: ValueOptions = {},
): readonly T[] {
  return store('addcdiv_', tensors, products('addcdiv_', tensors, a, b, options, arithmetic.addcdiv));
}

function blends(
  name: string,
  tensors: readonly Tensor[],
  ends: readonly Tensor[],
  weight: ListScalar | readonly Tensor[],
): Tensor[] {
  const count = checked(name, tensors).length;
  checked(name, ends);
  return tensors.map((x, i) =>
    blending.lerp(
      x,
      operandAt<Tensor>(name, ends, i, count),
      operandAt<number | Tensor>(name, weight as number | readonly number[], i, count),
    ),
  );
}

/** `torch._foreach_lerp`: x + weight * (end - x) for each tensor of a list. */
export function lerp(
  tensors: readonly Tensor[],
  ends: readonly Tensor[],
  weight: ListScalar | readonly Tensor[],
): Tensor[] {
  return blends('lerp', tensors, ends, weight);
}
export function lerp_<T extends Tensor>(
  tensors: readonly T[],
  ends: readonly Tensor[],
  weight: ListScalar | readonly Tensor[],
): readonly T[] {
  return store('lerp_', tensors, blends('lerp_', tensors, ends, weight));
}

/** `torch._foreach_copy_`: each tensor takes the values of another one. */
export function copy_<T extends Tensor>(tensors: readonly T[], sources: readonly Tensor[]): readonly T[] {
  const count = checked('copy_', tensors).length;
  checked('copy_', sources);
  tensors.forEach((x, i) => {
    x.copy_(operandAt<Tensor>('copy_', sources, i, count));
  });
  return tensors;
}

/** `torch._foreach_norm`: the p-norm of each tensor of a list, without dimensions. */
export function norm(tensors: readonly Tensor[], p: NormOrder = 2): Tensor[] {
  return checked('norm', tensors).map((x) => normOf(x, p));
}
