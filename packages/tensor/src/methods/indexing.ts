// Indexing, gathering, scattering and masks as methods.

import type { Scalar } from '../dispatch.ts';
import * as gathering from '../gathering.ts';
import type { Index } from '../indexing.ts';
import * as indexing from '../indexing.ts';
import * as masking from '../masking.ts';
import { inPlace } from '../operands.ts';
import * as scattering from '../scattering.ts';
import type { Tensor } from '../tensor.ts';
import { MovementMethods } from './movement.ts';

export abstract class IndexingMethods extends MovementMethods {
  at(this: Tensor, ...indices: Index[]): Tensor {
    return indexing.at(this, indices);
  }
  setAt_<T extends Tensor>(this: T, indices: readonly Index[], value: Tensor | Scalar): T {
    return indexing.setAt(this, indices, value) as T;
  }
  takeAlongDim(this: Tensor, index: Tensor, dim?: number | null): Tensor {
    return gathering.takeAlongDim(this, index, dim);
  }
  take(this: Tensor, index: Tensor): Tensor {
    return gathering.take(this, index);
  }
  scatter(
    this: Tensor,
    dim: number,
    index: Tensor,
    src: Tensor | Scalar,
    options?: scattering.ScatterOptions,
  ): Tensor {
    return scattering.scatter(this, dim, index, src, options);
  }
  scatter_<T extends Tensor>(
    this: T,
    dim: number,
    index: Tensor,
    src: Tensor | Scalar,
    options?: scattering.ScatterOptions,
  ): T {
    return inPlace('scatter_', this, scattering.scatter(this, dim, index, src, options));
  }
  scatterAdd(this: Tensor, dim: number, index: Tensor, src: Tensor): Tensor {
    return scattering.scatterAdd(this, dim, index, src);
  }
  scatterAdd_<T extends Tensor>(this: T, dim: number, index: Tensor, src: Tensor): T {
    return inPlace('scatterAdd_', this, scattering.scatterAdd(this, dim, index, src));
  }
  scatterReduce(
    this: Tensor,
    dim: number,
    index: Tensor,
    src: Tensor,
    reduce: scattering.ScatterReduction,
    options?: scattering.IncludeSelfOptions,
  ): Tensor {
    return scattering.scatterReduce(this, dim, index, src, reduce, options);
  }
  scatterReduce_<T extends Tensor>(
    this: T,
    dim: number,
    index: Tensor,
    src: Tensor,
    reduce: scattering.ScatterReduction,
    options?: scattering.IncludeSelfOptions,
  ): T {
    return inPlace('scatterReduce_', this, scattering.scatterReduce(this, dim, index, src, reduce, options));
  }
  indexAdd(
    this: Tensor,
    dim: number,
    index: Tensor,
    source: Tensor,
    options?: { readonly alpha?: number },
  ): Tensor {
    return scattering.indexAdd(this, dim, index, source, options);
  }
  indexAdd_<T extends Tensor>(
    this: T,
    dim: number,
    index: Tensor,
    source: Tensor,
    options?: { readonly alpha?: number },
  ): T {
    return inPlace('indexAdd_', this, scattering.indexAdd(this, dim, index, source, options));
  }
  indexCopy(this: Tensor, dim: number, index: Tensor, source: Tensor): Tensor {
    return scattering.indexCopy(this, dim, index, source);
  }
  indexCopy_<T extends Tensor>(this: T, dim: number, index: Tensor, source: Tensor): T {
    return inPlace('indexCopy_', this, scattering.indexCopy(this, dim, index, source));
  }
  indexFill(this: Tensor, dim: number, index: Tensor, value: Tensor | Scalar): Tensor {
    return scattering.indexFill(this, dim, index, value);
  }
  indexFill_<T extends Tensor>(this: T, dim: number, index: Tensor, value: Tensor | Scalar): T {
    return inPlace('indexFill_', this, scattering.indexFill(this, dim, index, value));
  }
  indexReduce(
    this: Tensor,
    dim: number,
    index: Tensor,
    source: Tensor,
    reduce: Exclude<scattering.ScatterReduction, 'sum'>,
    options?: scattering.IncludeSelfOptions,
  ): Tensor {
    return scattering.indexReduce(this, dim, index, source, reduce, options);
  }
  indexReduce_<T extends Tensor>(
    this: T,
    dim: number,
    index: Tensor,
    source: Tensor,
    reduce: Exclude<scattering.ScatterReduction, 'sum'>,
    options?: scattering.IncludeSelfOptions,
  ): T {
    return inPlace('indexReduce_', this, scattering.indexReduce(this, dim, index, source, reduce, options));
  }
  indexPut(
    this: Tensor,
    indices: readonly Index[],
    values: Tensor | Scalar,
    options?: scattering.AccumulateOptions,
  ): Tensor {
    return scattering.indexPut(this, indices, values, options);
  }
  indexPut_<T extends Tensor>(
    this: T,
    indices: readonly Index[],
    values: Tensor | Scalar,
    options?: scattering.AccumulateOptions,
  ): T {
    return inPlace('indexPut_', this, scattering.indexPut(this, indices, values, options));
  }
  put(this: Tensor, index: Tensor, source: Tensor, options?: scattering.AccumulateOptions): Tensor {
    return scattering.put(this, index, source, options);
  }
  put_<T extends Tensor>(this: T, index: Tensor, source: Tensor, options?: scattering.AccumulateOptions): T {
    return inPlace('put_', this, scattering.put(this, index, source, options));
  }
  maskedFill(this: Tensor, mask: Tensor, value: Tensor | Scalar): Tensor {
    return masking.maskedFill(this, mask, value);
  }
  maskedFill_<T extends Tensor>(this: T, mask: Tensor, value: Tensor | Scalar): T {
    return inPlace('maskedFill_', this, masking.maskedFill(this, mask, value));
  }
  maskedScatter(this: Tensor, mask: Tensor, source: Tensor): Tensor {
    return masking.maskedScatter(this, mask, source);
  }
  maskedScatter_<T extends Tensor>(this: T, mask: Tensor, source: Tensor): T {
    return inPlace('maskedScatter_', this, masking.maskedScatter(this, mask, source));
  }
  maskedSelect(this: Tensor, mask: Tensor): Promise<Tensor> {
    return masking.maskedSelect(this, mask);
  }
  maskedSelectSync(this: Tensor, mask: Tensor): Tensor {
    return masking.maskedSelectSync(this, mask);
  }
  nonzero(this: Tensor): Promise<Tensor> {
    return masking.nonzero(this);
  }
  nonzeroSync(this: Tensor): Tensor {
    return masking.nonzeroSync(this);
  }
  argwhere(this: Tensor): Promise<Tensor> {
    return masking.argwhere(this);
  }
  isin(this: Tensor, values: Tensor, options?: { readonly invert?: boolean }): Tensor {
    return masking.isin(this, values, options);
  }
}
