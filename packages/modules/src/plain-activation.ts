// Activations with at most one number to choose.

import * as F from '@nn/functional';
import { formatShape, ShapeError, type Tensor } from '@nn/tensor';
import { Module } from './module.ts';
import { namedValues } from './representation.ts';

/** 1 / (1 + exp(-x)). */
export class Sigmoid extends Module<[Tensor], Tensor> {
  override forward(x: Tensor): Tensor {
    return F.sigmoid(x);
  }
}

/** tanh(x). */
export class Tanh extends Module<[Tensor], Tensor> {
  override forward(x: Tensor): Tensor {
    return F.tanh(x);
  }
}

/** log(sigmoid(x)). */
export class LogSigmoid extends Module<[Tensor], Tensor> {
  override forward(x: Tensor): Tensor {
    return F.logSigmoid(x);
  }
}

/** x / (1 + |x|). */
export class Softsign extends Module<[Tensor], Tensor> {
  override forward(x: Tensor): Tensor {
    return F.softsign(x);
  }
}

/** x - tanh(x). */
export class Tanhshrink extends Module<[Tensor], Tensor> {
  override forward(x: Tensor): Tensor {
    return F.tanhshrink(x);
  }
}

abstract class ShrinkActivation extends Module<[Tensor], Tensor> {
  readonly lambda: number;

  constructor(lambda: number = 0.5) {
    super();
    this.lambda = lambda;
  }

  override extraRepr(): string {
    return String(this.lambda);
  }
}

/** x moved towards 0 by lambda. */
export class Softshrink extends ShrinkActivation {
  override forward(x: Tensor): Tensor {
    return F.softshrink(x, this.lambda);
  }
}

/** x outside of [-lambda, lambda], else 0. */
export class Hardshrink extends ShrinkActivation {
  override forward(x: Tensor): Tensor {
    return F.hardshrink(x, this.lambda);
  }
}

abstract class AlongDimension extends Module<[Tensor], Tensor> {
  readonly dim: number;

  constructor(dim: number) {
    super();
    this.dim = dim;
  }

  override extraRepr(): string {
    return namedValues({ dim: this.dim });
  }
}

/** exp(x) / Σ exp(x) along a dimension. */
export class Softmax extends AlongDimension {
  override forward(x: Tensor): Tensor {
    return F.softmax(x, this.dim);
  }
}

/** log of softmax along a dimension. */
export class LogSoftmax extends AlongDimension {
  override forward(x: Tensor): Tensor {
    return F.logSoftmax(x, this.dim);
  }
}

/** Softmax of -x along a dimension. */
export class Softmin extends AlongDimension {
  override forward(x: Tensor): Tensor {
    return F.softmin(x, this.dim);
  }
}

/** Softmax over the channels of [batch, channels, height, width]. */
export class Softmax2d extends Module<[Tensor], Tensor> {
  override forward(x: Tensor): Tensor {
    if (x.ndim !== 3 && x.ndim !== 4) {
      throw new ShapeError(`Softmax2d: expected 3 or 4 dimensions, got ${formatShape(x.shape)}`);
    }
    return F.softmax(x, -3);
  }
}

/** Halves a dimension into a and b: a sigmoid(b). */
export class GLU extends AlongDimension {
  constructor(dim: number = -1) {
    super(dim);
  }
  override forward(x: Tensor): Tensor {
    return F.glu(x, this.dim);
  }
}
