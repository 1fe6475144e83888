// Images of another size, as layers.

import * as F from '@nn/functional';
import { ArgumentError, checkOptions, type Tensor } from '@nn/tensor';
import { Module } from './module.ts';
import { namedValues } from './representation.ts';

export type UpsampleOptions = Omit<F.InterpolateOptions, 'antialias'>;
type SizeOptions = Pick<F.InterpolateOptions, 'size' | 'scaleFactor'>;

/**
 * [batch, channels, spatial...] resized to `size`, or by `scaleFactor`; see `interpolate`.
 *
 * @example
 * ```ts
 * import { Upsample } from '@nn/modules';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const layer = new Upsample({ scaleFactor: 2, mode: 'nearest' });
 * console.log(await layer(tensor([[[1, 2]]]).float()).toArray()); // => [[[1, 1, 2, 2]]]
 * ```
 */
export class Upsample extends Module<[Tensor], Tensor> {
  readonly options: UpsampleOptions;

  constructor(options: UpsampleOptions) {
    super();
    const { name } = this.constructor;
    checkOptions(name, options, ['size', 'scaleFactor', 'mode', 'alignCorners', 'recomputeScaleFactor']);
    if ((options.size == null) === (options.scaleFactor == null))
      throw new ArgumentError(`${name}: give either size or scaleFactor`);
    this.options = options;
  }

  override forward(x: Tensor): Tensor {
    return F.interpolate(x, this.options);
  }

  override extraRepr(): string {
    const { size, scaleFactor, mode = 'nearest' } = this.options;
    return namedValues({ ...(scaleFactor != null ? { scaleFactor } : { size }), mode });
  }
}

/** Upsample of [batch, channels, height, width] with mode 'nearest'. */
export class UpsamplingNearest2d extends Upsample {
  constructor(options: SizeOptions) {
    checkOptions('UpsamplingNearest2d', options, ['size', 'scaleFactor']);
    super({ ...options, mode: 'nearest' });
  }
}

/** Upsample of [batch, channels, height, width] with mode 'bilinear' and aligned corners. */
export class UpsamplingBilinear2d extends Upsample {
  constructor(options: SizeOptions) {
    checkOptions('UpsamplingBilinear2d', options, ['size', 'scaleFactor']);
    super({ ...options, mode: 'bilinear', alignCorners: true });
  }
}
