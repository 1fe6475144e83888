// Dropout in its kinds. What remains is scaled up, so that evaluation needs no change (inverted dropout).
import { ArgumentError, checkOptions, formatShape, type Shape, ShapeError } from '@nn/core';
import { rand, type Tensor, where } from '@nn/tensor';
import { finish, type InplaceOptions, requireFloat } from './arguments.ts';

export interface DropoutOptions extends InplaceOptions {
  /** The probability of zero. Default 0.5. */
  readonly p?: number;
  /** Without training the input passes unchanged. Default true. */
  readonly training?: boolean;
}

function checked(name: string, x: Tensor, options: DropoutOptions): { p: number; active: boolean } {
  checkOptions(name, options, ['p', 'training', 'inplace']);
  const { p = 0.5, training = true } = options;
  if (!(p >= 0 && p <= 1)) throw new ArgumentError(`${name}: p must lie between 0 and 1, got ${p}`);
  requireFloat(name, x);
  return { p, active: training && p > 0 };
}

/** True with probability 1 - p, from the default generator. */
function keepMask(x: Tensor, shape: Shape, p: number): Tensor {
  return rand(shape, { device: x.device, dtype: 'float32' }).lt(1 - p);
}

function dropped(name: string, x: Tensor, maskShape: Shape, options: DropoutOptions): Tensor {
  const { p, active } = checked(name, x, options);
  if (!active) return x;
  const result = p === 1 ? x.mul(0) : where(keepMask(x, maskShape, p), x.mul(1 / (1 - p)), 0);
  return finish(name, x, result, options);
}

/**
 * Zeroes elements with probability `p` while training and scales the others by 1 / (1 - p).
 *
 * @throws {ArgumentError} unless p is a probability.
 * @example
 * ```ts
 * import * as F from '@nn/functional';
 * import { interpreter, manualSeed, ones, use } from '@nn/tensor';
 * use(interpreter());
 * manualSeed(0);
 * console.log(await F.dropout(ones([8]), { p: 0.25 }).toArray());
 * ```
 */
export function dropout(x: Tensor, options: DropoutOptions = {}): Tensor {
  return dropped('dropout', x, x.shape, options);
}

/** Mask for whole channels: one element for each batch entry and channel. */
function channelShape(name: string, x: Tensor, rank: number): Shape {
  const lead = x.ndim - rank;
  if (lead !== 1 && lead !== 2) {
    throw new ShapeError(`${name}: takes ${rank + 1} or ${rank + 2} dimensions, got ${formatShape(x.shape)}`);
  }
  return x.shape.map((extent, dim) => (dim < lead ? extent : 1));
}

/** Zeroes whole channels of [batch, channels, length]. */
export function dropout1d(x: Tensor, options: DropoutOptions = {}): Tensor {
  return dropped('dropout1d', x, channelShape('dropout1d', x, 1), options);
}

/** Zeroes whole channels of [batch, channels, height, width] (Tompson et al. 2015). */
export function dropout2d(x: Tensor, options: DropoutOptions = {}): Tensor {
  return dropped('dropout2d', x, channelShape('dropout2d', x, 2), options);
}

/** Zeroes whole channels of [batch, channels, depth, height, width]. */
export function dropout3d(x: Tensor, options: DropoutOptions = {}): Tensor {
  return dropped('dropout3d', x, channelShape('dropout3d', x, 3), options);
}

/** SELU's value at minus infinity. */
const saturation = -1.7580993408473766;

function saturated(name: string, x: Tensor, maskShape: Shape, options: DropoutOptions): Tensor {
  const { p, active } = checked(name, x, options);
  if (!active) return x;
  if (p === 1) return finish(name, x, x.mul(0), options);
  const scale = 1 / Math.sqrt((1 - p) * (1 + p * saturation * saturation));
  const shift = -scale * p * saturation;
  const result = where(keepMask(x, maskShape, p), x, saturation)
    .mul(scale)
    .add(shift);
  return finish(name, x, result, options);
}

/** Dropout that keeps the mean and variance of SELU's activations (Klambauer et al. 2017). */
export function alphaDropout(x: Tensor, options: DropoutOptions = {}): Tensor {
  return saturated('alphaDropout', x, x.shape, options);
}

/**
 * alphaDropout of whole channels of [batch, channels, ...].
 *
 * @throws {ShapeError} for fewer than two dimensions.
 */
export function featureAlphaDropout(x: Tensor, options: DropoutOptions = {}): Tensor {
  if (x.ndim < 2)
    throw new ShapeError(`featureAlphaDropout: takes [batch, channels, ...], got ${formatShape(x.shape)}`);
  const perChannel = x.shape.map((extent, dim) => (dim < 2 ? extent : 1));
  return saturated('featureAlphaDropout', x, perChannel, options);
}
