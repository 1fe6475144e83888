// The adjoint of a convolution by its input: its derivative there, and transposed convolution.
import { contiguousStrides, type Shape } from '@nn/core';
import { zeros } from './creation.ts';
import { apply } from './dispatch.ts';
import { stack } from './joining.ts';
import { permute, sliceView } from './movement.ts';
import type { Tensor } from './tensor.ts';

interface Steps {
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

/** Batch and groups in front, as the op takes its input: [batch, groups, channels, size...]. */
const batchFirst = (x: Tensor): Tensor => permute(x, [2, 0, 1, ...range(3, x.ndim)]);

const replaced = (list: Shape, at: number, value: number): number[] =>
  list.map((each, i) => (i === at ? value : each));

/** Zeros between neighbours of a dimension, so that a strided convolution's output stands where its windows started. */
function spread(x: Tensor, dim: number, step: number): Tensor {
  const shape = replaced(x.shape, dim, (x.shape[dim] - 1) * step + 1);
  const own = contiguousStrides(shape);
  const strides = replaced(own, dim, own[dim] * step);
  return apply('assign', [zeros(shape, { dtype: x.dtype, device: x.device }), x], { strides, offset: 0 });
}

/**
 * The convolution of the padded gradient with the kernel turned round (Dumoulin and Visin, "A guide to convolution
 * arithmetic for deep learning", 2016): one contraction, with no matrix of windows to be summed up.
 */
function dense(gradient: Tensor, shape: Shape, weight: Tensor, dilation: readonly number[]): Tensor {
  const wide = batchFirst(gradient);
  const reach = weight.shape.slice(3).map((extent, i) => dilation[i] * (extent - 1));
  // Elements behind the last window had no part in the output.
  const rest = shape.slice(3).map((extent, i) => extent - (wide.shape[i + 3] + reach[i]));
  const padded = apply('pad', [wide], {
    before: [0, 0, 0, ...reach],
    after: [0, 0, 0, ...reach.map((extent, i) => extent + rest[i])],
    value: 0,
  });
  const turned = sliceView(
    weight,
    weight.shape.map((extent, dim) => (dim < 3 ? 0 : extent - 1)),
    weight.shape.map((_, dim) => (dim < 3 ? 1 : -1)),
    weight.shape,
  );
  const swapped = permute(turned, [0, 2, 1, ...range(3, weight.ndim)]);
  return batchFirst(apply('convolution', [padded, swapped], { stride: reach.map(() => 1), dilation }));
}

/**
 * What the op `convolution` with this weight of [groups, out, channels, kernel...] makes of a gradient of its output,
 * shaped [groups, out, batch, size...]: the gradient of its input, in the shape [batch, groups, channels, size...].
 *
 * With a stride, input elements whose positions leave the same rest meet the same part of the kernel's taps. Each rest
 * is a convolution of its own without stride, so that nothing is multiplied with zeros between elements.
 */
export function convolutionAdjoint(gradient: Tensor, shape: Shape, weight: Tensor, steps: Steps): Tensor {
  const { stride, dilation } = steps;
  const at = stride.findIndex((step) => step !== 1);
  if (at < 0) return dense(gradient, shape, weight, dilation);
  const dim = at + 3;
  const step = stride[at];
  const rest: Steps = { stride: replaced(stride, at, 1), dilation };
  if (dilation[at] !== 1) return convolutionAdjoint(spread(gradient, dim, step), shape, weight, rest);
  const length = Math.ceil(shape[dim] / step);
  const partShape = replaced(shape, dim, length);
  const parts = range(0, step).map((first) => {
    const taps = Math.ceil((weight.shape[dim] - first) / step);
    if (taps <= 0) return zeros(partShape, { dtype: gradient.dtype, device: gradient.device });
    const starts = replaced(
      weight.shape.map(() => 0),
      dim,
      first,
    );
    const everyStep = replaced(
      weight.shape.map(() => 1),
      dim,
      step,
    );
    const part = sliceView(weight, starts, everyStep, replaced(weight.shape, dim, taps));
    return convolutionAdjoint(gradient, partShape, part, rest);
  });
  const whole = stack(parts, dim + 1).reshape(replaced(shape, dim, length * step));
  return whole.narrow(dim, 0, shape[dim]);
}
