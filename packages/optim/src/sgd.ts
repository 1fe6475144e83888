// Stochastic gradient descent.
import { ArgumentError, scalarTensor, type Tensor, zerosLike } from '@nn/tensor';
import { checkNotNegative, checkNumbers, complete } from './checks.ts';
import { decayOf, descend, mix, perStep, withGradients } from './gradient-of.ts';
import { Optimizer, type ParamsInput } from './optimizer.ts';
import type { ParamGroup } from './param-groups.ts';

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

type SGDState = { momentumBuffer?: Tensor };

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
export class SGD extends Optimizer<SGDOptions, SGDState> {
  constructor(params: ParamsInput<SGDOptions>, options: Partial<SGDOptions> = {}) {
    const defaults = {
      lr: 1e-3,
      momentum: 0,
      dampening: 0,
      weightDecay: 0,
      nesterov: false,
      maximize: false,
    };
    super(params, complete('SGD', defaults, options));
  }

  protected override checkGroup(group: ParamGroup<SGDOptions>): void {
    const { lr, momentum, weightDecay, nesterov, dampening } = group;
    checkNotNegative('SGD', { lr, momentum, weightDecay });
    checkNumbers('SGD', { dampening });
    if (nesterov && (momentum <= 0 || dampening !== 0)) {
      throw new ArgumentError(
        `SGD: nesterov needs a momentum and no dampening, got momentum ${momentum} and dampening ${dampening}`,
      );
    }
  }

  protected override freshState(parameter: Tensor, { momentum }: ParamGroup<SGDOptions>): SGDState {
    return momentum === 0 ? {} : { momentumBuffer: zerosLike(parameter) };
  }

  protected override update(group: ParamGroup<SGDOptions>): void {
    const { params, lr, momentum, dampening, nesterov } = group;
    const numbers = perStep((dtype, isFirst) => ({
      rate: scalarTensor(lr, dtype),
      // PyTorch starts from the whole gradient, without dampening.
      mixing: decayOf(momentum, dtype, isFirst === 1 ? 1 : 1 - dampening),
      momentum: scalarTensor(momentum, dtype),
    }));
    for (const [parameter, gradient] of withGradients(params, group)) {
      const isFirst = momentum !== 0 && this.state.get(parameter)?.momentumBuffer === undefined;
      const { rate, mixing, momentum: ahead } = numbers(parameter.dtype, isFirst ? 1 : 0);
      if (momentum === 0) {
        descend(parameter, gradient, rate);
        continue;
      }
      const state = this.stateOf(parameter, group);
      const buffer = mix((state.momentumBuffer ??= zerosLike(parameter)), gradient, mixing);
      descend(parameter, nesterov ? gradient.add(buffer.mul(ahead)) : buffer, rate);
    }
  }
}
