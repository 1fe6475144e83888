// Losses between predictions and targets of the same shape; others broadcast, and draw a warning.
import { ArgumentError, checkOptions } from '@nn/core';
import { type Tensor, where } from '@nn/tensor';
import { type ReductionOptions, reduceLoss, warnOfBroadcast } from './arguments.ts';

function difference(name: string, input: Tensor, target: Tensor): Tensor {
  warnOfBroadcast(name, input, target);
  return input.sub(target);
}

/**
 * The mean (or sum) of squared differences.
 *
 * @throws {ShapeError} when the shapes do not broadcast.
 */
export function mseLoss(input: Tensor, target: Tensor, options: ReductionOptions = {}): Tensor {
  checkOptions('mseLoss', options, ['reduction']);
  return reduceLoss('mseLoss', difference('mseLoss', input, target).square(), options.reduction);
}

/**
 * The mean (or sum) of absolute differences.
 *
 * @throws {ShapeError} when the shapes do not broadcast.
 */
export function l1Loss(input: Tensor, target: Tensor, options: ReductionOptions = {}): Tensor {
  checkOptions('l1Loss', options, ['reduction']);
  return reduceLoss('l1Loss', difference('l1Loss', input, target).abs(), options.reduction);
}

export interface SmoothL1Options extends ReductionOptions {
  /** Below this difference the loss is quadratic. Default 1. */
  readonly beta?: number;
}

/**
 * Quadratic near 0, then linear: d² / 2β, |d| - β / 2 (Girshick 2015).
 *
 * @throws {ArgumentError} for a negative beta.
 */
export function smoothL1Loss(input: Tensor, target: Tensor, options: SmoothL1Options = {}): Tensor {
  checkOptions('smoothL1Loss', options, ['reduction', 'beta']);
  const { beta = 1, reduction } = options;
  if (!(beta >= 0)) throw new ArgumentError(`smoothL1Loss: beta must be at least 0, got ${beta}`);
  const distance = difference('smoothL1Loss', input, target).abs();
  if (beta === 0) return reduceLoss('smoothL1Loss', distance, reduction);
  const loss = where(distance.lt(beta), distance.square().mul(0.5 / beta), distance.sub(0.5 * beta));
  return reduceLoss('smoothL1Loss', loss, reduction);
}

export interface HuberOptions extends ReductionOptions {
  /** Up to this difference the loss is quadratic. Default 1. */
  readonly delta?: number;
}

/**
 * Quadratic near 0, then linear: d² / 2, δ (|d| - δ / 2) (Huber 1964).
 *
 * @throws {ArgumentError} unless delta is positive.
 */
export function huberLoss(input: Tensor, target: Tensor, options: HuberOptions = {}): Tensor {
  checkOptions('huberLoss', options, ['reduction', 'delta']);
  const { delta = 1, reduction } = options;
  if (!(delta > 0)) throw new ArgumentError(`huberLoss: delta must be positive, got ${delta}`);
  const distance = difference('huberLoss', input, target).abs();
  const loss = where(distance.le(delta), distance.square().mul(0.5), distance.sub(0.5 * delta).mul(delta));
  return reduceLoss('huberLoss', loss, reduction);
}
