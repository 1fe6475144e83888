// What an operation costs besides its arithmetic: tiny tensors, many operations.
import type { Tensor } from '@nn/tensor';
import type { JaxArray, Operation, TfTensor, Training } from '../benchmark.ts';
import { perceptron } from '../networks/network.ts';
import { random, shared } from './data.ts';
import { trainingCase } from './training.ts';

// jax-js keeps arrays below 128 elements as expressions, where chains take far longer: no fair comparison.
const width = 256;
const chainLength = 2000;
const subject = 'overhead';

const chainInputs = shared(() => [random([width], { seed: 1 }), random([width], { seed: 2 })]);

const addRepeatedly = (x: Tensor, y: Tensor): Tensor => {
  let sum = x;
  for (let at = 0; at < chainLength; at++) sum = sum.add(y);
  return sum;
};

const chain = {
  kind: 'operation',
  group: 'overhead',
  subject,
  cost: {},
  parts: chainLength,
  // Two thousand roundings of numbers up to 2000.
  tolerance: { absolute: 0.2 },
  inputs: chainInputs,
  eager: true,
  expected: () => {
    const [x, y] = chainInputs();
    const positions = [0, width - 1];
    return { positions, values: positions.map((at) => x.values[at] + chainLength * y.values[at]) };
  },
} as const;

const warmChain: Operation = {
  ...chain,
  name: `one of ${chainLength} adds`,
  suits: (implementation) => implementation !== 'nn compiled',
  versions: {
    nn: addRepeatedly,
    jax: () => (x, y) => {
      let sum: JaxArray = x;
      for (let at = 0; at < chainLength; at++) sum = sum.add(y.ref);
      y.dispose();
      return sum;
    },
    tfjs: (tf) => (x, y) =>
      tf.tidy(() => {
        let sum: TfTensor = x;
        for (let at = 0; at < chainLength; at++) sum = sum.add(y);
        return sum;
      }),
    torch: `functools.reduce(lambda x, _: x + b, range(${chainLength}), a)`,
  },
};

let orders = 0;

/** Recorded, compiled and run: what a program costs that is run for the first time. */
const coldChain: Operation = {
  ...chain,
  name: `one of ${chainLength} adds, cold`,
  suits: (implementation) => implementation === 'nn',
  versions: {
    nn: (x, y) => {
      const other = orders++ % chainLength;
      let sum = x;
      for (let at = 0; at < chainLength; at++) sum = at === other ? y.add(sum) : sum.add(y);
      return sum;
    },
  },
};

const size = 8;
const products = 100;
// Each product's rows add up to at most one, so that numbers stay as they are.
const factor = 1 / size;
const productInputs = shared(() => [
  random([size, size], { seed: 1 }),
  { values: new Float32Array(size ** 2).fill(factor), shape: [size, size] },
]);

/** Nothing to fuse and hardly anything to compute: what is left is what it takes to launch a kernel. */
const launches: Operation = {
  kind: 'operation',
  group: 'overhead',
  subject,
  name: `one of ${products} products ${size}x${size}`,
  cost: {},
  parts: products,
  tolerance: { absolute: 1e-5 },
  inputs: productInputs,
  versions: {
    nn: (x, y) => {
      let product = x;
      for (let at = 0; at < products; at++) product = product.matmul(y);
      return product;
    },
    jax:
      ({ numpy: np }) =>
      (x, y) => {
        let product = x;
        for (let at = 0; at < products; at++) product = np.matmul(product, y.ref);
        y.dispose();
        return product;
      },
    tfjs: (tf) => (x, y) =>
      tf.tidy(() => {
        let product = x;
        for (let at = 0; at < products; at++) product = tf.matMul(product, y);
        return product;
      }),
    torch: `functools.reduce(lambda x, _: x @ b, range(${products}), a)`,
  },
  expected: () => {
    const [x] = productInputs();
    const sumOfRow = (row: number): number =>
      (x.values.subarray(row * size, (row + 1) * size) as Float32Array).reduce(
        (sum, value) => sum + value,
        0,
      );
    return { positions: [0, size ** 2 - 1], values: [0, size - 1].map((row) => sumOfRow(row) * factor) };
  },
};

const recorded = 1000;

const record: Operation = {
  kind: 'operation',
  group: 'overhead',
  subject,
  name: 'recording an add',
  cost: {},
  parts: recorded,
  tolerance: { absolute: 0 },
  suits: (implementation) => implementation === 'nn',
  inputs: chainInputs,
  recordOnly: true,
  versions: {
    nn: (x, y) => {
      let sum = x;
      for (let at = 0; at < recorded; at++) sum = sum.add(y);
      return sum;
    },
  },
};

export function overheadCases(): (Operation | Training)[] {
  return [
    record,
    warmChain,
    coldChain,
    launches,
    trainingCase({
      group: 'overhead',
      name: 'MLP 4-16-3 batch 8',
      make: () => perceptron(8, [4, 16, 3]),
      reference: true,
    }),
  ];
}
