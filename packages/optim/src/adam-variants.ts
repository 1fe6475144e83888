// Adamax, NAdam and RAdam.
import { checkOptions } from '@nn/core';
import { type Tensor, where, zerosLike } from '@nn/tensor';
import { checkBetas, checkNotNegative } from './checks.ts';
import { assign, withGradients } from './gradient-of.ts';
import { Optimizer, type ParamGroup, type ParamsInput } from './optimizer.ts';

export interface AdamaxOptions {
  /** Default 2e-3 (Adamax, NAdam), 1e-3 (RAdam). */
  lr: number;
  /** Default [0.9, 0.999]. */
  betas: readonly [number, number];
  /** Default 1e-8. */
  eps: number;
  /** Times the parameter, added to the gradient. Default 0. */
  weightDecay: number;
  /** Default false. */
  maximize: boolean;
}

export interface NAdamOptions extends AdamaxOptions {
  /** Default 4e-3. */
  momentumDecay: number;
}

export type RAdamOptions = AdamaxOptions;

function defaultsOf(lr: number): AdamaxOptions {
  return { lr, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0, maximize: false };
}

function check(name: string, { lr, eps, weightDecay, betas }: AdamaxOptions): void {
  checkNotNegative(name, { lr, eps, weightDecay });
  checkBetas(name, betas);
}

interface MeansState {
  [name: string]: number | Tensor;
  step: number;
  expAvg: Tensor;
  expAvgSq: Tensor;
}

const freshMeans = (parameter: Tensor): MeansState => ({
  step: 0,
  expAvg: zerosLike(parameter),
  expAvgSq: zerosLike(parameter),
});

/** Moves both means towards the gradient and its square. */
function trackMeans(
  { expAvg, expAvgSq }: MeansState,
  gradient: Tensor,
  betas: readonly [number, number],
): void {
  const [beta1, beta2] = betas;
  assign(expAvg, expAvg.mul(beta1).add(gradient.mul(1 - beta1)));
  assign(expAvgSq, expAvgSq.mul(beta2).add(gradient.square().mul(1 - beta2)));
}

/** Adam with the infinity norm (Kingma and Ba 2014), as `torch.optim.Adamax`. */
export class Adamax extends Optimizer<AdamaxOptions> {
  constructor(params: ParamsInput<AdamaxOptions>, options: Partial<AdamaxOptions> = {}) {
    const defaults = defaultsOf(2e-3);
    checkOptions('Adamax', options, Object.keys(defaults));
    super(params, { ...defaults, ...options });
  }

  protected override checkGroup(group: ParamGroup<AdamaxOptions>): void {
    check('Adamax', group);
  }

  protected override update(group: ParamGroup<AdamaxOptions>): void {
    const {
      lr,
      eps,
      betas: [beta1, beta2],
    } = group;
    for (const [parameter, gradient] of withGradients(group.params, group)) {
      const state = this.stateOf(parameter, () => ({
        step: 0,
        expAvg: zerosLike(parameter),
        expInf: zerosLike(parameter),
      }));
      state.step++;
      const { expAvg, expInf } = state;
      assign(expAvg, expAvg.mul(beta1).add(gradient.mul(1 - beta1)));
      assign(expInf, expInf.mul(beta2).maximum(gradient.abs().add(eps)));
      parameter.sub_(expAvg.div(expInf).mul(lr / (1 - beta1 ** state.step)));
    }
  }
}

/** Adam with Nesterov's momentum (Dozat 2016), as `torch.optim.NAdam`. */
export class NAdam extends Optimizer<NAdamOptions> {
  constructor(params: ParamsInput<NAdamOptions>, options: Partial<NAdamOptions> = {}) {
    const defaults = { ...defaultsOf(2e-3), momentumDecay: 4e-3 };
    checkOptions('NAdam', options, Object.keys(defaults));
    super(params, { ...defaults, ...options });
  }

  protected override checkGroup(group: ParamGroup<NAdamOptions>): void {
    check('NAdam', group);
    checkNotNegative('NAdam', { momentumDecay: group.momentumDecay });
  }

  protected override update(group: ParamGroup<NAdamOptions>): void {
    const { lr, eps, betas, momentumDecay } = group;
    const momentumAt = (step: number): number => betas[0] * (1 - 0.5 * 0.96 ** (step * momentumDecay));
    for (const [parameter, gradient] of withGradients(group.params, group)) {
      const state = this.stateOf(parameter, () => ({ ...freshMeans(parameter), muProduct: 1 }));
      state.step++;
      const momentum = momentumAt(state.step);
      const next = momentumAt(state.step + 1);
      state.muProduct *= momentum;
      trackMeans(state, gradient, betas);
      const divisor = state.expAvgSq
        .div(1 - betas[1] ** state.step)
        .sqrt()
        .add(eps);
      const ofGradient = (lr * (1 - momentum)) / (1 - state.muProduct);
      // PyTorch 1.13 has this step's momentum twice in the product; its values are followed.
      const ofMean = (lr * next) / (1 - state.muProduct * momentum * next);
      parameter.sub_(gradient.mul(ofGradient).add(state.expAvg.mul(ofMean)).div(divisor));
    }
  }
}

/** Adam that trusts its variance only once it is known (Liu et al. 2019), as `torch.optim.RAdam`. */
export class RAdam extends Optimizer<RAdamOptions> {
  constructor(params: ParamsInput<RAdamOptions>, options: Partial<RAdamOptions> = {}) {
    const defaults = defaultsOf(1e-3);
    checkOptions('RAdam', options, Object.keys(defaults));
    super(params, { ...defaults, ...options });
  }

  protected override checkGroup(group: ParamGroup<RAdamOptions>): void {
    check('RAdam', group);
  }

  protected override update(group: ParamGroup<RAdamOptions>): void {
    const { lr, eps, betas } = group;
    for (const [parameter, gradient] of withGradients(group.params, group)) {
      const state = this.stateOf(parameter, () => freshMeans(parameter));
      state.step++;
      trackMeans(state, gradient, betas);
      const rectification = rectificationAt(state.step, betas[1]);
      const stepSize = lr / (1 - betas[0] ** state.step);
      const direction =
        rectification === null
          ? state.expAvg
          : state.expAvg.div(state.expAvgSq.sqrt().add(eps)).mul(rectification);
      parameter.sub_(direction.mul(stepSize));
    }
  }
}

/** The factor of the adaptive step; null while the variance has too few degrees of freedom. */
function rectificationAt(step: number, beta2: number): number | null {
  const correction = 1 - beta2 ** step;
  const most = 2 / (1 - beta2) - 1;
  const freedom = most - (2 * step * beta2 ** step) / correction;
  if (freedom <= 5) return null;
  const ratio = ((freedom - 4) * (freedom - 2) * most) / ((most - 4) * (most - 2) * freedom);
  return Math.sqrt(ratio * correction);
}

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

/** Steps by the gradient's sign alone (Riedmiller and Braun 1993), as `torch.optim.Rprop`. */
export class Rprop extends Optimizer<RpropOptions> {
  constructor(params: ParamsInput<RpropOptions>, options: Partial<RpropOptions> = {}) {
    const defaults: RpropOptions = { lr: 1e-2, etas: [0.5, 1.2], stepSizes: [1e-6, 50], maximize: false };
    checkOptions('Rprop', options, Object.keys(defaults));
    super(params, { ...defaults, ...options });
  }

  protected override checkGroup({ lr }: ParamGroup<RpropOptions>): void {
    checkNotNegative('Rprop', { lr });
  }

  protected override update({ params, lr, etas, stepSizes, maximize }: ParamGroup<RpropOptions>): void {
    for (const [parameter, gradient] of withGradients(params, { weightDecay: 0, maximize })) {
      const state = this.stateOf(parameter, () => ({
        step: 0,
        prev: zerosLike(parameter),
        stepSize: zerosLike(parameter).add(lr),
      }));
      state.step++;
      const agreement = gradient.mul(state.prev);
      const against = agreement.lt(0);
      const factor = where(against, etas[0], where(agreement.gt(0), etas[1], 1));
      assign(state.stepSize, state.stepSize.mul(factor).clamp(stepSizes[0], stepSizes[1]));
      // After a change of sign one step is left out.
      const used = where(against, 0, gradient);
      assign(state.prev, used);
      parameter.sub_(used.sign().mul(state.stepSize));
    }
  }
}
