// Elementwise functions, comparisons, casts, where.
import { isFloat } from '@nn/tensor';
import {
  clamped,
  constant,
  type Domain,
  domainOf,
  inexact,
  isExact,
  join,
  magnitudeOf,
  negated,
  plus,
  product,
  wrapped,
} from '../domain.ts';
import {
  call,
  type Draft,
  type Growth,
  isSafeAtKinks,
  type Known,
  oneOf,
  type Template,
  v,
} from '../growth.ts';

const fit = (x: Known, domain: Domain): Domain => (isFloat(x.tensor.dtype) ? domain : wrapped(domain));

const arithmeticDomain = (name: string, a: Domain, b: Domain): Domain => {
  if (name === 'add') return plus(a, b);
  if (name === 'sub') return plus(a, negated(b));
  return product(a, b);
};

const arithmetic: Template = (growth) => {
  const x = growth.find(({ tensor }) => tensor.dtype !== 'bool');
  if (x === null) return null;
  const name = growth.random.pick(['add', 'sub', 'mul']);
  if (growth.random.chance(0.25)) {
    const value = isFloat(x.tensor.dtype) ? growth.number() : growth.whole();
    return call(x, name, [value], fit(x, arithmeticDomain(name, x.domain, constant(value))));
  }
  const y = growth.partner(x);
  if (y === null) return null;
  if (name !== 'mul' && growth.random.chance(0.15)) {
    const scaled = product(y.domain, constant(2));
    return call(x, name, [v(y), { alpha: 2 }], fit(x, arithmeticDomain(name, x.domain, scaled)));
  }
  return call(x, name, [v(y)], fit(x, arithmeticDomain(name, x.domain, y.domain)));
};

/** Operands of different dtypes. */
const promoted: Template = (growth) => {
  const x = growth.float();
  const y = growth.integer();
  if (x === null || y === null || growth.partner({ ...y, tensor: x.tensor }) === null) return null;
  const name = growth.random.pick(['add', 'mul']);
  const [a, b] = growth.random.chance(0.5) ? [x, y] : [y, x];
  return call(a, name, [v(b)], arithmeticDomain(name, a.domain, b.domain));
};

const extremum: Template = (growth) => {
  const x = growth.find(isSafeAtKinks);
  const y = x === null ? null : growth.partner(x, isSafeAtKinks);
  if (x === null || y === null) return null;
  return call(x, growth.random.pick(['maximum', 'minimum']), [v(y)], oneOf(x, y));
};

const signs: Template = (growth) => {
  const x = growth.find((known) => known.tensor.dtype !== 'bool' && isSafeAtKinks(known));
  if (x === null) return null;
  const most = magnitudeOf(x.domain);
  const name = growth.random.pick(['neg', 'abs', 'relu', 'square']);
  const domains: Record<string, Domain> = {
    neg: negated(x.domain),
    abs: { ...x.domain, low: 0, high: most },
    relu: { ...x.domain, low: Math.max(0, x.domain.low), high: Math.max(0, x.domain.high) },
    square: { ...product(x.domain, x.domain), low: 0 },
  };
  return call(x, name, [], fit(x, domains[name]));
};

/** Steps: only where the values are exact. */
const rounding: Template = (growth) => {
  const x = growth.exactFloat();
  if (x === null) return null;
  const { low, high, special } = x.domain;
  const whole = { ...domainOf(Math.floor(low), Math.ceil(high)), special };
  const name = growth.random.pick(['floor', 'ceil', 'trunc', 'round', 'sign', 'frac']);
  if (name === 'sign') return call(x, name, [], { ...domainOf(-1, 1), special });
  if (name === 'frac') return special ? null : call(x, name, [], domainOf(-1, 1, x.domain.bits));
  return call(x, name, [], whole);
};

/** Brings large values back. */
const taming: Template = (growth) => {
  const x = growth.float(({ domain }) => magnitudeOf(domain) > 8);
  if (x === null) return null;
  if (isSafeAtKinks(x) && growth.random.chance(0.6))
    return call(x, 'clamp', [-2, 2], clamped(x.domain, -2, 2));
  if (isExact(x.domain) && !x.domain.special && growth.random.chance(0.5))
    return call(x, 'remainder', [2], domainOf(0, 2, x.domain.bits));
  return x.domain.special ? null : call(x, 'tanh', [], inexact(-1, 1));
};

const smooth: Template = (growth) => {
  const x = growth.float(({ domain }) => !domain.special);
  if (x === null) return null;
  const most = magnitudeOf(x.domain);
  const choices: [string, Domain, number][] = [
    ['tanh', inexact(-1, 1), 1e6],
    ['sigmoid', inexact(0, 1), 1e6],
    ['sin', inexact(-1, 1), 100],
    ['cos', inexact(-1, 1), 100],
    ['atan', inexact(-2, 2), 1e6],
    ['erf', inexact(-1, 1), 1e6],
    ['exp', inexact(0, 60), 4],
    ['expm1', inexact(-1, 60), 4],
    ['exp2', inexact(0, 60), 5],
  ];
  const [name, domain] = growth.random.pick(choices.filter(([, , reach]) => most <= reach || reach === 1e6));
  return call(x, name, [], domain);
};

const activations: Template = (growth) => {
  const x = growth.float(({ domain }) => !domain.special && magnitudeOf(domain) < 50);
  if (x === null) return null;
  const most = magnitudeOf(x.domain);
  const name = growth.random.pick(['gelu', 'silu', 'softplus', 'logSigmoid', 'elu']);
  return call(null, name, [v(x)], inexact(-most - 1, most + 1));
};

/** Away from zero. */
const positive: Template = (growth) => {
  const x = growth.float(({ domain }) => !domain.special && domain.low >= 0.25);
  if (x === null) return null;
  const most = magnitudeOf(x.domain);
  const name = growth.random.pick(['sqrt', 'log', 'reciprocal', 'rsqrt']);
  const domains: Record<string, Domain> = {
    sqrt: inexact(0.5, Math.sqrt(most)),
    log: inexact(Math.log(0.25), Math.log(most)),
    reciprocal: inexact(1 / most, 4),
    rsqrt: inexact(1 / Math.sqrt(most), 2),
  };
  return call(x, name, [], domains[name]);
};

const division: Template = (growth) => {
  const x = growth.float(({ domain }) => !domain.special);
  if (x === null) return null;
  const most = magnitudeOf(x.domain);
  const y = growth.partner(x, ({ domain }) => domain.low >= 0.5 && !domain.special);
  if (y !== null && growth.random.chance(0.7)) return call(x, 'div', [v(y)], inexact(-most * 2, most * 2));
  const divisor = growth.random.pick([2, 4, 3, -5]);
  const domain =
    divisor === 2 || divisor === 4 ? product(x.domain, constant(1 / divisor)) : inexact(-most, most);
  return call(x, 'div', [divisor], domain);
};

const comparison: Template = (growth) => {
  const x = growth.certain();
  const y =
    x === null ? null : growth.partner(x, ({ tensor, domain }) => !isFloat(tensor.dtype) || isExact(domain));
  if (x === null || y === null) return null;
  const name = growth.random.pick(['eq', 'ne', 'lt', 'le', 'gt', 'ge']);
  return growth.random.chance(0.3) && x.tensor.dtype !== 'bool'
    ? call(x, name, [growth.whole()], domainOf(0, 1))
    : call(x, name, [v(y)], domainOf(0, 1));
};

const logic: Template = (growth) => {
  const x = growth.bool();
  const y = x === null ? null : growth.partner(x);
  if (x === null || y === null) return null;
  const name = growth.random.pick(['logicalAnd', 'logicalOr', 'logicalXor', 'logicalNot']);
  return call(x, name, name === 'logicalNot' ? [] : [v(y)], domainOf(0, 1));
};

const integerOnly: Template = (growth) => {
  const x = growth.integer();
  if (x === null) return null;
  const name = growth.random.pick(['bitwiseAnd', 'bitwiseOr', 'bitwiseXor', 'floorDivide', 'remainder']);
  if (name === 'remainder' || name === 'floorDivide') {
    const divisor = growth.random.pick([2, 3, 5, 7]);
    const domain = name === 'remainder' ? domainOf(0, divisor - 1) : join(x.domain, domainOf(-1, 0));
    return call(x, name, [divisor], domain);
  }
  const y = growth.partner(x);
  return y === null ? null : call(x, name, [v(y)], domainOf(-(2 ** 31), 2 ** 31));
};

const choice: Template = (growth) => {
  const x = growth.find(() => true);
  const condition = growth.bool();
  const y = x === null ? null : growth.partner(x);
  if (x === null || y === null || condition === null) return null;
  if (growth.partner({ ...condition, tensor: condition.tensor }, (other) => other === condition) === null)
    return null;
  return call(null, 'where', [v(condition), v(x), v(y)], oneOf(x, y));
};

const casts: Template = (growth) => {
  const x = growth.certain();
  if (x === null || x.domain.special) return null;
  const targets = ['float32', 'int32', 'bool', ...(growth.limits.wide ? ['float64', 'int64'] : [])];
  const dtype = growth.random.pick(targets.filter((target) => target !== x.tensor.dtype));
  if (dtype === 'bool') return call(x, 'to', [dtype], domainOf(0, 1));
  if (!dtype.startsWith('int'))
    return call(x, 'to', [dtype], domainOf(x.domain.low, x.domain.high, x.domain.bits));
  if (magnitudeOf(x.domain) >= 2 ** 31) return null;
  return call(x, 'to', [dtype], domainOf(Math.floor(x.domain.low), Math.ceil(x.domain.high)));
};

const classified: Template = (growth) => {
  const x = growth.exactFloat();
  return x === null ? null : call(x, growth.random.pick(['isnan', 'isinf', 'isfinite']), [], domainOf(0, 1));
};

const multiplyAdd: Template = (growth) => {
  const x = growth.float();
  const y = x === null ? null : growth.partner(x);
  const z = x === null ? null : growth.partner(x);
  if (x === null || y === null || z === null) return null;
  const scaled = product(product(y.domain, z.domain), constant(0.5));
  return growth.random.chance(0.5)
    ? call(x, 'addcmul', [v(y), v(z), { value: 0.5 }], plus(x.domain, scaled))
    : call(x, 'lerp', [v(y), 0.5], plus(product(x.domain, constant(0.5)), product(y.domain, constant(0.5))));
};

/** One as a number for what must not be near zero. */
const awayFromZero = (growth: Growth): Draft | null => {
  const x = growth.float(({ domain }) => !domain.special && domain.low >= 0);
  return x === null ? null : call(x, 'add', [1], plus(x.domain, constant(1)));
};

export const elementwise: readonly (readonly [number, Template])[] = [
  [8, arithmetic],
  [1, promoted],
  [2, extremum],
  [4, signs],
  [2, rounding],
  [5, taming],
  [3, smooth],
  [1, activations],
  [1, positive],
  [1.5, division],
  [3, comparison],
  [1, logic],
  [1.5, integerOnly],
  [2.5, choice],
  [2.5, casts],
  [0.5, classified],
  [1, multiplyAdd],
  [1, awayFromZero],
];
