// The `out` option: results stored in a tensor that is there already.
import {
  ArgumentError,
  AutogradError,
  checkOptions,
  DeviceError,
  type DType,
  DTypeError,
  formatShape,
  ShapeError,
  sameShape,
} from '@nn/core';
import { requireTensor, writeInPlace } from './dispatch.ts';
import { gradientEngineOrNull } from './gradient.ts';
import { resize } from './resizing.ts';
import { Tensor } from './tensor.ts';

export interface OutOptions {
  /**
   * A tensor that takes the result, cast to its dtype, and is returned. It has the result's shape, or no elements: then
   * it is resized. Not differentiable.
   */
  readonly out?: Tensor | null;
}

export interface OutsOptions<Results> {
  /** Tensors that take the results, each as `out` of a function with one, and are returned. */
  readonly out?: Results | null;
}

/** How functions of single elements deliver: they may write over their own inputs. */
export const elementwise = { overwrites: true } as const;

/** The first and last positions in memory, and whether all between them belong to the tensor. */
function span(x: Tensor): { low: number; high: number; dense: boolean } {
  let low = x.storageOffset();
  let high = low;
  x.strides().forEach((stride, dim) => {
    const reach = (x.shape[dim] - 1) * stride;
    if (reach < 0) low += reach;
    else high += reach;
  });
  return { low, high, dense: high - low + 1 === x.numel() };
}

/** Whether two tensors are known to share elements; not decided for those with gaps, as in PyTorch. */
function overlap(a: Tensor, b: Tensor): boolean {
  if (a.storage !== b.storage || a.numel() === 0 || b.numel() === 0) return false;
  const [one, other] = [span(a), span(b)];
  return one.dense && other.dense && one.low <= other.high && other.low <= one.high;
}

function sameElements(a: Tensor, b: Tensor): boolean {
  const strides = b.strides();
  return (
    a.storage === b.storage &&
    a.storageOffset() === b.storageOffset() &&
    sameShape(a.shape, b.shape) &&
    a.strides().every((stride, dim) => stride === strides[dim] || a.shape[dim] <= 1)
  );
}

/** @throws {DTypeError} when both a dtype and an `out` of another one are given. */
export function checkOutDType(name: string, { dtype, out }: OutOptions & { readonly dtype?: DType }): void {
  if (dtype === undefined || out == null || out.dtype === dtype) return;
  throw new DTypeError(`${name}: dtype is ${dtype}, but out has dtype ${out.dtype}. Leave one of them out`);
}

/**
 * What a function returns: its result or, with the option `out`, the tensor that took it. Functions of single elements
 * may write over their own inputs (`overwrites`), others not.
 *
 * @throws {AutogradError} when an input or `out` requires gradients; {ShapeError} for an `out` of another shape;
 * {DTypeError} for one that cannot hold the result; {ArgumentError} for one that shares memory with itself or an input.
 */
export function deliver(
  name: string,
  result: Tensor,
  options: OutOptions | undefined,
  inputs: readonly unknown[],
  { overwrites = false }: { readonly overwrites?: boolean } = {},
): Tensor {
  const out = options?.out;
  if (out == null) return result;
  requireTensor(name, out);
  const tensors = inputs.filter((each) => each instanceof Tensor);
  if (gradientEngineOrNull()?.isEnabled() && [out, ...tensors].some((each) => each.requiresGrad)) {
    throw new AutogradError(
      `${name}: the option out cannot be differentiated, but a tensor here requires gradients. Leave it out, or use noGrad`,
    );
  }
  if (out.device !== result.device && result.device !== '')
    throw new DeviceError(`${name}: out is on '${out.device}', the result on '${result.device}'`);
  out.checkDistinctElements(name);
  for (const each of tensors) {
    if (!overlap(out, each) || (overwrites && sameElements(out, each))) continue;
    throw new ArgumentError(`${name}: out shares memory with an input. Use out: x.clone(), or leave it out`);
  }
  if (!sameShape(out.shape, result.shape)) {
    if (out.numel() > 0) {
      throw new ShapeError(
        `${name}: out has shape ${formatShape(out.shape)}, the result ${formatShape(result.shape)}. Use a tensor of that shape, or an empty one`,
      );
    }
    resize(out, result.shape);
  }
  return writeInPlace(name, out, result, { fresh: !tensors.includes(result) });
}

/** As `deliver`, for functions that have no other option; that `options` has none is checked. */
export function deliverOnly(
  name: string,
  result: Tensor,
  options: OutOptions | undefined,
  inputs: readonly unknown[],
  how?: { readonly overwrites: boolean },
): Tensor {
  checkOptions(name, options, ['out']);
  return deliver(name, result, options, inputs, how);
}

/** As `deliver`, for functions with several results: an object of them, or one of the tensors that took them. */
export function deliverEach<Results extends { readonly [Name in keyof Results]: Tensor }>(
  name: string,
  results: Results,
  options: OutsOptions<Results> | undefined,
  inputs: readonly unknown[],
): Results {
  const out = options?.out;
  if (out == null) return results;
  for (const each of Object.keys(results) as (keyof Results & string)[])
    deliver(
      `${name}: ${each}`,
      results[each],
      { out: requireTensor(`${name}: out.${each}`, out[each]) },
      inputs,
    );
  return out;
}
