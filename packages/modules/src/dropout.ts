// Dropout layers: active in training mode only.

import * as F from '@nn/functional';
import { ArgumentError, checkOptions, type Tensor } from '@nn/tensor';
import { Module } from './module.ts';
import { namedValues } from './representation.ts';

abstract class DropoutLayer extends Module<[Tensor], Tensor> {
  readonly p: number;
  readonly inplace: boolean;

  constructor(p: number = 0.5, options: F.InplaceOptions = {}) {
    super();
    checkOptions(this.constructor.name, options, ['inplace']);
    if (!(p >= 0 && p <= 1)) {
      throw new ArgumentError(`${this.constructor.name}: p must lie between 0 and 1, got ${p}`);
    }
    this.p = p;
    this.inplace = options.inplace ?? false;
  }

  protected get options(): F.DropoutOptions {
    const { p, training, inplace } = this;
    return { p, training, inplace };
  }

  override extraRepr(): string {
    const { p, inplace } = this;
    return namedValues({ p, inplace });
  }
}

/**
 * Zeroes elements with probability p while training, and scales the others by 1 / (1 - p).
 *
 * @example
 * ```ts
 * import { Dropout } from '@nn/modules';
 * import { interpreter, ones, use } from '@nn/tensor';
 * use(interpreter());
 * console.log(await new Dropout(0.2).eval()(ones([2])).toArray()); // => [1, 1]
 * ```
 */
export class Dropout extends DropoutLayer {
  override forward(x: Tensor): Tensor {
    return F.dropout(x, this.options);
  }
}

/** Zeroes whole channels of [batch, channels, length]. */
export class Dropout1d extends DropoutLayer {
  override forward(x: Tensor): Tensor {
    return F.dropout1d(x, this.options);
  }
}

/** Zeroes whole channels of [batch, channels, height, width]. */
export class Dropout2d extends DropoutLayer {
  override forward(x: Tensor): Tensor {
    return F.dropout2d(x, this.options);
  }
}

/** Zeroes whole channels of [batch, channels, depth, height, width]. */
export class Dropout3d extends DropoutLayer {
  override forward(x: Tensor): Tensor {
    return F.dropout3d(x, this.options);
  }
}

/** Dropout that keeps the mean and variance of SELU's activations. */
export class AlphaDropout extends DropoutLayer {
  override forward(x: Tensor): Tensor {
    return F.alphaDropout(x, this.options);
  }
}

/** AlphaDropout of whole channels of [batch, channels, ...]. */
export class FeatureAlphaDropout extends DropoutLayer {
  override forward(x: Tensor): Tensor {
    return F.featureAlphaDropout(x, this.options);
  }
}
