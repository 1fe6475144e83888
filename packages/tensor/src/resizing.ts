// Giving an existing tensor another shape. A handle's shape is otherwise fixed: this is the only place that writes it.
import { ArgumentError, AutogradError, type Shape, sameShape, sizeOf, UnsupportedError } from '@nn/core';
import { activeCall } from './active.ts';
import { checkShape } from './creation.ts';
import { apply, requireTensor } from './dispatch.ts';
import { Storage } from './storage.ts';
import type { Tensor } from './tensor.ts';

/**
 * `torch.Tensor.resize_`: another shape in place. Row-major elements are kept as far as they fit, new ones are 0
 * (PyTorch shows what lay in memory). Views that were taken before keep the memory as it was, and can no longer be
 * computed or written if they were not yet.
 *
 * @throws {ArgumentError} for a view; {AutogradError} for a tensor that requires gradients.
 * @throws {UnsupportedError} while a function is being compiled.
 */
export function resize(x: Tensor, shape: Shape): Tensor {
  checkShape('resize_', shape);
  if (sameShape(requireTensor('resize_', x).shape, shape)) return x;
  if (x.requiresGrad)
    throw new AutogradError(
      'resize_: a tensor that requires gradients keeps its shape. Use x.detach().clone()',
    );
  if (x.viewInfo !== null)
    throw new ArgumentError('resize_: a view keeps its shape. Use x.reshape(...), or x.clone() first');
  if (activeCall !== null)
    throw new UnsupportedError('resize_: shapes are fixed in a compiled function. Resize before calling it');
  const flat = x.detach().reshape([-1]);
  const missing = sizeOf(shape) - flat.shape[0];
  const fitted =
    missing > 0
      ? apply('pad', [flat], { before: [0], after: [missing], value: 0 })
      : flat.narrow(0, 0, sizeOf(shape));
  const { storage } = fitted.reshape(shape).clone();
  const handle = x as { -readonly [K in 'shape' | 'storage']: Tensor[K] };
  handle.shape = [...shape];
  handle.storage = new Storage(storage.node);
  return x;
}

/** `torch.Tensor.resize_as_`: `resize_` to the shape of another tensor. */
export function resizeAs(x: Tensor, other: Tensor): Tensor {
  return resize(x, requireTensor('resizeAs_', other).shape);
}
