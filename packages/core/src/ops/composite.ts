// Ops that stand for several others, so that a backend may run them as one kernel.
import { categoryOf } from '../dtype.ts';
import { DTypeError } from '../errors.ts';
import { makeNode, type Node } from '../node.ts';
import type { CompositeDefinition, Meta } from './definition.ts';

export interface CompositeOps {
  readonly softmax: CompositeDefinition<{ readonly dim: number }>;
  readonly logSoftmax: CompositeDefinition<{ readonly dim: number }>;
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
  softmax: {
    kind: 'composite',
    infer: inferFloat('softmax'),
    decompose([x], { dim }) {
      if (x.shape[dim] === 0) return x;
      const exponentials = makeNode('exp', [centered(x, dim)], {});
      return makeNode(
        'div',
        [exponentials, makeNode('sum', [exponentials], { dims: [dim], keepDims: true })],
        {},
      );
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
};
