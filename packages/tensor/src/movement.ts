// Views: other ways to look at the same memory.
import {
  ArgumentError,
  contiguousStrides,
  formatShape,
  IndexError,
  inferShape,
  isContiguous,
  normalizeDim,
  normalizeDims,
  type Shape,
  ShapeError,
  sameShape,
} from '@nn/core';
import { apply, applyView, requireTensor } from './dispatch.ts';
import type { Tensor } from './tensor.ts';

/** `f(2, 3)` and `f([2, 3])` alike. */
export function shapeArguments(given: readonly number[] | readonly [readonly number[]]): readonly number[] {
  return Array.isArray(given[0]) ? (given[0] as readonly number[]) : (given as readonly number[]);
}

/**
 * Strides that show a strided shape as another one without moving elements, or undefined where none do.
 * Follows the rule of `torch.Tensor.view`: split dimensions freely, merge only contiguous runs.
 */
export function viewStrides(shape: Shape, strides: readonly number[], wanted: Shape): number[] | undefined {
  if (isContiguous(shape, strides)) return contiguousStrides(wanted);
  if (shape.includes(0)) return contiguousStrides(wanted);
  const result = new Array<number>(wanted.length);
  let at = wanted.length - 1;
  let chunkStride = strides.at(-1) ?? 1;
  let chunk = 1;
  let taken = 1;
  for (let dim = shape.length - 1; dim >= 0; dim--) {
    chunk *= shape[dim];
    const chunkEnds = dim === 0 || (shape[dim - 1] !== 1 && strides[dim - 1] !== chunk * chunkStride);
    if (!chunkEnds) continue;
    while (at >= 0 && (taken < chunk || wanted[at] === 1)) {
      result[at] = taken * chunkStride;
      taken *= wanted[at];
      at--;
    }
    if (taken !== chunk) return undefined;
    if (dim > 0) {
      chunkStride = strides[dim - 1];
      chunk = 1;
      taken = 1;
    }
  }
  return at === -1 ? result : undefined;
}

/** Another shape of the same memory; where strides do not allow it, of a copy. */
export function reshape(x: Tensor, wanted: Shape): Tensor {
  const shape = inferShape('reshape', wanted, x.numel());
  const strides = viewStrides(x.shape, x.strides(), shape);
  if (strides === undefined) return apply('reshape', [x], { shape });
  return applyView('reshape', x, { shape }, { shape, strides, offset: x.storageOffset() });
}

/** Another shape of the same memory. */
export function viewShape(x: Tensor, wanted: Shape): Tensor {
  const shape = inferShape('view', wanted, x.numel());
  const strides = viewStrides(x.shape, x.strides(), shape);
  if (strides === undefined) {
    throw new ShapeError(
      `view: shape ${formatShape(x.shape)} with strides ${formatShape(x.strides())} cannot be seen as ${formatShape(shape)} without a ` +
        'copy. Use reshape, which copies where it must',
    );
  }
  return applyView('reshape', x, { shape }, { shape, strides, offset: x.storageOffset() });
}

export function permute(x: Tensor, order: readonly number[]): Tensor {
  if (order.length !== x.ndim) {
    throw new ShapeError(`permute: ${order.length} dimensions given for a tensor of ${x.ndim} dimensions`);
  }
  const normal = normalizeDims('permute', order, x.ndim);
  const former = x.strides();
  const shape = new Array<number>(normal.length);
  const strides = new Array<number>(normal.length);
  for (let i = 0; i < normal.length; i++) {
    shape[i] = x.shape[normal[i]];
    strides[i] = former[normal[i]];
  }
  return applyView('permute', x, { order: normal }, { shape, strides, offset: x.storageOffset() });
}

export function transpose(x: Tensor, dim0: number, dim1: number): Tensor {
  const a = normalizeDim('transpose', dim0, requireTensor('transpose', x).ndim);
  const b = normalizeDim('transpose', dim1, x.ndim);
  const order = x.shape.map((_, dim) => (dim === a ? b : dim === b ? a : dim));
  return permute(x, order);
}

export function t(x: Tensor): Tensor {
  if (requireTensor('t', x).ndim > 2)
    throw new ShapeError(`t: takes at most 2 dimensions, got ${formatShape(x.shape)}. Use mT or permute`);
  return x.ndim < 2
    ? permute(
        x,
        x.shape.map((_, dim) => dim),
      )
    : transpose(x, 0, 1);
}

/** `torch.Tensor.H` of real numbers. */
export function adjoint(x: Tensor): Tensor {
  if (x.ndim !== 0 && x.ndim !== 2)
    throw new ShapeError(
      `H: takes a matrix, got shape ${formatShape(x.shape)}. Use mH for batches of matrices`,
    );
  return t(x);
}

/** Repeats dimensions of size 1 without copies; -1 keeps a size. */
export function expand(x: Tensor, wanted: Shape): Tensor {
  const lead = wanted.length - x.ndim;
  if (lead < 0)
    throw new ShapeError(`expand: ${formatShape(x.shape)} has more dimensions than ${formatShape(wanted)}`);
  const shape = wanted.map((extent, i) => {
    if (extent !== -1) return extent;
    if (i < lead) throw new ShapeError(`expand: -1 is not allowed for the new leading dimension ${i}`);
    return x.shape[i - lead];
  });
  return expandTo(x, shape);
}

export function expandTo(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  const lead = shape.length - x.ndim;
  if (lead < 0 || x.shape.some((extent, i) => extent !== 1 && extent !== shape[lead + i]))
    throw new ShapeError(`expand: ${formatShape(x.shape)} does not expand to ${formatShape(shape)}`);
  const own = x.strides();
  const strides = shape.map((_, i) => (i < lead || x.shape[i - lead] === 1 ? 0 : own[i - lead]));
  if (x.device === '') return apply('expand', [x], { shape });
  return applyView('expand', x, { shape }, { shape, strides, offset: x.storageOffset() });
}

export function squeeze(x: Tensor, dim?: number): Tensor {
  requireTensor('squeeze', x);
  if (dim === undefined)
    return reshape(
      x,
      x.shape.filter((extent) => extent !== 1),
    );
  const at = normalizeDim('squeeze', dim, x.ndim);
  return x.shape[at] === 1
    ? reshape(
        x,
        x.shape.filter((_, i) => i !== at),
      )
    : reshape(x, x.shape);
}

export function unsqueeze(x: Tensor, dim: number): Tensor {
  const at = normalizeDim('unsqueeze', dim, requireTensor('unsqueeze', x).ndim + 1);
  return reshape(x, [...x.shape.slice(0, at), 1, ...x.shape.slice(at)]);
}

export function flatten(x: Tensor, startDim: number, endDim: number): Tensor {
  if (x.ndim === 0) return reshape(x, [1]);
  const start = normalizeDim('flatten', startDim, x.ndim);
  const end = normalizeDim('flatten', endDim, x.ndim);
  if (start > end) throw new ArgumentError(`flatten: startDim ${startDim} comes after endDim ${endDim}`);
  const merged = x.shape.slice(start, end + 1).reduce((a, b) => a * b, 1);
  return reshape(x, [...x.shape.slice(0, start), merged, ...x.shape.slice(end + 1)]);
}

/** Strided part of each dimension: `shape[d]` elements from `starts[d]` in `steps[d]`. */
export function sliceView(
  x: Tensor,
  starts: readonly number[],
  steps: readonly number[],
  shape: Shape,
): Tensor {
  const strides = x.strides();
  return applyView(
    'slice',
    requireTensor('slice', x),
    { starts, steps, shape },
    {
      shape,
      strides: strides.map((stride, dim) => stride * steps[dim]),
      offset: strides.reduce((offset, stride, dim) => offset + stride * starts[dim], x.storageOffset()),
    },
  );
}

/** The part of one dimension. */
export function sliceDim(x: Tensor, dim: number, start: number, step: number, length: number): Tensor {
  const starts = x.shape.map((_, i) => (i === dim ? start : 0));
  const steps = x.shape.map((_, i) => (i === dim ? step : 1));
  return sliceView(
    x,
    starts,
    steps,
    x.shape.map((extent, i) => (i === dim ? length : extent)),
  );
}

export function narrow(x: Tensor, dim: number, start: number, length: number): Tensor {
  const at = normalizeDim('narrow', dim, requireTensor('narrow', x).ndim);
  const first = start < 0 ? start + x.shape[at] : start;
  if (length < 0 || first < 0 || first + length > x.shape[at]) {
    throw new IndexError(
      `narrow: ${length} elements from ${start} do not lie in dimension ${dim} of size ${x.shape[at]}`,
    );
  }
  return sliceDim(x, at, first, 1, length);
}

export function select(x: Tensor, dim: number, index: number): Tensor {
  if (requireTensor('select', x).ndim === 0)
    throw new IndexError('select: a zero-dimensional tensor has no dimension to select from');
  const at = normalizeDim('select', dim, x.ndim);
  const extent = x.shape[at];
  if (!Number.isInteger(index) || index < -extent || index >= extent) {
    throw new IndexError(`select: index ${index} is out of range for dimension ${dim} of size ${extent}`);
  }
  const row = sliceDim(x, at, index < 0 ? index + extent : index, 1, 1);
  const shape = x.shape.filter((_, i) => i !== at);
  return applyView(
    'reshape',
    row,
    { shape },
    { shape, strides: row.strides().filter((_, i) => i !== at), offset: row.storageOffset() },
  );
}

export function flip(x: Tensor, dims: number | readonly number[]): Tensor {
  const flipped = normalizeDims('flip', dims, requireTensor('flip', x).ndim);
  const starts = x.shape.map((extent, dim) => (flipped.includes(dim) ? Math.max(extent - 1, 0) : 0));
  const steps = x.shape.map((_, dim) => (flipped.includes(dim) ? -1 : 1));
  return sliceView(x, starts, steps, x.shape).clone();
}
