// Max pooling undone as far as it can be: maxima go back to where they stood, the rest is zero.
import {
  ArgumentError,
  categoryOf,
  checkOptions,
  DTypeError,
  formatShape,
  ShapeError,
  sameShape,
  sizeOf,
} from '@nn/core';
import { apply, requireTensor, type Tensor, zeros } from '@nn/tensor';
import { requireSpatial, type Sizes, spatialSizes } from './arguments.ts';
import { checkHostIndices } from './host-indices.ts';

export interface MaxUnpoolOptions {
  /** Default: the kernel's size. */
  readonly stride?: Sizes | null;
  /** Default 0. */
  readonly padding?: Sizes;
  /** The spatial sizes of the result (others in front are ignored), where pooling left several possible. */
  readonly outputSize?: readonly number[] | null;
}

/** maxPool1d undone, by the indices that it returned: [batch, channels, length] or without batch. */
export function maxUnpool1d(
  x: Tensor,
  indices: Tensor,
  kernelSize: Sizes,
  options?: MaxUnpoolOptions,
): Tensor {
  return maxUnpool('maxUnpool1d', 1, x, indices, kernelSize, options);
}

/**
 * maxPool2d undone, by the indices that it returned: [batch, channels, height, width] or without batch.
 *
 * @throws {ShapeError | ArgumentError | DTypeError} for indices or sizes that do not fit.
 * @throws {IndexError} for an index outside of the result, where the indices are at hand on the host.
 * @example
 * ```ts
 * import * as F from '@nn/functional';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const [values, indices] = F.maxPool2d(tensor([[[1, 2], [4, 3]]]).float(), 2, { returnIndices: true });
 * console.log(await F.maxUnpool2d(values, indices, 2).toArray()); // => [[[0, 0], [4, 0]]]
 * ```
 */
export function maxUnpool2d(
  x: Tensor,
  indices: Tensor,
  kernelSize: Sizes,
  options?: MaxUnpoolOptions,
): Tensor {
  return maxUnpool('maxUnpool2d', 2, x, indices, kernelSize, options);
}

/** maxPool3d undone, by the indices that it returned: [batch, channels, depth, height, width] or without batch. */
export function maxUnpool3d(
  x: Tensor,
  indices: Tensor,
  kernelSize: Sizes,
  options?: MaxUnpoolOptions,
): Tensor {
  return maxUnpool('maxUnpool3d', 3, x, indices, kernelSize, options);
}

function maxUnpool(
  name: string,
  rank: number,
  x: Tensor,
  indices: Tensor,
  kernelSize: Sizes,
  options: MaxUnpoolOptions = {},
): Tensor {
  checkOptions(name, options, ['stride', 'padding', 'outputSize']);
  requireSpatial(name, x, rank);
  requireTensor(name, indices);
  if (!sameShape(x.shape, indices.shape)) {
    throw new ShapeError(
      `${name}: the indices must have the input's shape ${formatShape(x.shape)}, got ${formatShape(indices.shape)}`,
    );
  }
  if (categoryOf(indices.dtype) !== 'integer')
    throw new DTypeError(`${name}: the indices must be integers, got ${indices.dtype}`);
  const lead = x.shape.slice(0, -rank);
  const size = outputSize(name, rank, x, kernelSize, options);
  const planeSize = sizeOf(size);
  checkHostIndices(name, indices, planeSize);
  if (x.numel() === 0) return zeros([...lead, ...size], { dtype: x.dtype, device: x.device });
  const planes = sizeOf(lead);
  const first = apply('iota', [], { shape: [planes, 1], dim: 0, dtype: 'int32' }, x.device).mul(planeSize);
  const index = indices.to('int32').reshape(planes, -1).add(first);
  const canvas = zeros([planes * planeSize], { dtype: x.dtype, device: x.device });
  return apply('scatter', [canvas, index.reshape(-1), x.reshape(-1)], { mode: 'set' }).reshape(
    ...lead,
    ...size,
  );
}

function outputSize(
  name: string,
  rank: number,
  x: Tensor,
  kernelSize: Sizes,
  options: MaxUnpoolOptions,
): readonly number[] {
  const kernel = spatialSizes(name, 'kernelSize', kernelSize, rank, 1);
  const given = options.stride ?? kernel;
  const stride =
    typeof given === 'object' && given.length === 0 ? kernel : spatialSizes(name, 'stride', given, rank, 1);
  const padding = spatialSizes(name, 'padding', options.padding ?? 0, rank, 0);
  const expected = x.shape
    .slice(-rank)
    .map((extent, i) => (extent - 1) * stride[i] + kernel[i] - 2 * padding[i]);
  const wanted = options.outputSize?.slice(-rank) ?? expected;
  const possible =
    wanted.length === rank &&
    wanted.every((extent, i) => extent > expected[i] - stride[i] && extent < expected[i] + stride[i]);
  if (possible) return wanted;
  throw new ArgumentError(
    `${name}: outputSize ${formatShape(options.outputSize ?? [])} cannot be pooled into ${formatShape(x.shape)}: each size must lie ` +
      `within the stride of ${formatShape(expected)}`,
  );
}
