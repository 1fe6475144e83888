// Ops with kernels of their own.
import { categoryOf } from '../dtype.ts';
import { DTypeError, ShapeError } from '../errors.ts';
import type { ScanOp, ScatterMode } from '../kernel.ts';
import { formatShape, type Shape, sizeOf } from '../shape.ts';
import type { HeavyDefinition } from './definition.ts';

export interface HeavyOps {
  /**
   * Contraction: left [batch..., rows..., inner...] with right [batch..., inner..., columns...] to
   * [batch..., rows..., columns...], where batch is the first `batchRank` dimensions and inner has `innerRank`.
   * With `window` movements before it, this is convolution.
   */
  readonly dot: HeavyDefinition<{ readonly batchRank: number; readonly innerRank: number }>;
  /**
   * (flat [n], index int32 of any shape) to index's shape: flat[clamp(index, 0, n - 1)]. `width` tells that the index
   * names whole rows of so many elements, one after the other: its derivative adds up rows then.
   */
  readonly take: HeavyDefinition<{ readonly width?: number }>;
  /**
   * (base [n], index int32, source of index's shape) to [n]: base with base[index] = combine(base[index], source), in
   * order. With `width`, base is rows of so many elements, which the index counts, and source has one for each index.
   */
  readonly scatter: HeavyDefinition<{ readonly mode: ScatterMode; readonly width?: number }>;
  /** (base, value): base with its row-major elements at offset + Σ strides * i replaced by value[i]; the positions are distinct. */
  readonly assign: HeavyDefinition<{ readonly strides: readonly number[]; readonly offset: number }>;
  /** Inclusive scan along a dimension. */
  readonly scan: HeavyDefinition<{ readonly dim: number; readonly op: ScanOp }>;
  /** Positions (int32) that sort along a dimension, stably; NaN is greatest. With `count`, so many from place `start` on. */
  readonly argsort: HeavyDefinition<{
    readonly dim: number;
    readonly descending: boolean;
    readonly start?: number;
    readonly count?: number;
  }>;
}

export const heavyOps: HeavyOps = {
  dot: {
    kind: 'heavy',
    infer([left, right], { batchRank, innerRank }) {
      if (left.dtype !== right.dtype)
        throw new DTypeError(`dot: inputs are ${left.dtype} and ${right.dtype}; cast one of them`);
      if (categoryOf(left.dtype) === 'bool') throw new DTypeError('dot: does not take bool; cast it first');
      const rowsEnd = left.shape.length - innerRank;
      const shared = batchRank + innerRank;
      let fits = true;
      for (let d = 0; d < shared; d++)
        fits &&= left.shape[d < batchRank ? d : rowsEnd + d - batchRank] === right.shape[d];
      if (!fits)
        throw new ShapeError(
          `dot: cannot contract ${formatShape(left.shape)} with ${formatShape(right.shape)}`,
        );
      const shape: number[] = [];
      for (let d = 0; d < rowsEnd; d++) shape.push(left.shape[d]);
      for (let d = shared; d < right.shape.length; d++) shape.push(right.shape[d]);
      return { shape, dtype: left.dtype };
    },
  },
  take: {
    kind: 'heavy',
    infer([flat, index]) {
      requireIndex('take', index.dtype);
      if (flat.shape.length !== 1)
        throw new ShapeError(`take: looks up in one dimension, got ${formatShape(flat.shape)}`);
      if (flat.shape[0] === 0 && sizeOf(index.shape) > 0)
        throw new ShapeError('take: cannot look up elements of an empty tensor');
      return { shape: index.shape, dtype: flat.dtype };
    },
  },
  scatter: {
    kind: 'heavy',
    infer([base, index, source], { width = 1 }) {
      requireIndex('scatter', index.dtype);
      if (base.shape.length !== 1)
        throw new ShapeError(`scatter: writes into one dimension, got ${formatShape(base.shape)}`);
      if (base.dtype !== source.dtype)
        throw new DTypeError(`scatter: base is ${base.dtype}, source ${source.dtype}; cast one of them`);
      if (sizeOf(index.shape) * width !== sizeOf(source.shape) || base.shape[0] % width !== 0) {
        throw new ShapeError(
          `scatter: index ${formatShape(index.shape)}, source ${formatShape(source.shape)} and base ` +
            `${formatShape(base.shape)} do not fit rows of ${width}`,
        );
      }
      return { shape: base.shape, dtype: base.dtype };
    },
  },
  assign: {
    kind: 'heavy',
    infer([base, value], { strides, offset }) {
      if (base.dtype !== value.dtype)
        throw new DTypeError(`assign: base is ${base.dtype}, value ${value.dtype}; cast one of them`);
      requireInside(base.shape, value.shape, strides, offset);
      return { shape: base.shape, dtype: base.dtype };
    },
  },
  scan: { kind: 'heavy', infer: ([x]) => ({ shape: x.shape, dtype: x.dtype }) },
  argsort: {
    kind: 'heavy',
    infer([x], { dim, start = 0, count = x.shape[dim] - start }) {
      if (count < 0 || start < 0 || start + count > x.shape[dim])
        throw new ShapeError(
          `argsort: ${formatShape(x.shape)} has no ${count} positions from ${start} on along dimension ${dim}`,
        );
      return { shape: x.shape.with(dim, count), dtype: 'int32' };
    },
  },
};

function requireIndex(name: string, dtype: string): void {
  if (dtype !== 'int32') throw new DTypeError(`${name}: the index must be int32, got ${dtype}`);
}

function requireInside(base: Shape, value: Shape, strides: readonly number[], offset: number): void {
  if (sizeOf(value) === 0) return;
  let low = offset;
  let high = offset;
  for (let i = 0; i < value.length; i++) {
    const reach = (value[i] - 1) * strides[i];
    if (reach < 0) low += reach;
    else high += reach;
  }
  if (low < 0 || high >= sizeOf(base))
    throw new ShapeError(`assign: ${formatShape(value)} reaches outside of ${formatShape(base)}`);
}
