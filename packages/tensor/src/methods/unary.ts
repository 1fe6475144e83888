// Functions of one element as methods; those with an underscore store their result.
import { inPlace } from '../operands.ts';
import type { Tensor } from '../tensor.ts';
import * as unary from '../unary.ts';
import { EssentialIndexingMethods } from './essential/indexing.ts';

export abstract class UnaryMethods extends EssentialIndexingMethods {
  neg_<T extends Tensor>(this: T): T {
    return inPlace('neg_', this, unary.neg(this));
  }
  square_<T extends Tensor>(this: T): T {
    return inPlace('square_', this, unary.square(this));
  }
  relu_<T extends Tensor>(this: T): T {
    return inPlace('relu_', this, unary.relu(this));
  }
  floor_<T extends Tensor>(this: T): T {
    return inPlace('floor_', this, unary.floor(this));
  }
  ceil_<T extends Tensor>(this: T): T {
    return inPlace('ceil_', this, unary.ceil(this));
  }
  trunc_<T extends Tensor>(this: T): T {
    return inPlace('trunc_', this, unary.trunc(this));
  }
  sqrt_<T extends Tensor>(this: T): T {
    return inPlace('sqrt_', this, unary.sqrt(this));
  }
  rsqrt_<T extends Tensor>(this: T): T {
    return inPlace('rsqrt_', this, unary.rsqrt(this));
  }
  reciprocal_<T extends Tensor>(this: T): T {
    return inPlace('reciprocal_', this, unary.reciprocal(this));
  }
  exp_<T extends Tensor>(this: T): T {
    return inPlace('exp_', this, unary.exp(this));
  }
  log_<T extends Tensor>(this: T): T {
    return inPlace('log_', this, unary.log(this));
  }
  expm1(this: Tensor): Tensor {
    return unary.expm1(this);
  }
  expm1_<T extends Tensor>(this: T): T {
    return inPlace('expm1_', this, unary.expm1(this));
  }
  log1p_<T extends Tensor>(this: T): T {
    return inPlace('log1p_', this, unary.log1p(this));
  }
  exp2_<T extends Tensor>(this: T): T {
    return inPlace('exp2_', this, unary.exp2(this));
  }
  log2(this: Tensor): Tensor {
    return unary.log2(this);
  }
  log2_<T extends Tensor>(this: T): T {
    return inPlace('log2_', this, unary.log2(this));
  }
  log10(this: Tensor): Tensor {
    return unary.log10(this);
  }
  log10_<T extends Tensor>(this: T): T {
    return inPlace('log10_', this, unary.log10(this));
  }
  sin_<T extends Tensor>(this: T): T {
    return inPlace('sin_', this, unary.sin(this));
  }
  cos_<T extends Tensor>(this: T): T {
    return inPlace('cos_', this, unary.cos(this));
  }
  tan(this: Tensor): Tensor {
    return unary.tan(this);
  }
  tan_<T extends Tensor>(this: T): T {
    return inPlace('tan_', this, unary.tan(this));
  }
  asin(this: Tensor): Tensor {
    return unary.asin(this);
  }
  asin_<T extends Tensor>(this: T): T {
    return inPlace('asin_', this, unary.asin(this));
  }
  acos(this: Tensor): Tensor {
    return unary.acos(this);
  }
  acos_<T extends Tensor>(this: T): T {
    return inPlace('acos_', this, unary.acos(this));
  }
  atan(this: Tensor): Tensor {
    return unary.atan(this);
  }
  atan_<T extends Tensor>(this: T): T {
    return inPlace('atan_', this, unary.atan(this));
  }
  sinh_<T extends Tensor>(this: T): T {
    return inPlace('sinh_', this, unary.sinh(this));
  }
  cosh_<T extends Tensor>(this: T): T {
    return inPlace('cosh_', this, unary.cosh(this));
  }
  tanh_<T extends Tensor>(this: T): T {
    return inPlace('tanh_', this, unary.tanh(this));
  }
  asinh(this: Tensor): Tensor {
    return unary.asinh(this);
  }
  asinh_<T extends Tensor>(this: T): T {
    return inPlace('asinh_', this, unary.asinh(this));
  }
  acosh(this: Tensor): Tensor {
    return unary.acosh(this);
  }
  acosh_<T extends Tensor>(this: T): T {
    return inPlace('acosh_', this, unary.acosh(this));
  }
  atanh(this: Tensor): Tensor {
    return unary.atanh(this);
  }
  atanh_<T extends Tensor>(this: T): T {
    return inPlace('atanh_', this, unary.atanh(this));
  }
  erf_<T extends Tensor>(this: T): T {
    return inPlace('erf_', this, unary.erf(this));
  }
  erfc(this: Tensor): Tensor {
    return unary.erfc(this);
  }
  erfc_<T extends Tensor>(this: T): T {
    return inPlace('erfc_', this, unary.erfc(this));
  }
  erfinv_<T extends Tensor>(this: T): T {
    return inPlace('erfinv_', this, unary.erfinv(this));
  }
  sigmoid_<T extends Tensor>(this: T): T {
    return inPlace('sigmoid_', this, unary.sigmoid(this));
  }
  abs_<T extends Tensor>(this: T): T {
    return inPlace('abs_', this, unary.abs(this));
  }
  sign_<T extends Tensor>(this: T): T {
    return inPlace('sign_', this, unary.sign(this));
  }
  sgn(this: Tensor): Tensor {
    return unary.sgn(this);
  }
  sgn_<T extends Tensor>(this: T): T {
    return inPlace('sgn_', this, unary.sgn(this));
  }
  frac(this: Tensor): Tensor {
    return unary.frac(this);
  }
  frac_<T extends Tensor>(this: T): T {
    return inPlace('frac_', this, unary.frac(this));
  }
  deg2rad(this: Tensor): Tensor {
    return unary.deg2rad(this);
  }
  deg2rad_<T extends Tensor>(this: T): T {
    return inPlace('deg2rad_', this, unary.deg2rad(this));
  }
  rad2deg(this: Tensor): Tensor {
    return unary.rad2deg(this);
  }
  rad2deg_<T extends Tensor>(this: T): T {
    return inPlace('rad2deg_', this, unary.rad2deg(this));
  }
  sinc(this: Tensor): Tensor {
    return unary.sinc(this);
  }
  sinc_<T extends Tensor>(this: T): T {
    return inPlace('sinc_', this, unary.sinc(this));
  }
  positive(this: Tensor): Tensor {
    return unary.positive(this);
  }
  round_<T extends Tensor>(this: T, options?: unary.RoundOptions): T {
    return inPlace('round_', this, unary.round(this, options));
  }
  logit(this: Tensor, eps?: number | null): Tensor {
    return unary.logit(this, eps);
  }
  logit_<T extends Tensor>(this: T, eps?: number | null): T {
    return inPlace('logit_', this, unary.logit(this, eps));
  }
  nanToNum(this: Tensor, options?: unary.NanToNumOptions): Tensor {
    return unary.nanToNum(this, options);
  }
  nanToNum_<T extends Tensor>(this: T, options?: unary.NanToNumOptions): T {
    return inPlace('nanToNum_', this, unary.nanToNum(this, options));
  }
  angle(this: Tensor): Tensor {
    return unary.angle(this);
  }
  conj(this: Tensor): Tensor {
    return unary.conj(this);
  }
  conjPhysical(this: Tensor): Tensor {
    return unary.conjPhysical(this);
  }
}
