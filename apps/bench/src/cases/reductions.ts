// Sums and softmax of a matrix of 1024 x 1024.
import type { Benchmark, Cost } from '../benchmark.ts';
import type { Library } from '../libraries/library.ts';
import { uniform } from '../random.ts';
import { operationCase } from './operations.ts';
import { samplePositions } from './sampling.ts';

const size = 1024;
const matrixBytes = 4 * size ** 2;

function reduction(
  name: string,
  cost: Cost,
  resultLength: number,
  tolerance: number,
  operation: <T>(library: Library<T>, x: T) => T,
  reference: (values: Float32Array, position: number) => number,
): Benchmark {
  return operationCase({
    group: 'cpu',
    name,
    cost,
    inputs: () => [{ values: uniform(size ** 2, 0, 1, 1), shape: [size, size] }],
    operation: (library, [x]) => operation(library, x),
    expected: ([{ values }]) => {
      const positions = samplePositions(resultLength);
      return { positions, values: positions.map((at) => reference(values, at)), tolerance };
    },
  });
}

const rowOf = (values: Float32Array, row: number): Float32Array =>
  values.subarray(row * size, (row + 1) * size);
const total = (values: Float32Array): number => values.reduce((sum, value) => sum + value, 0);

function softmaxAt(values: Float32Array, position: number): number {
  const row = rowOf(values, Math.floor(position / size));
  return Math.exp(values[position]) / row.reduce((sum, value) => sum + Math.exp(value), 0);
}

export const reductions: readonly Benchmark[] = [
  // A sum of half a million: an implementation that adds one by one in float32 is off by several units.
  reduction('sum all', { bytes: matrixBytes, access: 'read' }, 1, 100, (l, x) => l.sum(x), total),
  reduction(
    'sum rows',
    { bytes: matrixBytes, access: 'read' },
    size,
    5e-3,
    (l, x) => l.sumRows(x),
    (values, row) => total(rowOf(values, row)),
  ),
  reduction(
    'softmax 1024x1024',
    { bytes: 2 * matrixBytes },
    size ** 2,
    1e-8,
    (l, x) => l.softmaxRows(x),
    softmaxAt,
  ),
];
