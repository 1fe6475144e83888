// Functions of each element, from what fits into a cache to what does not, and chains of operations that could be one.
import type { Group, JaxArray, Operation, TfTensor, Versions } from '../benchmark.ts';
import { activationFunctions } from './activation-functions.ts';
import { expectedAt, random, type Sizes, shared } from './data.ts';
import { approximate, erf, type ScalarFunction } from './scalar-function.ts';

const lengths = { '1k': 1000, '1M': 2 ** 20, '16M': 2 ** 24 } as const;

const activation = (name: string): ScalarFunction => activationFunctions.find((each) => each.name === name)!;

const functions: readonly ScalarFunction[] = [
  {
    name: 'add',
    operands: 2,
    reference: (a, b) => a + b,
    versions: {
      nn: (a, b) => a.add(b),
      jax:
        ({ numpy: np }) =>
        (a, b) =>
          np.add(a, b),
      tfjs: (tf) => (a, b) => tf.add(a, b),
      torch: 'a + b',
    },
  },
  {
    name: 'exp',
    reference: Math.exp,
    versions: {
      nn: (x) => x.exp(),
      jax:
        ({ numpy: np }) =>
        (x) =>
          np.exp(x),
      tfjs: (tf) => (x) => tf.exp(x),
      torch: 'torch.exp(a)',
    },
  },
  {
    name: 'log',
    low: 0.1,
    reference: Math.log,
    versions: {
      nn: (x) => x.log(),
      jax:
        ({ numpy: np }) =>
        (x) =>
          np.log(x),
      tfjs: (tf) => (x) => tf.log(x),
      torch: 'torch.log(a)',
    },
  },
  activation('tanh'),
  activation('sigmoid'),
  {
    name: 'erf',
    reference: erf,
    versions: {
      nn: (x) => x.erf(),
      jax:
        ({ lax }) =>
        (x) =>
          lax.erf(x),
      tfjs: (tf) => (x) => tf.erf(x),
      torch: 'torch.erf(a)',
    },
  },
  activation('gelu'),
  activation('celu'),
  activation('silu'),
  {
    name: 'expm1',
    reference: Math.expm1,
    versions: {
      nn: (x) => x.expm1(),
      jax:
        ({ numpy: np }) =>
        (x) =>
          np.expm1(x),
      tfjs: (tf) => (x) => tf.expm1(x),
      torch: 'torch.expm1(a)',
    },
  },
  {
    name: 'log1p',
    low: -0.9,
    reference: Math.log1p,
    versions: {
      nn: (x) => x.log1p(),
      jax:
        ({ numpy: np }) =>
        (x) =>
          np.log1p(x),
      tfjs: (tf) => (x) => tf.log1p(x),
      torch: 'torch.log1p(a)',
    },
  },
  {
    name: 'pow',
    operands: 2,
    low: 0.1,
    reference: (a, b) => a ** b,
    versions: {
      nn: (a, b) => a.pow(b),
      jax:
        ({ numpy: np }) =>
        (a, b) =>
          np.power(a, b),
      tfjs: (tf) => (a, b) => tf.pow(a, b),
      torch: 'torch.pow(a, b)',
    },
  },
];

function elementwise(
  group: Group,
  scalar: ScalarFunction,
  size: keyof typeof lengths,
  sizes: Sizes,
): Operation {
  const { name, operands = 1, low = -3, high = 3, reference, versions } = scalar;
  const length = sizes(lengths[size]);
  const inputs = shared(() =>
    Array.from({ length: operands }, (_, at) => random([length], { low, high, seed: at + 1 })),
  );
  return {
    kind: 'operation',
    group,
    subject: 'elementwise',
    name: `${name} ${size}`,
    cost: { bytes: 4 * length * (operands + 1) },
    tolerance: approximate,
    inputs,
    versions,
    expected: () => {
      const made = inputs();
      return expectedAt(length, (at) => reference(...made.map(({ values }) => values[at])));
    },
  };
}

/** Multiplications and additions in turn, of each element with numbers. */
const links = Array.from({ length: 20 }, (_, at) => ({ multiply: at % 2 === 0, by: 1 + 0.01 * (at + 1) }));

function chainVersions(length: number): Versions {
  const chain = links.slice(0, length);
  return {
    nn: (x) => chain.reduce((y, { multiply, by }) => (multiply ? y.mul(by) : y.add(by)), x),
    jax: () => (x) => chain.reduce<JaxArray>((y, { multiply, by }) => (multiply ? y.mul(by) : y.add(by)), x),
    tfjs: (tf) => (x) =>
      tf.tidy(() => chain.reduce<TfTensor>((y, { multiply, by }) => (multiply ? y.mul(by) : y.add(by)), x)),
    torch: chain.reduce((text, { multiply, by }) => `(${text} ${multiply ? '*' : '+'} ${by})`, 'a'),
  };
}

function chain(operations: number, size: keyof typeof lengths, sizes: Sizes): Operation {
  const length = sizes(lengths[size]);
  const inputs = shared(() => [random([length], { low: -1, high: 1 })]);
  return {
    kind: 'operation',
    group: 'cpu',
    subject: 'chains',
    name: `chain of ${operations}, ${size}`,
    cost: { bytes: 8 * length },
    tolerance: { absolute: 1e-5, relative: 1e-6 },
    inputs,
    versions: chainVersions(operations),
    expected: () => {
      const [{ values }] = inputs();
      return expectedAt(length, (at) =>
        links.slice(0, operations).reduce((y, { multiply, by }) => (multiply ? y * by : y + by), values[at]),
      );
    },
  };
}

const sizeNames = Object.keys(lengths) as (keyof typeof lengths)[];

export function elementwiseCases(sizes: Sizes): Operation[] {
  return functions.flatMap((each) => sizeNames.map((size) => elementwise('cpu', each, size, sizes)));
}

export function chains(sizes: Sizes): Operation[] {
  return [1, 5, 20].flatMap((length) => [chain(length, '1M', sizes), chain(length, '16M', sizes)]);
}

export function elementwiseOnGpu(sizes: Sizes): Operation[] {
  return [elementwise('webgpu', functions[0], '1M', sizes)];
}
