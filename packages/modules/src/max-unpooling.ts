// Max pooling undone as far as it can be.

import * as F from '@nn/functional';
import { checkOptions, type Tensor } from '@nn/tensor';
import { tuple } from './convolution.ts';
import { Module } from './module.ts';
import { namedValues } from './representation.ts';

export interface MaxUnpoolCallOptions {
  /** The spatial sizes of the result (others in front are ignored), where pooling left several possible. */
  readonly outputSize?: readonly number[] | null;
}

export type MaxUnpoolLayerOptions = Pick<F.MaxUnpoolOptions, 'stride' | 'padding'>;

abstract class MaxUnpoolLayer extends Module<
  [x: Tensor, indices: Tensor, options?: MaxUnpoolCallOptions],
  Tensor
> {
  readonly kernelSize: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[];

  constructor(rank: number, kernelSize: F.Sizes, options: MaxUnpoolLayerOptions) {
    super();
    checkOptions(this.constructor.name, options, ['stride', 'padding']);
    this.kernelSize = tuple(kernelSize, rank);
    this.stride = tuple(options.stride ?? kernelSize, rank);
    this.padding = tuple(options.padding ?? 0, rank);
  }

  protected with(options: MaxUnpoolCallOptions): F.MaxUnpoolOptions {
    checkOptions(this.constructor.name, options, ['outputSize']);
    const { stride, padding } = this;
    return { stride, padding, ...options };
  }

  override extraRepr(): string {
    const { kernelSize, stride, padding } = this;
    return namedValues({ kernelSize, stride, padding });
  }
}

/** MaxPool1d undone, by the indices that it returned: [batch, channels, length]. */
export class MaxUnpool1d extends MaxUnpoolLayer {
  constructor(kernelSize: F.Sizes, options: MaxUnpoolLayerOptions = {}) {
    super(1, kernelSize, options);
  }
  override forward(x: Tensor, indices: Tensor, options: MaxUnpoolCallOptions = {}): Tensor {
    return F.maxUnpool1d(x, indices, this.kernelSize, this.with(options));
  }
}

/**
 * MaxPool2d undone, by the indices that it returned: maxima go back to where they stood, the rest is 0.
 *
 * @example
 * ```ts
 * import { MaxPool2d, MaxUnpool2d } from '@nn/modules';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const [values, indices] = new MaxPool2d(2, { returnIndices: true })(tensor([[[1, 2], [4, 3]]]).float());
 * console.log(await new MaxUnpool2d(2)(values, indices).toArray()); // => [[[0, 0], [4, 0]]]
 * ```
 */
export class MaxUnpool2d extends MaxUnpoolLayer {
  constructor(kernelSize: F.Sizes, options: MaxUnpoolLayerOptions = {}) {
    super(2, kernelSize, options);
  }
  override forward(x: Tensor, indices: Tensor, options: MaxUnpoolCallOptions = {}): Tensor {
    return F.maxUnpool2d(x, indices, this.kernelSize, this.with(options));
  }
}

/** MaxPool3d undone, by the indices that it returned: [batch, channels, depth, height, width]. */
export class MaxUnpool3d extends MaxUnpoolLayer {
  constructor(kernelSize: F.Sizes, options: MaxUnpoolLayerOptions = {}) {
    super(3, kernelSize, options);
  }
  override forward(x: Tensor, indices: Tensor, options: MaxUnpoolCallOptions = {}): Tensor {
    return F.maxUnpool3d(x, indices, this.kernelSize, this.with(options));
  }
}
