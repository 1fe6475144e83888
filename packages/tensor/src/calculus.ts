// Differences, derivatives and integrals of sampled functions along a dimension.
import {
  ArgumentError,
  checkOptions,
  DTypeError,
  formatShape,
  normalizeDim,
  normalizeDims,
  ShapeError,
} from '@nn/core';
import { castTo, describe, floatFor, requireTensor } from './dispatch.ts';
import { cat } from './joining.ts';
import { deliver, type OutOptions } from './out.ts';
import { sum } from './reduction.ts';
import { cumsum } from './scans.ts';
import type { Tensor } from './tensor.ts';

export interface DiffOptions extends OutOptions {
  /** How often. Default 1. */
  readonly n?: number;
  /** Default -1. */
  readonly dim?: number;
  /** Put before x along the dimension. */
  readonly prepend?: Tensor;
  /** Put behind x along the dimension. */
  readonly append?: Tensor;
}

/** All but the first and all but the last elements along a dimension. */
function neighbours(x: Tensor, dim: number): { later: Tensor; earlier: Tensor } {
  const length = Math.max(x.shape[dim] - 1, 0);
  return { later: x.narrow(dim, Math.min(1, x.shape[dim]), length), earlier: x.narrow(dim, 0, length) };
}

/**
 * `torch.diff`: differences of neighbours along a dimension, `n` times over. Of bools: whether neighbours differ.
 *
 * @throws {ArgumentError} for an `n` that is no integer of at least 0.
 * @throws {ShapeError} for a tensor without dimensions, and for what cannot be put before or behind it.
 * @example
 * ```ts
 * import { diff, interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * console.log(await diff(tensor([1, 3, 6, 10])).toArray()); // => [2, 3, 4]
 * console.log(await diff(tensor([1, 3, 6, 10]), { n: 2 }).toArray()); // => [1, 1]
 * ```
 */
export function diff(x: Tensor, options: DiffOptions = {}): Tensor {
  checkOptions('diff', options, ['n', 'dim', 'prepend', 'append', 'out']);
  return deliver('diff', differences(x, options), options, [x, options.prepend, options.append]);
}

function differences(x: Tensor, options: DiffOptions): Tensor {
  const { n = 1, prepend, append } = options;
  if (requireTensor('diff', x).ndim === 0)
    throw new ShapeError('diff: a tensor without dimensions has no neighbours');
  const dim = normalizeDim('diff', options.dim ?? -1, x.ndim);
  if (!Number.isInteger(n) || n < 0)
    throw new ArgumentError(`diff: n must be an integer of at least 0, got ${describe(n)}`);
  if (n === 0) return x.clone();
  const parts = [prepend, x, append].filter((part) => part != null);
  let result = parts.length === 1 ? x : cat(parts, dim);
  for (let i = Math.min(n, result.shape[dim]); i > 0; i--) {
    const { later, earlier } = neighbours(result, dim);
    result = result.dtype === 'bool' ? later.logicalXor(earlier) : later.sub(earlier);
  }
  return result;
}

export interface GradientOptions {
  /** Between samples: a number for all dimensions, a number for each, or the samples' places (vectors) in each. Default 1. */
  readonly spacing?: number | readonly number[] | readonly Tensor[] | null;
  /** The dimensions to differentiate along. Default: all. */
  readonly dim?: number | readonly number[] | null;
  /** Accuracy at both ends: 1 (default) or 2. */
  readonly edgeOrder?: 1 | 2;
}

/** The part of one dimension as a column of weights, [n, 1, 1, …], fitting in front of x's later dimensions. */
function column(x: Tensor, dim: number, values: Tensor): Tensor {
  return values.reshape(x.shape.slice(dim).map((_, i) => (i === 0 ? values.numel() : 1)));
}

/** Second-order differences inside, `edgeOrder` ones at both ends (Fornberg 1988). */
function derivative(x: Tensor, dim: number, gaps: Tensor | number, edgeOrder: 1 | 2): Tensor {
  const last = x.shape[dim] - 1;
  const at = (start: number, length: number = 1): Tensor => x.narrow(dim, start, length);
  const gap = (start: number, length: number = 1): Tensor | number =>
    typeof gaps === 'number' ? gaps : column(x, dim, gaps.narrow(0, start, length));
  const edge = (first: number, second: number, third: number): Tensor => {
    // Places first < second < third, counted from the end where they are descending.
    const near = gap(Math.min(first, second));
    if (edgeOrder === 1)
      return at(Math.max(first, second))
        .sub(at(Math.min(first, second)))
        .div(near);
    const far = gap(Math.min(second, third));
    const sign = first < second ? 1 : -1;
    if (typeof near === 'number' || typeof far === 'number') {
      const step = sign * Number(near);
      return at(first).mul(-1.5).add(at(second).mul(2)).sub(at(third).mul(0.5)).div(step);
    }
    const both = near.add(far);
    const slope = at(first)
      .mul(near.mul(2).add(far).neg().div(near.mul(both)))
      .add(at(second).mul(both.div(near.mul(far))))
      .sub(at(third).mul(near.div(far.mul(both))));
    return slope.mul(sign);
  };
  const parts = [edge(0, 1, 2)];
  if (last > 1) {
    const [before, middle, behind] = [at(0, last - 1), at(1, last - 1), at(2, last - 1)];
    const [left, right] = [gap(0, last - 1), gap(1, last - 1)];
    if (typeof left === 'number' || typeof right === 'number')
      parts.push(behind.sub(before).div(2 * Number(left)));
    else {
      const both = left.add(right);
      parts.push(
        behind
          .mul(left.div(right.mul(both)))
          .add(middle.mul(right.sub(left).div(left.mul(right))))
          .sub(before.mul(right.div(left.mul(both)))),
      );
    }
  }
  parts.push(edge(last, last - 1, last - 2));
  return cat(parts, dim);
}

function spacingAlong(spacing: GradientOptions['spacing'], i: number, count: number): number | Tensor {
  if (spacing == null) return 1;
  if (typeof spacing === 'number') return spacing;
  if (!Array.isArray(spacing) || spacing.length !== count) {
    const seen = Array.isArray(spacing) ? `${spacing.length} of them` : describe(spacing);
    throw new ArgumentError(
      `gradient: spacing must be a number, or one number or vector for each of the ${count} dimensions, got ${seen}`,
    );
  }
  return spacing[i] as number | Tensor;
}

/**
 * `torch.gradient`: the derivative of a sampled function along each dimension, from second-order differences; one
 * tensor for each dimension. Integers give floats.
 *
 * @throws {ArgumentError} for an edge order other than 1 and 2, and for spacings that do not fit.
 * @throws {ShapeError} for a dimension with fewer than edgeOrder + 1 samples.
 * @example
 * ```ts
 * import { gradient, interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const [slope] = gradient(tensor([1, 4, 9, 16]));
 * console.log(await slope.toArray()); // => [3, 4, 6, 7]
 * ```
 */
export function gradient(x: Tensor, options: GradientOptions = {}): Tensor[] {
  checkOptions('gradient', options, ['spacing', 'dim', 'edgeOrder']);
  const { spacing, edgeOrder = 1 } = options;
  const source = castTo(requireTensor('gradient', x), floatFor(x.dtype));
  if (edgeOrder !== 1 && edgeOrder !== 2)
    throw new ArgumentError(`gradient: edgeOrder must be 1 or 2, got ${describe(edgeOrder)}`);
  const dims = normalizeDims('gradient', options.dim ?? undefined, x.ndim);
  return dims.map((dim, i) => {
    const extent = x.shape[dim];
    if (extent < edgeOrder + 1) {
      throw new ShapeError(
        `gradient: dimension ${dim} of ${formatShape(x.shape)} has ${extent} samples; edgeOrder ${edgeOrder} needs ${edgeOrder + 1}`,
      );
    }
    const along = spacingAlong(spacing, i, dims.length);
    if (typeof along === 'number') return derivative(source, dim, along, edgeOrder);
    if (requireTensor('gradient', along).ndim !== 1 || along.shape[0] !== extent) {
      throw new ShapeError(
        `gradient: the places along dimension ${dim} must be a vector of ${extent}, got shape ${formatShape(along.shape)}`,
      );
    }
    return derivative(source, dim, diff(castTo(along, source.dtype)), edgeOrder);
  });
}

export interface TrapezoidOptions {
  /** The distance of neighbouring samples, where no places are given. Default 1. */
  readonly dx?: number;
  /** Default -1. */
  readonly dim?: number;
}

/** Twice the area between each two samples, and the dimension. */
function areas(
  name: string,
  y: Tensor,
  x: Tensor | null | undefined,
  options: TrapezoidOptions,
): { doubled: Tensor; dim: number } {
  checkOptions(name, options, ['dx', 'dim']);
  if (requireTensor(name, y).ndim === 0)
    throw new ShapeError(`${name}: a tensor without dimensions has no samples`);
  const dim = normalizeDim(name, options.dim ?? -1, y.ndim);
  if (y.dtype === 'bool' || x?.dtype === 'bool')
    throw new DTypeError(`${name}: does not take bool tensors; cast them first`);
  const { later, earlier } = neighbours(y, dim);
  const heights = later.add(earlier);
  if (x == null) return { doubled: heights.mul(options.dx ?? 1), dim };
  if (options.dx !== undefined)
    throw new ArgumentError(`${name}: takes either the places x or their distance dx, got both`);
  const widths = diff(placesAlong(name, requireTensor(name, x), y, dim), { dim });
  return { doubled: heights.mul(widths), dim };
}

/** Places with as many dimensions as the samples. */
function placesAlong(name: string, x: Tensor, y: Tensor, dim: number): Tensor {
  if (x.ndim === 1) {
    if (x.shape[0] !== y.shape[dim])
      throw new ShapeError(
        `${name}: ${x.shape[0]} places for the ${y.shape[dim]} samples of dimension ${dim}`,
      );
    return x.reshape(y.shape.map((_, i) => (i === dim ? -1 : 1)));
  }
  const missing = Math.max(y.ndim - x.ndim, 0);
  return x.reshape([...new Array<number>(missing).fill(1), ...x.shape]);
}

/** Half, as a float. */
function halved(doubled: Tensor): Tensor {
  return doubled.div(2);
}

/**
 * `torch.trapezoid`: the integral of samples y along a dimension by the trapezoidal rule, at the places x (a vector,
 * or a shape that broadcasts with y's), or `dx` apart.
 *
 * @throws {ShapeError} for places that do not fit the samples; {DTypeError} for bools.
 * @example
 * ```ts
 * import { interpreter, tensor, trapezoid, use } from '@nn/tensor';
 * use(interpreter());
 * console.log(await trapezoid(tensor([1, 2, 3])).item()); // => 4
 * console.log(await trapezoid(tensor([1, 2, 3]), tensor([0, 2, 6])).item()); // => 13
 * ```
 */
export function trapezoid(y: Tensor, x?: Tensor | null, options: TrapezoidOptions = {}): Tensor {
  const { doubled, dim } = areas('trapezoid', y, x, options);
  return halved(sum(doubled, dim));
}

/** `torch.trapz`: trapezoid. */
export function trapz(y: Tensor, x?: Tensor | null, options: TrapezoidOptions = {}): Tensor {
  const { doubled, dim } = areas('trapz', y, x, options);
  return halved(sum(doubled, dim));
}

/** `torch.cumulative_trapezoid`: the integrals from the first sample to each later one; options as in `trapezoid`. */
export function cumulativeTrapezoid(y: Tensor, x?: Tensor | null, options: TrapezoidOptions = {}): Tensor {
  const { doubled, dim } = areas('cumulativeTrapezoid', y, x, options);
  return halved(cumsum(doubled, dim));
}
