// Batch normalisation over the batches of all processes.

import { formatShape, ShapeError, type Tensor } from '@nn/tensor';
import { BatchNorm, type BatchNormLayerOptions } from './batch-normalization.ts';
import type { ModuleBase } from './module-base.ts';
import { isModule } from './module-base.ts';

/**
 * Normalises the channels of [batch, channels, ...], as `torch.nn.SyncBatchNorm`. There is one process here, so that
 * the statistics of all processes are those of its batch: it does what BatchNorm1d to 3d do, for any number of
 * dimensions, and models written for several processes run unchanged.
 *
 * @example
 * ```ts
 * import { BatchNorm2d, Conv2d, Sequential, SyncBatchNorm } from '@nn/modules';
 * import { interpreter, use } from '@nn/tensor';
 * use(interpreter());
 * const model = new Sequential(new Conv2d(3, 8, 3), new BatchNorm2d(8));
 * console.log(SyncBatchNorm.convertSyncBatchnorm(model)[1] instanceof SyncBatchNorm); // => true
 * ```
 */
export class SyncBatchNorm extends BatchNorm {
  protected override checkInput(x: Tensor): void {
    if (x.ndim >= 2) return;
    throw new ShapeError(
      `SyncBatchNorm: expected an input of at least 2 dimensions, got ${formatShape(x.shape)}`,
    );
  }

  /** Puts a SyncBatchNorm with the same parameters in the place of each batch norm in the module; gives the module. */
  static convertSyncBatchnorm<M extends ModuleBase>(module: M): M extends BatchNorm ? SyncBatchNorm : M {
    type Result = M extends BatchNorm ? SyncBatchNorm : M;
    if (module instanceof BatchNorm && !(module instanceof SyncBatchNorm)) return converted(module) as Result;
    for (const [name, child] of Array.from(module.members()))
      if (isModule(child)) module.setMember(name, SyncBatchNorm.convertSyncBatchnorm(child));
    return module as unknown as Result;
  }
}

function converted(norm: BatchNorm): SyncBatchNorm {
  const { eps, momentum, affine, trackRunningStats } = norm;
  const options: BatchNormLayerOptions = { eps, momentum, affine, trackRunningStats };
  const result = new SyncBatchNorm(norm.numFeatures, options);
  for (const name of [
    'weight',
    'bias',
    'runningMean',
    'runningVar',
    'numBatchesTracked',
    'training',
  ] as const)
    result.setMember(name, norm[name]);
  return result;
}
