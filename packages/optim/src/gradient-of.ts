// The gradients that updates work on.
import { inPlace, type Tensor } from '@nn/tensor';

export interface GradientOptions {
  weightDecay: number;
  maximize: boolean;
}

/** Parameters that have a gradient, with it: negated to maximize, and with weight decay as an L2 penalty. */
export function* withGradients(
  params: readonly Tensor[],
  { weightDecay, maximize }: GradientOptions,
): Generator<[Tensor, Tensor]> {
  for (const parameter of params) {
    const { grad } = parameter;
    if (grad === null) continue;
    const gradient = maximize ? grad.neg() : grad;
    yield [parameter, weightDecay === 0 ? gradient : gradient.add(parameter.mul(weightDecay))];
  }
}

export interface DecayOptions extends GradientOptions {
  lr: number;
  decoupledWeightDecay: boolean;
}

/** As `withGradients`; or, decoupled, with the parameters made smaller by the rate times the decay. */
export function* withDecay(
  params: readonly Tensor[],
  { weightDecay, maximize, lr, decoupledWeightDecay }: DecayOptions,
): Generator<[Tensor, Tensor]> {
  const penalty = decoupledWeightDecay ? 0 : weightDecay;
  for (const pair of withGradients(params, { weightDecay: penalty, maximize })) {
    if (decoupledWeightDecay && weightDecay !== 0) pair[0].mul_(1 - lr * weightDecay);
    yield pair;
  }
}

/** Stores a value that was computed for this one tensor: unlike `copy_`, the former value is let go at once. */
export function assign(target: Tensor, value: Tensor): Tensor {
  return inPlace('step', target, value);
}

/** mean * decay + value * (1 - decay), in place. */
export function average(mean: Tensor, value: Tensor, decay: number): Tensor {
  return assign(mean, mean.mul(decay).add(value.mul(1 - decay)));
}
