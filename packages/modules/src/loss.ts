// Losses of numbers, classes and probabilities.

import * as F from '@nn/functional';
import type { Tensor } from '@nn/tensor';
import { Loss, WeightedLoss } from './loss-base.ts';

/**
 * Cross entropy of logits [batch, classes, ...] and classes [batch, ...] or probabilities [batch, classes, ...].
 *
 * @example
 * ```ts
 * import { CrossEntropyLoss } from '@nn/modules';
 * import { interpreter, tensor, use, zeros } from '@nn/tensor';
 * use(interpreter());
 * const loss = new CrossEntropyLoss()(zeros([2, 4]), tensor([0, 3]));
 * console.log((await loss.item()).toFixed(4)); // => 1.3863
 * ```
 */
export class CrossEntropyLoss extends WeightedLoss<F.CrossEntropyOptions> {
  constructor(options: F.CrossEntropyOptions = {}) {
    super(options, ['ignoreIndex', 'reduction', 'labelSmoothing']);
  }
  override forward(input: Tensor, target: Tensor): Tensor {
    return F.crossEntropy(input, target, { ...this.options, weight: this.weight });
  }
}

/** The negative log likelihood of classes [batch, ...], for log-probabilities [batch, classes, ...]. */
export class NLLLoss extends WeightedLoss<F.NllLossOptions> {
  constructor(options: F.NllLossOptions = {}) {
    super(options, ['ignoreIndex', 'reduction']);
  }
  override forward(input: Tensor, target: Tensor): Tensor {
    return F.nllLoss(input, target, { ...this.options, weight: this.weight });
  }
}

/** Binary cross entropy of probabilities and targets of one shape. */
export class BCELoss extends WeightedLoss<F.BinaryCrossEntropyOptions> {
  constructor(options: F.BinaryCrossEntropyOptions = {}) {
    super(options, ['reduction']);
  }
  override forward(input: Tensor, target: Tensor): Tensor {
    return F.binaryCrossEntropy(input, target, { ...this.options, weight: this.weight });
  }
}

/** Binary cross entropy of logits and targets of one shape. */
export class BCEWithLogitsLoss extends WeightedLoss<F.BinaryCrossEntropyWithLogitsOptions> {
  declare posWeight: Tensor | null;

  constructor(options: F.BinaryCrossEntropyWithLogitsOptions = {}) {
    const { posWeight = null, ...rest } = options;
    super(rest, ['reduction']);
    this.registerBuffer('posWeight', posWeight);
  }
  override forward(input: Tensor, target: Tensor): Tensor {
    const { weight, posWeight } = this;
    return F.binaryCrossEntropyWithLogits(input, target, { ...this.options, weight, posWeight });
  }
}

/** Squared differences. */
export class MSELoss extends Loss<F.ReductionOptions> {
  constructor(options: F.ReductionOptions = {}) {
    super(options, ['reduction']);
  }
  override forward(input: Tensor, target: Tensor): Tensor {
    return F.mseLoss(input, target, this.options);
  }
}

/** Absolute differences. */
export class L1Loss extends Loss<F.ReductionOptions> {
  constructor(options: F.ReductionOptions = {}) {
    super(options, ['reduction']);
  }
  override forward(input: Tensor, target: Tensor): Tensor {
    return F.l1Loss(input, target, this.options);
  }
}

/** Quadratic below β, then linear. */
export class SmoothL1Loss extends Loss<F.SmoothL1Options> {
  constructor(options: F.SmoothL1Options = {}) {
    super(options, ['reduction', 'beta']);
  }
  override forward(input: Tensor, target: Tensor): Tensor {
    return F.smoothL1Loss(input, target, this.options);
  }
}

/** Quadratic below δ, then linear, scaled by δ. */
export class HuberLoss extends Loss<F.HuberOptions> {
  constructor(options: F.HuberOptions = {}) {
    super(options, ['reduction', 'delta']);
  }
  override forward(input: Tensor, target: Tensor): Tensor {
    return F.huberLoss(input, target, this.options);
  }
}

/** The Kullback-Leibler divergence of log-probabilities from the target's probabilities. */
export class KLDivLoss extends Loss<F.KlDivOptions> {
  constructor(options: F.KlDivOptions = {}) {
    super(options, ['reduction', 'logTarget']);
  }
  override forward(input: Tensor, target: Tensor): Tensor {
    return F.klDiv(input, target, this.options);
  }
}
