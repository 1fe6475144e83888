// What is multiplied, and how the work is cut.

import type { GemmType } from './lanes.ts';
import { type Axis, axisLength } from './offset-tables.ts';

export interface GemmOperand {
  /** Offsets of the matrix of each batch. */
  readonly batch: Axis;
  /** Of the result's rows, or for the right operand of the inner dimension. */
  readonly rows: Axis;
  readonly columns: Axis;
}

/** All axes in elements. The batches, rows, columns and inner positions of the operands must agree in number. */
export interface GemmShape {
  readonly type: GemmType;
  /** rows x inner. */
  readonly left: GemmOperand;
  /** inner x columns. */
  readonly right: GemmOperand;
  /** rows x columns. */
  readonly result: GemmOperand;
  /** Adds to the result instead of replacing it. */
  readonly accumulate?: boolean;
}

function isContiguous(axis: Axis): boolean {
  let last = axis.extents.length - 1;
  while (last >= 0 && axis.extents[last] === 1) last--;
  return last >= 0 && axis.strides[last] === 1;
}

const transposed = (operand: GemmOperand): GemmOperand => ({
  batch: operand.batch,
  rows: operand.columns,
  columns: operand.rows,
});

/**
 * The same product, or its transpose where that is better: a single column as a single row, and a result whose columns
 * are contiguous as one whose rows are, since tiles are stored row by row.
 */
export function oriented(shape: GemmShape): GemmShape {
  const rows = axisLength(shape.result.rows);
  const columns = axisLength(shape.result.columns);
  const wantsTranspose =
    rows === 1
      ? false
      : columns === 1 || (isContiguous(shape.result.rows) && !isContiguous(shape.result.columns));
  if (!wantsTranspose) return shape;
  return {
    ...shape,
    left: transposed(shape.right),
    right: transposed(shape.left),
    result: transposed(shape.result),
  };
}

/** Bytes of the right operand once it is packed in panels of `tileColumns`. */
export function packedRightBytes(
  { right, result }: GemmShape,
  tileColumns: number,
  elementBytes: number,
): number {
  const columns = Math.ceil(axisLength(result.columns) / tileColumns) * tileColumns;
  return axisLength(result.batch) * columns * axisLength(right.rows) * elementBytes;
}
