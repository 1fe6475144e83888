// Adaptive steps with little memory.
import { ArgumentError, type DType, sameShape, type Tensor, zeros, zerosLike } from '@nn/tensor';
import { checkNotNegative, checkNumbers, checkPositiveNumbers, complete, isNumber, text } from './checks.ts';
import { assign, descend, withDecay } from './gradient-of.ts';
import { Optimizer, type ParamsInput } from './optimizer.ts';
import type { ParamGroup } from './param-groups.ts';

export interface AdafactorOptions {
  /** The largest relative step. Default 1e-2. */
  lr: number;
  /** The means of squares decay by 1 - step to this power. Default -0.8. */
  beta2Decay: number;
  /** The least root of a mean of squares (null: of the dtype), and the least scale of a parameter. Default [null, 1e-3]. */
  eps: readonly [number | null, number];
  /** Steps whose root mean square is above this are made smaller. Default 1. */
  d: number;
  /** The parameter's decay is lr times this. Default 0. */
  weightDecay: number;
  /** Default false. */
  maximize: boolean;
}

type AdafactorState = { step: number; rowVar?: Tensor; colVar?: Tensor; variance?: Tensor };

/** The distance from 1 to the next number. */
const machineEpsilon: { readonly [D in DType]?: number } = {
  float16: 2 ** -10,
  bfloat16: 2 ** -7,
  float32: 2 ** -23,
  float64: 2 ** -52,
};

/**
 * Adafactor, which keeps means of squares of rows and columns instead of elements (Shazeer and Stern 2018), as
 * `torch.optim.Adafactor`: for a matrix of A rows and B columns, A + B numbers.
 *
 * @throws {ArgumentError} for settings outside of their range.
 * @example
 * ```ts
 * import { Adafactor } from '@nn/optim';
 * import { interpreter, ones, use } from '@nn/tensor';
 * use(interpreter());
 * const weight = ones([64, 32]).requiresGrad_();
 * const optimizer = new Adafactor([weight]);
 * weight.square().sum().backward();
 * optimizer.step();
 * const { rowVar, colVar } = optimizer.state.get(weight)!;
 * console.log(rowVar?.shape, colVar?.shape); // => [64, 1] [1, 32]
 * ```
 */
export class Adafactor extends Optimizer<AdafactorOptions, AdafactorState> {
  constructor(params: ParamsInput<AdafactorOptions>, options: Partial<AdafactorOptions> = {}) {
    const defaults: AdafactorOptions = {
      lr: 1e-2,
      beta2Decay: -0.8,
      eps: [null, 1e-3],
      d: 1,
      weightDecay: 0,
      maximize: false,
    };
    super(params, complete('Adafactor', defaults, options));
  }

  protected override checkGroup(group: ParamGroup<AdafactorOptions>): void {
    const { lr, weightDecay, d, beta2Decay, eps } = group;
    checkNotNegative('Adafactor', { lr, weightDecay });
    checkPositiveNumbers('Adafactor', { d });
    checkNumbers('Adafactor', { beta2Decay });
    if (beta2Decay > 0) {
      throw new ArgumentError(`Adafactor: beta2Decay must not be above 0, got ${beta2Decay}`);
    }
    const isLeast = (value: unknown): boolean => isNumber(value) && value >= 0;
    const isPair = Array.isArray(eps) && eps.length === 2;
    if (isPair && (eps[0] === null || isLeast(eps[0])) && isLeast(eps[1])) return;
    throw new ArgumentError(
      `Adafactor: eps must be two numbers of at least 0, the first may be null; got ${text(eps)}`,
    );
  }

  protected override freshState(parameter: Tensor): AdafactorState {
    const { shape, dtype, device } = parameter;
    if (shape.length < 2) return { step: 0, variance: zerosLike(parameter) };
    const [rows, columns] = shape.slice(-2);
    const batch = shape.slice(0, -2);
    return {
      step: 0,
      rowVar: zeros([...batch, rows, 1], { dtype, device }),
      colVar: zeros([...batch, 1, columns], { dtype, device }),
    };
  }

  protected override fitsState(name: string, value: Tensor, parameter: Tensor): boolean {
    const { rowVar, colVar, variance } = this.freshState(parameter);
    const expected = new Map(Object.entries({ rowVar, colVar, variance })).get(name);
    return expected !== undefined && sameShape(expected.shape, value.shape);
  }

  protected override update(group: ParamGroup<AdafactorOptions>): void {
    const { lr, beta2Decay, eps, d, weightDecay, maximize } = group;
    const scales = new Map<Tensor, Tensor>();
    for (const parameter of group.params) if (parameter.grad !== null) scales.set(parameter, rms(parameter));
    const decay = { lr, weightDecay, maximize, decoupledWeightDecay: true };
    for (const [parameter, gradient] of withDecay(group.params, decay)) {
      const state = this.stateOf(parameter, group);
      state.step++;
      const least = eps[0] ?? machineEpsilon[parameter.dtype] ?? 0;
      const estimate = estimateOf(state, gradient, state.step ** beta2Decay, least);
      const update = gradient.mul(estimate.clamp(least * least).rsqrt());
      const stepSize = scales
        .get(parameter)!
        .clamp(eps[1])
        .mul(Math.min(lr, 1 / Math.sqrt(state.step)));
      descend(parameter, update, stepSize.div(rms(update).div(d).clamp(1)));
    }
  }
}

function rms(x: Tensor): Tensor {
  return x.square().mean().sqrt();
}

/** The mean of squares of each element, from those of rows and columns where there are any. */
function estimateOf(
  { rowVar, colVar, variance }: AdafactorState,
  gradient: Tensor,
  share: number,
  least: number,
): Tensor {
  const squares = gradient.square();
  const mixed = (mean: Tensor, value: Tensor): Tensor =>
    assign(mean, mean.mul(1 - share).add(value.mul(share)));
  if (rowVar === undefined || colVar === undefined) return mixed(variance!, squares);
  const rows = mixed(rowVar, squares.mean(-1, { keepdim: true }));
  const columns = mixed(colVar, squares.mean(-2, { keepdim: true }));
  return rows.mul(columns).div(rows.mean(-2, { keepdim: true }).clamp(least));
}
