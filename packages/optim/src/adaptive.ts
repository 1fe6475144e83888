// Adagrad, Adadelta, RMSprop and averaged SGD.
import { checkOptions } from '@nn/core';
import { type Tensor, zerosLike } from '@nn/tensor';
import { checkNotNegative } from './checks.ts';
import { assign, withGradients } from './gradient-of.ts';
import { Optimizer, type ParamGroup, type ParamState, type ParamsInput } from './optimizer.ts';

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

/** Divides by the root of all squared gradients so far (Duchi et al. 2011), as `torch.optim.Adagrad`. */
export class Adagrad extends Optimizer<AdagradOptions> {
  constructor(params: ParamsInput<AdagradOptions>, options: Partial<AdagradOptions> = {}) {
    const defaults: AdagradOptions = {
      lr: 1e-2,
      lrDecay: 0,
      weightDecay: 0,
      initialAccumulatorValue: 0,
      eps: 1e-10,
      maximize: false,
    };
    checkOptions('Adagrad', options, Object.keys(defaults));
    super(params, { ...defaults, ...options });
  }

  protected override checkGroup(group: ParamGroup<AdagradOptions>): void {
    const { lr, lrDecay, weightDecay, initialAccumulatorValue, eps } = group;
    checkNotNegative('Adagrad', { lr, lrDecay, weightDecay, initialAccumulatorValue, eps });
  }

  protected override update(group: ParamGroup<AdagradOptions>): void {
    const { lr, lrDecay, initialAccumulatorValue, eps } = group;
    for (const [parameter, gradient] of withGradients(group.params, group)) {
      const state = this.stateOf(parameter, () => ({
        step: 0,
        sum: zerosLike(parameter).add(initialAccumulatorValue),
      }));
      state.step++;
      assign(state.sum, state.sum.add(gradient.square()));
      parameter.sub_(gradient.div(state.sum.sqrt().add(eps)).mul(lr / (1 + (state.step - 1) * lrDecay)));
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

/** Steps in the parameter's own unit (Zeiler 2012), as `torch.optim.Adadelta`. */
export class Adadelta extends Optimizer<AdadeltaOptions> {
  constructor(params: ParamsInput<AdadeltaOptions>, options: Partial<AdadeltaOptions> = {}) {
    const defaults: AdadeltaOptions = { lr: 1, rho: 0.9, eps: 1e-6, weightDecay: 0, maximize: false };
    checkOptions('Adadelta', options, Object.keys(defaults));
    super(params, { ...defaults, ...options });
  }

  protected override checkGroup({ lr, rho, eps, weightDecay }: ParamGroup<AdadeltaOptions>): void {
    checkNotNegative('Adadelta', { lr, rho, eps, weightDecay, '1 - rho': 1 - rho });
  }

  protected override update(group: ParamGroup<AdadeltaOptions>): void {
    const { lr, rho, eps } = group;
    const towards = (mean: Tensor, square: Tensor): Tensor =>
      assign(mean, mean.mul(rho).add(square.mul(1 - rho)));
    for (const [parameter, gradient] of withGradients(group.params, group)) {
      const { squareAvg, accDelta } = this.stateOf(parameter, () => ({
        squareAvg: zerosLike(parameter),
        accDelta: zerosLike(parameter),
      }));
      towards(squareAvg, gradient.square());
      const delta = accDelta.add(eps).sqrt().div(squareAvg.add(eps).sqrt()).mul(gradient);
      towards(accDelta, delta.square());
      parameter.sub_(delta.mul(lr));
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

/** Divides by the root of the mean of squares (Hinton's lecture 6e), as `torch.optim.RMSprop`. */
export class RMSprop extends Optimizer<RMSpropOptions> {
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
    checkOptions('RMSprop', options, Object.keys(defaults));
    super(params, { ...defaults, ...options });
  }

  protected override checkGroup({ lr, eps, weightDecay, momentum, alpha }: ParamGroup<RMSpropOptions>): void {
    checkNotNegative('RMSprop', { lr, eps, weightDecay, momentum, alpha });
  }

  protected override update(group: ParamGroup<RMSpropOptions>): void {
    const { lr, alpha, eps, momentum, centered } = group;
    for (const [parameter, gradient] of withGradients(group.params, group)) {
      const state = this.stateOf<ParamState & { squareAvg: Tensor }>(parameter, () => ({
        squareAvg: zerosLike(parameter),
        ...(centered ? { gradAvg: zerosLike(parameter) } : {}),
        ...(momentum > 0 ? { momentumBuffer: zerosLike(parameter) } : {}),
      }));
      const { squareAvg } = state;
      assign(squareAvg, squareAvg.mul(alpha).add(gradient.square().mul(1 - alpha)));
      let squares: Tensor = squareAvg;
      if (centered) {
        const mean = state.gradAvg as Tensor;
        assign(mean, mean.mul(alpha).add(gradient.mul(1 - alpha)));
        squares = squareAvg.sub(mean.square());
      }
      const scaled = gradient.div(squares.sqrt().add(eps));
      if (momentum > 0) {
        const buffer = state.momentumBuffer as Tensor;
        parameter.sub_(assign(buffer, buffer.mul(momentum).add(scaled)).mul(lr));
      } else parameter.sub_(scaled.mul(lr));
    }
  }
}

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

/** Gradient descent with an average of the iterates in its state (Polyak and Juditsky 1992), as `torch.optim.ASGD`. */
export class ASGD extends Optimizer<ASGDOptions> {
  constructor(params: ParamsInput<ASGDOptions>, options: Partial<ASGDOptions> = {}) {
    const defaults: ASGDOptions = {
      lr: 1e-2,
      lambd: 1e-4,
      alpha: 0.75,
      t0: 1e6,
      weightDecay: 0,
      maximize: false,
    };
    checkOptions('ASGD', options, Object.keys(defaults));
    super(params, { ...defaults, ...options });
  }

  protected override checkGroup({ lr, weightDecay }: ParamGroup<ASGDOptions>): void {
    checkNotNegative('ASGD', { lr, weightDecay });
  }

  protected override update(group: ParamGroup<ASGDOptions>): void {
    const { lr, lambd, alpha, t0 } = group;
    for (const [parameter, gradient] of withGradients(group.params, group)) {
      const state = this.stateOf(parameter, () => ({ step: 0, eta: lr, mu: 1, ax: zerosLike(parameter) }));
      state.step++;
      assign(parameter, parameter.mul(1 - lambd * state.eta).sub(gradient.mul(state.eta)));
      const { ax } = state;
      assign(ax, state.mu === 1 ? parameter.mul(1) : ax.add(parameter.sub(ax).mul(state.mu)));
      state.eta = lr / (1 + lambd * lr * state.step) ** alpha;
      state.mu = 1 / Math.max(1, state.step - t0);
    }
  }
}
