// Derivatives of composites.
import { type AttributesOf, type CompositeOps, contiguousStrides, type Shape } from '@nn/core';
import { apply, permute, type Tensor, zeros } from '@nn/tensor';
import type { Rules } from './rule.ts';

type Convolution = AttributesOf<'convolution'>;

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

/** Batch and groups in front, as convolution takes its input: [batch, groups, channels, size...]. */
const channelsLast = (x: Tensor): Tensor => permute(x, [2, 0, 1, ...range(3, x.ndim)]);

/** Zeros between neighbours, so that a strided convolution's output stands where its windows started. */
function spread(x: Tensor, stride: readonly number[]): Tensor {
  if (stride.every((step) => step === 1)) return x;
  const shape = x.shape.map((extent, dim) => (dim < 3 ? extent : (extent - 1) * stride[dim - 3] + 1));
  const strides = contiguousStrides(shape).map((step, dim) => (dim < 3 ? step : step * stride[dim - 3]));
  return apply('assign', [zeros(shape, { dtype: x.dtype, device: x.device }), x], { strides, offset: 0 });
}

/**
 * The convolution of the padded gradient with the kernel turned round (Dumoulin and Visin, "A guide to convolution
 * arithmetic for deep learning", 2016): one contraction, with no matrix of windows to be summed up.
 */
function convolutionInput(
  gradient: Tensor,
  shape: Shape,
  weight: Tensor,
  { stride, dilation }: Convolution,
): Tensor {
  const kernel = weight.shape.slice(3);
  const wide = spread(channelsLast(gradient), stride);
  const reach = kernel.map((extent, i) => dilation[i] * (extent - 1));
  // Elements behind the last window had no part in the output.
  const rest = shape.slice(3).map((extent, i) => extent - (wide.shape[i + 3] + reach[i]));
  const padded = apply('pad', [wide], {
    before: [0, 0, 0, ...reach],
    after: [0, 0, 0, ...reach.map((extent, i) => extent + rest[i])],
    value: 0,
  });
  const turned = apply('slice', [weight], {
    starts: weight.shape.map((extent, dim) => (dim < 3 ? 0 : extent - 1)),
    steps: weight.shape.map((_, dim) => (dim < 3 ? 1 : -1)),
    shape: weight.shape,
  });
  const swapped = permute(turned, [0, 2, 1, ...range(3, weight.ndim)]);
  return channelsLast(apply('convolution', [padded, swapped], { stride: stride.map(() => 1), dilation }));
}

/** Each weight meets every window position: a contraction over batch and output sizes. */
function convolutionWeight(
  gradient: Tensor,
  x: Tensor,
  shape: Shape,
  { stride, dilation }: Convolution,
): Tensor {
  const kernel = shape.slice(3);
  const rank = kernel.length;
  const windows = apply('window', [x], { kernel, stride, dilation });
  // [groups, batch, out..., channels, kernel...]
  const columns = permute(windows, [1, 0, ...range(3, 3 + rank), 2, ...range(3 + rank, 3 + 2 * rank)]);
  return apply('dot', [gradient, columns], { batchRank: 1, innerRank: rank + 1 });
}

export const compositeRules: Rules<keyof CompositeOps> = {
  convolution: ({ gradient, inputs: [x, weight], attributes, needs }) => [
    needs[0] ? convolutionInput(gradient, x.shape, weight, attributes) : null,
    needs[1] ? convolutionWeight(gradient, x, weight.shape, attributes) : null,
  ],
  cat: ({ gradient, inputs, attributes: { dim } }) => {
    let start = 0;
    return inputs.map((input) => {
      const part = gradient.narrow(dim, start, input.shape[dim]);
      start += input.shape[dim];
      return part;
    });
  },
  softmax: ({ gradient, output, attributes: { dim } }) => {
    const weighted = gradient.mul(output);
    return [weighted.sub(output.mul(weighted.sum(dim, { keepdim: true })))];
  },
  logSoftmax: ({ gradient, output, attributes: { dim } }) => [
    gradient.sub(output.exp().mul(gradient.sum(dim, { keepdim: true }))),
  ],
};
