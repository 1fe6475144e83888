// Steps by the sign of a momentum.
import { type Tensor, zerosLike } from '@nn/tensor';
import { checkBetas, checkNotNegative, complete } from './checks.ts';
import { average, descend, withDecay } from './gradient-of.ts';
import { Optimizer, type ParamsInput } from './optimizer.ts';
import type { ParamGroup } from './param-groups.ts';

export interface LionOptions {
  /** Default 1e-4: a third to a tenth of AdamW's. */
  lr: number;
  /** How the step mixes momentum and gradient, and the momentum's decay. Default [0.9, 0.99]. */
  betas: readonly [number, number];
  /** The parameter's decay is lr times this. Default 0. */
  weightDecay: number;
  /** Default false. */
  maximize: boolean;
}

type LionState = { expAvg: Tensor };

/**
 * Lion, whose steps have one size everywhere: the sign of gradient and momentum mixed (Chen et al. 2023, "Symbolic
 * Discovery of Optimization Algorithms").
 *
 * @throws {ArgumentError} for settings outside of their range.
 * @example
 * ```ts
 * import { Lion } from '@nn/optim';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const x = tensor([4, -2, 0], { dtype: 'float32', requiresGrad: true });
 * const optimizer = new Lion([x], { lr: 0.5 });
 * x.square().sum().backward();
 * optimizer.step();
 * console.log(await x.toArray()); // => [3.5, -1.5, 0]
 * ```
 */
export class Lion extends Optimizer<LionOptions, LionState> {
  constructor(params: ParamsInput<LionOptions>, options: Partial<LionOptions> = {}) {
    const defaults: LionOptions = { lr: 1e-4, betas: [0.9, 0.99], weightDecay: 0, maximize: false };
    super(params, complete('Lion', defaults, options));
  }

  protected override checkGroup({ lr, weightDecay, betas }: ParamGroup<LionOptions>): void {
    checkNotNegative('Lion', { lr, weightDecay });
    checkBetas('Lion', betas);
  }

  protected override freshState(parameter: Tensor): LionState {
    return { expAvg: zerosLike(parameter) };
  }

  protected override update(group: ParamGroup<LionOptions>): void {
    const { lr, betas } = group;
    for (const [parameter, gradient] of withDecay(group.params, { ...group, decoupledWeightDecay: true })) {
      const { expAvg } = this.stateOf(parameter, group);
      const mixed = expAvg.mul(betas[0]).add(gradient.mul(1 - betas[0]));
      descend(parameter, mixed.sign(), lr);
      average(expAvg, gradient, betas[1]);
    }
  }
}
