// Losses between probabilities.
import { ArgumentError, checkOptions, formatShape, ShapeError, sameShape } from '@nn/core';
import { apply, requireTensor, type Tensor, where } from '@nn/tensor';
import {
  broadcastTogether,
  checkChoice,
  type Reduction,
  type ReductionOptions,
  reduceLoss,
  requireFloat,
} from './arguments.ts';

export interface BinaryCrossEntropyOptions extends ReductionOptions {
  /** Scales the loss of each element. */
  readonly weight?: Tensor | null;
}

function requireSame(name: string, input: Tensor, target: Tensor): void {
  requireFloat(name, input);
  requireTensor(name, target);
  if (!sameShape(input.shape, target.shape)) {
    throw new ShapeError(
      `${name}: the target must have the input's shape ${formatShape(input.shape)}, got ${formatShape(target.shape)}`,
    );
  }
}

/** log(x), and -100 where that is lower, as in PyTorch; its derivative is 0 there. */
function boundedLog(x: Tensor): Tensor {
  const positive = x.gt(3.7e-44);
  return where(positive, where(positive, x, 1).log(), -100);
}

/**
 * -(t log x + (1 - t) log(1 - x)) for probabilities x; logarithms are at least -100.
 *
 * @throws {ShapeError} when the shapes differ.
 */
export function binaryCrossEntropy(
  input: Tensor,
  target: Tensor,
  options: BinaryCrossEntropyOptions = {},
): Tensor {
  checkOptions('binaryCrossEntropy', options, ['weight', 'reduction']);
  requireSame('binaryCrossEntropy', input, target);
  const other = input.neg().add(1);
  const loss = target
    .sub(1)
    .mul(boundedLog(other))
    .sub(target.mul(boundedLog(input)));
  return reduceLoss(
    'binaryCrossEntropy',
    weighted('binaryCrossEntropy', loss, options.weight),
    options.reduction,
  );
}

function weighted(name: string, loss: Tensor, weight: Tensor | null | undefined): Tensor {
  if (weight == null) return loss;
  broadcastTogether(name, loss, weight);
  return loss.mul(weight);
}

export interface BinaryCrossEntropyWithLogitsOptions extends BinaryCrossEntropyOptions {
  /** Scales the loss of positive targets. */
  readonly posWeight?: Tensor | null;
}

/**
 * binaryCrossEntropy of sigmoid(x), without overflow.
 *
 * @throws {ShapeError} when the shapes differ.
 */
export function binaryCrossEntropyWithLogits(
  input: Tensor,
  target: Tensor,
  options: BinaryCrossEntropyWithLogitsOptions = {},
): Tensor {
  const name = 'binaryCrossEntropyWithLogits';
  checkOptions(name, options, ['weight', 'reduction', 'posWeight']);
  requireSame(name, input, target);
  // log(1 - sigmoid(x)) is log(sigmoid(x)) - x.
  const logarithm = apply('logSigmoid', [input], {});
  const { posWeight } = options;
  if (posWeight != null) broadcastTogether(name, target, posWeight);
  const scaled = posWeight == null ? logarithm : logarithm.mul(target.mul(posWeight.sub(1)).add(1));
  const loss = input.sub(input.mul(target)).sub(scaled);
  return reduceLoss(name, weighted(name, loss, options.weight), options.reduction);
}

export interface KlDivOptions {
  /** 'batchmean' divides the sum by the first dimension's size: the divergence itself. Default 'mean'. */
  readonly reduction?: Reduction | 'batchmean';
  /** Whether the target holds logarithms as well. Default false. */
  readonly logTarget?: boolean;
}

/**
 * The Kullback-Leibler divergence's terms t (log t - x), for x that holds logarithms.
 *
 * @throws {ArgumentError} for an unknown reduction.
 */
export function klDiv(input: Tensor, target: Tensor, options: KlDivOptions = {}): Tensor {
  checkOptions('klDiv', options, ['reduction', 'logTarget']);
  requireFloat('klDiv', input);
  requireFloat('klDiv', target);
  broadcastTogether('klDiv', input, target);
  const { reduction = 'mean', logTarget = false } = options;
  checkChoice('klDiv', 'reduction', reduction, ['none', 'mean', 'sum', 'batchmean']);
  const loss = logTarget ? target.exp().mul(target.sub(input)) : entropyTerms(target).sub(target.mul(input));
  if (reduction !== 'batchmean') return reduceLoss('klDiv', loss, reduction);
  if (input.ndim === 0) throw new ArgumentError("klDiv: reduction 'batchmean' needs a batch, got shape []");
  return loss.sum().div(input.shape[0]);
}

/** t log t, which is 0 at 0. */
function entropyTerms(target: Tensor): Tensor {
  const positive = target.ne(0);
  return target.mul(where(positive, target, 1).log());
}
