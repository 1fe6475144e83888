// Convolutional layers.

import * as F from '@nn/functional';
import { ArgumentError, type Tensor } from '@nn/tensor';
import { calculateFans, kaimingUniform_, uniform_ } from './init.ts';
import { Module } from './module.ts';
import { checkLayerOptions, emptyParameter, type FactoryOptions } from './options.ts';
import type { Parameter } from './parameter.ts';
import { namedValues } from './representation.ts';

export type ConvPaddingMode = 'zeros' | 'reflect' | 'replicate' | 'circular';

export interface ConvLayerOptions extends F.ConvOptions, FactoryOptions {
  /** Whether to learn an additive bias. Default true. */
  readonly bias?: boolean;
  /** What the padding holds. Default 'zeros'. */
  readonly paddingMode?: ConvPaddingMode;
}

export const tuple = (value: F.Sizes, rank: number): number[] =>
  typeof value === 'number' ? new Array<number>(rank).fill(value) : [...value];

/** What the parameters of all convolutions share. */
export abstract class ConvolutionBase<Inputs extends unknown[] = [Tensor]> extends Module<Inputs, Tensor> {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernelSize: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  readonly groups: number;
  weight: Parameter;
  /** [outChannels] */
  bias: Parameter | null;

  constructor(
    rank: number,
    inChannels: number,
    outChannels: number,
    kernelSize: F.Sizes,
    transposed: boolean,
    options: Omit<ConvLayerOptions, 'padding'>,
  ) {
    super();
    this.inChannels = inChannels;
    this.outChannels = outChannels;
    this.kernelSize = tuple(kernelSize, rank);
    this.stride = tuple(options.stride ?? 1, rank);
    this.dilation = tuple(options.dilation ?? 1, rank);
    this.groups = options.groups ?? 1;
    const name = this.constructor.name;
    if (!Number.isInteger(this.groups) || this.groups < 1) {
      throw new ArgumentError(`${name}: groups must be an integer of at least 1, got ${this.groups}`);
    }
    if (inChannels % this.groups !== 0 || outChannels % this.groups !== 0) {
      throw new ArgumentError(
        `${name}: inChannels ${inChannels} and outChannels ${outChannels} must be multiples of groups ${this.groups}`,
      );
    }
    const [first, second] = transposed ? [inChannels, outChannels] : [outChannels, inChannels];
    this.weight = emptyParameter([first, second / this.groups, ...this.kernelSize], options);
    this.bias = options.bias === false ? null : emptyParameter([outChannels], options);
    this.resetParameters();
  }

  /** PyTorch's initial values: uniform within 1 / √(fan in). */
  resetParameters(): void {
    kaimingUniform_(this.weight, { a: Math.sqrt(5) });
    const { fanIn } = calculateFans(this.weight);
    const bound = fanIn > 0 ? 1 / Math.sqrt(fanIn) : 0;
    if (this.bias !== null) uniform_(this.bias, { a: -bound, b: bound });
  }

  /** What stands between stride and groups in the text. */
  protected abstract geometryValues(): { readonly [name: string]: unknown };

  override extraRepr(): string {
    const { inChannels, outChannels, kernelSize, stride, groups, bias } = this;
    const { paddingMode, ...geometry } = this.geometryValues();
    return `${inChannels}, ${outChannels}, ${namedValues({
      kernelSize,
      stride,
      ...geometry,
      groups: groups === 1 ? undefined : groups,
      bias: bias === null ? false : undefined,
      paddingMode,
    })}`;
  }
}

/** Undefined where all sizes are the given one. */
export function unlessAll(value: F.Sizes | string, usual: number): F.Sizes | string | undefined {
  return Array.isArray(value) && value.every((extent) => extent === usual) ? undefined : value;
}

abstract class ConvLayer extends ConvolutionBase {
  readonly padding: F.Sizes | 'same' | 'valid';
  readonly paddingMode: ConvPaddingMode;

  constructor(
    rank: number,
    inChannels: number,
    outChannels: number,
    kernelSize: F.Sizes,
    options: ConvLayerOptions,
  ) {
    super(rank, inChannels, outChannels, kernelSize, false, options);
    checkLayerOptions(this.constructor.name, options, [
      'stride',
      'padding',
      'dilation',
      'groups',
      'bias',
      'paddingMode',
    ]);
    const { padding = 0, paddingMode = 'zeros' } = options;
    if (!['zeros', 'reflect', 'replicate', 'circular'].includes(paddingMode)) {
      throw new ArgumentError(
        `${this.constructor.name}: paddingMode must be 'zeros', 'reflect', 'replicate' or 'circular', got '${paddingMode}'`,
      );
    }
    this.padding = typeof padding === 'string' ? padding : tuple(padding, rank);
    this.paddingMode = paddingMode;
  }

  protected override geometryValues(): { readonly [name: string]: unknown } {
    const { padding, dilation, paddingMode } = this;
    return {
      padding: unlessAll(padding, 0),
      dilation: unlessAll(dilation, 1),
      paddingMode: paddingMode === 'zeros' ? undefined : paddingMode,
    };
  }

  protected convolve(
    convolution: (x: Tensor, weight: Tensor, bias: Tensor | null, options: F.ConvOptions) => Tensor,
    x: Tensor,
  ): Tensor {
    const { weight, bias, stride, padding, dilation, groups, paddingMode } = this;
    if (paddingMode === 'zeros') {
      return convolution(x, weight, bias, { stride, padding, dilation, groups });
    }
    const padded = F.pad(x, this.amounts(), { mode: paddingMode });
    return convolution(padded, weight, bias, { stride, dilation, groups });
  }

  /** For `pad`: before and after, the last dimension first. */
  private amounts(): number[] {
    const sides = this.kernelSize.map((extent, i) => {
      if (this.padding === 'valid') return [0, 0];
      if (this.padding === 'same') {
        const total = this.dilation[i] * (extent - 1);
        return [Math.floor(total / 2), total - Math.floor(total / 2)];
      }
      const amount = (this.padding as readonly number[])[i];
      return [amount, amount];
    });
    return sides.reverse().flat();
  }
}

/** Convolves [batch, inChannels, length]. */
export class Conv1d extends ConvLayer {
  constructor(inChannels: number, outChannels: number, kernelSize: F.Sizes, options: ConvLayerOptions = {}) {
    super(1, inChannels, outChannels, kernelSize, options);
  }
  override forward(x: Tensor): Tensor {
    return this.convolve(F.conv1d, x);
  }
}

/**
 * Convolves [batch, inChannels, height, width], as `torch.nn.Conv2d`.
 *
 * @example
 * ```ts
 * import { Conv2d } from '@nn/modules';
 * import { interpreter, ones, use } from '@nn/tensor';
 * use(interpreter());
 * const layer = new Conv2d(3, 8, 3, { padding: 'same' });
 * console.log(layer(ones([1, 3, 5, 5])).shape); // => [1, 8, 5, 5]
 * ```
 */
export class Conv2d extends ConvLayer {
  constructor(inChannels: number, outChannels: number, kernelSize: F.Sizes, options: ConvLayerOptions = {}) {
    super(2, inChannels, outChannels, kernelSize, options);
  }
  override forward(x: Tensor): Tensor {
    return this.convolve(F.conv2d, x);
  }
}

/** Convolves [batch, inChannels, depth, height, width]. */
export class Conv3d extends ConvLayer {
  constructor(inChannels: number, outChannels: number, kernelSize: F.Sizes, options: ConvLayerOptions = {}) {
    super(3, inChannels, outChannels, kernelSize, options);
  }
  override forward(x: Tensor): Tensor {
    return this.convolve(F.conv3d, x);
  }
}
