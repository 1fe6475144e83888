// Attention, forward and by its inputs; embeddings, and what their weight's gradient takes.
import { grad } from '@nn/autograd';
import { embedding, scaledDotProductAttention } from '@nn/functional';
import type { Jax, JaxArray, Operation, Tfjs, TfTensor } from '../benchmark.ts';
import { integers } from '../random.ts';
import { expectedAt, indicesOf, random, type Sizes, shared } from './data.ts';

const subject = 'pooling, attention and embedding';

/** jax's dimensions are [batch, length, heads, size]. */
function jaxAttention({ nn, numpy: np }: Jax, query: JaxArray, key: JaxArray, value: JaxArray): JaxArray {
  const exchange = (x: JaxArray): JaxArray => np.swapaxes(x, 1, 2);
  return exchange(
    nn.dotProductAttention(exchange(query), exchange(key), exchange(value), { isCausal: true }),
  );
}

function tfAttention(tf: Tfjs, query: TfTensor, key: TfTensor, value: TfTensor): TfTensor {
  const [length, size] = query.shape.slice(-2);
  const future = tf.sub(1, tf.linalg.bandPart(tf.ones([length, length]), -1, 0)).mul(-1e9);
  const scores = tf.matMul(query, key, false, true).mul(1 / Math.sqrt(size));
  return tf.matMul(tf.softmax(scores.add(future)), value);
}

function attention([batch, heads, length, size]: readonly number[], sizes: Sizes): Operation[] {
  const shape = [sizes(batch), sizes(heads), sizes(length), sizes(size)];
  const inputs = shared(() => [1, 2, 3, 4].map((seed) => random(shape, { seed })));
  const elements = shape.reduce((product, extent) => product * extent, 1);
  // Half of the scores are masked; a good kernel need not compute them.
  const flops = 4 * elements * shape[2] * 0.5;
  const common = { kind: 'operation', group: 'cpu', subject, inputs, tolerance: { absolute: 1e-4 } } as const;
  const name = `causal attention [${batch}, ${heads}, ${length}, ${size}]`;
  return [
    {
      ...common,
      name: `${name} forward`,
      cost: { flops, bytes: 16 * elements },
      versions: {
        nn: (query, key, value) => scaledDotProductAttention(query, key, value, { isCausal: true }),
        jax: (jax) => (query, key, value) => jaxAttention(jax, query, key, value),
        tfjs: (tf) => (query, key, value) => tf.tidy(() => tfAttention(tf, query, key, value)),
        torch: 'attention(a, b, c)',
      },
      expected: () => {
        const [query, key, value] = inputs().map(({ values }) => values);
        return expectedAt(elements, (position) => {
          const [image, head, row, column] = indicesOf(position, shape);
          const base = (image * shape[1] + head) * shape[2];
          const scores = Array.from({ length: row + 1 }, (_, at) => {
            let sum = 0;
            for (let i = 0; i < shape[3]; i++)
              sum += query[(base + row) * shape[3] + i] * key[(base + at) * shape[3] + i];
            return Math.exp(sum / Math.sqrt(shape[3]));
          });
          const total = scores.reduce((sum, score) => sum + score, 0);
          return scores.reduce(
            (sum, score, at) => sum + (score / total) * value[(base + at) * shape[3] + column],
            0,
          );
        });
      },
    },
    {
      ...common,
      name: `${name} by inputs`,
      cost: { flops: 2.5 * flops, bytes: 32 * elements },
      versions: {
        nn: (query, key, value, gradient) => {
          const leaves = [query, key, value].map((x) => x.detach().requiresGrad_());
          const output = scaledDotProductAttention(leaves[0], leaves[1], leaves[2], { isCausal: true });
          return grad(output, leaves, { gradOutputs: gradient });
        },
        jax: (jax) => (query, key, value, gradient) => {
          const [output, back] = jax.vjp(
            (q: JaxArray, k: JaxArray, v: JaxArray) => jaxAttention(jax, q, k, v),
            [query, key, value],
          );
          output.dispose();
          const results = back(gradient) as JaxArray[];
          back.dispose();
          return results;
        },
        tfjs: (tf) => (query, key, value, gradient) =>
          tf.tidy(() => tf.grads((q, k, v) => tfAttention(tf, q, k, v))([query, key, value], gradient)),
        torch: 'derivatives(attention, (a, b, c), d)',
      },
    },
  ];
}

function embeddings(sizes: Sizes): Operation[] {
  const [entries, width, length] = [sizes(50257), sizes(256), sizes(4096)];
  const inputs = shared(() => [
    random([entries, width], { seed: 1 }),
    { values: integers(length, entries, 2), shape: [length] },
    random([length, width], { seed: 3 }),
  ]);
  const common = { kind: 'operation', group: 'cpu', subject, inputs, tolerance: { absolute: 1e-5 } } as const;
  return [
    {
      ...common,
      name: 'embedding [50257, 256] of 4096',
      cost: { bytes: 4 * (2 * length * width + length) },
      versions: {
        nn: (weight, index) => embedding(index, weight),
        jax:
          ({ numpy: np }) =>
          (weight, index) =>
            np.take(weight, index, 0),
        tfjs: (tf) => (weight, index) => tf.gather(weight, index),
        torch: 'F.embedding(b, a)',
      },
      expected: () => {
        const [weight, index] = inputs();
        return expectedAt(
          length * width,
          (at) => weight.values[index.values[Math.floor(at / width)] * width + (at % width)],
        );
      },
    },
    {
      ...common,
      name: 'embedding [50257, 256] of 4096 by weight',
      cost: { bytes: 4 * (entries * width + length * width + length) },
      versions: {
        nn: (weight, index, gradient) => {
          const leaf = weight.detach().requiresGrad_();
          return grad(embedding(index, leaf), leaf, { gradOutputs: gradient });
        },
        jax:
          ({ numpy: np, vjp }) =>
          (weight, index, gradient) => {
            const [output, back] = vjp((leaf: JaxArray) => np.take(leaf, index, 0), [weight]);
            output.dispose();
            const [result] = back(gradient) as [JaxArray];
            back.dispose();
            return result;
          },
        tfjs: (tf) => (_weight, index, gradient) =>
          tf.unsortedSegmentSum(gradient, index as import('@tensorflow/tfjs').Tensor1D, entries),
        torch: 'torch.ops.aten.embedding_dense_backward(c, b, a.shape[0], -1, False)',
      },
      expected: () => {
        const [, index, gradient] = inputs();
        return expectedAt(entries * width, (position) => {
          let sum = 0;
          for (const [at, entry] of index.values.entries())
            if (entry === Math.floor(position / width))
              sum += gradient.values[at * width + (position % width)];
          return sum;
        });
      },
    },
  ];
}

export function attentionCases(sizes: Sizes): Operation[] {
  return [...attention([8, 8, 128, 64], sizes), ...attention([1, 8, 1024, 64], sizes), ...embeddings(sizes)];
}
