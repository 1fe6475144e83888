// Elementwise operations that store their result in the tensor.
import * as arithmetic from '../arithmetic.ts';
import { inPlace } from '../arithmetic.ts';
import type { Scalar } from '../dispatch.ts';
import type { Tensor } from '../tensor.ts';
import { ElementwiseMethods } from './elementwise.ts';

export abstract class InPlaceMethods extends ElementwiseMethods {
  add_<T extends Tensor>(this: T, other: Tensor | Scalar, options?: arithmetic.AlphaOptions): T {
    return inPlace('add_', this, arithmetic.add(this, other, options));
  }
  sub_<T extends Tensor>(this: T, other: Tensor | Scalar, options?: arithmetic.AlphaOptions): T {
    return inPlace('sub_', this, arithmetic.sub(this, other, options));
  }
  mul_<T extends Tensor>(this: T, other: Tensor | Scalar): T {
    return inPlace('mul_', this, arithmetic.mul(this, other));
  }
  div_<T extends Tensor>(this: T, other: Tensor | Scalar, options?: arithmetic.DivOptions): T {
    return inPlace('div_', this, arithmetic.div(this, other, options));
  }
  addcmul_<T extends Tensor>(this: T, a: Tensor, b: Tensor, options?: arithmetic.ValueOptions): T {
    return inPlace('addcmul_', this, arithmetic.addcmul(this, a, b, options));
  }
  addcdiv_<T extends Tensor>(this: T, a: Tensor, b: Tensor, options?: arithmetic.ValueOptions): T {
    return inPlace('addcdiv_', this, arithmetic.addcdiv(this, a, b, options));
  }
  relu_<T extends Tensor>(this: T): T {
    return inPlace('relu_', this, arithmetic.relu(this));
  }
  clamp_<T extends Tensor>(this: T, min?: Tensor | Scalar | null, max?: Tensor | Scalar | null): T {
    return inPlace('clamp_', this, arithmetic.clamp(this, min, max));
  }
}
