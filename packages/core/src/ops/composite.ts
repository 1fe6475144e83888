// Ops that stand for several others, so that a backend may run them as one kernel.
import { categoryOf } from '../dtype.ts';
import { DTypeError, ShapeError } from '../errors.ts';
import { makeNode, type Node, scalarNode } from '../node.ts';
import { contiguousStrides, formatShape, type Shape, sameShape } from '../shape.ts';
import { type ConvolutionAttributes, convolution } from './convolution.ts';
import type { CompositeDefinition, Meta } from './definition.ts';

export interface CompositeOps {
  readonly softmax: CompositeDefinition<{ readonly dim: number }>;
  readonly logSoftmax: CompositeDefinition<{ readonly dim: number }>;
  /**
   * (x [batch, groups, channels, in...], weight [groups, out, channels, kernel...]) to [groups, out, batch, out...]:
   * the cross-correlation of each group, without padding. Channels come first so that rows of the product are rows
   * of the result.
   */
  readonly convolution: CompositeDefinition<ConvolutionAttributes>;
  /** Tensors one behind the other along a dimension; their other sizes are equal. */
  readonly cat: CompositeDefinition<{ readonly dim: number }>;
}

function inferFloat(name: string): (inputs: readonly Meta[]) => Meta {
  return ([x]) => {
    if (categoryOf(x.dtype) !== 'float')
      throw new DTypeError(`${name}: does not take ${x.dtype}; it takes float tensors`);
    return x;
  };
}

/** x - max(x) along the dimension, so that exp does not overflow. */
function centered(x: Node, dim: number): Node {
  return makeNode('sub', [x, makeNode('max', [x], { dims: [dim], keepDims: true })], {});
}

export const compositeOps: CompositeOps = {
  convolution,
  softmax: {
    kind: 'composite',
    infer: inferFloat('softmax'),
    decompose([x], { dim }) {
      if (x.shape[dim] === 0) return x;
      const exponentials = makeNode('exp', [centered(x, dim)], {});
      const total = makeNode('sum', [exponentials], { dims: [dim], keepDims: true });
      // A division for each row, not for each element. A half's reciprocal could be too small for its dtype.
      return x.dtype === 'float16' || x.dtype === 'bfloat16'
        ? makeNode('div', [exponentials, total], {})
        : makeNode('mul', [exponentials, makeNode('reciprocal', [total], {})], {});
    },
  },
  logSoftmax: {
    kind: 'composite',
    infer: inferFloat('logSoftmax'),
    decompose([x], { dim }) {
      if (x.shape[dim] === 0) return x;
      const shifted = centered(x, dim);
      const total = makeNode('sum', [makeNode('exp', [shifted], {})], { dims: [dim], keepDims: true });
      return makeNode('sub', [shifted, makeNode('log', [total], {})], {});
    },
  },
  cat: {
    kind: 'composite',
    infer(inputs, { dim }) {
      const [first] = inputs;
      for (const { shape, dtype } of inputs) {
        if (dtype !== first.dtype)
          throw new DTypeError(`cat: inputs are ${first.dtype} and ${dtype}; cast one of them`);
        const rest = (extents: readonly number[]): number[] => extents.filter((_, i) => i !== dim);
        if (!sameShape(rest(shape), rest(first.shape)))
          throw new ShapeError(
            `cat: ${formatShape(shape)} does not fit ${formatShape(first.shape)} along dimension ${dim}`,
          );
      }
      return { shape: lengthened(first.shape, dim, inputs), dtype: first.dtype };
    },
    decompose(inputs, { dim }) {
      const [first] = inputs;
      const shape = lengthened(first.shape, dim, inputs);
      const strides = contiguousStrides(shape);
      // Each input is written once into memory that is zeroed before; nothing is computed twice.
      let result: Node = makeNode('expand', [scalarNode(0, first.dtype)], { shape }, first.device);
      let start = 0;
      for (const input of inputs) {
        result = makeNode('assign', [result, input], { strides, offset: start * strides[dim] });
        start += input.shape[dim];
      }
      return result;
    },
  },
};

function lengthened(shape: Shape, dim: number, inputs: readonly Meta[]): Shape {
  const total = inputs.reduce((sum, input) => sum + input.shape[dim], 0);
  return shape.map((extent, i) => (i === dim ? total : extent));
}
