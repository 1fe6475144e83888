// Views and rearrangements as methods.

import { inferShape } from '@nn/core';
import { requireTensor } from '../dispatch.ts';
import * as joining from '../joining.ts';
import * as movement from '../movement.ts';
import { inPlace } from '../operands.ts';
import * as shaping from '../shaping.ts';
import type { Tensor } from '../tensor.ts';
import * as tiling from '../tiling.ts';
import * as triangles from '../triangles.ts';
import { LinearMethods } from './linear.ts';

export abstract class MovementMethods extends LinearMethods {
  /** @throws {ShapeError} when the result could not share this tensor's memory; `reshape` copies then. */
  view(this: Tensor, ...shape: number[] | [readonly number[]]): Tensor {
    return movement.viewShape(this, movement.shapeArguments(shape));
  }
  /** @throws {ShapeError} when the result could not share this tensor's memory. */
  viewAs(this: Tensor, other: Tensor): Tensor {
    return movement.viewShape(this, inferShape('viewAs', requireTensor('viewAs', other).shape, this.numel()));
  }
  t(this: Tensor): Tensor {
    return movement.t(this);
  }
  repeat(this: Tensor, ...counts: number[] | [readonly number[]]): Tensor {
    return tiling.repeat(this, movement.shapeArguments(counts));
  }
  asStrided(this: Tensor, shape: readonly number[], strides: readonly number[], offset?: number): Tensor {
    return shaping.asStrided(this, shape, strides, offset);
  }
  broadcastTo(this: Tensor, shape: readonly number[]): Tensor {
    return shaping.broadcastTo(this, shape);
  }
  expandAs(this: Tensor, other: Tensor): Tensor {
    return shaping.expandAs(this, other);
  }
  reshapeAs(this: Tensor, other: Tensor): Tensor {
    return shaping.reshapeAs(this, other);
  }
  narrowCopy(this: Tensor, dim: number, start: number, length: number): Tensor {
    return shaping.narrowCopy(this, dim, start, length);
  }
  swapaxes(this: Tensor, axis0: number, axis1: number): Tensor {
    return shaping.swapaxes(this, axis0, axis1);
  }
  ravel(this: Tensor): Tensor {
    return shaping.ravel(this);
  }
  unflatten(this: Tensor, dim: number, sizes: readonly number[]): Tensor {
    return shaping.unflatten(this, dim, sizes);
  }
  unfold(this: Tensor, dim: number, size: number, step: number): Tensor {
    return shaping.unfold(this, dim, size, step);
  }
  tile(this: Tensor, counts: readonly number[]): Tensor {
    return tiling.tile(this, counts);
  }
  repeatInterleave(
    this: Tensor,
    repeats: number | ArrayLike<number | bigint> | Tensor,
    options?: tiling.RepeatInterleaveOptions,
  ): Tensor {
    return tiling.repeatInterleave(this, repeats, options);
  }
  fliplr(this: Tensor): Tensor {
    return shaping.fliplr(this);
  }
  flipud(this: Tensor): Tensor {
    return shaping.flipud(this);
  }
  roll(this: Tensor, shifts: number | readonly number[], dims?: number | readonly number[] | null): Tensor {
    return shaping.roll(this, shifts, dims);
  }
  rot90(this: Tensor, k?: number, dims?: readonly number[]): Tensor {
    return shaping.rot90(this, k, dims);
  }
  diagonalScatter(this: Tensor, src: Tensor, offset?: number, dim1?: number, dim2?: number): Tensor {
    return shaping.diagonalScatter(this, src, offset, dim1, dim2);
  }
  selectScatter(this: Tensor, src: Tensor, dim: number, index: number): Tensor {
    return shaping.selectScatter(this, src, dim, index);
  }
  sliceScatter(
    this: Tensor,
    src: Tensor,
    dim?: number,
    start?: number | null,
    end?: number | null,
    step?: number,
  ): Tensor {
    return shaping.sliceScatter(this, src, dim, start, end, step);
  }
  asStridedScatter(
    this: Tensor,
    src: Tensor,
    shape: readonly number[],
    strides: readonly number[],
    offset?: number,
  ): Tensor {
    return shaping.asStridedScatter(this, src, shape, strides, offset);
  }
  split(this: Tensor, size: number | readonly number[], dim?: number): Tensor[] {
    return joining.split(this, size, dim);
  }
  splitWithSizes(this: Tensor, sizes: readonly number[], dim?: number): Tensor[] {
    return joining.splitWithSizes(this, sizes, dim);
  }
  tensorSplit(this: Tensor, sections: number | readonly number[], dim?: number): Tensor[] {
    return joining.tensorSplit(this, sections, dim);
  }
  hsplit(this: Tensor, sections: number | readonly number[]): Tensor[] {
    return joining.hsplit(this, sections);
  }
  vsplit(this: Tensor, sections: number | readonly number[]): Tensor[] {
    return joining.vsplit(this, sections);
  }
  dsplit(this: Tensor, sections: number | readonly number[]): Tensor[] {
    return joining.dsplit(this, sections);
  }
  unbind(this: Tensor, dim?: number): Tensor[] {
    return joining.unbind(this, dim);
  }
  tril_<T extends Tensor>(this: T, offset?: number): T {
    return inPlace('tril_', this, triangles.tril(this, offset));
  }
  triu_<T extends Tensor>(this: T, offset?: number): T {
    return inPlace('triu_', this, triangles.triu(this, offset));
  }
  diag(this: Tensor, offset?: number): Tensor {
    return triangles.diag(this, offset);
  }
  diagflat(this: Tensor, offset?: number): Tensor {
    return triangles.diagflat(this, offset);
  }
  diagEmbed(this: Tensor, offset?: number, dim1?: number, dim2?: number): Tensor {
    return triangles.diagEmbed(this, offset, dim1, dim2);
  }
  trace(this: Tensor): Tensor {
    return triangles.trace(this);
  }
}
