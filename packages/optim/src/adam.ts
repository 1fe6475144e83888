// Adam and AdamW.
import { scalarFunction, scalarTensor, type Tensor, zerosLike } from '@nn/tensor';
import { checkBetas, checkNotNegative, complete } from './checks.ts';
import { assign, decayOf, mix, mixSquare, perStep, withGradients } from './gradient-of.ts';
import { Optimizer, type ParamsInput } from './optimizer.ts';
import type { ParamGroup } from './param-groups.ts';

export interface AdamOptions {
  /** Default 1e-3. */
  lr: number;
  /** Decay of the means of gradients and of their squares. Default [0.9, 0.999]. */
  betas: readonly [number, number];
  /** Added to the divisor. Default 1e-8. */
  eps: number;
  /** Times the parameter, added to the gradient; decoupled, the parameter's decay is lr times this. Default 0; AdamW 0.01. */
  weightDecay: number;
  /** Whether weight decay goes to the parameter instead of the gradient. Default false; AdamW true. */
  decoupledWeightDecay: boolean;
  /** Divide by the largest mean of squares so far (Reddi et al. 2018). Default false. */
  amsgrad: boolean;
  /** Default false. */
  maximize: boolean;
}

type AdamState = { step: number; expAvg: Tensor; expAvgSq: Tensor; maxExpAvgSq?: Tensor };

/** parameter * kept - mean / (√squares / correction + eps) * stepSize. */
const stepped = scalarFunction({
  name: 'optim.adam',
  expression(b, [parameter, mean, squares, kept, stepSize, correction, eps]) {
    const divisor = b.binary('add', b.binary('div', b.unary('sqrt', squares), correction), eps);
    const change = b.binary('mul', b.binary('div', mean, divisor), stepSize);
    return b.binary('sub', b.binary('mul', parameter, kept), change);
  },
});

function adamDefaults(name: string, options: Partial<AdamOptions>, decoupled: boolean): AdamOptions {
  const defaults: AdamOptions = {
    lr: 1e-3,
    betas: [0.9, 0.999],
    eps: 1e-8,
    weightDecay: decoupled ? 0.01 : 0,
    decoupledWeightDecay: decoupled,
    amsgrad: false,
    maximize: false,
  };
  return complete(name, defaults, options);
}

/**
 * Adam (Kingma and Ba 2014), as `torch.optim.Adam`.
 *
 * @throws {ArgumentError} for settings outside of their range.
 * @example
 * ```ts
 * import { Adam } from '@nn/optim';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const x = tensor([1, -1], { dtype: 'float32', requiresGrad: true });
 * const optimizer = new Adam([x], { lr: 0.5 });
 * for (let i = 0; i < 3; i++) {
 *   optimizer.zeroGrad();
 *   x.square().sum().backward();
 *   optimizer.step();
 * }
 * console.log(await x.toArray());
 * ```
 */
export class Adam extends Optimizer<AdamOptions, AdamState> {
  constructor(params: ParamsInput<AdamOptions>, options: Partial<AdamOptions> = {}) {
    super(params, adamDefaults('Adam', options, false));
  }

  protected override checkGroup({ lr, eps, weightDecay, betas }: ParamGroup<AdamOptions>): void {
    checkNotNegative(this.constructor.name, { lr, eps, weightDecay });
    checkBetas(this.constructor.name, betas);
  }

  protected override freshState(parameter: Tensor, { amsgrad }: ParamGroup<AdamOptions>): AdamState {
    const means = { step: 0, expAvg: zerosLike(parameter), expAvgSq: zerosLike(parameter) };
    return amsgrad ? { ...means, maxExpAvgSq: zerosLike(parameter) } : means;
  }

  protected override update(group: ParamGroup<AdamOptions>): void {
    const { lr, eps, amsgrad, betas, weightDecay, decoupledWeightDecay, maximize } = group;
    // The means start at zero: both are corrected for that. As numbers they are no part of the compiled program.
    const numbers = perStep((dtype, step) => ({
      first: decayOf(betas[0], dtype),
      second: decayOf(betas[1], dtype),
      kept: scalarTensor(decoupledWeightDecay ? 1 - lr * weightDecay : 1, dtype),
      stepSize: scalarTensor(lr / (1 - betas[0] ** step), dtype),
      correction: scalarTensor(Math.sqrt(1 - betas[1] ** step), dtype),
      eps: scalarTensor(eps, dtype),
    }));
    const penalty = { weightDecay: decoupledWeightDecay ? 0 : weightDecay, maximize };
    for (const [parameter, gradient] of withGradients(group.params, penalty)) {
      const state = this.stateOf(parameter, group);
      const {
        first,
        second,
        kept,
        stepSize,
        correction,
        eps: least,
      } = numbers(parameter.dtype, ++state.step);
      const expAvg = mix(state.expAvg, gradient, first);
      let squares = mixSquare(state.expAvgSq, gradient, second);
      if (amsgrad) {
        const largest = (state.maxExpAvgSq ??= zerosLike(parameter));
        squares = assign(largest, largest.maximum(squares));
      }
      assign(parameter, stepped([parameter, expAvg, squares, kept, stepSize, correction, least]));
    }
  }
}

/**
 * Adam with weight decay apart from the gradient (Loshchilov and Hutter 2017), as `torch.optim.AdamW`.
 *
 * @throws {ArgumentError} for settings outside of their range.
 * @example
 * ```ts
 * import { AdamW } from '@nn/optim';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const x = tensor([2, -4], { dtype: 'float32', requiresGrad: true });
 * const optimizer = new AdamW([x], { lr: 0.5, weightDecay: 0.5 });
 * x.square().sum().backward();
 * optimizer.step();
 * console.log(await x.toText()); // => tensor([ 1.0000, -2.5000], requiresGrad=true)
 * ```
 */
export class AdamW extends Adam {
  constructor(params: ParamsInput<AdamOptions>, options: Partial<AdamOptions> = {}) {
    super(params, adamDefaults('AdamW', options, true));
  }
}
