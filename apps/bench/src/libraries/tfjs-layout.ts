// The order of dimensions that TensorFlow.js's kernels want.
import * as tf from '@tensorflow/tfjs';
import type { Input, Layout } from '../benchmark.ts';

/** Its dimensions in terms of ours: images end in the channels, kernels begin with the window. */
const itsDimensions: Readonly<Record<Layout, number[]>> = {
  images: [0, 2, 3, 1],
  kernel: [2, 3, 1, 0],
  'depthwise kernel': [2, 3, 0, 1],
};

/** Ours in terms of its. */
export const ourDimensions: Readonly<Record<Layout, number[]>> = {
  images: [0, 3, 1, 2],
  kernel: [3, 2, 0, 1],
  'depthwise kernel': [2, 3, 0, 1],
};

export function tensorOf({ values, shape, layout }: Input): tf.Tensor {
  return tf.tidy(() => {
    const plain = tf.tensor(values, [...shape], values instanceof Int32Array ? 'int32' : 'float32');
    return layout === undefined ? plain : plain.transpose(itsDimensions[layout]);
  });
}
