// Training without a schedule: gradients are taken between the iterates and their average, which is what is evaluated
// (Defazio et al. 2024, "The Road Less Scheduled").
import { ArgumentError, type Tensor, zerosLike } from '@nn/tensor';
import { checkBetas, checkFraction, checkNotNegative, complete } from './checks.ts';
import { assign, averageSquare, withGradients } from './gradient-of.ts';
import { type GroupInput, Optimizer, type ParamState, type ParamsInput } from './optimizer.ts';
import type { ParamGroup } from './param-groups.ts';

interface ScheduleFreeBase {
  lr: number;
  /** Times the parameter, at the point where the gradient is taken. Default 0. */
  weightDecay: number;
  /** Steps over which the rate rises from 0. Default 0. */
  warmupSteps: number;
  /** Iterates are weighed by their step to this power. Default 0. */
  r: number;
  /** And by the largest rate so far to this power. Default 2. */
  weightLrPower: number;
  /** Default false. */
  maximize: boolean;
}

/** What has been averaged so far; part of each group, and so of the state dict. */
interface Progress {
  /** Steps done. */
  k?: number;
  weightSum?: number;
  lrMax?: number;
  /** Whether the parameters are where gradients are taken, or the average. */
  trainMode?: boolean;
}

function progressOf(group: object): Progress {
  return group;
}

type AveragedState = ParamState & { z: Tensor };

/** How a step goes: the rate, and how much the new iterate weighs in the average. */
interface StepPlan {
  readonly rate: number;
  readonly weight: number;
}

/** What both share: modes, weights and the average. */
abstract class ScheduleFree<
  O extends ScheduleFreeBase,
  S extends AveragedState = AveragedState,
> extends Optimizer<O, S> {
  /** How far the point of gradients lies from the iterate towards the average. */
  protected abstract interpolation(group: ParamGroup<O>): number;

  /** The direction to go against, without decay. */
  protected abstract direction(gradient: Tensor, parameter: Tensor, group: ParamGroup<O>): Tensor;

  override addParamGroup(group: GroupInput<O>): void {
    super.addParamGroup(group);
    const { trainMode = true } = progressOf(this.paramGroups[0]);
    Object.assign(this.paramGroups[this.paramGroups.length - 1], {
      k: 0,
      weightSum: 0,
      lrMax: -1,
      trainMode,
    });
  }

  protected override checkGroup({ lr, weightDecay, warmupSteps, r, weightLrPower }: ParamGroup<O>): void {
    checkNotNegative(this.constructor.name, { lr, weightDecay, warmupSteps, r, weightLrPower });
  }

  /** Puts the parameters where gradients are taken. Call it before training goes on after `eval`. */
  train(): void {
    this.#move(true);
  }

  /** Puts the average into the parameters, to evaluate or save it. Training then needs `train` first. */
  eval(): void {
    this.#move(false);
  }

  #move(toTrain: boolean): void {
    for (const group of this.paramGroups) {
      const progress = progressOf(group);
      if (progress.trainMode === toTrain) continue;
      progress.trainMode = toTrain;
      const part = this.interpolation(group);
      for (const parameter of group.params) {
        const z = this.state.get(parameter)?.z;
        if (z === undefined) continue;
        // The point of gradients is part * average + (1 - part) * z.
        const value = parameter.detach();
        const moved = toTrain
          ? value.mul(part).add(z.mul(1 - part))
          : value.div(part).sub(z.mul(1 / part - 1));
        assign(value, moved);
      }
    }
    this.computeUpdate();
  }

  protected override update(group: ParamGroup<O>): void {
    const progress = progressOf(group);
    if (progress.trainMode === false) {
      throw new ArgumentError(
        'step: the parameters hold the average. Call optimizer.train() before training goes on after eval()',
      );
    }
    const { rate, weight } = this.#plan(group);
    const part = this.interpolation(group);
    const { maximize, weightDecay } = group;
    for (const [parameter, gradient] of withGradients(group.params, { weightDecay: 0, maximize })) {
      const { z } = this.stateOf(parameter, group);
      const plain = this.direction(gradient, parameter, group);
      const against = weightDecay === 0 ? plain : plain.add(parameter.mul(weightDecay));
      const towards = parameter.mul(1 - weight).add(z.mul(weight));
      const next = towards.add(against.mul(rate * (part * (1 - weight) - 1)));
      assign(parameter, next);
      assign(z, z.sub(against.mul(rate)));
    }
  }

  #plan(group: ParamGroup<O>): StepPlan {
    const { lr, warmupSteps, r, weightLrPower } = group;
    const progress = progressOf(group);
    const step = (progress.k ?? 0) + 1;
    const rate = lr * Math.min(1, warmupSteps === 0 ? 1 : step / warmupSteps);
    const lrMax = Math.max(rate, progress.lrMax ?? -1);
    const share = step ** r * lrMax ** weightLrPower;
    const weightSum = (progress.weightSum ?? 0) + share;
    Object.assign(progress, { k: step, lrMax, weightSum });
    return { rate, weight: weightSum === 0 ? 0 : share / weightSum };
  }

  /** Which step this one is. */
  protected stepOf(group: ParamGroup<O>): number {
    return progressOf(group).k ?? 0;
  }

  /** Where iterates start: a value of its own. */
  protected startOf(parameter: Tensor): Tensor {
    return parameter.detach().clone();
  }
}

export interface SGDScheduleFreeOptions extends ScheduleFreeBase {
  /** How far gradients are taken towards the average, in (0, 1]. Default 0.9. */
  momentum: number;
}

/**
 * Schedule-Free gradient descent (Defazio et al. 2024). No learning-rate schedule; `eval()` before a model is evaluated
 * or saved, `train()` before training goes on.
 *
 * @throws {ArgumentError} for settings outside of their range; in `step`, after `eval`.
 * @example
 * ```ts
 * import { SGDScheduleFree } from '@nn/optim';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const x = tensor([4, -2], { dtype: 'float32', requiresGrad: true });
 * const optimizer = new SGDScheduleFree([x], { lr: 0.25 });
 * for (let i = 0; i < 40; i++) {
 *   optimizer.zeroGrad();
 *   x.square().sum().backward();
 *   optimizer.step();
 * }
 * optimizer.eval();
 * console.log((await x.abs().amax().item()) < 0.2); // => true
 * ```
 */
export class SGDScheduleFree extends ScheduleFree<SGDScheduleFreeOptions> {
  constructor(params: ParamsInput<SGDScheduleFreeOptions>, options: Partial<SGDScheduleFreeOptions> = {}) {
    const defaults: SGDScheduleFreeOptions = {
      lr: 1,
      momentum: 0.9,
      weightDecay: 0,
      warmupSteps: 0,
      r: 0,
      weightLrPower: 2,
      maximize: false,
    };
    super(params, complete('SGDScheduleFree', defaults, options));
  }

  protected override checkGroup(group: ParamGroup<SGDScheduleFreeOptions>): void {
    super.checkGroup(group);
    const { momentum } = group;
    checkFraction('SGDScheduleFree', { momentum });
    if (momentum === 0) throw new ArgumentError('SGDScheduleFree: momentum must be above 0');
  }

  protected override interpolation({ momentum }: ParamGroup<SGDScheduleFreeOptions>): number {
    return momentum;
  }

  protected override freshState(parameter: Tensor): AveragedState {
    return { z: this.startOf(parameter) };
  }

  protected override direction(gradient: Tensor): Tensor {
    return gradient;
  }
}

export interface AdamWScheduleFreeOptions extends ScheduleFreeBase {
  /** How far gradients are taken towards the average, and the decay of the mean of squares. Default [0.9, 0.999]. */
  betas: readonly [number, number];
  /** Default 1e-8. */
  eps: number;
}

type AdamWScheduleFreeState = AveragedState & { expAvgSq: Tensor };

/**
 * Schedule-Free AdamW (Defazio et al. 2024). No learning-rate schedule; `eval()` before a model is evaluated or saved,
 * `train()` before training goes on.
 *
 * @throws {ArgumentError} for settings outside of their range; in `step`, after `eval`.
 * @example
 * ```ts
 * import { AdamWScheduleFree } from '@nn/optim';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const x = tensor([4, -2], { dtype: 'float32', requiresGrad: true });
 * const optimizer = new AdamWScheduleFree([x], { lr: 0.3 });
 * for (let i = 0; i < 60; i++) {
 *   optimizer.zeroGrad();
 *   x.square().sum().backward();
 *   optimizer.step();
 * }
 * optimizer.eval();
 * console.log((await x.abs().amax().item()) < 1); // => true
 * ```
 */
export class AdamWScheduleFree extends ScheduleFree<AdamWScheduleFreeOptions, AdamWScheduleFreeState> {
  constructor(
    params: ParamsInput<AdamWScheduleFreeOptions>,
    options: Partial<AdamWScheduleFreeOptions> = {},
  ) {
    const defaults: AdamWScheduleFreeOptions = {
      lr: 0.0025,
      betas: [0.9, 0.999],
      eps: 1e-8,
      weightDecay: 0,
      warmupSteps: 0,
      r: 0,
      weightLrPower: 2,
      maximize: false,
    };
    super(params, complete('AdamWScheduleFree', defaults, options));
  }

  protected override checkGroup(group: ParamGroup<AdamWScheduleFreeOptions>): void {
    super.checkGroup(group);
    checkNotNegative('AdamWScheduleFree', { eps: group.eps });
    checkBetas('AdamWScheduleFree', group.betas);
    if (group.betas[0] === 0)
      throw new ArgumentError('AdamWScheduleFree: the first of betas must be above 0');
  }

  protected override interpolation({ betas }: ParamGroup<AdamWScheduleFreeOptions>): number {
    return betas[0];
  }

  protected override freshState(parameter: Tensor): AdamWScheduleFreeState {
    return { z: this.startOf(parameter), expAvgSq: zerosLike(parameter) };
  }

  protected override direction(
    gradient: Tensor,
    parameter: Tensor,
    group: ParamGroup<AdamWScheduleFreeOptions>,
  ): Tensor {
    const { betas, eps } = group;
    const squares = averageSquare(this.stateOf(parameter, group).expAvgSq, gradient, betas[1]);
    const divisor = squares
      .div(1 - betas[1] ** this.stepOf(group))
      .sqrt()
      .add(eps);
    return gradient.div(divisor);
  }
}
