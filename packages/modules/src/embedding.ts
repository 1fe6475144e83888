// Learnt vectors, looked up by index.

import { noGrad } from '@nn/autograd';
import { type EmbeddingOptions, embedding } from '@nn/functional';
import { ArgumentError, formatShape, IndexError, ShapeError, type Tensor } from '@nn/tensor';
import { normal_ } from './init.ts';
import { Module } from './module.ts';
import { checkLayerOptions, emptyParameter, type FactoryOptions } from './options.ts';
import { Parameter } from './parameter.ts';
import { namedValues } from './representation.ts';

export interface EmbeddingLayerOptions extends FactoryOptions, EmbeddingOptions {
  /** The row that is zero at first and never learnt. */
  readonly paddingIdx?: number | null;
}

/** The padding row's index from the start. @throws {IndexError | ArgumentError} for options that do not fit. */
export function checkTable(
  name: string,
  count: number,
  { paddingIdx = null, normType = 2 }: Pick<EmbeddingOptions, 'paddingIdx' | 'normType'>,
): number | null {
  if (paddingIdx !== null && (paddingIdx >= count || paddingIdx < -count))
    throw new IndexError(`${name}: paddingIdx ${paddingIdx} is out of range for ${count} rows`);
  if (!(normType > 0)) throw new ArgumentError(`${name}: normType must be positive, got ${normType}`);
  return paddingIdx !== null && paddingIdx < 0 ? paddingIdx + count : paddingIdx;
}

/** Normal, with zeros in the padding row. */
export function initializeTable(weight: Parameter, paddingIdx: number | null): void {
  normal_(weight);
  if (paddingIdx !== null) noGrad(() => weight.select(0, paddingIdx).fill_(0));
}

/**
 * A table of `numEmbeddings` learnt vectors; indices of any shape give [..., embeddingDim]. Gradients are dense: there
 * is no `sparse`.
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
  readonly scaleGradByFreq: boolean;
  /** [numEmbeddings, embeddingDim] */
  weight: Parameter;

  constructor(numEmbeddings: number, embeddingDim: number, options: EmbeddingLayerOptions = {}) {
    super();
    checkLayerOptions('Embedding', options, ['paddingIdx', 'maxNorm', 'normType', 'scaleGradByFreq']);
    this.numEmbeddings = numEmbeddings;
    this.embeddingDim = embeddingDim;
    this.paddingIdx = checkTable('Embedding', numEmbeddings, options);
    this.maxNorm = options.maxNorm ?? null;
    this.normType = options.normType ?? 2;
    this.scaleGradByFreq = options.scaleGradByFreq ?? false;
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

  /** Draws or sets the initial values anew. */
  resetParameters(): void {
    initializeTable(this.weight, this.paddingIdx);
  }

  override forward(indices: Tensor): Tensor {
    const { paddingIdx, maxNorm, normType, scaleGradByFreq } = this;
    return embedding(indices, this.weight, { paddingIdx, maxNorm, normType, scaleGradByFreq });
  }

  override extraRepr(): string {
    const { paddingIdx, maxNorm, normType, scaleGradByFreq } = this;
    const values = namedValues({
      paddingIdx: paddingIdx ?? undefined,
      maxNorm: maxNorm ?? undefined,
      normType: normType === 2 ? undefined : normType,
      scaleGradByFreq: scaleGradByFreq || undefined,
    });
    return `${this.numEmbeddings}, ${this.embeddingDim}${values === '' ? '' : `, ${values}`}`;
  }
}
