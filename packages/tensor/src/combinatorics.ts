// Choosing among the elements of vectors.
import { ArgumentError, checkOptions, formatShape, ShapeError } from '@nn/core';
import { fromHost } from './creation.ts';
import { describe, requireTensor } from './dispatch.ts';
import { stack } from './joining.ts';
import { takeAt } from './positions.ts';
import { meshgrid } from './shaping.ts';
import type { Tensor } from './tensor.ts';

function requireVector(name: string, x: Tensor): Tensor {
  if (requireTensor(name, x).ndim === 1) return x;
  throw new ShapeError(`${name}: takes vectors, got shape ${formatShape(x.shape)}`);
}

/**
 * `torch.cartesian_prod`: every choice of one element from each vector as a row, [product of the sizes, vectors]. One
 * vector alone stays as it is.
 *
 * @throws {ShapeError} for tensors that are no vectors.
 * @example
 * ```ts
 * import { cartesianProd, interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * console.log(await cartesianProd(tensor([1, 2]), tensor([5, 6])).toArray()); // => [[1, 5], [1, 6], [2, 5], [2, 6]]
 * ```
 */
export function cartesianProd(...vectors: readonly Tensor[]): Tensor {
  if (vectors.length === 0) throw new ArgumentError('cartesianProd: needs at least one vector');
  for (const each of vectors) requireVector('cartesianProd', each);
  if (vectors.length === 1) return vectors[0].clone();
  return stack(
    meshgrid(vectors).map((each) => each.reshape([-1])),
    1,
  );
}

export interface CombinationsOptions {
  /** Whether an element may be chosen several times. Default false. */
  readonly withReplacement?: boolean;
}

/** The positions of all choices of r from n, ascending in each, in lexicographic order. */
function choices(n: number, r: number, withReplacement: boolean): number[] {
  const found: number[] = [];
  const chosen: number[] = [];
  const choose = (from: number): void => {
    if (chosen.length === r) {
      found.push(...chosen);
      return;
    }
    for (let i = from; i < n; i++) {
      chosen.push(i);
      choose(withReplacement ? i : i + 1);
      chosen.pop();
    }
  };
  choose(0);
  return found;
}

/**
 * `torch.combinations`: every choice of r elements of a vector as a row, in the vector's order, [choices, r].
 *
 * @throws {ShapeError} for a tensor that is no vector; {ArgumentError} for an r that is no integer of at least 0.
 * @example
 * ```ts
 * import { combinations, interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * console.log(await combinations(tensor([1, 2, 3])).toArray()); // => [[1, 2], [1, 3], [2, 3]]
 * ```
 */
export function combinations(x: Tensor, r: number = 2, options: CombinationsOptions = {}): Tensor {
  checkOptions('combinations', options, ['withReplacement']);
  requireVector('combinations', x);
  if (!Number.isInteger(r) || r < 0)
    throw new ArgumentError(`combinations: r must be an integer of at least 0, got ${describe(r)}`);
  if (r === 0) return x.narrow(0, 0, 0).clone();
  const positions = choices(x.shape[0], r, options.withReplacement ?? false);
  const table = fromHost(Int32Array.from(positions), 'int32', x.device).reshape([-1, r]);
  return takeAt(x, table);
}
