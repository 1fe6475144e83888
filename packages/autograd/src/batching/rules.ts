// How each op does many examples at once. Batched inputs have the examples in a leading dimension of their own, and so
// have the results. A total typed map: an op without a rule does not compile.
import {
  type AttributesOf,
  type CompositeOps,
  type HeavyOps,
  type MovementOps,
  type OpName,
  type ReductionOps,
  type Shape,
  sizeOf,
} from '@nn/core';
import { apply, permute, type Tensor, where } from '@nn/tensor';

/** An input of an op that is done for a batch. */
export interface BatchInput {
  /** With the examples in front, if it is batched. */
  readonly value: Tensor;
  readonly batched: boolean;
  /** Of one example. */
  readonly shape: Shape;
}

/** Gives the op's results for all examples, in front; at least one of the inputs is batched. */
export type BatchRule<A> = (inputs: readonly BatchInput[], attributes: A, size: number) => Tensor;

/** Ops that tell dimensions apart. The others work element by element, or take no tensors. */
type StructuredOps = MovementOps & ReductionOps & HeavyOps & CompositeOps;
type StructuredRules = { readonly [N in keyof StructuredOps]: BatchRule<AttributesOf<N>> };

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

function reshaped(x: Tensor, shape: Shape): Tensor {
  return apply('reshape', [x], { shape });
}

/** Repeats an input that is the same for all examples. */
export function spread({ value, batched, shape }: BatchInput, size: number): Tensor {
  return batched ? value : apply('expand', [value], { shape: [size, ...shape] });
}

/** The value with the dimension at another place. */
function moved(x: Tensor, from: number, to: number): Tensor {
  if (from === to) return x;
  const order = range(0, x.ndim).filter((dim) => dim !== from);
  order.splice(to, 0, from);
  return permute(x, order);
}

/** Two neighbouring dimensions as one. */
function merged(x: Tensor, dim: number): Tensor {
  const { shape } = x;
  return reshaped(x, [...shape.slice(0, dim), shape[dim] * shape[dim + 1], ...shape.slice(dim + 2)]);
}

/** The converse of `merged`. */
function parted(x: Tensor, dim: number, outer: number): Tensor {
  const { shape } = x;
  return reshaped(x, [...shape.slice(0, dim), outer, shape[dim] / outer, ...shape.slice(dim + 1)]);
}

/** Examples are aligned on the right; the batch dimension stays before the longest of them. */
function elementwise(op: OpName): BatchRule<object> {
  return (inputs, attributes) => {
    const rank = Math.max(...inputs.map(({ shape }) => shape.length));
    const values = inputs.map(({ value, batched, shape }) =>
      batched && shape.length < rank
        ? reshaped(value, [value.shape[0], ...new Array<number>(rank - shape.length).fill(1), ...shape])
        : value,
    );
    return apply(op, values, attributes as never);
  };
}

function reduction(op: keyof ReductionOps): BatchRule<AttributesOf<'sum'>> {
  return ([{ value }], { dims, keepDims }) =>
    apply(op, [value], { dims: dims.map((dim) => dim + 1), keepDims });
}

/** Ops on one input that have a `dim`. */
function along<A extends { readonly dim: number }>(
  op: 'scan' | 'argsort' | 'softmax' | 'logSoftmax',
): BatchRule<A> {
  return ([{ value }], attributes) => apply(op, [value], { ...attributes, dim: attributes.dim + 1 } as never);
}

/** Positions in each example's own part of the flattened batch; those that are not `inside` lead nowhere. */
function ownPositions(index: Tensor, length: number, size: number, inside: Tensor | null): Tensor {
  const shape = [size, ...new Array<number>(index.ndim - 1).fill(1)];
  const start = apply('iota', [], { shape, dim: 0, dtype: 'int32' }, index.device).mul(length);
  const own = index.add(start);
  return inside === null ? own : where(inside, own, -1);
}

const structured: StructuredRules = {
  reshape: ([{ value }], { shape }, size) => reshaped(value, [size, ...shape]),
  permute: ([{ value }], { order }) =>
    apply('permute', [value], { order: [0, ...order.map((dim) => dim + 1)] }),
  expand: ([{ value, shape: own }], { shape }, size) => {
    const lead = new Array<number>(shape.length - own.length).fill(1);
    const aligned = lead.length === 0 ? value : reshaped(value, [size, ...lead, ...own]);
    return apply('expand', [aligned], { shape: [size, ...shape] });
  },
  slice: ([{ value }], { starts, steps, shape }, size) =>
    apply('slice', [value], { starts: [0, ...starts], steps: [1, ...steps], shape: [size, ...shape] }),
  pad: ([{ value }], { before, after, value: filler }) =>
    apply('pad', [value], { before: [0, ...before], after: [0, ...after], value: filler }),
  // Windows slide over the last dimensions.
  window: ([{ value }], attributes) => apply('window', [value], attributes),
  asStrided: ([{ value, shape: own }], { shape, strides, offset }, size) =>
    apply('asStrided', [value], {
      shape: [size, ...shape],
      strides: [sizeOf(own), ...strides],
      offset,
    }),
  barrier: ([x, after], attributes, size) => apply('barrier', [spread(x, size), after.value], attributes),

  sum: reduction('sum'),
  prod: reduction('prod'),
  max: reduction('max'),
  min: reduction('min'),
  argmax: reduction('argmax'),
  argmin: reduction('argmin'),

  dot: ([left, right], { batchRank, innerRank }) => {
    if (left.batched && right.batched)
      return apply('dot', [left.value, right.value], { batchRank: batchRank + 1, innerRank });
    if (left.batched) {
      // The examples are further rows of one product.
      const product = apply('dot', [moved(left.value, 0, batchRank), right.value], { batchRank, innerRank });
      return moved(product, batchRank, 0);
    }
    const columns = batchRank + innerRank;
    const product = apply('dot', [left.value, moved(right.value, 0, columns)], { batchRank, innerRank });
    return moved(product, left.shape.length - innerRank, 0);
  },
  take: ([flat, index], attributes, size) => {
    if (!flat.batched) return apply('take', [flat.value, index.value], attributes);
    const [length] = flat.shape;
    const nearest = spread(index, size).clamp(0, length - 1);
    return apply('take', [merged(flat.value, 0), ownPositions(nearest, length, size, null)], attributes);
  },
  scatter: ([base, index, source], attributes, size) => {
    const length = base.shape[0] / (attributes.width ?? 1);
    const given = spread(index, size);
    // What lies outside of an example must not reach its neighbour.
    const inside = given.ge(0).logicalAnd(given.lt(length));
    const values = merged(spread(base, size), 0);
    const result = apply(
      'scatter',
      [values, ownPositions(given, length, size, inside), spread(source, size)],
      attributes,
    );
    return parted(result, 0, size);
  },
  assign: ([base, value], { strides, offset }, size) =>
    apply('assign', [spread(base, size), spread(value, size)], {
      strides: [sizeOf(base.shape), ...strides],
      offset,
    }),
  scan: along('scan'),
  argsort: along('argsort'),

  softmax: along('softmax'),
  logSoftmax: along('logSoftmax'),
  convolution: ([x, weight], attributes, size) => {
    if (!weight.batched) {
      // x [size, batch, groups, …] to [groups, out, size * batch, …].
      return moved(
        parted(apply('convolution', [merged(x.value, 0), weight.value], attributes), 2, size),
        2,
        0,
      );
    }
    if (!x.batched) {
      // Weights [size, groups, out, …]: further output channels.
      const channels = merged(moved(weight.value, 0, 1), 1);
      return moved(parted(apply('convolution', [x.value, channels], attributes), 1, size), 1, 0);
    }
    // Both: further groups.
    const groups = merged(moved(x.value, 0, 1), 1);
    return parted(apply('convolution', [groups, merged(weight.value, 0)], attributes), 0, size);
  },
  cat: (inputs, { dim }, size) =>
    apply(
      'cat',
      inputs.map((input) => spread(input, size)),
      { dim: dim + 1 },
    ),
};

/** The rule of an op. */
export function batchRuleOf(op: OpName): BatchRule<object> {
  const rule = (structured as { readonly [name: string]: BatchRule<never> | undefined })[op];
  if (rule !== undefined) return rule as BatchRule<object>;
  // Generators and leaves have no inputs that could be batched.
  return elementwise(op);
}
