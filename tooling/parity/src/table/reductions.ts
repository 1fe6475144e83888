// Reductions, statistics, scans along a dimension.
import { callTensor } from '../api.ts';
import { custom, type Row, tensor } from '../signature.ts';

/** PyTorch's `unbiased` is `correction` 1 or 0; a boolean in the place of `dim` is `unbiased`. */
function variance(name: string): Row {
  return custom(
    'input dim unbiased keepdim | correction',
    ({ input, dim, unbiased, keepdim, correction }) => {
      const isUnbiased = typeof dim === 'boolean' ? dim : unbiased;
      const options = {
        ...(isUnbiased === undefined ? {} : { correction: isUnbiased ? 1 : 0 }),
        ...(correction === undefined ? {} : { correction }),
        ...(keepdim === undefined ? {} : { keepdim }),
      };
      return callTensor(name, [input, typeof dim === 'boolean' ? undefined : dim, options]);
    },
  );
}

export const reductions: Readonly<Record<string, Row>> = {
  sum: tensor('sum', 'input dim | keepdim dtype'),
  nansum: tensor('nansum', 'input dim | keepdim dtype'),
  mean: tensor('mean', 'input dim | keepdim dtype'),
  nanmean: tensor('nanmean', 'input dim | keepdim dtype'),
  prod: tensor('prod', 'input dim | keepdim dtype'),
  var: variance('var'),
  std: variance('std'),
  var_mean: variance('varMean'),
  std_mean: variance('stdMean'),
  all: tensor('all', 'input dim | keepdim'),
  any: tensor('any', 'input dim | keepdim'),
  amax: tensor('amax', 'input dim | keepdim'),
  amin: tensor('amin', 'input dim | keepdim'),
  aminmax: tensor('aminmax', 'input | dim keepdim'),
  max: tensor('max', 'input dim | keepdim'),
  min: tensor('min', 'input dim | keepdim'),
  argmax: tensor('argmax', 'input dim | keepdim'),
  argmin: tensor('argmin', 'input dim | keepdim'),
  count_nonzero: tensor('countNonzero', 'input dim'),
  logsumexp: tensor('logsumexp', 'input dim | keepdim'),
  norm: tensor('norm', 'input p dim | keepdim dtype'),
  dist: tensor('dist', 'input other p'),
  renorm: tensor('renorm', 'input p dim maxnorm'),
  trace: tensor('trace', 'input'),

  // Order statistics.
  median: tensor('median', 'input dim | keepdim'),
  nanmedian: tensor('nanmedian', 'input dim | keepdim'),
  mode: tensor('mode', 'input dim | keepdim'),
  kthvalue: tensor('kthvalue', 'input k dim | keepdim'),
  quantile: tensor('quantile', 'input q | dim keepdim interpolation'),
  nanquantile: tensor('nanquantile', 'input q | dim keepdim interpolation'),

  // Counting.
  bincount: tensor('bincount', 'input | weights minlength'),
  histc: tensor('histc', 'input | bins min max'),
  histogram: tensor('histogram', 'input bins | range weight density'),
  histogramdd: tensor('histogramdd', 'input bins | range weight density'),

  // Statistics of several variables.
  cov: tensor('cov', 'input | correction fweights aweights'),
  corrcoef: tensor('corrcoef', 'input'),

  // Scans and differences.
  cumsum: tensor('cumsum', 'input dim | dtype'),
  cumprod: tensor('cumprod', 'input dim | dtype'),
  cummax: tensor('cummax', 'input dim'),
  cummin: tensor('cummin', 'input dim'),
  logcumsumexp: tensor('logcumsumexp', 'input dim'),
  diff: tensor('diff', 'input | n dim prepend append'),
  gradient: tensor('gradient', 'input | spacing dim edge_order'),
  trapz: tensor('trapz', 'y x | dx dim'),
  trapezoid: tensor('trapezoid', 'y x | dx dim'),
  cumulative_trapezoid: tensor('cumulativeTrapezoid', 'y x | dx dim'),
};
