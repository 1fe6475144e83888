// Products of square matrices: sizes of powers of two, and others.
import type { Benchmark, Group } from '../benchmark.ts';
import { uniform } from '../random.ts';
import { type Input, operationCase } from './operations.ts';
import { samplePositions } from './sampling.ts';

function productAt(size: number, [left, right]: readonly Input[], position: number): number {
  const [row, column] = [Math.floor(position / size), position % size];
  let sum = 0;
  for (let at = 0; at < size; at++) sum += left.values[row * size + at] * right.values[at * size + column];
  return sum;
}

function matrixProduct(group: Group, size: number): Benchmark {
  const matrix = (seed: number): Input => ({
    values: uniform(size ** 2, -1, 1, seed),
    shape: [size, size],
  });
  return operationCase({
    group,
    name: `matmul ${size}`,
    cost: { flops: 2 * size ** 3, bytes: 12 * size ** 2 },
    inputs: () => [matrix(1), matrix(2)],
    operation: (library, [left, right]) => library.matmul(left, right),
    expected: (inputs) => {
      const positions = samplePositions(size ** 2);
      const values = positions.map((position) => productAt(size, inputs, position));
      // Rounding grows with the number of additions and the size of the sums: √n each.
      return { positions, values, tolerance: 2e-7 * size };
    },
  });
}

export const matrixProducts: readonly Benchmark[] = [32, 64, 256, 512, 1024, 257, 1000].map((size) =>
  matrixProduct('cpu', size),
);
export const matrixProductsOnGpu: readonly Benchmark[] = [256, 512].map((size) =>
  matrixProduct('webgpu', size),
);
