// Views and other movements. A view's values are its storage's: only what copies claims a domain.
import { type Shape, sizeOf } from '@nn/core';
import { constant, join } from '../domain.ts';
import { call, type Growth, type Known, oneOf, type Template, v } from '../growth.ts';
import type { Argument } from '../program.ts';

const withDims = (growth: Growth, least: number = 1): Known | null =>
  growth.find(({ tensor }) => tensor.ndim >= least);

function factors(growth: Growth, size: number): number[] {
  const shape: number[] = [];
  let rest = size;
  while (rest > 1 && shape.length < 3) {
    const divisors = Array.from({ length: rest }, (_, i) => i + 1).filter((d) => d > 1 && rest % d === 0);
    const divisor = growth.random.pick(divisors);
    shape.push(divisor);
    rest /= divisor;
  }
  if (rest > 1) shape.push(rest);
  if (growth.random.chance(0.2)) shape.splice(growth.random.integer(0, shape.length + 1), 0, 1);
  return shape;
}

const reshape: Template = (growth) => {
  const x = growth.find(({ tensor }) => tensor.numel() > 0 && tensor.numel() <= 4096);
  if (x === null) return null;
  const shape = growth.random.chance(0.3) ? [-1] : factors(growth, x.tensor.numel());
  return call(x, growth.random.pick(['reshape', 'reshape', 'view']), [shape], x.domain);
};

const permute: Template = (growth) => {
  const x = withDims(growth, 2);
  if (x === null) return null;
  const order = growth.random.shuffled(x.tensor.shape.map((_, dim) => dim));
  return growth.random.chance(0.6)
    ? call(x, 'permute', [order], undefined)
    : call(x, 'transpose', [order[0], order[1]], undefined);
};

const expand: Template = (growth) => {
  const x = growth.find(({ tensor }) => tensor.ndim <= 3 && tensor.numel() * 3 <= growth.limits.elements);
  if (x === null) return null;
  const shape = x.tensor.shape.map((extent) =>
    extent === 1 && growth.random.chance(0.7) ? growth.random.pick([2, 3]) : -1,
  );
  if (growth.random.chance(0.5) || !shape.some((extent) => extent > 1))
    shape.unshift(growth.random.pick([1, 2, 3]));
  return call(x, 'expand', [shape], undefined);
};

/** One index for `at`: a number, a slice with any step, or all. */
function index(growth: Growth, extent: number): Argument {
  if (extent === 0 || growth.random.chance(0.3)) return ':';
  if (growth.random.chance(0.25)) return growth.random.integer(-extent, extent);
  const step = growth.random.pick([1, 1, 2, 3, -1, -1, -2]);
  const bound = (): number | null =>
    growth.random.chance(0.4) ? null : growth.random.integer(-extent, extent + 1);
  return { slice: [bound(), bound(), step] };
}

/** What stands between the brackets; views only. */
export function indices(growth: Growth, shape: Shape): Argument[] {
  const given = shape.map((extent) => index(growth, extent));
  if (growth.random.chance(0.15)) given.splice(growth.random.integer(0, given.length + 1), 0, null);
  return given;
}

const at: Template = (growth) => {
  const x = withDims(growth);
  return x === null ? null : call(x, 'at', indices(growth, x.tensor.shape), undefined);
};

const narrow: Template = (growth) => {
  const x = withDims(growth);
  if (x === null) return null;
  const dim = growth.dim(x);
  const extent = x.tensor.size(dim);
  if (extent === 0) return null;
  const start = growth.random.integer(0, extent);
  return growth.random.chance(0.5)
    ? call(x, 'narrow', [dim, start, growth.random.integer(1, extent - start + 1)], undefined)
    : call(x, 'select', [dim, start], undefined);
};

const diagonal: Template = (growth) => {
  const x = withDims(growth, 2);
  if (x === null) return null;
  const [a, b] = growth.random.shuffled(x.tensor.shape.map((_, dim) => dim));
  return call(x, 'diagonal', [growth.random.integer(-1, 2), a, b], undefined);
};

const unfold: Template = (growth) => {
  const x = withDims(growth);
  if (x === null) return null;
  const dim = growth.dim(x);
  const size = growth.random.integer(1, x.tensor.size(dim) + 1);
  return call(x, 'unfold', [dim, size, growth.random.integer(1, 3)], undefined);
};

const asStrided: Template = (growth) => {
  const x = growth.find(({ tensor }) => tensor.viewInfo === null && tensor.numel() > 0);
  if (x === null) return null;
  const size = x.tensor.numel();
  const offset = growth.random.integer(0, size);
  const shape: number[] = [];
  const strides: number[] = [];
  let room = size - 1 - offset;
  for (let dim = 0; dim < growth.random.integer(1, 3); dim++) {
    const stride = growth.random.integer(1, 5);
    const extent = growth.random.integer(1, Math.min(4, Math.floor(room / stride) + 1) + 1);
    shape.push(extent);
    strides.push(stride);
    room -= stride * (extent - 1);
  }
  return call(x, 'asStrided', [shape, strides, offset], undefined);
};

const squeezed: Template = (growth) => {
  const x = growth.find(({ tensor }) => tensor.ndim < 5);
  if (x === null) return null;
  if (growth.random.chance(0.5)) return call(x, 'squeeze', [], undefined);
  return call(x, 'unsqueeze', [growth.random.integer(0, x.tensor.ndim + 1)], undefined);
};

const pieces: Template = (growth) => {
  const x = withDims(growth);
  if (x === null) return null;
  const dim = growth.dim(x);
  const extent = x.tensor.size(dim);
  if (extent < 2) return null;
  const pick = growth.random.integer(0, 2);
  if (growth.random.chance(0.4)) return call(x, 'unbind', [dim], undefined, { pick });
  return call(x, 'split', [Math.ceil(extent / 2), dim], undefined, { pick });
};

// ---- Movements that copy ----

const moved: Template = (growth) => {
  const x = withDims(growth);
  if (x === null) return null;
  const dim = growth.dim(x);
  const name = growth.random.pick(['flip', 'roll', 'clone', 'contiguous', 'repeat']);
  if (name === 'flip') return call(x, 'flip', [dim], x.domain);
  if (name === 'roll') return call(x, 'roll', [growth.random.integer(-2, 3), dim], x.domain);
  if (name === 'repeat') {
    const counts = x.tensor.shape.map(() => growth.random.integer(1, 3));
    return sizeOf(x.tensor.shape.map((extent, i) => extent * counts[i])) > growth.limits.elements
      ? null
      : call(x, 'repeat', [counts], x.domain);
  }
  return call(x, name, [], x.domain);
};

const pad: Template = (growth) => {
  const x = growth.find(({ tensor }) => tensor.ndim > 0 && tensor.dtype.startsWith('float'));
  if (x === null || x.tensor.numel() * 4 > growth.limits.elements) return null;
  const amount = (): number => growth.random.integer(0, 3);
  const value = growth.random.pick([0, 0, 1, -0.5]);
  const padding = [amount(), amount(), ...(x.tensor.ndim > 1 ? [amount(), amount()] : [])];
  return call(null, 'pad', [v(x), padding, { value }], join(x.domain, constant(value)));
};

const triangle: Template = (growth) => {
  const x = withDims(growth, 2);
  if (x === null) return null;
  return call(
    x,
    growth.random.pick(['tril', 'triu']),
    [growth.random.integer(-1, 2)],
    join(x.domain, constant(0)),
  );
};

const cat: Template = (growth) => {
  const x = withDims(growth);
  if (x === null) return null;
  const dim = growth.random.integer(0, x.tensor.ndim);
  const fits = (shape: Shape): boolean =>
    shape.length === x.tensor.ndim && shape.every((extent, i) => i === dim || extent === x.tensor.shape[i]);
  const parts = [
    x,
    ...[1, 2].map(() => growth.find((y) => y.tensor.dtype === x.tensor.dtype && fits(y.tensor.shape))),
  ];
  const given = growth.random.shuffled(parts.filter((part): part is Known => part !== null));
  return call(null, 'cat', [given.map(v), dim], oneOf(...given));
};

const stack: Template = (growth) => {
  const x = growth.find(({ tensor }) => tensor.ndim < 4);
  if (x === null) return null;
  const y = growth.find(
    ({ tensor }) => tensor.dtype === x.tensor.dtype && tensor.shape.join() === x.tensor.shape.join(),
  );
  if (y === null) return null;
  return call(null, 'stack', [[v(x), v(y)], growth.random.integer(0, x.tensor.ndim + 1)], oneOf(x, y));
};

export const views: readonly (readonly [number, Template])[] = [
  [4, reshape],
  [4, permute],
  [2, expand],
  [5, at],
  [2, narrow],
  [1.5, diagonal],
  [1, unfold],
  [1, asStrided],
  [1, squeezed],
  [1, pieces],
  [3, moved],
  [1, pad],
  [1, triangle],
  [2, cat],
  [1, stack],
];
