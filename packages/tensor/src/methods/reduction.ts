// Reductions, scans and sorting as methods.
import * as calculus from '../calculus.ts';
import * as distances from '../distances.ts';
import * as extrema from '../extrema.ts';
import * as histograms from '../histograms.ts';
import { inPlace } from '../operands.ts';
import type {
  ExtremumOptions,
  KeepdimOptions,
  ReduceDims,
  ReduceOptions,
  ValuesAndIndices,
} from '../reduction.ts';
import * as reduction from '../reduction.ts';
import * as scans from '../scans.ts';
import * as sorting from '../sorting.ts';
import * as statistics from '../statistics.ts';
import type { Tensor } from '../tensor.ts';
import * as distinct from '../unique.ts';
import { ElementwiseMethods } from './elementwise.ts';

export abstract class ReductionMethods extends ElementwiseMethods {
  nansum(this: Tensor, dim?: ReduceDims, options?: ReduceOptions): Tensor {
    return reduction.nansum(this, dim, options);
  }
  nanmean(this: Tensor, dim?: ReduceDims, options?: ReduceOptions): Tensor {
    return reduction.nanmean(this, dim, options);
  }
  aminmax(this: Tensor, options?: extrema.AminmaxOptions): { readonly min: Tensor; readonly max: Tensor } {
    return extrema.aminmax(this, options);
  }
  argmin(this: Tensor, dim?: number | null, options?: ExtremumOptions): Tensor {
    return reduction.argmin(this, dim, options);
  }
  countNonzero(this: Tensor, dim?: ReduceDims): Tensor {
    return reduction.countNonzero(this, dim);
  }
  logsumexp(this: Tensor, dim: ReduceDims, options?: KeepdimOptions): Tensor {
    return reduction.logsumexp(this, dim, options);
  }
  sumToSize(this: Tensor, shape: readonly number[]): Tensor {
    return reduction.sumToSize(this, shape);
  }
  var(this: Tensor, dim?: ReduceDims, options?: statistics.VarianceOptions): Tensor {
    return statistics.variance(this, dim, options);
  }
  std(this: Tensor, dim?: ReduceDims, options?: statistics.VarianceOptions): Tensor {
    return statistics.std(this, dim, options);
  }
  dist(this: Tensor, other: Tensor, p?: number): Tensor {
    return statistics.dist(this, other, p);
  }
  quantile(
    this: Tensor,
    q: Tensor | number | readonly number[],
    options?: statistics.QuantileOptions,
  ): Tensor {
    return statistics.quantile(this, q, options);
  }
  nanquantile(
    this: Tensor,
    q: Tensor | number | readonly number[],
    options?: statistics.QuantileOptions,
  ): Tensor {
    return statistics.nanquantile(this, q, options);
  }
  cov(this: Tensor, options?: statistics.CovOptions): Tensor {
    return statistics.cov(this, options);
  }
  corrcoef(this: Tensor): Tensor {
    return statistics.corrcoef(this);
  }
  histc(this: Tensor, options?: histograms.HistcOptions): Tensor {
    return histograms.histc(this, options);
  }
  bincount(this: Tensor, options?: histograms.BincountOptions): Promise<Tensor> {
    return histograms.bincount(this, options);
  }
  unique(this: Tensor, options?: distinct.UniqueOptions & distinct.Plain): Promise<Tensor>;
  unique(this: Tensor, options: distinct.UniqueOptions): Promise<distinct.Unique>;
  unique(this: Tensor, options: distinct.UniqueOptions = {}): Promise<Tensor | distinct.Unique> {
    return distinct.unique(this, options);
  }
  uniqueConsecutive(
    this: Tensor,
    options?: distinct.UniqueConsecutiveOptions & distinct.Plain,
  ): Promise<Tensor>;
  uniqueConsecutive(this: Tensor, options: distinct.UniqueConsecutiveOptions): Promise<distinct.Unique>;
  uniqueConsecutive(
    this: Tensor,
    options: distinct.UniqueConsecutiveOptions = {},
  ): Promise<Tensor | distinct.Unique> {
    return distinct.uniqueConsecutive(this, options);
  }
  diff(this: Tensor, options?: calculus.DiffOptions): Tensor {
    return calculus.diff(this, options);
  }
  renorm(this: Tensor, p: number, dim: number, maxnorm: number): Tensor {
    return distances.renorm(this, p, dim, maxnorm);
  }
  renorm_<T extends Tensor>(this: T, p: number, dim: number, maxnorm: number): T {
    return inPlace('renorm_', this, distances.renorm(this, p, dim, maxnorm));
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
  kthvalue(this: Tensor, k: number, dim?: number, options?: KeepdimOptions): ValuesAndIndices {
    return sorting.kthvalue(this, k, dim, options);
  }
  mode(this: Tensor, dim?: number, options?: KeepdimOptions): ValuesAndIndices {
    return sorting.mode(this, dim, options);
  }
  max(this: Tensor): Tensor;
  max(this: Tensor, other: Tensor): Tensor;
  max(this: Tensor, dim: number, options?: KeepdimOptions): ValuesAndIndices;
  max(this: Tensor, second?: number | Tensor, options?: KeepdimOptions): Tensor | ValuesAndIndices {
    return extrema.max(this, second as number, options);
  }
  min(this: Tensor): Tensor;
  min(this: Tensor, other: Tensor): Tensor;
  min(this: Tensor, dim: number, options?: KeepdimOptions): ValuesAndIndices;
  min(this: Tensor, second?: number | Tensor, options?: KeepdimOptions): Tensor | ValuesAndIndices {
    return extrema.min(this, second as number, options);
  }
  median(this: Tensor): Tensor;
  median(this: Tensor, dim: number, options?: KeepdimOptions): ValuesAndIndices;
  median(this: Tensor, dim?: number, options?: KeepdimOptions): Tensor | ValuesAndIndices {
    return dim === undefined ? sorting.median(this) : sorting.median(this, dim, options);
  }
  nanmedian(this: Tensor): Tensor;
  nanmedian(this: Tensor, dim: number, options?: KeepdimOptions): ValuesAndIndices;
  nanmedian(this: Tensor, dim?: number, options?: KeepdimOptions): Tensor | ValuesAndIndices {
    return dim === undefined ? sorting.nanmedian(this) : sorting.nanmedian(this, dim, options);
  }
}
