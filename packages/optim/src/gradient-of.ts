// The gradients that updates work on.
import { type DType, inPlace, scalarFunction, scalarTensor, type Tensor } from '@nn/tensor';

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
    const own = grad.dtype === parameter.dtype ? grad : grad.to(parameter.dtype);
    const gradient = maximize ? own.neg() : own;
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

/** One op for what would be four: recording them is what a step of a small model spends its time on. */
const mixed = scalarFunction({
  name: 'optim.mix',
  expression: (b, [mean, value, decay, share]) =>
    b.binary('add', b.binary('mul', mean, decay), b.binary('mul', value, share)),
});
const mixedSquare = scalarFunction({
  name: 'optim.mixSquare',
  expression: (b, [mean, value, decay, share]) =>
    b.binary('add', b.binary('mul', mean, decay), b.binary('mul', b.binary('mul', value, value), share)),
});

/** The numbers of a decaying mean as tensors, which the parameters of a group share. */
export interface Decay {
  readonly decay: Tensor;
  /** What the new value counts: with a decay of 0.9, 0.1. */
  readonly share: Tensor;
}

export function decayOf(decay: number, dtype: DType, share: number = 1 - decay): Decay {
  return { decay: scalarTensor(decay, dtype), share: scalarTensor(share, dtype) };
}

/** mean * decay + value * share, in place. */
export function mix(mean: Tensor, value: Tensor, { decay, share }: Decay): Tensor {
  return assign(mean, mixed([mean, value, decay, share]));
}

/** mean * decay + value² * share, in place. */
export function mixSquare(mean: Tensor, value: Tensor, { decay, share }: Decay): Tensor {
  return assign(mean, mixedSquare([mean, value, decay, share]));
}

/** mean * decay + value * (1 - decay), in place. */
export function average(mean: Tensor, value: Tensor, decay: number): Tensor {
  return mix(mean, value, decayOf(decay, mean.dtype));
}

/** mean * decay + value² * (1 - decay), in place. */
export function averageSquare(mean: Tensor, value: Tensor, decay: number): Tensor {
  return mixSquare(mean, value, decayOf(decay, mean.dtype));
}

const descended = scalarFunction({
  name: 'optim.descend',
  expression: (b, [parameter, direction, rate]) =>
    b.binary('sub', parameter, b.binary('mul', direction, rate)),
});

/** parameter - direction * rate, in place. */
export function descend(parameter: Tensor, direction: Tensor, rate: Tensor | number): void {
  const factor = typeof rate === 'number' ? scalarTensor(rate, parameter.dtype) : rate;
  assign(parameter, descended([parameter, direction, factor]));
}

/** A function that is computed once for each dtype and count, in one update of a group. */
export function perStep<T>(compute: (dtype: DType, step: number) => T): (dtype: DType, step: number) => T {
  const known = new Map<number, Map<DType, T>>();
  return (dtype, step) => {
    let ofStep = known.get(step);
    if (ofStep === undefined) known.set(step, (ofStep = new Map()));
    let value = ofStep.get(dtype);
    if (value === undefined) ofStep.set(dtype, (value = compute(dtype, step)));
    return value;
  };
}
