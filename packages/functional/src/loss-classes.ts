// Losses over classes. A target class is compared with the position along the class dimension: the loss and its
// derivative are then parts of the passes that softmax makes anyway, and nothing is gathered or scattered.
import {
  ArgumentError,
  categoryOf,
  checkOptions,
  DTypeError,
  formatShape,
  ShapeError,
  sameShape,
} from '@nn/core';
import { apply, logSoftmax, requireTensor, type Tensor, where } from '@nn/tensor';
import { checkChoice, type Reduction, type ReductionOptions, reduceLoss, requireFloat } from './arguments.ts';
import { checkHostIndices } from './host-indices.ts';

export interface NllLossOptions extends ReductionOptions {
  /** A factor for each class. */
  readonly weight?: Tensor | null;
  /** Targets of this class count as nothing. Default -100. */
  readonly ignoreIndex?: number;
}

export interface CrossEntropyOptions extends NllLossOptions {
  /** The part of each target that is spread over all classes. Default 0. */
  readonly labelSmoothing?: number;
}

/** Dimension 1, or 0 of an input without batch. */
const classDimOf = (input: Tensor): number => (input.ndim === 1 ? 0 : 1);

function checkClasses(name: string, input: Tensor, target: Tensor, options: NllLossOptions): void {
  const classDim = classDimOf(input);
  const expected = input.shape.filter((_, dim) => dim !== classDim);
  if (input.ndim === 0 || !sameShape(expected, target.shape)) {
    throw new ShapeError(
      `${name}: an input of shape ${formatShape(input.shape)} has its classes in dimension ${classDim} and takes a target ` +
        `of shape ${formatShape(expected)}, got ${formatShape(target.shape)}`,
    );
  }
  if (categoryOf(target.dtype) !== 'integer') {
    throw new DTypeError(`${name}: target classes must be integers, got ${target.dtype}. Use target.int()`);
  }
  checkHostIndices(name, target, input.shape[classDim], options.ignoreIndex ?? -100);
}

function checkWeight(name: string, input: Tensor, weight: Tensor | null | undefined): void {
  const classes = input.shape[classDimOf(input)];
  if (weight != null && (requireTensor(name, weight).ndim !== 1 || weight.shape[0] !== classes)) {
    throw new ShapeError(
      `${name}: the weight must have shape [${classes}], got ${formatShape(weight.shape)}`,
    );
  }
}

/** Shaped to broadcast along the class dimension. */
function alongClasses(weight: Tensor, input: Tensor): Tensor {
  return weight.reshape(input.shape.map((extent, dim) => (dim === classDimOf(input) ? extent : 1)));
}

interface Picked {
  /** The loss of each target. */
  readonly loss: Tensor;
  /** What each target weighs in a mean. */
  readonly weight: Tensor;
  /** Whether each target counts. */
  readonly counts: Tensor;
}

function pick(logProbabilities: Tensor, target: Tensor, options: NllLossOptions): Picked {
  const dim = classDimOf(logProbabilities);
  const classes = target.to('int32');
  const { shape, device } = logProbabilities;
  const isTarget = apply('iota', [], { shape, dim, dtype: 'int32' }, device).eq(classes.unsqueeze(dim));
  const counts = classes.ne(options.ignoreIndex ?? -100);
  const { weight } = options;
  const losses = where(isTarget, logProbabilities, 0).sum(dim).neg();
  const factors =
    weight == null
      ? counts.to(logProbabilities.dtype)
      : where(counts, where(isTarget, alongClasses(weight, logProbabilities), 0).sum(dim), 0);
  return { loss: where(counts, weight == null ? losses : losses.mul(factors), 0), weight: factors, counts };
}

function reducePicked(name: string, { loss, weight }: Picked, reduction: Reduction): Tensor {
  checkChoice(name, 'reduction', reduction, ['none', 'mean', 'sum']);
  if (reduction === 'none') return loss;
  return reduction === 'sum' ? loss.sum() : loss.sum().div(weight.sum());
}

/**
 * -x[target], averaged with the weights, for x that holds log-probabilities: [batch, classes, ...] or [classes].
 *
 * @throws {ShapeError} when the target does not have the input's shape without the class dimension.
 * @throws {IndexError} for a class that the input does not have, where the target is at hand on the host.
 */
export function nllLoss(input: Tensor, target: Tensor, options: NllLossOptions = {}): Tensor {
  checkOptions('nllLoss', options, ['weight', 'ignoreIndex', 'reduction']);
  requireFloat('nllLoss', input);
  requireTensor('nllLoss', target);
  checkClasses('nllLoss', input, target, options);
  checkWeight('nllLoss', input, options.weight);
  return reducePicked('nllLoss', pick(input, target, options), options.reduction ?? 'mean');
}

/**
 * nllLoss of logSoftmax(x). The target holds classes (integers, the input's shape without its class dimension) or
 * probabilities (floats, the input's shape).
 *
 * @throws {ShapeError | DTypeError | IndexError} for targets that do not fit.
 * @example
 * ```ts
 * import * as F from '@nn/functional';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const loss = F.crossEntropy(tensor([[2.5, 0.5, 0.1]]), tensor([0]), { labelSmoothing: 0.1 });
 * console.log(await loss.item());
 * ```
 */
export function crossEntropy(input: Tensor, target: Tensor, options: CrossEntropyOptions = {}): Tensor {
  checkOptions('crossEntropy', options, ['weight', 'ignoreIndex', 'reduction', 'labelSmoothing']);
  requireFloat('crossEntropy', input);
  requireTensor('crossEntropy', target);
  const { labelSmoothing = 0, reduction = 'mean' } = options;
  if (!(labelSmoothing >= 0 && labelSmoothing <= 1)) {
    throw new ArgumentError(`crossEntropy: labelSmoothing must lie between 0 and 1, got ${labelSmoothing}`);
  }
  checkWeight('crossEntropy', input, options.weight);
  const probabilities = categoryOf(target.dtype) === 'float' && sameShape(input.shape, target.shape);
  if (!probabilities) checkClasses('crossEntropy', input, target, options);
  const logProbabilities = logSoftmax(input, classDimOf(input));
  if (probabilities) return ofProbabilities(logProbabilities, target, options, labelSmoothing, reduction);
  const picked = pick(logProbabilities, target, options);
  const plain = reducePicked('crossEntropy', picked, reduction);
  if (labelSmoothing === 0) return plain;
  const spread = spreadLoss(logProbabilities, picked, options.weight, reduction);
  const classes = input.shape[classDimOf(input)];
  return plain.mul(1 - labelSmoothing).add(spread.mul(labelSmoothing / classes));
}

/** The loss of a target that holds every class. */
function spreadLoss(
  logProbabilities: Tensor,
  { weight, counts }: Picked,
  classWeight: Tensor | null | undefined,
  reduction: Reduction,
): Tensor {
  const dim = classDimOf(logProbabilities);
  const weighted =
    classWeight == null
      ? logProbabilities
      : logProbabilities.mul(alongClasses(classWeight, logProbabilities));
  const losses = where(counts, weighted.sum(dim).neg(), 0);
  if (reduction === 'none') return losses;
  return reduction === 'sum' ? losses.sum() : losses.sum().div(weight.sum());
}

function ofProbabilities(
  logProbabilities: Tensor,
  target: Tensor,
  { weight }: CrossEntropyOptions,
  labelSmoothing: number,
  reduction: Reduction,
): Tensor {
  const dim = classDimOf(logProbabilities);
  const classes = logProbabilities.shape[dim];
  const smooth = labelSmoothing === 0 ? target : target.mul(1 - labelSmoothing).add(labelSmoothing / classes);
  const terms = logProbabilities.mul(smooth);
  const losses = (weight == null ? terms : terms.mul(alongClasses(weight, logProbabilities))).sum(dim).neg();
  if (reduction !== 'mean') return reduceLoss('crossEntropy', losses, reduction);
  return losses.sum().div(logProbabilities.numel() / classes);
}
