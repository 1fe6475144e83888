// Running sums, products and extrema along a dimension.
import { type AttributesOf, categoryOf, checkOptions, type DType, normalizeDim } from '@nn/core';
import { logaddexp } from './arithmetic.ts';
import { where } from './blending.ts';
import { apply, castTo, floatFor, requireTensor } from './dispatch.ts';
import { checkOutDType, deliver, deliverEach, deliverOnly, elementwise, type OutOptions } from './out.ts';
import { coordinates } from './positions.ts';
import { countingDType, type ValuesAndIndices, type ValuesAndIndicesOut } from './reduction.ts';
import type { Tensor } from './tensor.ts';

export interface ScanOptions extends OutOptions {
  /** Cast before scanning. Default: the tensor's own float dtype; int64 for integers and bools. */
  readonly dtype?: DType;
}

function scan(name: string, x: Tensor, dim: number, op: AttributesOf<'scan'>['op']): Tensor {
  const at = normalizeDim(name, dim, x.ndim);
  if (x.ndim === 0) return scan(name, x.reshape([1]), 0, op).reshape([]);
  return apply('scan', [x], { dim: at, op });
}

function accumulated(name: string, x: Tensor, options: ScanOptions): Tensor {
  requireTensor(name, x);
  checkOptions(name, options, ['dtype', 'out']);
  checkOutDType(name, options);
  if (options.dtype !== undefined) return castTo(x, options.dtype);
  return categoryOf(x.dtype) === 'float' ? x : castTo(x, countingDType(x.device));
}

/** `torch.cumsum`: sums of all elements so far along the dimension. */
export function cumsum(x: Tensor, dim: number, options: ScanOptions = {}): Tensor {
  const result = scan('cumsum', accumulated('cumsum', x, options), dim, 'sum');
  return deliver('cumsum', result, options, [x], elementwise);
}

/** `torch.cumprod`: products of all elements so far along the dimension. */
export function cumprod(x: Tensor, dim: number, options: ScanOptions = {}): Tensor {
  const result = scan('cumprod', accumulated('cumprod', x, options), dim, 'prod');
  return deliver('cumprod', result, options, [x], elementwise);
}

/** Running extremum, and where it was last reached; NaN wins. */
function running(
  name: 'cummax' | 'cummin',
  x: Tensor,
  dim: number,
  options: ValuesAndIndicesOut | undefined,
): ValuesAndIndices {
  requireTensor(name, x);
  checkOptions(name, options, ['out']);
  const at = normalizeDim(name, dim, x.ndim);
  const isBool = x.dtype === 'bool';
  const source = isBool ? castTo(x, 'uint8') : x;
  const values = scan(name, source, dim, name === 'cummax' ? 'max' : 'min');
  const now = source.detach();
  const here = now.eq(values.detach());
  const reached = categoryOf(x.dtype) === 'float' ? here.logicalOr(now.isnan()) : here;
  const along = x.ndim === 0 ? castTo(reached, 'int32').mul(0) : coordinates(x.shape, at, x.device);
  const last = scan(name, castTo(where(reached, along, 0), 'int32'), dim, 'max');
  const found = { values: isBool ? castTo(values, 'bool') : values, indices: last };
  return deliverEach(name, found, options, [x]);
}

/**
 * `torch.cummax`: the greatest element so far along the dimension, and its (last) position, int32.
 *
 * @example
 * ```ts
 * import { cummax, interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const { values, indices } = cummax(tensor([1, 3, 2, 3]), 0);
 * console.log(await values.toArray(), await indices.toArray()); // => [1, 3, 3, 3] [0, 1, 1, 3]
 * ```
 */
export function cummax(x: Tensor, dim: number, options?: ValuesAndIndicesOut): ValuesAndIndices {
  return running('cummax', x, dim, options);
}

/** `torch.cummin`: the least element so far along the dimension, and its (last) position, int32. */
export function cummin(x: Tensor, dim: number, options?: ValuesAndIndicesOut): ValuesAndIndices {
  return running('cummin', x, dim, options);
}

/**
 * `torch.logcumsumexp`: log of the running sum of exponentials. Each step joins runs of twice the length (Hillis and
 * Steele 1986), so that no element is lost for being far below another one.
 */
export function logcumsumexp(x: Tensor, dim: number, options?: OutOptions): Tensor {
  return deliverOnly('logcumsumexp', runningLogSum(x, dim), options, [x], elementwise);
}

function runningLogSum(x: Tensor, dim: number): Tensor {
  const source = castTo(requireTensor('logcumsumexp', x), floatFor(x.dtype));
  const at = normalizeDim('logcumsumexp', dim, x.ndim);
  if (x.numel() === 0 || x.ndim === 0) return source.clone();
  let sums = source;
  for (let reach = 1; reach < x.shape[at]; reach *= 2) {
    const earlier = apply('pad', [sums.narrow(at, 0, x.shape[at] - reach)], {
      before: x.shape.map((_, i) => (i === at ? reach : 0)),
      after: x.shape.map(() => 0),
      value: -Infinity,
    });
    sums = logaddexp(sums, earlier);
  }
  return sums;
}
