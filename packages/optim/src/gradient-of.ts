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

/** Stores a value that was computed for this one tensor: unlike `copy_`, the former value is let go at once. */
export function assign(target: Tensor, value: Tensor): Tensor {
  return inPlace('step', target, value);
}

/** mean * decay + value * (1 - decay), in place. */
export function average(mean: Tensor, value: Tensor, decay: number): Tensor {
  return assign(mean, mean.mul(decay).add(value.mul(1 - decay)));
}
