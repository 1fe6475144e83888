// Normalisation over neighbouring channels.
import { checkOptions, formatShape, ShapeError } from '@nn/core';
import { requireTensor, type Tensor } from '@nn/tensor';
import { avgPool1d } from './average-pooling.ts';
import { padSides } from './zero-padding.ts';

export interface LocalResponseNormOptions {
  /** Default 1e-4. */
  readonly alpha?: number;
  /** Default 0.75. */
  readonly beta?: number;
  /** Default 1. */
  readonly k?: number;
}

/** x / (k + α mean of squares over `size` neighbouring channels)^β (Krizhevsky et al. 2012). */
export function localResponseNorm(x: Tensor, size: number, options: LocalResponseNormOptions = {}): Tensor {
  checkOptions('localResponseNorm', options, ['alpha', 'beta', 'k']);
  if (requireTensor('localResponseNorm', x).ndim < 3) {
    throw new ShapeError(`localResponseNorm: takes at least 3 dimensions, got ${formatShape(x.shape)}`);
  }
  if (x.numel() === 0) return x;
  const { alpha = 1e-4, beta = 0.75, k = 1 } = options;
  const before = Math.floor(size / 2);
  // Channels to the end, where windows slide; PyTorch pools them, which rounds means of integers.
  const squares = padSides(x.square().transpose(1, -1), [before], [size - 1 - before], 0);
  const lead = squares.reshape(-1, 1, squares.shape[squares.ndim - 1]);
  const means = avgPool1d(lead, size, { stride: 1 });
  const back = means.reshape([...squares.shape.slice(0, -1), means.shape[2]]).transpose(1, -1);
  return x.div(back.mul(alpha).add(k).pow(beta));
}
