// Looking elements up by index tensors.
import {
  checkOptions,
  contiguousStrides,
  formatShape,
  IndexError,
  isInteger,
  normalizeDim,
  type Shape,
  ShapeError,
} from '@nn/core';
import { castTo, requireTensor } from './dispatch.ts';
import { deliver, deliverOnly, type OutOptions } from './out.ts';
import { coordinates, normalizePositions, selectPositions, takeAt, takeSelected } from './positions.ts';
import type { Tensor } from './tensor.ts';

/** @throws {IndexError} unless the tensor is an integer one. */
export function requireIndex(functionName: string, index: unknown): Tensor {
  const tensor = requireTensor(functionName, index);
  if (isInteger(tensor.dtype)) return tensor;
  throw new IndexError(`${functionName}: the index must be an integer tensor, got ${tensor.dtype}`);
}

/** Row-major positions in `shape` of the elements that `index` names along `dim`, the other coordinates its own. */
export function positionsAlong(
  functionName: string,
  shape: Shape,
  dim: number,
  index: Tensor,
  device: string,
): Tensor {
  return placeAlong(
    shape,
    dim,
    normalizePositions(functionName, index, shape[dim] ?? 1, device, dim),
    device,
  );
}

/** As `positionsAlong`, for positions that are in range. */
function placeAlong(shape: Shape, dim: number, index: Tensor, device: string): Tensor {
  const strides = contiguousStrides(shape);
  let positions = strides[dim] === 1 ? index : index.mul(strides[dim]);
  index.shape.forEach((extent, i) => {
    if (i === dim || extent === 1) return;
    const along = coordinates(index.shape, i, device);
    positions = positions.add(strides[i] === 1 ? along : along.mul(strides[i]));
  });
  return positions;
}

/** gather with int32 positions that are in range: what argmax and argsort give. */
export function pickAlong(x: Tensor, dim: number, index: Tensor): Tensor {
  return takeAt(x, placeAlong(x.shape, dim, index, x.device));
}

/** @throws {ShapeError} unless index has as many dimensions as x and, but for `dim`, none larger than `limit`'s. */
export function checkAlong(
  functionName: string,
  index: Tensor,
  dim: number,
  limit: Shape,
  what: string,
): void {
  if (index.ndim !== limit.length) {
    throw new ShapeError(
      `${functionName}: the index has ${index.ndim} dimensions (${formatShape(index.shape)}), ${what} ${limit.length} (${formatShape(limit)}): they must be as many`,
    );
  }
  const larger = index.shape.findIndex((extent, i) => i !== dim && extent > limit[i]);
  if (larger >= 0 && index.numel() > 0) {
    throw new ShapeError(
      `${functionName}: index ${formatShape(index.shape)} is larger than ${what} ${formatShape(limit)} at dimension ${larger}`,
    );
  }
}

/** Zero-dimensional tensors are treated as having one dimension. */
export function atLeastOneDim(x: Tensor): Tensor {
  return x.ndim === 0 ? x.reshape([1]) : x;
}

/**
 * `torch.gather`: result[i][j] = x[index[i][j]][j] for dim 0, and so on; the index's shape.
 *
 * @throws {IndexError} for values known to be out of range; {ShapeError} for an index that does not fit.
 * @example
 * ```ts
 * import { gather, interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const x = tensor([[1, 2], [3, 4]]);
 * console.log(await gather(x, 1, tensor([[0, 0], [1, 0]])).toArray()); // => [[1, 1], [4, 3]]
 * ```
 */
export function gather(x: Tensor, dim: number, index: Tensor, options?: OutOptions): Tensor {
  checkOptions('gather', options, ['out']);
  requireTensor('gather', x);
  requireIndex('gather', index);
  const at = normalizeDim('gather', dim, x.ndim);
  const [source, place] = [atLeastOneDim(x), atLeastOneDim(index)];
  if (place.numel() > 0) checkAlong('gather', place, at, source.shape, 'the tensor');
  const positions = positionsAlong('gather', source.shape, at, place, x.device);
  return deliver('gather', takeAt(source, positions).reshape(index.shape), options, [x, index]);
}

/** `torch.take_along_dim`: gather with broadcasting; without `dim`, from the flattened tensor. */
export function takeAlongDim(x: Tensor, index: Tensor, dim?: number | null, options?: OutOptions): Tensor {
  return deliverOnly('takeAlongDim', takenAlong(x, index, dim), options, [x, index]);
}

function takenAlong(x: Tensor, index: Tensor, dim: number | null | undefined): Tensor {
  requireTensor('takeAlongDim', x);
  requireIndex('takeAlongDim', index);
  if (dim == null) {
    const positions = normalizePositions('takeAlongDim', index, x.numel(), x.device, 0);
    return takeAt(x, positions.reshape([-1]));
  }
  if (x.ndim !== index.ndim) {
    throw new ShapeError(
      `takeAlongDim: the tensor has ${x.ndim} dimensions (${formatShape(x.shape)}), the index ${index.ndim} (${formatShape(index.shape)}): they must be as many`,
    );
  }
  const at = normalizeDim('takeAlongDim', dim, x.ndim);
  const common = x.shape.map((extent, i) => {
    const other = index.shape[i];
    if (i === at || extent === other || extent === 1 || other === 1) return extent === 1 ? other : extent;
    throw new ShapeError(
      `takeAlongDim: ${formatShape(x.shape)} and index ${formatShape(index.shape)} do not broadcast at dimension ${i}`,
    );
  });
  const source = x.expandTo(common.map((extent, i) => (i === at ? x.shape[i] : extent)));
  return gather(source, at, index.expandTo(common.map((extent, i) => (i === at ? index.shape[i] : extent))));
}

/** `torch.index_select`: the slices along `dim` that a list of positions names. */
export function indexSelect(x: Tensor, dim: number, index: Tensor, options?: OutOptions): Tensor {
  checkOptions('indexSelect', options, ['out']);
  requireTensor('indexSelect', x);
  requireIndex('indexSelect', index);
  const at = normalizeDim('indexSelect', dim, x.ndim);
  if (index.ndim > 1)
    throw new ShapeError(`indexSelect: the index must have one dimension, got ${formatShape(index.shape)}`);
  const source = atLeastOneDim(x);
  const list = atLeastOneDim(index);
  const result = takeSelected(source, selectPositions('indexSelect', source, [{ dim: at, tensor: list }]));
  return deliver('indexSelect', x.ndim === 0 ? result.reshape([]) : result, options, [x, index]);
}

/** `torch.take`: elements of the flattened tensor; the index's shape. */
export function take(x: Tensor, index: Tensor, options?: OutOptions): Tensor {
  checkOptions('take', options, ['out']);
  requireTensor('take', x);
  requireIndex('take', index);
  if (x.numel() === 0 && index.numel() > 0)
    throw new IndexError(`take: cannot look up ${index.numel()} elements of an empty tensor`);
  const result = takeAt(x, normalizePositions('take', index, x.numel(), x.device, 0));
  return deliver('take', result, options, [x, index]);
}

/** The value that a lookup table (1-d) has for each index; a gather whose index may have any shape. */
export function lookUp(table: Tensor, index: Tensor): Tensor {
  return takeAt(table, castTo(index, 'int32'));
}
