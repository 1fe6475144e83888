// Learnt vectors, looked up by index.

import { noGrad } from '@nn/autograd';
import { embedding } from '@nn/functional';
import { ArgumentError, formatShape, IndexError, ShapeError, type Tensor } from '@nn/tensor';
import { normal_ } from './init.ts';
import { Module } from './module.ts';
import { checkLayerOptions, emptyParameter, type FactoryOptions } from './options.ts';
import { Parameter } from './parameter.ts';
import { namedValues } from './representation.ts';

export interface EmbeddingLayerOptions extends FactoryOptions {
  /** The row that is zero at first and never learnt. */
  readonly paddingIdx?: number | null;
  /** Rows longer than this are scaled down to it when looked up. */
  readonly maxNorm?: number | null;
  /** The p of that norm. Default 2. */
  readonly normType?: number;
}

/**
 * A table of `numEmbeddings` learnt vectors; indices of any shape give [..., embeddingDim].
 *
 * @example
 * ```ts
 * import { Embedding } from '@nn/modules';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * console.log(new Embedding(10, 3)(tensor([[1, 2], [4, 5]])).shape); // => [2, 2, 3]
 * ```
 */
export class Embedding extends Module<[Tensor], Tensor> {
  readonly numEmbeddings: number;
  readonly embeddingDim: number;
  readonly paddingIdx: number | null;
  readonly maxNorm: number | null;
  readonly normType: number;
  /** [numEmbeddings, embeddingDim] */
  weight: Parameter;

  constructor(numEmbeddings: number, embeddingDim: number, options: EmbeddingLayerOptions = {}) {
    super();
    checkLayerOptions('Embedding', options, ['paddingIdx', 'maxNorm', 'normType']);
    const { paddingIdx = null, maxNorm = null, normType = 2 } = options;
    if (paddingIdx !== null && (paddingIdx >= numEmbeddings || paddingIdx < -numEmbeddings)) {
      throw new IndexError(`Embedding: paddingIdx ${paddingIdx} is out of range for ${numEmbeddings} rows`);
    }
    if (!(normType > 0)) throw new ArgumentError(`Embedding: normType must be positive, got ${normType}`);
    this.numEmbeddings = numEmbeddings;
    this.embeddingDim = embeddingDim;
    this.paddingIdx = paddingIdx !== null && paddingIdx < 0 ? paddingIdx + numEmbeddings : paddingIdx;
    this.maxNorm = maxNorm;
    this.normType = normType;
    this.weight = emptyParameter([numEmbeddings, embeddingDim], options);
    this.resetParameters();
  }

  /** A table with the given vectors, [numEmbeddings, embeddingDim]; not learnt unless `freeze` is false. */
  static fromPretrained(
    vectors: Tensor,
    options: EmbeddingLayerOptions & { readonly freeze?: boolean } = {},
  ): Embedding {
    const { freeze = true, ...rest } = options;
    if (vectors.ndim !== 2) {
      throw new ShapeError(`fromPretrained: expected [count, size], got ${formatShape(vectors.shape)}`);
    }
    const layer = new Embedding(vectors.shape[0], vectors.shape[1], rest);
    layer.weight = new Parameter(vectors, !freeze);
    return layer;
  }

  resetParameters(): void {
    normal_(this.weight);
    const { paddingIdx } = this;
    if (paddingIdx !== null) noGrad(() => this.weight.select(0, paddingIdx).fill_(0));
  }

  override forward(indices: Tensor): Tensor {
    const { paddingIdx, maxNorm, normType } = this;
    return embedding(indices, this.weight, { paddingIdx, maxNorm, normType });
  }

  override extraRepr(): string {
    return `${this.numEmbeddings}, ${this.embeddingDim}${this.paddingIdx === null ? '' : `, ${namedValues({ paddingIdx: this.paddingIdx })}`}`;
  }
}
