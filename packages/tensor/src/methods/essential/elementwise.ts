// Functions of several elements as methods; those with an underscore store their result, that every tensor has.
import * as arithmetic from '../../arithmetic.ts';
import * as blending from '../../blending.ts';
import * as comparison from '../../comparison.ts';
import { inPlace, type Operand } from '../../operands.ts';
import type { Tensor } from '../../tensor.ts';
import { EssentialUnaryMethods } from './unary.ts';

export abstract class EssentialElementwiseMethods extends EssentialUnaryMethods {
  add(this: Tensor, other: Operand, options?: arithmetic.AlphaOptions): Tensor {
    return arithmetic.add(this, other, options);
  }
  add_<T extends Tensor>(this: T, other: Operand, options?: arithmetic.AlphaOptions): T {
    return inPlace('add_', this, arithmetic.add(this, other, options));
  }
  sub(this: Tensor, other: Operand, options?: arithmetic.AlphaOptions): Tensor {
    return arithmetic.sub(this, other, options);
  }
  sub_<T extends Tensor>(this: T, other: Operand, options?: arithmetic.AlphaOptions): T {
    return inPlace('sub_', this, arithmetic.sub(this, other, options));
  }
  mul(this: Tensor, other: Operand): Tensor {
    return arithmetic.mul(this, other);
  }
  mul_<T extends Tensor>(this: T, other: Operand): T {
    return inPlace('mul_', this, arithmetic.mul(this, other));
  }
  div(this: Tensor, other: Operand, options?: arithmetic.DivOptions): Tensor {
    return arithmetic.div(this, other, options);
  }
  pow(this: Tensor, exponent: Operand): Tensor {
    return arithmetic.pow(this, exponent);
  }
  maximum(this: Tensor, other: Tensor): Tensor {
    return blending.maximum(this, other);
  }
  minimum(this: Tensor, other: Tensor): Tensor {
    return blending.minimum(this, other);
  }
  clamp(this: Tensor, min?: Operand | null, max?: Operand | null): Tensor {
    return blending.clamp(this, min, max);
  }
  clampMin(this: Tensor, min: Operand): Tensor {
    return blending.clampMin(this, min);
  }
  lerp(this: Tensor, end: Tensor, weight: Tensor | number): Tensor {
    return blending.lerp(this, end, weight);
  }
  eq(this: Tensor, other: Operand): Tensor {
    return comparison.eq(this, other);
  }
  ne(this: Tensor, other: Operand): Tensor {
    return comparison.ne(this, other);
  }
  lt(this: Tensor, other: Operand): Tensor {
    return comparison.lt(this, other);
  }
  le(this: Tensor, other: Operand): Tensor {
    return comparison.le(this, other);
  }
  gt(this: Tensor, other: Operand): Tensor {
    return comparison.gt(this, other);
  }
  ge(this: Tensor, other: Operand): Tensor {
    return comparison.ge(this, other);
  }
  logicalAnd(this: Tensor, other: Tensor): Tensor {
    return comparison.logicalAnd(this, other);
  }
  logicalOr(this: Tensor, other: Tensor): Tensor {
    return comparison.logicalOr(this, other);
  }
  logicalXor(this: Tensor, other: Tensor): Tensor {
    return comparison.logicalXor(this, other);
  }
  bitwiseAnd(this: Tensor, other: Operand): Tensor {
    return comparison.bitwiseAnd(this, other);
  }
  logicalNot(this: Tensor): Tensor {
    return comparison.logicalNot(this);
  }
  isnan(this: Tensor): Tensor {
    return comparison.isnan(this);
  }
}
