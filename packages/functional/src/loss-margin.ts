// Losses that ask for a margin between what belongs together and what does not.
import {
  ArgumentError,
  categoryOf,
  checkOptions,
  DTypeError,
  formatShape,
  isFloat,
  ShapeError,
  sameShape,
} from '@nn/core';
import { apply, getDefaultDType, requireTensor, type Tensor, where } from '@nn/tensor';
import { broadcastTogether, type ReductionOptions, reduceLoss, requireFloat } from './arguments.ts';
import { type PairwiseDistanceOptions, pairwiseDistance } from './distance.ts';
import { checkHostIndices } from './host-indices.ts';

export interface MarginOptions extends ReductionOptions {
  /** How far apart is far enough. Default: 0, or 1 for hinge and triplet losses. */
  readonly margin?: number;
}

/** Margins are floats: integers take their dtype. */
function asFloat(x: Tensor): Tensor {
  return isFloat(x.dtype) ? x : x.to(getDefaultDType());
}

function requireSameShape(name: string, input: Tensor, target: Tensor): void {
  requireFloat(name, input);
  requireTensor(name, target);
  if (sameShape(input.shape, target.shape)) return;
  throw new ShapeError(
    `${name}: the target must have the input's shape ${formatShape(input.shape)}, got ${formatShape(target.shape)}`,
  );
}

function requireSameRank(name: string, tensors: readonly Tensor[]): void {
  for (const x of tensors) requireTensor(name, x);
  if (tensors.every((x) => x.ndim === tensors[0].ndim)) return;
  const shapes = tensors.map((x) => formatShape(x.shape)).join(', ');
  throw new ShapeError(`${name}: all inputs must have the same number of dimensions, got shapes ${shapes}`);
}

/**
 * log(1 + exp(-y x)) for targets y of 1 or -1.
 *
 * @throws {ShapeError} when the shapes differ.
 */
export function softMarginLoss(input: Tensor, target: Tensor, options: ReductionOptions = {}): Tensor {
  checkOptions('softMarginLoss', options, ['reduction']);
  requireSameShape('softMarginLoss', input, target);
  const loss = apply('logSigmoid', [input.mul(target.to(input.dtype))], {}).neg();
  return reduceLoss('softMarginLoss', loss, options.reduction);
}

/**
 * max(0, -y (x1 - x2) + margin): x1 should be ranked above x2 where y is 1, below where it is -1.
 *
 * @throws {ShapeError} when the numbers of dimensions differ.
 */
export function marginRankingLoss(
  input1: Tensor,
  input2: Tensor,
  target: Tensor,
  options: MarginOptions = {},
): Tensor {
  checkOptions('marginRankingLoss', options, ['margin', 'reduction']);
  requireSameRank('marginRankingLoss', [input1, input2, target]);
  broadcastTogether('marginRankingLoss', input1, input2, target);
  const loss = asFloat(target.neg().mul(input1.sub(input2)))
    .add(options.margin ?? 0)
    .relu();
  return reduceLoss('marginRankingLoss', loss, options.reduction);
}

/** x where the target is 1, max(0, margin - x) where it is -1. */
export function hingeEmbeddingLoss(input: Tensor, target: Tensor, options: MarginOptions = {}): Tensor {
  checkOptions('hingeEmbeddingLoss', options, ['margin', 'reduction']);
  requireFloat('hingeEmbeddingLoss', input);
  broadcastTogether('hingeEmbeddingLoss', input, target);
  const apart = input
    .neg()
    .add(options.margin ?? 1)
    .relu();
  const loss = where(target.ne(1), apart, 0).add(where(target.ne(-1), input, 0));
  return reduceLoss('hingeEmbeddingLoss', loss, options.reduction);
}

/**
 * 1 - cos(x1, x2) where the target is 1, max(0, cos(x1, x2) - margin) where it is -1; vectors lie along the last
 * dimension: [batch, size] with a target [batch], or [size] with [].
 *
 * @throws {ShapeError} for inputs that do not fit.
 */
export function cosineEmbeddingLoss(
  input1: Tensor,
  input2: Tensor,
  target: Tensor,
  options: MarginOptions = {},
): Tensor {
  checkOptions('cosineEmbeddingLoss', options, ['margin', 'reduction']);
  for (const x of [input1, input2, target]) requireTensor('cosineEmbeddingLoss', x);
  const fits = target.ndim <= 1 && input1.ndim === target.ndim + 1 && input2.ndim === target.ndim + 1;
  if (!fits) {
    throw new ShapeError(
      'cosineEmbeddingLoss: takes inputs [batch, size] with a target [batch], or [size] with [], got ' +
        `${formatShape(input1.shape)}, ${formatShape(input2.shape)} and ${formatShape(target.shape)}`,
    );
  }
  broadcastTogether('cosineEmbeddingLoss', input1, input2);
  const eps = 1e-12;
  const product = input1.mul(input2).sum(-1);
  const squares = input1.square().sum(-1).add(eps).mul(input2.square().sum(-1).add(eps));
  const cosine = asFloat(product).div(squares.sqrt());
  const together = cosine.neg().add(1);
  const apart = cosine.sub(options.margin ?? 0).relu();
  const loss = where(target.eq(1), together, 0).add(where(target.eq(-1), apart, 0));
  return reduceLoss('cosineEmbeddingLoss', loss, options.reduction);
}

export interface MultiMarginOptions extends MarginOptions {
  /** The power of each violation: 1 or 2. Default 1. */
  readonly p?: 1 | 2;
  /** A factor for each class. */
  readonly weight?: Tensor | null;
}

/**
 * Σ max(0, margin - x[y] + x[i])^p over the other classes i, divided by their number and one: [batch, classes] with a
 * target [batch], or [classes] with [].
 *
 * @throws {ShapeError | DTypeError | ArgumentError} for inputs or options that do not fit.
 * @throws {IndexError} for a class that the input does not have, where the target is at hand on the host.
 */
export function multiMarginLoss(input: Tensor, target: Tensor, options: MultiMarginOptions = {}): Tensor {
  checkOptions('multiMarginLoss', options, ['margin', 'p', 'weight', 'reduction']);
  requireFloat('multiMarginLoss', input);
  requireClasses('multiMarginLoss', target);
  const { p = 1, margin = 1, weight, reduction } = options;
  if (p !== 1 && p !== 2) throw new ArgumentError(`multiMarginLoss: p must be 1 or 2, got ${String(p)}`);
  const rows = input.ndim === 0 ? input.reshape(1, 1) : input.ndim === 1 ? input.unsqueeze(0) : input;
  const [batch, classes] = rows.shape;
  if (rows.ndim !== 2 || target.numel() !== batch || target.ndim > 1) {
    throw new ShapeError(
      'multiMarginLoss: takes an input [batch, classes] with a target [batch], or [classes] with [], got ' +
        `${formatShape(input.shape)} and ${formatShape(target.shape)}`,
    );
  }
  if (weight != null && !sameShape(weight.shape, [classes])) {
    throw new ShapeError(
      `multiMarginLoss: the weight must have shape [${classes}], got ${formatShape(weight.shape)}`,
    );
  }
  checkHostIndices('multiMarginLoss', target, classes);
  const isTarget = oneHotRows(target.reshape(-1), classes, input.device);
  const own = where(isTarget, rows, 0).sum(1, { keepdim: true });
  const violation = rows.sub(own).add(margin).relu();
  const powers = p === 1 ? violation : violation.square();
  const scaled = weight == null ? powers : powers.mul(where(isTarget, weight, 0).sum(1, { keepdim: true }));
  const losses = where(isTarget, 0, scaled).sum(1).div(classes);
  return reduceLoss('multiMarginLoss', target.ndim === 0 ? losses.squeeze(0) : losses, reduction);
}

function requireClasses(name: string, target: Tensor): void {
  requireTensor(name, target);
  if (categoryOf(target.dtype) === 'integer') return;
  throw new DTypeError(`${name}: target classes must be integers, got ${target.dtype}. Use target.int()`);
}

/** Whether a class is the row's: [rows] to [rows, classes]. */
function oneHotRows(target: Tensor, classes: number, device: string): Tensor {
  const shape = [...target.shape, classes];
  const along = apply('iota', [], { shape, dim: target.ndim, dtype: 'int32' }, device);
  return target.to('int32').unsqueeze(-1).eq(along);
}

/**
 * Σ max(0, 1 - x[y] + x[i]) / classes over target classes y and the classes i that are none. A row of the target
 * lists its classes first; the first -1 ends the list. Shapes [batch, classes] or [classes], both alike.
 *
 * @throws {ShapeError | DTypeError} for a target that does not fit.
 */
export function multilabelMarginLoss(input: Tensor, target: Tensor, options: ReductionOptions = {}): Tensor {
  checkOptions('multilabelMarginLoss', options, ['reduction']);
  requireSameShape('multilabelMarginLoss', input, target);
  requireClasses('multilabelMarginLoss', target);
  if (input.ndim > 2) {
    throw new ShapeError(
      `multilabelMarginLoss: takes [batch, classes] or [classes], got ${formatShape(input.shape)}`,
    );
  }
  const classes = input.ndim === 0 ? 1 : input.shape[input.ndim - 1];
  const rows = input.reshape(-1, classes);
  const labels = target.to('int32').reshape(-1, classes);
  checkHostIndices('multilabelMarginLoss', target, classes, -1);
  // [rows, labels]: the part of each list before its end.
  const isLabel = labels.eq(-1).to('int32').cumsum(1).eq(0);
  const chosen = oneHotRows(labels, classes, input.device).logicalAnd(isLabel.unsqueeze(-1));
  const isTarget = chosen.any(1);
  const own = where(chosen, rows.unsqueeze(1), 0).sum(2, { keepdim: true });
  const violation = rows.unsqueeze(1).sub(own).add(1).relu();
  const counts = isLabel.unsqueeze(-1).logicalAnd(isTarget.logicalNot().unsqueeze(1));
  const losses = where(counts, violation, 0).sum([1, 2]).div(classes);
  return reduceLoss('multilabelMarginLoss', input.ndim < 2 ? losses.squeeze(0) : losses, options.reduction);
}

export interface MultilabelSoftMarginOptions extends ReductionOptions {
  /** A factor for each class. */
  readonly weight?: Tensor | null;
}

/**
 * Binary cross entropy of sigmoid(x) and targets of 0 or 1, averaged over the classes, which lie along the last
 * dimension.
 *
 * @throws {ShapeError} when the shapes differ.
 */
export function multilabelSoftMarginLoss(
  input: Tensor,
  target: Tensor,
  options: MultilabelSoftMarginOptions = {},
): Tensor {
  checkOptions('multilabelSoftMarginLoss', options, ['weight', 'reduction']);
  requireSameShape('multilabelSoftMarginLoss', input, target);
  const positive = target.mul(apply('logSigmoid', [input], {}));
  const negative = target
    .neg()
    .add(1)
    .mul(apply('logSigmoid', [input.neg()], {}));
  const terms = positive.add(negative).neg();
  if (options.weight != null) broadcastTogether('multilabelSoftMarginLoss', terms, options.weight);
  const weighted = options.weight == null ? terms : terms.mul(options.weight);
  const losses = input.ndim === 0 ? weighted : weighted.mean(-1);
  return reduceLoss('multilabelSoftMarginLoss', losses, options.reduction);
}

export interface TripletMarginOptions extends MarginOptions {
  /** The norm of distances. Default 2. */
  readonly p?: number;
  /** Added to differences. Default 1e-6. */
  readonly eps?: number;
  /** Whether the negative's distance is the smaller of those from anchor and positive. Default false. */
  readonly swap?: boolean;
}

/**
 * max(0, d(anchor, positive) - d(anchor, negative) + margin) (Balntas et al. 2016).
 *
 * @throws {ShapeError} when the numbers of dimensions differ.
 */
export function tripletMarginLoss(
  anchor: Tensor,
  positive: Tensor,
  negative: Tensor,
  options: TripletMarginOptions = {},
): Tensor {
  checkOptions('tripletMarginLoss', options, ['margin', 'p', 'eps', 'swap', 'reduction']);
  const { p, eps, ...rest } = options;
  broadcastTogether('tripletMarginLoss', anchor, positive, negative);
  const distance: PairwiseDistanceOptions = {
    ...(p !== undefined && { p }),
    ...(eps !== undefined && { eps }),
  };
  return tripletLoss(
    'tripletMarginLoss',
    [anchor, positive, negative],
    (a, b) => pairwiseDistance(a, b, distance),
    rest,
  );
}

export interface TripletMarginWithDistanceOptions extends MarginOptions {
  /** Default: pairwiseDistance. */
  readonly distanceFunction?: ((a: Tensor, b: Tensor) => Tensor) | null;
  readonly swap?: boolean;
}

/**
 * tripletMarginLoss with a distance of one's own.
 *
 * @throws {ShapeError} when the numbers of dimensions differ.
 */
export function tripletMarginWithDistanceLoss(
  anchor: Tensor,
  positive: Tensor,
  negative: Tensor,
  options: TripletMarginWithDistanceOptions = {},
): Tensor {
  const name = 'tripletMarginWithDistanceLoss';
  checkOptions(name, options, ['distanceFunction', 'margin', 'swap', 'reduction']);
  const { distanceFunction, ...rest } = options;
  return tripletLoss(name, [anchor, positive, negative], distanceFunction ?? pairwiseDistance, rest);
}

function tripletLoss(
  name: string,
  tensors: readonly [Tensor, Tensor, Tensor],
  distance: (a: Tensor, b: Tensor) => Tensor,
  { margin = 1, swap = false, reduction }: Pick<TripletMarginOptions, 'margin' | 'swap' | 'reduction'>,
): Tensor {
  requireSameRank(name, tensors);
  const [anchor, positive, negative] = tensors;
  const near = distance(anchor, positive);
  const far = distance(anchor, negative);
  const farthest = swap ? far.minimum(distance(positive, negative)) : far;
  return reduceLoss(name, near.sub(farthest).add(margin).relu(), reduction);
}
