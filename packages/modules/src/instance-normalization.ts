// Instance normalisation: each example by itself.

import { instanceNorm } from '@nn/functional';
import type { Tensor } from '@nn/tensor';
import { type BatchNormLayerOptions, TrackedNorm } from './batch-normalization.ts';

abstract class InstanceNorm extends TrackedNorm {
  protected abstract readonly rank: number;

  constructor(numFeatures: number, options: BatchNormLayerOptions = {}) {
    super(numFeatures, options, false, false);
  }

  override forward(x: Tensor): Tensor {
    this.checkRank(x, [this.rank - 1, this.rank]);
    const { weight, bias, eps, runningMean, runningVar } = this;
    // Without a momentum nothing is learnt: batches are not counted, as in PyTorch.
    const momentum = this.momentum ?? 0;
    const useInputStats = this.training || runningMean === null;
    const batched = x.ndim === this.rank ? x : x.unsqueeze(0);
    const options = { weight, bias, eps, runningMean, runningVar, useInputStats, momentum };
    const result = instanceNorm(batched, options);
    return x.ndim === this.rank ? result : result.squeeze(0);
  }
}

/** Normalises each channel of [batch, channels, length] by itself. */
export class InstanceNorm1d extends InstanceNorm {
  protected override get rank(): number {
    return 3;
  }
}

/** Normalises each channel of [batch, channels, height, width] by itself. */
export class InstanceNorm2d extends InstanceNorm {
  protected override get rank(): number {
    return 4;
  }
}

/** Normalises each channel of [batch, channels, depth, height, width] by itself. */
export class InstanceNorm3d extends InstanceNorm {
  protected override get rank(): number {
    return 5;
  }
}
