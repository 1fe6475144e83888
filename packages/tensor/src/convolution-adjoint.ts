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
  /** Zeros that the convolution puts in front of its input. */
  readonly before: readonly number[];
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
function dense(gradient: Tensor, shape: Shape, weight: Tensor, { dilation, before }: Steps): Tensor {
  const wide = batchFirst(gradient);
  const starts = wide.shape.map(() => 0);
  const kept = [...wide.shape];
  const reach = weight.shape.slice(3).map((extent, i) => dilation[i] * (extent - 1));
  const front = reach.map((extent, i) => extent - before[i]);
  // What met nothing but zeros in front of the input, or behind it, is left out.
  for (const [i, zeros] of front.entries()) {
    const dim = i + 3;
    starts[dim] = Math.min(Math.max(0, -zeros), wide.shape[dim]);
    const met = Math.min(wide.shape[dim], before[i] + shape[dim]);
    kept[dim] = Math.max(0, met - starts[dim]);
    front[i] = Math.max(0, zeros);
  }
  const steps = wide.shape.map(() => 1);
  const back = reach.map((extent, i) => shape[i + 3] + extent - front[i] - kept[i + 3]);
  const turned = sliceView(
    weight,
    weight.shape.map((extent, dim) => (dim < 3 ? 0 : extent - 1)),
    weight.shape.map((_, dim) => (dim < 3 ? 1 : -1)),
    weight.shape,
  );
  const swapped = permute(turned, [0, 2, 1, ...range(3, weight.ndim)]);
  const input = sliceView(wide, starts, steps, kept);
  const stride = reach.map(() => 1);
  const attributes = { stride, dilation, before: front, after: back };
  return batchFirst(apply('convolution', [input, swapped], attributes));
}

/**
 * What the op `convolution` with this weight of [groups, out, channels, kernel...] makes of a gradient of its output,
 * shaped [groups, out, batch, size...]: the gradient of its input, in the shape [batch, groups, channels, size...].
 *
 * With a stride, input elements whose positions leave the same rest meet the same part of the kernel's taps. Each rest
 * is a convolution of its own without stride, so that nothing is multiplied with zeros between elements.
 */
export function convolutionAdjoint(gradient: Tensor, shape: Shape, weight: Tensor, steps: Steps): Tensor {
  const { stride, dilation, before } = steps;
  const at = stride.findIndex((step) => step !== 1);
  if (at < 0) return dense(gradient, shape, weight, steps);
  const dim = at + 3;
  const step = stride[at];
  const unstrided = replaced(stride, at, 1);
  if (dilation[at] !== 1)
    return convolutionAdjoint(spread(gradient, dim, step), shape, weight, { ...steps, stride: unstrided });
  const length = Math.ceil(shape[dim] / step);
  const partShape = replaced(shape, dim, length);
  const parts = range(0, step).map((position) => {
    // The first of these elements, counted from where the zeros begin.
    const padded = position + before[at];
    const first = padded % step;
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
    return convolutionAdjoint(gradient, partShape, part, {
      stride: unstrided,
      dilation,
      before: replaced(before, at, Math.floor(padded / step)),
    });
  });
  const whole = stack(parts, dim + 1).reshape(replaced(shape, dim, length * step));
  return whole.narrow(dim, 0, shape[dim]);
}
