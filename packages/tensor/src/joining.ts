// Putting tensors together, and taking them apart.
import { ArgumentError, checkOptions, formatShape, IndexError, normalizeDim, ShapeError } from '@nn/core';
import { apply, castTo, describe, promote, requireTensor } from './dispatch.ts';
import { sliceDim } from './movement.ts';
import { deliver, deliverOnly, type OutOptions } from './out.ts';
import type { Tensor } from './tensor.ts';

function requireList(name: string, tensors: readonly Tensor[]): readonly Tensor[] {
  if (!Array.isArray(tensors))
    throw new ArgumentError(`${name}: expected an array of tensors, got ${describe(tensors)}`);
  if (tensors.length === 0) throw new ArgumentError(`${name}: needs at least one tensor`);
  for (const each of tensors) requireTensor(name, each);
  return tensors;
}

function joined(name: string, tensors: readonly Tensor[], dim: number): Tensor {
  // As in PyTorch, tensors of shape [0] go with any shape.
  const solid = tensors.filter((each) => !(each.ndim === 1 && each.shape[0] === 0));
  const parts = solid.length === 0 || solid[0].ndim === 1 ? tensors : solid;
  const dtype = promote(...tensors.map((each) => each.reshape([-1])));
  const [first] = parts;
  if (first.ndim === 0) throw new ShapeError(`${name}: zero-dimensional tensors cannot be joined. Use stack`);
  const at = normalizeDim(name, dim, first.ndim);
  parts.forEach((each, i) => {
    const fits =
      each.ndim === first.ndim && each.shape.every((extent, d) => d === at || extent === first.shape[d]);
    if (fits) return;
    throw new ShapeError(
      `${name}: tensor ${i} of shape ${formatShape(each.shape)} does not fit the first of shape ${formatShape(first.shape)}: ` +
        `all sizes but that of dimension ${at} must be equal`,
    );
  });
  if (parts.length === 1) return castTo(first, dtype).clone();
  return apply(
    'cat',
    parts.map((each) => castTo(each, dtype)),
    { dim: at },
  );
}

/**
 * `torch.cat`: tensors one behind the other along a dimension; dtypes are promoted.
 *
 * @throws {ShapeError} when sizes of other dimensions differ.
 * @example
 * ```ts
 * import { cat, interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * console.log(await cat([tensor([[1], [2]]), tensor([[3], [4]])], 1).toArray()); // => [[1, 3], [2, 4]]
 * ```
 */
export function cat(tensors: readonly Tensor[], dim: number = 0, options?: OutOptions): Tensor {
  checkOptions('cat', options, ['out']);
  return deliver('cat', joined('cat', requireList('cat', tensors), dim), options, tensors);
}

/** `torch.concat`: cat. */
export function concat(tensors: readonly Tensor[], dim: number = 0, options?: OutOptions): Tensor {
  checkOptions('concat', options, ['out']);
  return deliver('concat', joined('concat', requireList('concat', tensors), dim), options, tensors);
}

/** `torch.stack`: tensors of one shape along a new dimension. */
export function stack(tensors: readonly Tensor[], dim: number = 0, options?: OutOptions): Tensor {
  checkOptions('stack', options, ['out']);
  const [first] = requireList('stack', tensors);
  const at = normalizeDim('stack', dim, first.ndim + 1);
  tensors.forEach((each, i) => {
    if (each.ndim === first.ndim && each.shape.every((extent, d) => extent === first.shape[d])) return;
    throw new ShapeError(
      `stack: tensor ${i} has shape ${formatShape(each.shape)}, the first ${formatShape(first.shape)}: all must be equal`,
    );
  });
  const result = joined(
    'stack',
    tensors.map((each) => each.unsqueeze(at)),
    at,
  );
  return deliver('stack', result, options, tensors);
}

/** At least `rank` dimensions: for 1 and 2 in front; for 3 as PyTorch's atleast_3d, [h, w] to [h, w, 1]. */
function atLeast(x: Tensor, rank: 1 | 2 | 3): Tensor {
  if (x.ndim >= rank) return x;
  if (rank === 3 && x.ndim === 2) return x.unsqueeze(2);
  if (rank === 3) return x.reshape([1, x.numel(), 1]);
  return x.reshape([...new Array<number>(rank - x.ndim).fill(1), ...x.shape]);
}

function eachAtLeast(name: string, x: Tensor | readonly Tensor[], rank: 1 | 2 | 3): Tensor | Tensor[] {
  if (!Array.isArray(x)) return atLeast(requireTensor(name, x), rank);
  return x.map((each) => atLeast(requireTensor(name, each), rank));
}

/** `torch.atleast_1d`. */
export function atleast1d(x: Tensor): Tensor;
export function atleast1d(tensors: readonly Tensor[]): Tensor[];
export function atleast1d(x: Tensor | readonly Tensor[]): Tensor | Tensor[] {
  return eachAtLeast('atleast1d', x, 1);
}

/** `torch.atleast_2d`. */
export function atleast2d(x: Tensor): Tensor;
export function atleast2d(tensors: readonly Tensor[]): Tensor[];
export function atleast2d(x: Tensor | readonly Tensor[]): Tensor | Tensor[] {
  return eachAtLeast('atleast2d', x, 2);
}

/** `torch.atleast_3d`. */
export function atleast3d(x: Tensor): Tensor;
export function atleast3d(tensors: readonly Tensor[]): Tensor[];
export function atleast3d(x: Tensor | readonly Tensor[]): Tensor | Tensor[] {
  return eachAtLeast('atleast3d', x, 3);
}

/** `torch.hstack`: along the second dimension; along the first for tensors of one. */
export function hstack(tensors: readonly Tensor[], options?: OutOptions): Tensor {
  const parts = requireList('hstack', tensors).map((each) => atLeast(each, 1));
  return deliverOnly('hstack', joined('hstack', parts, parts[0].ndim === 1 ? 0 : 1), options, tensors);
}

/** `torch.vstack`: as rows. */
export function vstack(tensors: readonly Tensor[], options?: OutOptions): Tensor {
  return deliverOnly(
    'vstack',
    joined(
      'vstack',
      requireList('vstack', tensors).map((each) => atLeast(each, 2)),
      0,
    ),
    options,
    tensors,
  );
}

/** `torch.dstack`: along the third dimension. */
export function dstack(tensors: readonly Tensor[], options?: OutOptions): Tensor {
  return deliverOnly(
    'dstack',
    joined(
      'dstack',
      requireList('dstack', tensors).map((each) => atLeast(each, 3)),
      2,
    ),
    options,
    tensors,
  );
}

/** `torch.column_stack`: vectors as columns. */
export function columnStack(tensors: readonly Tensor[], options?: OutOptions): Tensor {
  const columns = requireList('columnStack', tensors).map((each) =>
    each.ndim < 2 ? each.reshape([each.numel(), 1]) : each,
  );
  return deliverOnly('columnStack', joined('columnStack', columns, 1), options, tensors);
}

/** Views of consecutive parts of the given lengths. */
function parts(x: Tensor, dim: number, lengths: readonly number[]): Tensor[] {
  let start = 0;
  return lengths.map((length) => {
    const part = sliceDim(x, dim, start, 1, length);
    start += length;
    return part;
  });
}

function splitDim(name: string, x: Tensor, dim: number): number {
  if (requireTensor(name, x).ndim === 0)
    throw new ShapeError(`${name}: a zero-dimensional tensor cannot be split`);
  return normalizeDim(name, dim, x.ndim);
}

/**
 * `torch.split`: views of parts of one size (the last may be smaller), or of the given sizes.
 *
 * @throws {ShapeError} when given sizes do not add up to the dimension's.
 */
export function split(x: Tensor, size: number | readonly number[], dim: number = 0): Tensor[] {
  const at = splitDim('split', x, dim);
  const extent = x.shape[at];
  if (typeof size !== 'number') {
    const total = size.reduce((sum, each) => sum + each, 0);
    if (total !== extent || size.some((each) => each < 0)) {
      throw new ShapeError(
        `split: sizes ${formatShape(size)} add up to ${total}, but dimension ${dim} has ${extent} elements`,
      );
    }
    return parts(x, at, size);
  }
  if (!Number.isInteger(size) || size < 0 || (size === 0 && extent > 0))
    throw new ArgumentError(`split: the size of a part must be a positive integer, got ${size}`);
  const count = size === 0 ? 1 : Math.max(Math.ceil(extent / size), 1);
  return parts(
    x,
    at,
    Array.from({ length: count }, (_, i) => Math.min(size, extent - i * size)),
  );
}

/** `torch.split_with_sizes`: split. */
export function splitWithSizes(x: Tensor, sizes: readonly number[], dim: number = 0): Tensor[] {
  return split(x, sizes, dim);
}

/** `torch.chunk`: views of at most `chunks` parts of one size, the last maybe smaller. */
export function chunk(x: Tensor, chunks: number, dim: number = 0): Tensor[] {
  const at = splitDim('chunk', x, dim);
  if (!Number.isInteger(chunks) || chunks < 1)
    throw new ArgumentError(`chunk: the number of chunks must be a positive integer, got ${chunks}`);
  const size = Math.ceil(x.shape[at] / chunks);
  if (size === 0) return parts(x, at, new Array<number>(chunks).fill(0));
  return split(x, size, at);
}

/** `torch.tensor_split`: views of `sections` parts whose sizes differ by at most one, or cut at the given indices. */
export function tensorSplit(x: Tensor, sections: number | readonly number[], dim: number = 0): Tensor[] {
  return splitSections('tensorSplit', x, sections, dim);
}

function splitSections(name: string, x: Tensor, sections: number | readonly number[], dim: number): Tensor[] {
  const at = splitDim(name, x, dim);
  const extent = x.shape[at];
  if (typeof sections === 'number') {
    if (!Number.isInteger(sections) || sections < 1)
      throw new ArgumentError(`${name}: the number of sections must be a positive integer, got ${sections}`);
    const size = Math.floor(extent / sections);
    const lengths = Array.from({ length: sections }, (_, i) => size + (i < extent % sections ? 1 : 0));
    return parts(x, at, lengths);
  }
  if (!Array.isArray(sections))
    throw new ArgumentError(
      `${name}: sections must be a number or an array of indices, got ${describe(sections)}`,
    );
  const clip = (index: number): number => Math.min(Math.max(index < 0 ? index + extent : index, 0), extent);
  const cuts = [0, ...sections.map(clip), extent];
  return cuts
    .slice(1)
    .map((end, i) => sliceDim(x, at, Math.min(cuts[i], extent), 1, Math.max(end - cuts[i], 0)));
}

function evenSections(name: string, x: Tensor, sections: number | readonly number[], dim: number): Tensor[] {
  if (typeof sections === 'number' && (sections < 1 || x.shape[dim] % sections !== 0)) {
    throw new ArgumentError(
      `${name}: dimension ${dim} of size ${x.shape[dim]} does not divide into ${sections} equal sections. Use tensorSplit`,
    );
  }
  return splitSections(name, x, sections, dim);
}

function requireRank(name: string, x: Tensor, rank: number): void {
  if (requireTensor(name, x).ndim >= rank) return;
  throw new ShapeError(`${name}: needs at least ${rank} dimensions, got shape ${formatShape(x.shape)}`);
}

/** `torch.hsplit`: equal parts along the second dimension (the first of vectors), or cut at indices. */
export function hsplit(x: Tensor, sections: number | readonly number[]): Tensor[] {
  requireRank('hsplit', x, 1);
  return evenSections('hsplit', x, sections, x.ndim === 1 ? 0 : 1);
}

/** `torch.vsplit`: equal parts along the first dimension, or cut at indices. */
export function vsplit(x: Tensor, sections: number | readonly number[]): Tensor[] {
  requireRank('vsplit', x, 2);
  return evenSections('vsplit', x, sections, 0);
}

/** `torch.dsplit`: equal parts along the third dimension, or cut at indices. */
export function dsplit(x: Tensor, sections: number | readonly number[]): Tensor[] {
  requireRank('dsplit', x, 3);
  return evenSections('dsplit', x, sections, 2);
}

/** `torch.unbind`: a view of each slice along the dimension. */
export function unbind(x: Tensor, dim: number = 0): Tensor[] {
  if (requireTensor('unbind', x).ndim === 0)
    throw new IndexError('unbind: a zero-dimensional tensor has no dimension to unbind');
  const at = normalizeDim('unbind', dim, x.ndim);
  return Array.from({ length: x.shape[at] }, (_, i) => x.select(at, i));
}

/** `torch.block_diag`: matrices along the diagonal of a matrix of zeros. */
export function blockDiag(...matrices: readonly Tensor[]): Tensor {
  const blocks = matrices.map((each) => {
    if (requireTensor('blockDiag', each).ndim <= 2) return atLeast(each, 2);
    throw new ShapeError(`blockDiag: blocks have at most 2 dimensions, got shape ${formatShape(each.shape)}`);
  });
  const dtype = promote(...blocks);
  const columns = blocks.reduce((sum, block) => sum + block.shape[1], 0);
  let left = 0;
  const rows = blocks.map((block) => {
    const before = left;
    left += block.shape[1];
    const after = columns - left;
    return apply('pad', [castTo(block, dtype)], { before: [0, before], after: [0, after], value: 0 });
  });
  return joined('blockDiag', rows, 0);
}
