// Softmax and its logarithm along the last dimension of two: versions of each implementation, and in plain float64.
import type { Versions } from '../benchmark.ts';

/** The logarithm of the sum of exponentials. */
export function logSum(row: Float32Array): number {
  const top = row.reduce((best, value) => Math.max(best, value));
  return top + Math.log(row.reduce((sum, value) => sum + Math.exp(value - top), 0));
}

export const softmaxAt = (row: Float32Array, column: number): number => Math.exp(row[column] - logSum(row));
export const logSoftmaxAt = (row: Float32Array, column: number): number => row[column] - logSum(row);

export const softmaxVersions: Versions = {
  nn: (x) => x.softmax(1),
  jax:
    ({ nn }) =>
    (x) =>
      nn.softmax(x, 1),
  tfjs: (tf) => (x) => tf.softmax(x, 1),
  torch: 'torch.softmax(a, 1)',
};

export const logSoftmaxVersions: Versions = {
  nn: (x) => x.logSoftmax(1),
  jax:
    ({ nn }) =>
    (x) =>
      nn.logSoftmax(x, 1),
  tfjs: (tf) => (x) => tf.logSoftmax(x, 1),
  torch: 'torch.log_softmax(a, 1)',
};
