// What an operation costs besides its arithmetic: tiny tensors, many operations.
import type { Benchmark, Prepared } from '../benchmark.ts';
import type { Library } from '../libraries/library.ts';
import { perceptron } from '../networks/network.ts';
import { uniform } from '../random.ts';
import { operationCase } from './operations.ts';
import { stepCase } from './training.ts';

// jax-js keeps arrays below 128 elements as expressions, where chains take far longer: no fair comparison.
const width = 256;
const chainLength = 2000;

const chain: Benchmark = operationCase({
  group: 'overhead',
  name: `one of ${chainLength} adds`,
  cost: {},
  parts: chainLength,
  inputs: () => [1, 2].map((seed) => ({ values: uniform(width, -1, 1, seed), shape: [width] })),
  operation: (library, [x, y]) => library.addRepeatedly(x, y, chainLength),
  expected: ([x, y]) => ({
    positions: [0, width - 1],
    values: [0, width - 1].map((at) => x.values[at] + chainLength * y.values[at]),
    // Two thousand roundings of numbers up to 2000.
    tolerance: 0.2,
  }),
});

const record: Benchmark = {
  group: 'overhead',
  name: 'recording an add',
  cost: {},
  parts: 1000,
  suits: (library) => library.recordOnly !== undefined,
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
  stepCase('overhead', 'MLP 8-16-4 batch 8, step', () => perceptron(8, [8, 16, 4])),
];
