// New tensors: literals, constants, random numbers, leaves.
import { type Shape, sizeOf } from '@nn/core';
import { type Domain, domainOf, inexact } from '../domain.ts';
import { call, type Draft, type Growth, type Template } from '../growth.ts';
import type { Argument } from '../program.ts';

function literal(
  shape: Shape,
  element: () => number | boolean,
  options: Readonly<Record<string, Argument>>,
  domain: Domain,
): Draft {
  const values = Array.from({ length: sizeOf(shape) }, element);
  return call(null, 'tensor', [values, { shape: [...shape], ...options }], domain);
}

/** Multiples of a quarter. */
const quarters = (growth: Growth) => (): number => growth.random.integer(-12, 13) / 4;
const quarterDomain = domainOf(-3, 3, 2);

const floats: Template = (growth) =>
  literal(growth.shape(), quarters(growth), { dtype: 'float32' }, quarterDomain);

const doubles: Template = (growth) =>
  growth.limits.wide ? literal(growth.shape(), quarters(growth), { dtype: 'float64' }, quarterDomain) : null;

const special: Template = (growth) => {
  const element = (): number =>
    growth.random.chance(0.4)
      ? growth.random.pick([Number.NaN, Infinity, -Infinity, -0])
      : quarters(growth)();
  return literal(growth.shape(), element, { dtype: 'float32' }, { ...quarterDomain, special: true });
};

const integers: Template = (growth) => {
  const wide = growth.limits.wide && growth.random.chance(0.2);
  const dtype = wide ? 'int64' : 'int32';
  const element = (): number => growth.random.integer(-8, 9);
  return literal(growth.shape(), element, { dtype }, domainOf(-8, 8));
};

const bools: Template = (growth) =>
  literal(growth.shape(), () => growth.random.chance(0.5), { dtype: 'bool' }, domainOf(0, 1));

const leaf: Template = (growth) =>
  literal(growth.shape(3), quarters(growth), { dtype: 'float32', requiresGrad: true }, quarterDomain);

const constants: Template = (growth) => {
  const dtype = growth.random.pick(['float32', 'int32']);
  const [name, value] = growth.random.pick([
    ['zeros', 0],
    ['ones', 1],
  ] as const);
  return call(null, name, [growth.shape(), { dtype }], domainOf(value, value));
};

const full: Template = (growth) => {
  const value = growth.number();
  return call(null, 'full', [growth.shape(), value, { dtype: 'float32' }], domainOf(value, value, 2));
};

const ranges: Template = (growth) => {
  const count = growth.random.pick(growth.limits.extents);
  const dtype = growth.random.pick(['float32', 'int32']);
  return growth.random.chance(0.5)
    ? call(null, 'arange', [count, { dtype }], domainOf(0, count))
    : call(null, 'eye', [count, growth.random.pick(growth.limits.extents), { dtype }], domainOf(0, 1));
};

const uniform: Template = (growth) => call(null, 'rand', [growth.shape()], domainOf(0, 1, 24));

const normal: Template = (growth) => call(null, 'randn', [growth.shape(3)], inexact(-6, 6));

const randomIntegers: Template = (growth) => {
  const low = growth.random.integer(-5, 3);
  const high = low + growth.random.integer(1, 6);
  const dtype = growth.random.pick(['int32', 'float32']);
  return call(null, 'randint', [low, high, growth.shape(), { dtype }], domainOf(low, high - 1));
};

const permutation: Template = (growth) => {
  const count = growth.random.pick(growth.limits.extents);
  return call(null, 'randperm', [count], domainOf(0, count - 1));
};

/** Positions for gather and its kin: along dimension 0 of something. */
const positions: Template = (growth) => {
  const x = growth.find(({ tensor }) => tensor.ndim > 0 && tensor.shape[0] > 0);
  if (x === null) return null;
  const [extent] = x.tensor.shape;
  const shape = growth.random.chance(0.5) ? [growth.random.integer(1, 4)] : x.tensor.shape;
  const element = (): number => growth.random.integer(0, extent);
  return literal(shape, element, { dtype: 'int32' }, domainOf(0, extent - 1));
};

export const creation: readonly (readonly [number, Template])[] = [
  [3, floats],
  [1, doubles],
  [1, special],
  [2, integers],
  [1, bools],
  [6, leaf],
  [1, constants],
  [0.5, full],
  [1, ranges],
  [1, uniform],
  [0.5, normal],
  [1, randomIntegers],
  [0.5, permutation],
  [1.5, positions],
];
