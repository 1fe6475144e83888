// Negative log-likelihoods of targets under a distribution that the input gives.
import { ArgumentError, checkOptions, formatShape, ShapeError, sameShape } from '@nn/core';
import { type Tensor, where } from '@nn/tensor';
import { broadcastTogether, type ReductionOptions, reduceLoss, requireFloat } from './arguments.ts';

export interface PoissonNllOptions extends ReductionOptions {
  /** Whether the input holds logarithms of rates. Default true. */
  readonly logInput?: boolean;
  /** Whether Stirling's approximation of log(target!) is added. Default false. */
  readonly full?: boolean;
  /** Added to rates before their logarithm. Default 1e-8. */
  readonly eps?: number;
}

/**
 * exp(x) - t x, or x - t log(x + eps): the Poisson distribution's, without a constant unless `full`.
 *
 * @throws {ShapeError} when the shapes do not broadcast.
 */
export function poissonNllLoss(input: Tensor, target: Tensor, options: PoissonNllOptions = {}): Tensor {
  checkOptions('poissonNllLoss', options, ['logInput', 'full', 'eps', 'reduction']);
  broadcastTogether('poissonNllLoss', input, target);
  const { logInput = true, full = false, eps = 1e-8, reduction } = options;
  const plain = logInput ? input.exp().sub(target.mul(input)) : input.sub(target.mul(input.add(eps).log()));
  return reduceLoss('poissonNllLoss', full ? plain.add(stirling(target)) : plain, reduction);
}

/** log(t!) ≈ t log t - t + log(2 π t) / 2 above 1, and 0 below. */
function stirling(target: Tensor): Tensor {
  const large = target.gt(1);
  const t = where(large, target, 1);
  const value = t
    .mul(t.log())
    .sub(t)
    .add(
      t
        .mul(2 * Math.PI)
        .log()
        .mul(0.5),
    );
  return where(large, value, 0);
}

export interface GaussianNllOptions extends ReductionOptions {
  /** Whether the constant log(2π) / 2 is added. Default false. */
  readonly full?: boolean;
  /** The smallest variance. Default 1e-6. */
  readonly eps?: number;
}

/**
 * (log v + (x - t)² / v) / 2 for variances v at least eps (Nix and Weigend 1994). Variances have the input's shape, or
 * that without (or with 1 in) its last dimension.
 *
 * @throws {ShapeError} for variances of another shape.
 * @throws {ArgumentError} for a negative variance, where they are at hand on the host.
 */
export function gaussianNllLoss(
  input: Tensor,
  target: Tensor,
  variance: Tensor,
  options: GaussianNllOptions = {},
): Tensor {
  checkOptions('gaussianNllLoss', options, ['full', 'eps', 'reduction']);
  requireFloat('gaussianNllLoss', input);
  requireFloat('gaussianNllLoss', variance);
  const { full = false, eps = 1e-6, reduction } = options;
  broadcastTogether('gaussianNllLoss', input, target);
  const given = fittedVariance(input, variance);
  checkNotNegative(variance);
  // The bound is no part of the derivative, as in PyTorch.
  const low = given.lt(eps).detach();
  const bounded = given.add(where(low, given.neg().add(eps), 0).detach());
  const squares = input.sub(target).square();
  const loss = bounded.log().add(squares.div(bounded)).mul(0.5);
  return reduceLoss('gaussianNllLoss', full ? loss.add(0.5 * Math.log(2 * Math.PI)) : loss, reduction);
}

function fittedVariance(input: Tensor, variance: Tensor): Tensor {
  if (sameShape(variance.shape, input.shape)) return variance;
  const rest = input.shape.slice(0, -1);
  if (sameShape(variance.shape, rest)) return variance.unsqueeze(-1);
  if (sameShape(variance.shape, [...rest, 1])) return variance;
  throw new ShapeError(
    `gaussianNllLoss: the variance must have shape ${formatShape(input.shape)}, ${formatShape(rest)} or ` +
      `${formatShape([...rest, 1])}, got ${formatShape(variance.shape)}`,
  );
}

function checkNotNegative(variance: Tensor): void {
  const host = variance.viewInfo === null ? variance.node.state?.host : undefined;
  if (host?.some((value: number | bigint) => Number(value) < 0))
    throw new ArgumentError('gaussianNllLoss: the variance has negative entries');
}
