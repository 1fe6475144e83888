// Losses as modules.

import * as F from '@nn/functional';
import { checkOptions, type Tensor } from '@nn/tensor';
import { Module } from './module.ts';

/** A loss of a prediction and a target. */
abstract class Loss<Options extends object> extends Module<[Tensor, Tensor], Tensor> {
  readonly options: Options;

  constructor(options: Options, known: readonly string[]) {
    super();
    checkOptions(this.constructor.name, options, known);
    this.options = options;
  }
}

/** A loss whose classes or elements can be weighted; the weights are buffers. */
abstract class WeightedLoss<Options extends { readonly weight?: Tensor | null }> extends Loss<Options> {
  declare weight: Tensor | null;

  constructor(options: Options, known: readonly string[]) {
    super(options, ['weight', ...known]);
    this.registerBuffer('weight', options.weight ?? null);
  }
}

/**
 * Cross entropy of logits and classes or probabilities.
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

/** The negative log likelihood of classes, for log-probabilities. */
export class NLLLoss extends WeightedLoss<F.NllLossOptions> {
  constructor(options: F.NllLossOptions = {}) {
    super(options, ['ignoreIndex', 'reduction']);
  }
  override forward(input: Tensor, target: Tensor): Tensor {
    return F.nllLoss(input, target, { ...this.options, weight: this.weight });
  }
}

/** Binary cross entropy of probabilities. */
export class BCELoss extends WeightedLoss<F.BinaryCrossEntropyOptions> {
  constructor(options: F.BinaryCrossEntropyOptions = {}) {
    super(options, ['reduction']);
  }
  override forward(input: Tensor, target: Tensor): Tensor {
    return F.binaryCrossEntropy(input, target, { ...this.options, weight: this.weight });
  }
}

/** Binary cross entropy of logits. */
export class BCEWithLogitsLoss extends WeightedLoss<F.BinaryCrossEntropyWithLogitsOptions> {
  declare posWeight: Tensor | null;

  constructor(options: F.BinaryCrossEntropyWithLogitsOptions = {}) {
    super(options, ['reduction', 'posWeight']);
    this.registerBuffer('posWeight', options.posWeight ?? null);
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

/** Quadratic near 0, then linear. */
export class SmoothL1Loss extends Loss<F.SmoothL1Options> {
  constructor(options: F.SmoothL1Options = {}) {
    super(options, ['reduction', 'beta']);
  }
  override forward(input: Tensor, target: Tensor): Tensor {
    return F.smoothL1Loss(input, target, this.options);
  }
}

/** Quadratic near 0, then linear, scaled by δ. */
export class HuberLoss extends Loss<F.HuberOptions> {
  constructor(options: F.HuberOptions = {}) {
    super(options, ['reduction', 'delta']);
  }
  override forward(input: Tensor, target: Tensor): Tensor {
    return F.huberLoss(input, target, this.options);
  }
}

/** The Kullback-Leibler divergence, for log-probabilities. */
export class KLDivLoss extends Loss<F.KlDivOptions> {
  constructor(options: F.KlDivOptions = {}) {
    super(options, ['reduction', 'logTarget']);
  }
  override forward(input: Tensor, target: Tensor): Tensor {
    return F.klDiv(input, target, this.options);
  }
}

/** The cosine of the angle between vectors. */
export class CosineSimilarity extends Loss<F.CosineSimilarityOptions> {
  constructor(options: F.CosineSimilarityOptions = {}) {
    super(options, ['dim', 'eps']);
  }
  override forward(x1: Tensor, x2: Tensor): Tensor {
    return F.cosineSimilarity(x1, x2, this.options);
  }
}
