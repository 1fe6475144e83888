// Attention in several heads, with its projections (Vaswani et al. 2017).
import {
  ArgumentError,
  categoryOf,
  checkOptions,
  DTypeError,
  formatShape,
  type Shape,
  ShapeError,
  sameShape,
} from '@nn/core';
import { apply, cat, requireTensor, type Tensor, where, zeros } from '@nn/tensor';
import { requireFloat } from './arguments.ts';
import { scaledDotProductAttention } from './attention.ts';
import { linear } from './linear.ts';

export interface MultiHeadAttentionOptions {
  /** The size of queries, if it is to be checked. */
  readonly embedDimToCheck?: number;
  /** Shape [3 · embed, embed]: the projections of query, key and value, one below the other. */
  readonly inProjWeight?: Tensor | null;
  /** [3 · embed], for packed and separate projections. */
  readonly inProjBias?: Tensor | null;
  /** In place of inProjWeight: projections of keys and values of other sizes. Implied by qProjWeight. Default false. */
  readonly useSeparateProjWeight?: boolean;
  /** [embed, embed]. */
  readonly qProjWeight?: Tensor | null;
  /** [embed, keySize]. */
  readonly kProjWeight?: Tensor | null;
  /** [embed, valueSize]. */
  readonly vProjWeight?: Tensor | null;
  /** Shape [1, 1, embed]: one more key for all, behind the projected ones; with biasV. */
  readonly biasK?: Tensor | null;
  /** Shape [1, 1, embed]: its value. */
  readonly biasV?: Tensor | null;
  /** Whether one more key and value of zeros is added. Default false. */
  readonly addZeroAttn?: boolean;
  /** The part of the weights that is dropped while training. Default 0. */
  readonly dropoutP?: number;
  /** [embed, embed]. */
  readonly outProjWeight: Tensor;
  /** [embed]. */
  readonly outProjBias?: Tensor | null;
  /** Default true. */
  readonly training?: boolean;
  /** Keys of each batch entry to leave out where true, [batch, keys] or [keys]; or floats that are added to their scores. */
  readonly keyPaddingMask?: Tensor | null;
  /** Keys to leave out for each query where true, [queries, keys] or [batch · heads, queries, keys]; or floats that are added to scores. */
  readonly attnMask?: Tensor | null;
  /** Whether query i sees keys up to i only; with attnMask it says that the mask is that one. Default false. */
  readonly isCausal?: boolean;
  /** Whether the weights come along. Default true. */
  readonly needWeights?: boolean;
  /** Whether these are averaged over the heads. Default true. */
  readonly averageAttnWeights?: boolean;
  /** [batch · heads, keys, embed / heads] in place of projected keys. */
  readonly staticK?: Tensor | null;
  /** [batch · heads, keys, embed / heads] in place of projected values. */
  readonly staticV?: Tensor | null;
}

const optionNames: readonly (keyof MultiHeadAttentionOptions)[] = [
  'embedDimToCheck',
  'inProjWeight',
  'inProjBias',
  'useSeparateProjWeight',
  'qProjWeight',
  'kProjWeight',
  'vProjWeight',
  'biasK',
  'biasV',
  'addZeroAttn',
  'dropoutP',
  'outProjWeight',
  'outProjBias',
  'training',
  'keyPaddingMask',
  'attnMask',
  'isCausal',
  'needWeights',
  'averageAttnWeights',
  'staticK',
  'staticV',
];

const name = 'multiHeadAttentionForward';

/**
 * Attention in `numHeads` heads: queries [queries, batch, embed], keys [keys, batch, keySize] and values
 * [keys, batch, valueSize], or all without batch, to [queries, batch, embed] and the weights
 * [batch, queries, keys] (or [batch, heads, queries, keys]; null without `needWeights`).
 *
 * Boolean masks tell what to leave out, as in PyTorch; in scaledDotProductAttention they tell what takes part.
 *
 * @throws {ShapeError | ArgumentError | DTypeError} for inputs, projections or masks that do not fit.
 * @example
 * ```ts
 * import * as F from '@nn/functional';
 * import { eye, interpreter, randn, use } from '@nn/tensor';
 * use(interpreter());
 * const x = randn([5, 2, 8]);
 * const [y, weights] = F.multiHeadAttentionForward(x, x, x, 4, {
 *   inProjWeight: randn([24, 8]),
 *   outProjWeight: eye(8),
 *   isCausal: true,
 * });
 * console.log(y.shape, weights!.shape); // => [5, 2, 8] [2, 5, 5]
 * ```
 */
export function multiHeadAttentionForward(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  numHeads: number,
  options: MultiHeadAttentionOptions,
): [Tensor, Tensor | null] {
  checkOptions(name, options, optionNames);
  for (const x of [query, key, value]) requireFloat(name, x);
  checkInputs(query, key, value);
  const batched = query.ndim === 3;
  const embed = query.shape[query.ndim - 1];
  checkEmbedding(embed, numHeads, options.embedDimToCheck);
  const [q, k, v] = project(query, key, value, embed, options).map((x) => (batched ? x : x.unsqueeze(1)));
  const batch = q.shape[1];
  const headSize = embed / numHeads;
  const sizes = { batch, numHeads, headSize };
  const keys = extended(inHeads(k, sizes, options.staticK, 'staticK'), 'biasK', sizes, options);
  const values = extended(inHeads(v, sizes, options.staticV, 'staticV'), 'biasV', sizes, options);
  if (keys.shape[2] !== values.shape[2])
    throw new ShapeError(`${name}: there are ${keys.shape[2]} keys and ${values.shape[2]} values`);
  const queries = inHeads(q, sizes, null, 'query');
  const given = key.shape[0];
  const length = { queries: queries.shape[2], keys: keys.shape[2] };
  const isCausal =
    options.isCausal === true &&
    options.attnMask == null &&
    options.keyPaddingMask == null &&
    length.keys === given;
  const attnMask = isCausal
    ? null
    : scoreMask(options, {
        shape: [batch, numHeads, length.queries, length.keys],
        keys: options.staticK?.shape[1] ?? given,
        query,
      });
  const dropoutP = options.training === false ? 0 : (options.dropoutP ?? 0);
  const how = { attnMask, isCausal, dropoutP };
  const [attended, weights] =
    options.needWeights === false
      ? [scaledDotProductAttention(queries, keys, values, how), null]
      : scaledDotProductAttention(queries, keys, values, { ...how, needWeights: true });
  const joined = attended.permute(2, 0, 1, 3).reshape(q.shape[0], batch, embed);
  const output = linear(joined, options.outProjWeight, options.outProjBias ?? null);
  const result = batched ? output : output.squeeze(1);
  if (weights === null) return [result, null];
  const shown = options.averageAttnWeights === false ? weights : weights.mean(1);
  return [result, batched ? shown : shown.squeeze(0)];
}

function checkInputs(query: Tensor, key: Tensor, value: Tensor): void {
  const { ndim } = query;
  const fits =
    (ndim === 2 || ndim === 3) &&
    key.ndim === ndim &&
    value.ndim === ndim &&
    key.shape[0] === value.shape[0] &&
    (ndim === 2 || (key.shape[1] === query.shape[1] && value.shape[1] === query.shape[1]));
  if (fits) return;
  throw new ShapeError(
    `${name}: takes queries [queries, batch, embed], keys [keys, batch, keySize] and values [keys, batch, valueSize], ` +
      `or all without batch, got ${formatShape(query.shape)}, ${formatShape(key.shape)} and ${formatShape(value.shape)}`,
  );
}

function checkEmbedding(embed: number, numHeads: number, expected: number | undefined): void {
  if (expected !== undefined && embed !== expected)
    throw new ShapeError(`${name}: expected queries of size ${expected}, got ${embed}`);
  if (!Number.isInteger(numHeads) || numHeads < 1 || embed % numHeads !== 0) {
    throw new ArgumentError(
      `${name}: a size of ${embed} cannot be divided among ${numHeads} heads: their number must be a divisor of it`,
    );
  }
}

function requireShape(what: string, x: Tensor | null | undefined, shape: Shape): Tensor {
  if (x == null) throw new ArgumentError(`${name}: ${what} of shape ${formatShape(shape)} is missing`);
  requireTensor(name, x);
  if (sameShape(x.shape, shape)) return x;
  throw new ShapeError(`${name}: ${what} must have shape ${formatShape(shape)}, got ${formatShape(x.shape)}`);
}

/** Queries, keys and values, each of the size `embed`; inputs that are the same tensor are projected together. */
function project(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  embed: number,
  options: MultiHeadAttentionOptions,
): readonly Tensor[] {
  const bias =
    options.inProjBias == null ? null : requireShape('inProjBias', options.inProjBias, [3 * embed]);
  const biasAt = (first: number, count: number): Tensor | null =>
    bias === null ? null : bias.narrow(0, first * embed, count * embed);
  if (options.useSeparateProjWeight ?? options.inProjWeight == null) {
    const last = (x: Tensor): number => x.shape[x.ndim - 1];
    return [
      linear(query, requireShape('qProjWeight', options.qProjWeight, [embed, embed]), biasAt(0, 1)),
      linear(key, requireShape('kProjWeight', options.kProjWeight, [embed, last(key)]), biasAt(1, 1)),
      linear(value, requireShape('vProjWeight', options.vProjWeight, [embed, last(value)]), biasAt(2, 1)),
    ];
  }
  const weight = requireShape('inProjWeight', options.inProjWeight, [3 * embed, embed]);
  const part = (x: Tensor, first: number, count: number): Tensor[] => {
    const projected = linear(x, weight.narrow(0, first * embed, count * embed), biasAt(first, count));
    return Array.from({ length: count }, (_, i) => projected.narrow(-1, i * embed, embed));
  };
  if (query === key && key === value) return part(query, 0, 3);
  if (key === value) return [...part(query, 0, 1), ...part(key, 1, 2)];
  return [...part(query, 0, 1), ...part(key, 1, 1), ...part(value, 2, 1)];
}

interface Heads {
  readonly batch: number;
  readonly numHeads: number;
  readonly headSize: number;
}

/** [length, batch, embed] to [batch, heads, length, size], or what is given in its place. */
function inHeads(
  x: Tensor,
  { batch, numHeads, headSize }: Heads,
  given: Tensor | null | undefined,
  what: string,
): Tensor {
  if (given == null) return x.reshape(x.shape[0], batch, numHeads, headSize).permute(1, 2, 0, 3);
  const fixed = requireShape(what, given, [batch * numHeads, given.shape[1], headSize]);
  return fixed.reshape(batch, numHeads, fixed.shape[1], headSize);
}

/** One more key (or value) from a bias, and one of zeros, where they are asked for. */
function extended(
  x: Tensor,
  which: 'biasK' | 'biasV',
  { batch, numHeads, headSize }: Heads,
  options: MultiHeadAttentionOptions,
): Tensor {
  const parts = [x];
  if ((options.biasK == null) !== (options.biasV == null))
    throw new ArgumentError(`${name}: biasK and biasV go together`);
  if (options.biasK != null) {
    if (options.staticK != null || options.staticV != null)
      throw new ArgumentError(`${name}: biasK and biasV cannot be added to staticK or staticV`);
    const bias = requireShape(which, options[which], [1, 1, numHeads * headSize]);
    parts.push(bias.reshape(1, numHeads, 1, headSize).expandTo([batch, numHeads, 1, headSize]));
  }
  if (options.addZeroAttn === true)
    parts.push(zeros([batch, numHeads, 1, headSize], { dtype: x.dtype, device: x.device }));
  return parts.length === 1 ? x : cat(parts, 2);
}

interface Scores {
  /** [batch, heads, queries, keys], the added ones among the keys. */
  readonly shape: readonly [number, number, number, number];
  /** How many keys were not added. */
  readonly keys: number;
  readonly query: Tensor;
}

/** What is added to scores, or which take part (true); added keys always do. Null where all do. */
function scoreMask(options: MultiHeadAttentionOptions, scores: Scores): Tensor | null {
  const { shape, keys, query } = scores;
  const [batch, numHeads, queries, total] = shape;
  const masks: Tensor[] = [];
  const { attnMask, keyPaddingMask } = options;
  if (attnMask != null) {
    const wanted = attnMask.ndim === 3 ? [batch * numHeads, queries, keys] : [queries, keys];
    const mask = requireMask('attnMask', attnMask, wanted);
    masks.push(attnMask.ndim === 3 ? mask.reshape(batch, numHeads, queries, keys) : mask);
  } else if (options.isCausal === true) {
    const place = (dim: number): Tensor =>
      apply('iota', [], { shape: [queries, keys], dim, dtype: 'int32' }, query.device);
    masks.push(place(1).gt(place(0)));
  }
  if (keyPaddingMask != null) {
    const wanted = query.ndim === 3 ? [batch, keys] : [keys];
    masks.push(requireMask('keyPaddingMask', keyPaddingMask, wanted).reshape(batch, 1, 1, keys));
  }
  const added = total - keys;
  const [first, second] = masks.map((mask) => (added === 0 ? mask : withAdded(mask, added)));
  if (first === undefined) return null;
  if (second === undefined) return isBool(first) ? first.logicalNot() : first;
  if (isBool(first) && isBool(second)) return first.logicalOr(second).logicalNot();
  const asScores = (mask: Tensor): Tensor =>
    isBool(mask)
      ? where(mask, zeros([], { dtype: query.dtype, device: query.device }).sub(Infinity), 0)
      : mask;
  return asScores(first).add(asScores(second));
}

const isBool = (mask: Tensor): boolean => categoryOf(mask.dtype) === 'bool';

function requireMask(what: string, mask: Tensor, shape: Shape): Tensor {
  requireShape(what, mask, shape);
  const category = categoryOf(mask.dtype);
  if (category === 'bool' || category === 'float') return mask;
  throw new DTypeError(`${name}: ${what} must be bool or float, got ${mask.dtype}. Use ${what}.bool()`);
}

/** Keys behind the others that nothing masks. */
function withAdded(mask: Tensor, added: number): Tensor {
  const none = mask.shape.map(() => 0);
  return apply('pad', [mask], { before: none, after: [...none.slice(1), added], value: 0 });
}
