// Functions of each element, of a million elements.
import type { Benchmark, Group } from '../benchmark.ts';
import type { Library } from '../libraries/library.ts';
import { uniform } from '../random.ts';
import { operationCase } from './operations.ts';
import { samplePositions } from './sampling.ts';

const length = 2 ** 20;

/** The error function by its Maclaurin series: exact to 1e-12 within ±3. */
function erf(x: number): number {
  let power = x;
  let sum = x;
  for (let n = 1; n < 60; n++) {
    power *= -(x ** 2) / n;
    sum += power / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

interface Elementwise {
  readonly name: string;
  readonly operands: number;
  readonly operation: <T>(library: Library<T>, operands: readonly T[]) => T;
  readonly reference: (...values: number[]) => number;
}

const functions: readonly Elementwise[] = [
  { name: 'add', operands: 2, operation: (l, [a, b]) => l.add(a, b), reference: (a, b) => a + b },
  { name: 'exp', operands: 1, operation: (l, [x]) => l.exp(x), reference: Math.exp },
  { name: 'tanh', operands: 1, operation: (l, [x]) => l.tanh(x), reference: Math.tanh },
  {
    name: 'gelu',
    operands: 1,
    operation: (l, [x]) => l.gelu(x),
    reference: (x) => 0.5 * x * (1 + erf(x / Math.SQRT2)),
  },
  { name: 'erf', operands: 1, operation: (l, [x]) => l.erf(x), reference: erf },
];

function elementwise(group: Group, { name, operands, operation, reference }: Elementwise): Benchmark {
  return operationCase({
    group,
    name: `${name} 1M`,
    cost: { bytes: 4 * length * (operands + 1) },
    inputs: () =>
      Array.from({ length: operands }, (_, at) => ({
        values: uniform(length, -3, 3, at + 1),
        shape: [length],
      })),
    operation,
    expected: (inputs) => {
      const positions = samplePositions(length);
      const values = positions.map((at) => reference(...inputs.map((input) => input.values[at])));
      // Two ulp of the largest results would be 4e-6; peers' erf is an approximation that is 1e-6 off.
      return { positions, values, tolerance: 1e-5 };
    },
  });
}

export const elementwiseCases: readonly Benchmark[] = functions.map((each) => elementwise('cpu', each));
export const elementwiseOnGpu: readonly Benchmark[] = [elementwise('webgpu', functions[0])];
