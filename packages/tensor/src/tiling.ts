// The same elements several times over.
import { ArgumentError, checkOptions, formatShape, normalizeDim, ShapeError } from '@nn/core';
import { fromHost } from './creation.ts';
import { castTo, requireTensor } from './dispatch.ts';
import { atLeastOneDim } from './gathering.ts';
import { reshape } from './movement.ts';
import { coordinates } from './positions.ts';
import { dataSync } from './reading.ts';
import { searchsorted } from './sorting.ts';
import { Tensor } from './tensor.ts';

/** `torch.Tensor.repeat`: the tensor tiled as often as given along each dimension; more counts add leading ones. */
export function repeat(x: Tensor, counts: readonly number[]): Tensor {
  requireTensor('repeat', x);
  if (counts.length < x.ndim) {
    throw new ShapeError(
      `repeat: ${counts.length} counts for a tensor of ${x.ndim} dimensions: give one for each. tile takes fewer`,
    );
  }
  if (counts.some((count) => !Number.isInteger(count) || count < 0))
    throw new ArgumentError(`repeat: counts must be integers of at least 0, got ${formatShape(counts)}`);
  const shape = [...new Array<number>(counts.length - x.ndim).fill(1), ...x.shape];
  const apart = shape.flatMap((extent) => [1, extent]);
  const repeated = shape.flatMap((extent, dim) => [counts[dim], extent]);
  const tiled = reshape(
    reshape(x, apart).expandTo(repeated),
    shape.map((extent, dim) => extent * counts[dim]),
  );
  return tiled.viewInfo === null ? tiled : tiled.clone();
}

/** `torch.tile`: repeat, where missing leading counts are 1. */
export function tile(x: Tensor, counts: readonly number[]): Tensor {
  const missing = Math.max(requireTensor('tile', x).ndim - counts.length, 0);
  return repeat(x, [...new Array<number>(missing).fill(1), ...counts]);
}

export interface RepeatInterleaveOptions {
  /** Default: of the flattened tensor. */
  readonly dim?: number | null;
  /** The size of the result along the dimension, where it is known: a tensor of repeats is then not read. */
  readonly outputSize?: number;
}

/**
 * `torch.repeat_interleave`: each slice along a dimension as often as said, by one number for all, by one for each, or
 * by a vector of them. The size of the result depends on a vector's data: without `outputSize` it is read synchronously.
 *
 * @throws {DeviceError} for a vector on a device that cannot be read synchronously: `repeatInterleave(x, await
 * repeats.data())` works everywhere.
 * @throws {ShapeError} unless there are as many repeats as slices; {ArgumentError} for negative ones.
 * @example
 * ```ts
 * import { interpreter, repeatInterleave, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * console.log(await repeatInterleave(tensor([1, 2]), 2).toArray()); // => [1, 1, 2, 2]
 * console.log(await repeatInterleave(tensor([[1], [2]]), [0, 2], { dim: 0 }).toArray()); // => [[2], [2]]
 * ```
 */
export function repeatInterleave(
  x: Tensor,
  repeats: number | ArrayLike<number | bigint> | Tensor,
  options: RepeatInterleaveOptions = {},
): Tensor {
  checkOptions('repeatInterleave', options, ['dim', 'outputSize']);
  requireTensor('repeatInterleave', x);
  const isFlat = options.dim == null;
  const source = isFlat ? reshape(x, [-1]) : atLeastOneDim(x);
  const dim = isFlat ? 0 : normalizeDim('repeatInterleave', options.dim ?? 0, source.ndim);
  const extent = source.shape[dim];
  const { outputSize } = options;
  if (repeats instanceof Tensor && outputSize !== undefined) {
    if (repeats.ndim > 1 || ![1, extent].includes(repeats.numel()))
      throw wrongRepeats(repeats.numel(), extent);
    // Slice i ends at the sum of the repeats up to it; a result's slice is the first that ends behind it.
    const ends = repeats.reshape([-1]).expandTo([extent]).to('int32').cumsum(0, { dtype: 'int32' });
    const at = coordinates([outputSize], 0, x.device);
    return source.indexSelect(dim, searchsorted(ends, at, { right: true }));
  }
  const given = repeats instanceof Tensor ? dataSync(readable(repeats)) : repeats;
  const counts = countsOf(given);
  if (counts.length !== 1 && counts.length !== extent) throw wrongRepeats(counts.length, extent);
  const total = counts.length === 1 ? counts[0] * extent : totalOf(counts);
  if (outputSize !== undefined && outputSize !== total)
    throw new ShapeError(`repeatInterleave: outputSize is ${outputSize}, but the repeats add up to ${total}`);
  if (counts.length === 1) return repeatedSlices(source, dim, counts[0]);
  const positions = new Int32Array(total);
  let at = 0;
  for (let i = 0; i < counts.length; i++) for (const end = at + counts[i]; at < end; at++) positions[at] = i;
  return source.indexSelect(dim, fromHost(positions, 'int32', x.device));
}

/** Halves are read as bits, and thus as float32 here. */
function readable(x: Tensor): Tensor {
  return x.dtype === 'float16' || x.dtype === 'bfloat16' ? castTo(x, 'float32') : x;
}

/** @throws {ArgumentError} unless all are integers of at least 0. */
function countsOf(given: number | ArrayLike<number | bigint>): Float64Array {
  const counts =
    typeof given === 'number'
      ? Float64Array.of(given)
      : given instanceof Int32Array
        ? new Float64Array(given)
        : Float64Array.from(given as ArrayLike<number | bigint>, Number);
  for (let i = 0; i < counts.length; i++)
    if (!(Number.isInteger(counts[i]) && counts[i] >= 0))
      throw new ArgumentError('repeatInterleave: repeats must be integers of at least 0');
  return counts;
}

function totalOf(counts: Float64Array): number {
  let total = 0;
  for (let i = 0; i < counts.length; i++) total += counts[i];
  return total;
}

function wrongRepeats(found: number, extent: number): ShapeError {
  return new ShapeError(
    `repeatInterleave: ${found} repeats for ${extent} slices: give one for each, or one for all`,
  );
}

/** All slices equally often: a movement. */
function repeatedSlices(x: Tensor, dim: number, count: number): Tensor {
  const apart = x.unsqueeze(dim + 1);
  const repeated = apart.expandTo(apart.shape.toSpliced(dim + 1, 1, count));
  const merged = reshape(repeated, x.shape.toSpliced(dim, 1, x.shape[dim] * count));
  return merged.viewInfo === null ? merged : merged.clone();
}
