// max and min in their three forms, and both at once.
import { ArgumentError, checkOptions, normalizeDim } from '@nn/core';
import { maximum, minimum } from './blending.ts';
import { describe, requireTensor } from './dispatch.ts';
import { pickAlong } from './gathering.ts';
import { deliverEach, type OutOptions, type OutsOptions } from './out.ts';
import { argmax, argmin, type KeepdimOptions, reducedExtremum, type ValuesAndIndices } from './reduction.ts';
import type { RankOptions } from './sorting.ts';
import { Tensor } from './tensor.ts';

type Forms = (
  x: Tensor,
  second: number | Tensor | undefined,
  options: RankOptions | OutOptions | undefined,
) => Tensor | ValuesAndIndices;

function extremum(name: 'max' | 'min', position: typeof argmax, between: typeof maximum): Forms {
  return (x, second, options = {}) => {
    requireTensor(name, x);
    if (second === undefined) return reducedExtremum(name, name, x, undefined, {});
    if (second instanceof Tensor) return between(x, second, options as OutOptions);
    checkOptions(name, options, ['keepdim', 'out']);
    if (typeof second !== 'number')
      throw new ArgumentError(`${name}: expected a dimension or a tensor, got ${describe(second)}`);
    const at = normalizeDim(name, second, x.ndim);
    const kept = position(x, at, { keepdim: true });
    // Looked up, not reduced: the gradient goes to the one element that the position names, as in PyTorch.
    const values = x.ndim === 0 ? x.clone() : pickAlong(x, at, kept);
    const { keepdim, out } = options as RankOptions;
    const found =
      keepdim || x.ndim === 0
        ? { values, indices: kept }
        : { values: values.squeeze(at), indices: kept.squeeze(at) };
    return deliverEach(name, found, { out }, [x]);
  };
}

const greatest: Forms = extremum(
  'max',
  (x, dim, o) => argmax(x, dim, o),
  (a, b, o) => maximum(a, b, o),
);
const least: Forms = extremum(
  'min',
  (x, dim, o) => argmin(x, dim, o),
  (a, b, o) => minimum(a, b, o),
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
export function max(x: Tensor, other: Tensor, options?: OutOptions): Tensor;
export function max(x: Tensor, dim: number, options?: RankOptions): ValuesAndIndices;
export function max(
  x: Tensor,
  second?: number | Tensor,
  options?: RankOptions | OutOptions,
): Tensor | ValuesAndIndices {
  return greatest(x, second, options);
}

/** `torch.min`: of all elements; along a dimension, with positions (int32); or of two tensors element by element. */
export function min(x: Tensor): Tensor;
export function min(x: Tensor, other: Tensor, options?: OutOptions): Tensor;
export function min(x: Tensor, dim: number, options?: RankOptions): ValuesAndIndices;
export function min(
  x: Tensor,
  second?: number | Tensor,
  options?: RankOptions | OutOptions,
): Tensor | ValuesAndIndices {
  return least(x, second, options);
}

export interface Aminmax {
  readonly min: Tensor;
  readonly max: Tensor;
}

export interface AminmaxOptions extends KeepdimOptions, OutsOptions<Aminmax> {
  readonly dim?: number | null;
}

/** `torch.aminmax`: the least and the greatest element. */
export function aminmax(x: Tensor, options: AminmaxOptions = {}): Aminmax {
  checkOptions('aminmax', options, ['dim', 'keepdim', 'out']);
  const { dim, keepdim } = options;
  const both = (op: 'min' | 'max'): Tensor => reducedExtremum('aminmax', op, x, dim, { keepdim });
  return deliverEach('aminmax', { min: both('min'), max: both('max') }, options, [x]);
}
