import type { Tensor } from '../../tensor.ts';
import * as unary from '../../unary.ts';

export abstract class EssentialUnaryMethods {
  neg(this: Tensor): Tensor {
    return unary.neg(this);
  }
  square(this: Tensor): Tensor {
    return unary.square(this);
  }
  relu(this: Tensor): Tensor {
    return unary.relu(this);
  }
  floor(this: Tensor): Tensor {
    return unary.floor(this);
  }
  ceil(this: Tensor): Tensor {
    return unary.ceil(this);
  }
  trunc(this: Tensor): Tensor {
    return unary.trunc(this);
  }
  sqrt(this: Tensor): Tensor {
    return unary.sqrt(this);
  }
  rsqrt(this: Tensor): Tensor {
    return unary.rsqrt(this);
  }
  reciprocal(this: Tensor): Tensor {
    return unary.reciprocal(this);
  }
  exp(this: Tensor): Tensor {
    return unary.exp(this);
  }
  log(this: Tensor): Tensor {
    return unary.log(this);
  }
  log1p(this: Tensor): Tensor {
    return unary.log1p(this);
  }
  exp2(this: Tensor): Tensor {
    return unary.exp2(this);
  }
  sin(this: Tensor): Tensor {
    return unary.sin(this);
  }
  cos(this: Tensor): Tensor {
    return unary.cos(this);
  }
  sinh(this: Tensor): Tensor {
    return unary.sinh(this);
  }
  cosh(this: Tensor): Tensor {
    return unary.cosh(this);
  }
  tanh(this: Tensor): Tensor {
    return unary.tanh(this);
  }
  erf(this: Tensor): Tensor {
    return unary.erf(this);
  }
  erfinv(this: Tensor): Tensor {
    return unary.erfinv(this);
  }
  sigmoid(this: Tensor): Tensor {
    return unary.sigmoid(this);
  }
  abs(this: Tensor): Tensor {
    return unary.abs(this);
  }
  sign(this: Tensor): Tensor {
    return unary.sign(this);
  }
  round(this: Tensor, options?: unary.RoundOptions): Tensor {
    return unary.round(this, options);
  }
  softmax(this: Tensor, dim: number): Tensor {
    return unary.softmax(this, dim);
  }
  logSoftmax(this: Tensor, dim: number): Tensor {
    return unary.logSoftmax(this, dim);
  }
}
