// x.at(...) and x.setAt_(...): PyTorch's indexing.
import { backendOf, formatShape, ShapeError } from '@nn/core';
import { where } from './blending.ts';
import { asOperand, castTo, type Scalar, writeInPlace } from './dispatch.ts';
import { type AdvancedIndex, type Index, parseIndices } from './indices.ts';
import { countTrue, scatterAt, selectPositions, takeSelected } from './positions.ts';
import { dataSync } from './reading.ts';
import { Tensor } from './tensor.ts';

export { type Index, type Slice, slice } from './indices.ts';

/**
 * PyTorch's `x[...]`. Numbers, slices, ':', '...' and null give a view of the same memory; integer tensors, arrays
 * and masks copy. Index tensors broadcast against each other, and their shape takes their place, or comes first
 * when other dimensions lie between them. Out-of-range values throw where they are known on the host (numbers,
 * arrays, tensors made from data), and are cut off at the ends where they were computed on a device.
 *
 * The size of what a mask keeps depends on data: the mask is read synchronously, and a device that cannot do that
 * throws; `await x.maskedSelect(mask)` works everywhere.
 *
 * @throws {IndexError} for an index out of range, a mask of another shape, or too many indices.
 * @throws {DeviceError} for a mask on a device without synchronous reads.
 * @example
 * ```ts
 * import { arange, interpreter, slice, use } from '@nn/tensor';
 * use(interpreter());
 * const x = arange(6).reshape(2, 3);
 * console.log(await x.at(':', slice(1, null)).toArray()); // => [[1, 2], [4, 5]]
 * console.log(await x.at(0, [2, 0]).toArray()); // => [2, 0]
 * console.log(await x.at(x.gt(3)).toArray()); // => [4, 5]
 * ```
 */
export function at(x: Tensor, indices: readonly Index[]): Tensor {
  const { view, advanced } = parseIndices('at', x, indices);
  if (advanced.length === 0) return view;
  return takeSelected(view, selectPositions('at', view, advanced));
}

/**
 * PyTorch's `x[...] = value`, in place: the value is cast and broadcast to what `at` would show. Where an index
 * names one element twice, the last value wins. A mask with a number, or a value that broadcasts, reads nothing.
 *
 * @throws {IndexError} as `at`.
 * @throws {ShapeError} when the value does not broadcast.
 * @example
 * ```ts
 * import { interpreter, use, zeros } from '@nn/tensor';
 * use(interpreter());
 * const x = zeros([2, 2]);
 * x.setAt_([0], 1).setAt_([':', 0], 5);
 * console.log(await x.toArray()); // => [[5, 1], [5, 0]]
 * ```
 */
export function setAt(x: Tensor, indices: readonly Index[], value: Tensor | Scalar): Tensor {
  const { view, advanced } = parseIndices('setAt_', x, indices);
  const given = value instanceof Tensor ? moved(value, x) : asOperand('setAt_', value, x.dtype);
  const source = castTo(given, x.dtype);
  if (advanced.length === 0) writeInPlace('setAt_', view, fitted(source, view.shape));
  else if (advanced.length === 1 && advanced[0].tensor.dtype === 'bool' && advanced[0].tensor.ndim > 0)
    setMasked(view, advanced[0], source);
  else {
    const selection = selectPositions('setAt_', view, advanced);
    writeInPlace('setAt_', view, scatterAt(view, selection, fitted(source, selection.shape), 'set'));
  }
  return x;
}

function moved(value: Tensor, x: Tensor): Tensor {
  return value.device === x.device || value.device === '' || value.ndim > 0 ? value : value.to(x.device);
}

/** Leading dimensions of size 1 go, as in PyTorch; the rest must broadcast. */
function fitted(source: Tensor, shape: readonly number[]): Tensor {
  const surplus = source.ndim - shape.length;
  const trimmed =
    surplus > 0 && source.shape.slice(0, surplus).every((extent) => extent === 1)
      ? source.reshape(source.shape.slice(surplus))
      : source;
  const lead = shape.length - trimmed.ndim;
  if (lead < 0 || trimmed.shape.some((extent, i) => extent !== 1 && extent !== shape[lead + i])) {
    throw new ShapeError(
      `setAt_: a value of shape ${formatShape(source.shape)} does not broadcast to the indexed part of shape ${formatShape(shape)}`,
    );
  }
  return trimmed.expandTo(shape);
}

/** The value broadcasts to [before..., count, after...], with one row for each true element of the mask. */
function setMasked(view: Tensor, { dim, tensor: mask }: AdvancedIndex, source: Tensor): void {
  const after = view.ndim - dim - mask.ndim;
  const condition = mask.reshape([...mask.shape, ...new Array<number>(after).fill(1)]);
  const countDim = source.ndim - 1 - after;
  if (countDim < 0 || source.shape[countDim] === 1) {
    const spread =
      countDim < 0
        ? source
        : source.reshape(source.shape.toSpliced(countDim, 1, ...new Array<number>(mask.ndim).fill(1)));
    writeInPlace('setAt_', view, where(condition, fitted(spread, view.shape), view));
    return;
  }
  checkCount(mask, source.shape[countDim]);
  if (source.shape[countDim] === 0) return;
  // The k-th true element takes the k-th row.
  const row = castTo(mask.reshape([mask.numel()]), 'int32')
    .cumsum(0, { dtype: 'int32' })
    .sub(1);
  const positions = row.clamp(0).reshape(mask.shape);
  const from = selectPositions('setAt_', source, [{ dim: countDim, tensor: positions }]);
  writeInPlace('setAt_', view, where(condition, fitted(takeSelected(source, from), view.shape), view));
}

/** Where the mask can be read at once, that it keeps as many elements as there are values. */
function checkCount(mask: Tensor, rows: number): void {
  if (mask.node.state?.host === undefined && !backendOf(mask.device).capabilities.synchronousRead) return;
  const count = countTrue(dataSync(mask));
  if (count === rows) return;
  throw new ShapeError(
    `setAt_: the mask keeps ${count} elements, but the value has ${rows} rows for them. Give one for each, or one for all`,
  );
}
