// Products as methods.
import * as linear from '../linear.ts';
import type { Tensor } from '../tensor.ts';
import { ReductionMethods } from './reduction.ts';

export abstract class LinearMethods extends ReductionMethods {
  matmul(this: Tensor, other: Tensor): Tensor {
    return linear.matmul(this, other);
  }
  mm(this: Tensor, other: Tensor): Tensor {
    return linear.mm(this, other);
  }
}
