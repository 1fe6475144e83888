// Between channels and pixels: nothing is computed, elements change places.
import { ArgumentError, formatShape, ShapeError } from '@nn/core';
import { requireTensor, type Tensor } from '@nn/tensor';

function checkFactor(name: string, factor: number): void {
  if (Number.isInteger(factor) && factor >= 1) return;
  throw new ArgumentError(`${name}: the factor must be an integer of at least 1, got ${String(factor)}`);
}

function requireImage(name: string, x: Tensor): void {
  requireTensor(name, x);
  if (x.ndim >= 3) return;
  throw new ShapeError(`${name}: expected [..., channels, height, width], got ${formatShape(x.shape)}`);
}

/**
 * [..., channels · r², height, width] to [..., channels, height · r, width · r] (Shi et al. 2016).
 *
 * @throws {ShapeError} when r² does not divide the channels.
 * @example
 * ```ts
 * import * as F from '@nn/functional';
 * import { arange, interpreter, use } from '@nn/tensor';
 * use(interpreter());
 * const x = F.pixelShuffle(arange(4).reshape(4, 1, 1), 2);
 * console.log(await x.toArray()); // => [[[0, 1], [2, 3]]]
 * ```
 */
export function pixelShuffle(x: Tensor, upscaleFactor: number): Tensor {
  requireImage('pixelShuffle', x);
  checkFactor('pixelShuffle', upscaleFactor);
  const r = upscaleFactor;
  const lead = x.shape.slice(0, -3);
  const [channels, height, width] = x.shape.slice(-3);
  if (channels % (r * r) !== 0) {
    throw new ShapeError(
      `pixelShuffle: ${channels} channels cannot be divided among ${r} x ${r} pixels: their number must be a multiple of ${r * r}`,
    );
  }
  const out = channels / (r * r);
  const n = lead.length;
  const order = [...lead.keys(), n, n + 3, n + 1, n + 4, n + 2];
  return x
    .reshape(...lead, out, r, r, height, width)
    .permute(order)
    .reshape(...lead, out, height * r, width * r);
}

/**
 * pixelShuffle undone: [..., channels, height · r, width · r] to [..., channels · r², height, width].
 *
 * @throws {ShapeError} when r does not divide height and width.
 */
export function pixelUnshuffle(x: Tensor, downscaleFactor: number): Tensor {
  requireImage('pixelUnshuffle', x);
  checkFactor('pixelUnshuffle', downscaleFactor);
  const r = downscaleFactor;
  const lead = x.shape.slice(0, -3);
  const [channels, height, width] = x.shape.slice(-3);
  if (height % r !== 0 || width % r !== 0) {
    throw new ShapeError(
      `pixelUnshuffle: height ${height} and width ${width} must be multiples of the factor ${r}`,
    );
  }
  const n = lead.length;
  const order = [...lead.keys(), n, n + 2, n + 4, n + 1, n + 3];
  return x
    .reshape(...lead, channels, height / r, r, width / r, r)
    .permute(order)
    .reshape(...lead, channels * r * r, height / r, width / r);
}

/**
 * Channels of [batch, channels, ...] dealt out among groups (Zhang et al. 2018): group after group becomes one channel
 * of each group in turn.
 *
 * @throws {ShapeError} when the groups do not divide the channels.
 */
export function channelShuffle(x: Tensor, groups: number): Tensor {
  requireTensor('channelShuffle', x);
  checkFactor('channelShuffle', groups);
  if (x.ndim < 3) {
    throw new ShapeError(
      `channelShuffle: expected [batch, channels, ...] of at least 3 dimensions, got ${formatShape(x.shape)}`,
    );
  }
  const [batch, channels, ...rest] = x.shape;
  if (channels % groups !== 0)
    throw new ShapeError(`channelShuffle: ${channels} channels cannot be divided into ${groups} groups`);
  return x
    .reshape(batch, groups, channels / groups, ...rest)
    .transpose(1, 2)
    .reshape(...x.shape);
}
