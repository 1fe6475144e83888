// Pooling by power means.

import * as F from '@nn/functional';
import { checkOptions, type Tensor } from '@nn/tensor';
import { Module } from './module.ts';
import { namedValues } from './representation.ts';

abstract class LPPoolLayer extends Module<[Tensor], Tensor> {
  readonly normType: number;
  readonly kernelSize: F.Sizes;
  readonly options: F.LpPoolOptions;

  constructor(normType: number, kernelSize: F.Sizes, options: F.LpPoolOptions = {}) {
    super();
    checkOptions(this.constructor.name, options, ['stride', 'ceilMode']);
    this.normType = normType;
    this.kernelSize = kernelSize;
    this.options = options;
  }

  override extraRepr(): string {
    const { normType, kernelSize } = this;
    const { stride = null, ceilMode = false } = this.options;
    return namedValues({ normType, kernelSize, stride, ceilMode });
  }
}

/** (Σ x^p)^(1/p) of each window of [batch, channels, length]. */
export class LPPool1d extends LPPoolLayer {
  override forward(x: Tensor): Tensor {
    return F.lpPool1d(x, this.normType, this.kernelSize, this.options);
  }
}

/**
 * (Σ x^p)^(1/p) of each window of [batch, channels, height, width].
 *
 * @example
 * ```ts
 * import { LPPool2d } from '@nn/modules';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * console.log(await new LPPool2d(2, 2)(tensor([[[3, 0], [0, 4]]]).float()).toArray()); // => [[[5]]]
 * ```
 */
export class LPPool2d extends LPPoolLayer {
  override forward(x: Tensor): Tensor {
    return F.lpPool2d(x, this.normType, this.kernelSize, this.options);
  }
}

/** (Σ x^p)^(1/p) of each window of [batch, channels, depth, height, width]. */
export class LPPool3d extends LPPoolLayer {
  override forward(x: Tensor): Tensor {
    return F.lpPool3d(x, this.normType, this.kernelSize, this.options);
  }
}
