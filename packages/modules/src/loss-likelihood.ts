// Negative log-likelihoods of counts, of numbers with a variance, and of sequences of labels.

import * as F from '@nn/functional';
import type { Tensor } from '@nn/tensor';
import { Loss } from './loss-base.ts';

/** The negative log-likelihood of counts under a Poisson distribution whose (log-)rates the input gives. */
export class PoissonNLLLoss extends Loss<F.PoissonNllOptions> {
  constructor(options: F.PoissonNllOptions = {}) {
    super(options, ['logInput', 'full', 'eps', 'reduction']);
  }
  override forward(input: Tensor, target: Tensor): Tensor {
    return F.poissonNllLoss(input, target, this.options);
  }
}

/**
 * The negative log-likelihood of targets under normal distributions with the input as means, and variances of the
 * input's shape, or that without (or with 1 in) its last dimension.
 *
 * @example
 * ```ts
 * import { GaussianNLLLoss } from '@nn/modules';
 * import { interpreter, ones, use, zeros } from '@nn/tensor';
 * use(interpreter());
 * console.log(await new GaussianNLLLoss()(zeros([2, 3]), ones([2, 3]), ones([2, 1])).item()); // => 0.5
 * ```
 */
export class GaussianNLLLoss extends Loss<
  F.GaussianNllOptions,
  [input: Tensor, target: Tensor, variance: Tensor]
> {
  constructor(options: F.GaussianNllOptions = {}) {
    super(options, ['full', 'eps', 'reduction']);
  }
  override forward(input: Tensor, target: Tensor, variance: Tensor): Tensor {
    return F.gaussianNllLoss(input, target, variance, this.options);
  }
}

/**
 * Connectionist temporal classification (Graves et al. 2006): -log p of label sequences, for log-probabilities
 * [time, batch, classes]; see `ctcLoss`.
 *
 * @example
 * ```ts
 * import { CTCLoss } from '@nn/modules';
 * import * as F from '@nn/functional';
 * import { interpreter, tensor, use, zeros } from '@nn/tensor';
 * use(interpreter());
 * const logProbs = F.logSoftmax(zeros([2, 3]), -1);
 * console.log((await new CTCLoss()(logProbs, tensor([1]), 2, 1).item()).toFixed(4)); // => 1.0986
 * ```
 */
export class CTCLoss extends Loss<
  F.CtcLossOptions,
  [logProbs: Tensor, targets: Tensor, inputLengths: F.Lengths, targetLengths: F.Lengths]
> {
  constructor(options: F.CtcLossOptions = {}) {
    super(options, ['blank', 'reduction', 'zeroInfinity']);
  }
  override forward(
    logProbs: Tensor,
    targets: Tensor,
    inputLengths: F.Lengths,
    targetLengths: F.Lengths,
  ): Tensor {
    return F.ctcLoss(logProbs, targets, inputLengths, targetLengths, this.options);
  }
}
