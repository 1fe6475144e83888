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
    if (parameter.grad === null) continue;
    const own = parameter.grad.detach();
    const gradient = maximize ? own.neg() : own;
    yield [
      parameter,
      weightDecay === 0 ? gradient : gradient.add(parameter.detach(), { alpha: weightDecay }),
    ];
  }
}

/** Stores a value that was computed for this one tensor: unlike `copy_`, the former value is let go at once. */
export function assign(target: Tensor, value: Tensor): Tensor {
  return inPlace('step', target, value);
}
