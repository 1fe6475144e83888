// Matrix products: all of them are one contraction.
import { broadcastShapes, DTypeError, formatShape, ShapeError } from '@nn/core';
import { apply, promote, requireTensor } from './dispatch.ts';
import type { Tensor } from './tensor.ts';

/**
 * PyTorch's matmul: vectors, matrices and batches of matrices, batches broadcast.
 *
 * @throws {ShapeError} when the inner sizes differ.
 */
export function matmul(a: Tensor, b: Tensor): Tensor {
  requireTensor('matmul', a);
  requireTensor('matmul', b);
  if (a.ndim === 0 || b.ndim === 0)
    throw new ShapeError('matmul: both tensors need at least one dimension. Use mul for scalars');
  const dtype = promote(a, b);
  if (a.dtype !== b.dtype)
    throw new DTypeError(`matmul: dtypes ${a.dtype} and ${b.dtype} differ; cast one of them to ${dtype}`);
  const inner = a.shape[a.ndim - 1];
  const other = b.shape[Math.max(b.ndim - 2, 0)];
  if (inner !== other) throw mismatch(a, b, inner, other);
  if (b.ndim === 1) return contract(a, b, 0);
  if (b.ndim === 2 || a.ndim === 1) {
    if (b.ndim === 2) return contract(a, b, 0);
    // A vector with a batch of matrices: [k] x [..., k, n] as the transposed product [..., n, k] x [k].
    return contract(b.mT, a, 0);
  }
  if (a.ndim === 2) {
    // [m, k] x [..., k, n]: contract over the batch's rows at once, then bring the batch to the front.
    const batch = broadcastShapes('matmul', b.shape.slice(0, -2));
    return batched(a.expand([...batch, ...a.shape]), b, batch);
  }
  const batch = broadcastShapes('matmul', a.shape.slice(0, -2), b.shape.slice(0, -2));
  return batched(
    a.expandTo([...batch, ...a.shape.slice(-2)]),
    b.expandTo([...batch, ...b.shape.slice(-2)]),
    batch,
  );
}

function batched(a: Tensor, b: Tensor, batch: readonly number[]): Tensor {
  return apply('dot', [a, b], { batchRank: batch.length, innerRank: 1 });
}

/** Last dimension of a with first of b (after `batchRank` shared ones). */
function contract(a: Tensor, b: Tensor, batchRank: number): Tensor {
  return apply('dot', [a, b], { batchRank, innerRank: 1 });
}

function mismatch(a: Tensor, b: Tensor, inner: number, other: number): ShapeError {
  const transposed =
    b.ndim >= 2 && b.shape[b.ndim - 1] === inner ? ` Did you mean b.${b.ndim === 2 ? 'T' : 'mT'}?` : '';
  const fromLeft =
    transposed === '' && a.ndim >= 2 && a.shape[a.ndim - 2] === other
      ? ` Did you mean a.${a.ndim === 2 ? 'T' : 'mT'}?`
      : '';
  return new ShapeError(
    `matmul: cannot multiply ${formatShape(a.shape)} by ${formatShape(b.shape)}: the inner sizes ${inner} and ${other} differ.` +
      transposed +
      fromLeft,
  );
}

/** Matrix times matrix. */
export function mm(a: Tensor, b: Tensor): Tensor {
  if (a.ndim !== 2 || b.ndim !== 2) {
    throw new ShapeError(
      `mm: takes two matrices, got ${formatShape(a.shape)} and ${formatShape(b.shape)}. Use matmul for others`,
    );
  }
  return matmul(a, b);
}
