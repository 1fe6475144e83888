// A constant around the last dimensions; negative amounts cut off.
import { formatShape, ShapeError } from '@nn/core';
import { apply, sliceView, type Tensor } from '@nn/tensor';

/** `before` and `after` count for the last dimensions. */
export function padSides(
  x: Tensor,
  before: readonly number[],
  after: readonly number[],
  value: number,
): Tensor {
  const lead = x.ndim - before.length;
  const at = (list: readonly number[], dim: number): number => (dim < lead ? 0 : list[dim - lead]);
  const shape = x.shape.map(
    (extent, dim) => extent + Math.min(at(before, dim), 0) + Math.min(at(after, dim), 0),
  );
  if (shape.some((extent, dim) => extent + Math.max(at(before, dim), 0) + Math.max(at(after, dim), 0) < 0)) {
    throw new ShapeError(
      `pad: ${formatShape(before)} before and ${formatShape(after)} after cut more than ${formatShape(x.shape)} has`,
    );
  }
  const cut = shape.some((extent, dim) => extent !== x.shape[dim]);
  const starts = shape.map((_, dim) => Math.max(-at(before, dim), 0));
  const kept = cut
    ? sliceView(
        x,
        starts,
        shape.map(() => 1),
        shape.map((extent) => Math.max(extent, 0)),
      )
    : x;
  if (![...before, ...after].some((extent) => extent > 0)) return kept;
  return apply('pad', [kept], {
    before: shape.map((_, dim) => Math.max(at(before, dim), 0)),
    after: shape.map((_, dim) => Math.max(at(after, dim), 0)),
    value,
  });
}
