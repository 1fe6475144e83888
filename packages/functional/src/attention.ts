// Attention: averages of values, weighted by how well keys fit queries (Vaswani et al. 2017).
import { ArgumentError, categoryOf, checkOptions, formatShape, ShapeError, sizeOf } from '@nn/core';
import { apply, cat, type Tensor, where } from '@nn/tensor';
import { broadcastTogether, requireFloat } from './arguments.ts';
import { dropout } from './dropout.ts';
import { softmax } from './softmax.ts';

export interface AttentionOptions<Weights extends boolean = boolean> {
  /** Booleans: which keys take part for each query; or floats that are added to the scores. Broadcasts to [..., queries, keys]. */
  readonly attnMask?: Tensor | null;
  /** The part of the weights that is dropped. Default 0. */
  readonly dropoutP?: number;
  /** Whether query i sees keys up to i only. Default false. */
  readonly isCausal?: boolean;
  /** The factor of the scores. Default 1 / sqrt(the size of a query). */
  readonly scale?: number | null;
  /** Whether keys and values may have fewer heads (dimension -3) than queries, each serving a group of them. Default false. */
  readonly enableGqa?: boolean;
  /** Whether the weights [..., queries, keys] come along. Default false. */
  readonly needWeights?: Weights;
}

/**
 * softmax(query keyᵀ · scale + mask) value: queries [..., queries, size], keys [..., keys, size], values
 * [..., keys, valueSize] to [..., queries, valueSize].
 *
 * A query whose keys are all masked gets NaN, as in PyTorch.
 *
 * @throws {ShapeError} when the sizes do not fit.
 * @throws {ArgumentError} for both a mask and `isCausal`.
 * @example
 * ```ts
 * import * as F from '@nn/functional';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const x = tensor([[1, 0], [0, 1]]).float();
 * console.log(await F.scaledDotProductAttention(x, x, x, { isCausal: true }).select(0, 0).toArray()); // => [1, 0]
 * ```
 */
export function scaledDotProductAttention(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  options: AttentionOptions & { readonly needWeights: true },
): [Tensor, Tensor];
export function scaledDotProductAttention(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  options?: AttentionOptions<false>,
): Tensor;
export function scaledDotProductAttention(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  options: AttentionOptions = {},
): Tensor | [Tensor, Tensor] {
  const name = 'scaledDotProductAttention';
  checkOptions(name, options, ['attnMask', 'dropoutP', 'isCausal', 'scale', 'enableGqa', 'needWeights']);
  for (const x of [query, key, value]) requireFloat(name, x);
  const { attnMask = null, dropoutP = 0, isCausal = false, scale, needWeights = false } = options;
  if (attnMask !== null && isCausal)
    throw new ArgumentError(`${name}: give either attnMask or isCausal, not both`);
  checkSizes(name, query, key, value);
  const factor = scale ?? 1 / Math.sqrt(query.shape[query.ndim - 1]);
  const [keys, values] =
    options.enableGqa === true
      ? [sharedHeads(name, query, key), sharedHeads(name, query, value)]
      : [key, value];
  const attend = (queries: Tensor, from: Tensor, to: Tensor, first: number): [Tensor, Tensor] => {
    // Products of half precision overflow before they are scaled.
    const scores =
      queries.dtype === 'float16' ? queries.mul(factor).matmul(from.mT) : queries.matmul(from.mT).mul(factor);
    const masked = isCausal ? causal(scores, first) : attnMask === null ? scores : withMask(scores, attnMask);
    const plain = softmax(masked, -1);
    const weights = dropoutP > 0 ? dropout(plain, { p: dropoutP }) : plain;
    return [weights.matmul(to), weights];
  };
  const blocks = isCausal && !needWeights ? causalBlocks(query, keys) : [];
  if (blocks.length > 0) {
    const results = blocks.map(({ first, rows, seen }) => {
      const [from, to] = [keys, values].map((x) =>
        seen === x.shape[x.ndim - 2] ? x : x.narrow(-2, 0, seen),
      );
      return attend(query.narrow(-2, first, rows), from, to, first)[0];
    });
    return cat(results, -2);
  }
  const result = attend(query, keys, values, 0);
  return needWeights ? result : result[0];
}

/** Queries that are computed together: `rows` from `first` on, and the keys that they see. */
interface CausalBlock {
  readonly first: number;
  readonly rows: number;
  readonly seen: number;
}

const mostBlocks = 8;
/** Fewer queries make products slow. */
const leastRows = 64;
/** For each block, of the product of all queries by all keys: with less work a block costs more than it saves. */
const leastFlops = 2 ** 25;

/**
 * The scores of keys behind all queries of a block are not computed: n blocks take (n + 1) / 2n of the products.
 * None where that does not pay.
 */
function causalBlocks(query: Tensor, keys: Tensor): CausalBlock[] {
  const [length, total] = [query, keys].map((x) => x.shape[x.ndim - 2]);
  const flops = 2 * sizeOf(query.shape) * total;
  const count = Math.min(mostBlocks, Math.floor(length / leastRows), Math.floor(flops / leastFlops));
  if (count < 2) return [];
  const height = Math.ceil(length / count);
  return Array.from({ length: Math.ceil(length / height) }, (_, at) => {
    const first = at * height;
    const rows = Math.min(height, length - first);
    return { first, rows, seen: Math.min(first + rows, total) };
  });
}

function checkSizes(name: string, query: Tensor, key: Tensor, value: Tensor): void {
  const last = (x: Tensor, i: number): number => x.shape[x.ndim - i];
  const matrices = [query, key, value].every((x) => x.ndim >= 2);
  if (matrices && last(query, 1) === last(key, 1) && last(key, 2) === last(value, 2)) return;
  throw new ShapeError(
    `${name}: takes queries [..., queries, size], keys [..., keys, size] and values [..., keys, valueSize], got ` +
      `${formatShape(query.shape)}, ${formatShape(key.shape)} and ${formatShape(value.shape)}`,
  );
}

/** Each head for as many heads of queries as it serves: [..., heads, length, size], shown several times. */
function sharedHeads(name: string, query: Tensor, x: Tensor): Tensor {
  const heads = query.ndim < 3 ? 1 : query.shape[query.ndim - 3];
  const own = x.ndim < 3 ? 1 : x.shape[x.ndim - 3];
  if (own === heads) return x;
  if (own === 0 || heads % own !== 0) {
    throw new ShapeError(
      `${name}: ${heads} heads of queries cannot share ${own} heads of keys and values: their number must be a multiple`,
    );
  }
  const [lead, matrix] = [x.shape.slice(0, -3), x.shape.slice(-2)];
  return x
    .unsqueeze(-3)
    .expandTo([...lead, own, heads / own, ...matrix])
    .reshape([...lead, heads, ...matrix]);
}

/** Masks keys behind each query, of queries from `first` on. */
function causal(scores: Tensor, first: number): Tensor {
  const shape = scores.shape.slice(-2);
  const place = (dim: number): Tensor => apply('iota', [], { shape, dim, dtype: 'int32' }, scores.device);
  const row = first === 0 ? place(0) : place(0).add(first);
  return where(row.ge(place(1)), scores, -Infinity);
}

function withMask(scores: Tensor, mask: Tensor): Tensor {
  broadcastTogether('scaledDotProductAttention', scores, mask);
  return categoryOf(mask.dtype) === 'bool' ? where(mask, scores, -Infinity) : scores.add(mask);
}
