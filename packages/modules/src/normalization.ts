// Normalisation without state.

import {
  groupNorm,
  type LocalResponseNormOptions,
  layerNorm,
  localResponseNorm,
  rmsNorm,
} from '@nn/functional';
import { ArgumentError, checkOptions, formatShape, ShapeError, type Tensor } from '@nn/tensor';
import { ones_, zeros_ } from './init.ts';
import { Module } from './module.ts';
import { checkLayerOptions, emptyParameter, type FactoryOptions } from './options.ts';
import type { Parameter } from './parameter.ts';
import { namedValues } from './representation.ts';

export interface LayerNormOptions extends FactoryOptions {
  /** Added to the variance. Default 1e-5. */
  readonly eps?: number;
  /** Whether to learn scale and shift for each element. Default true. */
  readonly elementwiseAffine?: boolean;
  /** Whether to learn a shift, where a scale is learnt. Default true. */
  readonly bias?: boolean;
}

/**
 * Normalises over the last dimensions, whose sizes are `normalizedShape` (Ba et al. 2016).
 *
 * @example
 * ```ts
 * import { LayerNorm } from '@nn/modules';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const norm = new LayerNorm(2, { eps: 0 });
 * console.log(await norm(tensor([[1, 3]]).float()).toArray()); // => [[-1, 1]]
 * ```
 */
export class LayerNorm extends Module<[Tensor], Tensor> {
  readonly normalizedShape: readonly number[];
  readonly eps: number;
  weight: Parameter | null;
  bias: Parameter | null;

  constructor(normalizedShape: number | readonly number[], options: LayerNormOptions = {}) {
    super();
    checkLayerOptions('LayerNorm', options, ['eps', 'elementwiseAffine', 'bias']);
    this.normalizedShape = typeof normalizedShape === 'number' ? [normalizedShape] : normalizedShape;
    this.eps = options.eps ?? 1e-5;
    const affine = options.elementwiseAffine ?? true;
    this.weight = affine ? emptyParameter(this.normalizedShape, options) : null;
    this.bias = affine && options.bias !== false ? emptyParameter(this.normalizedShape, options) : null;
    this.resetParameters();
  }

  /** Draws or sets the initial values anew. */
  resetParameters(): void {
    if (this.weight !== null) ones_(this.weight);
    if (this.bias !== null) zeros_(this.bias);
  }

  override forward(x: Tensor): Tensor {
    const { weight, bias, eps } = this;
    return layerNorm(x, this.normalizedShape, { weight, bias, eps });
  }

  override extraRepr(): string {
    const { normalizedShape, eps } = this;
    return `[${normalizedShape.join(', ')}], ${namedValues({ eps, elementwiseAffine: this.weight !== null })}`;
  }
}

export interface RMSNormOptions extends FactoryOptions {
  /** Added to the mean of squares. Default: the distance from 1 to the next number of the input's dtype. */
  readonly eps?: number | null;
  /** Whether to learn a scale for each element. Default true. */
  readonly elementwiseAffine?: boolean;
}

/**
 * x / √(mean of squares + eps) over the last dimensions, whose sizes are `normalizedShape` (Zhang and Sennrich 2019).
 *
 * @example
 * ```ts
 * import { RMSNorm } from '@nn/modules';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const norm = new RMSNorm(2, { eps: 0 });
 * console.log(await norm(tensor([[5, -5]]).float()).toArray()); // => [[1, -1]]
 * ```
 */
export class RMSNorm extends Module<[Tensor], Tensor> {
  readonly normalizedShape: readonly number[];
  readonly eps: number | null;
  weight: Parameter | null;

  constructor(normalizedShape: number | readonly number[], options: RMSNormOptions = {}) {
    super();
    checkLayerOptions('RMSNorm', options, ['eps', 'elementwiseAffine']);
    this.normalizedShape = typeof normalizedShape === 'number' ? [normalizedShape] : normalizedShape;
    this.eps = options.eps ?? null;
    const affine = options.elementwiseAffine ?? true;
    this.weight = affine ? emptyParameter(this.normalizedShape, options) : null;
    this.resetParameters();
  }

  /** Draws or sets the initial values anew. */
  resetParameters(): void {
    if (this.weight !== null) ones_(this.weight);
  }

  override forward(x: Tensor): Tensor {
    const { weight, eps } = this;
    return rmsNorm(x, this.normalizedShape, { weight, eps });
  }

  override extraRepr(): string {
    const { normalizedShape, eps } = this;
    return `[${normalizedShape.join(', ')}], ${namedValues({ eps, elementwiseAffine: this.weight !== null })}`;
  }
}

export interface GroupNormOptions extends FactoryOptions {
  /** Added to the variance. Default 1e-5. */
  readonly eps?: number;
  /** Whether to learn scale and shift for each channel. Default true. */
  readonly affine?: boolean;
}

/** Normalises groups of channels of [batch, channels, ...], each by itself (Wu and He 2018). */
export class GroupNorm extends Module<[Tensor], Tensor> {
  readonly numGroups: number;
  readonly numChannels: number;
  readonly eps: number;
  weight: Parameter | null;
  bias: Parameter | null;

  constructor(numGroups: number, numChannels: number, options: GroupNormOptions = {}) {
    super();
    checkLayerOptions('GroupNorm', options, ['eps', 'affine']);
    if (numChannels % numGroups !== 0) {
      throw new ArgumentError(`GroupNorm: ${numChannels} channels cannot be split into ${numGroups} groups`);
    }
    this.numGroups = numGroups;
    this.numChannels = numChannels;
    this.eps = options.eps ?? 1e-5;
    const affine = options.affine ?? true;
    this.weight = affine ? emptyParameter([numChannels], options) : null;
    this.bias = affine ? emptyParameter([numChannels], options) : null;
    this.resetParameters();
  }

  /** Draws or sets the initial values anew. */
  resetParameters(): void {
    if (this.weight !== null) ones_(this.weight);
    if (this.bias !== null) zeros_(this.bias);
  }

  override forward(x: Tensor): Tensor {
    const { weight, bias, eps } = this;
    return groupNorm(x, this.numGroups, { weight, bias, eps });
  }

  override extraRepr(): string {
    const { numGroups, numChannels, eps, weight } = this;
    return `${numGroups}, ${numChannels}, ${namedValues({ eps, affine: weight !== null })}`;
  }
}

abstract class ChannelResponseNorm extends Module<[Tensor], Tensor> {
  readonly size: number;
  readonly options: LocalResponseNormOptions;

  constructor(size: number, options: LocalResponseNormOptions = {}) {
    super();
    checkOptions(this.constructor.name, options, ['alpha', 'beta', 'k']);
    this.size = size;
    this.options = options;
  }

  override extraRepr(): string {
    const { alpha = 1e-4, beta = 0.75, k = 1 } = this.options;
    return `${this.size}, ${namedValues({ alpha, beta, k })}`;
  }
}

/** x / (k + α mean of squares over `size` neighbouring channels)^β (Krizhevsky et al. 2012). */
export class LocalResponseNorm extends ChannelResponseNorm {
  override forward(x: Tensor): Tensor {
    return localResponseNorm(x, this.size, this.options);
  }
}

/**
 * As LocalResponseNorm, of [batch, channels, height, width]; of an even `size` only `size - 1` channels are summed, as
 * many on either side. (PyTorch's sums keep the first channel where it should have left them.)
 */
export class CrossMapLRN2d extends ChannelResponseNorm {
  override forward(x: Tensor): Tensor {
    if (x.ndim !== 4)
      throw new ShapeError(`CrossMapLRN2d: expected an input of 4 dimensions, got ${formatShape(x.shape)}`);
    const { size } = this;
    const { alpha = 1e-4, beta = 0.75, k = 1 } = this.options;
    const window = size % 2 === 0 ? size - 1 : size;
    return localResponseNorm(x, window, { alpha: (alpha * window) / size, beta, k });
  }
}
