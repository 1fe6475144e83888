// Reductions of a matrix that fits into no cache, to one number, along rows and along columns.

import type { Tensor } from '@nn/tensor';
import type { Jax, JaxArray, Operation, Tfjs, TfTensor } from '../benchmark.ts';
import { expectedAt, random, type Sizes, shared } from './data.ts';

/** The dimension that goes: undefined for all. */
const ranges = { all: undefined, rows: 1, columns: 0 } as const;

interface Reduction {
  readonly name: string;
  readonly reference: (values: Float32Array) => number;
  readonly nn: (x: Tensor, dim: number | undefined) => Tensor;
  readonly jax: (jax: Jax, x: JaxArray, axis: number | undefined) => JaxArray;
  readonly tfjs: (tf: Tfjs, x: TfTensor, axis: number | undefined) => TfTensor;
  /** Over a and, where it is not for all, a dimension. */
  readonly torch: string;
}

const mean = (values: Float32Array): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const greatest = (values: Float32Array): number => values.reduce((best, value) => Math.max(best, value));

const reductions: readonly Reduction[] = [
  {
    name: 'sum',
    reference: (values) => mean(values) * values.length,
    nn: (x, dim) => x.sum(dim),
    jax: ({ numpy: np }, x, axis) => np.sum(x, axis ?? null),
    tfjs: (tf, x, axis) => tf.sum(x, axis),
    torch: 'a.sum(dim)',
  },
  {
    name: 'mean',
    reference: mean,
    nn: (x, dim) => x.mean(dim),
    jax: ({ numpy: np }, x, axis) => np.mean(x, axis ?? null),
    tfjs: (tf, x, axis) => tf.mean(x, axis),
    torch: 'a.mean(dim)',
  },
  {
    name: 'max',
    reference: greatest,
    nn: (x, dim) => (dim === undefined ? x.max() : x.amax(dim)),
    jax: ({ numpy: np }, x, axis) => np.max(x, axis ?? null),
    tfjs: (tf, x, axis) => tf.max(x, axis),
    torch: 'a.amax(dim)',
  },
  {
    name: 'argmax',
    reference: (values) => values.indexOf(greatest(values)),
    nn: (x, dim) => x.argmax(dim),
    jax: ({ numpy: np }, x, axis) => np.argmax(x, axis),
    tfjs: (tf, x, axis) =>
      axis === undefined ? tf.tidy(() => tf.argMax(tf.reshape(x, [-1]))) : tf.argMax(x, axis),
    torch: 'a.argmax(dim)',
  },
  {
    name: 'var',
    reference: (values) => {
      const middle = mean(values);
      return values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1);
    },
    nn: (x, dim) => x.var(dim),
    jax: ({ numpy: np }, x, axis) => np.var_(x, axis ?? null, { correction: 1 }),
    tfjs: (tf, x, axis) =>
      tf.tidy(() => {
        const length = axis === undefined ? x.size : x.shape[axis];
        return tf.moments(x, axis).variance.mul(length / (length - 1));
      }),
    torch: 'a.var() if dim is None else a.var(dim)',
  },
];

const extent = 4096;

export function reductionCases(sizes: Sizes): Operation[] {
  const [rows, columns] = [sizes(extent), sizes(extent)];
  const inputs = shared(() => [random([rows, columns], { low: 0, high: 1 })]);
  return reductions.flatMap(({ name, reference, nn, jax, tfjs, torch }) =>
    (['all', 'rows', 'columns'] as const).map((range): Operation => {
      const dim = ranges[range];
      const length = { all: 1, rows, columns }[range];
      return {
        kind: 'operation',
        group: 'cpu',
        subject: 'reductions',
        name: `${name} ${range}`,
        cost: { bytes: 4 * rows * columns, access: 'read' },
        // Sums of positive numbers: who adds one by one in float32 is off by more than this.
        tolerance: { absolute: 1e-6, relative: name === 'argmax' ? 0 : 1e-4 },
        inputs,
        versions: {
          nn: (x) => nn(x, dim),
          jax: (library) => (x) => jax(library, x, dim),
          tfjs: (tf) => (x) => tfjs(tf, x, dim),
          torch: torch
            .replaceAll(/\bdim\b/g, dim === undefined ? 'None' : `${dim}`)
            .replace('amax(None)', 'amax()'),
        },
        expected: () => {
          const values = inputs()[0].values as Float32Array;
          return expectedAt(length, (at) => {
            if (range === 'all') return reference(values);
            if (range === 'rows') return reference(values.subarray(at * columns, (at + 1) * columns));
            return reference(Float32Array.from({ length: rows }, (_, row) => values[row * columns + at]));
          });
        },
      };
    }),
  );
}
