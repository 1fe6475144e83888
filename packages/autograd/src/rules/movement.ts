// Derivatives of movement ops: the movement backwards, summing where one element was shown several times.
import { contiguousStrides, type MovementOps, type Shape, sizeOf } from '@nn/core';
import { apply, full, permute, sumTo, type Tensor, zeros } from '@nn/tensor';
import { Part } from '../gradient-sum.ts';
import type { Rules } from './rule.ts';

const like = (gradient: Tensor, shape: Shape): Tensor =>
  zeros(shape, { dtype: gradient.dtype, device: gradient.device });

/** Positions offset + Σ strides * coordinate, as int32 of the shape. */
export function positions(shape: Shape, strides: readonly number[], offset: number, device: string): Tensor {
  let result = full(shape, offset, { dtype: 'int32', device });
  shape.forEach((extent, dim) => {
    if (extent === 1 || strides[dim] === 0) return;
    result = result.add(apply('iota', [], { shape, dim, dtype: 'int32' }, device).mul(strides[dim]));
  });
  return result;
}

/**
 * Sum of windows back into the elements they were cut from (fold, col2im). Gradients are spread by the stride and
 * padded; then element i is the sum over taps k of position i - k * dilation: again a strided look-up.
 */
function foldWindows(
  g: Tensor,
  shape: Shape,
  kernel: readonly number[],
  stride: readonly number[],
  dilation: readonly number[],
): Tensor {
  const rank = kernel.length;
  const lead = shape.length - rank;
  const outer = g.shape.slice(lead, lead + rank);
  const apart = kernel.every((extent, i) => dilation[i] === 1 && stride[i] >= extent);
  const own = contiguousStrides(shape);
  if (apart) {
    const strides = [
      ...own.slice(0, lead),
      ...own.slice(lead).map((step, i) => step * stride[i]),
      ...own.slice(lead),
    ];
    return apply('assign', [like(g, shape), g], { strides, offset: 0 });
  }
  // [..., kernel, outer spread and padded]: taps first, so that each tap's plane is contiguous.
  const order = [
    ...Array.from({ length: lead }, (_, i) => i),
    ...kernel.map((_, i) => lead + rank + i),
    ...kernel.map((_, i) => lead + i),
  ];
  let planes = permute(g, order);
  if (stride.some((step) => step > 1)) {
    const spread = [
      ...planes.shape.slice(0, lead + rank),
      ...outer.map((extent, i) => (extent - 1) * stride[i] + 1),
    ];
    const strides = contiguousStrides(spread).map((step, dim) =>
      dim < lead + rank ? step : step * stride[dim - lead - rank],
    );
    planes = apply('assign', [like(g, spread), planes], { strides, offset: 0 });
  }
  const none = new Array<number>(lead + rank).fill(0);
  const before = kernel.map((extent, i) => (extent - 1) * dilation[i]);
  const after = before.map((_, i) => shape[lead + i] - ((outer[i] - 1) * stride[i] + 1));
  // `after` may be short of what the first taps reach past: those positions exist because before + after covers them.
  planes = apply('pad', [planes], {
    before: [...none, ...before],
    after: [...none, ...after.map((extent) => Math.max(extent, 0))],
    value: 0,
  });
  const steps = contiguousStrides(planes.shape);
  const tapSteps = kernel.map((_, i) => steps[lead + i] - dilation[i] * steps[lead + rank + i]);
  const offset = before.reduce((sum, extent, i) => sum + extent * steps[lead + rank + i], 0);
  const shown = apply('asStrided', [planes], {
    shape: [...shape, ...kernel],
    strides: [...steps.slice(0, lead), ...steps.slice(lead + rank), ...tapSteps],
    offset,
  });
  return shown.sum(kernel.map((_, i) => shape.length + i));
}

/** Whether the strides are known to show no element twice: each is greater than all that lies within. */
function showsEachOnce(shape: Shape, strides: readonly number[]): boolean {
  const order = shape.map((_, dim) => dim).filter((dim) => shape[dim] > 1);
  order.sort((a, b) => Math.abs(strides[a]) - Math.abs(strides[b]));
  let reach = 0;
  for (const dim of order) {
    if (Math.abs(strides[dim]) <= reach) return false;
    reach += (shape[dim] - 1) * Math.abs(strides[dim]);
  }
  return true;
}

export const movementRules: Rules<keyof MovementOps> = {
  reshape: ({ gradient, inputs: [x] }) => [gradient.reshape(x.shape)],
  permute: ({ gradient, attributes: { order } }) => [
    permute(
      gradient,
      order.map((_, dim) => order.indexOf(dim)),
    ),
  ],
  expand: ({ gradient, inputs: [x] }) => [sumTo(gradient, x.shape)],
  slice: ({ gradient, inputs: [x], attributes: { starts, steps, shape } }) => {
    if (steps.every((step, dim) => step === 1 || shape[dim] <= 1))
      return [new Part(gradient, starts, x.shape)];
    const own = contiguousStrides(x.shape);
    const offset = starts.reduce((sum, start, dim) => sum + start * own[dim], 0);
    return [
      apply('assign', [like(gradient, x.shape), gradient], {
        strides: own.map((step, dim) => step * steps[dim]),
        offset,
      }),
    ];
  },
  pad: ({ gradient, inputs: [x], attributes: { before } }) => [
    apply('slice', [gradient], { starts: before, steps: before.map(() => 1), shape: x.shape }),
  ],
  window: ({ gradient, inputs: [x], attributes: { kernel, stride, dilation } }) => [
    foldWindows(gradient, x.shape, kernel, stride, dilation),
  ],
  asStrided: ({ gradient, inputs: [x], attributes: { shape, strides, offset } }) => {
    if (showsEachOnce(shape, strides))
      return [apply('assign', [like(gradient, x.shape), gradient], { strides, offset })];
    const index = positions(shape, strides, offset, gradient.device);
    const flat = apply('scatter', [like(gradient, [sizeOf(x.shape)]), index, gradient], { mode: 'sum' });
    return [flat.reshape(x.shape)];
  },
  barrier: ({ gradient }) => [gradient, null],
};
