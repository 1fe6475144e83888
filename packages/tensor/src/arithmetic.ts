// Functions of two elements that compute numbers, with PyTorch's promotion.
import { ArgumentError, checkOptions, type DType, DTypeError, isFloat } from '@nn/core';
import { where } from './blending.ts';
import { apply, asOperand, castTo, floatFor, promote, requireTensor } from './dispatch.ts';
import {
  asPair,
  type Binary,
  type BinaryTensors,
  binary,
  binaryAs,
  binaryFloatTensors,
  deliverElements,
  type Operand,
  requireBroadcast,
  requireOneTensor,
} from './operands.ts';
import { deliverOnly, elementwise, type OutOptions } from './out.ts';
import { hasDType } from './reading.ts';
import { Tensor } from './tensor.ts';
import { reciprocal, sqrt, square } from './unary.ts';

export interface AlphaOptions extends OutOptions {
  /** Multiplies the second operand. Default 1. */
  readonly alpha?: number;
}
export interface DivOptions extends OutOptions {
  /** Rounds the quotient: toward zero, or down. Default: no rounding. */
  readonly roundingMode?: 'trunc' | 'floor' | null;
}
export interface ValueOptions extends OutOptions {
  /** Multiplies the product or quotient. Default 1. */
  readonly value?: number;
}

/** `torch.add`: a + alpha * b. On bool: or. */
export function add(a: Tensor, b: Operand, options: AlphaOptions = {}): Tensor {
  requireTensor('add', a);
  checkOptions('add', options, ['alpha', 'out']);
  const dtype = promote(a, b);
  const result =
    dtype === 'bool'
      ? binaryAs('add', 'bitwiseOr', a, b, dtype)
      : binaryAs('add', 'add', a, scaled('add', b, options.alpha, dtype), dtype);
  return deliverElements('add', result, options, [a, b]);
}

/** `torch.sub`: a - alpha * b. */
export function sub(a: Tensor, b: Operand, options: AlphaOptions = {}): Tensor {
  requireTensor('sub', a);
  checkOptions('sub', options, ['alpha', 'out']);
  const dtype = promote(a, b);
  refuseBool('sub', a, b);
  const result = binaryAs('sub', 'sub', a, scaled('sub', b, options.alpha, dtype), dtype);
  return deliverElements('sub', result, options, [a, b]);
}

function refuseBool(name: string, a: Operand, b: Operand): void {
  if (promote(a) !== 'bool' && promote(b) !== 'bool') return;
  throw new DTypeError(
    `${name}: bools cannot be subtracted. Use logicalNot or logicalXor, or cast: x.to('int32')`,
  );
}

/** `torch.rsub`: b - alpha * a. */
export function rsub(a: Tensor, b: Operand, options: AlphaOptions = {}): Tensor {
  requireTensor('rsub', a);
  checkOptions('rsub', options, ['alpha', 'out']);
  const dtype = promote(a, b);
  refuseBool('rsub', a, b);
  const result = binaryAs('rsub', 'sub', b, scaled('rsub', a, options.alpha, dtype), dtype);
  return deliverElements('rsub', result, options, [a, b]);
}

function scaled(name: string, b: Operand, alpha: number | undefined, dtype: DType): Operand {
  if (alpha === undefined || alpha === 1) return b;
  if (!isFloat(dtype) && !Number.isInteger(alpha)) {
    throw new DTypeError(`${name}: alpha ${alpha} must be an integer for ${dtype} tensors`);
  }
  return mul(asOperand(name, b, dtype), alpha);
}

/** `torch.mul`: a * b. On bool: and. */
export function mul(a: Tensor, b: Operand, options?: OutOptions): Tensor {
  requireTensor('mul', a);
  checkOptions('mul', options, ['out']);
  const dtype = promote(a, b);
  const result = binaryAs('mul', dtype === 'bool' ? 'bitwiseAnd' : 'mul', a, b, dtype);
  return deliverElements('mul', result, options, [a, b]);
}

/** `torch.div`: a / b, a float unless rounded. */
export function div(a: Tensor, b: Operand, options: DivOptions = {}): Tensor {
  requireTensor('div', a);
  checkOptions('div', options, ['roundingMode', 'out']);
  const mode = options.roundingMode ?? null;
  const dtype = promote(a, b);
  if (mode !== null && mode !== 'floor' && mode !== 'trunc')
    throw new ArgumentError(`div: roundingMode must be 'trunc' or 'floor', got '${String(mode)}'`);
  const result =
    mode === null
      ? binaryAs('div', 'div', a, b, floatFor(dtype))
      : binaryAs('div', mode === 'floor' ? 'floorDivide' : 'truncDivide', a, b, dtype);
  return deliverElements('div', result, options, [a, b]);
}

/** `torch.floor_divide`: the quotient rounded down. */
export const floorDivide: Binary = binary('floorDivide');
/** `torch.remainder`: a modulo b, with b's sign, as Python's %. */
export function remainder(a: Operand, b: Operand, options?: OutOptions): Tensor {
  const [x, y] = asPair('remainder', a, b, false);
  return deliverOnly('remainder', apply('remainder', [x, y], {}), options, [a, b], elementwise);
}
/** `torch.fmod`: a modulo b, with a's sign, as JavaScript's %. */
export const fmod: Binary = binary('fmod');
/** `torch.atan2`. */
export const atan2: BinaryTensors = binaryFloatTensors('atan2');

/** `torch.pow`: base to the exponent. Integers stay integers; a negative number as their exponent is refused. */
export function pow(base: Operand, exponent: Operand, options?: OutOptions): Tensor {
  checkOptions('pow', options, ['out']);
  return deliverElements('pow', power(base, exponent), options, [base, exponent]);
}

function power(base: Operand, exponent: Operand): Tensor {
  requireOneTensor('pow', base, exponent);
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
  if (typeof exponent === 'number' && base instanceof Tensor) {
    const x = castTo(base, dtype);
    if (exponent === 1) return x.clone();
    if (exponent === 2) return square(x);
    if (exponent === 3) return mul(square(x), x);
    if (exponent === 0.5) return sqrt(x);
    if (exponent === -1) return reciprocal(x);
  }
  return binaryAs('pow', 'pow', base, exponent, dtype);
}

/** `torch.float_power`: pow in float64 (in float32 on a device without it). */
export function floatPower(base: Operand, exponent: Operand, options?: OutOptions): Tensor {
  requireOneTensor('floatPower', base, exponent);
  const device = (base instanceof Tensor ? base : (exponent as Tensor)).device;
  const dtype = hasDType(device, 'float64') ? 'float64' : 'float32';
  return deliverOnly(
    'floatPower',
    floatPow(
      asFloat('floatPower', base, dtype),
      typeof exponent === 'number' ? exponent : asFloat('floatPower', exponent, dtype),
      dtype,
    ),
    options,
    [base, exponent],
    elementwise,
  );
}

function asFloat(name: string, value: Operand, dtype: DType): Tensor {
  return asOperand(name, value, dtype);
}

/** `torch.hypot`: √(a² + b²), without overflow between. */
export function hypot(a: Tensor, b: Tensor, options?: OutOptions): Tensor {
  const [x, y] = asPair('hypot', requireTensor('hypot', a), requireTensor('hypot', b), true);
  const top = x.detach().abs().maximum(y.detach().abs());
  const scale = where(top.eq(0).logicalOr(top.eq(Infinity)), 1, top);
  const length = x.div(scale).square().add(y.div(scale).square()).sqrt().mul(scale);
  // Infinite even beside NaN, as in C.
  const infinite = x.abs().eq(Infinity).logicalOr(y.abs().eq(Infinity));
  return deliverOnly('hypot', where(infinite, Infinity, length), options, [a, b], elementwise);
}

/** `torch.logaddexp`: log(exp(a) + exp(b)), without overflow between. */
export function logaddexp(a: Tensor, b: Tensor, options?: OutOptions): Tensor {
  const [x, y] = asPair('logaddexp', requireTensor('logaddexp', a), requireTensor('logaddexp', b), true);
  const distance = where(x.eq(y), 0, x.sub(y)).abs();
  return deliverOnly(
    'logaddexp',
    x.maximum(y).add(distance.neg().exp().log1p()),
    options,
    [a, b],
    elementwise,
  );
}

/** `torch.logaddexp2`: log2(2^a + 2^b), without overflow between. */
export function logaddexp2(a: Tensor, b: Tensor, options?: OutOptions): Tensor {
  const [x, y] = asPair('logaddexp2', requireTensor('logaddexp2', a), requireTensor('logaddexp2', b), true);
  const distance = where(x.eq(y), 0, x.sub(y)).abs();
  return deliverOnly(
    'logaddexp2',
    x.maximum(y).add(distance.neg().exp2().log1p().div(Math.LN2)),
    options,
    [a, b],
    elementwise,
  );
}

/** `torch.xlogy`: a log(b), 0 where a is 0 (unless b is NaN). */
export function xlogy(a: Operand, b: Operand, options?: OutOptions): Tensor {
  return deliverOnly('xlogy', apply('xlogy', asPair('xlogy', a, b, true), {}), options, [a, b], elementwise);
}

/** `torch.special.xlog1py`: a log(1 + b), 0 where a is 0 (unless b is NaN). */
export function xlog1py(a: Operand, b: Operand, options?: OutOptions): Tensor {
  return deliverOnly(
    'xlog1py',
    apply('xlog1py', asPair('xlog1py', a, b, true), {}),
    options,
    [a, b],
    elementwise,
  );
}

/** `torch.ldexp`: a * 2^b. */
export function ldexp(a: Tensor, b: Tensor, options?: OutOptions): Tensor {
  const [x, y] = asPair('ldexp', requireTensor('ldexp', a), requireTensor('ldexp', b), true);
  return deliverOnly('ldexp', x.mul(y.exp2()), options, [a, b], elementwise);
}

/** `torch.gcd`: the greatest common divisor of integers. */
export function gcd(a: Tensor, b: Tensor, options?: OutOptions): Tensor {
  return deliverOnly(
    'gcd',
    binaryAs('gcd', 'gcd', requireTensor('gcd', a), requireTensor('gcd', b), promote(a, b)),
    options,
    [a, b],
    elementwise,
  );
}

/** `torch.lcm`: the least common multiple of integers. */
export function lcm(a: Tensor, b: Tensor, options?: OutOptions): Tensor {
  const [x, y] = asPair('lcm', requireTensor('lcm', a), requireTensor('lcm', b), false);
  const divisor = gcd(x, y);
  const safe = where(divisor.eq(0), 1, divisor).to(divisor.dtype);
  return deliverOnly(
    'lcm',
    x.div(safe, { roundingMode: 'trunc' }).mul(y).abs(),
    options,
    [a, b],
    elementwise,
  );
}

/** `torch.addcmul`: x + value * a * b. */
export function addcmul(x: Tensor, a: Tensor, b: Tensor, options: ValueOptions = {}): Tensor {
  checkOptions('addcmul', options, ['value', 'out']);
  requireBroadcast('addcmul', x, a, b);
  const product = mul(requireTensor('addcmul', a), requireTensor('addcmul', b));
  const result = add(x, scaled('addcmul', product, options.value, promote(x, a, b)));
  return deliverElements('addcmul', result, options, [x, a, b]);
}

/** `torch.addcdiv`: x + value * a / b. */
export function addcdiv(x: Tensor, a: Tensor, b: Tensor, options: ValueOptions = {}): Tensor {
  checkOptions('addcdiv', options, ['value', 'out']);
  requireBroadcast('addcdiv', x, a, b);
  const dtype = promote(x, a, b);
  if (!isFloat(dtype))
    throw new DTypeError('addcdiv: takes float tensors; use div with a rounding mode for integers');
  const quotient = div(requireTensor('addcdiv', a), requireTensor('addcdiv', b));
  const result = add(x, scaled('addcdiv', quotient, options.value, dtype));
  return deliverElements('addcdiv', result, options, [x, a, b]);
}

/** PyTorch's `torch.result_type`. */
export function resultTypeOf(a: Operand, b: Operand): DType {
  return promote(a, b);
}
