// Learnt vectors, looked up and merged by bags.

import { type EmbeddingBagOptions, embeddingBag } from '@nn/functional';
import { ArgumentError, checkOptions, formatShape, ShapeError, type Tensor } from '@nn/tensor';
import { checkTable, initializeTable } from './embedding.ts';
import { Module } from './module.ts';
import { checkLayerOptions, emptyParameter, type FactoryOptions } from './options.ts';
import { Parameter } from './parameter.ts';
import { namedValues } from './representation.ts';

export interface EmbeddingBagLayerOptions
  extends FactoryOptions,
    Pick<
      EmbeddingBagOptions,
      'maxNorm' | 'normType' | 'scaleGradByFreq' | 'mode' | 'includeLastOffset' | 'paddingIdx'
    > {}

export type EmbeddingBagCallOptions = Pick<EmbeddingBagOptions, 'perSampleWeights'>;

const known = ['maxNorm', 'normType', 'scaleGradByFreq', 'mode', 'includeLastOffset', 'paddingIdx'];

/**
 * Bags of rows of a learnt table as one row each: indices [bags, length], or [indices] with offsets [bags], to
 * [bags, embeddingDim].
 *
 * @example
 * ```ts
 * import { EmbeddingBag } from '@nn/modules';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const layer = new EmbeddingBag(10, 3, { mode: 'sum' });
 * console.log(layer(tensor([1, 2, 4, 5, 4]), tensor([0, 3])).shape); // => [2, 3]
 * ```
 */
export class EmbeddingBag extends Module<
  [input: Tensor, offsets?: Tensor | null, options?: EmbeddingBagCallOptions],
  Tensor
> {
  readonly numEmbeddings: number;
  readonly embeddingDim: number;
  readonly options: Omit<EmbeddingBagLayerOptions, keyof FactoryOptions>;
  /** [numEmbeddings, embeddingDim] */
  weight: Parameter;

  constructor(numEmbeddings: number, embeddingDim: number, options: EmbeddingBagLayerOptions = {}) {
    super();
    checkLayerOptions('EmbeddingBag', options, known);
    const { dtype: _, device: __, ...rest } = options;
    const paddingIdx = checkTable('EmbeddingBag', numEmbeddings, rest);
    if (rest.scaleGradByFreq === true && rest.mode === 'max')
      throw new ArgumentError("EmbeddingBag: scaleGradByFreq does not go with mode 'max'");
    this.numEmbeddings = numEmbeddings;
    this.embeddingDim = embeddingDim;
    this.options = { ...rest, paddingIdx };
    this.weight = emptyParameter([numEmbeddings, embeddingDim], options);
    this.resetParameters();
  }

  /** A table with the given vectors, [numEmbeddings, embeddingDim]; not learnt unless `freeze` is false. */
  static fromPretrained(
    vectors: Tensor,
    options: EmbeddingBagLayerOptions & { readonly freeze?: boolean } = {},
  ): EmbeddingBag {
    const { freeze = true, ...rest } = options;
    if (vectors.ndim !== 2)
      throw new ShapeError(`fromPretrained: expected [count, size], got ${formatShape(vectors.shape)}`);
    const layer = new EmbeddingBag(vectors.shape[0], vectors.shape[1], rest);
    layer.weight = new Parameter(vectors, !freeze);
    return layer;
  }

  /** Draws or sets the initial values anew. */
  resetParameters(): void {
    initializeTable(this.weight, this.options.paddingIdx ?? null);
  }

  override forward(
    input: Tensor,
    offsets: Tensor | null = null,
    options: EmbeddingBagCallOptions = {},
  ): Tensor {
    checkOptions('EmbeddingBag', options, ['perSampleWeights']);
    return embeddingBag(input, this.weight, { ...this.options, offsets, ...options });
  }

  override extraRepr(): string {
    const { maxNorm, normType = 2, scaleGradByFreq = false, mode = 'mean', paddingIdx } = this.options;
    const values = namedValues({
      maxNorm: maxNorm ?? undefined,
      normType: normType === 2 ? undefined : normType,
      scaleGradByFreq: scaleGradByFreq || undefined,
      mode,
      paddingIdx: paddingIdx ?? undefined,
    });
    return `${this.numEmbeddings}, ${this.embeddingDim}, ${values}`;
  }
}
