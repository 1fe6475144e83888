// What losses share: their options, and weights that are buffers.
import { checkOptions, type Tensor } from '@nn/tensor';
import { Module } from './module.ts';

/** A loss; mostly of a prediction and a target. */
export abstract class Loss<
  Options extends object,
  Inputs extends unknown[] = [input: Tensor, target: Tensor],
> extends Module<Inputs, Tensor> {
  readonly options: Options;

  constructor(options: Options, known: readonly string[]) {
    super();
    checkOptions(this.constructor.name, options, known);
    this.options = options;
  }
}

/** A loss whose classes or elements can be weighted; the weights are buffers. */
export abstract class WeightedLoss<
  Options extends { readonly weight?: Tensor | null },
> extends Loss<Options> {
  declare weight: Tensor | null;

  constructor(options: Options, known: readonly string[]) {
    const { weight = null, ...rest } = options;
    super(rest as Options, ['weight', ...known]);
    this.registerBuffer('weight', weight);
  }
}
