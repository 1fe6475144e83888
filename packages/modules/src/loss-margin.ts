// Losses that ask for a margin.

import * as F from '@nn/functional';
import type { Tensor } from '@nn/tensor';
import { PairwiseDistance } from './distance.ts';
import { Loss, WeightedLoss } from './loss-base.ts';

type Triplet = [anchor: Tensor, positive: Tensor, negative: Tensor];
type Pair = [input1: Tensor, input2: Tensor, target: Tensor];

/** log(1 + exp(-y x)) for targets y of 1 and -1. */
export class SoftMarginLoss extends Loss<F.ReductionOptions> {
  constructor(options: F.ReductionOptions = {}) {
    super(options, ['reduction']);
  }
  override forward(input: Tensor, target: Tensor): Tensor {
    return F.softMarginLoss(input, target, this.options);
  }
}

/** max(0, -y (x1 - x2) + margin): the first is to be the greater where y is 1, the second where it is -1. */
export class MarginRankingLoss extends Loss<F.MarginOptions, Pair> {
  constructor(options: F.MarginOptions = {}) {
    super(options, ['margin', 'reduction']);
  }
  override forward(input1: Tensor, input2: Tensor, target: Tensor): Tensor {
    return F.marginRankingLoss(input1, input2, target, this.options);
  }
}

/** x where the target is 1, max(0, margin - x) where it is -1: for distances. */
export class HingeEmbeddingLoss extends Loss<F.MarginOptions> {
  constructor(options: F.MarginOptions = {}) {
    super(options, ['margin', 'reduction']);
  }
  override forward(input: Tensor, target: Tensor): Tensor {
    return F.hingeEmbeddingLoss(input, target, this.options);
  }
}

/** 1 - cos(x1, x2) where the target is 1, max(0, cos(x1, x2) - margin) where it is -1. */
export class CosineEmbeddingLoss extends Loss<F.MarginOptions, Pair> {
  constructor(options: F.MarginOptions = {}) {
    super(options, ['margin', 'reduction']);
  }
  override forward(input1: Tensor, input2: Tensor, target: Tensor): Tensor {
    return F.cosineEmbeddingLoss(input1, input2, target, this.options);
  }
}

/** Σ max(0, margin - x[y] + x[i])^p over the other classes i: the class is to win by a margin. */
export class MultiMarginLoss extends WeightedLoss<F.MultiMarginOptions> {
  constructor(options: F.MultiMarginOptions = {}) {
    super(options, ['p', 'margin', 'reduction']);
  }
  override forward(input: Tensor, target: Tensor): Tensor {
    return F.multiMarginLoss(input, target, { ...this.options, weight: this.weight });
  }
}

/** Each of several classes, listed in the target up to a -1, is to win against all others by 1. */
export class MultiLabelMarginLoss extends Loss<F.ReductionOptions> {
  constructor(options: F.ReductionOptions = {}) {
    super(options, ['reduction']);
  }
  override forward(input: Tensor, target: Tensor): Tensor {
    return F.multilabelMarginLoss(input, target, this.options);
  }
}

/** Binary cross entropy of logits, the mean over classes. */
export class MultiLabelSoftMarginLoss extends WeightedLoss<F.MultilabelSoftMarginOptions> {
  constructor(options: F.MultilabelSoftMarginOptions = {}) {
    super(options, ['reduction']);
  }
  override forward(input: Tensor, target: Tensor): Tensor {
    return F.multilabelSoftMarginLoss(input, target, { ...this.options, weight: this.weight });
  }
}

/** max(0, d(anchor, positive) - d(anchor, negative) + margin) (Balntas et al. 2016). */
export class TripletMarginLoss extends Loss<F.TripletMarginOptions, Triplet> {
  constructor(options: F.TripletMarginOptions = {}) {
    super(options, ['margin', 'p', 'eps', 'swap', 'reduction']);
  }
  override forward(anchor: Tensor, positive: Tensor, negative: Tensor): Tensor {
    return F.tripletMarginLoss(anchor, positive, negative, this.options);
  }
}

/**
 * TripletMarginLoss with a distance of one's own.
 *
 * @example
 * ```ts
 * import { TripletMarginWithDistanceLoss } from '@nn/modules';
 * import { interpreter, ones, type Tensor, use, zeros } from '@nn/tensor';
 * use(interpreter());
 * const distanceFunction = (a: Tensor, b: Tensor) => a.sub(b).abs().amax(-1);
 * const loss = new TripletMarginWithDistanceLoss({ distanceFunction, margin: 0.5 });
 * console.log(await loss(zeros([1, 2]), ones([1, 2]), zeros([1, 2])).item()); // => 1.5
 * ```
 */
export class TripletMarginWithDistanceLoss extends Loss<F.TripletMarginWithDistanceOptions, Triplet> {
  /** A function, or a module, whose parameters are then this one's too. */
  distanceFunction: (a: Tensor, b: Tensor) => Tensor;

  constructor(options: F.TripletMarginWithDistanceOptions = {}) {
    super(options, ['distanceFunction', 'margin', 'swap', 'reduction']);
    this.distanceFunction = options.distanceFunction ?? new PairwiseDistance();
  }
  override forward(anchor: Tensor, positive: Tensor, negative: Tensor): Tensor {
    const { distanceFunction } = this;
    return F.tripletMarginWithDistanceLoss(anchor, positive, negative, { ...this.options, distanceFunction });
  }
}
