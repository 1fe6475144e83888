// Initial values, written into tensors in place: `torch.nn.init`.

import { noGrad } from '@nn/autograd';
import {
  ArgumentError,
  argsort,
  checkOptions,
  eye,
  formatShape,
  type Generator,
  type RandomOptions,
  rand,
  randn,
  ShapeError,
  type Tensor,
  tensor,
} from '@nn/tensor';
import { polarFactor } from './matrix-functions.ts';

export interface RandomInitOptions {
  /** Where the random numbers come from. Default: the generator that `manualSeed` sets. */
  readonly generator?: Generator;
}

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

function drawnFrom({ generator }: RandomInitOptions): RandomInitOptions {
  return generator === undefined ? {} : { generator };
}

function like({ device, dtype }: Tensor, options: RandomInitOptions = {}): RandomOptions {
  return { device, dtype, ...drawnFrom(options) };
}

export interface UniformOptions extends RandomInitOptions {
  /** Default 0. */
  readonly a?: number;
  /** Default 1. */
  readonly b?: number;
}

/** Uniform in [a, b). */
export function uniform_(x: Tensor, options: UniformOptions = {}): Tensor {
  checkOptions('uniform_', options, ['a', 'b', 'generator']);
  const { a = 0, b = 1 } = options;
  return write(x, () =>
    rand(x.shape, like(x, options))
      .mul(b - a)
      .add(a),
  );
}

export interface NormalOptions extends RandomInitOptions {
  /** Default 0. */
  readonly mean?: number;
  /** Standard deviation. Default 1. */
  readonly std?: number;
}

/** Normal. */
export function normal_(x: Tensor, options: NormalOptions = {}): Tensor {
  checkOptions('normal_', options, ['mean', 'std', 'generator']);
  const { mean = 0, std = 1 } = options;
  return write(x, () => randn(x.shape, like(x, options)).mul(std).add(mean));
}

export interface TruncNormalOptions extends NormalOptions {
  /** Lower bound. Default -2. */
  readonly a?: number;
  /** Upper bound. Default 2. */
  readonly b?: number;
}

/** Normal, of which only [a, b] is drawn: by the inverse of the cumulative distribution. */
export function truncNormal_(x: Tensor, options: TruncNormalOptions = {}): Tensor {
  checkOptions('truncNormal_', options, ['mean', 'std', 'a', 'b', 'generator']);
  const { mean = 0, std = 1, a = -2, b = 2 } = options;
  return write(x, () => {
    const bound = (value: number): Tensor =>
      tensor((value - mean) / (std * Math.SQRT2), { dtype: x.dtype, device: x.device }).erf();
    const [lower, upper] = [bound(a), bound(b)];
    const drawn = rand(x.shape, like(x, options)).mul(upper.sub(lower)).add(lower);
    return drawn
      .erfinv()
      .mul(std * Math.SQRT2)
      .add(mean)
      .clamp(a, b);
  });
}

/** All elements the same. */
export function constant_(x: Tensor, value: number): Tensor {
  return noGrad(() => x.fill_(value));
}

/** All elements 0. */
export function zeros_(x: Tensor): Tensor {
  return constant_(x, 0);
}

/** All elements 1. */
export function ones_(x: Tensor): Tensor {
  return constant_(x, 1);
}

/** The identity matrix. */
export function eye_(x: Tensor): Tensor {
  if (x.ndim !== 2) throw new ShapeError(`eye_: takes a matrix, got ${formatShape(x.shape)}`);
  return write(x, () => eye(x.shape[0], x.shape[1], like(x)));
}

/**
 * 1 at the center of the kernel from each input channel to the same output channel, else 0: a convolution that hands
 * through as many channels as it can, in each of the groups.
 *
 * @throws {ShapeError} for weights other than of a convolution in one to three dimensions.
 */
export function dirac_(x: Tensor, groups: number = 1): Tensor {
  if (x.ndim < 3 || x.ndim > 5)
    throw new ShapeError(
      `dirac_: takes the weight of a convolution, 3 to 5 dimensions, got ${formatShape(x.shape)}`,
    );
  const [out, channels, ...kernel] = x.shape;
  if (!Number.isInteger(groups) || groups < 1 || out % groups !== 0)
    throw new ArgumentError(`dirac_: ${out} output channels cannot be split into ${groups} groups`);
  const size = kernel.reduce((a, b) => a * b, 1);
  const center = kernel.reduce((at, extent) => at * extent + Math.floor(extent / 2), 0);
  const perGroup = out / groups;
  const values = new Float32Array(out * channels * size);
  for (let row = 0; row < out; row++) {
    const channel = row % perGroup;
    if (channel < channels) values[(row * channels + channel) * size + center] = 1;
  }
  return write(x, () => tensor(values, { shape: x.shape, device: x.device }).to(x.dtype));
}

export interface GainOptions extends RandomInitOptions {
  /** Default 1. */
  readonly gain?: number;
}

/**
 * A random matrix [rows, the rest] with orthonormal rows or columns, whichever are fewer, uniformly distributed among
 * those (Saxe et al. 2013): the orthogonal factor of normal random numbers.
 *
 * @throws {ShapeError} for tensors of fewer than two dimensions.
 * @example
 * ```ts
 * import { init } from '@nn/modules';
 * import { eye, interpreter, use, zeros } from '@nn/tensor';
 * use(interpreter());
 * const x = init.orthogonal_(zeros([3, 5]));
 * console.log(await x.matmul(x.transpose(0, 1)).allclose(eye(3), { atol: 1e-5 })); // => true
 * ```
 */
export function orthogonal_(x: Tensor, options: GainOptions = {}): Tensor {
  checkOptions('orthogonal_', options, ['gain', 'generator']);
  if (x.ndim < 2)
    throw new ShapeError(`orthogonal_: takes at least 2 dimensions, got ${formatShape(x.shape)}`);
  if (x.numel() === 0) return x;
  const rows = x.shape[0];
  return write(x, () =>
    polarFactor(randn([rows, x.numel() / rows], like(x, options)))
      .mul(options.gain ?? 1)
      .reshape(x.shape),
  );
}

export interface SparseOptions extends RandomInitOptions {
  /** Standard deviation of the elements that are not 0. Default 0.01. */
  readonly std?: number;
}

/**
 * Normal, with a fraction of each column, `sparsity` (rounded up), set to 0 at random places (Martens 2010).
 *
 * @throws {ShapeError} unless it is a matrix.
 */
export function sparse_(x: Tensor, sparsity: number, options: SparseOptions = {}): Tensor {
  checkOptions('sparse_', options, ['std', 'generator']);
  if (x.ndim !== 2) throw new ShapeError(`sparse_: takes a matrix, got ${formatShape(x.shape)}`);
  if (!(sparsity >= 0 && sparsity <= 1))
    throw new ArgumentError(`sparse_: sparsity must lie between 0 and 1, got ${sparsity}`);
  const zeroes = Math.ceil(sparsity * x.shape[0]);
  return write(x, () => {
    const values = randn(x.shape, like(x, options)).mul(options.std ?? 0.01);
    // Ranks of random numbers are a random order.
    const order = argsort(rand(x.shape, { ...like(x, options), dtype: 'float32' }), 0);
    const rank = argsort(order, 0);
    return values.mul(rank.ge(zeroes).to(x.dtype));
  });
}

/** Keeps the variance of signals and gradients through linear layers (Glorot and Bengio 2010). */
export function xavierUniform_(x: Tensor, gain: number = 1, options: RandomInitOptions = {}): Tensor {
  const { fanIn, fanOut } = calculateFans(x);
  const bound = gain * Math.sqrt(6 / (fanIn + fanOut));
  return uniform_(x, { a: -bound, b: bound, ...options });
}

/** As xavierUniform_, normal. */
export function xavierNormal_(x: Tensor, gain: number = 1, options: RandomInitOptions = {}): Tensor {
  const { fanIn, fanOut } = calculateFans(x);
  return normal_(x, { std: gain * Math.sqrt(2 / (fanIn + fanOut)), ...options });
}

export interface KaimingOptions extends RandomInitOptions {
  /** leakyRelu's negative slope. Default 0. */
  readonly a?: number;
  /** Keep the variance of signals ('fanIn') or of gradients ('fanOut'). Default 'fanIn'. */
  readonly mode?: 'fanIn' | 'fanOut';
  /** Default 'leakyRelu'. */
  readonly nonlinearity?: Nonlinearity;
}

function kaimingDeviation(name: string, x: Tensor, options: KaimingOptions): number {
  checkOptions(name, options, ['a', 'mode', 'nonlinearity', 'generator']);
  const { a = 0, mode = 'fanIn', nonlinearity = 'leakyRelu' } = options;
  if (mode !== 'fanIn' && mode !== 'fanOut') {
    throw new ArgumentError(`${name}: mode must be 'fanIn' or 'fanOut', got '${String(mode)}'`);
  }
  return calculateGain(nonlinearity, a) / Math.sqrt(calculateFans(x)[mode]);
}

/** Keeps the variance through layers with ReLUs (He et al. 2015). */
export function kaimingUniform_(x: Tensor, options: KaimingOptions = {}): Tensor {
  const bound = Math.sqrt(3) * kaimingDeviation('kaimingUniform_', x, options);
  return uniform_(x, { a: -bound, b: bound, ...drawnFrom(options) });
}

/** As kaimingUniform_, normal. */
export function kaimingNormal_(x: Tensor, options: KaimingOptions = {}): Tensor {
  return normal_(x, { std: kaimingDeviation('kaimingNormal_', x, options), ...drawnFrom(options) });
}
