// Stochastic gradient descent.
import { ArgumentError, checkOptions } from '@nn/core';
import type { Tensor } from '@nn/tensor';
import { checkNotNegative } from './checks.ts';
import { withGradients } from './gradient-of.ts';
import { Optimizer, type ParamGroup, type ParamsInput } from './optimizer.ts';

export interface SGDOptions {
  /** Default 1e-3. */
  lr: number;
  /** How much of the former step goes into the next. Default 0. */
  momentum: number;
  /** How little of the gradient goes into the momentum. Default 0. */
  dampening: number;
  /** Times the parameter, added to the gradient. Default 0. */
  weightDecay: number;
  /** Nesterov's momentum. Default false. */
  nesterov: boolean;
  /** Default false. */
  maximize: boolean;
}

/**
 * Gradient descent with momentum (Sutskever et al. 2013), as `torch.optim.SGD`.
 *
 * @throws {ArgumentError} for settings outside of their range.
 * @example
 * ```ts
 * import { SGD } from '@nn/optim';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const x = tensor([1], { dtype: 'float32', requiresGrad: true });
 * const optimizer = new SGD([x], { lr: 0.25 });
 * optimizer.zeroGrad();
 * x.square().sum().backward();
 * optimizer.step();
 * console.log(await x.toArray()); // => [0.5]
 * ```
 */
export class SGD extends Optimizer<SGDOptions> {
  constructor(params: ParamsInput<SGDOptions>, options: Partial<SGDOptions> = {}) {
    const defaults = {
      lr: 1e-3,
      momentum: 0,
      dampening: 0,
      weightDecay: 0,
      nesterov: false,
      maximize: false,
    };
    checkOptions('SGD', options, Object.keys(defaults));
    super(params, { ...defaults, ...options });
  }

  protected override checkGroup(group: ParamGroup<SGDOptions>): void {
    const { lr, momentum, weightDecay, nesterov, dampening } = group;
    checkNotNegative('SGD', { lr, momentum, weightDecay });
    if (nesterov && (momentum <= 0 || dampening !== 0)) {
      throw new ArgumentError('SGD: nesterov needs a momentum and no dampening');
    }
  }

  protected override update(group: ParamGroup<SGDOptions>): void {
    const { params, lr, momentum, nesterov } = group;
    for (const [parameter, gradient] of withGradients(params, group)) {
      if (momentum === 0) {
        parameter.sub_(gradient.mul(lr));
        continue;
      }
      const buffer = this.#momentum(parameter, gradient, group);
      const step = nesterov ? gradient.add(buffer, { alpha: momentum }) : buffer;
      parameter.sub_(step.mul(lr));
    }
  }

  #momentum(parameter: Tensor, gradient: Tensor, { momentum, dampening }: SGDOptions): Tensor {
    const state = this.state.get(parameter);
    if (state === undefined) {
      // PyTorch starts from the whole gradient.
      const momentumBuffer = gradient.clone();
      this.state.set(parameter, { momentumBuffer });
      return momentumBuffer;
    }
    const momentumBuffer = state.momentumBuffer as Tensor;
    return momentumBuffer.mul_(momentum).add_(gradient, { alpha: 1 - dampening });
  }
}
