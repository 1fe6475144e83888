// Sums, means and maxima of rows looked up by index.
import {
  ArgumentError,
  checkOptions,
  formatShape,
  IndexError,
  isFloat,
  ShapeError,
  sameShape,
} from '@nn/core';
import { apply, requireTensor, type Tensor, where, zeros } from '@nn/tensor';
import { checkChoice } from './arguments.ts';
import { limitRows, requireIndices, rowsAt, scaledByFrequency } from './embedding.ts';
import { checkHostIndices } from './host-indices.ts';

export interface EmbeddingBagOptions {
  /** For indices of one dimension: where each bag begins; the first begins at 0. */
  readonly offsets?: Tensor | null;
  /** Rows that are looked up and longer than this are scaled down to it, in place. */
  readonly maxNorm?: number | null;
  /** The p of that norm. Default 2. */
  readonly normType?: number;
  /** Whether a row's gradient is divided by how often it was looked up in this call. Default false. */
  readonly scaleGradByFreq?: boolean;
  /** How a bag's rows become one. Default 'mean'. */
  readonly mode?: 'sum' | 'mean' | 'max';
  /** A factor for each index, of the indices' shape; for 'sum' only. */
  readonly perSampleWeights?: Tensor | null;
  /** Whether the last offset is the end of the last bag. Default false. */
  readonly includeLastOffset?: boolean;
  /** Indices of this row do not count. */
  readonly paddingIdx?: number | null;
}

const optionNames = [
  'offsets',
  'maxNorm',
  'normType',
  'scaleGradByFreq',
  'mode',
  'perSampleWeights',
  'includeLastOffset',
  'paddingIdx',
];

/**
 * Bags of rows of the weight [count, size] as one row each: indices [bags, length], or [indices] with offsets [bags],
 * to [bags, size]. An empty bag is 0.
 *
 * @throws {ShapeError | ArgumentError | DTypeError} for indices, offsets or weights that do not fit.
 * @throws {IndexError} for an index without a row, where the indices are at hand on the host.
 * @example
 * ```ts
 * import * as F from '@nn/functional';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const weight = tensor([[1, 2], [3, 4], [5, 6]]).float();
 * const bags = F.embeddingBag(tensor([0, 1, 2]), weight, { offsets: tensor([0, 2]) });
 * console.log(await bags.toArray()); // => [[2, 3], [5, 6]]
 * ```
 */
export function embeddingBag(input: Tensor, weight: Tensor, options: EmbeddingBagOptions = {}): Tensor {
  checkOptions('embeddingBag', options, optionNames);
  requireTensor('embeddingBag', weight);
  if (weight.ndim !== 2)
    throw new ShapeError(`embeddingBag: the weight must be [count, size], got ${formatShape(weight.shape)}`);
  const index = requireIndices('embeddingBag', input);
  const { offsets = null, mode = 'mean', perSampleWeights = null, maxNorm } = options;
  checkChoice('embeddingBag', 'mode', mode, ['sum', 'mean', 'max']);
  checkBags(input, offsets);
  if (perSampleWeights !== null && mode !== 'sum')
    throw new ArgumentError(`embeddingBag: perSampleWeights go with mode 'sum', got '${mode}'`);
  if (
    perSampleWeights !== null &&
    !sameShape(requireTensor('embeddingBag', perSampleWeights).shape, input.shape)
  ) {
    throw new ShapeError(
      `embeddingBag: perSampleWeights must have the indices' shape ${formatShape(input.shape)}, got ${formatShape(perSampleWeights.shape)}`,
    );
  }
  const [count] = weight.shape;
  checkHostIndices('embeddingBag', input, count);
  if (maxNorm != null) limitRows(index, weight, maxNorm, options.normType ?? 2);
  const plain = rowsAt(weight, index);
  const rows = options.scaleGradByFreq === true ? scaledByFrequency(plain, index, count) : plain;
  const scaled = perSampleWeights === null ? rows : rows.mul(perSampleWeights.unsqueeze(-1));
  const counts = countedIndices(index, count, options.paddingIdx ?? null);
  return offsets === null
    ? reduceRows(scaled, counts, mode)
    : reduceSegments(scaled, counts, bagOf(offsets, index, options.includeLastOffset === true), mode);
}

function checkBags(input: Tensor, offsets: Tensor | null): void {
  if (offsets !== null) requireTensor('embeddingBag', offsets);
  if (input.ndim === 2 && offsets === null) return;
  if (input.ndim === 1 && offsets?.ndim === 1 && !isFloat(offsets.dtype)) return;
  throw new ShapeError(
    'embeddingBag: takes indices [bags, length] without offsets, or [indices] with integer offsets [bags], got ' +
      `${formatShape(input.shape)} ${offsets === null ? 'without offsets' : `and offsets ${offsets.dtype}${formatShape(offsets.shape)}`}`,
  );
}

/** Whether each index counts; null where all do. */
function countedIndices(index: Tensor, count: number, paddingIdx: number | null): Tensor | null {
  if (paddingIdx === null) return null;
  if (!Number.isInteger(paddingIdx) || paddingIdx < -count || paddingIdx >= count)
    throw new IndexError(`embeddingBag: paddingIdx ${paddingIdx} is out of range for ${count} rows`);
  return index.ne(paddingIdx < 0 ? paddingIdx + count : paddingIdx);
}

type Mode = 'sum' | 'mean' | 'max';

/** [bags, length, size] to [bags, size]. */
function reduceRows(rows: Tensor, counts: Tensor | null, mode: Mode): Tensor {
  const length = rows.shape[1];
  const kept = counts?.unsqueeze(-1) ?? null;
  if (mode === 'max') {
    if (length === 0) return rows.sum(1);
    if (kept === null) return rows.amax(1);
    return where(kept.any(1), where(kept, rows, -Infinity).amax(1), 0);
  }
  const total = (kept === null ? rows : where(kept, rows, 0)).sum(1);
  if (mode === 'sum') return total;
  return total.div(kept === null ? Math.max(length, 1) : kept.to(rows.dtype).sum(1).clamp(1));
}

interface Bags {
  /** The bag of each index, and one behind the last for those in none. */
  readonly of: Tensor;
  readonly count: number;
}

function bagOf(offsets: Tensor, index: Tensor, includeLast: boolean): Bags {
  const starts = offsets.to('int32');
  const count = starts.numel() - (includeLast ? 1 : 0);
  if (count < 0) throw new ArgumentError('embeddingBag: includeLastOffset needs at least one offset');
  const places = apply('iota', [], { shape: index.shape, dim: 0, dtype: 'int32' }, index.device);
  // A bag begins at or before its indices.
  const begun = places.unsqueeze(1).ge(starts.unsqueeze(0)).to('int32').sum(1).to('int32').sub(1);
  return { of: begun, count };
}

/** [indices, size] to [bags, size]. */
function reduceSegments(rows: Tensor, counts: Tensor | null, { of, count }: Bags, mode: Mode): Tensor {
  const [, size] = rows.shape;
  const { dtype, device } = rows;
  const bags = counts === null ? of : where(counts, of, -1);
  const along = apply('iota', [], { shape: [size], dim: 0, dtype: 'int32' }, device);
  // What is in no bag goes behind the last.
  const inside = bags.ge(0).logicalAnd(bags.lt(count));
  const row = where(inside, bags, count);
  const place = row.unsqueeze(1).mul(size).add(along).reshape(-1);
  const gathered = (values: Tensor, start: Tensor, how: 'sum' | 'max'): Tensor =>
    apply('scatter', [start, place, values.reshape(-1)], { mode: how })
      .narrow(0, 0, count * size)
      .reshape(count, size);
  const canvas = zeros([(count + 1) * size], { dtype, device });
  if (mode === 'sum') return gathered(rows, canvas, 'sum');
  const numbers = apply('scatter', [zeros([count + 1], { dtype, device }), row, inside.to(dtype)], {
    mode: 'sum',
  })
    .narrow(0, 0, count)
    .unsqueeze(1);
  if (mode === 'mean') return gathered(rows, canvas, 'sum').div(numbers.clamp(1));
  return where(numbers.gt(0), gathered(rows, canvas.sub(Infinity), 'max'), 0);
}
