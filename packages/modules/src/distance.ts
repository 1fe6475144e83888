// Distances and similarities of vectors.

import * as F from '@nn/functional';
import { checkOptions, type Tensor } from '@nn/tensor';
import { Module } from './module.ts';

/** The cosine of the angle between vectors along `dim` (default 1). */
export class CosineSimilarity extends Module<[x1: Tensor, x2: Tensor], Tensor> {
  readonly options: F.CosineSimilarityOptions;

  constructor(options: F.CosineSimilarityOptions = {}) {
    super();
    checkOptions('CosineSimilarity', options, ['dim', 'eps']);
    this.options = options;
  }

  override forward(x1: Tensor, x2: Tensor): Tensor {
    return F.cosineSimilarity(x1, x2, this.options);
  }
}

/**
 * The p-norm of x1 - x2 + eps along the last dimension.
 *
 * @example
 * ```ts
 * import { PairwiseDistance } from '@nn/modules';
 * import { interpreter, ones, use, zeros } from '@nn/tensor';
 * use(interpreter());
 * const distance = new PairwiseDistance({ p: 1, eps: 0 });
 * console.log(await distance(ones([2, 3]), zeros([2, 3])).toArray()); // => [3, 3]
 * ```
 */
export class PairwiseDistance extends Module<[x1: Tensor, x2: Tensor], Tensor> {
  readonly options: F.PairwiseDistanceOptions;

  constructor(options: F.PairwiseDistanceOptions = {}) {
    super();
    checkOptions('PairwiseDistance', options, ['p', 'eps', 'keepdim']);
    this.options = options;
  }

  override forward(x1: Tensor, x2: Tensor): Tensor {
    return F.pairwiseDistance(x1, x2, this.options);
  }
}
