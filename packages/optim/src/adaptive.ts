// Steps scaled by the root of squared gradients: Adagrad, Adadelta and RMSprop.
import { type Tensor, zerosLike } from '@nn/tensor';
import { checkFraction, checkNotNegative, complete } from './checks.ts';
import { assign, average, averageSquare, descend, withGradients } from './gradient-of.ts';
import { Optimizer, type ParamsInput } from './optimizer.ts';
import type { ParamGroup } from './param-groups.ts';

export interface AdagradOptions {
  /** Default 1e-2. */
  lr: number;
  /** Default 0. */
  lrDecay: number;
  /** Times the parameter, added to the gradient. Default 0. */
  weightDecay: number;
  /** Default 0. */
  initialAccumulatorValue: number;
  /** Default 1e-10. */
  eps: number;
  /** Default false. */
  maximize: boolean;
}

type AdagradState = { step: number; sum: Tensor };

/**
 * Divides by the root of all squared gradients so far (Duchi et al. 2011), as `torch.optim.Adagrad`.
 *
 * @example
 * ```ts
 * import { Adagrad } from '@nn/optim';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const x = tensor([2, -4], { dtype: 'float32', requiresGrad: true });
 * const optimizer = new Adagrad([x], { lr: 0.5 });
 * x.square().sum().backward();
 * optimizer.step();
 * console.log(await x.toText()); // => tensor([ 1.5000, -3.5000], requiresGrad=true)
 * ```
 */
export class Adagrad extends Optimizer<AdagradOptions, AdagradState> {
  constructor(params: ParamsInput<AdagradOptions>, options: Partial<AdagradOptions> = {}) {
    const defaults: AdagradOptions = {
      lr: 1e-2,
      lrDecay: 0,
      weightDecay: 0,
      initialAccumulatorValue: 0,
      eps: 1e-10,
      maximize: false,
    };
    super(params, complete('Adagrad', defaults, options));
  }

  protected override checkGroup(group: ParamGroup<AdagradOptions>): void {
    const { lr, lrDecay, weightDecay, initialAccumulatorValue, eps } = group;
    checkNotNegative('Adagrad', { lr, lrDecay, weightDecay, initialAccumulatorValue, eps });
  }

  protected override freshState(
    parameter: Tensor,
    { initialAccumulatorValue }: ParamGroup<AdagradOptions>,
  ): AdagradState {
    return { step: 0, sum: zerosLike(parameter).add(initialAccumulatorValue) };
  }

  protected override update(group: ParamGroup<AdagradOptions>): void {
    const { lr, lrDecay, eps } = group;
    for (const [parameter, gradient] of withGradients(group.params, group)) {
      const state = this.stateOf(parameter, group);
      state.step++;
      assign(state.sum, state.sum.add(gradient.square()));
      descend(parameter, gradient.div(state.sum.sqrt().add(eps)), lr / (1 + (state.step - 1) * lrDecay));
    }
  }
}

export interface AdadeltaOptions {
  /** Default 1. */
  lr: number;
  /** Decay of the means of squares. Default 0.9. */
  rho: number;
  /** Default 1e-6. */
  eps: number;
  /** Times the parameter, added to the gradient. Default 0. */
  weightDecay: number;
  /** Default false. */
  maximize: boolean;
}

type AdadeltaState = { squareAvg: Tensor; accDelta: Tensor };

/**
 * Steps in the parameter's own unit (Zeiler 2012), as `torch.optim.Adadelta`.
 *
 * @example
 * ```ts
 * import { Adadelta } from '@nn/optim';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const x = tensor([2, -4], { dtype: 'float32', requiresGrad: true });
 * const optimizer = new Adadelta([x], { lr: 100 });
 * x.square().sum().backward();
 * optimizer.step();
 * console.log(await x.toText()); // => tensor([ 1.6838, -3.6838], requiresGrad=true)
 * ```
 */
export class Adadelta extends Optimizer<AdadeltaOptions, AdadeltaState> {
  constructor(params: ParamsInput<AdadeltaOptions>, options: Partial<AdadeltaOptions> = {}) {
    const defaults: AdadeltaOptions = { lr: 1, rho: 0.9, eps: 1e-6, weightDecay: 0, maximize: false };
    super(params, complete('Adadelta', defaults, options));
  }

  protected override checkGroup({ lr, rho, eps, weightDecay }: ParamGroup<AdadeltaOptions>): void {
    checkNotNegative('Adadelta', { lr, eps, weightDecay });
    checkFraction('Adadelta', { rho });
  }

  protected override freshState(parameter: Tensor): AdadeltaState {
    return { squareAvg: zerosLike(parameter), accDelta: zerosLike(parameter) };
  }

  protected override update(group: ParamGroup<AdadeltaOptions>): void {
    const { lr, rho, eps } = group;
    for (const [parameter, gradient] of withGradients(group.params, group)) {
      const { squareAvg, accDelta } = this.stateOf(parameter, group);
      const squares = averageSquare(squareAvg, gradient, rho);
      const delta = accDelta.add(eps).sqrt().div(squares.add(eps).sqrt()).mul(gradient);
      average(accDelta, delta.square(), rho);
      descend(parameter, delta, lr);
    }
  }
}

export interface RMSpropOptions {
  /** Default 1e-2. */
  lr: number;
  /** Decay of the mean of squares. Default 0.99. */
  alpha: number;
  /** Default 1e-8. */
  eps: number;
  /** Times the parameter, added to the gradient. Default 0. */
  weightDecay: number;
  /** Default 0. */
  momentum: number;
  /** Divide by the deviation instead. Default false. */
  centered: boolean;
  /** Default false. */
  maximize: boolean;
}

type RMSpropState = { squareAvg: Tensor; gradAvg?: Tensor; momentumBuffer?: Tensor };

/**
 * Divides by the root of the mean of squares (Hinton's lecture 6e), as `torch.optim.RMSprop`.
 *
 * @example
 * ```ts
 * import { RMSprop } from '@nn/optim';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const x = tensor([2, -4], { dtype: 'float32', requiresGrad: true });
 * const optimizer = new RMSprop([x], { lr: 0.1, alpha: 0.75 });
 * x.square().sum().backward();
 * optimizer.step();
 * console.log(await x.toText()); // => tensor([ 1.8000, -3.8000], requiresGrad=true)
 * ```
 */
export class RMSprop extends Optimizer<RMSpropOptions, RMSpropState> {
  constructor(params: ParamsInput<RMSpropOptions>, options: Partial<RMSpropOptions> = {}) {
    const defaults: RMSpropOptions = {
      lr: 1e-2,
      alpha: 0.99,
      eps: 1e-8,
      weightDecay: 0,
      momentum: 0,
      centered: false,
      maximize: false,
    };
    super(params, complete('RMSprop', defaults, options));
  }

  protected override checkGroup({ lr, eps, weightDecay, momentum, alpha }: ParamGroup<RMSpropOptions>): void {
    checkNotNegative('RMSprop', { lr, eps, weightDecay, momentum, alpha });
  }

  protected override freshState(
    parameter: Tensor,
    { centered, momentum }: ParamGroup<RMSpropOptions>,
  ): RMSpropState {
    return {
      squareAvg: zerosLike(parameter),
      ...(centered ? { gradAvg: zerosLike(parameter) } : {}),
      ...(momentum > 0 ? { momentumBuffer: zerosLike(parameter) } : {}),
    };
  }

  protected override update(group: ParamGroup<RMSpropOptions>): void {
    const { lr, alpha, eps, momentum, centered } = group;
    for (const [parameter, gradient] of withGradients(group.params, group)) {
      const state = this.stateOf(parameter, group);
      let squares = averageSquare(state.squareAvg, gradient, alpha);
      if (centered) {
        const mean = average((state.gradAvg ??= zerosLike(parameter)), gradient, alpha);
        squares = squares.sub(mean.square());
      }
      let step = gradient.div(squares.sqrt().add(eps));
      if (momentum > 0) {
        const buffer = (state.momentumBuffer ??= zerosLike(parameter));
        step = assign(buffer, buffer.mul(momentum).add(step));
      }
      descend(parameter, step, lr);
    }
  }
}
