// Momentum made orthogonal.
import { ArgumentError, formatShape, stack, type Tensor, zerosLike } from '@nn/tensor';
import { checkChoice, checkNotNegative, checkPositiveInteger, complete, isNumber, text } from './checks.ts';
import { average, descend, withDecay } from './gradient-of.ts';
import { Optimizer, type ParamsInput } from './optimizer.ts';
import type { ParamGroup } from './param-groups.ts';

export interface MuonOptions {
  /** Default 1e-3. */
  lr: number;
  /** The parameter's decay is lr times this. Default 0.1. */
  weightDecay: number;
  /** Default 0.95. */
  momentum: number;
  /** Nesterov's momentum. Default true. */
  nesterov: boolean;
  /** Of the polynomial that brings singular values to about 1. Default [3.4445, -4.775, 2.0315]. */
  nsCoefficients: readonly [number, number, number];
  /** The least norm that is divided by. Default 1e-7. */
  eps: number;
  /** How often the polynomial is applied. Default 5. */
  nsSteps: number;
  /**
   * How the rate goes with a matrix of A rows and B columns: 'original', times √max(1, A / B); 'matchRmsAdamw', times
   * 0.2 √max(A, B), so that AdamW's rate and decay serve. Default 'original'.
   */
  adjustLrFn: 'original' | 'matchRmsAdamw' | null;
  /** Default false. */
  maximize: boolean;
}

type MuonState = { momentumBuffer: Tensor };

/** A parameter and the direction in which it is to go. */
interface Pending {
  readonly parameter: Tensor;
  readonly direction: Tensor;
}

/**
 * Muon: the momentum of a weight matrix, with all its singular values brought to about 1 by a Newton-Schulz iteration
 * (Jordan et al. 2024), as `torch.optim.Muon`. For the matrices of hidden layers; embeddings, biases and the last layer
 * go to AdamW. Matrices of one shape are updated as one batch. It computes in the parameters' dtype, where PyTorch
 * rounds to bfloat16.
 *
 * @throws {ArgumentError} for settings outside of their range, and for parameters that are no matrices.
 * @example
 * ```ts
 * import { Muon } from '@nn/optim';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const weight = tensor([[1, 0], [0, 1]], { dtype: 'float32', requiresGrad: true });
 * const optimizer = new Muon([weight], { lr: 0.1, weightDecay: 0 });
 * weight.mul(tensor([[1, 0], [0, 100]])).sum().backward();
 * optimizer.step();
 * // Steps along both axes are about equal, whatever the gradients' sizes.
 * const [[a], [, b]] = (await weight.toArray()) as number[][];
 * console.log(a < 0.95 && b < 0.95); // => true
 * ```
 */
export class Muon extends Optimizer<MuonOptions, MuonState> {
  constructor(params: ParamsInput<MuonOptions>, options: Partial<MuonOptions> = {}) {
    const defaults: MuonOptions = {
      lr: 1e-3,
      weightDecay: 0.1,
      momentum: 0.95,
      nesterov: true,
      nsCoefficients: [3.4445, -4.775, 2.0315],
      eps: 1e-7,
      nsSteps: 5,
      adjustLrFn: null,
      maximize: false,
    };
    super(params, complete('Muon', defaults, options));
  }

  protected override checkGroup(group: ParamGroup<MuonOptions>): void {
    const { lr, weightDecay, momentum, eps, nsSteps, nsCoefficients, adjustLrFn } = group;
    checkNotNegative('Muon', { lr, weightDecay, momentum, eps });
    checkPositiveInteger('Muon', { nsSteps });
    checkChoice('Muon', 'adjustLrFn', adjustLrFn, ['original', 'matchRmsAdamw', null]);
    if (!Array.isArray(nsCoefficients) || nsCoefficients.length !== 3 || !nsCoefficients.every(isNumber)) {
      throw new ArgumentError(`Muon: nsCoefficients must be three numbers, got ${text(nsCoefficients)}`);
    }
    const other = group.params.find(({ ndim }) => ndim !== 2);
    if (other !== undefined) {
      throw new ArgumentError(
        `Muon: takes matrices, got a parameter of shape ${formatShape(other.shape)}. Give the others to AdamW`,
      );
    }
  }

  protected override freshState(parameter: Tensor): MuonState {
    return { momentumBuffer: zerosLike(parameter) };
  }

  protected override update(group: ParamGroup<MuonOptions>): void {
    const { momentum, nesterov } = group;
    const byShape = new Map<string, Pending[]>();
    for (const [parameter, gradient] of withDecay(group.params, { ...group, decoupledWeightDecay: true })) {
      const { momentumBuffer } = this.stateOf(parameter, group);
      const buffer = average(momentumBuffer, gradient, momentum);
      const direction = nesterov ? gradient.mul(1 - momentum).add(buffer.mul(momentum)) : buffer;
      const key = `${parameter.shape.join(' ')} ${parameter.dtype} ${parameter.device}`;
      const pending = byShape.get(key);
      if (pending === undefined) byShape.set(key, [{ parameter, direction }]);
      else pending.push({ parameter, direction });
    }
    for (const pending of byShape.values()) updateBatch(pending, group);
  }
}

/** Updates matrices of one shape. */
function updateBatch(pending: readonly Pending[], options: MuonOptions): void {
  const [rows, columns] = pending[0].parameter.shape;
  const isTall = rows > columns;
  const directions = stack(pending.map(({ direction }) => (isTall ? direction.T : direction)));
  const orthogonal = orthogonalized(directions, options);
  const stepSize = options.lr * rateFactor(options.adjustLrFn, rows, columns);
  pending.forEach(({ parameter }, i) => {
    const step = orthogonal.select(0, i);
    descend(parameter, isTall ? step.T : step, stepSize);
  });
}

/** Matrices with singular values near 1, [batch, rows, columns], by a polynomial of odd degree applied repeatedly. */
function orthogonalized(matrices: Tensor, { nsCoefficients, nsSteps, eps }: MuonOptions): Tensor {
  const [a, b, c] = nsCoefficients;
  const norms = matrices.square().sum([1, 2], { keepdim: true }).sqrt();
  let x = matrices.div(norms.clamp(eps));
  for (let i = 0; i < nsSteps; i++) {
    const gram = x.matmul(x.mT);
    const polynomial = gram.mul(b).add(gram.matmul(gram).mul(c));
    x = x.mul(a).add(polynomial.matmul(x));
  }
  return x;
}

function rateFactor(adjust: MuonOptions['adjustLrFn'], rows: number, columns: number): number {
  if (adjust === 'matchRmsAdamw') return 0.2 * Math.sqrt(Math.max(rows, columns));
  return Math.sqrt(Math.max(1, rows / columns));
}
