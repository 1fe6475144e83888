// Masks: choosing and replacing elements by a condition. What has a size that depends on data is read, so those
// functions are asynchronous; each has a synchronous twin for devices that allow it.
import {
  broadcastShapes,
  checkOptions,
  DTypeError,
  formatShape,
  type HostArray,
  isFloat,
  ShapeError,
  sizeOf,
} from '@nn/core';
import { clampMax, where } from './blending.ts';
import { isnan } from './comparison.ts';
import { fromHost } from './creation.ts';
import { apply, asOperand, castTo, promote, requireTensor, type Scalar } from './dispatch.ts';
import { deliver, deliverOnly, type OutOptions } from './out.ts';
import { coordinateTable, countTrue, takeAt, truePositions } from './positions.ts';
import { data, dataSync } from './reading.ts';
import { searchsorted, sort } from './sorting.ts';
import type { Tensor } from './tensor.ts';

function requireMask(functionName: string, mask: unknown): Tensor {
  const tensor = requireTensor(functionName, mask);
  if (tensor.dtype === 'bool') return tensor;
  throw new DTypeError(`${functionName}: the mask must be bool, got ${tensor.dtype}. Use mask.bool()`);
}

/**
 * `torch.masked_fill`: a number (or zero-dimensional tensor) where the mask is true, x elsewhere.
 *
 * @throws {DTypeError} for a mask that is not bool, or a value that x's dtype cannot hold.
 */
export function maskedFill(x: Tensor, mask: Tensor, value: Tensor | Scalar): Tensor {
  requireTensor('maskedFill', x);
  requireMask('maskedFill', mask);
  const filler = asOperand('maskedFill', value, x.dtype);
  if (filler.ndim !== 0) {
    throw new ShapeError(
      `maskedFill: the value must be a number or have no dimensions, got ${formatShape(filler.shape)}. Use where(mask, value, x)`,
    );
  }
  if (typeof value === 'number' && !Number.isInteger(value) && !x.dtype.includes('float'))
    throw new DTypeError(`maskedFill: the value ${value} cannot be stored in a tensor of dtype ${x.dtype}`);
  return where(mask, filler, x);
}

function selected(x: Tensor, mask: Tensor, kept: HostArray, shape: readonly number[]): Tensor {
  const list = fromHost(truePositions(kept), 'int32', x.device || mask.device);
  return takeAt(x.expandTo(shape), list);
}

/**
 * `torch.masked_select`: the elements where the mask is true, in a tensor of one dimension; mask and tensor
 * broadcast. Asynchronous, because the size of the result is known only when the mask is.
 *
 * @throws {DTypeError} for a mask that is not bool.
 * @example
 * ```ts
 * import { interpreter, maskedSelect, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const x = tensor([3, -1, 2]);
 * console.log(await (await maskedSelect(x, x.gt(0))).toArray()); // => [3, 2]
 * ```
 */
export async function maskedSelect(x: Tensor, mask: Tensor, options?: OutOptions): Promise<Tensor> {
  checkOptions('maskedSelect', options, ['out']);
  const { shape: own } = requireTensor('maskedSelect', x);
  const shape = broadcastShapes('maskedSelect', own, requireMask('maskedSelect', mask).shape);
  const result = selected(x, mask, await data(mask.expandTo(shape)), shape);
  return deliver('maskedSelect', result, options, [x, mask]);
}

/** As `maskedSelect`. @throws {DeviceError} where the device cannot be read synchronously. */
export function maskedSelectSync(x: Tensor, mask: Tensor, options?: OutOptions): Tensor {
  checkOptions('maskedSelectSync', options, ['out']);
  const shape = broadcastShapes('maskedSelectSync', x.shape, requireMask('maskedSelectSync', mask).shape);
  const result = selected(x, mask, dataSync(mask.expandTo(shape)), shape);
  return deliver('maskedSelectSync', result, options, [x, mask]);
}

/** @throws {ShapeError} when a mask that is at hand has more true elements than the source has elements. */
function checkEnough(mask: Tensor, source: Tensor, repeats: number): void {
  let count = 0;
  for (const each of mask.node.state?.host ?? []) if (each) count += repeats;
  if (count <= source.numel()) return;
  throw new ShapeError(
    `maskedScatter: the mask has ${count} true elements, the source only ${source.numel()} to put there`,
  );
}

/** `torch.masked_scatter`: the i-th true element becomes the i-th element of source. */
export function maskedScatter(x: Tensor, mask: Tensor, source: Tensor): Tensor {
  requireTensor('maskedScatter', x);
  requireMask('maskedScatter', mask);
  if (requireTensor('maskedScatter', source).dtype !== x.dtype)
    throw new DTypeError(
      `maskedScatter: the tensor is ${x.dtype}, the source ${source.dtype}; cast one of them`,
    );
  const shape = broadcastShapes('maskedScatter', x.shape, mask.shape);
  checkEnough(mask, source, sizeOf(shape) / Math.max(mask.numel(), 1));
  if (source.numel() === 0) return x.expandTo(shape).clone();
  const condition = mask.expandTo(shape);
  const counted = castTo(condition.reshape([-1]), 'int32').cumsum(0, { dtype: 'int32' });
  const order = counted.sub(1).clamp(0).reshape(shape);
  return where(condition, takeAt(source, order), x);
}

function positionsTable(values: HostArray, x: Tensor): Tensor {
  if (x.ndim === 0) return fromHost(new Int32Array(0), 'int32', x.device).reshape([countTrue(values), 0]);
  const table = coordinateTable(values, x.shape);
  return fromHost(table, 'int32', x.device).reshape([table.length / x.ndim, x.ndim]);
}

/**
 * `torch.nonzero`: the coordinates of all elements that are not zero, [count, x.ndim], int32. Asynchronous, because
 * the size of the result is known only when x is. `(await x.nonzero()).unbind(1)` is PyTorch's `as_tuple=True`.
 *
 * @example
 * ```ts
 * import { interpreter, nonzero, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * console.log(await (await nonzero(tensor([[0, 7], [5, 0]]))).toArray()); // => [[0, 1], [1, 0]]
 * ```
 */
export async function nonzero(x: Tensor, options?: OutOptions): Promise<Tensor> {
  const values = await data(castTo(requireTensor('nonzero', x), 'bool'));
  return deliverOnly('nonzero', positionsTable(values, x), options, [x]);
}

/** As `nonzero`. @throws {DeviceError} where the device cannot be read synchronously. */
export function nonzeroSync(x: Tensor, options?: OutOptions): Tensor {
  const values = dataSync(castTo(requireTensor('nonzeroSync', x), 'bool'));
  return deliverOnly('nonzeroSync', positionsTable(values, x), options, [x]);
}

/** `torch.argwhere`: as `nonzero`. */
export function argwhere(x: Tensor): Promise<Tensor> {
  return nonzero(x);
}

/** More values than these are sorted and looked through by halves. */
const fewValues = 64;

/** Whether each element is one of `values`. */
export function isin(
  elements: Tensor,
  values: Tensor,
  options: OutOptions & { readonly invert?: boolean } = {},
): Tensor {
  checkOptions('isin', options, ['invert', 'out']);
  const flat = values.reshape([-1]);
  const found = flat.numel() > fewValues ? foundSorted(elements, flat) : foundByEach(elements, flat);
  return deliver('isin', options.invert ? found.logicalNot() : found, options, [elements, values]);
}

function foundByEach(elements: Tensor, values: Tensor): Tensor {
  return apply('max', [elements.unsqueeze(-1).eq(values)], { dims: [elements.ndim], keepDims: false });
}

function foundSorted(elements: Tensor, values: Tensor): Tensor {
  // As tensors that have dimensions: what has none would not have a say.
  const common = promote(elements.reshape([-1]), values);
  const dtype = common === 'bool' ? 'uint8' : common;
  const wanted = castTo(elements.detach(), dtype);
  const { values: ascending } = sort(castTo(values.detach(), dtype));
  // NaNs come last, but to searches they lie before everything.
  const boundaries = isFloat(dtype) ? where(isnan(ascending), Infinity, ascending) : ascending;
  const at = clampMax(searchsorted(boundaries, wanted), values.numel() - 1);
  return takeAt(ascending, at).eq(wanted);
}
