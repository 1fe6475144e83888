// Gradient descent with averaging.
import { type Tensor, zerosLike } from '@nn/tensor';
import { checkNotNegative, checkNumbers, complete } from './checks.ts';
import { assign, withGradients } from './gradient-of.ts';
import { Optimizer, type ParamsInput } from './optimizer.ts';
import type { ParamGroup } from './param-groups.ts';

export interface ASGDOptions {
  /** Default 1e-2. */
  lr: number;
  /** Default 1e-4. */
  lambd: number;
  /** The power by which the rate decays. Default 0.75. */
  alpha: number;
  /** The step at which averaging begins. Default 1e6. */
  t0: number;
  /** Times the parameter, added to the gradient. Default 0. */
  weightDecay: number;
  /** Default false. */
  maximize: boolean;
}

type ASGDState = { step: number; eta: number; mu: number; ax: Tensor };

/**
 * Gradient descent with an average of the iterates in its state (Polyak and Juditsky 1992), as `torch.optim.ASGD`.
 *
 * @example
 * ```ts
 * import { ASGD } from '@nn/optim';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const x = tensor([2, -4], { dtype: 'float32', requiresGrad: true });
 * const optimizer = new ASGD([x], { lr: 0.125 });
 * x.square().sum().backward();
 * optimizer.step();
 * console.log(await x.toText()); // => tensor([ 1.5000, -2.9999], requiresGrad=true)
 * ```
 */
export class ASGD extends Optimizer<ASGDOptions, ASGDState> {
  constructor(params: ParamsInput<ASGDOptions>, options: Partial<ASGDOptions> = {}) {
    const defaults: ASGDOptions = {
      lr: 1e-2,
      lambd: 1e-4,
      alpha: 0.75,
      t0: 1e6,
      weightDecay: 0,
      maximize: false,
    };
    super(params, complete('ASGD', defaults, options));
  }

  protected override checkGroup({ lr, weightDecay, lambd, alpha, t0 }: ParamGroup<ASGDOptions>): void {
    checkNotNegative('ASGD', { lr, weightDecay });
    checkNumbers('ASGD', { lambd, alpha, t0 });
  }

  protected override freshState(parameter: Tensor, { lr }: ParamGroup<ASGDOptions>): ASGDState {
    return { step: 0, eta: lr, mu: 1, ax: zerosLike(parameter) };
  }

  protected override update(group: ParamGroup<ASGDOptions>): void {
    const { lr, lambd, alpha, t0 } = group;
    for (const [parameter, gradient] of withGradients(group.params, group)) {
      const state = this.stateOf(parameter, group);
      state.step++;
      assign(parameter, parameter.mul(1 - lambd * state.eta).sub(gradient.mul(state.eta)));
      const { ax } = state;
      // Until averaging begins the average is the parameter; `mul` makes a value of its own, to share none.
      assign(ax, state.mu === 1 ? parameter.mul(1) : ax.add(parameter.sub(ax).mul(state.mu)));
      state.eta = lr / (1 + lambd * lr * state.step) ** alpha;
      state.mu = 1 / Math.max(1, state.step - t0);
    }
  }
}
