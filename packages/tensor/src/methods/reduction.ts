// Reductions, scans and sorting as methods.
import type { ReduceDims, ReduceOptions, ValuesAndIndices } from '../reduction.ts';
import * as reduction from '../reduction.ts';
import * as scans from '../scans.ts';
import * as sorting from '../sorting.ts';
import type { Tensor } from '../tensor.ts';
import { InPlaceMethods } from './in-place.ts';

export abstract class ReductionMethods extends InPlaceMethods {
  sum(this: Tensor, dim?: ReduceDims, options?: ReduceOptions): Tensor {
    return reduction.sum(this, dim, options);
  }
  mean(this: Tensor, dim?: ReduceDims, options?: ReduceOptions): Tensor {
    return reduction.mean(this, dim, options);
  }
  prod(this: Tensor, dim?: number, options?: ReduceOptions): Tensor {
    return reduction.prod(this, dim, options);
  }
  amax(this: Tensor, dim?: ReduceDims, options?: ReduceOptions): Tensor {
    return reduction.amax(this, dim, options);
  }
  amin(this: Tensor, dim?: ReduceDims, options?: ReduceOptions): Tensor {
    return reduction.amin(this, dim, options);
  }
  argmax(this: Tensor, dim?: number, options?: ReduceOptions): Tensor {
    return reduction.argmax(this, dim, options);
  }
  argmin(this: Tensor, dim?: number, options?: ReduceOptions): Tensor {
    return reduction.argmin(this, dim, options);
  }
  any(this: Tensor, dim?: ReduceDims, options?: ReduceOptions): Tensor {
    return reduction.any(this, dim, options);
  }
  all(this: Tensor, dim?: ReduceDims, options?: ReduceOptions): Tensor {
    return reduction.all(this, dim, options);
  }
  var(this: Tensor, dim?: ReduceDims, options?: reduction.VarianceOptions): Tensor {
    return reduction.variance(this, dim, options);
  }
  std(this: Tensor, dim?: ReduceDims, options?: reduction.VarianceOptions): Tensor {
    return reduction.std(this, dim, options);
  }

  cumsum(this: Tensor, dim: number, options?: scans.ScanOptions): Tensor {
    return scans.cumsum(this, dim, options);
  }
  cumprod(this: Tensor, dim: number, options?: scans.ScanOptions): Tensor {
    return scans.cumprod(this, dim, options);
  }
  cummax(this: Tensor, dim: number): ValuesAndIndices {
    return scans.cummax(this, dim);
  }
  cummin(this: Tensor, dim: number): ValuesAndIndices {
    return scans.cummin(this, dim);
  }
  logcumsumexp(this: Tensor, dim: number): Tensor {
    return scans.logcumsumexp(this, dim);
  }
  argsort(this: Tensor, dim?: number, options?: sorting.SortOptions): Tensor {
    return sorting.argsort(this, dim, options);
  }
  sort(this: Tensor, dim?: number, options?: sorting.SortOptions): ValuesAndIndices {
    return sorting.sort(this, dim, options);
  }
  msort(this: Tensor): Tensor {
    return sorting.msort(this);
  }
  topk(this: Tensor, k: number, dim?: number, options?: sorting.TopkOptions): ValuesAndIndices {
    return sorting.topk(this, k, dim, options);
  }
  kthvalue(this: Tensor, k: number, dim?: number, options?: sorting.KeepdimOptions): ValuesAndIndices {
    return sorting.kthvalue(this, k, dim, options);
  }
  mode(this: Tensor, dim?: number, options?: sorting.KeepdimOptions): ValuesAndIndices {
    return sorting.mode(this, dim, options);
  }
  median(this: Tensor): Tensor;
  median(this: Tensor, dim: number, options?: sorting.KeepdimOptions): ValuesAndIndices;
  median(this: Tensor, dim?: number, options?: sorting.KeepdimOptions): Tensor | ValuesAndIndices {
    return dim === undefined ? sorting.median(this) : sorting.median(this, dim, options);
  }
  nanmedian(this: Tensor): Tensor;
  nanmedian(this: Tensor, dim: number, options?: sorting.KeepdimOptions): ValuesAndIndices;
  nanmedian(this: Tensor, dim?: number, options?: sorting.KeepdimOptions): Tensor | ValuesAndIndices {
    return dim === undefined ? sorting.nanmedian(this) : sorting.nanmedian(this, dim, options);
  }
}
