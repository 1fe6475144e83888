// Steps by sign.
import { scalarTensor, type Tensor, where, zerosLike } from '@nn/tensor';
import { checkNotNegative, checkPair, complete } from './checks.ts';
import { assign, descend, withGradients } from './gradient-of.ts';
import { Optimizer, type ParamsInput } from './optimizer.ts';
import type { ParamGroup } from './param-groups.ts';

export interface RpropOptions {
  /** The first step's size. Default 1e-2. */
  lr: number;
  /** Factors for steps against and along the former one. Default [0.5, 1.2]. */
  etas: readonly [number, number];
  /** The smallest and the largest step. Default [1e-6, 50]. */
  stepSizes: readonly [number, number];
  /** Default false. */
  maximize: boolean;
}

type RpropState = { step: number; prev: Tensor; stepSize: Tensor };

/**
 * Steps by the gradient's sign alone (Riedmiller and Braun 1993), as `torch.optim.Rprop`.
 *
 * @example
 * ```ts
 * import { Rprop } from '@nn/optim';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const x = tensor([2, -4], { dtype: 'float32', requiresGrad: true });
 * const optimizer = new Rprop([x], { lr: 0.5 });
 * x.square().sum().backward();
 * optimizer.step();
 * console.log(await x.toText()); // => tensor([ 1.5000, -3.5000], requiresGrad=true)
 * ```
 */
export class Rprop extends Optimizer<RpropOptions, RpropState> {
  constructor(params: ParamsInput<RpropOptions>, options: Partial<RpropOptions> = {}) {
    const defaults: RpropOptions = { lr: 1e-2, etas: [0.5, 1.2], stepSizes: [1e-6, 50], maximize: false };
    super(params, complete('Rprop', defaults, options));
  }

  protected override checkGroup({ lr, etas, stepSizes }: ParamGroup<RpropOptions>): void {
    checkNotNegative('Rprop', { lr });
    checkPair(
      'Rprop',
      'etas',
      etas,
      'two numbers around 1',
      (less, more) => 0 < less && less < 1 && 1 < more,
    );
    checkPair('Rprop', 'stepSizes', stepSizes, 'a least and a greatest step', (a, b) => 0 <= a && a <= b);
  }

  protected override freshState(parameter: Tensor, { lr }: ParamGroup<RpropOptions>): RpropState {
    return { step: 0, prev: zerosLike(parameter), stepSize: zerosLike(parameter).add(lr) };
  }

  protected override update(group: ParamGroup<RpropOptions>): void {
    const { params, etas, stepSizes, maximize } = group;
    for (const [parameter, gradient] of withGradients(params, { weightDecay: 0, maximize })) {
      const state = this.stateOf(parameter, group);
      state.step++;
      // In the parameter's dtype: between bare numbers `where` would give the default one.
      const factors = [etas[0], etas[1], 1].map((factor) => scalarTensor(factor, parameter.dtype));
      const agreement = gradient.mul(state.prev);
      const against = agreement.lt(0);
      const factor = where(against, factors[0], where(agreement.gt(0), factors[1], factors[2]));
      assign(state.stepSize, state.stepSize.mul(factor).clamp(stepSizes[0], stepSizes[1]));
      // After a change of sign one step is left out.
      const used = where(against, 0, gradient);
      assign(state.prev, used);
      descend(parameter, used.sign(), state.stepSize);
    }
  }
}
