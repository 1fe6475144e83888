// Triangles and diagonals of matrices.
import { ArgumentError, DTypeError, formatShape, normalizeDim, ShapeError } from '@nn/core';
import { where } from './blending.ts';
import { type CreationOptions, creation, finish, fromHost, zeros } from './creation.ts';
import { requireTensor } from './dispatch.ts';
import { deliverOnly, elementwise, type OutOptions } from './out.ts';
import { coordinates } from './positions.ts';
import { diagonal } from './shaping.ts';
import type { Tensor } from './tensor.ts';

function triangle(name: string, x: Tensor, keep: (column: Tensor, row: Tensor) => Tensor): Tensor {
  if (requireTensor(name, x).ndim < 2)
    throw new ShapeError(`${name}: needs at least 2 dimensions, got shape ${formatShape(x.shape)}`);
  const plane = x.shape.slice(-2);
  return where(
    keep(coordinates(plane, 1, x.device), coordinates(plane, 0, x.device)),
    x,
    x.dtype === 'bool' ? false : 0,
  );
}

/** `torch.tril`: zero above the given diagonal. */
export function tril(x: Tensor, offset: number = 0, options?: OutOptions): Tensor {
  return deliverOnly(
    'tril',
    triangle('tril', x, (column, row) => column.le(row.add(offset))),
    options,
    [x],
    elementwise,
  );
}

/** `torch.triu`: zero below the given diagonal. */
export function triu(x: Tensor, offset: number = 0, options?: OutOptions): Tensor {
  return deliverOnly(
    'triu',
    triangle('triu', x, (column, row) => column.ge(row.add(offset))),
    options,
    [x],
    elementwise,
  );
}

function triangleIndices(
  name: string,
  rows: number,
  columns: number,
  options: CreationOptions,
  inside: (row: number, column: number) => boolean,
): Tensor {
  for (const extent of [rows, columns]) {
    if (!Number.isInteger(extent) || extent < 0)
      throw new ArgumentError(`${name}: sizes must be integers of at least 0, got ${rows} and ${columns}`);
  }
  const { dtype, device } = creation(name, options, 'int32');
  if (dtype !== 'int32' && dtype !== 'int64')
    throw new DTypeError(`${name}: dtype must be int32 or int64, got ${dtype}`);
  const found: [number[], number[]] = [[], []];
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      if (!inside(row, column)) continue;
      found[0].push(row);
      found[1].push(column);
    }
  }
  const flat = fromHost(Int32Array.from(found.flat()), 'int32', device).reshape([2, found[0].length]);
  return finish(flat.to(dtype), options);
}

/** `torch.tril_indices`: rows and columns, [2, count], of the elements on and below the given diagonal; int32. */
export function trilIndices(
  rows: number,
  columns: number,
  offset: number = 0,
  options: CreationOptions = {},
): Tensor {
  return triangleIndices('trilIndices', rows, columns, options, (row, column) => column - row <= offset);
}

/** `torch.triu_indices`: rows and columns, [2, count], of the elements on and above the given diagonal; int32. */
export function triuIndices(
  rows: number,
  columns: number,
  offset: number = 0,
  options: CreationOptions = {},
): Tensor {
  return triangleIndices('triuIndices', rows, columns, options, (row, column) => column - row >= offset);
}

/** `torch.diag`: a matrix with the vector on its diagonal, or the diagonal of a matrix. */
export function diag(x: Tensor, offset: number = 0, options?: OutOptions): Tensor {
  return deliverOnly('diag', ofDiagonal(requireTensor('diag', x), offset), options, [x]);
}

function ofDiagonal(x: Tensor, offset: number): Tensor {
  if (x.ndim === 1) return diagEmbed(x, offset);
  if (x.ndim === 2) return diagonal(x, offset).clone();
  throw new ShapeError(`diag: takes a vector or a matrix, got shape ${formatShape(x.shape)}`);
}

/** `torch.diagflat`: a matrix with all elements on its diagonal. */
export function diagflat(x: Tensor, offset: number = 0): Tensor {
  return diagEmbed(requireTensor('diagflat', x).reshape([-1]), offset);
}

/** `torch.diag_embed`: the last dimension on a diagonal of two new dimensions. */
export function diagEmbed(x: Tensor, offset: number = 0, dim1: number = -2, dim2: number = -1): Tensor {
  if (requireTensor('diagEmbed', x).ndim === 0)
    throw new ShapeError('diagEmbed: needs at least one dimension, got shape []');
  const rank = x.ndim + 1;
  const first = normalizeDim('diagEmbed', dim1, rank);
  const second = normalizeDim('diagEmbed', dim2, rank);
  if (first === second)
    throw new ArgumentError(`diagEmbed: dim1 and dim2 are both ${first}; they must differ`);
  const size = x.shape[x.ndim - 1] + Math.abs(offset);
  const rest = x.shape.slice(0, -1);
  const shape = Array.from({ length: rank }, (_, dim) =>
    dim === first || dim === second ? size : rest.shift()!,
  );
  const result = zeros(shape, { dtype: x.dtype, device: x.device });
  diagonal(result, offset, first, second).copy_(x);
  return result;
}

/** `torch.trace`: the sum of a matrix's diagonal. */
export function trace(x: Tensor): Tensor {
  if (requireTensor('trace', x).ndim !== 2)
    throw new ShapeError(`trace: takes a matrix, got shape ${formatShape(x.shape)}`);
  return diagonal(x).sum();
}
