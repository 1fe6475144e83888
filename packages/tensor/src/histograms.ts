// Counting how many elements have a value, or lie in a range.
import {
  ArgumentError,
  checkOptions,
  type DType,
  DTypeError,
  formatShape,
  isFloat,
  isInteger,
  ShapeError,
} from '@nn/core';
import { where } from './blending.ts';
import { onesLike, zeros } from './creation.ts';
import { apply, castTo, describe, floatFor, requireTensor } from './dispatch.ts';
import { stack } from './joining.ts';
import { deliver, deliverEach, type OutOptions, type OutsOptions } from './out.ts';
import { takeAt } from './positions.ts';
import { data, dataSync, hasDType } from './reading.ts';
import { amax, amin, countingDType } from './reduction.ts';
import { scatterAdd } from './scattering.ts';
import { searchsorted } from './sorting.ts';
import { Tensor } from './tensor.ts';

export interface BincountOptions {
  /** How much each element counts. Default: 1. */
  readonly weights?: Tensor | null;
  /** How many bins at least. Default 0. */
  readonly minlength?: number;
}

function checkBincount(name: string, x: Tensor, options: BincountOptions): void {
  checkOptions(name, options, ['weights', 'minlength']);
  const { weights, minlength = 0 } = options;
  if (requireTensor(name, x).ndim !== 1)
    throw new ShapeError(`${name}: takes a vector, got shape ${formatShape(x.shape)}`);
  if (!isInteger(x.dtype)) throw new DTypeError(`${name}: takes integers, got ${x.dtype}`);
  if (!Number.isInteger(minlength) || minlength < 0)
    throw new ArgumentError(
      `${name}: minlength must be an integer of at least 0, got ${describe(minlength)}`,
    );
  if (weights != null && (requireTensor(name, weights).ndim !== 1 || weights.shape[0] !== x.shape[0])) {
    throw new ShapeError(
      `${name}: ${formatShape(weights.shape)} weights for ${formatShape(x.shape)} elements: there must be as many`,
    );
  }
}

/** The least and the greatest element; nothing of nothing. */
function extremes(x: Tensor): Tensor {
  return x.numel() === 0 ? x : stack([amin(x), amax(x)]);
}

/** Counts for values 0 … the greatest one. */
function counted(
  name: string,
  x: Tensor,
  [least, greatest]: ArrayLike<number | bigint> & Iterable<number | bigint>,
  { weights, minlength = 0 }: BincountOptions,
): Tensor {
  if (least < 0) throw new ArgumentError(`${name}: takes no negative elements, got ${least}`);
  const bins = Math.max(minlength, Number(greatest ?? -1) + 1);
  const dtype = weights == null ? countingDType(x.device) : weightDType(x, weights);
  const source = weights == null ? onesLike(x, { dtype }) : castTo(weights, dtype);
  return scatterAdd(zeros([bins], { dtype, device: x.device }), 0, x, source);
}

/** PyTorch sums weights in float32 or, all others, in float64. */
function weightDType(x: Tensor, weights: Tensor): DType {
  return weights.dtype !== 'float32' && hasDType(x.device, 'float64') ? 'float64' : 'float32';
}

/**
 * `torch.bincount`: how often each of 0, 1, 2, … occurs in a vector of integers, or the sum of the weights where it
 * does. Asynchronous, because the size of the result is known only when x is.
 *
 * @throws {DTypeError} for floats; {ArgumentError} for negative elements; {ShapeError} unless x is a vector.
 * @example
 * ```ts
 * import { bincount, interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * console.log(await (await bincount(tensor([0, 2, 2]), { minlength: 4 })).int().toArray()); // => [1, 0, 2, 0]
 * ```
 */
export async function bincount(x: Tensor, options: BincountOptions = {}): Promise<Tensor> {
  checkBincount('bincount', x, options);
  return counted('bincount', x, await data(extremes(x)), options);
}

/** As `bincount`. @throws {DeviceError} where the device cannot be read synchronously. */
export function bincountSync(x: Tensor, options: BincountOptions = {}): Tensor {
  checkBincount('bincountSync', x, options);
  return counted('bincountSync', x, dataSync(extremes(x)), options);
}

/** The bounds of the data, one apart where all elements are equal; 0 and 1 of nothing. */
function bounds(x: Tensor, margin: number): { low: Tensor | number; high: Tensor | number } {
  if (x.numel() === 0) return { low: 0, high: 1 };
  const [least, most] = [amin(x), amax(x)];
  const equal = least.eq(most);
  return { low: where(equal, least.sub(margin), least), high: where(equal, most.add(margin), most) };
}

export interface HistcOptions extends OutOptions {
  /** Default 100. */
  readonly bins?: number;
  /** Bounds; the data's own where both are equal. Default 0. */
  readonly min?: number;
  readonly max?: number;
}

/** `torch.histc`: how many elements lie in each of equal ranges between min and max; others are left out. */
export function histc(x: Tensor, options: HistcOptions = {}): Tensor {
  checkOptions('histc', options, ['bins', 'min', 'max', 'out']);
  const { bins = 100, min = 0, max = 0 } = options;
  checkBins('histc', bins);
  if (max < min) throw new ArgumentError(`histc: max ${max} is less than min ${min}`);
  const flat = requireTensor('histc', x).reshape([-1]);
  const source = castTo(flat, floatFor(x.dtype));
  const { low, high } = min === max ? bounds(source, 1) : { low: min, high: max };
  const inside = source.ge(low).logicalAnd(source.le(high));
  const width = typeof low === 'number' ? (high as number) - low : (high as Tensor).sub(low);
  const position = castTo(source.sub(low).div(width).mul(bins).floor(), 'int32').clamp(0, bins - 1);
  const target = zeros([bins], { dtype: source.dtype, device: x.device });
  const counts = castTo(scatterAdd(target, 0, position, castTo(inside, source.dtype)), x.dtype);
  return deliver('histc', counts, options, [x]);
}

function checkBins(name: string, bins: unknown): void {
  if (Number.isInteger(bins) && (bins as number) > 0) return;
  throw new ArgumentError(`${name}: bins must be a positive integer, got ${describe(bins)}`);
}

export interface HistogramOptions {
  /** The outer edges, as [low, high]; of several variables [low, high, low, high, …]. Default: the data's own. */
  readonly range?: readonly number[] | null;
  /** How much each element counts. Default: 1. */
  readonly weight?: Tensor | null;
  /** Whether the result is a density, whose integral is 1. Default false: counts. */
  readonly density?: boolean;
}

export interface Histogram {
  /** Counts, sums of weights, or densities. */
  readonly hist: Tensor;
  /** Where bins begin and end: one more than there are bins. */
  readonly binEdges: Tensor;
}

/** Those of `histogram`. */
export interface HistogramOutOptions extends HistogramOptions, OutsOptions<Histogram> {}

export interface MultiHistogram {
  readonly hist: Tensor;
  /** Of each variable. */
  readonly binEdges: readonly Tensor[];
}

/** Ascending edges of one variable's bins. */
function edgesOf(
  name: string,
  x: Tensor,
  bins: number | Tensor,
  range: readonly number[] | undefined,
): Tensor {
  if (bins instanceof Tensor) {
    if (bins.ndim !== 1 || bins.shape[0] === 0)
      throw new ShapeError(`${name}: bin edges must be a vector, got shape ${formatShape(bins.shape)}`);
    if (bins.dtype !== x.dtype)
      throw new DTypeError(
        `${name}: the tensor is ${x.dtype}, the bin edges ${bins.dtype}; cast one of them`,
      );
    return bins;
  }
  checkBins(name, bins);
  if (range !== undefined && !(range[0] <= range[1] && Number.isFinite(range[1] - range[0])))
    throw new ArgumentError(
      `${name}: range [${range.join(', ')}] must be two finite numbers, the lesser first`,
    );
  const same = range !== undefined && range[0] === range[1];
  const { low, high } =
    range === undefined
      ? bounds(x, 0.5)
      : { low: same ? range[0] - 0.5 : range[0], high: same ? range[1] + 0.5 : range[1] };
  const ends = [low, high].map((end) =>
    typeof end === 'number' ? zeros([], { dtype: x.dtype, device: x.device }).add(end) : end,
  );
  const step = ends[1].sub(ends[0]).div(bins);
  const place = apply('iota', [], { shape: [bins + 1], dim: 0, dtype: 'int32' }, x.device);
  // From the nearer end, so that both ends are exact.
  const fromLow = ends[0].add(step.mul(place));
  const fromHigh = ends[1].sub(step.mul(place.neg().add(bins)));
  return where(place.lt((bins + 1) / 2), fromLow, fromHigh);
}

/** The bin of each element (int32, in range), and whether it is in any: the last bin has both its edges. */
function binsOf(x: Tensor, edges: Tensor): { bin: Tensor; inside: Tensor } {
  const count = edges.shape[0] - 1;
  const top = takeAt(edges, castTo(zeros([], { dtype: 'int32', device: x.device }).add(count), 'int32'));
  const bottom = takeAt(edges, zeros([], { dtype: 'int32', device: x.device }));
  const bin = searchsorted(edges, x, { right: true })
    .sub(1)
    .clamp(0, Math.max(count - 1, 0));
  return { bin, inside: x.ge(bottom).logicalAnd(x.le(top)) };
}

/** Points [count, variables] sorted into bins. */
function multiHistogram(
  name: string,
  points: Tensor,
  bins: readonly (number | Tensor)[],
  { range, weight, density = false }: HistogramOptions,
): MultiHistogram {
  if (!isFloat(points.dtype))
    throw new DTypeError(`${name}: takes float tensors, got ${points.dtype}. Use x.float()`);
  const [count, variables] = points.shape;
  if (range != null && range.length !== 2 * variables) {
    throw new ArgumentError(
      `${name}: range must have ${2 * variables} numbers, low and high of each variable, got ${range.length}`,
    );
  }
  if (weight != null && weight.numel() !== count) {
    throw new ShapeError(
      `${name}: ${formatShape(weight.shape)} weights for ${count} elements: there must be as many`,
    );
  }
  if (weight != null && weight.dtype !== points.dtype)
    throw new DTypeError(
      `${name}: the tensor is ${points.dtype}, the weights ${weight.dtype}; cast one of them`,
    );
  const like = { dtype: points.dtype, device: points.device };
  const binEdges: Tensor[] = [];
  let position: Tensor = zeros([count], { dtype: 'int32', device: points.device });
  let counts: Tensor = weight == null ? onesLike(points.select(1, 0)) : weight.reshape([count]);
  for (let i = 0; i < variables; i++) {
    const values = points.select(1, i);
    const edges = edgesOf(name, values, bins[i], range?.slice(2 * i, 2 * i + 2));
    const { bin, inside } = binsOf(values, edges);
    position = position.mul(edges.shape[0] - 1).add(bin);
    counts = where(inside, counts, 0);
    binEdges.push(edges);
  }
  const shape = binEdges.map((edges) => edges.shape[0] - 1);
  const total = shape.reduce((product, each) => product * each, 1);
  const counted = castTo(counts, points.dtype);
  let hist = scatterAdd(zeros([total], like), 0, castTo(position, 'int32'), counted).reshape(shape);
  if (density) {
    hist = hist.div(hist.sum());
    binEdges.forEach((edges, i) => {
      const widths = edges.narrow(0, 1, shape[i]).sub(edges.narrow(0, 0, shape[i]));
      hist = hist.div(widths.reshape(shape.map((_, dim) => (dim === i ? -1 : 1))));
    });
  }
  return { hist, binEdges };
}

/**
 * `torch.histogram`: how many elements lie in each bin, and the bins' edges. `bins` is how many there are, of equal
 * width, or their edges, ascending. Bins hold their lower edge, the last one both.
 *
 * @throws {DTypeError} for integers; {ArgumentError} for bins or a range that are none.
 * @example
 * ```ts
 * import { histogram, interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const { hist, binEdges } = histogram(tensor([1.5, 1, 2, 3]), 2);
 * console.log(await hist.toArray(), await binEdges.toArray()); // => [2, 2] [1, 2, 3]
 * ```
 */
export function histogram(x: Tensor, bins: number | Tensor, options: HistogramOutOptions = {}): Histogram {
  checkOptions('histogram', options, ['range', 'weight', 'density', 'out']);
  const points = requireTensor('histogram', x).reshape([-1, 1]);
  const { hist, binEdges } = multiHistogram('histogram', points, [bins], options);
  return deliverEach('histogram', { hist, binEdges: binEdges[0] }, options, [x, bins, options.weight]);
}

/**
 * `torch.histogramdd`: a histogram of points with several variables, [..., variables]. `bins` is how many there are for
 * each variable (a number, or one for each), or their edges.
 *
 * @throws {DTypeError} for integers; {ShapeError} for fewer than 2 dimensions; {ArgumentError} for bins that do not fit.
 * @example
 * ```ts
 * import { histogramdd, interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const { hist } = histogramdd(tensor([[0, 1], [1, 0], [2, 2]], { dtype: 'float32' }), [2, 2]);
 * console.log(await hist.toArray()); // => [[0, 1], [1, 1]]
 * ```
 */
export function histogramdd(
  x: Tensor,
  bins: number | readonly number[] | readonly Tensor[],
  options: HistogramOptions = {},
): MultiHistogram {
  checkOptions('histogramdd', options, ['range', 'weight', 'density']);
  if (requireTensor('histogramdd', x).ndim < 2)
    throw new ShapeError(`histogramdd: needs at least 2 dimensions, got shape ${formatShape(x.shape)}`);
  const variables = x.shape[x.ndim - 1];
  const list = typeof bins === 'number' ? new Array<number>(variables).fill(bins) : bins;
  if (!Array.isArray(list) || list.length !== variables)
    throw new ArgumentError(
      `histogramdd: bins must be a number or one for each of the ${variables} variables`,
    );
  return multiHistogram('histogramdd', x.reshape([-1, variables]), list, options);
}
