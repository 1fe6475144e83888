// Writes in place: through tensors and through views of them.
import type { Shape } from '@nn/core';
import { isFloat } from '@nn/tensor';
import {
  constant,
  type Domain,
  domainOf,
  isExact,
  join,
  negated,
  plus,
  product,
  wrapped,
} from '../domain.ts';
import { call, type Growth, isSafeAtKinks, type Known, oneOf, type Template, v } from '../growth.ts';
import { indices } from './views.ts';

/** Whether the strides are known to show no element twice: each is greater than all that lies within. */
function showsEachOnce(shape: Shape, strides: readonly number[]): boolean {
  const order = shape.map((_, dim) => dim).filter((dim) => shape[dim] > 1);
  order.sort((a, b) => Math.abs(strides[a]) - Math.abs(strides[b]));
  let reach = 0;
  for (const dim of order) {
    if (Math.abs(strides[dim]) <= reach) return false;
    reach += (shape[dim] - 1) * Math.abs(strides[dim]);
  }
  return true;
}

/** A tensor whose write is not ambiguous. */
function target(growth: Growth, condition: (known: Known) => boolean = () => true): Known | null {
  return growth.find((x) => showsEachOnce(x.tensor.shape, x.tensor.strides()) && condition(x));
}

/** Leaves are written as optimizers do it. */
function ungraded(growth: Growth, { tensor }: Known): { readonly noGrad?: boolean } {
  const isLeaf = tensor.root.requiresGrad && tensor.root.isLeaf;
  return isLeaf || growth.random.chance(0.05) ? { noGrad: true } : {};
}

/** Written parts and what is left of the old ones. */
const written = (x: Known, value: Domain): Domain =>
  join(x.domain, isFloat(x.tensor.dtype) ? value : wrapped(value));

/** A variable that may be stored in x: it broadcasts to x's own shape. */
function source(growth: Growth, x: Known): Known | null {
  return growth.partner(x, (y) => {
    const lead = x.tensor.ndim - y.tensor.ndim;
    return (
      lead >= 0 && y.tensor.shape.every((extent, i) => extent === 1 || extent === x.tensor.shape[lead + i])
    );
  });
}

const arithmetic: Template = (growth) => {
  const x = target(growth, ({ tensor }) => tensor.dtype !== 'bool');
  if (x === null) return null;
  const name = growth.random.pick(['add_', 'sub_', 'mul_']);
  const domain = (y: Domain): Domain =>
    name === 'mul_' ? product(x.domain, y) : plus(x.domain, name === 'sub_' ? negated(y) : y);
  if (growth.random.chance(0.4)) {
    const value = isFloat(x.tensor.dtype) ? growth.number() : growth.whole();
    return call(x, name, [value], written(x, domain(constant(value))), ungraded(growth, x));
  }
  const y = source(growth, x);
  return y === null ? null : call(x, name, [v(y)], written(x, domain(y.domain)), ungraded(growth, x));
};

const own: Template = (growth) => {
  const x = target(growth, (known) => isSafeAtKinks(known) && known.tensor.dtype !== 'bool');
  if (x === null) return null;
  const name = growth.random.pick(['neg_', 'abs_', 'relu_', 'clamp_', 'zero_']);
  if (name === 'clamp_') return call(x, name, [-2, 2], join(x.domain, domainOf(-2, 2)), ungraded(growth, x));
  const domain = join(x.domain, negated(x.domain), constant(0));
  return call(x, name, [], written(x, domain), ungraded(growth, x));
};

const fill: Template = (growth) => {
  const x = target(growth);
  if (x === null) return null;
  const value = x.tensor.dtype === 'bool' ? 1 : growth.whole();
  return call(x, 'fill_', [value], join(x.domain, constant(value)), ungraded(growth, x));
};

const copy: Template = (growth) => {
  const x = target(growth);
  const y = x === null ? null : source(growth, x);
  if (x === null || y === null) return null;
  return call(x, 'copy_', [v(y)], oneOf(x, y), ungraded(growth, x));
};

/** `x[...] = value` through a view of any strides. */
const setAt: Template = (growth) => {
  const x = target(growth, ({ tensor }) => tensor.ndim > 0);
  if (x === null) return null;
  const where = indices(growth, x.tensor.shape);
  if (growth.random.chance(0.5)) {
    const value = x.tensor.dtype === 'bool' ? 1 : growth.whole();
    return call(x, 'setAt_', [where, value], join(x.domain, constant(value)), ungraded(growth, x));
  }
  const y = growth.find(({ tensor }) => tensor.dtype === x.tensor.dtype);
  return y === null ? null : call(x, 'setAt_', [where, v(y)], oneOf(x, y), ungraded(growth, x));
};

/** `x[mask] = number`, `x[list] = value`. */
const setSome: Template = (growth) => {
  const x = target(growth, ({ tensor }) => tensor.ndim > 0 && tensor.shape[0] > 0);
  if (x === null) return null;
  const value = x.tensor.dtype === 'bool' ? 1 : growth.whole();
  const domain = join(x.domain, constant(value));
  const mask = growth.find(
    ({ tensor }) =>
      tensor.dtype === 'bool' && tensor.shape.join() === x.tensor.shape.join() && tensor.ndim > 0,
  );
  if (mask !== null && growth.random.chance(0.7)) {
    return growth.random.chance(0.5)
      ? call(x, 'setAt_', [[v(mask)], value], domain, ungraded(growth, x))
      : call(x, 'maskedFill_', [v(mask), value], domain, ungraded(growth, x));
  }
  const list = Array.from({ length: growth.random.integer(1, 4) }, () =>
    growth.random.integer(0, x.tensor.shape[0]),
  );
  return call(x, 'setAt_', [[list], value], domain, ungraded(growth, x));
};

const fromRandom: Template = (growth) => {
  const x = target(growth, ({ tensor }) => tensor.dtype === 'float32');
  if (x === null) return null;
  const y = growth.find(({ tensor, domain }) => isExact(domain) && tensor.dtype === 'int32');
  // Another dtype is cast.
  return y === null ? null : call(x, 'copy_', [v(y)], oneOf(x, y), ungraded(growth, x));
};

export const writes: readonly (readonly [number, Template])[] = [
  [5, arithmetic],
  [2, own],
  [1.5, fill],
  [3, copy],
  [4, setAt],
  [2, setSome],
  [0.5, fromRandom],
];
