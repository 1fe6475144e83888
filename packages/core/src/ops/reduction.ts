// Reductions over given dimensions, and arg-reductions to positions within them.
import { categoryOf } from '../dtype.ts';
import { DTypeError, ShapeError } from '../errors.ts';
import { formatShape, type Shape } from '../shape.ts';
import type { Meta, ReductionDefinition } from './definition.ts';

export interface ReduceAttributes {
  /** Distinct, in [0, rank). */
  readonly dims: readonly number[];
  /** Whether reduced dimensions stay, with size 1. */
  readonly keepDims: boolean;
}

export interface ReductionOps {
  readonly sum: ReductionDefinition<ReduceAttributes>;
  readonly prod: ReductionDefinition<ReduceAttributes>;
  /** On bool: any. */
  readonly max: ReductionDefinition<ReduceAttributes>;
  /** On bool: all. */
  readonly min: ReductionDefinition<ReduceAttributes>;
  /** Row-major position (int32) within the reduced dimensions, taken in ascending order. */
  readonly argmax: ReductionDefinition<ReduceAttributes>;
  readonly argmin: ReductionDefinition<ReduceAttributes>;
}

function reducedShape(shape: Shape, { dims, keepDims }: ReduceAttributes): number[] {
  if (keepDims) return shape.map((extent, dim) => (dims.includes(dim) ? 1 : extent));
  return shape.filter((_, dim) => !dims.includes(dim));
}

function requireElements(name: string, x: Meta, { dims }: ReduceAttributes): void {
  if (dims.some((dim) => x.shape[dim] === 0)) {
    throw new ShapeError(
      `${name}: cannot reduce ${formatShape(x.shape)} over an empty dimension: it has no identity`,
    );
  }
}

function accumulate(
  name: string,
  onBool: boolean,
  needsElements: boolean,
): ReductionDefinition<ReduceAttributes> {
  return {
    kind: 'reduction',
    infer([x], attributes) {
      if (!onBool && categoryOf(x.dtype) === 'bool')
        throw new DTypeError(`${name}: does not take bool; cast it first`);
      if (needsElements && x.dtype !== 'bool') requireElements(name, x, attributes);
      return { shape: reducedShape(x.shape, attributes), dtype: x.dtype };
    },
  };
}

function locate(name: string): ReductionDefinition<ReduceAttributes> {
  return {
    kind: 'reduction',
    infer([x], attributes) {
      requireElements(name, x, attributes);
      return { shape: reducedShape(x.shape, attributes), dtype: 'int32' };
    },
  };
}

export const reductionOps: ReductionOps = {
  sum: accumulate('sum', false, false),
  prod: accumulate('prod', false, false),
  max: accumulate('max', true, true),
  min: accumulate('min', true, true),
  argmax: locate('argmax'),
  argmin: locate('argmin'),
};
