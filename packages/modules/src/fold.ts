// Sliding blocks as columns, and columns put back.

import * as F from '@nn/functional';
import { checkOptions, type Tensor } from '@nn/tensor';
import { Module } from './module.ts';
import { namedValues } from './representation.ts';

/**
 * The blocks of [batch, channels, height, width] under a sliding kernel, as columns: [batch, channels * kernel, blocks].
 *
 * @example
 * ```ts
 * import { Unfold } from '@nn/modules';
 * import { interpreter, ones, use } from '@nn/tensor';
 * use(interpreter());
 * console.log(new Unfold([2, 3])(ones([2, 5, 3, 4])).shape); // => [2, 30, 4]
 * ```
 */
export class Unfold extends Module<[Tensor], Tensor> {
  readonly kernelSize: F.Sizes;
  readonly options: F.FoldOptions;

  constructor(kernelSize: F.Sizes, options: F.FoldOptions = {}) {
    super();
    checkOptions('Unfold', options, ['dilation', 'padding', 'stride']);
    this.kernelSize = kernelSize;
    this.options = options;
  }

  override forward(x: Tensor): Tensor {
    return F.unfold(x, this.kernelSize, this.options);
  }

  override extraRepr(): string {
    const { dilation = 1, padding = 0, stride = 1 } = this.options;
    return namedValues({ kernelSize: this.kernelSize, dilation, padding, stride });
  }
}

/** Adds columns [batch, channels * kernel, blocks] up into [batch, channels, ...outputSize]: the adjoint of Unfold. */
export class Fold extends Module<[Tensor], Tensor> {
  readonly outputSize: F.Sizes;
  readonly kernelSize: F.Sizes;
  readonly options: F.FoldOptions;

  constructor(outputSize: F.Sizes, kernelSize: F.Sizes, options: F.FoldOptions = {}) {
    super();
    checkOptions('Fold', options, ['dilation', 'padding', 'stride']);
    this.outputSize = outputSize;
    this.kernelSize = kernelSize;
    this.options = options;
  }

  override forward(x: Tensor): Tensor {
    return F.fold(x, this.outputSize, this.kernelSize, this.options);
  }

  override extraRepr(): string {
    const { outputSize, kernelSize } = this;
    const { dilation = 1, padding = 0, stride = 1 } = this.options;
    return namedValues({ outputSize, kernelSize, dilation, padding, stride });
  }
}
