// Derivatives of ops with kernels of their own, and the non-derivatives of generators and leaves.
import { contiguousStrides, type GeneratorOps, type HeavyOps, type LeafOps, sizeOf } from '@nn/core';
import { apply, permute, type Tensor, where, zeros, zerosLike } from '@nn/tensor';
import { evenIfOverwritten } from '../saved.ts';
import { positions } from './movement.ts';
import { notDifferentiable, type Rules } from './rule.ts';

/** Dimensions a … b - 1, c … d - 1, in this order behind the first `batch`. */
function swapGroups(x: Tensor, batch: number, first: number): Tensor {
  const rank = x.ndim;
  const order = new Array<number>(rank);
  for (let dim = 0; dim < batch; dim++) order[dim] = dim;
  for (let dim = batch; dim < rank; dim++)
    order[dim] = dim < rank - first ? dim + first : dim - (rank - batch - first);
  return permute(x, order);
}

function reverseScan(x: Tensor, dim: number): Tensor {
  return apply('scan', [x.flip(dim)], { dim, op: 'sum' }).flip(dim);
}

/**
 * Before the first zero of a line: Σ of what follows, divided by x. At it: the same with the zero left out. Behind
 * it nothing changes the products, all of which are zero.
 */
function productScan(gradient: Tensor, x: Tensor, output: Tensor, dim: number): Tensor {
  const zero = x.eq(0);
  const zeros = apply('scan', [zero.to('int32')], { dim, op: 'sum' });
  const first = zero.logicalAnd(zeros.eq(1));
  const others = apply('scan', [where(first, 1, x)], { dim, op: 'prod' });
  const before = reverseScan(gradient.mul(output), dim).div(where(zero, 1, x));
  const at = reverseScan(gradient.mul(others), dim);
  return where(zeros.eq(0), before, where(first, at, 0));
}

/** For each position along the dimension, the last one so far where the running extremum was reached. */
function runningPosition(x: Tensor, extremum: Tensor, dim: number): Tensor {
  const along = apply('iota', [], { shape: x.shape, dim, dtype: 'int32' }, x.device);
  return apply('scan', [where(x.eq(extremum), along, 0).to('int32')], { dim, op: 'max' });
}

/** The rows whose elements an index names, one after the other. */
function rowsOf(index: Tensor, width: number): Tensor {
  const count = sizeOf(index.shape) / width;
  return index.reshape(count, width).narrow(1, 0, 1).reshape(count).div(width, { roundingMode: 'trunc' });
}

/** The elements of rows. */
function elementsOf(rows: Tensor, width: number): Tensor {
  const along = apply('iota', [], { shape: [width], dim: 0, dtype: 'int32' }, rows.device);
  return rows.reshape(-1, 1).mul(width).add(along);
}

export const heavyRules: Rules<keyof HeavyOps> = {
  dot: ({ gradient, inputs: [left, right], attributes: { batchRank, innerRank }, needs }) => {
    const rowRank = left.ndim - batchRank - innerRank;
    const columnRank = right.ndim - batchRank - innerRank;
    return [
      needs[0]
        ? apply('dot', [gradient, swapGroups(right, batchRank, innerRank)], {
            batchRank,
            innerRank: columnRank,
          })
        : null,
      needs[1]
        ? apply('dot', [swapGroups(left, batchRank, rowRank), gradient], { batchRank, innerRank: rowRank })
        : null,
    ];
  },
  take: ({ gradient, inputs: [flat, index], attributes }) => {
    const base = zerosLike(flat, { dtype: gradient.dtype });
    const rows = attributes.width === undefined ? index : rowsOf(index, attributes.width);
    return [apply('scatter', [base, rows, gradient], { mode: 'sum', ...attributes }), null];
  },
  scatter: ({ gradient, inputs: [base, index, source], output, attributes }) => {
    const { mode, width } = attributes;
    const elements = width === undefined ? index : elementsOf(index, width);
    const taken = (from: Tensor): Tensor =>
      apply('take', [from, elements.reshape(source.shape)], width === undefined ? {} : { width });
    if (mode === 'sum') return [gradient, null, taken(gradient)];
    if (mode === 'set') {
      const seen = taken(gradient);
      return [apply('scatter', [gradient, index, zerosLike(seen)], attributes), null, seen];
    }
    if (mode === 'prod')
      return [gradient.mul(output).div(base), null, taken(gradient.mul(output)).div(source)];
    const ownShare = base.eq(output).to(base.dtype);
    const sourceShare = source.eq(taken(output)).to(base.dtype);
    const count = apply('scatter', [ownShare, index, sourceShare], { ...attributes, mode: 'sum' });
    const shared = gradient.div(count);
    return [shared.mul(ownShare), null, taken(shared).mul(sourceShare)];
  },
  assign: ({ gradient, inputs: [, value], attributes: { strides, offset } }) => [
    apply('assign', [gradient, zeros(value.shape, { dtype: gradient.dtype, device: gradient.device })], {
      strides,
      offset,
    }),
    apply('asStrided', [gradient], { shape: value.shape, strides, offset }),
  ],
  scan: ({ gradient, inputs: [x], output, attributes: { dim, op } }) => {
    if (op === 'sum') return [reverseScan(gradient, dim)];
    if (op === 'prod') return [productScan(gradient, x, output, dim)];
    const own = contiguousStrides(x.shape);
    const base = positions(
      x.shape,
      own.map((step, i) => (i === dim ? 0 : step)),
      0,
      x.device,
    );
    const index = runningPosition(evenIfOverwritten(x), evenIfOverwritten(output), dim)
      .mul(own[dim])
      .add(base);
    const flat = zeros([sizeOf(x.shape)], { dtype: gradient.dtype, device: gradient.device });
    return [apply('scatter', [flat, index, gradient], { mode: 'sum' }).reshape(x.shape)];
  },
  argsort: notDifferentiable,
};

export const givenRules: Rules<keyof GeneratorOps | keyof LeafOps> = {
  iota: notDifferentiable,
  randomBits: notDifferentiable,
  data: notDifferentiable,
  scalar: notDifferentiable,
};
