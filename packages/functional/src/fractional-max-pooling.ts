// Max pooling with windows at random places, so that sizes shrink by any ratio (Graham 2014).
import { ArgumentError, checkOptions, formatShape, ShapeError, sameShape } from '@nn/core';
import { apply, fmod, rand, type Tensor } from '@nn/tensor';
import { requireFloat, requireSpatial, type Sizes, spatialSizes } from './arguments.ts';
import { takeFromPlanes } from './max-pooling.ts';

export interface FractionalMaxPoolOptions<Indices extends boolean = boolean> {
  /** The spatial sizes of the result. */
  readonly outputSize?: Sizes | null;
  /** Or their ratio to the input's, between 0 and 1. */
  readonly outputRatio?: Sizes | null;
  /** Whether the maxima's positions (int32, within the spatial dimensions) come along. Default false. */
  readonly returnIndices?: Indices;
  /** In place of random numbers: values in [0, 1), [batch, channels, spatial dimensions]. */
  readonly randomSamples?: Tensor | null;
}

type WithIndices = FractionalMaxPoolOptions & { readonly returnIndices: true };
type Maxima = Tensor | [Tensor, Tensor];

/**
 * The largest elements of windows of [batch, channels, height, width] or [channels, height, width], whose distances
 * are drawn for each channel such that `outputSize` of them, or `outputRatio` of the input's size, cover the input.
 *
 * @throws {ArgumentError} without exactly one of outputSize and outputRatio, or for sizes that do not fit.
 * @throws {ShapeError} for an input, or samples, of the wrong shape.
 * @example
 * ```ts
 * import * as F from '@nn/functional';
 * import { interpreter, randn, use } from '@nn/tensor';
 * use(interpreter());
 * console.log(F.fractionalMaxPool2d(randn([1, 3, 20, 30]), 2, { outputRatio: 0.7 }).shape); // => [1, 3, 14, 21]
 * ```
 */
export function fractionalMaxPool2d(x: Tensor, kernelSize: Sizes, options: WithIndices): [Tensor, Tensor];
export function fractionalMaxPool2d(
  x: Tensor,
  kernelSize: Sizes,
  options: FractionalMaxPoolOptions<false>,
): Tensor;
export function fractionalMaxPool2d(x: Tensor, kernelSize: Sizes, options: FractionalMaxPoolOptions): Maxima;
export function fractionalMaxPool2d(x: Tensor, kernelSize: Sizes, options: FractionalMaxPoolOptions): Maxima {
  // The samples' first column is the width's, as in PyTorch.
  return fractionalMaxPool('fractionalMaxPool2d', 2, x, kernelSize, options, [1, 0]);
}

/** As fractionalMaxPool2d, for [batch, channels, depth, height, width] or without batch. */
export function fractionalMaxPool3d(x: Tensor, kernelSize: Sizes, options: WithIndices): [Tensor, Tensor];
export function fractionalMaxPool3d(
  x: Tensor,
  kernelSize: Sizes,
  options: FractionalMaxPoolOptions<false>,
): Tensor;
export function fractionalMaxPool3d(x: Tensor, kernelSize: Sizes, options: FractionalMaxPoolOptions): Maxima;
export function fractionalMaxPool3d(x: Tensor, kernelSize: Sizes, options: FractionalMaxPoolOptions): Maxima {
  return fractionalMaxPool('fractionalMaxPool3d', 3, x, kernelSize, options, [0, 1, 2]);
}

function fractionalMaxPool(
  name: string,
  rank: number,
  x: Tensor,
  kernelSize: Sizes,
  options: FractionalMaxPoolOptions,
  sampleColumns: readonly number[],
): Maxima {
  checkOptions(name, options, ['outputSize', 'outputRatio', 'returnIndices', 'randomSamples']);
  requireSpatial(name, x, rank);
  requireFloat(name, x);
  if (x.shape.slice(-rank - 1).includes(0))
    throw new ShapeError(`${name}: only the batch may be empty, got an input of ${formatShape(x.shape)}`);
  const kernel = spatialSizes(name, 'kernelSize', kernelSize, rank, 1);
  const input = x.shape.slice(-rank);
  const output = outputSizes(name, input, kernel, options);
  const lead = x.shape.slice(0, -rank);
  const samples = samplesFor(name, x, rank, options.randomSamples ?? null);
  // Where each window starts, and each element of it stands, along each dimension: [...lead, out..., kernel...].
  const ones = new Array<number>(2 * rank).fill(1);
  const starts = input.map((extent, i) => {
    const along = startsAlong(samples.select(-1, sampleColumns[i]), extent, output[i], kernel[i]);
    return along.reshape([...lead, ...ones.map((one, dim) => (dim === i ? output[i] : one))]);
  });
  const steps = kernel.map((extent, i) =>
    count(extent, x.device).reshape(ones.map((one, dim) => (dim === rank + i ? extent : one))),
  );
  const inPlane = (positions: readonly Tensor[]): Tensor =>
    positions.reduce((total, position, i) => total.mul(input[i]).add(position));
  const parts = takeFromPlanes(x.detach(), inPlane(starts.map((start, i) => start.add(steps[i]))), rank);
  const dims = kernel.map((_, i) => parts.ndim - rank + i);
  let rest = apply('argmax', [parts], { dims, keepDims: false });
  const best: Tensor[] = [];
  for (let i = rank - 1; i >= 0; i--) {
    const tap = i === 0 ? rest : fmod(rest, kernel[i]);
    rest = rest.div(kernel[i], { roundingMode: 'trunc' });
    best[i] = starts[i]
      .reshape([...lead, ...ones.slice(rank).map((one, d) => (d === i ? output[i] : one))])
      .add(tap);
  }
  const chosen = inPlane(best);
  const values = takeFromPlanes(x, chosen, rank);
  return options.returnIndices === true ? [values, chosen] : values;
}

function count(extent: number, device: string): Tensor {
  return apply('iota', [], { shape: [extent], dim: 0, dtype: 'int32' }, device);
}

function outputSizes(
  name: string,
  input: readonly number[],
  kernel: readonly number[],
  { outputSize, outputRatio }: FractionalMaxPoolOptions,
): number[] {
  if ((outputSize == null) === (outputRatio == null)) {
    throw new ArgumentError(
      `${name}: give either outputSize or outputRatio, got ${outputSize == null ? 'neither' : 'both'}`,
    );
  }
  const sizes =
    outputSize == null
      ? ratios(name, outputRatio as Sizes, input.length).map((ratio, i) => Math.floor(input[i] * ratio))
      : spatialSizes(name, 'outputSize', outputSize, input.length, 1);
  if (sizes.every((size, i) => size >= 1 && size + kernel[i] - 1 <= input[i])) return sizes;
  throw new ArgumentError(
    `${name}: an output of ${formatShape(sizes)} with a kernel of ${formatShape(kernel)} does not fit an input of ` +
      `${formatShape(input)}: output + kernel - 1 must be at most the input, and the output at least 1`,
  );
}

function ratios(name: string, given: Sizes, rank: number): readonly number[] {
  const each = typeof given === 'number' ? new Array<number>(rank).fill(given) : given;
  if (each.length === rank && each.every((ratio) => ratio > 0 && ratio < 1)) return each;
  throw new ArgumentError(
    `${name}: outputRatio must be one number or ${rank}, between 0 and 1, got ${formatShape(each)}`,
  );
}

/** [...lead, rank] of values in [0, 1). */
function samplesFor(name: string, x: Tensor, rank: number, given: Tensor | null): Tensor {
  const lead = x.shape.slice(0, -rank);
  if (given === null) return rand([...lead, rank], { device: x.device, dtype: x.dtype });
  const batched = lead.length === 2 ? lead : [1, ...lead];
  if (sameShape(given.shape, [...batched, rank])) return given.reshape([...lead, rank]);
  throw new ShapeError(
    `${name}: randomSamples must have shape ${formatShape([...batched, rank])}, got ${formatShape(given.shape)}`,
  );
}

/** floor((i + u) α) - floor(u α), and at the end for the last window: [...lead] to [...lead, output], int32. */
function startsAlong(sample: Tensor, input: number, output: number, kernel: number): Tensor {
  const room = input - kernel;
  const at = count(output, sample.device);
  const u = sample.unsqueeze(-1);
  const alpha = output > 1 ? room / (output - 1) : 0;
  const start = u.add(at).mul(alpha).floor().sub(u.mul(alpha).floor()).to('int32');
  return start.maximum(
    at
      .eq(output - 1)
      .to('int32')
      .mul(room),
  );
}
