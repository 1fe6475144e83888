// Softmax over very many classes, of which few are frequent.

import { checkHostIndices, logSoftmax } from '@nn/functional';
import { ArgumentError, cat, formatShape, ShapeError, type Tensor, where } from '@nn/tensor';
import { ModuleList } from './containers.ts';
import { Linear } from './linear.ts';
import { Module } from './module.ts';
import { checkLayerOptions, type FactoryOptions, factory } from './options.ts';
import { Sequential } from './sequential.ts';

export interface AdaptiveLogSoftmaxOptions extends FactoryOptions {
  /** How much smaller the projection of each further cluster is. Default 4. */
  readonly divValue?: number;
  /** Whether the head learns a bias. Default false. */
  readonly headBias?: boolean;
}

/**
 * Cross entropy for `nClasses` classes ordered by frequency (Grave et al. 2017): the head decides between the classes
 * below `cutoffs[0]` and clusters of the others, [cutoffs[i], cutoffs[i + 1]), each with a projection smaller than the
 * one before. Called with [batch, inFeatures] and targets [batch], it gives the targets' log-probabilities [batch] and
 * the mean of their negatives.
 *
 * All clusters are computed for all rows: which row needs which is not known when the program is made.
 *
 * @example
 * ```ts
 * import { AdaptiveLogSoftmaxWithLoss } from '@nn/modules';
 * import { interpreter, randn, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const layer = new AdaptiveLogSoftmaxWithLoss(8, 20, [5, 10]);
 * const [output, loss] = layer(randn([3, 8]), tensor([0, 7, 19]));
 * console.log(output.shape, loss.shape, layer.logProb(randn([3, 8])).shape); // => [3] [] [3, 20]
 * ```
 */
export class AdaptiveLogSoftmaxWithLoss extends Module<
  [input: Tensor, target: Tensor],
  [output: Tensor, loss: Tensor]
> {
  readonly inFeatures: number;
  readonly nClasses: number;
  /** With nClasses at the end. */
  readonly cutoffs: readonly number[];
  readonly divValue: number;
  readonly headBias: boolean;
  head: Linear;
  tail: ModuleList<Sequential<[Linear, Linear]>>;

  constructor(
    inFeatures: number,
    nClasses: number,
    cutoffs: readonly number[],
    options: AdaptiveLogSoftmaxOptions = {},
  ) {
    super();
    checkLayerOptions('AdaptiveLogSoftmaxWithLoss', options, ['divValue', 'headBias']);
    const increase = cutoffs.every((cutoff, i) => cutoff > (i === 0 ? 0 : cutoffs[i - 1]));
    if (
      cutoffs.length === 0 ||
      !increase ||
      !cutoffs.every(Number.isInteger) ||
      cutoffs.at(-1)! >= nClasses
    ) {
      throw new ArgumentError(
        `AdaptiveLogSoftmaxWithLoss: cutoffs must be increasing integers between 1 and ${nClasses - 1}, got ${formatShape(cutoffs)}`,
      );
    }
    this.inFeatures = inFeatures;
    this.nClasses = nClasses;
    this.cutoffs = [...cutoffs, nClasses];
    this.divValue = options.divValue ?? 4;
    this.headBias = options.headBias ?? false;
    const place = factory(options);
    this.head = new Linear(inFeatures, cutoffs[0] + cutoffs.length, { bias: this.headBias, ...place });
    this.tail = new ModuleList(
      cutoffs.map((cutoff, i) => {
        const hidden = Math.floor(inFeatures / this.divValue ** (i + 1));
        const project = new Linear(inFeatures, hidden, { bias: false, ...place });
        return new Sequential(
          project,
          new Linear(hidden, this.cutoffs[i + 1] - cutoff, { bias: false, ...place }),
        );
      }),
    );
  }

  /** Draws or sets the initial values anew. */
  resetParameters(): void {
    this.head.resetParameters();
    for (const cluster of this.tail) for (const layer of cluster) layer.resetParameters();
  }

  override forward(input: Tensor, target: Tensor): [output: Tensor, loss: Tensor] {
    if (
      target.ndim > 1 ||
      input.ndim !== target.ndim + 1 ||
      (target.ndim === 1 && input.shape[0] !== target.shape[0])
    ) {
      throw new ShapeError(
        'AdaptiveLogSoftmaxWithLoss: takes an input [batch, inFeatures] with targets [batch], or [inFeatures] with [], got ' +
          `${formatShape(input.shape)} and ${formatShape(target.shape)}`,
      );
    }
    checkHostIndices('AdaptiveLogSoftmaxWithLoss', target, this.nClasses);
    const picked = (logProbs: Tensor, index: Tensor): Tensor =>
      logProbs.gather(-1, index.unsqueeze(-1)).squeeze(-1);
    const [shortlist] = this.cutoffs;
    const clusters = this.tail.length;
    let inHead = target.clamp(undefined, shortlist - 1);
    const parts: Tensor[] = [];
    for (let i = 0; i < clusters; i++) {
      const [low, high] = [this.cutoffs[i], this.cutoffs[i + 1]];
      const inside = target.ge(low).logicalAnd(target.lt(high));
      inHead = where(inside, shortlist + i, inHead);
      const logProbs = logSoftmax(this.tail[i](input), -1);
      parts.push(where(inside, picked(logProbs, target.sub(low).clamp(0, high - low - 1)), 0));
    }
    const output = parts.reduce((sum, part) => sum.add(part), picked(this.headLogProb(input), inHead));
    return [output, output.neg().mean()];
  }

  /** Log-probabilities of all classes: [batch, nClasses] for [batch, inFeatures]. */
  logProb(input: Tensor): Tensor {
    const head = this.headLogProb(input);
    const [shortlist] = this.cutoffs;
    const clusters = Array.from(this.tail, (cluster, i) =>
      logSoftmax(cluster(input), -1).add(head.narrow(-1, shortlist + i, 1)),
    );
    return cat([head.narrow(-1, 0, shortlist), ...clusters], -1);
  }

  /** The likeliest class of each row; it looks at a cluster only where the head prefers one. */
  predict(input: Tensor): Tensor {
    const best = this.headLogProb(input).argmax(-1);
    return where(best.lt(this.cutoffs[0]), best, this.logProb(input).argmax(-1));
  }

  private headLogProb(input: Tensor): Tensor {
    return logSoftmax(this.head(input), -1);
  }
}
