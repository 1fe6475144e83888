// Products of matrices: all four transpositions, round and odd sizes, tall and wide ones, batches.
import type { Group, Operation } from '../benchmark.ts';
import { expectedAt, random, type Sizes, shared } from './data.ts';

const round = [16, 32, 64, 128, 256, 512, 1024, 2048];
const odd = [63, 127, 255, 1000, 1021];
const transpositions = ['NN', 'NT', 'TN', 'TT'] as const;

interface Product {
  readonly group: Group;
  readonly name: string;
  /** Rows of the left one, columns of the right one, and what is summed over. */
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transposition: (typeof transpositions)[number];
}

/** Multiply-adds, counted as two, that take JavaScript peers seconds in the layouts that they have no kernels for. */
const heaviestAgainstTheGrain = 5e8;

/**
 * Whether a JavaScript peer has a kernel for it: of 4 and 40 seconds for other transpositions, 512 tells; of 7 to 14 for odd
 * sizes, NN.
 */
function isWithTheGrain(implementation: string, { m, n, k, transposition }: Product): boolean {
  if (transposition === 'NN') return true;
  if (implementation === 'jax-js') return transposition !== 'TT' && [m, n, k].every((size) => size % 2 === 0);
  return implementation !== 'tfjs-wasm';
}

function product(given: Product): Operation {
  const { group, name, m, n, k, transposition } = given;
  const leftTransposed = transposition[0] === 'T';
  const rightTransposed = transposition[1] === 'T';
  const inputs = shared(() => [
    random(leftTransposed ? [k, m] : [m, k], { seed: 1 }),
    random(rightTransposed ? [n, k] : [k, n], { seed: 2 }),
  ]);
  const right = rightTransposed ? [1, k] : [n, 1];
  const left = leftTransposed ? [1, m] : [k, 1];
  return {
    kind: 'operation',
    group,
    subject: 'matrix products',
    name,
    cost: { flops: 2 * m * n * k, bytes: 4 * (m * k + k * n + m * n) },
    // Rounding grows with the number of additions and the size of the sums: √k each.
    tolerance: { absolute: 2e-7 * k + 1e-6 },
    inputs,
    suits: (implementation) =>
      2 * m * n * k <= heaviestAgainstTheGrain || isWithTheGrain(implementation, given),
    versions: {
      nn: (a, b) => (leftTransposed ? a.T : a).matmul(rightTransposed ? b.T : b),
      jax:
        ({ numpy: np }) =>
        (a, b) =>
          np.matmul(leftTransposed ? np.transpose(a) : a, rightTransposed ? np.transpose(b) : b),
      tfjs: (tf) => (a, b) => tf.matMul(a, b, leftTransposed, rightTransposed),
      torch: `a${leftTransposed ? '.T' : ''} @ b${rightTransposed ? '.T' : ''}`,
    },
    expected: () => {
      const [a, b] = inputs();
      return expectedAt(m * n, (position) => {
        const row = Math.floor(position / n);
        const column = position % n;
        let sum = 0;
        for (let at = 0; at < k; at++)
          sum += a.values[row * left[0] + at * left[1]] * b.values[at * right[0] + column * right[1]];
        return sum;
      });
    },
  };
}

function square(group: Group, size: number, sizes: Sizes): Operation[] {
  const extent = sizes(size);
  return transpositions.map((transposition) =>
    product({
      group,
      name: `matmul ${size} ${transposition}`,
      m: extent,
      n: extent,
      k: extent,
      transposition,
    }),
  );
}

function rectangle(name: string, [m, k, n]: readonly number[], sizes: Sizes): Operation {
  const extents = { m: sizes(m), n: sizes(n), k: sizes(k) };
  return product({
    group: 'cpu',
    name: `matmul ${name} ${m}x${k}x${n}`,
    ...extents,
    transposition: 'NN',
  });
}

function matrixVector(size: number, sizes: Sizes): Operation {
  const extent = sizes(size);
  const inputs = shared(() => [random([extent, extent], { seed: 1 }), random([extent], { seed: 2 })]);
  return {
    kind: 'operation',
    group: 'cpu',
    subject: 'matrix products',
    name: `matrix-vector ${size}x${size}`,
    cost: { flops: 2 * extent ** 2, bytes: 4 * (extent ** 2 + 2 * extent), access: 'read' },
    tolerance: { absolute: 2e-7 * extent + 1e-6 },
    inputs,
    versions: {
      nn: (a, x) => a.matmul(x),
      jax:
        ({ numpy: np }) =>
        (a, x) =>
          np.matmul(a, x),
      tfjs: (tf) => (a, x) => tf.dot(a, x),
      torch: 'a @ b',
    },
    expected: () => {
      const [a, x] = inputs();
      return expectedAt(extent, (row) => {
        let sum = 0;
        for (let at = 0; at < extent; at++) sum += a.values[row * extent + at] * x.values[at];
        return sum;
      });
    },
  };
}

function batched(sizes: Sizes): Operation {
  const [batch, m, k, n] = [64, 128, 64, 128].map(sizes);
  const inputs = shared(() => [random([batch, m, k], { seed: 1 }), random([batch, k, n], { seed: 2 })]);
  return {
    kind: 'operation',
    group: 'cpu',
    subject: 'matrix products',
    name: 'matmul batched 64 x (128x64x128)',
    cost: { flops: 2 * batch * m * n * k, bytes: 4 * batch * (m * k + k * n + m * n) },
    tolerance: { absolute: 2e-7 * k + 1e-6 },
    inputs,
    versions: {
      nn: (a, b) => a.matmul(b),
      jax:
        ({ numpy: np }) =>
        (a, b) =>
          np.matmul(a, b),
      tfjs: (tf) => (a, b) => tf.matMul(a, b),
      torch: 'a @ b',
    },
    expected: () => {
      const [a, b] = inputs();
      return expectedAt(batch * m * n, (position) => {
        const matrix = Math.floor(position / (m * n));
        const row = Math.floor(position / n) % m;
        const column = position % n;
        let sum = 0;
        for (let at = 0; at < k; at++)
          sum += a.values[(matrix * m + row) * k + at] * b.values[(matrix * k + at) * n + column];
        return sum;
      });
    },
  };
}

export function matrixProducts(sizes: Sizes): Operation[] {
  return [
    ...[...round, ...odd].flatMap((size) => square('cpu', size, sizes)),
    rectangle('tall', [16384, 64, 64], sizes),
    rectangle('wide', [64, 64, 16384], sizes),
    rectangle('deep', [64, 16384, 64], sizes),
    matrixVector(2048, sizes),
    batched(sizes),
  ];
}

export function matrixProductsOnGpu(sizes: Sizes): Operation[] {
  return [256, 512].map((size) => square('webgpu', size, sizes)[0]);
}
