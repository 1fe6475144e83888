// Parametrizations that keep weights within bounds: `torch.nn.utils.parametrizations`.
import { noGrad } from '@nn/autograd';
import { normalize } from '@nn/functional';
import {
  ArgumentError,
  cat,
  checkOptions,
  formatShape,
  isTensor,
  normalizeDim,
  randn,
  runtimeOf,
  ShapeError,
  type Tensor,
  zeros,
} from '@nn/tensor';
import {
  cayleyTransform,
  householderProduct,
  householderVectors,
  matrixExponential,
  polarFactor,
} from './matrix-functions.ts';
import { Module } from './module.ts';
import type { ModuleBase } from './module-base.ts';
import { registerParametrization } from './parametrize.ts';
import { ConvTranspose1d, ConvTranspose2d, ConvTranspose3d } from './transposed-convolution.ts';

function weightOf(functionName: string, module: ModuleBase, name: string): Tensor {
  const weight: unknown = Reflect.get(module, name);
  if (isTensor(weight)) return weight;
  throw new ArgumentError(`${functionName}: this ${module.constructor.name} has no tensor '${name}'`);
}

/** g v / |v|, with a length g for each slice along a dimension (null: one for all). */
class WeightNorm extends Module<[length: Tensor, direction: Tensor], Tensor> {
  readonly dim: number | null;

  constructor(dim: number | null) {
    super();
    this.dim = dim;
  }

  private lengths(weight: Tensor): Tensor {
    if (this.dim === null) return weight.norm(2);
    const kept = normalizeDim('weightNorm', this.dim, weight.ndim);
    const others = weight.shape.map((_, i) => i).filter((i) => i !== kept);
    return others.length === 0 ? weight.abs() : weight.norm(2, others, { keepdim: true });
  }

  override forward(length: Tensor, direction: Tensor): Tensor {
    return direction.mul(length.div(this.lengths(direction)));
  }

  rightInverse(weight: Tensor): Tensor[] {
    return [this.lengths(weight), weight];
  }
}

/**
 * Learns a weight as length times direction (Salimans and Kingma 2016): `original0` and `original1` of its
 * parametrization. `dim` is the dimension whose slices have a length each; null: one for the whole weight.
 *
 * @returns The module.
 */
export function weightNorm<M extends ModuleBase>(
  module: M,
  name: string = 'weight',
  dim: number | null = 0,
): M {
  weightOf('weightNorm', module, name);
  return registerParametrization(module, name, new WeightNorm(dim), { unsafe: true });
}

export interface SpectralNormOptions {
  /** Power iterations for each forward in training. Default 1. */
  readonly nPowerIterations?: number;
  /** Added to norms. Default 1e-12. */
  readonly eps?: number;
  /** The dimension of the outputs. Default 0, for transposed convolutions 1. */
  readonly dim?: number;
}

/** The weight divided by its greatest singular value, which power iteration follows. */
class SpectralNorm extends Module<[Tensor], Tensor> {
  readonly nPowerIterations: number;
  readonly eps: number;
  readonly dim: number;
  declare _u: Tensor | null;
  declare _v: Tensor | null;

  constructor(weight: Tensor, options: SpectralNormOptions) {
    super();
    this.nPowerIterations = options.nPowerIterations ?? 1;
    this.eps = options.eps ?? 1e-12;
    this.dim = normalizeDim('spectralNorm', options.dim ?? 0, weight.ndim);
    const matrix = weight.ndim > 1 ? this.asMatrix(weight.detach()) : null;
    const start = (size: number): Tensor =>
      normalize(randn([size], { dtype: weight.dtype, device: weight.device }), { dim: 0, eps: this.eps });
    this.registerBuffer('_u', matrix && start(matrix.shape[0]));
    this.registerBuffer('_v', matrix && start(matrix.shape[1]));
    if (matrix !== null) this.iterate(matrix, 15);
  }

  private asMatrix(weight: Tensor): Tensor {
    return weight.movedim(this.dim, 0).flatten(1);
  }

  private iterate(matrix: Tensor, times: number): void {
    const { _u: u, _v: v, eps } = this;
    noGrad(() => {
      for (let i = 0; i < times; i++) {
        u!.copy_(normalize(matrix.mv(v!), { dim: 0, eps }));
        v!.copy_(normalize(matrix.transpose(0, 1).mv(u!), { dim: 0, eps }));
      }
    });
    // Computed with the next step, so that the record of many steps does not pile up.
    for (const vector of [u!, v!]) runtimeOf(vector.device).keepLater(vector.node, 'value');
  }

  override forward(weight: Tensor): Tensor {
    if (this._u === null || this._v === null) return normalize(weight, { dim: 0, eps: this.eps });
    const matrix = this.asMatrix(weight);
    if (this.training) this.iterate(matrix.detach(), this.nPowerIterations);
    // Copies: the next iteration writes over the vectors, and backward needs them.
    const sigma = this._u.clone().dot(matrix.mv(this._v.clone()));
    return weight.div(sigma);
  }

  rightInverse(value: Tensor): Tensor {
    return value;
  }
}

/**
 * Divides a weight by its greatest singular value (Miyato et al. 2018), so that the layer does not lengthen vectors.
 *
 * @returns The module.
 * @example
 * ```ts
 * import { Linear, parametrizations } from '@nn/modules';
 * import { interpreter, use } from '@nn/tensor';
 * use(interpreter());
 * const layer = parametrizations.spectralNorm(new Linear(20, 40));
 * console.log(String(layer).split('(')[0], layer.weight.shape); // => ParametrizedLinear [40, 20]
 * ```
 */
export function spectralNorm<M extends ModuleBase>(
  module: M,
  name: string = 'weight',
  options: SpectralNormOptions = {},
): M {
  checkOptions('spectralNorm', options, ['nPowerIterations', 'eps', 'dim']);
  const { nPowerIterations = 1 } = options;
  if (!Number.isInteger(nPowerIterations) || nPowerIterations < 1)
    throw new ArgumentError(
      `spectralNorm: nPowerIterations must be a positive integer, got ${nPowerIterations}`,
    );
  const weight = weightOf('spectralNorm', module, name);
  const isTransposed = [ConvTranspose1d, ConvTranspose2d, ConvTranspose3d].some(
    (each) => module instanceof each,
  );
  const dim = options.dim ?? (isTransposed ? 1 : 0);
  return registerParametrization(module, name, new SpectralNorm(weight, { ...options, dim }));
}

export type OrthogonalMap = 'matrixExp' | 'cayley' | 'householder';

export interface OrthogonalOptions {
  /** What makes orthogonal matrices of others. Default 'matrixExp' for square weights, else 'householder'. */
  readonly orthogonalMap?: OrthogonalMap;
  /**
   * Whether the product with the matrix at the start is learnt (Lezcano-Casado 2019), which trains better. Without it
   * only 'householder' can start from, or be assigned, a given weight. Default true.
   */
  readonly useTrivialization?: boolean;
}

/** Orthonormal columns (rows, if wide). */
class Orthogonal extends Module<[Tensor], Tensor> {
  readonly orthogonalMap: OrthogonalMap;
  declare base: Tensor | null;

  constructor(weight: Tensor, orthogonalMap: OrthogonalMap, useTrivialization: boolean) {
    super();
    this.orthogonalMap = orthogonalMap;
    this.registerBuffer('base', useTrivialization ? weight.detach() : null);
  }

  override forward(x: Tensor): Tensor {
    const [rows, columns] = x.shape.slice(-2);
    if (rows < columns) return this.forTall(x.transpose(-2, -1)).transpose(-2, -1);
    return this.forTall(x);
  }

  private forTall(x: Tensor): Tensor {
    const { base } = this;
    const q = this.orthogonalMap === 'householder' ? this.reflected(x) : this.rotated(x);
    return base === null ? q : base.matmul(q);
  }

  private reflected(x: Tensor): Tensor {
    const signs = x.detach().diagonal(0, -2, -1).unsqueeze(-2);
    return householderProduct(x).mul(signs);
  }

  private rotated(x: Tensor): Tensor {
    const [n, k] = x.shape.slice(-2);
    const { dtype, device } = x;
    const lower = x.tril();
    const square =
      n === k ? lower : cat([lower, zeros([...x.shape.slice(0, -1), n - k], { dtype, device })], -1);
    const skew = square.sub(square.transpose(-2, -1));
    const q = this.orthogonalMap === 'cayley' ? cayleyTransform(skew) : matrixExponential(skew);
    return n === k ? q : q.narrow(-1, 0, k);
  }

  rightInverse(value: Tensor): Tensor {
    const [rows, columns] = value.shape.slice(-2);
    const tall = rows < columns ? value.transpose(-2, -1) : value;
    const back = (x: Tensor): Tensor => (rows < columns ? x.transpose(-2, -1) : x);
    if (this.base === null) {
      if (this.orthogonalMap !== 'householder') {
        throw new ArgumentError(
          `orthogonal: with '${this.orthogonalMap}' and without useTrivialization no value can be assigned`,
        );
      }
      return back(householderVectors(polarFactor(tall)));
    }
    this.base = completed(polarFactor(tall));
    const { dtype, device } = value;
    const [n, k] = tall.shape.slice(-2);
    const zero = zeros([...tall.shape.slice(0, -2), n, k], { dtype, device });
    if (this.orthogonalMap !== 'householder') return back(zero);
    // Reflections along the axes make -1 of each column; the signs on the diagonal take it back.
    return back(zero.sub(zero.add(1).tril().triu()));
  }
}

/** Orthonormal columns completed to a square matrix. */
function completed(q: Tensor): Tensor {
  const [n, k] = q.shape.slice(-2);
  if (n === k) return q;
  const { dtype, device } = q;
  let rest = randn([...q.shape.slice(0, -2), n, n - k], { dtype, device });
  // Twice is enough (Giraud et al. 2005).
  for (let i = 0; i < 2; i++) rest = rest.sub(q.matmul(q.transpose(-2, -1).matmul(rest)));
  return cat([q, polarFactor(rest)], -1);
}

/**
 * Keeps the columns of a weight [..., n, k] orthonormal (its rows, where n < k). It starts from the orthogonal matrix
 * nearest to the weight.
 *
 * @returns The module.
 * @throws {ShapeError} for a weight of fewer than two dimensions.
 * @example
 * ```ts
 * import { Linear, parametrizations } from '@nn/modules';
 * import { eye, interpreter, use } from '@nn/tensor';
 * use(interpreter());
 * const { weight } = parametrizations.orthogonal(new Linear(4, 4));
 * console.log(await weight.matmul(weight.transpose(0, 1)).allclose(eye(4), { atol: 1e-5 })); // => true
 * ```
 */
export function orthogonal<M extends ModuleBase>(
  module: M,
  name: string = 'weight',
  options: OrthogonalOptions = {},
): M {
  checkOptions('orthogonal', options, ['orthogonalMap', 'useTrivialization']);
  const weight = weightOf('orthogonal', module, name);
  if (weight.ndim < 2) {
    throw new ShapeError(
      `orthogonal: takes a weight of at least 2 dimensions, got ${formatShape(weight.shape)}`,
    );
  }
  const [n, k] = weight.shape.slice(-2);
  const { orthogonalMap = n === k ? 'matrixExp' : 'householder', useTrivialization = true } = options;
  if (!['matrixExp', 'cayley', 'householder'].includes(orthogonalMap)) {
    throw new ArgumentError(
      `orthogonal: orthogonalMap must be 'matrixExp', 'cayley' or 'householder', got '${orthogonalMap}'`,
    );
  }
  const parametrization = new Orthogonal(weight, orthogonalMap, useTrivialization);
  if (!useTrivialization && orthogonalMap !== 'householder')
    Reflect.set(parametrization, 'rightInverse', undefined);
  return registerParametrization(module, name, parametrization, { unsafe: true });
}
