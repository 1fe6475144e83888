// What the functions of this package check alike: sizes per dimension, reductions, dtypes.
import {
  ArgumentError,
  broadcastShapes,
  DTypeError,
  formatShape,
  isFloat,
  type Shape,
  ShapeError,
  sameShape,
} from '@nn/core';
import { gradientEngineOrNull, inPlace, requireTensor, type Tensor } from '@nn/tensor';

/** One number for all spatial dimensions, or one for each. */
export type Sizes = number | readonly number[];

/** How a loss ends: as it is for each element, averaged, or summed. */
export type Reduction = 'none' | 'mean' | 'sum';

export interface ReductionOptions {
  /** Default 'mean'. */
  readonly reduction?: Reduction;
}

/**
 * One integer for each of `rank` dimensions.
 *
 * @throws {ArgumentError} when there are neither 1 nor `rank`, or one is below `minimum`.
 */
export function spatialSizes(
  functionName: string,
  optionName: string,
  value: Sizes,
  rank: number,
  minimum: number,
): number[] {
  const given = typeof value === 'number' ? [value] : [...value];
  if (given.length !== 1 && given.length !== rank) {
    throw new ArgumentError(
      `${functionName}: ${optionName} must be one number or ${rank}, got ${formatShape(given)}`,
    );
  }
  for (const each of given) {
    if (!Number.isInteger(each) || each < minimum) {
      throw new ArgumentError(
        `${functionName}: ${optionName} must hold integers of at least ${minimum}, got ${formatShape(given)}`,
      );
    }
  }
  return given.length === rank ? given : new Array<number>(rank).fill(given[0]);
}

/** @throws {ArgumentError} unless it is one of the known words. */
export function checkChoice<T extends string>(
  functionName: string,
  optionName: string,
  value: T,
  known: readonly T[],
): T {
  if (known.includes(value)) return value;
  throw new ArgumentError(
    `${functionName}: ${optionName} must be ${known.map((word) => `'${word}'`).join(' or ')}, got '${String(value)}'`,
  );
}

/** The loss of each element, reduced as asked. */
export function reduceLoss(functionName: string, loss: Tensor, reduction: Reduction = 'mean'): Tensor {
  checkChoice(functionName, 'reduction', reduction, ['none', 'mean', 'sum']);
  if (reduction === 'none') return loss;
  return reduction === 'mean' ? loss.mean() : loss.sum();
}

/**
 * The shape that the tensors broadcast to, in the name of the function that was called.
 *
 * @throws {ShapeError} when they do not broadcast.
 */
export function broadcastTogether(functionName: string, ...tensors: readonly Tensor[]): Shape {
  return broadcastShapes(functionName, ...tensors.map((x) => requireTensor(functionName, x).shape));
}

const warned = new Set<string>();

/** Warns, once for each function, of a target that broadcasts with the input: [batch] and [batch, 1] give a square. */
export function warnOfBroadcast(functionName: string, input: Tensor, target: Tensor): void {
  const shape = broadcastTogether(functionName, input, target);
  if (sameShape(input.shape, target.shape) || warned.has(functionName)) return;
  warned.add(functionName);
  console.warn(
    `${functionName}: the target's shape ${formatShape(target.shape)} is not the input's ${formatShape(input.shape)}: they are ` +
      `broadcast to ${formatShape(shape)}, which is rarely meant. Reshape one of them, or expand it to say that it is`,
  );
}

/** @throws {DTypeError} for anything but a float tensor. */
export function requireFloat(functionName: string, x: Tensor): Tensor {
  requireTensor(functionName, x);
  if (isFloat(x.dtype)) return x;
  throw new DTypeError(`${functionName}: takes float tensors, got ${x.dtype}. Use x.float()`);
}

/** @throws {ShapeError} unless the tensor has `rank` spatial dimensions behind channels, and maybe a batch. */
export function requireSpatial(functionName: string, x: Tensor, rank: number): void {
  requireTensor(functionName, x);
  if (x.ndim === rank + 1 || x.ndim === rank + 2) return;
  const names = ['length', 'height, width', 'depth, height, width'][rank - 1];
  throw new ShapeError(
    `${functionName}: expected an input of shape [batch, channels, ${names}] or [channels, ${names}], got ${formatShape(x.shape)}`,
  );
}

export interface InplaceOptions {
  /** Whether the result is stored in the input. Default false. */
  readonly inplace?: boolean;
}

/** The result, written into the input where the caller asked for it. */
export function finish(functionName: string, x: Tensor, result: Tensor, options: InplaceOptions): Tensor {
  return options.inplace === true ? inPlace(functionName, x, result) : result;
}

/** Whether operations on the tensor are recorded for differentiation. */
export function isTracked(x: Tensor): boolean {
  return x.requiresGrad && (gradientEngineOrNull()?.isEnabled() ?? false);
}
