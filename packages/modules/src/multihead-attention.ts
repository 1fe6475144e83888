// Attention in several heads, with its projections.
import { multiHeadAttentionForward } from '@nn/functional';
import { ArgumentError, checkOptions, requireTensor, type Tensor } from '@nn/tensor';
import { constant_, xavierNormal_, xavierUniform_ } from './init.ts';
import { Linear } from './linear.ts';
import { Module } from './module.ts';
import { checkLayerOptions, emptyParameter, type FactoryOptions } from './options.ts';
import type { Parameter } from './parameter.ts';

export interface MultiheadAttentionOptions extends FactoryOptions {
  /** The part of the weights that is dropped in training. Default 0. */
  readonly dropout?: number;
  /** Whether the projections have additive biases. Default true. */
  readonly bias?: boolean;
  /** Whether one more key and value is learnt. Default false. */
  readonly addBiasKv?: boolean;
  /** Whether one more key and value of zeros is added. Default false. */
  readonly addZeroAttn?: boolean;
  /** The size of keys. Default embedDim. */
  readonly kdim?: number | null;
  /** The size of values. Default embedDim. */
  readonly vdim?: number | null;
  /** Whether the batch comes before the length in inputs and output. Default false. */
  readonly batchFirst?: boolean;
}

export interface AttentionCallOptions<NeedWeights extends boolean = boolean> {
  /** Keys to leave out where true, [batch, keys] or, without batch, [keys]; or floats that are added to their scores. */
  readonly keyPaddingMask?: Tensor | null;
  /** Whether the weights are given, too. Default true. */
  readonly needWeights?: NeedWeights;
  /** Keys to leave out for each query where true, [queries, keys] or [batch · heads, queries, keys]; or floats that are added to scores. */
  readonly attnMask?: Tensor | null;
  /** Whether weights are averaged over the heads. Default true. */
  readonly averageAttnWeights?: boolean;
  /** Whether query i sees keys up to i only; with attnMask it says that the mask is that one. Default false. */
  readonly isCausal?: boolean;
}

const callOptions: readonly (keyof AttentionCallOptions)[] = [
  'keyPaddingMask',
  'needWeights',
  'attnMask',
  'averageAttnWeights',
  'isCausal',
];

export interface MultiheadAttention {
  (
    query: Tensor,
    key: Tensor,
    value: Tensor,
    options: AttentionCallOptions & { readonly needWeights: false },
  ): [Tensor, null];
  (query: Tensor, key: Tensor, value: Tensor, options?: AttentionCallOptions<true>): [Tensor, Tensor];
  (query: Tensor, key: Tensor, value: Tensor, options?: AttentionCallOptions): [Tensor, Tensor | null];
}

/**
 * Attention in `numHeads` heads (Vaswani et al. 2017): queries [queries, batch, embedDim], keys [keys, batch, kdim] and
 * values [keys, batch, vdim], or all without batch, to [queries, batch, embedDim] and the weights [batch, queries, keys]
 * ([batch, heads, queries, keys] without `averageAttnWeights`). Masks tell what to leave out.
 *
 * @throws {ShapeError | ArgumentError | DTypeError} for inputs or masks that do not fit.
 * @example
 * ```ts
 * import { MultiheadAttention } from '@nn/modules';
 * import { interpreter, randn, use } from '@nn/tensor';
 * use(interpreter());
 * const attention = new MultiheadAttention(8, 2, { batchFirst: true });
 * const x = randn([3, 5, 8]);
 * const [y, weights] = attention(x, x, x, { isCausal: true });
 * console.log(y.shape, weights.shape); // => [3, 5, 8] [3, 5, 5]
 * ```
 */
export class MultiheadAttention extends Module<
  [query: Tensor, key: Tensor, value: Tensor, options?: AttentionCallOptions],
  [output: Tensor, weights: Tensor | null]
> {
  readonly embedDim: number;
  readonly numHeads: number;
  readonly kdim: number;
  readonly vdim: number;
  readonly dropout: number;
  readonly batchFirst: boolean;
  readonly addZeroAttn: boolean;
  /** [3 · embedDim, embedDim], the projections of query, key and value; null where these have other sizes. */
  inProjWeight: Parameter | null;
  /** [embedDim, embedDim] */
  qProjWeight: Parameter | null;
  /** [embedDim, kdim] */
  kProjWeight: Parameter | null;
  /** [embedDim, vdim] */
  vProjWeight: Parameter | null;
  /** [3 · embedDim] */
  inProjBias: Parameter | null;
  /** [1, 1, embedDim] */
  biasK: Parameter | null;
  /** [1, 1, embedDim] */
  biasV: Parameter | null;
  outProj: Linear;

  constructor(embedDim: number, numHeads: number, options: MultiheadAttentionOptions = {}) {
    super();
    const name = 'MultiheadAttention';
    checkLayerOptions(name, options, [
      'dropout',
      'bias',
      'addBiasKv',
      'addZeroAttn',
      'kdim',
      'vdim',
      'batchFirst',
    ]);
    const { dropout = 0, bias = true, addBiasKv = false, addZeroAttn = false, batchFirst = false } = options;
    const isCount = (value: number): boolean => Number.isInteger(value) && value > 0;
    if (!isCount(embedDim) || !isCount(numHeads) || embedDim % numHeads !== 0) {
      throw new ArgumentError(
        `${name}: a size of ${embedDim} cannot be divided among ${numHeads} heads: their number must be a divisor of it`,
      );
    }
    if (!(dropout >= 0 && dropout <= 1))
      throw new ArgumentError(`${name}: dropout must lie between 0 and 1, got ${dropout}`);
    this.embedDim = embedDim;
    this.numHeads = numHeads;
    this.kdim = options.kdim ?? embedDim;
    this.vdim = options.vdim ?? embedDim;
    this.dropout = dropout;
    this.batchFirst = batchFirst;
    this.addZeroAttn = addZeroAttn;
    const create = (wanted: boolean, ...shape: number[]): Parameter | null =>
      wanted ? emptyParameter(shape, options) : null;
    const packed = this.kdim === embedDim && this.vdim === embedDim;
    this.inProjWeight = create(packed, 3 * embedDim, embedDim);
    this.qProjWeight = create(!packed, embedDim, embedDim);
    this.kProjWeight = create(!packed, embedDim, this.kdim);
    this.vProjWeight = create(!packed, embedDim, this.vdim);
    this.inProjBias = create(bias, 3 * embedDim);
    this.biasK = create(addBiasKv, 1, 1, embedDim);
    this.biasV = create(addBiasKv, 1, 1, embedDim);
    const { dtype, device } = this.parameters()[0];
    this.outProj = new Linear(embedDim, embedDim, { bias, dtype, device });
    this.resetParameters();
  }

  /** PyTorch's initial values: Glorot's for projections, zeros for biases. */
  resetParameters(): void {
    for (const weight of [this.inProjWeight, this.qProjWeight, this.kProjWeight, this.vProjWeight])
      if (weight !== null) xavierUniform_(weight);
    for (const bias of [this.inProjBias, this.outProj.bias]) if (bias !== null) constant_(bias, 0);
    for (const bias of [this.biasK, this.biasV]) if (bias !== null) xavierNormal_(bias);
  }

  override forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    options: AttentionCallOptions = {},
  ): [Tensor, Tensor | null] {
    checkOptions('MultiheadAttention', options, callOptions);
    const turned = this.batchFirst && requireTensor('MultiheadAttention', query).ndim === 3;
    const turn = (x: Tensor): Tensor => (turned && x.ndim === 3 ? x.transpose(0, 1) : x);
    // The same tensors stay the same: they are projected together.
    const q = turn(query);
    const k = key === query ? q : turn(key);
    const v = value === key ? k : value === query ? q : turn(value);
    const [output, weights] = multiHeadAttentionForward(q, k, v, this.numHeads, {
      embedDimToCheck: this.embedDim,
      inProjWeight: this.inProjWeight,
      useSeparateProjWeight: this.inProjWeight === null,
      qProjWeight: this.qProjWeight,
      kProjWeight: this.kProjWeight,
      vProjWeight: this.vProjWeight,
      inProjBias: this.inProjBias,
      biasK: this.biasK,
      biasV: this.biasV,
      addZeroAttn: this.addZeroAttn,
      dropoutP: this.dropout,
      outProjWeight: this.outProj.weight,
      outProjBias: this.outProj.bias,
      training: this.training,
      ...options,
    });
    return [turn(output), weights];
  }
}
