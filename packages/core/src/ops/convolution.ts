// Convolution: a contraction of the weight with sliding windows.
import { DTypeError, ShapeError } from '../errors.ts';
import { makeNode, type Node } from '../node.ts';
import { formatShape, type Shape, sizeOf } from '../shape.ts';
import type { CompositeDefinition } from './definition.ts';
import type { PadAttributes } from './movement.ts';

/** A number for each of the sizes. */
export interface ConvolutionAttributes {
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  /** Zeros in front of the input, and behind it. */
  readonly before: readonly number[];
  readonly after: readonly number[];
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

function outputSizes(
  x: Shape,
  weight: Shape,
  { stride, dilation, before, after }: ConvolutionAttributes,
): number[] {
  return x.slice(3).map((size, i) => {
    const extent = before[i] + size + after[i];
    const reach = dilation[i] * (weight[i + 3] - 1) + 1;
    if (reach > extent)
      throw new ShapeError(
        `convolution: a kernel that reaches ${reach} does not fit into a size of ${extent}`,
      );
    return Math.floor((extent - reach) / stride[i]) + 1;
  });
}

/** What pads an input [groups, batch, channels, ...] with a convolution's zeros; null where there are none. */
export function zerosAround(before: readonly number[], after: readonly number[]): PadAttributes | null {
  if (before.every((zeros) => zeros === 0) && after.every((zeros) => zeros === 0)) return null;
  return { before: [0, 0, 0, ...before], after: [0, 0, 0, ...after], value: 0 };
}

/** The windows of x as [groups, channels, kernel..., batch, out...], a contraction's right operand. */
function columnsOf(x: Node, kernel: readonly number[], { stride, dilation }: ConvolutionAttributes): Node {
  const windows = makeNode('window', [x], { kernel, stride, dilation });
  const rank = kernel.length;
  const order = [1, 2, ...range(3 + rank, 3 + 2 * rank), 0, ...range(3, 3 + rank)];
  return makeNode('permute', [windows], { order });
}

/** The kernel's taps up to which sums of shifted inputs are written out: a longer sum becomes several kernels. */
const maximumTaps = 49;

/**
 * Whether a convolution with a weight of [groups, out, channels, kernel...] has one channel in and one out in each of
 * its groups, and few taps: packing windows for so small contractions takes longer than the products themselves.
 */
export function isDepthwise([groups, out, channels, ...kernel]: Shape): boolean {
  const taps = sizeOf(kernel);
  return groups > 1 && out === 1 && channels === 1 && taps > 0 && taps <= maximumTaps;
}

/** All index tuples of a shape in row-major order. */
function indicesOf(shape: Shape): number[][] {
  return shape.reduce<number[][]>(
    (tuples, extent) => tuples.flatMap((tuple) => range(0, extent).map((i) => [...tuple, i])),
    [[]],
  );
}

/**
 * The sum over the kernel's taps of the input, shifted, times the tap's weights: elementwise work without a reduction,
 * so that what precedes and follows joins the same kernel.
 */
function sumOfTaps(x: Node, weight: Node, out: Shape, { stride, dilation }: ConvolutionAttributes): Node {
  const [batch, groups] = x.shape;
  const { dtype } = x;
  // Sums of half precision are taken in float32, as a contraction takes them.
  const isHalf = dtype === 'float16' || dtype === 'bfloat16';
  const widened = (node: Node): Node => (isHalf ? makeNode('cast', [node], { dtype: 'float32' }) : node);
  const [input, factors] = [widened(x), widened(weight)];
  const one = out.map(() => 1);
  const products = indicesOf(weight.shape.slice(3)).map((tap): Node => {
    const seen = makeNode('slice', [input], {
      starts: [0, 0, 0, ...tap.map((at, i) => at * dilation[i])],
      steps: [1, 1, 1, ...stride],
      shape: [batch, groups, 1, ...out],
    });
    const factor = makeNode('slice', [factors], {
      starts: [0, 0, 0, ...tap],
      steps: weight.shape.map(() => 1),
      shape: [groups, 1, 1, ...one],
    });
    const moved = makeNode('permute', [seen], { order: [1, 2, 0, ...range(3, weight.shape.length)] });
    return makeNode('mul', [moved, factor], {});
  });
  const sum = products.reduce((left, right) => makeNode('add', [left, right], {}));
  return isHalf ? makeNode('cast', [sum], { dtype }) : sum;
}

export const convolution: CompositeDefinition<ConvolutionAttributes> = {
  kind: 'composite',
  infer([x, weight], attributes) {
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
    const out = outputSizes(x.shape, weight.shape, attributes);
    return { shape: [weight.shape[0], weight.shape[1], x.shape[0], ...out], dtype: x.dtype };
  },
  decompose([x, weight], attributes) {
    const zeros = zerosAround(attributes.before, attributes.after);
    const padded = zeros === null ? x : makeNode('pad', [x], zeros);
    if (isDepthwise(weight.shape))
      return sumOfTaps(padded, weight, outputSizes(x.shape, weight.shape, attributes), attributes);
    const columns = columnsOf(padded, weight.shape.slice(3), attributes);
    return makeNode('dot', [weight, columns], { batchRank: 1, innerRank: weight.shape.length - 2 });
  },
};
