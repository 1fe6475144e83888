// Pooling to an output of a given size.

import * as F from '@nn/functional';
import { checkOptions, type Tensor } from '@nn/tensor';
import { Module } from './module.ts';
import type { Pooled } from './pooling.ts';
import { namedValues } from './representation.ts';

abstract class AdaptiveLayer<Output> extends Module<[Tensor], Output> {
  readonly outputSize: F.OutputSize;

  constructor(outputSize: F.OutputSize) {
    super();
    this.outputSize = outputSize;
  }

  override extraRepr(): string {
    return namedValues({ outputSize: this.outputSize });
  }
}

/** The means of `outputSize` parts of [batch, channels, length]. */
export class AdaptiveAvgPool1d extends AdaptiveLayer<Tensor> {
  override forward(x: Tensor): Tensor {
    return F.adaptiveAvgPool1d(x, this.outputSize);
  }
}

/**
 * The means of `outputSize` parts of [batch, channels, height, width]; null keeps a dimension.
 *
 * @example
 * ```ts
 * import { AdaptiveAvgPool2d } from '@nn/modules';
 * import { interpreter, ones, use } from '@nn/tensor';
 * use(interpreter());
 * console.log(new AdaptiveAvgPool2d([5, null])(ones([2, 3, 8, 9])).shape); // => [2, 3, 5, 9]
 * ```
 */
export class AdaptiveAvgPool2d extends AdaptiveLayer<Tensor> {
  override forward(x: Tensor): Tensor {
    return F.adaptiveAvgPool2d(x, this.outputSize);
  }
}

/** The means of `outputSize` parts of [batch, channels, depth, height, width]. */
export class AdaptiveAvgPool3d extends AdaptiveLayer<Tensor> {
  override forward(x: Tensor): Tensor {
    return F.adaptiveAvgPool3d(x, this.outputSize);
  }
}

export interface AdaptiveMaxPoolLayerOptions<Indices extends boolean = boolean> {
  /** Whether the maxima's positions come along, as `[values, indices]`. Default false. */
  readonly returnIndices?: Indices;
}

abstract class AdaptiveMaxPoolLayer<Indices extends boolean> extends AdaptiveLayer<Pooled<Indices>> {
  readonly returnIndices: boolean;

  constructor(outputSize: F.OutputSize, options: AdaptiveMaxPoolLayerOptions<Indices> = {}) {
    super(outputSize);
    checkOptions(this.constructor.name, options, ['returnIndices']);
    this.returnIndices = options.returnIndices ?? false;
  }

  protected pooled(maxima: [Tensor, Tensor]): Pooled<Indices> {
    return (this.returnIndices ? maxima : maxima[0]) as Pooled<Indices>;
  }
}

/** The largest elements of `outputSize` parts of [batch, channels, length]. */
export class AdaptiveMaxPool1d<Indices extends boolean = false> extends AdaptiveMaxPoolLayer<Indices> {
  override forward(x: Tensor): Pooled<Indices> {
    return this.pooled(F.adaptiveMaxPool1d(x, this.outputSize, { returnIndices: true }));
  }
}

/** The largest elements of `outputSize` parts of [batch, channels, height, width]. */
export class AdaptiveMaxPool2d<Indices extends boolean = false> extends AdaptiveMaxPoolLayer<Indices> {
  override forward(x: Tensor): Pooled<Indices> {
    return this.pooled(F.adaptiveMaxPool2d(x, this.outputSize, { returnIndices: true }));
  }
}

/** The largest elements of `outputSize` parts of [batch, channels, depth, height, width]. */
export class AdaptiveMaxPool3d<Indices extends boolean = false> extends AdaptiveMaxPoolLayer<Indices> {
  override forward(x: Tensor): Pooled<Indices> {
    return this.pooled(F.adaptiveMaxPool3d(x, this.outputSize, { returnIndices: true }));
  }
}
