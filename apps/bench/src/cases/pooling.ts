// Maxima of windows, and their derivative.
import { grad } from '@nn/autograd';
import { maxPool2d } from '@nn/functional';
import type { Operation } from '../benchmark.ts';
import { count, expectedAt, indicesOf, random, type Sizes, shared } from './data.ts';

/** [batch, channels, size, size]: LeNet's first pooling, and ResNet-18's at half its size, without padding. */
const shapes = [
  [64, 6, 28],
  [4, 64, 112],
];

function pooling([batch, channels, size]: readonly number[], sizes: Sizes): Operation[] {
  const half = Math.ceil(sizes(size) / 2);
  const shape = [sizes(batch), sizes(channels), 2 * half, 2 * half];
  const resultShape = [shape[0], shape[1], half, half];
  const inputs = shared(() => [
    { ...random(shape, { seed: 1 }), layout: 'images' as const },
    { ...random(resultShape, { seed: 2 }), layout: 'images' as const },
  ]);
  const corners = (plane: number, row: number, column: number): number[] => {
    const first = (plane * shape[2] + 2 * row) * shape[3] + 2 * column;
    return [first, first + 1, first + shape[3], first + shape[3] + 1];
  };
  const common = {
    kind: 'operation',
    group: 'cpu',
    subject: 'pooling, attention and embedding',
    tolerance: { absolute: 1e-6 },
    inputs,
    resultLayout: 'images',
  } as const;
  const name = `max pool 2x2 [${batch}, ${channels}, ${size}, ${size}]`;
  return [
    {
      ...common,
      name: `${name} forward`,
      cost: { bytes: 4 * (count(shape) + count(resultShape)) },
      versions: {
        nn: (x) => maxPool2d(x, 2),
        jax:
          ({ lax, numpy: np }) =>
          (x) =>
            lax.reduceWindow(x, np.max, [2, 2], [2, 2]),
        tfjs: (tf) => (x) => tf.maxPool(x as import('@tensorflow/tfjs').Tensor4D, 2, 2, 'valid'),
        torch: 'F.max_pool2d(a, 2)',
      },
      expected: () => {
        const [{ values }] = inputs();
        return expectedAt(count(resultShape), (position) => {
          const [image, channel, row, column] = indicesOf(position, resultShape);
          return Math.max(...corners(image * shape[1] + channel, row, column).map((at) => values[at]));
        });
      },
    },
    {
      ...common,
      name: `${name} by input`,
      cost: { bytes: 4 * (2 * count(shape) + count(resultShape)) },
      versions: {
        nn: (x, gradient) => {
          const input = x.detach().requiresGrad_();
          return grad(maxPool2d(input, 2), input, { gradOutputs: gradient });
        },
        jax:
          ({ lax, numpy: np, vjp }) =>
          (x, gradient) => {
            const [output, back] = vjp(
              (input: import('../benchmark.ts').JaxArray) => lax.reduceWindow(input, np.max, [2, 2], [2, 2]),
              [x],
            );
            output.dispose();
            const [result] = back(gradient) as [import('../benchmark.ts').JaxArray];
            back.dispose();
            return result;
          },
        tfjs: (tf) => (x, gradient) =>
          tf.tidy(() =>
            tf.grad((input) => tf.maxPool(input as import('@tensorflow/tfjs').Tensor4D, 2, 2, 'valid'))(
              x,
              gradient,
            ),
          ),
        torch: 'derivative(lambda x: F.max_pool2d(x, 2), a, b)',
      },
      expected: () => {
        const [{ values }, gradient] = inputs();
        return expectedAt(count(shape), (position) => {
          const [image, channel, row, column] = indicesOf(position, shape);
          const [top, left] = [row >> 1, column >> 1];
          const plane = image * shape[1] + channel;
          const others = corners(plane, top, left);
          const greatest = Math.max(...others.map((at) => values[at]));
          return values[position] === greatest ? gradient.values[(plane * half + top) * half + left] : 0;
        });
      },
    },
  ];
}

export function poolings(sizes: Sizes): Operation[] {
  return shapes.flatMap((shape) => pooling(shape, sizes));
}
