// Functions of one element.
import { categoryOf, checkOptions, DTypeError, isFloat, normalizeDim } from '@nn/core';
import { where } from './blending.ts';
import { apply, castTo, floatFor, requireTensor } from './dispatch.ts';
import { deliverElements, rounding, type Unary, unaryFloat, unarySame } from './operands.ts';
import { deliverOnly, elementwise, type OutOptions } from './out.ts';
import { countingDType } from './reduction.ts';
import type { Tensor } from './tensor.ts';

export const neg: Unary = unarySame('neg');
export const relu: Unary = unarySame('relu');
export const floor: Unary = rounding('floor');
export const ceil: Unary = rounding('ceil');
export const trunc: Unary = rounding('trunc');
export const sqrt: Unary = unaryFloat('sqrt');
export const rsqrt: Unary = unaryFloat('rsqrt');
export const reciprocal: Unary = unaryFloat('reciprocal');
export const exp: Unary = unaryFloat('exp');
export const log: Unary = unaryFloat('log');
export const expm1: Unary = unaryFloat('expm1');
export const log1p: Unary = unaryFloat('log1p');
export const exp2: Unary = unaryFloat('exp2');
export const log2: Unary = unaryFloat('log2');
export const log10: Unary = unaryFloat('log10');
export const sin: Unary = unaryFloat('sin');
export const cos: Unary = unaryFloat('cos');
export const tan: Unary = unaryFloat('tan');
export const asin: Unary = unaryFloat('asin');
export const acos: Unary = unaryFloat('acos');
export const atan: Unary = unaryFloat('atan');
export const sinh: Unary = unaryFloat('sinh');
export const cosh: Unary = unaryFloat('cosh');
export const tanh: Unary = unaryFloat('tanh');
export const asinh: Unary = unaryFloat('asinh');
export const acosh: Unary = unaryFloat('acosh');
export const atanh: Unary = unaryFloat('atanh');
export const erf: Unary = unaryFloat('erf');
export const erfc: Unary = unaryFloat('erfc');
/** `torch.erfinv`: the inverse of erf on (-1, 1), ±infinity at the ends, NaN outside. */
export const erfinv: Unary = unaryFloat('erfinv');
export const sigmoid: Unary = unaryFloat('sigmoid');

/** `torch.square`. Bools are counted: int64, as integers of PyTorch are (int32 on a device without it). */
export function square(x: Tensor, options?: OutOptions): Tensor {
  checkOptions('square', options, ['out']);
  const source = requireTensor('square', x).dtype === 'bool' ? castTo(x, countingDType(x.device)) : x;
  return deliverElements('square', apply('square', [source], {}), options, [x]);
}

/** `torch.abs`. */
export function abs(x: Tensor, options?: OutOptions): Tensor {
  checkOptions('abs', options, ['out']);
  return deliverElements(
    'abs',
    categoryOf(requireTensor('abs', x).dtype) === 'bool' ? x.clone() : apply('abs', [x], {}),
    options,
    [x],
  );
}

/** `torch.sign`: -1, 0 or 1. Bools stay as they are. */
export function sign(x: Tensor, options?: OutOptions): Tensor {
  checkOptions('sign', options, ['out']);
  return deliverElements(
    'sign',
    requireTensor('sign', x).dtype === 'bool' ? x.clone() : apply('sign', [x], {}),
    options,
    [x],
  );
}

/** `torch.sgn`: sign, for real numbers. */
export function sgn(x: Tensor, options?: OutOptions): Tensor {
  return deliverOnly('sgn', sign(requireTensor('sgn', x)), options, [x], elementwise);
}

/** `torch.positive`: the tensor itself. @throws {DTypeError} for bool. */
export function positive(x: Tensor): Tensor {
  if (requireTensor('positive', x).dtype === 'bool')
    throw new DTypeError('positive: does not take bool tensors');
  return x;
}

export interface RoundOptions extends OutOptions {
  /** Digits behind the point to keep; negative ones round to tens, hundreds, …. Default 0. */
  readonly decimals?: number;
}

/** `torch.round`: to nearest, halves to even. */
export function round(x: Tensor, options: RoundOptions = {}): Tensor {
  checkOptions('round', options, ['decimals', 'out']);
  return deliverElements('round', rounded(x, options.decimals ?? 0), options, [x]);
}

function rounded(x: Tensor, decimals: number): Tensor {
  const nearest = rounding('round');
  if (decimals === 0 || !isFloat(requireTensor('round', x).dtype)) return nearest(x);
  const scale = 10 ** Math.abs(decimals);
  return decimals > 0 ? nearest(x.mul(scale)).div(scale) : nearest(x.div(scale)).mul(scale);
}

/** `torch.frac`: what is behind the point, with x's sign. */
export function frac(x: Tensor, options?: OutOptions): Tensor {
  return deliverOnly('frac', requireTensor('frac', x).sub(trunc(x)), options, [x], elementwise);
}

/** `torch.deg2rad`. */
export function deg2rad(x: Tensor, options?: OutOptions): Tensor {
  return deliverOnly(
    'deg2rad',
    castTo(requireTensor('deg2rad', x), floatFor(x.dtype)).mul(Math.PI / 180),
    options,
    [x],
    elementwise,
  );
}

/** `torch.rad2deg`. */
export function rad2deg(x: Tensor, options?: OutOptions): Tensor {
  return deliverOnly(
    'rad2deg',
    castTo(requireTensor('rad2deg', x), floatFor(x.dtype)).mul(180 / Math.PI),
    options,
    [x],
    elementwise,
  );
}

/** `torch.logit`: log(x / (1 - x)); with `eps`, x is limited to [eps, 1 - eps] first. */
export function logit(x: Tensor, eps?: number | null, options?: OutOptions): Tensor {
  const source = castTo(requireTensor('logit', x), floatFor(x.dtype));
  const inside = eps == null ? source : source.clamp(eps, 1 - eps);
  return deliverOnly('logit', inside.div(inside.neg().add(1)).log(), options, [x], elementwise);
}

/** `torch.sinc`: sin(πx) / (πx), 1 at 0. */
export function sinc(x: Tensor, options?: OutOptions): Tensor {
  const scaled = castTo(requireTensor('sinc', x), floatFor(x.dtype)).mul(Math.PI);
  const zero = scaled.eq(0);
  return deliverOnly(
    'sinc',
    where(zero, 1, scaled.sin().div(where(zero, 1, scaled))),
    options,
    [x],
    elementwise,
  );
}

export interface NanToNumOptions extends OutOptions {
  /** What NaN becomes. Default 0. */
  readonly nan?: number | null;
  /** What infinity becomes. Default: the dtype's greatest number. */
  readonly posinf?: number | null;
  /** What -infinity becomes. Default: the dtype's least number. */
  readonly neginf?: number | null;
}

const greatest: { readonly [dtype: string]: number } = {
  float16: 65504,
  bfloat16: 3.3895313892515355e38,
  float32: 3.4028234663852886e38,
  float64: Number.MAX_VALUE,
};

/** `torch.nan_to_num`: NaN and infinities replaced by numbers. */
export function nanToNum(x: Tensor, options: NanToNumOptions = {}): Tensor {
  checkOptions('nanToNum', options, ['nan', 'posinf', 'neginf', 'out']);
  return deliverElements('nanToNum', allFinite(x, options), options, [x]);
}

function allFinite(x: Tensor, options: NanToNumOptions): Tensor {
  if (!isFloat(requireTensor('nanToNum', x).dtype)) return x.clone();
  const high = options.posinf ?? greatest[x.dtype];
  const low = options.neginf ?? -greatest[x.dtype];
  const finite = where(x.eq(Infinity), high, where(x.eq(-Infinity), low, x));
  return where(x.isnan(), options.nan ?? 0, finite);
}

/** `torch.angle` of real numbers: π where negative, else 0; NaN stays. */
export function angle(x: Tensor, options?: OutOptions): Tensor {
  const source = castTo(requireTensor('angle', x), floatFor(x.dtype));
  return deliverOnly(
    'angle',
    where(source.isnan(), source, castTo(source.lt(0), source.dtype).mul(Math.PI)),
    options,
    [x],
    elementwise,
  );
}

/** `torch.real` of real numbers: the tensor itself. */
export function real(x: Tensor): Tensor {
  return requireTensor('real', x);
}

/** `torch.conj` of real numbers: the tensor itself. */
export function conj(x: Tensor): Tensor {
  return requireTensor('conj', x);
}

/** `torch.conj_physical` of real numbers: the tensor itself. */
export function conjPhysical(x: Tensor, options?: OutOptions): Tensor {
  return deliverOnly('conjPhysical', requireTensor('conjPhysical', x), options, [x], elementwise);
}

/** exp(x) / Σ exp(x) along the dimension. */
export function softmax(x: Tensor, dim: number): Tensor {
  const source = castTo(requireTensor('softmax', x), floatFor(x.dtype));
  if (x.ndim === 0) return source.reshape([1]).softmax(0).reshape([]);
  return apply('softmax', [source], { dim: normalizeDim('softmax', dim, x.ndim) });
}

/** x - log Σ exp(x) along the dimension. */
export function logSoftmax(x: Tensor, dim: number): Tensor {
  const source = castTo(requireTensor('logSoftmax', x), floatFor(x.dtype));
  if (x.ndim === 0) return source.reshape([1]).logSoftmax(0).reshape([]);
  return apply('logSoftmax', [source], { dim: normalizeDim('logSoftmax', dim, x.ndim) });
}
