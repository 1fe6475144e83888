// The order of elements along a dimension, as the op `argsort` gives it: what sorting and selecting are made of.
import { apply, castTo } from './dispatch.ts';
import type { Tensor } from './tensor.ts';

/** Up to this length, lines that are not contiguous are sorted where they lie. */
const shortLine = 16;

/** Which places of a sorted order are wanted. */
interface Places {
  readonly start?: number;
  readonly count: number;
}

/** Positions that sort along a dimension; only some of them are less work than sorting where they are few. */
export function ordered(x: Tensor, dim: number, descending: boolean, places?: Places): Tensor {
  const source = x.dtype === 'bool' ? castTo(x, 'uint8') : x;
  const last = x.ndim - 1;
  const part = places === undefined || places.count === x.shape[dim] ? {} : places;
  if (dim === last || x.shape[dim] <= shortLine)
    return apply('argsort', [source], { dim, descending, ...part });
  // Each line is read many times: it is made contiguous first.
  const order = x.shape.map((_, at) => (at === dim ? last : at === last ? dim : at));
  const lines = apply('permute', [source], { order });
  return apply('permute', [apply('argsort', [lines], { dim: last, descending, ...part })], { order });
}
