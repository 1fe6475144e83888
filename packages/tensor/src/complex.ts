// Complex numbers, which do not exist yet: what makes them says so, and what to do in their place.
import { broadcastShapes, DTypeError, isFloat, UnsupportedError } from '@nn/core';
import { requireTensor } from './dispatch.ts';
import type { Tensor } from './tensor.ts';

function refuse(name: string, parts: Readonly<Record<string, Tensor>>): never {
  const [[first, a], [second, b]] = Object.entries(parts);
  const dtypes = [requireTensor(`${name}: ${first}`, a).dtype, requireTensor(`${name}: ${second}`, b).dtype];
  if (!dtypes.every(isFloat) || dtypes[0] !== dtypes[1]) {
    throw new DTypeError(
      `${name}: ${first} and ${second} must be floats of one dtype, got ${dtypes.join(' and ')}`,
    );
  }
  broadcastShapes(name, a.shape, b.shape);
  throw new UnsupportedError(
    `${name}: there are no complex dtypes yet. Keep real and imaginary parts as two tensors or, as stft and istft do, ` +
      'as pairs in a last dimension: stack([real, imag], -1)',
  );
}

/**
 * `torch.complex`, for which there is no dtype yet: throws.
 *
 * @throws {UnsupportedError} after what PyTorch refuses: {ArgumentError} for what is no tensor, {DTypeError} for
 * anything but two float tensors of one dtype, {ShapeError} when they do not broadcast.
 */
export function complex(real: Tensor, imag: Tensor): never {
  refuse('complex', { real, imag });
}

/**
 * `torch.polar`, for which there is no dtype yet: throws.
 *
 * @throws {UnsupportedError} after what PyTorch refuses, as for {@link complex}.
 */
export function polar(abs: Tensor, angle: Tensor): never {
  refuse('polar', { abs, angle });
}
