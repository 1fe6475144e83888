// Reductions, scans, sorts, products of matrices, and what is made of them.
import { isFloat } from '@nn/tensor';
import {
  constant,
  type Domain,
  domainOf,
  inexact,
  isExact,
  magnitudeOf,
  plus,
  product,
  total,
  wrapped,
} from '../domain.ts';
import { call, type Growth, isSafeAtKinks, type Known, oneOf, type Template, v } from '../growth.ts';
import type { Argument } from '../program.ts';

interface Reduced {
  readonly dims: Argument;
  /** Elements that become one. */
  readonly count: number;
}

function reducedDims(growth: Growth, x: Known): Reduced {
  const { shape } = x.tensor;
  if (growth.random.chance(0.3)) return { dims: null, count: x.tensor.numel() };
  const dims = shape.map((_, dim) => dim).filter(() => growth.random.chance(0.5));
  if (dims.length === 1) return { dims: dims[0], count: shape[dims[0]] };
  if (dims.length === 0) return { dims: null, count: x.tensor.numel() };
  return { dims, count: dims.reduce((size, dim) => size * shape[dim], 1) };
}

const keepdim = (growth: Growth): { keepdim: boolean } => ({ keepdim: growth.random.chance(0.4) });

const sum: Template = (growth) => {
  const x = growth.find(() => true);
  if (x === null) return null;
  const { dims, count } = reducedDims(growth, x);
  const float = isFloat(x.tensor.dtype);
  const summed = total(x.domain, count);
  const dtype = float || (growth.limits.wide && growth.random.chance(0.5)) ? {} : { dtype: 'int32' };
  return call(x, 'sum', [dims, { ...keepdim(growth), ...dtype }], float ? summed : wrapped(summed));
};

const mean: Template = (growth) => {
  const x = growth.float(({ tensor, domain }) => tensor.numel() > 0 && !domain.special);
  if (x === null) return null;
  const { dims, count } = reducedDims(growth, x);
  // A power of two divides without rounding.
  const domain =
    Number.isInteger(Math.log2(count)) && isExact(total(x.domain, count))
      ? product(total(x.domain, count), constant(1 / count))
      : inexact(x.domain.low, x.domain.high);
  return call(x, 'mean', [dims, keepdim(growth)], domain);
};

const spread: Template = (growth) => {
  const x = growth.float(
    ({ tensor, domain }) => tensor.numel() > 1 && !domain.special && magnitudeOf(domain) < 100,
  );
  if (x === null) return null;
  const most = magnitudeOf(x.domain);
  return growth.random.chance(0.5)
    ? call(x, 'var', [null, { correction: 0 }], inexact(0, most * most))
    : call(x, 'logsumexp', [growth.dim(x), keepdim(growth)], inexact(-most - 1, most + 8));
};

const extremum: Template = (growth) => {
  const x = growth.find((known) => known.tensor.numel() > 0 && isSafeAtKinks(known));
  if (x === null) return null;
  const { dims } = reducedDims(growth, x);
  return call(x, growth.random.pick(['amax', 'amin']), [dims, keepdim(growth)], x.domain);
};

const located: Template = (growth) => {
  const x = growth.certain();
  if (x === null || x.tensor.numel() === 0 || x.tensor.ndim === 0 || x.tensor.dtype === 'bool') return null;
  const dim = growth.dim(x);
  const name = growth.random.pick(['argmax', 'argmin']);
  return call(x, name, [dim, keepdim(growth)], domainOf(0, x.tensor.size(dim) - 1));
};

const decided: Template = (growth) => {
  const x = growth.certain();
  if (x === null) return null;
  const { dims } = reducedDims(growth, x);
  return call(x, growth.random.pick(['any', 'all']), [dims, keepdim(growth)], domainOf(0, 1));
};

const productOfAll: Template = (growth) => {
  const x = growth.float(({ domain }) => !domain.special && magnitudeOf(domain) <= 3);
  if (x === null) return null;
  const { dims, count } = reducedDims(growth, x);
  if (count > 8) return null;
  const most = Math.max(1, magnitudeOf(x.domain) ** count);
  const domain = isExact(x.domain) ? domainOf(-most, most, x.domain.bits * count) : inexact(-most, most);
  return call(x, 'prod', [dims, keepdim(growth)], domain);
};

const scan: Template = (growth) => {
  const x = growth.find(({ tensor }) => tensor.ndim > 0 && tensor.dtype !== 'bool');
  if (x === null) return null;
  const dim = growth.dim(x);
  const float = isFloat(x.tensor.dtype);
  const domain = total(x.domain, x.tensor.size(dim));
  if (growth.random.chance(0.7)) {
    const dtype = float ? [] : [{ dtype: 'int32' }];
    return call(x, 'cumsum', [dim, ...dtype], float ? domain : wrapped(domain));
  }
  if (!isExact(x.domain) || x.tensor.requiresGrad) return null;
  return call(x, growth.random.pick(['cummax', 'cummin']), [dim], x.domain, { pick: 'values' });
};

const sorted: Template = (growth) => {
  const x = growth.certain();
  if (x === null || x.tensor.ndim === 0 || x.tensor.numel() === 0) return null;
  const dim = growth.dim(x);
  const extent = x.tensor.size(dim);
  const descending = growth.random.chance(0.4);
  const pick = growth.random.pick(['values', 'indices']);
  const domain = pick === 'values' ? x.domain : domainOf(0, extent - 1);
  if (growth.random.chance(0.3))
    return call(x, 'topk', [growth.random.integer(1, extent + 1), dim], domain, { pick });
  return growth.random.chance(0.3)
    ? call(x, 'argsort', [dim, { descending }], domainOf(0, extent - 1))
    : call(x, 'sort', [dim, { descending }], domain, { pick });
};

const matmul: Template = (growth) => {
  const x = growth.float(({ tensor }) => tensor.ndim > 0);
  if (x === null) return null;
  const inner = x.tensor.shape[x.tensor.ndim - 1];
  const y = growth.find(({ tensor }) => {
    const size = tensor.ndim === 1 ? tensor.shape[0] : tensor.shape[tensor.ndim - 2];
    return tensor.dtype === x.tensor.dtype && size === inner;
  });
  if (y === null) return null;
  return call(x, 'matmul', [v(y)], total(product(x.domain, y.domain), Math.max(inner, 1)));
};

const linear: Template = (growth) => {
  const x = growth.float(({ tensor }) => tensor.ndim > 0 && tensor.dtype === 'float32');
  if (x === null) return null;
  const inner = x.tensor.shape[x.tensor.ndim - 1];
  const weight = growth.find(
    ({ tensor }) => tensor.dtype === 'float32' && tensor.ndim === 2 && tensor.shape[1] === inner,
  );
  if (weight === null) return null;
  const bias = growth.find(
    ({ tensor }) =>
      tensor.dtype === 'float32' && tensor.ndim === 1 && tensor.shape[0] === weight.tensor.shape[0],
  );
  const dotted = total(product(x.domain, weight.domain), Math.max(inner, 1));
  return bias === null
    ? call(null, 'linear', [v(x), v(weight)], dotted)
    : call(null, 'linear', [v(x), v(weight), v(bias)], plus(dotted, bias.domain));
};

const convolution: Template = (growth) => {
  const x = growth.float(
    ({ tensor }) => tensor.ndim === 3 && tensor.dtype === 'float32' && tensor.numel() > 0,
  );
  if (x === null) return null;
  const [, channels, length] = x.tensor.shape;
  const weight = growth.find(
    ({ tensor }) =>
      tensor.ndim === 3 &&
      tensor.dtype === 'float32' &&
      tensor.shape[1] === channels &&
      tensor.shape[2] <= length,
  );
  if (weight === null) return null;
  const padding = growth.random.integer(0, 2);
  const stride = growth.random.integer(1, 3);
  const count = channels * weight.tensor.shape[2];
  return call(
    null,
    'conv1d',
    [v(x), v(weight), null, { padding, stride }],
    total(product(x.domain, weight.domain), count),
  );
};

const normalized: Template = (growth) => {
  const x = growth.float(({ tensor, domain }) => tensor.ndim > 0 && tensor.numel() > 0 && !domain.special);
  if (x === null) return null;
  const reach = Math.min(magnitudeOf(x.domain), 100);
  const last = x.tensor.shape[x.tensor.ndim - 1];
  const layer = (): Domain => inexact(-reach * 2 - 1, reach * 2 + 1);
  switch (growth.random.integer(0, 3)) {
    case 0:
      return call(x, 'softmax', [growth.dim(x)], inexact(0, 1));
    case 1:
      return call(x, 'logSoftmax', [growth.dim(x)], inexact(-2 * magnitudeOf(x.domain) - 8, 0));
    default:
      // So large an eps keeps the derivative bounded where a row is constant.
      return call(null, 'layerNorm', [v(x), [last], { eps: 1 }], layer());
  }
};

const joined: Template = (growth) => {
  const x = growth.find(({ tensor }) => tensor.ndim === 1);
  const y =
    x === null ? null : growth.find(({ tensor }) => tensor.ndim === 1 && tensor.dtype === x.tensor.dtype);
  if (x === null || y === null || x.tensor.dtype === 'bool') return null;
  const domain = product(oneOf(x), oneOf(y));
  return call(x, 'outer', [v(y)], isFloat(x.tensor.dtype) ? domain : wrapped(domain));
};

export const reductions: readonly (readonly [number, Template])[] = [
  [4, sum],
  [2, mean],
  [1, spread],
  [2, extremum],
  [2, located],
  [1, decided],
  [0.5, productOfAll],
  [2, scan],
  [2.5, sorted],
  [5, matmul],
  [1, linear],
  [1, convolution],
  [2.5, normalized],
  [0.5, joined],
];
