// Functions of several elements as methods; those with an underscore store their result.
import * as arithmetic from '../arithmetic.ts';
import * as blending from '../blending.ts';
import * as comparison from '../comparison.ts';
import { inPlace, type Operand } from '../operands.ts';
import type { Tensor } from '../tensor.ts';
import { UnaryMethods } from './unary.ts';

export abstract class ElementwiseMethods extends UnaryMethods {
  rsub(this: Tensor, other: Operand, options?: arithmetic.AlphaOptions): Tensor {
    return arithmetic.rsub(this, other, options);
  }
  div_<T extends Tensor>(this: T, other: Operand, options?: arithmetic.DivOptions): T {
    return inPlace('div_', this, arithmetic.div(this, other, options));
  }
  floorDivide(this: Tensor, other: Operand): Tensor {
    return arithmetic.floorDivide(this, other);
  }
  floorDivide_<T extends Tensor>(this: T, other: Operand): T {
    return inPlace('floorDivide_', this, arithmetic.floorDivide(this, other));
  }
  remainder(this: Tensor, other: Operand): Tensor {
    return arithmetic.remainder(this, other);
  }
  remainder_<T extends Tensor>(this: T, other: Operand): T {
    return inPlace('remainder_', this, arithmetic.remainder(this, other));
  }
  fmod(this: Tensor, other: Operand): Tensor {
    return arithmetic.fmod(this, other);
  }
  fmod_<T extends Tensor>(this: T, other: Operand): T {
    return inPlace('fmod_', this, arithmetic.fmod(this, other));
  }
  pow_<T extends Tensor>(this: T, exponent: Operand): T {
    return inPlace('pow_', this, arithmetic.pow(this, exponent));
  }
  floatPower(this: Tensor, exponent: Operand): Tensor {
    return arithmetic.floatPower(this, exponent);
  }
  floatPower_<T extends Tensor>(this: T, exponent: Operand): T {
    return inPlace('floatPower_', this, arithmetic.floatPower(this, exponent));
  }
  atan2(this: Tensor, other: Tensor): Tensor {
    return arithmetic.atan2(this, other);
  }
  atan2_<T extends Tensor>(this: T, other: Tensor): T {
    return inPlace('atan2_', this, arithmetic.atan2(this, other));
  }
  hypot(this: Tensor, other: Tensor): Tensor {
    return arithmetic.hypot(this, other);
  }
  hypot_<T extends Tensor>(this: T, other: Tensor): T {
    return inPlace('hypot_', this, arithmetic.hypot(this, other));
  }
  logaddexp(this: Tensor, other: Tensor): Tensor {
    return arithmetic.logaddexp(this, other);
  }
  logaddexp2(this: Tensor, other: Tensor): Tensor {
    return arithmetic.logaddexp2(this, other);
  }
  xlogy(this: Tensor, other: Operand): Tensor {
    return arithmetic.xlogy(this, other);
  }
  xlogy_<T extends Tensor>(this: T, other: Operand): T {
    return inPlace('xlogy_', this, arithmetic.xlogy(this, other));
  }
  ldexp(this: Tensor, other: Tensor): Tensor {
    return arithmetic.ldexp(this, other);
  }
  ldexp_<T extends Tensor>(this: T, other: Tensor): T {
    return inPlace('ldexp_', this, arithmetic.ldexp(this, other));
  }
  gcd(this: Tensor, other: Tensor): Tensor {
    return arithmetic.gcd(this, other);
  }
  gcd_<T extends Tensor>(this: T, other: Tensor): T {
    return inPlace('gcd_', this, arithmetic.gcd(this, other));
  }
  lcm(this: Tensor, other: Tensor): Tensor {
    return arithmetic.lcm(this, other);
  }
  lcm_<T extends Tensor>(this: T, other: Tensor): T {
    return inPlace('lcm_', this, arithmetic.lcm(this, other));
  }
  addcmul(this: Tensor, a: Tensor, b: Tensor, options?: arithmetic.ValueOptions): Tensor {
    return arithmetic.addcmul(this, a, b, options);
  }
  addcmul_<T extends Tensor>(this: T, a: Tensor, b: Tensor, options?: arithmetic.ValueOptions): T {
    return inPlace('addcmul_', this, arithmetic.addcmul(this, a, b, options));
  }
  addcdiv(this: Tensor, a: Tensor, b: Tensor, options?: arithmetic.ValueOptions): Tensor {
    return arithmetic.addcdiv(this, a, b, options);
  }
  addcdiv_<T extends Tensor>(this: T, a: Tensor, b: Tensor, options?: arithmetic.ValueOptions): T {
    return inPlace('addcdiv_', this, arithmetic.addcdiv(this, a, b, options));
  }
  fmax(this: Tensor, other: Tensor): Tensor {
    return blending.fmax(this, other);
  }
  fmin(this: Tensor, other: Tensor): Tensor {
    return blending.fmin(this, other);
  }
  clamp_<T extends Tensor>(this: T, min?: Operand | null, max?: Operand | null): T {
    return inPlace('clamp_', this, blending.clamp(this, min, max));
  }
  clip(this: Tensor, min?: Operand | null, max?: Operand | null): Tensor {
    return blending.clip(this, min, max);
  }
  clip_<T extends Tensor>(this: T, min?: Operand | null, max?: Operand | null): T {
    return inPlace('clip_', this, blending.clip(this, min, max));
  }
  clampMin_<T extends Tensor>(this: T, min: Operand): T {
    return inPlace('clampMin_', this, blending.clampMin(this, min));
  }
  clampMax(this: Tensor, max: Operand): Tensor {
    return blending.clampMax(this, max);
  }
  clampMax_<T extends Tensor>(this: T, max: Operand): T {
    return inPlace('clampMax_', this, blending.clampMax(this, max));
  }
  lerp_<T extends Tensor>(this: T, end: Tensor, weight: Tensor | number): T {
    return inPlace('lerp_', this, blending.lerp(this, end, weight));
  }
  heaviside(this: Tensor, values: Tensor): Tensor {
    return blending.heaviside(this, values);
  }
  heaviside_<T extends Tensor>(this: T, values: Tensor): T {
    return inPlace('heaviside_', this, blending.heaviside(this, values));
  }
  copysign(this: Tensor, other: Operand): Tensor {
    return blending.copysign(this, other);
  }
  copysign_<T extends Tensor>(this: T, other: Operand): T {
    return inPlace('copysign_', this, blending.copysign(this, other));
  }
  signbit(this: Tensor): Tensor {
    return blending.signbit(this);
  }
  /** This tensor where the condition holds, `other` elsewhere. */
  where(this: Tensor, condition: Tensor, other: Operand): Tensor {
    return blending.where(condition, this, other);
  }
  eq_<T extends Tensor>(this: T, other: Operand): T {
    return inPlace('eq_', this, comparison.eq(this, other));
  }
  ne_<T extends Tensor>(this: T, other: Operand): T {
    return inPlace('ne_', this, comparison.ne(this, other));
  }
  lt_<T extends Tensor>(this: T, other: Operand): T {
    return inPlace('lt_', this, comparison.lt(this, other));
  }
  le_<T extends Tensor>(this: T, other: Operand): T {
    return inPlace('le_', this, comparison.le(this, other));
  }
  gt_<T extends Tensor>(this: T, other: Operand): T {
    return inPlace('gt_', this, comparison.gt(this, other));
  }
  ge_<T extends Tensor>(this: T, other: Operand): T {
    return inPlace('ge_', this, comparison.ge(this, other));
  }
  logicalAnd_<T extends Tensor>(this: T, other: Tensor): T {
    return inPlace('logicalAnd_', this, comparison.logicalAnd(this, other));
  }
  logicalOr_<T extends Tensor>(this: T, other: Tensor): T {
    return inPlace('logicalOr_', this, comparison.logicalOr(this, other));
  }
  logicalXor_<T extends Tensor>(this: T, other: Tensor): T {
    return inPlace('logicalXor_', this, comparison.logicalXor(this, other));
  }
  bitwiseAnd_<T extends Tensor>(this: T, other: Operand): T {
    return inPlace('bitwiseAnd_', this, comparison.bitwiseAnd(this, other));
  }
  bitwiseOr(this: Tensor, other: Operand): Tensor {
    return comparison.bitwiseOr(this, other);
  }
  bitwiseOr_<T extends Tensor>(this: T, other: Operand): T {
    return inPlace('bitwiseOr_', this, comparison.bitwiseOr(this, other));
  }
  bitwiseXor(this: Tensor, other: Operand): Tensor {
    return comparison.bitwiseXor(this, other);
  }
  bitwiseXor_<T extends Tensor>(this: T, other: Operand): T {
    return inPlace('bitwiseXor_', this, comparison.bitwiseXor(this, other));
  }
  bitwiseLeftShift(this: Tensor, other: Operand): Tensor {
    return comparison.bitwiseLeftShift(this, other);
  }
  bitwiseLeftShift_<T extends Tensor>(this: T, other: Operand): T {
    return inPlace('bitwiseLeftShift_', this, comparison.bitwiseLeftShift(this, other));
  }
  bitwiseRightShift(this: Tensor, other: Operand): Tensor {
    return comparison.bitwiseRightShift(this, other);
  }
  bitwiseRightShift_<T extends Tensor>(this: T, other: Operand): T {
    return inPlace('bitwiseRightShift_', this, comparison.bitwiseRightShift(this, other));
  }
  logicalNot_<T extends Tensor>(this: T): T {
    return inPlace('logicalNot_', this, comparison.logicalNot(this));
  }
  bitwiseNot(this: Tensor): Tensor {
    return comparison.bitwiseNot(this);
  }
  bitwiseNot_<T extends Tensor>(this: T): T {
    return inPlace('bitwiseNot_', this, comparison.bitwiseNot(this));
  }
  isinf(this: Tensor): Tensor {
    return comparison.isinf(this);
  }
  isposinf(this: Tensor): Tensor {
    return comparison.isposinf(this);
  }
  isneginf(this: Tensor): Tensor {
    return comparison.isneginf(this);
  }
  isfinite(this: Tensor): Tensor {
    return comparison.isfinite(this);
  }
  isreal(this: Tensor): Tensor {
    return comparison.isreal(this);
  }
  isclose(this: Tensor, other: Tensor, options?: comparison.CloseOptions): Tensor {
    return comparison.isclose(this, other, options);
  }
  allclose(this: Tensor, other: Tensor, options?: comparison.CloseOptions): Promise<boolean> {
    return comparison.allclose(this, other, options);
  }
  allcloseSync(this: Tensor, other: Tensor, options?: comparison.CloseOptions): boolean {
    return comparison.allcloseSync(this, other, options);
  }
  equal(this: Tensor, other: Tensor): Promise<boolean> {
    return comparison.equal(this, other);
  }
  equalSync(this: Tensor, other: Tensor): boolean {
    return comparison.equalSync(this, other);
  }
}
