// Images sampled at given places.
import { ArgumentError, checkOptions, formatShape, ShapeError } from '@nn/core';
import { fmod, linspace, requireTensor, scalarTensor, stack, type Tensor, where } from '@nn/tensor';
import { checkChoice, requireFloat } from './arguments.ts';
import { takeFromPlanes } from './max-pooling.ts';

export interface GridSampleOptions {
  /** Default 'bilinear' (trilinear for volumes); 'bicubic' takes images only. */
  readonly mode?: 'bilinear' | 'nearest' | 'bicubic';
  /** What lies outside. Default 'zeros'. */
  readonly paddingMode?: 'zeros' | 'border' | 'reflection';
  /** Whether -1 and 1 are the centers of the corner elements, not their outer edges. Default false. */
  readonly alignCorners?: boolean | null;
}

interface Sampling {
  readonly x: Tensor;
  /** Height and width, or depth, height and width. */
  readonly sizes: readonly number[];
  readonly padding: 'zeros' | 'border' | 'reflection';
  readonly alignCorners: boolean;
}

/**
 * Samples [batch, channels, height, width] at a grid [batch, outHeight, outWidth, 2] of (x, y) in [-1, 1], or
 * [batch, channels, depth, height, width] at [batch, outDepth, outHeight, outWidth, 3] of (x, y, z) (spatial
 * transformer networks, Jaderberg et al. 2015).
 *
 * @throws {ShapeError | ArgumentError} for grids or options that do not fit.
 * @example
 * ```ts
 * import * as F from '@nn/functional';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const image = tensor([[[[0, 10], [20, 30]]]]).float();
 * const center = tensor([[[[0, 0]]]]).float();
 * console.log(await F.gridSample(image, center).toArray()); // => [[[[15]]]]
 * ```
 */
export function gridSample(x: Tensor, grid: Tensor, options: GridSampleOptions = {}): Tensor {
  checkOptions('gridSample', options, ['mode', 'paddingMode', 'alignCorners']);
  requireFloat('gridSample', x);
  requireFloat('gridSample', grid);
  const { mode = 'bilinear', paddingMode = 'zeros' } = options;
  checkChoice('gridSample', 'mode', mode, ['bilinear', 'nearest', 'bicubic']);
  checkChoice('gridSample', 'paddingMode', paddingMode, ['zeros', 'border', 'reflection']);
  const rank = x.ndim - 2;
  const fits =
    (rank === 2 || rank === 3) &&
    grid.ndim === x.ndim &&
    grid.shape[0] === x.shape[0] &&
    grid.shape[grid.ndim - 1] === rank;
  if (!fits) {
    throw new ShapeError(
      'gridSample: takes [batch, channels, height, width] with a grid [batch, height, width, 2], or volumes with a ' +
        `grid [batch, depth, height, width, 3], got ${formatShape(x.shape)} and ${formatShape(grid.shape)}`,
    );
  }
  if (x.shape.slice(1).includes(0))
    throw new ShapeError(`gridSample: only the batch may be empty, got an input of ${formatShape(x.shape)}`);
  if (mode === 'bicubic' && rank === 3) throw new ArgumentError("gridSample: 'bicubic' takes images only");
  const sizes = x.shape.slice(2);
  const sampling = { x, sizes, padding: paddingMode, alignCorners: options.alignCorners === true };
  // The grid's last coordinate belongs to the first spatial dimension.
  const places = sizes.map((size, i) =>
    unnormalized(grid.select(-1, rank - 1 - i), size, sampling.alignCorners),
  );
  if (mode === 'bicubic') return bicubic(sampling, places);
  const inside = places.map((place, i) => padded(place, sizes[i], sampling));
  if (mode === 'bilinear') return multilinear(sampling, inside);
  const rounded = inside.map((place) => place.round());
  // Steps have the derivative 0, and not none.
  return where(scalarTensor(false, 'bool'), inside[0].unsqueeze(1), at(sampling, rounded));
}

function unnormalized(place: Tensor, size: number, alignCorners: boolean): Tensor {
  return alignCorners ? place.add(1).mul((size - 1) / 2) : place.add(1).mul(size).sub(1).mul(0.5);
}

/** Where a place outside is looked up. */
function padded(place: Tensor, size: number, { padding, alignCorners }: Sampling): Tensor {
  if (padding === 'zeros') return place;
  if (padding === 'border') return clipped(place, size);
  return clipped(alignCorners ? reflected(place, 0, size - 1) : reflected(place, -0.5, size - 0.5), size);
}

/** Clipped to [0, size - 1]; its derivative is 0 on the borders, too. */
function clipped(place: Tensor, size: number): Tensor {
  const high = size - 1;
  return where(place.le(0), 0, where(place.ge(high), high, place));
}

function reflected(place: Tensor, low: number, high: number): Tensor {
  const span = high - low;
  if (span === 0) return place.mul(0);
  const distance = place.sub(low).abs();
  const flips = distance.div(span).floor().detach();
  const rest = distance.sub(flips.mul(span));
  const isEven = fmod(flips, 2).eq(0);
  return where(isEven, rest, rest.neg().add(span)).add(low);
}

/** The image at whole places [batch, out...] along each dimension; 0 outside: [batch, channels, out...]. */
function at({ x, sizes }: Sampling, places: readonly Tensor[]): Tensor {
  const [batch, channels] = x.shape;
  const out = places[0].shape.slice(1);
  let inside: Tensor | undefined;
  let offset: Tensor | undefined;
  places.forEach((place, i) => {
    const within = place.ge(0).logicalAnd(place.le(sizes[i] - 1));
    inside = inside === undefined ? within : inside.logicalAnd(within);
    const whole = place.clamp(0, sizes[i] - 1).to('int32');
    offset = offset === undefined ? whole : offset.mul(sizes[i]).add(whole);
  });
  const index = offset!.unsqueeze(1).expandTo([batch, channels, ...out]);
  const values = takeFromPlanes(x, index, sizes.length);
  return where(inside!.unsqueeze(1), values, 0);
}

/** Interpolates along one dimension after the other, the last one first. */
function multilinear(sampling: Sampling, places: readonly Tensor[]): Tensor {
  const base = places.map((place) => place.floor().detach());
  const fractions = places.map((place, i) => place.sub(base[i]).unsqueeze(1));
  const between = (chosen: readonly Tensor[]): Tensor => {
    const dim = chosen.length;
    if (dim === places.length) return at(sampling, chosen);
    const near = between([...chosen, base[dim]]);
    const far = between([...chosen, base[dim].add(1)]);
    return near.add(fractions[dim].mul(far.sub(near)));
  };
  return between([]);
}

/** Keys's weights (a = -0.75) of the elements before, two after and three after a place; the four sum to 1. */
function cubicWeights(t: Tensor): [Tensor, Tensor, Tensor] {
  const a = -0.75;
  const near = (x: Tensor): Tensor =>
    x
      .mul(a + 2)
      .sub(a + 3)
      .mul(x.square())
      .add(1);
  const far = (x: Tensor): Tensor => x.sub(5).mul(x).add(8).mul(x).sub(4).mul(a);
  const other = t.neg().add(1);
  return [far(t.add(1)), near(other), far(other.add(1))];
}

/** By differences from one of the elements: where all are the same, so is the result, and derivatives are 0. */
function cubicBetween(at: (step: number) => Tensor, weights: readonly [Tensor, Tensor, Tensor]): Tensor {
  const origin = at(0);
  const terms = [-1, 1, 2].map((step, i) => at(step).sub(origin).mul(weights[i].unsqueeze(1)));
  return terms.reduce((total, term) => total.add(term), origin);
}

function bicubic(sampling: Sampling, [y, x]: readonly Tensor[]): Tensor {
  const [top, left] = [y.floor().detach(), x.floor().detach()];
  const [rowWeights, columnWeights] = [cubicWeights(y.sub(top)), cubicWeights(x.sub(left))];
  const [height, width] = sampling.sizes;
  const places = (start: Tensor, size: number): Tensor[] =>
    [-1, 0, 1, 2].map((step) => padded(start.add(step), size, sampling).round());
  const [rows, columns] = [places(top, height), places(left, width)];
  return cubicBetween(
    (row) => cubicBetween((column) => at(sampling, [rows[row + 1], columns[column + 1]]), columnWeights),
    rowWeights,
  );
}

export interface AffineGridOptions {
  /** As in gridSample. Default false. */
  readonly alignCorners?: boolean | null;
}

/**
 * A grid for gridSample: the places of an output of `size` [batch, channels, height, width] under the matrices theta
 * [batch, 2, 3] (or volumes with [batch, 3, 4]).
 *
 * @throws {ShapeError} when theta and size do not fit.
 */
export function affineGrid(theta: Tensor, size: readonly number[], options: AffineGridOptions = {}): Tensor {
  checkOptions('affineGrid', options, ['alignCorners']);
  requireFloat('affineGrid', theta);
  const [batch, , ...spatial] = size;
  const rank = spatial.length;
  const fits =
    (rank === 2 || rank === 3) &&
    theta.ndim === 3 &&
    theta.shape[0] === batch &&
    theta.shape[1] === rank &&
    theta.shape[2] === rank + 1;
  if (!fits) {
    throw new ShapeError(
      `affineGrid: a grid of size ${formatShape(size)} takes theta of shape ${formatShape([batch, rank, rank + 1])}, got ${formatShape(theta.shape)}`,
    );
  }
  const { dtype, device } = theta;
  const along = (extent: number, dim: number): Tensor => {
    const edge = options.alignCorners === true ? 1 : (extent - 1) / extent;
    const line =
      extent === 1 ? linspace(0, 0, 1, { dtype, device }) : linspace(-edge, edge, extent, { dtype, device });
    return line.reshape(spatial.map((_, d) => (d === dim ? extent : 1))).expandTo(spatial);
  };
  const coordinates = spatial.map((extent, dim) => along(extent, dim)).reverse();
  const homogeneous = stack([...coordinates, coordinates[0].mul(0).add(1)], -1).reshape(-1, rank + 1);
  return requireTensor('affineGrid', homogeneous)
    .matmul(theta.mT)
    .reshape(batch, ...spatial, rank);
}
