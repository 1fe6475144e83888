// Derivatives of reductions.
import type { ReduceAttributes, ReductionOps } from '@nn/core';
import { type Tensor, where } from '@nn/tensor';
import { evenIfOverwritten } from '../saved.ts';
import { notDifferentiable, type Rule, type Rules } from './rule.ts';

/** With the reduced dimensions back, of size 1, so that it broadcasts against the input. */
function withKeptDims(reduced: Tensor, x: Tensor, { dims, keepDims }: ReduceAttributes): Tensor {
  if (keepDims) return reduced;
  return reduced.reshape(x.shape.map((extent, dim) => (dims.includes(dim) ? 1 : extent)));
}

/** All elements that reach the extremum share its gradient. */
const extremum: Rule<ReduceAttributes> = ({ gradient, inputs: [x], output, attributes }) => {
  const extreme = withKeptDims(evenIfOverwritten(output), x, attributes);
  const reaches = evenIfOverwritten(x).eq(extreme).to(x.dtype);
  const count = reaches.sum(attributes.dims, { keepdim: true });
  return [withKeptDims(gradient, x, attributes).div(count).mul(reaches)];
};

/** The product of all others, also where some are zero. */
const product: Rule<ReduceAttributes> = ({ gradient, inputs: [x], attributes }) => {
  if (attributes.dims.length === 0) return [gradient];
  const zero = x.eq(0);
  const zeroCount = zero.to(x.dtype).sum(attributes.dims, { keepdim: true });
  const nonZero = where(zero, 1, x);
  let others = nonZero;
  for (const dim of attributes.dims) others = others.prod(dim, { keepdim: true });
  const atZero = where(zeroCount.eq(1), others, 0);
  const elsewhere = where(zeroCount.eq(0), others.div(nonZero), 0);
  return [withKeptDims(gradient, x, attributes).mul(where(zero, atZero, elsewhere))];
};

export const reductionRules: Rules<keyof ReductionOps> = {
  sum: ({ gradient, inputs: [x], attributes }) => [withKeptDims(gradient, x, attributes).expandTo(x.shape)],
  prod: product,
  max: extremum,
  min: extremum,
  argmax: notDifferentiable,
  argmin: notDifferentiable,
};
