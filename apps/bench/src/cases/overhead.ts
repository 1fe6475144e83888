// What an operation costs besides its arithmetic: tiny tensors, many operations.
import type { Benchmark, Prepared } from '../benchmark.ts';
import type { Library } from '../libraries/library.ts';
import { perceptron } from '../networks/network.ts';
import { uniform } from '../random.ts';
import { type OperationCase, operationCase } from './operations.ts';
import { stepCase } from './training.ts';

// jax-js keeps arrays below 128 elements as expressions, where chains take far longer: no fair comparison.
const width = 256;
const chainLength = 2000;

function chainOfAdds(settings: Pick<OperationCase, 'name' | 'suits' | 'operation'>): Benchmark {
  return operationCase({
    ...settings,
    group: 'overhead',
    cost: {},
    parts: chainLength,
    inputs: () => [1, 2].map((seed) => ({ values: uniform(width, -1, 1, seed), shape: [width] })),
    expected: ([x, y]) => ({
      positions: [0, width - 1],
      values: [0, width - 1].map((at) => x.values[at] + chainLength * y.values[at]),
      // Two thousand roundings of numbers up to 2000.
      tolerance: 0.2,
    }),
  });
}

const chain: Benchmark = chainOfAdds({
  name: `one of ${chainLength} adds`,
  suits: ({ name }) => name !== 'nn compiled',
  operation: (library, [x, y]) => library.addRepeatedly(x, y, chainLength),
});

/** Recorded, compiled and run: what a program costs that is run for the first time. */
const newChain: Benchmark = chainOfAdds({
  name: `one of ${chainLength} adds, cold`,
  suits: ({ name }) => name === 'nn',
  operation: (library, [x, y]) => library.addInNewOrder!(x, y, chainLength),
});

const size = 8;
const products = 100;
// Each product's rows add up to at most one, so that numbers stay as they are.
const factor = 1 / size;

/** Nothing to fuse and hardly anything to compute: what is left is what it takes to launch a kernel. */
const launches: Benchmark = operationCase({
  group: 'overhead',
  name: `one of ${products} products ${size}x${size}`,
  cost: {},
  parts: products,
  inputs: () => [
    { values: uniform(size ** 2, -1, 1, 1), shape: [size, size] },
    { values: new Float32Array(size ** 2).fill(factor), shape: [size, size] },
  ],
  operation: (library, [x, y]) => library.multiplyRepeatedly(x, y, products),
  expected: ([x]) => ({
    positions: [0, size ** 2 - 1],
    values: [0, size - 1].map((row) => {
      const values = x.values.subarray(row * size, (row + 1) * size);
      return values.reduce((sum, value) => sum + value, 0) * factor;
    }),
    tolerance: 1e-5,
  }),
});

const record: Benchmark = {
  group: 'overhead',
  name: 'recording an add',
  cost: {},
  parts: 1000,
  suits: ({ name, recordOnly }) => name !== 'nn compiled' && recordOnly !== undefined,
  prepare<T>(library: Library<T>): Prepared {
    const [x, y] = [1, 2].map((seed) => library.tensor(uniform(width, -1, 1, seed), [width]));
    return {
      run: () => library.recordOnly?.(x, y, 1000),
      results: async () => [],
      dispose: () => {
        library.free(x);
        library.free(y);
      },
    };
  },
  expected: () => null,
};

export const overheadCases: readonly Benchmark[] = [
  record,
  chain,
  newChain,
  launches,
  stepCase('overhead', 'MLP 4-16-3 batch 8, step', () => perceptron(8, [4, 16, 3])),
];
