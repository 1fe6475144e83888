// Products as methods, that every tensor has.
import * as linear from '../../linear.ts';
import type { Tensor } from '../../tensor.ts';
import { EssentialReductionMethods } from './reduction.ts';

export abstract class EssentialLinearMethods extends EssentialReductionMethods {
  matmul(this: Tensor, other: Tensor): Tensor {
    return linear.matmul(this, other);
  }
  mv(this: Tensor, vector: Tensor): Tensor {
    return linear.mv(this, vector);
  }
  dot(this: Tensor, other: Tensor): Tensor {
    return linear.dot(this, other);
  }
}
