// Every activation at 10,000 x 10,000: four hundred megabytes in, and as many out.
import * as F from '@nn/functional';
import type { Operation, Versions } from '../benchmark.ts';
import { activationFunctions } from './activation-functions.ts';
import { expectedAt, random, type Sizes, shared } from './data.ts';
import { approximate, sigmoid } from './scalar-function.ts';
import { logSoftmaxAt, logSoftmaxVersions, softmaxAt, softmaxVersions } from './softmax.ts';

const extent = 10_000;
/** The JavaScript peers take one to four seconds for each, plain JavaScript more: they do the best known ones. */
const bestKnown = ['relu', 'celu', 'gelu', 'silu', 'sigmoid', 'tanh', 'softmax'];
const slow = ['jax-js', 'tfjs-wasm'];

interface Activation {
  readonly name: string;
  readonly versions: Versions;
  /** The result at a row and a column, from a row of the input. */
  readonly reference: (row: Float32Array, column: number) => number;
  /** Of the input's width. Default 1. */
  readonly resultWidth?: number;
}

const ofRows: readonly Activation[] = [
  {
    name: 'glu',
    resultWidth: 0.5,
    reference: (row, column) => row[column] * sigmoid(row[column + row.length / 2]),
    versions: {
      nn: (x) => F.glu(x),
      jax:
        ({ nn }) =>
        (x) =>
          nn.glu(x, -1),
      tfjs: (tf) => (x) =>
        tf.tidy(() => {
          const [value, gate] = tf.split(x, 2, 1);
          return tf.sigmoid(gate).mul(value);
        }),
      torch: 'F.glu(a)',
    },
  },
  { name: 'softmax', reference: softmaxAt, versions: softmaxVersions },
  { name: 'logSoftmax', reference: logSoftmaxAt, versions: logSoftmaxVersions },
];

export function activations(sizes: Sizes): Operation[] {
  const [rows, columns] = [sizes(extent), sizes(extent)];
  const inputs = shared(() => [random([rows, columns], { low: -3, high: 3 })]);
  const ofElements = activationFunctions.map(
    ({ name, versions, reference }): Activation => ({
      name,
      versions,
      reference: (row, column) => reference(row[column]),
    }),
  );
  return [...ofElements, ...ofRows].map(({ name, versions, reference, resultWidth = 1 }) => ({
    kind: 'operation',
    group: 'cpu',
    subject: 'activations',
    name: `${name} 10,000 x 10,000`,
    cost: { bytes: 4 * rows * columns * (1 + resultWidth) },
    tolerance: approximate,
    suits: (implementation) =>
      implementation !== 'tfjs-cpu' && (bestKnown.includes(name) || !slow.includes(implementation)),
    inputs,
    versions,
    expected: () => {
      const values = inputs()[0].values as Float32Array;
      const width = columns * resultWidth;
      return expectedAt(rows * width, (position) => {
        const row = Math.floor(position / width);
        return reference(values.subarray(row * columns, (row + 1) * columns), position % width);
      });
    },
  }));
}
