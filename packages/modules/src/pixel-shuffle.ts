// Channels into pixels and back, and channels into another order.

import * as F from '@nn/functional';
import { ArgumentError, type Tensor } from '@nn/tensor';
import { Module } from './module.ts';
import { namedValues } from './representation.ts';

function requirePositive(name: string, option: string, value: number): number {
  if (Number.isInteger(value) && value > 0) return value;
  throw new ArgumentError(`${name}: ${option} must be a positive integer, got ${value}`);
}

/** [..., C r², H, W] to [..., C, H r, W r] (Shi et al. 2016). */
export class PixelShuffle extends Module<[Tensor], Tensor> {
  readonly upscaleFactor: number;

  constructor(upscaleFactor: number) {
    super();
    this.upscaleFactor = requirePositive('PixelShuffle', 'upscaleFactor', upscaleFactor);
  }

  override forward(x: Tensor): Tensor {
    return F.pixelShuffle(x, this.upscaleFactor);
  }

  override extraRepr(): string {
    const { upscaleFactor } = this;
    return namedValues({ upscaleFactor });
  }
}

/** [..., C, H r, W r] to [..., C r², H, W]: the inverse of PixelShuffle. */
export class PixelUnshuffle extends Module<[Tensor], Tensor> {
  readonly downscaleFactor: number;

  constructor(downscaleFactor: number) {
    super();
    this.downscaleFactor = requirePositive('PixelUnshuffle', 'downscaleFactor', downscaleFactor);
  }

  override forward(x: Tensor): Tensor {
    return F.pixelUnshuffle(x, this.downscaleFactor);
  }

  override extraRepr(): string {
    const { downscaleFactor } = this;
    return namedValues({ downscaleFactor });
  }
}

/**
 * Interleaves `groups` groups of the channels of [batch, channels, ...] (Zhang et al. 2018).
 *
 * @example
 * ```ts
 * import { ChannelShuffle } from '@nn/modules';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const x = tensor([[[1], [2], [3], [4]]]);
 * console.log(await new ChannelShuffle(2)(x).toArray()); // => [[[1], [3], [2], [4]]]
 * ```
 */
export class ChannelShuffle extends Module<[Tensor], Tensor> {
  readonly groups: number;

  constructor(groups: number) {
    super();
    this.groups = requirePositive('ChannelShuffle', 'groups', groups);
  }

  override forward(x: Tensor): Tensor {
    return F.channelShuffle(x, this.groups);
  }

  override extraRepr(): string {
    const { groups } = this;
    return namedValues({ groups });
  }
}
