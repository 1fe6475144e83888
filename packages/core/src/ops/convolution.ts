// Convolution: a contraction of the weight with sliding windows.
import { DTypeError, ShapeError } from '../errors.ts';
import { makeNode, type Node } from '../node.ts';
import { formatShape } from '../shape.ts';
import type { CompositeDefinition } from './definition.ts';

export interface ConvolutionAttributes {
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

/** The windows of x as [groups, channels, kernel..., batch, out...], a contraction's right operand. */
function columnsOf(x: Node, kernel: readonly number[], { stride, dilation }: ConvolutionAttributes): Node {
  const windows = makeNode('window', [x], { kernel, stride, dilation });
  const rank = kernel.length;
  const order = [1, 2, ...range(3 + rank, 3 + 2 * rank), 0, ...range(3, 3 + rank)];
  return makeNode('permute', [windows], { order });
}

export const convolution: CompositeDefinition<ConvolutionAttributes> = {
  kind: 'composite',
  infer([x, weight], { stride, dilation }) {
    if (x.dtype !== weight.dtype) {
      throw new DTypeError(`convolution: inputs are ${x.dtype} and ${weight.dtype}; cast one of them`);
    }
    const fits =
      x.shape.length === weight.shape.length &&
      x.shape[1] === weight.shape[0] &&
      x.shape[2] === weight.shape[2];
    if (!fits)
      throw new ShapeError(
        `convolution: a weight of ${formatShape(weight.shape)} does not fit ${formatShape(x.shape)}`,
      );
    const out = x.shape.slice(3).map((extent, i) => {
      const reach = dilation[i] * (weight.shape[i + 3] - 1) + 1;
      if (reach > extent)
        throw new ShapeError(
          `convolution: a kernel that reaches ${reach} does not fit into a size of ${extent}`,
        );
      return Math.floor((extent - reach) / stride[i]) + 1;
    });
    return { shape: [weight.shape[0], weight.shape[1], x.shape[0], ...out], dtype: x.dtype };
  },
  decompose([x, weight], attributes) {
    const columns = columnsOf(x, weight.shape.slice(3), attributes);
    return makeNode('dot', [weight, columns], { batchRank: 1, innerRank: weight.shape.length - 2 });
  },
};
