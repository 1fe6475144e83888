// Affine layers.

import { bilinear, linear } from '@nn/functional';
import { ArgumentError, type Tensor } from '@nn/tensor';
import { kaimingUniform_, uniform_ } from './init.ts';
import { Module } from './module.ts';
import { checkLayerOptions, emptyParameter, type FactoryOptions } from './options.ts';
import type { Parameter } from './parameter.ts';
import { namedValues } from './representation.ts';

export interface LinearOptions extends FactoryOptions {
  /** Whether to learn an additive bias. Default true. */
  readonly bias?: boolean;
}

/**
 * x Wᵀ + b, for inputs of shape [..., inFeatures].
 *
 * @example
 * ```ts
 * import { Linear } from '@nn/modules';
 * import { interpreter, ones, use } from '@nn/tensor';
 * use(interpreter());
 * const layer = new Linear(20, 30);
 * console.log(String(layer), layer(ones([128, 20])).shape);
 * // => Linear(inFeatures=20, outFeatures=30, bias=true) [128, 30]
 * ```
 */
export class Linear extends Module<[Tensor], Tensor> {
  readonly inFeatures: number;
  readonly outFeatures: number;
  /** [outFeatures, inFeatures] */
  weight: Parameter;
  /** [outFeatures] */
  bias: Parameter | null;

  constructor(inFeatures: number, outFeatures: number, options: LinearOptions = {}) {
    super();
    checkLayerOptions('Linear', options, ['bias']);
    this.inFeatures = inFeatures;
    this.outFeatures = outFeatures;
    this.weight = emptyParameter([outFeatures, inFeatures], options);
    this.bias = options.bias === false ? null : emptyParameter([outFeatures], options);
    this.resetParameters();
  }

  /** PyTorch's initial values: uniform within 1 / √inFeatures. */
  resetParameters(): void {
    kaimingUniform_(this.weight, { a: Math.sqrt(5) });
    const bound = this.inFeatures > 0 ? 1 / Math.sqrt(this.inFeatures) : 0;
    if (this.bias !== null) uniform_(this.bias, { a: -bound, b: bound });
  }

  override forward(x: Tensor): Tensor {
    return linear(x, this.weight, this.bias);
  }

  override extraRepr(): string {
    const { inFeatures, outFeatures, bias } = this;
    return namedValues({ inFeatures, outFeatures, bias: bias !== null });
  }
}

/** x1ᵀ W x2 + b. */
export class Bilinear extends Module<[Tensor, Tensor], Tensor> {
  readonly in1Features: number;
  readonly in2Features: number;
  readonly outFeatures: number;
  /** [outFeatures, in1Features, in2Features] */
  weight: Parameter;
  bias: Parameter | null;

  constructor(in1Features: number, in2Features: number, outFeatures: number, options: LinearOptions = {}) {
    super();
    checkLayerOptions('Bilinear', options, ['bias']);
    if (in1Features < 1)
      throw new ArgumentError(`Bilinear: in1Features must be positive, got ${in1Features}`);
    this.in1Features = in1Features;
    this.in2Features = in2Features;
    this.outFeatures = outFeatures;
    this.weight = emptyParameter([outFeatures, in1Features, in2Features], options);
    this.bias = options.bias === false ? null : emptyParameter([outFeatures], options);
    const bound = 1 / Math.sqrt(in1Features);
    uniform_(this.weight, { a: -bound, b: bound });
    if (this.bias !== null) uniform_(this.bias, { a: -bound, b: bound });
  }

  override forward(x1: Tensor, x2: Tensor): Tensor {
    return bilinear(x1, x2, this.weight, this.bias);
  }

  override extraRepr(): string {
    const { in1Features, in2Features, outFeatures, bias } = this;
    return namedValues({ in1Features, in2Features, outFeatures, bias: bias !== null });
  }
}
