// More views and rearrangements, all of them movements: nothing here computes.
import {
  ArgumentError,
  broadcastShapes as commonShape,
  contiguousStrides,
  formatShape,
  inferShape,
  normalizeDim,
  normalizeDims,
  type Shape,
  ShapeError,
  sameShape,
  sizeOf,
  UnsupportedError,
} from '@nn/core';
import { checkShape } from './creation.ts';
import { apply, applyView, requireTensor } from './dispatch.ts';
import { atLeastOneDim } from './gathering.ts';
import { at } from './indexing.ts';
import { slice } from './indices.ts';
import { cat } from './joining.ts';
import { expand, permute, reshape, viewShape } from './movement.ts';
import { deliverOnly, type OutOptions } from './out.ts';
import type { Tensor } from './tensor.ts';

/** expand, for the function that was called. */
function expanded(name: string, x: Tensor, shape: Shape): Tensor {
  const lead = shape.length - x.ndim;
  const fits = (extent: number, i: number): boolean => extent === 1 || [extent, -1].includes(shape[lead + i]);
  if (lead >= 0 && x.shape.every(fits)) return expand(x, shape);
  throw new ShapeError(`${name}: ${formatShape(x.shape)} does not broadcast to ${formatShape(shape)}`);
}

/** `torch.broadcast_to`: expand. */
export function broadcastTo(x: Tensor, shape: Shape): Tensor {
  return expanded('broadcastTo', requireTensor('broadcastTo', x), shape);
}

/**
 * `torch.broadcast_shapes`: the shape that all have in common.
 *
 * @throws {ShapeError} when they do not broadcast.
 */
export function broadcastShapes(...shapes: readonly Shape[]): number[] {
  return commonShape('broadcastShapes', ...shapes.map((shape) => checkShape('broadcastShapes', shape)));
}

/** `torch.broadcast_tensors`: all expanded to the shape they have in common. */
export function broadcastTensors(...tensors: readonly Tensor[]): Tensor[] {
  const shapes = tensors.map((each) => requireTensor('broadcastTensors', each).shape);
  const shape = commonShape('broadcastTensors', ...shapes);
  return tensors.map((each) => each.expandTo(shape));
}

/** `torch.movedim`: dimensions taken to other places; the rest keep their order. */
export function movedim(
  x: Tensor,
  source: number | readonly number[],
  destination: number | readonly number[],
): Tensor {
  const from = normalizeDims('movedim', source, requireTensor('movedim', x).ndim);
  const to = normalizeDims('movedim', destination, x.ndim);
  if (from.length !== to.length) {
    throw new ArgumentError(
      `movedim: ${from.length} source and ${to.length} destination dimensions: there must be as many`,
    );
  }
  const rest = x.shape.map((_, dim) => dim).filter((dim) => !from.includes(dim));
  const order = x.shape.map((_, dim) => (to.includes(dim) ? from[to.indexOf(dim)] : rest.shift()!));
  return permute(x, order);
}

/** `torch.swapaxes`: transpose. */
export function swapaxes(x: Tensor, axis0: number, axis1: number): Tensor {
  return requireTensor('swapaxes', x).transpose(axis0, axis1);
}

/** `torch.ravel`: one dimension. */
export function ravel(x: Tensor): Tensor {
  return reshape(requireTensor('ravel', x), [-1]);
}

/** `torch.unflatten`: one dimension as several; one size may be -1. */
export function unflatten(x: Tensor, dim: number, sizes: Shape): Tensor {
  const at = normalizeDim('unflatten', dim, requireTensor('unflatten', x).ndim);
  const known = sizeOf(sizes.filter((extent) => extent !== -1));
  const fitted = sizes.map((extent) => (extent === -1 ? x.shape[at] / known : extent));
  if (sizeOf(fitted) !== x.shape[at] || fitted.some((extent) => !Number.isInteger(extent))) {
    throw new ShapeError(
      `unflatten: dimension ${dim} of size ${x.shape[at]} cannot become ${formatShape(sizes)}`,
    );
  }
  return viewShape(x, x.shape.toSpliced(at, 1, ...fitted));
}

/** `torch.Tensor.expand_as`. */
export function expandAs(x: Tensor, other: Tensor): Tensor {
  return expanded('expandAs', requireTensor('expandAs', x), requireTensor('expandAs', other).shape);
}

/** `torch.Tensor.reshape_as`. */
export function reshapeAs(x: Tensor, other: Tensor): Tensor {
  return reshape(x, inferShape('reshapeAs', requireTensor('reshapeAs', other).shape, x.numel()));
}

/** `torch.narrow_copy`. */
export function narrowCopy(
  x: Tensor,
  dim: number,
  start: number,
  length: number,
  options?: OutOptions,
): Tensor {
  const part = requireTensor('narrowCopy', x).narrow(dim, start, length).clone();
  return deliverOnly('narrowCopy', part, options, [x]);
}

/**
 * `torch.Tensor.unfold`: all windows of `size` elements along a dimension, `step` apart, in a new last dimension. A
 * view: windows may overlap.
 *
 * @throws {ArgumentError} when no window fits, or the step is not positive.
 */
export function unfold(x: Tensor, dim: number, size: number, step: number): Tensor {
  const at = normalizeDim('unfold', dim, requireTensor('unfold', x).ndim);
  const source = atLeastOneDim(x);
  const extent = source.shape[at];
  if (!Number.isInteger(size) || size < 0 || size > extent)
    throw new ArgumentError(`unfold: size ${size} does not fit into dimension ${dim} of size ${extent}`);
  if (!Number.isInteger(step) || step < 1)
    throw new ArgumentError(`unfold: step must be a positive integer, got ${step}`);
  // A single number has one window, and no dimension to number windows by.
  if (x.ndim === 0) return source.narrow(0, 0, size);
  const count = Math.floor((extent - size) / step) + 1;
  const shape = [...source.shape.map((each, i) => (i === at ? count : each)), size];
  return stridedView(source, shape, (own) => ({
    strides: [...own.map((stride, i) => (i === at ? stride * step : stride)), own[at]],
    offset: 0,
  }));
}

/** A view whose strides follow from the strides of what it shows: those of the value, and those of the storage. */
function stridedView(
  x: Tensor,
  shape: Shape,
  strided: (own: readonly number[]) => { strides: readonly number[]; offset: number },
): Tensor {
  const inValue = strided(contiguousStrides(x.shape));
  const inStorage = strided(x.strides());
  return applyView(
    'asStrided',
    x,
    { shape, ...inValue },
    { shape, strides: inStorage.strides, offset: x.storageOffset() + inStorage.offset },
  );
}

/** `torch.diagonal`: a view of the elements [i, i + offset] of two dimensions, in a new last dimension. */
export function diagonal(x: Tensor, offset: number = 0, dim1: number = 0, dim2: number = 1): Tensor {
  const first = normalizeDim('diagonal', dim1, requireTensor('diagonal', x).ndim);
  const second = normalizeDim('diagonal', dim2, x.ndim);
  if (first === second)
    throw new ArgumentError(`diagonal: dim1 and dim2 are both ${first}; they must differ`);
  const rowOffset = Math.max(-offset, 0);
  const columnOffset = Math.max(offset, 0);
  const length = Math.max(Math.min(x.shape[first] - rowOffset, x.shape[second] - columnOffset), 0);
  const others = x.shape.map((_, dim) => dim).filter((dim) => dim !== first && dim !== second);
  return stridedView(x, [...others.map((dim) => x.shape[dim]), length], (own) => ({
    strides: [...others.map((dim) => own[dim]), own[first] + own[second]],
    offset: length === 0 ? 0 : rowOffset * own[first] + columnOffset * own[second],
  }));
}

/**
 * `torch.as_strided`: any strided look-up in the tensor's memory.
 *
 * @throws {ShapeError} when it reaches outside of the memory.
 */
export function asStrided(
  x: Tensor,
  shape: Shape,
  strides: readonly number[],
  offset: number = x.storageOffset(),
): Tensor {
  const { root } = requireTensor('asStrided', x);
  if (shape.length !== strides.length) {
    throw new ShapeError(
      `asStrided: ${strides.length} strides for ${shape.length} dimensions: there must be as many`,
    );
  }
  const reach = shape.reduce((sum, extent, i) => sum + (extent - 1) * strides[i], offset);
  if (sizeOf(shape) > 0 && (reach >= root.numel() || offset < 0 || strides.some((stride) => stride < 0))) {
    throw new ShapeError(
      `asStrided: shape ${formatShape(shape)} with strides ${formatShape(strides)} and offset ${offset} reaches outside of the ` +
        `${root.numel()} elements in memory`,
    );
  }
  const view = applyView('asStrided', root, { shape, strides, offset }, { shape, strides, offset });
  if (x !== root && x.requiresGrad && !root.requiresGrad) view.gradient = leafGradient(x, root, view);
  return view;
}

/**
 * A view that is a leaf itself has a derivative where the memory it is a part of has none: what of its elements the
 * strides reach, as if the memory were nothing but them.
 */
function leafGradient(x: Tensor, root: Tensor, view: Tensor): Tensor['gradient'] {
  if (x.shape.some((extent, dim) => extent > 1 && x.strides()[dim] === 0)) {
    throw new UnsupportedError(
      'asStrided: an expanded tensor that requires gradients has no elements of its own. Use x.contiguous() first',
    );
  }
  const memory = apply('assign', [root.detach(), x], { strides: x.strides(), offset: x.storageOffset() });
  const strided = { shape: view.shape, strides: view.strides(), offset: view.storageOffset() };
  return apply('asStrided', [memory], strided).gradient;
}

/** `torch.flip` along the second dimension. */
export function fliplr(x: Tensor): Tensor {
  if (requireTensor('fliplr', x).ndim < 2)
    throw new ShapeError(`fliplr: needs at least 2 dimensions, got shape ${formatShape(x.shape)}`);
  return x.flip(1);
}

/** `torch.flip` along the first dimension. */
export function flipud(x: Tensor): Tensor {
  if (requireTensor('flipud', x).ndim < 1)
    throw new ShapeError('flipud: needs at least 1 dimension, got shape []');
  return x.flip(0);
}

/** `torch.roll`: elements shifted along dimensions, those beyond the end coming in at the start. */
export function roll(
  x: Tensor,
  shifts: number | readonly number[],
  dims?: number | readonly number[] | null,
): Tensor {
  requireTensor('roll', x);
  const by = typeof shifts === 'number' ? [shifts] : shifts;
  const along = dims == null ? [] : typeof dims === 'number' ? [dims] : dims;
  if (along.length === 0 && by.length === 1) return reshape(roll(reshape(x, [-1]), by, 0), x.shape);
  if (by.length !== along.length || by.length === 0) {
    throw new ArgumentError(
      `roll: ${by.length} shifts for ${along.length} dimensions: give as many, or one shift without dimensions`,
    );
  }
  if (x.numel() === 0 || x.ndim === 0) return x.clone();
  return by.reduce<Tensor>((y, shift, i) => {
    const dim = normalizeDim('roll', along[i], x.ndim);
    const extent = y.shape[dim];
    const start = ((shift % extent) + extent) % extent;
    if (start === 0) return y === x ? x.clone() : y;
    return cat([y.narrow(dim, extent - start, start), y.narrow(dim, 0, extent - start)], dim);
  }, x);
}

/** `torch.rot90`: turned k times by 90 degrees in the plane of two dimensions, from the first to the second. */
export function rot90(x: Tensor, k: number = 1, dims: readonly number[] = [0, 1]): Tensor {
  if (dims.length !== 2) throw new ArgumentError(`rot90: takes 2 dimensions, got ${formatShape(dims)}`);
  if (requireTensor('rot90', x).ndim < 2)
    throw new ShapeError(`rot90: needs at least 2 dimensions, got shape ${formatShape(x.shape)}`);
  const [a, b] = normalizeDims('rot90', dims, x.ndim);
  switch (((k % 4) + 4) % 4) {
    case 1:
      return x.flip(b).transpose(a, b);
    case 2:
      return x.flip([a, b]);
    case 3:
      return x.flip(a).transpose(a, b);
    default:
      return x.clone();
  }
}

/** `torch.meshgrid`: vectors as coordinates of a grid. `'ij'` (default): first vector along rows; `'xy'`: along columns. */
export function meshgrid(
  tensors: readonly Tensor[],
  options: { readonly indexing?: 'ij' | 'xy' } = {},
): Tensor[] {
  const indexing = options.indexing ?? 'ij';
  if (indexing !== 'ij' && indexing !== 'xy')
    throw new ArgumentError(`meshgrid: indexing must be 'ij' or 'xy', got '${String(indexing)}'`);
  const vectors = tensors.map((each) => {
    if (requireTensor('meshgrid', each).ndim <= 1) return atLeastOneDim(each);
    throw new ShapeError(`meshgrid: takes vectors, got shape ${formatShape(each.shape)}`);
  });
  const swap = indexing === 'xy' && vectors.length >= 2;
  const place = vectors.map((_, i) => (swap && i < 2 ? 1 - i : i));
  const shape = new Array<number>(vectors.length);
  vectors.forEach((vector, i) => {
    shape[place[i]] = vector.shape[0];
  });
  return vectors.map((vector, i) =>
    reshape(
      vector,
      shape.map((extent, dim) => (dim === place[i] ? extent : 1)),
    ).expandTo(shape),
  );
}

/** A copy of x in which a part is src. */
function withPart(name: string, x: Tensor, src: Tensor, part: (copy: Tensor) => Tensor): Tensor {
  const copy = requireTensor(name, x).clone();
  const target = part(copy);
  if (!sameShape(target.shape, requireTensor(name, src).shape)) {
    throw new ShapeError(
      `${name}: src has shape ${formatShape(src.shape)}, what it replaces ${formatShape(target.shape)}. Use src.expand(…)`,
    );
  }
  target.copy_(src);
  return copy;
}

/** `torch.diagonal_scatter`: x with its diagonal replaced. */
export function diagonalScatter(
  x: Tensor,
  src: Tensor,
  offset: number = 0,
  dim1: number = 0,
  dim2: number = 1,
): Tensor {
  return withPart('diagonalScatter', x, src, (copy) => diagonal(copy, offset, dim1, dim2));
}

/** `torch.select_scatter`: x with one slice replaced. */
export function selectScatter(x: Tensor, src: Tensor, dim: number, index: number): Tensor {
  return withPart('selectScatter', x, src, (copy) => copy.select(dim, index));
}

/** `torch.slice_scatter`: x with a range of slices replaced. */
export function sliceScatter(
  x: Tensor,
  src: Tensor,
  dim: number = 0,
  start?: number | null,
  end?: number | null,
  step: number = 1,
): Tensor {
  return withPart('sliceScatter', x, src, (copy) => {
    const all = new Array<':'>(normalizeDim('sliceScatter', dim, copy.ndim)).fill(':');
    return at(copy, [...all, slice(start, end, step)]);
  });
}

/** `torch.as_strided_scatter`: x with the elements of a strided view replaced. */
export function asStridedScatter(
  x: Tensor,
  src: Tensor,
  shape: Shape,
  strides: readonly number[],
  offset: number = 0,
): Tensor {
  return withPart('asStridedScatter', x, src, (copy) => asStrided(copy, shape, strides, offset));
}
