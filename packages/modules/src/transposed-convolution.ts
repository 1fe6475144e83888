// Transposed convolutional layers.

import * as F from '@nn/functional';
import { ArgumentError, checkOptions, formatShape, ShapeError, type Tensor } from '@nn/tensor';
import { ConvolutionBase, tuple, unlessAll } from './convolution.ts';
import { checkLayerOptions, type FactoryOptions } from './options.ts';

export interface ConvTransposeLayerOptions extends F.ConvTransposeOptions, FactoryOptions {
  /** Whether to learn an additive bias. Default true. */
  readonly bias?: boolean;
  /** What the padding holds: nothing but 'zeros' makes sense here. */
  readonly paddingMode?: 'zeros';
}

export interface ConvTransposeCallOptions {
  /** The spatial sizes of the result (others in front are ignored), where the stride leaves several possible. */
  readonly outputSize?: readonly number[] | null;
}

type Inputs = [x: Tensor, options?: ConvTransposeCallOptions];

abstract class ConvTransposeLayer extends ConvolutionBase<Inputs> {
  readonly padding: readonly number[];
  readonly outputPadding: readonly number[];

  constructor(
    rank: number,
    inChannels: number,
    outChannels: number,
    kernelSize: F.Sizes,
    options: ConvTransposeLayerOptions,
  ) {
    super(rank, inChannels, outChannels, kernelSize, true, options);
    checkLayerOptions(this.constructor.name, options, [
      'stride',
      'padding',
      'outputPadding',
      'dilation',
      'groups',
      'bias',
      'paddingMode',
    ]);
    if (options.paddingMode !== undefined && options.paddingMode !== 'zeros')
      throw new ArgumentError(
        `${this.constructor.name}: paddingMode can only be 'zeros', got '${String(options.paddingMode)}'`,
      );
    this.padding = tuple(options.padding ?? 0, rank);
    this.outputPadding = tuple(options.outputPadding ?? 0, rank);
  }

  protected geometryFor(
    x: Tensor,
    { outputSize, ...unknown }: ConvTransposeCallOptions,
  ): F.ConvTransposeOptions {
    checkOptions(this.constructor.name, unknown, []);
    const { stride, padding, dilation, groups } = this;
    const outputPadding = outputSize == null ? this.outputPadding : this.paddingFor(x, outputSize);
    return { stride, padding, outputPadding, dilation, groups };
  }

  /** How much must be added to the smallest output. */
  private paddingFor(x: Tensor, outputSize: readonly number[]): number[] {
    const { stride, padding, dilation, kernelSize } = this;
    const rank = kernelSize.length;
    const spatial = x.shape.slice(-rank);
    const least = spatial.map(
      (extent, i) => (extent - 1) * stride[i] - 2 * padding[i] + dilation[i] * (kernelSize[i] - 1) + 1,
    );
    const wanted = outputSize.slice(-rank);
    const extra = wanted.map((extent, i) => extent - least[i]);
    if (wanted.length === rank && extra.every((amount, i) => amount >= 0 && amount < stride[i])) return extra;
    const most = least.map((extent, i) => extent + stride[i] - 1);
    throw new ShapeError(
      `${this.constructor.name}: outputSize ${formatShape(outputSize)} cannot come from an input of shape ` +
        `${formatShape(x.shape)}: it must lie between ${formatShape(least)} and ${formatShape(most)}`,
    );
  }

  protected override geometryValues(): { readonly [name: string]: unknown } {
    const { padding, dilation, outputPadding } = this;
    return {
      padding: unlessAll(padding, 0),
      dilation: unlessAll(dilation, 1),
      outputPadding: unlessAll(outputPadding, 0),
    };
  }
}

/** The adjoint of Conv1d. */
export class ConvTranspose1d extends ConvTransposeLayer {
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: F.Sizes,
    options: ConvTransposeLayerOptions = {},
  ) {
    super(1, inChannels, outChannels, kernelSize, options);
  }
  override forward(x: Tensor, options: ConvTransposeCallOptions = {}): Tensor {
    return F.convTranspose1d(x, this.weight, this.bias, this.geometryFor(x, options));
  }
}

/**
 * The adjoint of Conv2d.
 *
 * @example
 * ```ts
 * import { ConvTranspose2d } from '@nn/modules';
 * import { interpreter, ones, use } from '@nn/tensor';
 * use(interpreter());
 * const layer = new ConvTranspose2d(3, 8, 3, { stride: 2, padding: 1 });
 * const x = ones([1, 3, 4, 4]);
 * console.log(layer(x).shape, layer(x, { outputSize: [8, 8] }).shape); // => [1, 8, 7, 7] [1, 8, 8, 8]
 * ```
 */
export class ConvTranspose2d extends ConvTransposeLayer {
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: F.Sizes,
    options: ConvTransposeLayerOptions = {},
  ) {
    super(2, inChannels, outChannels, kernelSize, options);
  }
  override forward(x: Tensor, options: ConvTransposeCallOptions = {}): Tensor {
    return F.convTranspose2d(x, this.weight, this.bias, this.geometryFor(x, options));
  }
}

/** The adjoint of Conv3d. */
export class ConvTranspose3d extends ConvTransposeLayer {
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: F.Sizes,
    options: ConvTransposeLayerOptions = {},
  ) {
    super(3, inChannels, outChannels, kernelSize, options);
  }
  override forward(x: Tensor, options: ConvTransposeCallOptions = {}): Tensor {
    return F.convTranspose3d(x, this.weight, this.bias, this.geometryFor(x, options));
  }
}
