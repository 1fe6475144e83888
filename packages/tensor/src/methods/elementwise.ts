// Elementwise operations as methods.
import * as arithmetic from '../arithmetic.ts';
import type { Scalar } from '../dispatch.ts';
import type { Tensor } from '../tensor.ts';

export abstract class ElementwiseMethods {
  // (see arithmetic.ts; unary methods are one line each)
  add(this: Tensor, other: Tensor | Scalar, options?: arithmetic.AlphaOptions): Tensor {
    return arithmetic.add(this, other, options);
  }
  sub(this: Tensor, other: Tensor | Scalar, options?: arithmetic.AlphaOptions): Tensor {
    return arithmetic.sub(this, other, options);
  }
  mul(this: Tensor, other: Tensor | Scalar): Tensor {
    return arithmetic.mul(this, other);
  }
  div(this: Tensor, other: Tensor | Scalar, options?: arithmetic.DivOptions): Tensor {
    return arithmetic.div(this, other, options);
  }
  floorDivide(this: Tensor, other: Tensor | Scalar): Tensor {
    return arithmetic.floorDivide(this, other);
  }
  remainder(this: Tensor, other: Tensor | Scalar): Tensor {
    return arithmetic.remainder(this, other);
  }
  fmod(this: Tensor, other: Tensor | Scalar): Tensor {
    return arithmetic.fmod(this, other);
  }
  pow(this: Tensor, exponent: Tensor | Scalar): Tensor {
    return arithmetic.pow(this, exponent);
  }
  atan2(this: Tensor, other: Tensor): Tensor {
    return arithmetic.atan2(this, other);
  }
  maximum(this: Tensor, other: Tensor): Tensor {
    return arithmetic.maximum(this, other);
  }
  minimum(this: Tensor, other: Tensor): Tensor {
    return arithmetic.minimum(this, other);
  }
  eq(this: Tensor, other: Tensor | Scalar): Tensor {
    return arithmetic.eq(this, other);
  }
  ne(this: Tensor, other: Tensor | Scalar): Tensor {
    return arithmetic.ne(this, other);
  }
  lt(this: Tensor, other: Tensor | Scalar): Tensor {
    return arithmetic.lt(this, other);
  }
  le(this: Tensor, other: Tensor | Scalar): Tensor {
    return arithmetic.le(this, other);
  }
  gt(this: Tensor, other: Tensor | Scalar): Tensor {
    return arithmetic.gt(this, other);
  }
  ge(this: Tensor, other: Tensor | Scalar): Tensor {
    return arithmetic.ge(this, other);
  }
  logicalAnd(this: Tensor, other: Tensor | Scalar): Tensor {
    return arithmetic.logicalAnd(this, other);
  }
  logicalOr(this: Tensor, other: Tensor | Scalar): Tensor {
    return arithmetic.logicalOr(this, other);
  }
  logicalXor(this: Tensor, other: Tensor | Scalar): Tensor {
    return arithmetic.logicalXor(this, other);
  }
  logicalNot(this: Tensor): Tensor {
    return arithmetic.logicalNot(this);
  }
  bitwiseAnd(this: Tensor, other: Tensor | Scalar): Tensor {
    return arithmetic.bitwiseAnd(this, other);
  }
  bitwiseOr(this: Tensor, other: Tensor | Scalar): Tensor {
    return arithmetic.bitwiseOr(this, other);
  }
  bitwiseXor(this: Tensor, other: Tensor | Scalar): Tensor {
    return arithmetic.bitwiseXor(this, other);
  }
  bitwiseNot(this: Tensor): Tensor {
    return arithmetic.bitwiseNot(this);
  }
  where(this: Tensor, condition: Tensor, other: Tensor | Scalar): Tensor {
    return arithmetic.where(condition, this, other);
  }
  clamp(this: Tensor, min?: Tensor | Scalar | null, max?: Tensor | Scalar | null): Tensor {
    return arithmetic.clamp(this, min, max);
  }
  isnan(this: Tensor): Tensor {
    return arithmetic.isnan(this);
  }
  neg(this: Tensor): Tensor {
    return arithmetic.neg(this);
  }
  abs(this: Tensor): Tensor {
    return arithmetic.abs(this);
  }
  sign(this: Tensor): Tensor {
    return arithmetic.sign(this);
  }
  square(this: Tensor): Tensor {
    return arithmetic.square(this);
  }
  relu(this: Tensor): Tensor {
    return arithmetic.relu(this);
  }
  floor(this: Tensor): Tensor {
    return arithmetic.floor(this);
  }
  ceil(this: Tensor): Tensor {
    return arithmetic.ceil(this);
  }
  trunc(this: Tensor): Tensor {
    return arithmetic.trunc(this);
  }
  round(this: Tensor): Tensor {
    return arithmetic.round(this);
  }
  sqrt(this: Tensor): Tensor {
    return arithmetic.sqrt(this);
  }
  rsqrt(this: Tensor): Tensor {
    return arithmetic.rsqrt(this);
  }
  reciprocal(this: Tensor): Tensor {
    return arithmetic.reciprocal(this);
  }
  exp(this: Tensor): Tensor {
    return arithmetic.exp(this);
  }
  log(this: Tensor): Tensor {
    return arithmetic.log(this);
  }
  expm1(this: Tensor): Tensor {
    return arithmetic.expm1(this);
  }
  log1p(this: Tensor): Tensor {
    return arithmetic.log1p(this);
  }
  exp2(this: Tensor): Tensor {
    return arithmetic.exp2(this);
  }
  log2(this: Tensor): Tensor {
    return arithmetic.log2(this);
  }
  log10(this: Tensor): Tensor {
    return arithmetic.log10(this);
  }
  sin(this: Tensor): Tensor {
    return arithmetic.sin(this);
  }
  cos(this: Tensor): Tensor {
    return arithmetic.cos(this);
  }
  tan(this: Tensor): Tensor {
    return arithmetic.tan(this);
  }
  asin(this: Tensor): Tensor {
    return arithmetic.asin(this);
  }
  acos(this: Tensor): Tensor {
    return arithmetic.acos(this);
  }
  atan(this: Tensor): Tensor {
    return arithmetic.atan(this);
  }
  sinh(this: Tensor): Tensor {
    return arithmetic.sinh(this);
  }
  cosh(this: Tensor): Tensor {
    return arithmetic.cosh(this);
  }
  tanh(this: Tensor): Tensor {
    return arithmetic.tanh(this);
  }
  asinh(this: Tensor): Tensor {
    return arithmetic.asinh(this);
  }
  acosh(this: Tensor): Tensor {
    return arithmetic.acosh(this);
  }
  atanh(this: Tensor): Tensor {
    return arithmetic.atanh(this);
  }
  erf(this: Tensor): Tensor {
    return arithmetic.erf(this);
  }
  erfc(this: Tensor): Tensor {
    return arithmetic.erfc(this);
  }
  sigmoid(this: Tensor): Tensor {
    return arithmetic.sigmoid(this);
  }
  softmax(this: Tensor, dim: number): Tensor {
    return arithmetic.softmax(this, dim);
  }
  logSoftmax(this: Tensor, dim: number): Tensor {
    return arithmetic.logSoftmax(this, dim);
  }
}
