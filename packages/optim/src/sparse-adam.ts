// Adam for gradients that are mostly rows of zeros.
import { type Tensor, where, zerosLike } from '@nn/tensor';
import { checkBetas, checkNotNegative, complete } from './checks.ts';
import { assign, withGradients } from './gradient-of.ts';
import { Optimizer, type ParamsInput } from './optimizer.ts';
import type { ParamGroup } from './param-groups.ts';

export interface SparseAdamOptions {
  /** Default 1e-3. */
  lr: number;
  /** Default [0.9, 0.999]. */
  betas: readonly [number, number];
  /** Default 1e-8. */
  eps: number;
  /** Default false. */
  maximize: boolean;
}

type SparseAdamState = { step: number; expAvg: Tensor; expAvgSq: Tensor };

/**
 * Adam that leaves alone what a batch did not use, as `torch.optim.SparseAdam`: rows of an embedding that got no
 * gradient keep their value and their means.
 *
 * There are no sparse tensors here: a row (along the first dimension) counts as unused when all of its gradient is zero.
 * So a row that was used, with a gradient of exactly zero, is left alone too; PyTorch lets its means decay.
 *
 * @throws {ArgumentError} for settings outside of their range.
 * @example
 * ```ts
 * import { SparseAdam } from '@nn/optim';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const table = tensor([[1, 1], [2, 2], [3, 3]], { dtype: 'float32', requiresGrad: true });
 * const optimizer = new SparseAdam([table], { lr: 0.5 });
 * table.at(1).sum().backward();
 * optimizer.step();
 * console.log(await table.toArray()); // => [[1, 1], [1.5, 1.5], [3, 3]]
 * ```
 */
export class SparseAdam extends Optimizer<SparseAdamOptions, SparseAdamState> {
  constructor(params: ParamsInput<SparseAdamOptions>, options: Partial<SparseAdamOptions> = {}) {
    const defaults: SparseAdamOptions = { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, maximize: false };
    super(params, complete('SparseAdam', defaults, options));
  }

  protected override checkGroup({ lr, eps, betas }: ParamGroup<SparseAdamOptions>): void {
    checkNotNegative('SparseAdam', { lr, eps });
    checkBetas('SparseAdam', betas);
  }

  protected override freshState(parameter: Tensor): SparseAdamState {
    return { step: 0, expAvg: zerosLike(parameter), expAvgSq: zerosLike(parameter) };
  }

  protected override update(group: ParamGroup<SparseAdamOptions>): void {
    const { lr, eps, betas, maximize } = group;
    for (const [parameter, gradient] of withGradients(group.params, { weightDecay: 0, maximize })) {
      const state = this.stateOf(parameter, group);
      state.step++;
      const used = usedRows(gradient);
      const mean = (former: Tensor, value: Tensor, decay: number): Tensor =>
        assign(former, where(used, former.mul(decay).add(value.mul(1 - decay)), former));
      const expAvg = mean(state.expAvg, gradient, betas[0]);
      const squares = mean(state.expAvgSq, gradient.square(), betas[1]);
      const stepSize = (lr * Math.sqrt(1 - betas[1] ** state.step)) / (1 - betas[0] ** state.step);
      const change = expAvg.div(squares.sqrt().add(eps)).mul(stepSize);
      assign(parameter, where(used, parameter.sub(change), parameter));
    }
  }
}

/** Whether a row has a gradient other than zero: [rows, 1, …], or of each element of a vector. */
function usedRows(gradient: Tensor): Tensor {
  const nonzero = gradient.ne(0);
  if (gradient.ndim < 2) return nonzero;
  const [rows] = gradient.shape;
  return nonzero
    .reshape(rows, -1)
    .any(1)
    .reshape([rows, ...gradient.shape.slice(1).map(() => 1)]);
}
