// Products as methods.
import * as linear from '../linear.ts';
import { inPlace } from '../operands.ts';
import type { Tensor } from '../tensor.ts';
import { ReductionMethods } from './reduction.ts';

export abstract class LinearMethods extends ReductionMethods {
  mm(this: Tensor, other: Tensor): Tensor {
    return linear.mm(this, other);
  }
  bmm(this: Tensor, other: Tensor): Tensor {
    return linear.bmm(this, other);
  }
  vdot(this: Tensor, other: Tensor): Tensor {
    return linear.vdot(this, other);
  }
  inner(this: Tensor, other: Tensor): Tensor {
    return linear.inner(this, other);
  }
  outer(this: Tensor, other: Tensor): Tensor {
    return linear.outer(this, other);
  }
  addmm(this: Tensor, a: Tensor, b: Tensor, options?: linear.AddProductOptions): Tensor {
    return linear.addmm(this, a, b, options);
  }
  addmm_<T extends Tensor>(this: T, a: Tensor, b: Tensor, options?: linear.AddProductOptions): T {
    return inPlace('addmm_', this, linear.addmm(this, a, b, options));
  }
  addmv(this: Tensor, a: Tensor, b: Tensor, options?: linear.AddProductOptions): Tensor {
    return linear.addmv(this, a, b, options);
  }
  addmv_<T extends Tensor>(this: T, a: Tensor, b: Tensor, options?: linear.AddProductOptions): T {
    return inPlace('addmv_', this, linear.addmv(this, a, b, options));
  }
  addr(this: Tensor, a: Tensor, b: Tensor, options?: linear.AddProductOptions): Tensor {
    return linear.addr(this, a, b, options);
  }
  addr_<T extends Tensor>(this: T, a: Tensor, b: Tensor, options?: linear.AddProductOptions): T {
    return inPlace('addr_', this, linear.addr(this, a, b, options));
  }
  baddbmm(this: Tensor, a: Tensor, b: Tensor, options?: linear.AddProductOptions): Tensor {
    return linear.baddbmm(this, a, b, options);
  }
  baddbmm_<T extends Tensor>(this: T, a: Tensor, b: Tensor, options?: linear.AddProductOptions): T {
    return inPlace('baddbmm_', this, linear.baddbmm(this, a, b, options));
  }
  addbmm(this: Tensor, a: Tensor, b: Tensor, options?: linear.AddProductOptions): Tensor {
    return linear.addbmm(this, a, b, options);
  }
  addbmm_<T extends Tensor>(this: T, a: Tensor, b: Tensor, options?: linear.AddProductOptions): T {
    return inPlace('addbmm_', this, linear.addbmm(this, a, b, options));
  }
  cross(this: Tensor, other: Tensor, options?: linear.CrossOptions): Tensor {
    return linear.cross(this, other, options);
  }
}
