// Derivatives of composites.
import { type AttributesOf, type CompositeOps, isDepthwise, type Shape, zerosAround } from '@nn/core';
import { apply, convolutionAdjoint, permute, type Tensor } from '@nn/tensor';
import { evenIfOverwritten, requireIntact } from '../saved.ts';
import type { Rules } from './rule.ts';

type Convolution = AttributesOf<'convolution'>;

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

/** Each weight meets every window position: a contraction over batch and output sizes. */
function convolutionWeight(
  gradient: Tensor,
  x: Tensor,
  shape: Shape,
  { stride, dilation, before, after }: Convolution,
): Tensor {
  const kernel = shape.slice(3);
  const rank = kernel.length;
  const zeros = zerosAround(before, after);
  const padded = zeros === null ? x : apply('pad', [x], zeros);
  const windows = apply('window', [padded], { kernel, stride, dilation });
  if (isDepthwise(shape)) return depthwiseWeight(gradient, windows, shape);
  // [groups, batch, out..., channels, kernel...]
  const columns = permute(windows, [1, 0, ...range(3, 3 + rank), 2, ...range(3 + rank, 3 + 2 * rank)]);
  return apply('dot', [gradient, columns], { batchRank: 1, innerRank: rank + 1 });
}

/** With one channel in and out there is nothing for a contraction to use again: sums of products walk memory in order. */
function depthwiseWeight(gradient: Tensor, windows: Tensor, shape: Shape): Tensor {
  const { dtype } = gradient;
  const isHalf = dtype === 'float16' || dtype === 'bfloat16';
  const widened = (x: Tensor): Tensor => (isHalf ? x.to('float32') : x);
  const rank = shape.length - 3;
  // [groups, out, channels, kernel..., batch, out...]
  const order = [1, 2, ...range(3 + rank, 3 + 2 * rank), 0, ...range(3, 3 + rank)];
  const seen = permute(widened(windows), order).unsqueeze(1);
  const met = widened(gradient).reshape([
    ...shape.map((extent, i) => (i < 3 ? extent : 1)),
    ...gradient.shape.slice(2),
  ]);
  const sums = met.mul(seen).sum(range(shape.length, shape.length + rank + 1));
  return isHalf ? sums.to(dtype) : sums;
}

export const compositeRules: Rules<keyof CompositeOps> = {
  convolution: ({ gradient, inputs: [x, weight], attributes, needs }) => [
    needs[0] ? convolutionAdjoint(gradient, x.shape, weight, attributes) : null,
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
  // Not exp(output): the exponentials that the forward pass sums are those of softmax, and computed once for both. PyTorch
  // keeps the output: it is the one that must not be overwritten.
  logSoftmax: ({ gradient, inputs: [x], output, attributes: { dim } }) => {
    requireIntact(output);
    const weights = apply('softmax', [evenIfOverwritten(x)], { dim });
    return [gradient.sub(weights.mul(gradient.sum(dim, { keepdim: true })))];
  },
};
