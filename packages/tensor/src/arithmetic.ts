// Elementwise operations with PyTorch's promotion.
import {
  ArgumentError,
  type AttributesOf,
  categoryOf,
  checkOptions,
  type DType,
  DTypeError,
  isFloat,
  normalizeDim,
  type OpName,
} from '@nn/core';
import {
  apply,
  asOperand,
  castTo,
  floatFor,
  promote,
  requireTensor,
  type Scalar,
  writeInPlace,
} from './dispatch.ts';
import type { Tensor } from './tensor.ts';

export interface AlphaOptions {
  /** Multiplies the second operand. Default 1. */
  readonly alpha?: number;
}
export interface DivOptions {
  /** Rounds the quotient: toward zero, or down. Default: no rounding. */
  readonly roundingMode?: 'trunc' | 'floor' | null;
}
export interface ValueOptions {
  /** Multiplies the product or quotient. Default 1. */
  readonly value?: number;
}

type Operand = Tensor | Scalar;
type PlainOp = { [N in OpName]: Record<string, never> extends AttributesOf<N> ? N : never }[OpName];

function unaryFloat(op: PlainOp): (x: Tensor) => Tensor {
  return (x) => apply(op, [castTo(requireTensor(op, x), floatFor(x.dtype))], {} as never);
}

/** Ops that integers pass through unchanged. */
function rounding(op: PlainOp): (x: Tensor) => Tensor {
  return (x) =>
    categoryOf(requireTensor(op, x).dtype) === 'integer' ? x.clone() : apply(op, [x], {} as never);
}

function unarySame(op: PlainOp): (x: Tensor) => Tensor {
  return (x) => apply(op, [requireTensor(op, x)], {} as never);
}

/** Casts both to `dtype` and records the op. */
function binaryAs(name: string, op: PlainOp, a: Operand, b: Operand, dtype: DType): Tensor {
  return apply(op, [asOperand(name, a, dtype), asOperand(name, b, dtype)], {} as never);
}

function binary(op: PlainOp, name: string = op): (a: Operand, b: Operand) => Tensor {
  return (a, b) => binaryAs(name, op, a, b, promote(a, b));
}

function binaryFloat(op: PlainOp): (a: Operand, b: Operand) => Tensor {
  return (a, b) => binaryAs(op, op, a, b, floatFor(promote(a, b)));
}

export const neg: (x: Tensor) => Tensor = unarySame('neg');
export const sign: (x: Tensor) => Tensor = unarySame('sign');
export const square: (x: Tensor) => Tensor = unarySame('square');
export const relu: (x: Tensor) => Tensor = unarySame('relu');
export const isnan: (x: Tensor) => Tensor = unarySame('isnan');
export const bitwiseNot: (x: Tensor) => Tensor = unarySame('bitwiseNot');
export const floor: (x: Tensor) => Tensor = rounding('floor');
export const ceil: (x: Tensor) => Tensor = rounding('ceil');
export const trunc: (x: Tensor) => Tensor = rounding('trunc');
export const round: (x: Tensor) => Tensor = rounding('round');
export const sqrt: (x: Tensor) => Tensor = unaryFloat('sqrt');
export const rsqrt: (x: Tensor) => Tensor = unaryFloat('rsqrt');
export const reciprocal: (x: Tensor) => Tensor = unaryFloat('reciprocal');
export const exp: (x: Tensor) => Tensor = unaryFloat('exp');
export const log: (x: Tensor) => Tensor = unaryFloat('log');
export const expm1: (x: Tensor) => Tensor = unaryFloat('expm1');
export const log1p: (x: Tensor) => Tensor = unaryFloat('log1p');
export const exp2: (x: Tensor) => Tensor = unaryFloat('exp2');
export const log2: (x: Tensor) => Tensor = unaryFloat('log2');
export const log10: (x: Tensor) => Tensor = unaryFloat('log10');
export const sin: (x: Tensor) => Tensor = unaryFloat('sin');
export const cos: (x: Tensor) => Tensor = unaryFloat('cos');
export const tan: (x: Tensor) => Tensor = unaryFloat('tan');
export const asin: (x: Tensor) => Tensor = unaryFloat('asin');
export const acos: (x: Tensor) => Tensor = unaryFloat('acos');
export const atan: (x: Tensor) => Tensor = unaryFloat('atan');
export const sinh: (x: Tensor) => Tensor = unaryFloat('sinh');
export const cosh: (x: Tensor) => Tensor = unaryFloat('cosh');
export const tanh: (x: Tensor) => Tensor = unaryFloat('tanh');
export const asinh: (x: Tensor) => Tensor = unaryFloat('asinh');
export const acosh: (x: Tensor) => Tensor = unaryFloat('acosh');
export const atanh: (x: Tensor) => Tensor = unaryFloat('atanh');
export const erf: (x: Tensor) => Tensor = unaryFloat('erf');
export const erfc: (x: Tensor) => Tensor = unaryFloat('erfc');
export const sigmoid: (x: Tensor) => Tensor = unaryFloat('sigmoid');

export function abs(x: Tensor): Tensor {
  return categoryOf(x.dtype) === 'bool' ? x.clone() : apply('abs', [x], {});
}

/** a + alpha * b. On bool: or. */
export function add(a: Operand, b: Operand, options: AlphaOptions = {}): Tensor {
  checkOptions('add', options, ['alpha']);
  const dtype = promote(a, b);
  if (dtype === 'bool') return binaryAs('add', 'bitwiseOr', a, b, dtype);
  return binaryAs('add', 'add', a, scaled('add', b, options.alpha, dtype), dtype);
}

/** a - alpha * b. */
export function sub(a: Operand, b: Operand, options: AlphaOptions = {}): Tensor {
  checkOptions('sub', options, ['alpha']);
  const dtype = promote(a, b);
  if (dtype === 'bool')
    throw new DTypeError('sub: bool tensors cannot be subtracted. Use logicalXor or bitwiseXor');
  return binaryAs('sub', 'sub', a, scaled('sub', b, options.alpha, dtype), dtype);
}

function scaled(name: string, b: Operand, alpha: number | undefined, dtype: DType): Operand {
  if (alpha === undefined || alpha === 1) return b;
  if (!isFloat(dtype) && !Number.isInteger(alpha)) {
    throw new DTypeError(`${name}: alpha ${alpha} must be an integer for ${dtype} tensors`);
  }
  return mul(asOperand(name, b, dtype), alpha);
}

/** a * b. On bool: and. */
export function mul(a: Operand, b: Operand): Tensor {
  const dtype = promote(a, b);
  return binaryAs('mul', dtype === 'bool' ? 'bitwiseAnd' : 'mul', a, b, dtype);
}

/** a / b: a float, unless rounded. */
export function div(a: Operand, b: Operand, options: DivOptions = {}): Tensor {
  checkOptions('div', options, ['roundingMode']);
  const mode = options.roundingMode ?? null;
  if (mode === 'floor') return floorDivide(a, b);
  if (mode === 'trunc') return binaryAs('div', 'truncDivide', a, b, promote(a, b));
  if (mode !== null)
    throw new ArgumentError(`div: roundingMode must be 'trunc' or 'floor', got '${String(mode)}'`);
  return binaryFloat('div')(a, b);
}

export const floorDivide: (a: Operand, b: Operand) => Tensor = binary('floorDivide');
export const remainder: (a: Operand, b: Operand) => Tensor = binary('remainder');
export const fmod: (a: Operand, b: Operand) => Tensor = binary('fmod');
export const atan2: (a: Operand, b: Operand) => Tensor = binaryFloat('atan2');
export const maximum: (a: Operand, b: Operand) => Tensor = binary('maximum');
export const minimum: (a: Operand, b: Operand) => Tensor = binary('minimum');
export const eq: (a: Operand, b: Operand) => Tensor = binary('eq');
export const ne: (a: Operand, b: Operand) => Tensor = binary('ne');
export const lt: (a: Operand, b: Operand) => Tensor = binary('lt');
export const le: (a: Operand, b: Operand) => Tensor = binary('le');
export const gt: (a: Operand, b: Operand) => Tensor = binary('gt');
export const ge: (a: Operand, b: Operand) => Tensor = binary('ge');
export const bitwiseAnd: (a: Operand, b: Operand) => Tensor = binary('bitwiseAnd');
export const bitwiseOr: (a: Operand, b: Operand) => Tensor = binary('bitwiseOr');
export const bitwiseXor: (a: Operand, b: Operand) => Tensor = binary('bitwiseXor');

function logical(name: string, op: PlainOp): (a: Operand, b: Operand) => Tensor {
  return (a, b) => apply(op, [truth(name, a), truth(name, b)], {} as never);
}

/** Whether each element is not zero. */
function truth(name: string, value: Operand): Tensor {
  return typeof value === 'object' ? castTo(value, 'bool') : asOperand(name, Boolean(value), 'bool');
}

export const logicalAnd: (a: Operand, b: Operand) => Tensor = logical('logicalAnd', 'bitwiseAnd');
export const logicalOr: (a: Operand, b: Operand) => Tensor = logical('logicalOr', 'bitwiseOr');
export const logicalXor: (a: Operand, b: Operand) => Tensor = logical('logicalXor', 'bitwiseXor');

export function logicalNot(x: Tensor): Tensor {
  return apply('bitwiseNot', [castTo(x, 'bool')], {});
}

/** base to the exponent. Integers stay integers; a negative integer number as exponent is refused for them. */
export function pow(base: Operand, exponent: Operand): Tensor {
  const dtype = promote(base, exponent);
  if (dtype === 'bool') throw new DTypeError('pow: does not take bool tensors; cast one of them');
  if (isFloat(dtype)) return floatPow(base, exponent, dtype);
  if (typeof exponent === 'number' && exponent < 0) {
    throw new DTypeError(
      `pow: integer tensors cannot be raised to the negative power ${exponent}. Use x.float().pow(${exponent})`,
    );
  }
  return binaryAs('pow', 'integerPow', base, exponent, dtype);
}

/** The common powers as products and roots: exact where pow is, and far cheaper. */
function floatPow(base: Operand, exponent: Operand, dtype: DType): Tensor {
  if (typeof exponent === 'number' && typeof base === 'object') {
    const x = castTo(base, dtype);
    if (exponent === 2) return square(x);
    if (exponent === 3) return mul(square(x), x);
    if (exponent === 0.5) return sqrt(x);
    if (exponent === -1) return reciprocal(x);
  }
  return binaryAs('pow', 'pow', base, exponent, dtype);
}

/** condition ? a : b, broadcast. */
export function where(condition: Tensor, a: Operand, b: Operand): Tensor {
  const dtype = promote(a, b);
  return apply(
    'where',
    [requireTensor('where', condition), asOperand('where', a, dtype), asOperand('where', b, dtype)],
    {},
  );
}

/** Values limited to [min, max]; a bound that is null or left out does not limit. */
export function clamp(x: Tensor, min?: Operand | null, max?: Operand | null): Tensor {
  if (min == null && max == null) throw new ArgumentError('clamp: needs min or max');
  let result = x;
  if (min != null) result = maximum(result, min);
  if (max != null) result = minimum(result, max);
  return result;
}

/** x + value * a * b. */
export function addcmul(x: Tensor, a: Tensor, b: Tensor, options: ValueOptions = {}): Tensor {
  checkOptions('addcmul', options, ['value']);
  return add(x, mul(scaled('addcmul', a, options.value, promote(x, a, b)), b));
}

/** x + value * a / b. */
export function addcdiv(x: Tensor, a: Tensor, b: Tensor, options: ValueOptions = {}): Tensor {
  checkOptions('addcdiv', options, ['value']);
  const dtype = promote(x, a, b);
  if (!isFloat(dtype))
    throw new DTypeError('addcdiv: takes float tensors; use div with a rounding mode for integers');
  return add(x, div(scaled('addcdiv', a, options.value, dtype), b));
}

/** exp(x) / Σ exp(x) along the dimension. */
export function softmax(x: Tensor, dim: number): Tensor {
  return apply('softmax', [castTo(x, floatFor(x.dtype))], { dim: normalizeDim('softmax', dim, x.ndim) });
}

/** x - log Σ exp(x) along the dimension. */
export function logSoftmax(x: Tensor, dim: number): Tensor {
  return apply('logSoftmax', [castTo(x, floatFor(x.dtype))], {
    dim: normalizeDim('logSoftmax', dim, x.ndim),
  });
}

/** Stores the result of an operation in its first operand. */
export function inPlace<T extends Tensor>(name: string, target: T, result: Tensor): T {
  return writeInPlace(name, target, result) as T;
}

/** PyTorch's `torch.result_type`. */
export function resultTypeOf(a: Operand, b: Operand): DType {
  return promote(a, b);
}
