// Rows looked up by index.
import { categoryOf, checkOptions, DTypeError, formatShape, IndexError, ShapeError } from '@nn/core';
import { apply, inPlace, onesLike, requireTensor, type Tensor, where, zeros } from '@nn/tensor';
import { checkHostIndices } from './host-indices.ts';

export interface EmbeddingOptions {
  /** The row that gets no gradient. */
  readonly paddingIdx?: number | null;
  /** Rows that are looked up and longer than this are scaled down to it, in place. */
  readonly maxNorm?: number | null;
  /** The p of that norm. Default 2. */
  readonly normType?: number;
  /** Whether a row's gradient is divided by how often it was looked up in this call. Default false. */
  readonly scaleGradByFreq?: boolean;
}

export function requireIndices(name: string, index: Tensor): Tensor {
  requireTensor(name, index);
  if (categoryOf(index.dtype) === 'integer') return index.to('int32');
  throw new DTypeError(`${name}: the indices must be integers, got ${index.dtype}. Use indices.int()`);
}

/**
 * Rows of the weight [count, size] at indices of any shape: [..., size].
 *
 * @throws {ShapeError} unless the weight is a matrix.
 * @throws {IndexError} for an index without a row, where the indices are at hand on the host.
 * @example
 * ```ts
 * import * as F from '@nn/functional';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const rows = F.embedding(tensor([2, 0]), tensor([[1, 2], [3, 4], [5, 6]]));
 * console.log(await rows.toArray()); // => [[5, 6], [1, 2]]
 * ```
 */
export function embedding(input: Tensor, weight: Tensor, options: EmbeddingOptions = {}): Tensor {
  checkOptions('embedding', options, ['paddingIdx', 'maxNorm', 'normType', 'scaleGradByFreq']);
  requireTensor('embedding', weight);
  if (weight.ndim !== 2) {
    throw new ShapeError(`embedding: the weight must be [count, size], got ${formatShape(weight.shape)}`);
  }
  checkHostIndices('embedding', input, weight.shape[0]);
  const index = requireIndices('embedding', input);
  if (options.maxNorm != null) limitRows(index, weight, options.maxNorm, options.normType ?? 2);
  const plain = rowsAt(weight, index);
  const rows = options.scaleGradByFreq === true ? scaledByFrequency(plain, index, weight.shape[0]) : plain;
  const { paddingIdx } = options;
  if (paddingIdx == null) return rows;
  const [count] = weight.shape;
  if (!Number.isInteger(paddingIdx) || paddingIdx < -count || paddingIdx >= count) {
    throw new IndexError(`embedding: paddingIdx ${paddingIdx} is out of range for ${count} rows`);
  }
  const padding = index.eq(paddingIdx < 0 ? paddingIdx + count : paddingIdx).unsqueeze(-1);
  return where(padding, rows.detach(), rows);
}

/** The rows, [...index, size], with gradients divided by how often each row's index is there. */
export function scaledByFrequency(rows: Tensor, index: Tensor, count: number): Tensor {
  const flat = index.reshape(-1);
  const { dtype, device } = rows;
  const counts = apply('scatter', [zeros([count], { dtype, device }), flat, onesLike(flat).to(dtype)], {
    mode: 'sum',
  });
  const each = counts.indexSelect(0, flat).reshape(index.shape).unsqueeze(-1);
  // The value stays as it is: only the difference, which is zero, has a derivative.
  return rows.detach().add(rows.sub(rows.detach()).div(each));
}

export function rowsAt(weight: Tensor, index: Tensor): Tensor {
  const [, size] = weight.shape;
  if (index.numel() === 0 || size === 0)
    return weight
      .reshape(-1)
      .narrow(0, 0, 0)
      .reshape([...index.shape, size]);
  const along = apply('iota', [], { shape: [size], dim: 0, dtype: 'int32' }, weight.device);
  return apply('take', [weight.reshape(-1), index.unsqueeze(-1).mul(size).add(along)], { width: size });
}

export function limitRows(index: Tensor, weight: Tensor, maxNorm: number, normType: number): void {
  const rows = weight.detach();
  const [count] = weight.shape;
  const norms = rows
    .abs()
    .pow(normType)
    .sum(1, { keepdim: true })
    .pow(1 / normType);
  const flat = index.reshape(-1);
  const base = zeros([count], { dtype: 'int32', device: weight.device });
  const touched = apply('scatter', [base, flat, base.add(1).narrow(0, 0, 1).expandTo(flat.shape)], {
    mode: 'set',
  });
  const scale = where(
    touched.eq(1).unsqueeze(1).logicalAnd(norms.gt(maxNorm)),
    norms.add(1e-7).reciprocal().mul(maxNorm),
    1,
  );
  inPlace('embedding', rows, rows.mul(scale));
}

/**
 * 1 at each element's class, 0 elsewhere: [...] to [..., numClasses], in the indices' dtype. Without `numClasses`
 * (or -1) it is read from the data: the largest class and one.
 *
 * @throws {DTypeError} unless the classes are integers.
 */
export function oneHot(x: Tensor, numClasses: number = -1): Tensor {
  requireIndices('oneHot', x);
  const count = numClasses === -1 ? Number(x.amax().itemSync()) + 1 : numClasses;
  checkHostIndices('oneHot', x, count);
  const shape = [...x.shape, count];
  const along = apply('iota', [], { shape, dim: x.ndim, dtype: 'int32' }, x.device);
  return x.to('int32').unsqueeze(-1).eq(along).to(x.dtype);
}
