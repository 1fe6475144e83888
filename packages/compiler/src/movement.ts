// What each movement op does to an index map: from the coordinates of the op's result to those of its input.
import { type Affine, type Bound, contiguousStrides, InternalError, type Shape, sizeOf } from '@nn/core';
import { combine, linear, zero } from './affine.ts';
import { attributesOf, type GraphNode } from './graph.ts';

/** The coordinates of a node as functions of a kernel's loop coordinates, where the guards hold. */
export interface IndexMap {
  readonly dims: readonly Affine[];
  readonly guards: readonly Bound[];
}

/** Loop coordinate `coordinate` must become two, the inner one of extent `inner`, before this can be expressed. */
export interface Split {
  readonly coordinate: number;
  readonly inner: number;
}

export type Remapped =
  | { readonly kind: 'dims'; readonly dims: readonly Affine[] }
  | { readonly kind: 'split'; readonly split: Split }
  /** Not affine: the input must be written out first. */
  | { readonly kind: 'impossible' };

const impossible: Remapped = { kind: 'impossible' };

/** Maps through a movement that is affine whatever the loops: all but reshape, asStrided and pad. */
export function throughAffine(node: GraphNode, dims: readonly Affine[]): Affine[] {
  const [input] = node.inputs;
  switch (node.op) {
    case 'permute': {
      const result = new Array<Affine>(dims.length).fill(zero);
      const { order } = attributesOf(node, 'permute');
      for (let i = 0; i < order.length; i++) result[order[i]] = dims[i];
      return result;
    }
    case 'expand':
      return broadcastDims(dims, input.shape);
    case 'slice': {
      const { starts, steps } = attributesOf(node, 'slice');
      return dims.map((dim, d) => combine(starts[d], [[steps[d], dim]]));
    }
    case 'window': {
      const { kernel, stride, dilation } = attributesOf(node, 'window');
      const lead = input.shape.length - kernel.length;
      const windowed = kernel.map((_, j) =>
        combine(0, [
          [stride[j], dims[lead + j]],
          [dilation[j], dims[lead + kernel.length + j]],
        ]),
      );
      return [...dims.slice(0, lead), ...windowed];
    }
    default:
      throw new InternalError(`compiler: '${node.op}' is no affine movement`);
  }
}

/** Numpy's broadcasting: dimensions align right, and size 1 stays at 0. */
export function broadcastDims(dims: readonly Affine[], shape: Shape): Affine[] {
  const lead = dims.length - shape.length;
  return shape.map((extent, d) => (extent === 1 ? zero : dims[lead + d]));
}

/** Maps through a row-major reinterpretation of `outer` as `inner`, group by group of equal products. */
export function throughReshape(
  outer: Shape,
  dims: readonly Affine[],
  inner: Shape,
  extents: readonly number[],
): Remapped {
  const from = nontrivial(outer);
  const to = nontrivial(inner);
  const result = new Array<Affine>(inner.length).fill(zero);
  let i = 0;
  let j = 0;
  while (i < from.length || j < to.length) {
    const firstFrom = i;
    const firstTo = j;
    let outerProduct = outer[from[i++]];
    let innerProduct = inner[to[j++]];
    while (outerProduct !== innerProduct) {
      if (outerProduct < innerProduct) outerProduct *= outer[from[i++]];
      else innerProduct *= inner[to[j++]];
    }
    const outerGroup = from.slice(firstFrom, i);
    const innerGroup = to.slice(firstTo, j);
    const position = linear(
      outerGroup.map((dim) => dims[dim]),
      contiguousStrides(outerGroup.map((dim) => outer[dim])),
    );
    const digits = unflatten(
      position,
      innerGroup.map((dim) => inner[dim]),
      extents,
    );
    if (digits.kind !== 'dims') return digits;
    for (let k = 0; k < innerGroup.length; k++) result[innerGroup[k]] = digits.dims[k];
  }
  return { kind: 'dims', dims: result };
}

/** Maps a row-major position to coordinates in a shape. */
export function unflatten(position: Affine, shape: Shape, extents: readonly number[]): Remapped {
  const dims = nontrivial(shape);
  const digits = digitsOf(
    position,
    dims.map((dim) => shape[dim]),
    extents,
  );
  if (digits.kind !== 'dims') return digits;
  const result = new Array<Affine>(shape.length).fill(zero);
  for (let k = 0; k < dims.length; k++) result[dims[k]] = digits.dims[k];
  return { kind: 'dims', dims: result };
}

/**
 * The mixed-radix digits of an affine position, affine themselves when no sum of terms carries from one digit
 * into the next. Terms that span several digits ask for their loop coordinate to be split.
 */
function digitsOf(position: Affine, radices: readonly number[], extents: readonly number[]): Remapped {
  if (radices.length === 0) return { kind: 'dims', dims: [] };
  if (radices.length === 1) return { kind: 'dims', dims: [position] };
  const units = contiguousStrides(radices);
  const strides = radices.map(() => new Array<number>(position.strides.length).fill(0));
  const offsets = new Array<number>(radices.length).fill(0);
  const highest = new Array<number>(radices.length).fill(0);
  let offset = position.offset;
  for (let c = 0; c < position.strides.length; c++) {
    const stride = position.strides[c];
    const reach = extents[c] - 1;
    if (stride === 0 || reach <= 0) continue;
    const step = Math.abs(stride);
    const digit = units.findIndex((unit) => unit <= step);
    if (step % units[digit] !== 0) return impossible;
    if (digit > 0 && step * reach >= units[digit - 1]) {
      const inner = units[digit - 1] / step;
      if (!Number.isInteger(inner) || extents[c] % inner !== 0) return impossible;
      return { kind: 'split', split: { coordinate: c, inner } };
    }
    const amount = step / units[digit];
    highest[digit] += amount * reach;
    strides[digit][c] = stride < 0 ? -amount : amount;
    if (stride < 0) {
      // Counted from the far end, the term is positive.
      offset += stride * reach;
      offsets[digit] += amount * reach;
    }
  }
  if (offset < 0) return impossible;
  for (let digit = 0; digit < radices.length; digit++) {
    const share = Math.floor(offset / units[digit]);
    offset -= share * units[digit];
    offsets[digit] += share;
    if (digit > 0 && share + highest[digit] >= radices[digit]) return impossible;
  }
  return {
    kind: 'dims',
    dims: strides.map((list, digit) => ({ offset: offsets[digit], strides: list })),
  };
}

function nontrivial(shape: Shape): number[] {
  const dims: number[] = [];
  for (let d = 0; d < shape.length; d++) if (shape[d] !== 1) dims.push(d);
  return dims;
}

/** The guards that a pad adds, and the map of its input. */
export function throughPad(
  node: GraphNode,
  dims: readonly Affine[],
): { readonly dims: Affine[]; readonly guards: Bound[] } {
  const { before, after } = attributesOf(node, 'pad');
  const [input] = node.inputs;
  const shifted = dims.map((dim, d) => (before[d] === 0 ? dim : combine(-before[d], [[1, dim]])));
  const guards: Bound[] = [];
  for (let d = 0; d < dims.length; d++) {
    if (before[d] !== 0 || after[d] !== 0) guards.push({ ...shifted[d], size: input.shape[d] });
  }
  return { dims: shifted, guards };
}

/** The row-major position in a node of a given shape. */
export function positionOf(dims: readonly Affine[], shape: Shape): Affine {
  return sizeOf(shape) === 1 ? zero : linear(dims, contiguousStrides(shape));
}
