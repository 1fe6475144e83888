// Adamax, NAdam and RAdam.
import { type Tensor, zerosLike } from '@nn/tensor';
import { checkBetas, checkNotNegative, complete } from './checks.ts';
import { assign, average, averageSquare, descend, withDecay, withGradients } from './gradient-of.ts';
import { Optimizer, type ParamsInput } from './optimizer.ts';
import type { ParamGroup } from './param-groups.ts';

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

interface DecoupledOptions extends AdamaxOptions {
  /** Whether weight decay goes to the parameter (lr times it) instead of the gradient. Default false. */
  decoupledWeightDecay: boolean;
}

export interface NAdamOptions extends DecoupledOptions {
  /** Default 4e-3. */
  momentumDecay: number;
}

export type RAdamOptions = DecoupledOptions;

function defaultsOf(lr: number): AdamaxOptions {
  return { lr, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0, maximize: false };
}

function check(name: string, { lr, eps, weightDecay, betas }: AdamaxOptions): void {
  checkNotNegative(name, { lr, eps, weightDecay });
  checkBetas(name, betas);
}

type MeansState = { step: number; expAvg: Tensor; expAvgSq: Tensor };

function freshMeans(parameter: Tensor): MeansState {
  return { step: 0, expAvg: zerosLike(parameter), expAvgSq: zerosLike(parameter) };
}

type AdamaxState = { step: number; expAvg: Tensor; expInf: Tensor };

/**
 * Adam with the infinity norm (Kingma and Ba 2014), as `torch.optim.Adamax`.
 *
 * @example
 * ```ts
 * import { Adamax } from '@nn/optim';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const x = tensor([2, -4], { dtype: 'float32', requiresGrad: true });
 * const optimizer = new Adamax([x], { lr: 0.5 });
 * x.square().sum().backward();
 * optimizer.step();
 * console.log(await x.toText()); // => tensor([ 1.5000, -3.5000], requiresGrad=true)
 * ```
 */
export class Adamax extends Optimizer<AdamaxOptions, AdamaxState> {
  constructor(params: ParamsInput<AdamaxOptions>, options: Partial<AdamaxOptions> = {}) {
    super(params, complete('Adamax', defaultsOf(2e-3), options));
  }

  protected override checkGroup(group: ParamGroup<AdamaxOptions>): void {
    check('Adamax', group);
  }

  protected override freshState(parameter: Tensor): AdamaxState {
    return { step: 0, expAvg: zerosLike(parameter), expInf: zerosLike(parameter) };
  }

  protected override update(group: ParamGroup<AdamaxOptions>): void {
    const {
      lr,
      eps,
      betas: [beta1, beta2],
    } = group;
    for (const [parameter, gradient] of withGradients(group.params, group)) {
      const state = this.stateOf(parameter, group);
      state.step++;
      const expAvg = average(state.expAvg, gradient, beta1);
      const expInf = assign(state.expInf, state.expInf.mul(beta2).maximum(gradient.abs().add(eps)));
      descend(parameter, expAvg.div(expInf), lr / (1 - beta1 ** state.step));
    }
  }
}

type NAdamState = MeansState & { muProduct: number };

/**
 * Adam with Nesterov's momentum (Dozat 2016), as `torch.optim.NAdam`.
 *
 * @example
 * ```ts
 * import { NAdam } from '@nn/optim';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const x = tensor([2, -4], { dtype: 'float32', requiresGrad: true });
 * const optimizer = new NAdam([x], { lr: 0.5 });
 * x.square().sum().backward();
 * optimizer.step();
 * console.log(await x.toText()); // => tensor([ 1.4752, -3.4752], requiresGrad=true)
 * ```
 */
export class NAdam extends Optimizer<NAdamOptions, NAdamState> {
  constructor(params: ParamsInput<NAdamOptions>, options: Partial<NAdamOptions> = {}) {
    const defaults = { ...defaultsOf(2e-3), momentumDecay: 4e-3, decoupledWeightDecay: false };
    super(params, complete('NAdam', defaults, options));
  }

  protected override checkGroup(group: ParamGroup<NAdamOptions>): void {
    check('NAdam', group);
    checkNotNegative('NAdam', { momentumDecay: group.momentumDecay });
  }

  protected override freshState(parameter: Tensor): NAdamState {
    return { ...freshMeans(parameter), muProduct: 1 };
  }

  protected override update(group: ParamGroup<NAdamOptions>): void {
    const { lr, eps, betas, momentumDecay } = group;
    const momentumAt = (step: number): number => betas[0] * (1 - 0.5 * 0.96 ** (step * momentumDecay));
    for (const [parameter, gradient] of withDecay(group.params, group)) {
      const state = this.stateOf(parameter, group);
      state.step++;
      const momentum = momentumAt(state.step);
      const next = momentumAt(state.step + 1);
      state.muProduct *= momentum;
      const expAvg = average(state.expAvg, gradient, betas[0]);
      const squares = averageSquare(state.expAvgSq, gradient, betas[1]);
      const divisor = squares
        .div(1 - betas[1] ** state.step)
        .sqrt()
        .add(eps);
      const ofGradient = (lr * (1 - momentum)) / (1 - state.muProduct);
      // PyTorch 1.13 has this step's momentum twice in the product; its values are followed.
      const ofMean = (lr * next) / (1 - state.muProduct * momentum * next);
      parameter.sub_(gradient.mul(ofGradient).add(expAvg.mul(ofMean)).div(divisor));
    }
  }
}

/**
 * Adam that trusts its variance only once it is known (Liu et al. 2019), as `torch.optim.RAdam`.
 *
 * @example
 * ```ts
 * import { RAdam } from '@nn/optim';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const x = tensor([2, -4], { dtype: 'float32', requiresGrad: true });
 * const optimizer = new RAdam([x], { lr: 0.5 });
 * x.square().sum().backward();
 * optimizer.step();
 * console.log(await x.toText()); // => tensor([0., 0.], requiresGrad=true)
 * ```
 */
export class RAdam extends Optimizer<RAdamOptions, MeansState> {
  constructor(params: ParamsInput<RAdamOptions>, options: Partial<RAdamOptions> = {}) {
    super(params, complete('RAdam', { ...defaultsOf(1e-3), decoupledWeightDecay: false }, options));
  }

  protected override checkGroup(group: ParamGroup<RAdamOptions>): void {
    check('RAdam', group);
  }

  protected override freshState(parameter: Tensor): MeansState {
    return freshMeans(parameter);
  }

  protected override update(group: ParamGroup<RAdamOptions>): void {
    const { lr, eps, betas } = group;
    for (const [parameter, gradient] of withDecay(group.params, group)) {
      const state = this.stateOf(parameter, group);
      state.step++;
      const expAvg = average(state.expAvg, gradient, betas[0]);
      const squares = averageSquare(state.expAvgSq, gradient, betas[1]);
      const rectification = rectificationAt(state.step, betas[1]);
      const stepSize = lr / (1 - betas[0] ** state.step);
      const direction =
        rectification === null ? expAvg : expAvg.div(squares.sqrt().add(eps)).mul(rectification);
      descend(parameter, direction, stepSize);
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
