// Initial values, written into tensors in place: `torch.nn.init`.

import { noGrad } from '@nn/autograd';
import {
  ArgumentError,
  checkOptions,
  eye,
  formatShape,
  rand,
  randn,
  ShapeError,
  type Tensor,
} from '@nn/tensor';

export type Nonlinearity = 'linear' | 'conv' | 'sigmoid' | 'tanh' | 'relu' | 'leakyRelu' | 'selu';

/** The factor by which a nonlinearity shrinks a signal's deviation. `parameter` is leakyRelu's negative slope. */
export function calculateGain(nonlinearity: Nonlinearity, parameter: number = 0.01): number {
  switch (nonlinearity) {
    case 'linear':
    case 'conv':
    case 'sigmoid':
      return 1;
    case 'tanh':
      return 5 / 3;
    case 'relu':
      return Math.SQRT2;
    case 'leakyRelu':
      return Math.sqrt(2 / (1 + parameter ** 2));
    case 'selu':
      return 3 / 4;
    default:
      throw new ArgumentError(`calculateGain: unknown nonlinearity '${String(nonlinearity)}'`);
  }
}

/**
 * How many elements feed an output, and how many outputs an element feeds.
 *
 * @throws {ShapeError} for tensors of fewer than two dimensions.
 */
export function calculateFans(x: Tensor): { readonly fanIn: number; readonly fanOut: number } {
  if (x.ndim < 2) {
    throw new ShapeError(`init: fan in and out need at least 2 dimensions, got ${formatShape(x.shape)}`);
  }
  const field = x.shape.slice(2).reduce((a, b) => a * b, 1);
  return { fanIn: x.shape[1] * field, fanOut: x.shape[0] * field };
}

function write(x: Tensor, values: () => Tensor): Tensor {
  return noGrad(() => x.copy_(values()));
}

const like = (x: Tensor): { device: string; dtype: Tensor['dtype'] } => ({
  device: x.device,
  dtype: x.dtype,
});

/** Uniform in [a, b); default [0, 1). */
export function uniform_(x: Tensor, options: { readonly a?: number; readonly b?: number } = {}): Tensor {
  checkOptions('uniform_', options, ['a', 'b']);
  const { a = 0, b = 1 } = options;
  return write(x, () =>
    rand(x.shape, like(x))
      .mul(b - a)
      .add(a),
  );
}

/** Normal; default mean 0 and standard deviation 1. */
export function normal_(x: Tensor, options: { readonly mean?: number; readonly std?: number } = {}): Tensor {
  checkOptions('normal_', options, ['mean', 'std']);
  const { mean = 0, std = 1 } = options;
  return write(x, () => randn(x.shape, like(x)).mul(std).add(mean));
}

export interface TruncNormalOptions {
  readonly mean?: number;
  readonly std?: number;
  /** Lower bound. Default -2. */
  readonly a?: number;
  /** Upper bound. Default 2. */
  readonly b?: number;
}

/** Normal, drawn again where outside of [a, b]: by the inverse of the cumulative distribution. */
export function truncNormal_(x: Tensor, options: TruncNormalOptions = {}): Tensor {
  checkOptions('truncNormal_', options, ['mean', 'std', 'a', 'b']);
  const { mean = 0, std = 1, a = -2, b = 2 } = options;
  const lower = errorFunction((a - mean) / (std * Math.SQRT2));
  const upper = errorFunction((b - mean) / (std * Math.SQRT2));
  return write(x, () =>
    inverseErrorFunction(
      rand(x.shape, like(x))
        .mul(upper - lower)
        .add(lower),
    )
      .mul(std * Math.SQRT2)
      .add(mean)
      .clamp(a, b),
  );
}

/** Abramowitz and Stegun 7.1.26: within 1.5e-7. */
function errorFunction(x: number): number {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const series =
    t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return Math.sign(x) * (1 - series * Math.exp(-x * x));
}

// Giles, "Approximating the erfinv function" (2010), single precision.
const central = [
  2.81022636e-8, 3.43273939e-7, -3.5233877e-6, -4.39150654e-6, 2.1858087e-4, -1.25372503e-3, -4.17768164e-3,
  0.246640727, 1.50140941,
];
const tail = [
  -2.00214257e-4, 1.00950558e-4, 1.34934322e-3, -3.67342844e-3, 5.73950773e-3, -7.6224613e-3, 9.43887047e-3,
  1.00167406, 2.83297682,
];

function inverseErrorFunction(x: Tensor): Tensor {
  const w = x.neg().add(1).mul(x.add(1)).log().neg();
  const horner = (at: Tensor, coefficients: readonly number[]): Tensor =>
    coefficients.slice(1).reduce((sum, each) => sum.mul(at).add(each), at.mul(0).add(coefficients[0]));
  const near = horner(w.sub(2.5), central);
  const far = horner(w.clamp(5).sqrt().sub(3), tail);
  return near.where(w.lt(5), far).mul(x);
}

export function constant_(x: Tensor, value: number): Tensor {
  return noGrad(() => x.fill_(value));
}

export function zeros_(x: Tensor): Tensor {
  return constant_(x, 0);
}

export function ones_(x: Tensor): Tensor {
  return constant_(x, 1);
}

/** The identity matrix. */
export function eye_(x: Tensor): Tensor {
  if (x.ndim !== 2) throw new ShapeError(`eye_: takes a matrix, got ${formatShape(x.shape)}`);
  return write(x, () => eye(x.shape[0], x.shape[1], like(x)));
}

/** Keeps the variance of signals and gradients through linear layers (Glorot and Bengio 2010). */
export function xavierUniform_(x: Tensor, gain: number = 1): Tensor {
  const { fanIn, fanOut } = calculateFans(x);
  const bound = gain * Math.sqrt(6 / (fanIn + fanOut));
  return uniform_(x, { a: -bound, b: bound });
}

/** As xavierUniform_, normal. */
export function xavierNormal_(x: Tensor, gain: number = 1): Tensor {
  const { fanIn, fanOut } = calculateFans(x);
  return normal_(x, { std: gain * Math.sqrt(2 / (fanIn + fanOut)) });
}

export interface KaimingOptions {
  /** leakyRelu's negative slope. Default 0. */
  readonly a?: number;
  /** Keep the variance of signals ('fanIn') or of gradients ('fanOut'). Default 'fanIn'. */
  readonly mode?: 'fanIn' | 'fanOut';
  /** Default 'leakyRelu'. */
  readonly nonlinearity?: Nonlinearity;
}

function kaimingDeviation(name: string, x: Tensor, options: KaimingOptions): number {
  checkOptions(name, options, ['a', 'mode', 'nonlinearity']);
  const { a = 0, mode = 'fanIn', nonlinearity = 'leakyRelu' } = options;
  if (mode !== 'fanIn' && mode !== 'fanOut') {
    throw new ArgumentError(`${name}: mode must be 'fanIn' or 'fanOut', got '${String(mode)}'`);
  }
  return calculateGain(nonlinearity, a) / Math.sqrt(calculateFans(x)[mode]);
}

/** Keeps the variance through layers with ReLUs (He et al. 2015). */
export function kaimingUniform_(x: Tensor, options: KaimingOptions = {}): Tensor {
  const bound = Math.sqrt(3) * kaimingDeviation('kaimingUniform_', x, options);
  return uniform_(x, { a: -bound, b: bound });
}

/** As kaimingUniform_, normal. */
export function kaimingNormal_(x: Tensor, options: KaimingOptions = {}): Tensor {
  return normal_(x, { std: kaimingDeviation('kaimingNormal_', x, options) });
}
