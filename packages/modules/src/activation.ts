// Activations as modules.

import * as F from '@nn/functional';
import { checkOptions, full, type Tensor } from '@nn/tensor';
import { Module } from './module.ts';
import { checkLayerOptions, type FactoryOptions, factory } from './options.ts';
import { Parameter } from './parameter.ts';
import { namedValues } from './representation.ts';

/** An activation whose only option is whether it writes into its input. */
abstract class InplaceActivation extends Module<[Tensor], Tensor> {
  readonly inplace: boolean;

  constructor(options: F.InplaceOptions = {}) {
    super();
    checkOptions(this.constructor.name, options, ['inplace']);
    this.inplace = options.inplace ?? false;
  }

  override extraRepr(): string {
    return this.inplace ? 'inplace=true' : '';
  }
}

/** max(0, x). */
export class ReLU extends InplaceActivation {
  override forward(x: Tensor): Tensor {
    return F.relu(x, { inplace: this.inplace });
  }
}

/** x limited to [0, 6]. */
export class ReLU6 extends InplaceActivation {
  override forward(x: Tensor): Tensor {
    return F.relu6(x, { inplace: this.inplace });
  }
}

/** ELU with the constants for which activations normalise themselves. */
export class SELU extends InplaceActivation {
  override forward(x: Tensor): Tensor {
    return F.selu(x, { inplace: this.inplace });
  }
}

/** x sigmoid(x). */
export class SiLU extends InplaceActivation {
  override forward(x: Tensor): Tensor {
    return F.silu(x, { inplace: this.inplace });
  }
}

/** x tanh(softplus(x)). */
export class Mish extends InplaceActivation {
  override forward(x: Tensor): Tensor {
    return F.mish(x, { inplace: this.inplace });
  }
}

/** (x + 3) / 6, limited to [0, 1]. */
export class Hardsigmoid extends InplaceActivation {
  override forward(x: Tensor): Tensor {
    return F.hardsigmoid(x, { inplace: this.inplace });
  }
}

/** x hardsigmoid(x). */
export class Hardswish extends InplaceActivation {
  override forward(x: Tensor): Tensor {
    return F.hardswish(x, { inplace: this.inplace });
  }
}

/** x Φ(x), or its approximation by tanh. */
export class GELU extends Module<[Tensor], Tensor> {
  readonly approximate: 'none' | 'tanh';

  constructor(options: F.GeluOptions = {}) {
    super();
    checkOptions('GELU', options, ['approximate']);
    this.approximate = options.approximate ?? 'none';
  }

  override forward(x: Tensor): Tensor {
    return F.gelu(x, { approximate: this.approximate });
  }

  override extraRepr(): string {
    const { approximate } = this;
    return namedValues({ approximate });
  }
}

/** An activation with an α. */
abstract class AlphaActivation extends InplaceActivation {
  readonly alpha: number;

  constructor(alpha: number = 1, options: F.InplaceOptions = {}) {
    super(options);
    this.alpha = alpha;
  }

  override extraRepr(): string {
    return namedValues({ alpha: this.alpha, inplace: this.inplace || undefined });
  }
}

/**
 * max(0, x) + min(0, α expm1(x / α)).
 *
 * @example
 * ```ts
 * import { CELU } from '@nn/modules';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * console.log(await new CELU(2)(tensor([0, 1.5])).toArray()); // => [0, 1.5]
 * ```
 */
export class CELU extends AlphaActivation {
  override forward(x: Tensor): Tensor {
    return F.celu(x, this.alpha, { inplace: this.inplace });
  }
}

/** x above 0, α expm1(x) below. */
export class ELU extends AlphaActivation {
  override forward(x: Tensor): Tensor {
    return F.elu(x, this.alpha, { inplace: this.inplace });
  }
}

/** x above 0, negativeSlope * x below. */
export class LeakyReLU extends InplaceActivation {
  readonly negativeSlope: number;

  constructor(negativeSlope: number = 0.01, options: F.InplaceOptions = {}) {
    super(options);
    this.negativeSlope = negativeSlope;
  }

  override forward(x: Tensor): Tensor {
    return F.leakyRelu(x, this.negativeSlope, { inplace: this.inplace });
  }

  override extraRepr(): string {
    return namedValues({ negativeSlope: this.negativeSlope, inplace: this.inplace || undefined });
  }
}

export interface PReLUOptions extends FactoryOptions {
  /** The slope to start from. Default 0.25. */
  readonly init?: number;
}

/** x above 0, learnt slope * x below: one slope, or one for each channel. */
export class PReLU extends Module<[Tensor], Tensor> {
  readonly numParameters: number;
  weight: Parameter;

  constructor(numParameters: number = 1, options: PReLUOptions = {}) {
    super();
    checkLayerOptions('PReLU', options, ['init']);
    this.numParameters = numParameters;
    this.weight = new Parameter(full([numParameters], options.init ?? 0.25, factory(options)));
  }

  override forward(x: Tensor): Tensor {
    return F.prelu(x, this.weight);
  }

  override extraRepr(): string {
    return namedValues({ numParameters: this.numParameters });
  }
}

/** Leaky ReLU with random slopes while training. */
export class RReLU extends Module<[Tensor], Tensor> {
  readonly options: Omit<F.RReluOptions, 'training'>;

  constructor(options: Omit<F.RReluOptions, 'training'> = {}) {
    super();
    checkOptions('RReLU', options, ['lower', 'upper', 'inplace']);
    this.options = options;
  }

  override forward(x: Tensor): Tensor {
    return F.rrelu(x, { ...this.options, training: this.training });
  }

  override extraRepr(): string {
    const { lower = 1 / 8, upper = 1 / 3, inplace } = this.options;
    return namedValues({ lower, upper, inplace: inplace || undefined });
  }
}

/** x limited to [minVal, maxVal]. */
export class Hardtanh extends Module<[Tensor], Tensor> {
  readonly options: F.HardtanhOptions;

  constructor(options: F.HardtanhOptions = {}) {
    super();
    checkOptions('Hardtanh', options, ['minVal', 'maxVal', 'inplace']);
    this.options = options;
  }

  override forward(x: Tensor): Tensor {
    return F.hardtanh(x, this.options);
  }

  override extraRepr(): string {
    const { minVal = -1, maxVal = 1, inplace } = this.options;
    return namedValues({ minVal, maxVal, inplace: inplace || undefined });
  }
}

/** log(1 + exp(β x)) / β. */
export class Softplus extends Module<[Tensor], Tensor> {
  readonly beta: number;
  readonly threshold: number;

  constructor(options: F.SoftplusOptions = {}) {
    super();
    checkOptions('Softplus', options, ['beta', 'threshold']);
    this.beta = options.beta ?? 1;
    this.threshold = options.threshold ?? 20;
  }

  override forward(x: Tensor): Tensor {
    const { beta, threshold } = this;
    return F.softplus(x, { beta, threshold });
  }

  override extraRepr(): string {
    const { beta, threshold } = this;
    return namedValues({ beta, threshold });
  }
}

/** x above the threshold, else the value. */
export class Threshold extends InplaceActivation {
  readonly threshold: number;
  readonly value: number;

  constructor(threshold: number, value: number, options: F.InplaceOptions = {}) {
    super(options);
    this.threshold = threshold;
    this.value = value;
  }

  override forward(x: Tensor): Tensor {
    return F.threshold(x, this.threshold, this.value, { inplace: this.inplace });
  }

  override extraRepr(): string {
    const { threshold, value, inplace } = this;
    return namedValues({ threshold, value, inplace: inplace || undefined });
  }
}
