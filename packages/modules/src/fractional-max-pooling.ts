// Max pooling with windows at random places.

import * as F from '@nn/functional';
import { ArgumentError, checkOptions, type Tensor } from '@nn/tensor';
import { Module } from './module.ts';
import type { Pooled } from './pooling.ts';

abstract class FractionalMaxPoolLayer<Indices extends boolean> extends Module<[Tensor], Pooled<Indices>> {
  readonly kernelSize: F.Sizes;
  readonly options: Omit<F.FractionalMaxPoolOptions<Indices>, 'randomSamples'>;
  /** A buffer: what windows are placed by, if it was given. */
  declare _randomSamples: Tensor | null;

  constructor(kernelSize: F.Sizes, options: F.FractionalMaxPoolOptions<Indices>) {
    super();
    const name = this.constructor.name;
    checkOptions(name, options, ['outputSize', 'outputRatio', 'returnIndices', 'randomSamples']);
    if ((options.outputSize == null) === (options.outputRatio == null))
      throw new ArgumentError(`${name}: give either outputSize or outputRatio`);
    this.kernelSize = kernelSize;
    const { randomSamples = null, ...rest } = options;
    this.options = rest;
    this.registerBuffer('_randomSamples', randomSamples);
  }

  protected get placed(): F.FractionalMaxPoolOptions {
    return { ...this.options, randomSamples: this._randomSamples };
  }
}

/**
 * The largest elements of windows of [batch, channels, height, width] whose distances are drawn at random, so that the
 * size shrinks by any ratio (Graham 2014). Give `outputSize`, or `outputRatio` between 0 and 1.
 *
 * @example
 * ```ts
 * import { FractionalMaxPool2d } from '@nn/modules';
 * import { interpreter, randn, use } from '@nn/tensor';
 * use(interpreter());
 * const pool = new FractionalMaxPool2d(2, { outputRatio: 0.7 });
 * console.log(pool(randn([1, 3, 20, 30])).shape); // => [1, 3, 14, 21]
 * ```
 */
export class FractionalMaxPool2d<Indices extends boolean = false> extends FractionalMaxPoolLayer<Indices> {
  override forward(x: Tensor): Pooled<Indices> {
    return F.fractionalMaxPool2d(x, this.kernelSize, this.placed) as Pooled<Indices>;
  }
}

/** As FractionalMaxPool2d, of [batch, channels, depth, height, width]. */
export class FractionalMaxPool3d<Indices extends boolean = false> extends FractionalMaxPoolLayer<Indices> {
  override forward(x: Tensor): Pooled<Indices> {
    return F.fractionalMaxPool3d(x, this.kernelSize, this.placed) as Pooled<Indices>;
  }
}
