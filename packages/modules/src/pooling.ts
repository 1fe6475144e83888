// Pooling layers.

import * as F from '@nn/functional';
import { checkOptions, type Tensor } from '@nn/tensor';
import { Module } from './module.ts';
import { namedValues } from './representation.ts';

/** What a pooling layer gives: with `returnIndices: true` a pair. */
export type Pooled<Indices extends boolean> = Indices extends true ? [Tensor, Tensor] : Tensor;

abstract class MaxPoolLayer<Indices extends boolean> extends Module<[Tensor], Pooled<Indices>> {
  readonly kernelSize: F.Sizes;
  readonly options: F.MaxPoolOptions<Indices>;

  constructor(kernelSize: F.Sizes, options: F.MaxPoolOptions<Indices>) {
    super();
    checkOptions(this.constructor.name, options, [
      'stride',
      'padding',
      'dilation',
      'ceilMode',
      'returnIndices',
    ]);
    this.kernelSize = kernelSize;
    this.options = options;
  }

  override extraRepr(): string {
    const { stride = this.kernelSize, padding = 0, dilation = 1, ceilMode = false } = this.options;
    return namedValues({ kernelSize: this.kernelSize, stride, padding, dilation, ceilMode });
  }
}

/** The largest element of each window of [batch, channels, length]. */
export class MaxPool1d<Indices extends boolean = false> extends MaxPoolLayer<Indices> {
  constructor(kernelSize: F.Sizes, options: F.MaxPoolOptions<Indices> = {}) {
    super(kernelSize, options);
  }
  override forward(x: Tensor): Pooled<Indices> {
    return F.maxPool1d(x, this.kernelSize, this.options) as Pooled<Indices>;
  }
}

/**
 * The largest element of each window of [batch, channels, height, width].
 *
 * @example
 * ```ts
 * import { MaxPool2d } from '@nn/modules';
 * import { interpreter, ones, use } from '@nn/tensor';
 * use(interpreter());
 * console.log(new MaxPool2d(3, { stride: 2, padding: 1 })(ones([1, 4, 8, 8])).shape); // => [1, 4, 4, 4]
 * ```
 */
export class MaxPool2d<Indices extends boolean = false> extends MaxPoolLayer<Indices> {
  constructor(kernelSize: F.Sizes, options: F.MaxPoolOptions<Indices> = {}) {
    super(kernelSize, options);
  }
  override forward(x: Tensor): Pooled<Indices> {
    return F.maxPool2d(x, this.kernelSize, this.options) as Pooled<Indices>;
  }
}

/** The largest element of each window of [batch, channels, depth, height, width]. */
export class MaxPool3d<Indices extends boolean = false> extends MaxPoolLayer<Indices> {
  constructor(kernelSize: F.Sizes, options: F.MaxPoolOptions<Indices> = {}) {
    super(kernelSize, options);
  }
  override forward(x: Tensor): Pooled<Indices> {
    return F.maxPool3d(x, this.kernelSize, this.options) as Pooled<Indices>;
  }
}

abstract class AvgPoolLayer<Options extends F.AvgPoolOptions> extends Module<[Tensor], Tensor> {
  readonly kernelSize: F.Sizes;
  readonly options: Options;

  constructor(kernelSize: F.Sizes, options: Options) {
    super();
    checkOptions(this.constructor.name, options, [
      'stride',
      'padding',
      'ceilMode',
      'countIncludePad',
      'divisorOverride',
    ]);
    this.kernelSize = kernelSize;
    this.options = options;
  }

  override extraRepr(): string {
    const { stride = this.kernelSize, padding = 0 } = this.options;
    return namedValues({ kernelSize: this.kernelSize, stride, padding });
  }
}

/** The mean of each window of [batch, channels, length]. */
export class AvgPool1d extends AvgPoolLayer<Omit<F.AvgPoolOptions, 'divisorOverride'>> {
  constructor(kernelSize: F.Sizes, options: Omit<F.AvgPoolOptions, 'divisorOverride'> = {}) {
    super(kernelSize, options);
  }
  override forward(x: Tensor): Tensor {
    return F.avgPool1d(x, this.kernelSize, this.options);
  }
}

/** The mean of each window of [batch, channels, height, width]. */
export class AvgPool2d extends AvgPoolLayer<F.AvgPoolOptions> {
  constructor(kernelSize: F.Sizes, options: F.AvgPoolOptions = {}) {
    super(kernelSize, options);
  }
  override forward(x: Tensor): Tensor {
    return F.avgPool2d(x, this.kernelSize, this.options);
  }
}

/** The mean of each window of [batch, channels, depth, height, width]. */
export class AvgPool3d extends AvgPoolLayer<F.AvgPoolOptions> {
  constructor(kernelSize: F.Sizes, options: F.AvgPoolOptions = {}) {
    super(kernelSize, options);
  }
  override forward(x: Tensor): Tensor {
    return F.avgPool3d(x, this.kernelSize, this.options);
  }
}
