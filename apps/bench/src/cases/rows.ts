// What a language model does to its scores: [256, 50257], a batch of tokens by GPT-2's vocabulary.
import * as F from '@nn/functional';
import type { Operation, Versions } from '../benchmark.ts';
import { integers } from '../random.ts';
import { expectedAt, type Range, random, type Sizes, shared } from './data.ts';
import { logSoftmaxAt, logSoftmaxVersions, logSum, softmaxAt, softmaxVersions } from './softmax.ts';

interface RowFunction {
  readonly name: string;
  readonly versions: Versions;
  /** From a row of the input, the weight, the bias, and the rows' labels. */
  readonly reference: (row: Row, column: number) => number;
  /** Further inputs. */
  readonly others: readonly ('weight' | 'bias' | 'labels')[];
  /** Mean of all rows. Default false. */
  readonly single?: boolean;
}

interface Row {
  readonly values: Float32Array;
  readonly weight: ArrayLike<number>;
  readonly bias: ArrayLike<number>;
  readonly label: number;
}

function normalized(values: Float32Array, column: number): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return (values[column] - mean) / Math.sqrt(variance + 1e-5);
}

const functions: readonly RowFunction[] = [
  {
    name: 'softmax',
    others: [],
    reference: ({ values }, column) => softmaxAt(values, column),
    versions: softmaxVersions,
  },
  {
    name: 'log-softmax',
    others: [],
    reference: ({ values }, column) => logSoftmaxAt(values, column),
    versions: logSoftmaxVersions,
  },
  {
    name: 'layer norm',
    others: ['weight', 'bias'],
    reference: ({ values, weight, bias }, column) =>
      normalized(values, column) * weight[column] + bias[column],
    versions: {
      nn: (x, weight, bias) => F.layerNorm(x, x.shape[1], { weight, bias }),
      jax:
        ({ nn }) =>
        (x, weight, bias) =>
          nn.standardize(x, 1, { epsilon: 1e-5 }).mul(weight).add(bias),
      tfjs: (tf) => (x, weight, bias) =>
        tf.tidy(() => {
          const { mean, variance } = tf.moments(x, 1, true);
          return x.sub(mean).mul(variance.add(1e-5).rsqrt()).mul(weight).add(bias);
        }),
      torch: 'F.layer_norm(a, (a.shape[1],), b, c)',
    },
  },
  {
    name: 'cross entropy',
    others: ['labels'],
    single: true,
    reference: ({ values, label }) => logSum(values) - values[label],
    versions: {
      nn: (x, labels) => F.crossEntropy(x, labels),
      jax:
        ({ numpy: np, nn }) =>
        (x, labels) => {
          const scores = np.takeAlongAxis(nn.logSoftmax(x, 1), np.expandDims(labels, 1), 1);
          return scores.mean().mul(-1);
        },
      tfjs: (tf) => (x, labels) =>
        tf.tidy(() => {
          const oneHot = tf.oneHot(labels as import('@tensorflow/tfjs').Tensor1D, x.shape[1] ?? 0);
          return tf.losses.softmaxCrossEntropy(oneHot, x);
        }),
      torch: 'F.cross_entropy(a, b.long())',
    },
  },
];

export function rowCases(sizes: Sizes): Operation[] {
  const [rows, columns] = [sizes(256), sizes(50257)];
  const scores: Range = { low: -5, high: 5 };
  const others = {
    weight: () => random([columns], { low: 0.5, high: 1.5, seed: 2 }),
    bias: () => random([columns], { seed: 3 }),
    labels: () => ({ values: integers(rows, columns, 4), shape: [rows] }),
  };
  const x = shared(() => [random([rows, columns], scores)]);
  return functions.map(({ name, versions, reference, others: names, single = false }) => {
    const rest = shared(() => names.map((other) => others[other]()));
    const inputs = (): ReturnType<typeof x> => [...x(), ...(names.length === 0 ? [] : rest())];
    const small = names.includes('weight') ? 2 * columns : 0;
    return {
      kind: 'operation',
      group: 'cpu',
      subject: 'rows',
      name: `${name} [256, 50257]`,
      cost: single
        ? { bytes: 4 * rows * columns, access: 'read' }
        : { bytes: 4 * (2 * rows * columns + small) },
      // Probabilities are small.
      tolerance: { absolute: name === 'softmax' ? 1e-9 : 1e-5, relative: 1e-4 },
      inputs,
      versions,
      expected: () => {
        const [{ values }, first, second] = inputs();
        const rowAt = (row: number): Row => ({
          values: values.subarray(row * columns, (row + 1) * columns) as Float32Array,
          weight: first?.values ?? [],
          bias: second?.values ?? [],
          label: first?.values[row] ?? 0,
        });
        if (single) {
          let sum = 0;
          for (let row = 0; row < rows; row++) sum += reference(rowAt(row), 0);
          return { positions: [0], values: [sum / rows] };
        }
        return expectedAt(rows * columns, (position) =>
          reference(rowAt(Math.floor(position / columns)), position % columns),
        );
      },
    };
  });
}
