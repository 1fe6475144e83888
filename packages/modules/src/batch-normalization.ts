// Batch normalisation, and the state that it shares with instance normalisation.

import { noGrad } from '@nn/autograd';
import { batchNorm } from '@nn/functional';
import {
  backendOf,
  defaultDevice,
  formatShape,
  ones,
  runtimeOf,
  ShapeError,
  type Tensor,
  zeros,
} from '@nn/tensor';
import { ones_, zeros_ } from './init.ts';
import { Module } from './module.ts';
import { checkLayerOptions, emptyParameter, type FactoryOptions, factory } from './options.ts';
import type { Parameter } from './parameter.ts';
import { namedValues } from './representation.ts';

export interface BatchNormLayerOptions extends FactoryOptions {
  /** Added to the variance. Default 1e-5. */
  readonly eps?: number;
  /** How much a batch weighs in the running statistics; null for the mean of all batches. Default 0.1. */
  readonly momentum?: number | null;
  /** Whether to learn scale and shift. Default true. */
  readonly affine?: boolean;
  /** Whether to keep running statistics, for evaluation. Default true. */
  readonly trackRunningStats?: boolean;
}

/** int64 as in PyTorch, where the device has it. */
function counterDType(device: string | undefined): 'int64' | 'int32' {
  return backendOf(device ?? defaultDevice()).capabilities.dtypes.has('int64') ? 'int64' : 'int32';
}

/** Scale, shift and running statistics of `numFeatures` channels. */
export abstract class TrackedNorm extends Module<[Tensor], Tensor> {
  readonly numFeatures: number;
  readonly eps: number;
  readonly momentum: number | null;
  readonly affine: boolean;
  readonly trackRunningStats: boolean;
  /** [numFeatures] */
  weight: Parameter | null;
  bias: Parameter | null;
  declare runningMean: Tensor | null;
  declare runningVar: Tensor | null;
  declare numBatchesTracked: Tensor | null;

  constructor(numFeatures: number, options: BatchNormLayerOptions, tracks: boolean, affine: boolean) {
    super();
    checkLayerOptions(this.constructor.name, options, ['eps', 'momentum', 'affine', 'trackRunningStats']);
    this.numFeatures = numFeatures;
    this.eps = options.eps ?? 1e-5;
    this.momentum = options.momentum === undefined ? 0.1 : options.momentum;
    this.affine = options.affine ?? affine;
    this.trackRunningStats = options.trackRunningStats ?? tracks;
    this.weight = this.affine ? emptyParameter([numFeatures], options) : null;
    this.bias = this.affine ? emptyParameter([numFeatures], options) : null;
    const tracked = this.trackRunningStats;
    const { device } = options;
    this.registerBuffer('runningMean', tracked ? zeros([numFeatures], factory(options)) : null);
    this.registerBuffer('runningVar', tracked ? ones([numFeatures], factory(options)) : null);
    this.registerBuffer(
      'numBatchesTracked',
      tracked
        ? zeros([], { dtype: counterDType(device), ...(device === undefined ? {} : { device }) })
        : null,
    );
    this.resetParameters();
  }

  /** Forgets the batches that were seen. */
  resetRunningStats(): void {
    if (this.runningMean === null) return;
    zeros_(this.runningMean);
    ones_(this.runningVar!);
    zeros_(this.numBatchesTracked!);
  }

  /** Draws or sets the initial values anew. */
  resetParameters(): void {
    if (this.weight !== null) ones_(this.weight);
    if (this.bias !== null) zeros_(this.bias);
  }

  /** Counts the batch; what it weighs in the running statistics. */
  protected countBatch(): number | Tensor {
    if (!this.training || this.numBatchesTracked === null) return this.momentum ?? 0;
    const counter = this.numBatchesTracked;
    noGrad(() => counter.add_(1));
    // Computed with the next step, so that the record of many batches does not pile up.
    runtimeOf(counter.device).keepLater(counter.node, 'value');
    const dtype = this.runningMean?.dtype === 'float64' ? 'float64' : 'float32';
    return this.momentum ?? counter.to(dtype).reciprocal();
  }

  protected checkRank(x: Tensor, ranks: readonly number[]): void {
    if (ranks.includes(x.ndim)) return;
    throw new ShapeError(
      `${this.constructor.name}: expected an input of ${ranks.join(' or ')} dimensions, got ${formatShape(x.shape)}`,
    );
  }

  override extraRepr(): string {
    const { eps, momentum, affine, trackRunningStats } = this;
    return `${this.numFeatures}, ${namedValues({ eps, momentum, affine, trackRunningStats })}`;
  }
}

/** What all batch norms share. */
export abstract class BatchNorm extends TrackedNorm {
  /** @throws {ShapeError} for an input of other dimensions than the layer takes. */
  protected abstract checkInput(x: Tensor): void;

  constructor(numFeatures: number, options: BatchNormLayerOptions = {}) {
    super(numFeatures, options, true, true);
  }

  override forward(x: Tensor): Tensor {
    this.checkInput(x);
    const momentum = this.countBatch();
    const { weight, bias, eps, runningMean, runningVar } = this;
    // Without running statistics the batch's own serve in evaluation too.
    const training = this.training || runningMean === null;
    return batchNorm(x, runningMean, runningVar, { weight, bias, eps, training, momentum });
  }
}

/** Normalises the features of [batch, features] or [batch, features, length]. */
export class BatchNorm1d extends BatchNorm {
  protected override checkInput(x: Tensor): void {
    this.checkRank(x, [2, 3]);
  }
}

/**
 * Normalises the channels of [batch, channels, height, width] over batch and positions (Ioffe and Szegedy 2015).
 *
 * @example
 * ```ts
 * import { BatchNorm2d } from '@nn/modules';
 * import { interpreter, randn, use } from '@nn/tensor';
 * use(interpreter());
 * const norm = new BatchNorm2d(3);
 * norm(randn([4, 3, 8, 8]));
 * console.log(await norm.numBatchesTracked?.item()); // => 1
 * ```
 */
export class BatchNorm2d extends BatchNorm {
  protected override checkInput(x: Tensor): void {
    this.checkRank(x, [4]);
  }
}

/** Normalises the channels of [batch, channels, depth, height, width]. */
export class BatchNorm3d extends BatchNorm {
  protected override checkInput(x: Tensor): void {
    this.checkRank(x, [5]);
  }
}
