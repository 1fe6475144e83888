// Convolution as one contraction over sliding windows. No copy of the windows is made where a backend reads
// strided operands; the product comes out channels first, so that the result is a permuted view whose rows along
// the last dimensions stay contiguous.
import { ArgumentError, checkOptions, DTypeError, formatShape, ShapeError } from '@nn/core';
import {
  addedToProduct,
  apply,
  convolutionAdjoint,
  isProductOf,
  requireTensor,
  type Tensor,
} from '@nn/tensor';
import { requireSpatial, type Sizes, spatialSizes } from './arguments.ts';

export interface ConvOptions {
  /** Default 1. */
  readonly stride?: Sizes;
  /** Zeros on both sides; 'same' keeps the size (stride 1), 'valid' adds none. Default 0. */
  readonly padding?: Sizes | 'same' | 'valid';
  /** Distance between kernel elements. Default 1. */
  readonly dilation?: Sizes;
  /** Channels are split into as many groups, each convolved alone. Default 1. */
  readonly groups?: number;
}

interface Geometry {
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  readonly before: readonly number[];
  readonly after: readonly number[];
  readonly groups: number;
}

/**
 * Convolves [batch, channels, length] (or without batch) with a weight of [out, channels / groups, kernel].
 *
 * @throws {ShapeError} when channels, groups, bias or kernel do not fit.
 */
export function conv1d(x: Tensor, weight: Tensor, bias?: Tensor | null, options: ConvOptions = {}): Tensor {
  return convolve('conv1d', 1, x, weight, bias, options);
}

/**
 * Convolves [batch, channels, height, width] (or without batch) with a weight of
 * [out, channels / groups, kernel height, kernel width]; see `torch.nn.functional.conv2d`.
 *
 * @throws {ShapeError} when channels, groups, bias or kernel do not fit.
 * @example
 * ```ts
 * import * as F from '@nn/functional';
 * import { interpreter, ones, use } from '@nn/tensor';
 * use(interpreter());
 * const y = F.conv2d(ones([1, 1, 3, 3]), ones([2, 1, 3, 3]), null, { padding: 1 });
 * console.log(y.shape, await y.at(0, 0, 1, 1).item()); // => [1, 2, 3, 3] 9
 * ```
 */
export function conv2d(x: Tensor, weight: Tensor, bias?: Tensor | null, options: ConvOptions = {}): Tensor {
  return convolve('conv2d', 2, x, weight, bias, options);
}

/**
 * Convolves [batch, channels, depth, height, width] (or without batch) with a weight of
 * [out, channels / groups, kernel depth, height, width].
 *
 * @throws {ShapeError} when channels, groups, bias or kernel do not fit.
 */
export function conv3d(x: Tensor, weight: Tensor, bias?: Tensor | null, options: ConvOptions = {}): Tensor {
  return convolve('conv3d', 3, x, weight, bias, options);
}

function convolve(
  name: string,
  rank: number,
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null | undefined,
  options: ConvOptions,
): Tensor {
  checkOptions(name, options, ['stride', 'padding', 'dilation', 'groups']);
  requireSpatial(name, x, rank);
  requireTensor(name, weight);
  if (weight.ndim !== rank + 2) {
    throw new ShapeError(
      `${name}: the weight must have ${rank + 2} dimensions, got ${formatShape(weight.shape)}`,
    );
  }
  const geometry = geometryOf(name, rank, weight, options);
  checkChannels(name, x, rank, weight, bias, geometry.groups);
  const batched = x.ndim === rank + 2;
  const result = contract(name, batched ? x : x.unsqueeze(0), weight, bias, geometry);
  return batched ? result : result.squeeze(0);
}

function geometryOf(name: string, rank: number, weight: Tensor, options: ConvOptions): Geometry {
  const stride = spatialSizes(name, 'stride', options.stride ?? 1, rank, 1);
  const dilation = spatialSizes(name, 'dilation', options.dilation ?? 1, rank, 1);
  const groups = options.groups ?? 1;
  if (!Number.isInteger(groups) || groups < 1) {
    throw new ArgumentError(`${name}: groups must be an integer of at least 1, got ${groups}`);
  }
  const { padding = 0 } = options;
  if (typeof padding !== 'string') {
    const before = spatialSizes(name, 'padding', padding, rank, 0);
    return { stride, dilation, before, after: before, groups };
  }
  const none = new Array<number>(rank).fill(0);
  if (padding === 'valid') return { stride, dilation, before: none, after: none, groups };
  if (padding !== 'same') {
    throw new ArgumentError(`${name}: padding must be numbers, 'same' or 'valid', got '${String(padding)}'`);
  }
  if (stride.some((step) => step !== 1)) {
    throw new ArgumentError(`${name}: padding 'same' needs stride 1, got ${formatShape(stride)}`);
  }
  const total = dilation.map((step, i) => step * (weight.shape[i + 2] - 1));
  const before = total.map((extent) => Math.floor(extent / 2));
  return { stride, dilation, before, after: total.map((extent, i) => extent - before[i]), groups };
}

function checkChannels(
  name: string,
  x: Tensor,
  rank: number,
  weight: Tensor,
  bias: Tensor | null | undefined,
  groups: number,
): void {
  const channels = x.shape[x.ndim - rank - 1];
  const [outChannels, perGroup] = weight.shape;
  checkOperands(name, x, weight, bias, outChannels);
  if (channels !== perGroup * groups) {
    throw new ShapeError(
      `${name}: an input of shape ${formatShape(x.shape)} has ${channels} channels, but a weight of shape ` +
        `${formatShape(weight.shape)} with groups ${groups} takes ${perGroup * groups}`,
    );
  }
  if (outChannels % groups !== 0) {
    throw new ShapeError(
      `${name}: the ${outChannels} output channels of a weight of shape ${formatShape(weight.shape)} cannot be split into ${groups} groups`,
    );
  }
}

function checkOperands(
  name: string,
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null | undefined,
  outChannels: number,
): void {
  if (!isProductOf(x, weight)) {
    throw new DTypeError(`${name}: the input is ${x.dtype} and the weight ${weight.dtype}; cast one of them`);
  }
  if (weight.shape.slice(2).includes(0)) {
    throw new ShapeError(
      `${name}: a weight of shape ${formatShape(weight.shape)} has a kernel without elements`,
    );
  }
  if (bias == null) return;
  if (requireTensor(name, bias).ndim !== 1 || bias.shape[0] !== outChannels) {
    throw new ShapeError(
      `${name}: the bias must have shape [${outChannels}], got ${formatShape(bias.shape)}`,
    );
  }
}

/** [batch, channels, in...] with [out, channels / groups, kernel...] to [batch, out, out...]. */
function contract(
  name: string,
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null | undefined,
  { stride, dilation, before, after, groups }: Geometry,
): Tensor {
  const kernel = weight.shape.slice(2);
  const size = x.shape.slice(2);
  const padded = size.map((extent, i) => before[i] + extent + after[i]);
  const reach = kernel.map((extent, i) => dilation[i] * (extent - 1) + 1);
  if (reach.some((extent, i) => extent > padded[i])) {
    throw new ShapeError(
      `${name}: a kernel of ${formatShape(kernel)}${dilation.some((step) => step > 1) ? ` with dilation ${formatShape(dilation)}` : ''} ` +
        `is larger than the padded input of ${formatShape(padded)}`,
    );
  }
  const [batch, channels] = x.shape;
  const outChannels = weight.shape[0];
  const grouped = x.reshape(batch, groups, channels / groups, ...size);
  const grouping = weight.reshape(groups, outChannels / groups, ...weight.shape.slice(1));
  const attributes = { stride, dilation, before, after };
  const product = apply('convolution', [grouped, grouping], attributes).flatten(0, 1);
  return withBias(product, bias).transpose(0, 1);
}

/** Adds a number to each channel of a product [channels, ...]. */
function withBias(product: Tensor, bias: Tensor | null | undefined): Tensor {
  if (bias == null) return product;
  const one = new Array<number>(product.ndim - 1).fill(1);
  return product.add(addedToProduct(bias, product).reshape(bias.shape[0], ...one));
}

export interface ConvTransposeOptions extends Omit<ConvOptions, 'padding'> {
  /** What the matching convolution pads; it is cut off here. Default 0. */
  readonly padding?: Sizes;
  /** Added to one side of the output's size. Default 0. */
  readonly outputPadding?: Sizes;
}

/** The adjoint of conv1d: [batch, channels, length] with a weight of [channels, out / groups, kernel]. */
export function convTranspose1d(
  x: Tensor,
  weight: Tensor,
  bias?: Tensor | null,
  options: ConvTransposeOptions = {},
): Tensor {
  return convolveTransposed('convTranspose1d', 1, x, weight, bias, options);
}

/** The adjoint of conv2d: [batch, channels, height, width] with a weight of [channels, out / groups, kernel...]. */
export function convTranspose2d(
  x: Tensor,
  weight: Tensor,
  bias?: Tensor | null,
  options: ConvTransposeOptions = {},
): Tensor {
  return convolveTransposed('convTranspose2d', 2, x, weight, bias, options);
}

/** The adjoint of conv3d. */
export function convTranspose3d(
  x: Tensor,
  weight: Tensor,
  bias?: Tensor | null,
  options: ConvTransposeOptions = {},
): Tensor {
  return convolveTransposed('convTranspose3d', 3, x, weight, bias, options);
}

/** What the gradient of a convolution by its input is, less what that convolution would have padded. */
function convolveTransposed(
  name: string,
  rank: number,
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null | undefined,
  options: ConvTransposeOptions,
): Tensor {
  checkOptions(name, options, ['stride', 'padding', 'outputPadding', 'dilation', 'groups']);
  requireSpatial(name, x, rank);
  requireTensor(name, weight);
  const { padding = 0, outputPadding = 0, groups = 1 } = options;
  const stride = spatialSizes(name, 'stride', options.stride ?? 1, rank, 1);
  const dilation = spatialSizes(name, 'dilation', options.dilation ?? 1, rank, 1);
  const cut = spatialSizes(name, 'padding', padding, rank, 0);
  const extra = spatialSizes(name, 'outputPadding', outputPadding, rank, 0);
  const channels = x.shape[x.ndim - rank - 1];
  if (weight.ndim !== rank + 2 || weight.shape[0] !== channels || channels % groups !== 0) {
    throw new ShapeError(
      `${name}: a weight of shape ${formatShape(weight.shape)} does not fit an input of shape ${formatShape(x.shape)} ` +
        `with groups ${groups}: it is [channels, out / groups, kernel...]`,
    );
  }
  if (extra.some((extent, i) => extent >= Math.max(stride[i], dilation[i]))) {
    throw new ArgumentError(
      `${name}: outputPadding ${formatShape(extra)} must be smaller than stride ${formatShape(stride)} or dilation ${formatShape(dilation)}`,
    );
  }
  const kernel = weight.shape.slice(2);
  const perGroup = weight.shape[1];
  checkOperands(name, x, weight, bias, groups * perGroup);
  const batched = x.ndim === rank + 2;
  const [batch, , ...size] = batched ? x.shape : [1, ...x.shape];
  const full = size.map(
    (extent, i) => (extent - 1) * stride[i] + dilation[i] * (kernel[i] - 1) + 1 + extra[i],
  );
  const kept = full.map((extent, i) => extent - 2 * cut[i]);
  if (kept.some((extent) => extent < 1)) {
    throw new ShapeError(
      `${name}: padding ${formatShape(cut)} leaves nothing of an output of ${formatShape(full)}`,
    );
  }
  const grouped = x.reshape(batch, groups, channels / groups, ...size).movedim(0, 2);
  const grouping = weight.reshape(groups, channels / groups, perGroup, ...kernel);
  const whole = convolutionAdjoint(grouped, [batch, groups, perGroup, ...kept], grouping, {
    stride,
    dilation,
    before: cut,
  });
  const product = whole.permute(1, 2, 0, ...kernel.map((_, i) => i + 3)).flatten(0, 1);
  const result = withBias(product, bias).transpose(0, 1);
  return batched ? result : result.squeeze(0);
}
