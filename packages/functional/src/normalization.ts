// Normalisation over parts of a tensor: subtract the mean, divide by the deviation, scale and shift.
import {
  ArgumentError,
  checkOptions,
  formatShape,
  type Shape,
  ShapeError,
  sameShape,
  sizeOf,
} from '@nn/core';
import { requireTensor, runtimeOf, type Tensor, varMean, zeros } from '@nn/tensor';
import { requireFloat } from './arguments.ts';

export interface AffineOptions {
  /** Scales the result. */
  readonly weight?: Tensor | null;
  /** Added to the result. */
  readonly bias?: Tensor | null;
  /** Added to the variance. Default 1e-5. */
  readonly eps?: number;
}

export interface BatchNormOptions extends AffineOptions {
  /** Whether to use, and track, the batch's own statistics. Default false. */
  readonly training?: boolean;
  /** How much the batch's statistics weigh in the running ones. Default 0.1. */
  readonly momentum?: number | Tensor;
}

/**
 * Normalises each channel (dimension 1) over all others, by the batch's mean and variance while training, else by
 * the running ones (Ioffe and Szegedy 2015). Training updates the running statistics in place, the variance as the
 * unbiased one.
 *
 * @throws {ShapeError} when a parameter does not have one element for each channel.
 * @throws {ArgumentError} without running statistics outside of training.
 * @example
 * ```ts
 * import * as F from '@nn/functional';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const y = F.batchNorm(tensor([[1.5], [2.5]]), null, null, { training: true, eps: 0 });
 * console.log(await y.toArray()); // => [[-1], [1]]
 * ```
 */
export function batchNorm(
  x: Tensor,
  runningMean: Tensor | null,
  runningVar: Tensor | null,
  options: BatchNormOptions = {},
): Tensor {
  return overBatch('batchNorm', x, runningMean, runningVar, options).output;
}

/**
 * batchNorm, and the mean and 1 / deviation of each channel that it used; those are empty outside of training.
 *
 * @returns [output, mean, rstd].
 * @throws {ShapeError | ArgumentError} as batchNorm does.
 */
export function nativeBatchNorm(
  x: Tensor,
  runningMean: Tensor | null,
  runningVar: Tensor | null,
  options: BatchNormOptions = {},
): [Tensor, Tensor, Tensor] {
  const { output, mean, rstd } = overBatch('nativeBatchNorm', x, runningMean, runningVar, options);
  if (options.training === true) return [output, mean.reshape(-1), rstd.reshape(-1)];
  const none = zeros([0], { dtype: x.dtype, device: x.device });
  return [output, none, none];
}

function overBatch(
  functionName: string,
  x: Tensor,
  runningMean: Tensor | null,
  runningVar: Tensor | null,
  options: BatchNormOptions,
): Normalized {
  checkOptions(functionName, options, ['weight', 'bias', 'eps', 'training', 'momentum']);
  requireFloat(functionName, x);
  const { weight, bias, eps = 1e-5, training = false, momentum = 0.1 } = options;
  const channels = x.ndim > 1 ? x.shape[1] : sizeOf(x.shape);
  for (const [name, each] of Object.entries({ runningMean, runningVar, weight, bias })) {
    if (each != null && requireTensor(functionName, each).numel() !== channels) {
      throw new ShapeError(
        `${functionName}: ${name} has shape ${formatShape(each.shape)}, but an input of shape ${formatShape(x.shape)} has ${channels} channels`,
      );
    }
  }
  const alongChannels = (each: Tensor): Tensor =>
    x.ndim < 2 ? each : each.reshape(channels, ...new Array<number>(x.ndim - 2).fill(1));
  const moments = training
    ? batchMoments(functionName, x, runningMean, runningVar, momentum)
    : givenMoments(functionName, runningMean, runningVar);
  const parts = normalized(x, alongChannels(moments.mean), alongChannels(moments.variance), eps);
  const output = affine(
    parts.output,
    weight == null ? weight : alongChannels(weight),
    bias == null ? bias : alongChannels(bias),
  );
  // As in PyTorch, where statistics and weights may be wider than the input.
  return { ...parts, output: output.to(x.dtype) };
}

interface Normalized {
  readonly output: Tensor;
  readonly mean: Tensor;
  /** 1 / sqrt(variance + eps). */
  readonly rstd: Tensor;
}

interface Moments {
  readonly mean: Tensor;
  /** Divided by n. */
  readonly variance: Tensor;
}

function givenMoments(functionName: string, runningMean: Tensor | null, runningVar: Tensor | null): Moments {
  if (runningMean === null || runningVar === null) {
    throw new ArgumentError(`${functionName}: without training it needs runningMean and runningVar`);
  }
  return { mean: runningMean, variance: runningVar };
}

function batchMoments(
  functionName: string,
  x: Tensor,
  runningMean: Tensor | null,
  runningVar: Tensor | null,
  momentum: number | Tensor,
): Moments {
  const dims = x.shape.map((_, dim) => dim).filter((dim) => dim !== 1);
  const count = sizeOf(dims.map((dim) => x.shape[dim]));
  if (count === 1) {
    throw new ShapeError(
      `${functionName}: training needs more than one value for each channel, got an input of shape ${formatShape(x.shape)}`,
    );
  }
  const moments = momentsOver(x, dims);
  const mean = moments.mean.reshape(-1);
  const variance = moments.variance.reshape(-1);
  if (runningMean !== null) track(runningMean, mean, momentum);
  if (runningVar !== null) track(runningVar, variance.mul(count / Math.max(count - 1, 1)), momentum);
  return { mean, variance };
}

/** Reduced dimensions stay. */
function momentsOver(x: Tensor, dims: readonly number[]): Moments {
  const [variance, mean] = varMean(x, dims, { keepdim: true, correction: 0 });
  return { mean, variance };
}

/** running = (1 - momentum) running + momentum now, in place. */
function track(running: Tensor, now: Tensor, momentum: number | Tensor): void {
  const step = now.detach().sub(running).mul(momentum);
  running.add_(step.to(running.dtype));
  // Nobody reads it for many steps: without this the record of all of them would pile up.
  runtimeOf(running.device).keepLater(running.root.node, 'value');
}

function normalized(x: Tensor, mean: Tensor, variance: Tensor, eps: number): Normalized {
  const rstd = variance.add(eps).rsqrt();
  return { output: x.sub(mean).mul(rstd), mean, rstd };
}

function affine(x: Tensor, weight: Tensor | null | undefined, bias: Tensor | null | undefined): Tensor {
  const scaled = weight == null ? x : x.mul(weight);
  return bias == null ? scaled : scaled.add(bias);
}

/**
 * Normalises over the last dimensions, whose sizes are `normalizedShape` (Ba, Kiros and Hinton 2016).
 *
 * @throws {ShapeError} when the input does not end in that shape, or weight or bias do not have it.
 */
export function layerNorm(x: Tensor, normalizedShape: number | Shape, options: AffineOptions = {}): Tensor {
  return overLayer('layerNorm', x, normalizedShape, options).output;
}

/**
 * layerNorm, and the mean and 1 / deviation that it used, with sizes of 1 in the normalised dimensions.
 *
 * @returns [output, mean, rstd].
 * @throws {ShapeError} as layerNorm does.
 */
export function nativeLayerNorm(
  x: Tensor,
  normalizedShape: number | Shape,
  options: AffineOptions = {},
): [Tensor, Tensor, Tensor] {
  const { output, mean, rstd } = overLayer('nativeLayerNorm', x, normalizedShape, options);
  return [output, mean, rstd];
}

function overLayer(
  functionName: string,
  x: Tensor,
  normalizedShape: number | Shape,
  options: AffineOptions,
): Normalized {
  checkOptions(functionName, options, ['weight', 'bias', 'eps']);
  const { weight, bias, eps = 1e-5 } = options;
  const dims = normalizedDims(functionName, x, normalizedShape, { weight, bias });
  const { mean, variance } = momentsOver(x, dims);
  const parts = normalized(x, mean, variance, eps);
  return { ...parts, output: affine(parts.output, weight, bias) };
}

/** The dimensions that `normalizedShape` stands for. */
function normalizedDims(
  functionName: string,
  x: Tensor,
  normalizedShape: number | Shape,
  parameters: { readonly [name: string]: Tensor | null | undefined },
): number[] {
  requireFloat(functionName, x);
  const shape = typeof normalizedShape === 'number' ? [normalizedShape] : normalizedShape;
  if (shape.length === 0 || !sameShape(x.shape.slice(-shape.length), shape)) {
    throw new ShapeError(
      `${functionName}: an input of shape ${formatShape(x.shape)} does not end in normalizedShape ${formatShape(shape)}`,
    );
  }
  for (const [name, each] of Object.entries(parameters)) {
    if (each != null && !sameShape(requireTensor(functionName, each).shape, shape)) {
      throw new ShapeError(
        `${functionName}: ${name} has shape ${formatShape(each.shape)}, but normalizedShape is ${formatShape(shape)}`,
      );
    }
  }
  return shape.map((_, i) => x.ndim - shape.length + i);
}

export interface RmsNormOptions {
  /** Scales the result. */
  readonly weight?: Tensor | null;
  /** Added to the mean of squares. Default: the distance from 1 to the next number of the input's dtype. */
  readonly eps?: number | null;
}

const machineEpsilon: { readonly [dtype: string]: number } = {
  float16: 2 ** -10,
  bfloat16: 2 ** -7,
  float32: 2 ** -23,
  float64: 2 ** -52,
};

/**
 * x / sqrt(mean of squares + eps) over the last dimensions, whose sizes are `normalizedShape` (Zhang and Sennrich
 * 2019).
 *
 * @throws {ShapeError} when the input does not end in that shape, or the weight does not have it.
 * @example
 * ```ts
 * import * as F from '@nn/functional';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const y = F.rmsNorm(tensor([[1, 7]]).float(), 2, { weight: tensor([5, 5]).float(), eps: 0 });
 * console.log(await y.toArray()); // => [[1, 7]]
 * ```
 */
export function rmsNorm(x: Tensor, normalizedShape: number | Shape, options: RmsNormOptions = {}): Tensor {
  checkOptions('rmsNorm', options, ['weight', 'eps']);
  const { weight } = options;
  const dims = normalizedDims('rmsNorm', x, normalizedShape, { weight });
  const eps = options.eps ?? machineEpsilon[x.dtype];
  return affine(x.mul(x.square().mean(dims, { keepdim: true }).add(eps).rsqrt()), weight, null);
}

/**
 * Normalises `numGroups` groups of channels of [batch, channels, ...] each by itself (Wu and He 2018).
 *
 * @throws {ShapeError} when the channels cannot be split into the groups.
 */
export function groupNorm(x: Tensor, numGroups: number, options: AffineOptions = {}): Tensor {
  checkOptions('groupNorm', options, ['weight', 'bias', 'eps']);
  requireFloat('groupNorm', x);
  if (x.ndim < 2 || !Number.isInteger(numGroups) || numGroups < 1 || x.shape[1] % numGroups !== 0) {
    throw new ShapeError(
      `groupNorm: an input of shape ${formatShape(x.shape)} cannot be split into ${numGroups} groups: ` +
        'it needs channels (dimension 1) that the groups divide',
    );
  }
  const { weight, bias, eps = 1e-5 } = options;
  checkPerChannel('groupNorm', x, { weight, bias });
  const perGroup = sizeOf(x.shape.slice(1)) / numGroups;
  const grouped = x.reshape(x.shape[0], numGroups, perGroup);
  const { mean, variance } = momentsOver(grouped, [2]);
  const along = [x.shape[1], ...new Array<number>(x.ndim - 2).fill(1)];
  return affine(
    normalized(grouped, mean, variance, eps).output.reshape(x.shape),
    weight?.reshape(along),
    bias?.reshape(along),
  );
}

function checkPerChannel(
  functionName: string,
  x: Tensor,
  parameters: { readonly [name: string]: Tensor | null | undefined },
): void {
  for (const [name, each] of Object.entries(parameters)) {
    if (each != null && requireTensor(functionName, each).numel() !== x.shape[1]) {
      throw new ShapeError(
        `${functionName}: ${name} has shape ${formatShape(each.shape)}, but an input of shape ${formatShape(x.shape)} has ${x.shape[1]} channels`,
      );
    }
  }
}

export interface InstanceNormOptions extends AffineOptions {
  readonly runningMean?: Tensor | null;
  readonly runningVar?: Tensor | null;
  /** Whether to use, and track, the input's own statistics. Default true. */
  readonly useInputStats?: boolean;
  /** How much the input's statistics weigh in the running ones. Default 0.1. */
  readonly momentum?: number | Tensor;
}

/**
 * Normalises each channel of each batch entry by itself (Ulyanov et al. 2016).
 *
 * @throws {ShapeError} when a channel has one value only, or a parameter does not fit the channels.
 */
export function instanceNorm(x: Tensor, options: InstanceNormOptions = {}): Tensor {
  checkOptions('instanceNorm', options, [
    'weight',
    'bias',
    'eps',
    'runningMean',
    'runningVar',
    'useInputStats',
    'momentum',
  ]);
  requireFloat('instanceNorm', x);
  const { weight, bias, eps = 1e-5, runningMean = null, runningVar = null, momentum = 0.1 } = options;
  if (x.ndim < 2) {
    throw new ShapeError(`instanceNorm: takes [batch, channels, ...], got ${formatShape(x.shape)}`);
  }
  checkPerChannel('instanceNorm', x, { weight, bias, runningMean, runningVar });
  if (options.useInputStats === false)
    return overBatch('instanceNorm', x, runningMean, runningVar, { weight, bias, eps }).output;
  const dims = x.shape.map((_, dim) => dim).slice(2);
  const count = sizeOf(x.shape.slice(2));
  if (count <= 1) {
    throw new ShapeError(
      `instanceNorm: needs more than one value for each channel, got an input of shape ${formatShape(x.shape)}`,
    );
  }
  const { mean, variance } = momentsOver(x, dims);
  const perEntry = [x.shape[0], x.shape[1]];
  if (runningMean !== null) track(runningMean, mean.reshape(perEntry).mean(0), momentum);
  if (runningVar !== null) {
    track(
      runningVar,
      variance
        .reshape(perEntry)
        .mean(0)
        .mul(count / (count - 1)),
      momentum,
    );
  }
  const along = [x.shape[1], ...dims.map(() => 1)];
  return affine(normalized(x, mean, variance, eps).output, weight?.reshape(along), bias?.reshape(along));
}
