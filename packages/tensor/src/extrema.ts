// max and min in their three forms, and both at once.
import { ArgumentError, checkOptions, normalizeDim } from '@nn/core';
import { maximum, minimum } from './blending.ts';
import { describe, requireTensor } from './dispatch.ts';
import { pickAlong } from './gathering.ts';
import { argmax, argmin, type KeepdimOptions, reducedExtremum, type ValuesAndIndices } from './reduction.ts';
import { Tensor } from './tensor.ts';

type Forms = (
  x: Tensor,
  second: number | Tensor | undefined,
  options: KeepdimOptions | undefined,
) => Tensor | ValuesAndIndices;

function extremum(name: 'max' | 'min', position: typeof argmax, between: typeof maximum): Forms {
  return (x, second, options = {}) => {
    requireTensor(name, x);
    checkOptions(name, options, ['keepdim']);
    if (second === undefined) return reducedExtremum(name, name, x, undefined, {});
    if (second instanceof Tensor) return between(x, second);
    if (typeof second !== 'number')
      throw new ArgumentError(`${name}: expected a dimension or a tensor, got ${describe(second)}`);
    const at = normalizeDim(name, second, x.ndim);
    const kept = position(x, at, { keepdim: true });
    if (x.ndim === 0) return { values: x.clone(), indices: kept };
    // Looked up, not reduced: the gradient goes to the one element that the position names, as in PyTorch.
    const values = pickAlong(x, at, kept);
    if (options.keepdim) return { values, indices: kept };
    return { values: values.squeeze(at), indices: kept.squeeze(at) };
  };
}

const greatest: Forms = extremum(
  'max',
  (x, dim, o) => argmax(x, dim, o),
  (a, b) => maximum(a, b),
);
const least: Forms = extremum(
  'min',
  (x, dim, o) => argmin(x, dim, o),
  (a, b) => minimum(a, b),
);

/**
 * `torch.max`: of all elements; along a dimension, with positions (int32); or of two tensors element by element.
 *
 * @example
 * ```ts
 * import { interpreter, max, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const { values, indices } = max(tensor([[1, 5], [7, 2]]), 1);
 * console.log(await values.toArray(), await indices.toArray()); // => [5, 7] [1, 0]
 * ```
 */
export function max(x: Tensor): Tensor;
export function max(x: Tensor, other: Tensor): Tensor;
export function max(x: Tensor, dim: number, options?: KeepdimOptions): ValuesAndIndices;
export function max(
  x: Tensor,
  second?: number | Tensor,
  options?: KeepdimOptions,
): Tensor | ValuesAndIndices {
  return greatest(x, second, options);
}

/** `torch.min`: of all elements; along a dimension, with positions (int32); or of two tensors element by element. */
export function min(x: Tensor): Tensor;
export function min(x: Tensor, other: Tensor): Tensor;
export function min(x: Tensor, dim: number, options?: KeepdimOptions): ValuesAndIndices;
export function min(
  x: Tensor,
  second?: number | Tensor,
  options?: KeepdimOptions,
): Tensor | ValuesAndIndices {
  return least(x, second, options);
}

export interface AminmaxOptions extends KeepdimOptions {
  readonly dim?: number | null;
}

/** `torch.aminmax`: the least and the greatest element. */
export function aminmax(
  x: Tensor,
  options: AminmaxOptions = {},
): { readonly min: Tensor; readonly max: Tensor } {
  checkOptions('aminmax', options, ['dim', 'keepdim']);
  const { dim, keepdim } = options;
  const both = (op: 'min' | 'max'): Tensor => reducedExtremum('aminmax', op, x, dim, { keepdim });
  return { min: both('min'), max: both('max') };
}
