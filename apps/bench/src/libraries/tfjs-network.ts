// Networks in TensorFlow.js: images end in the channels, and so do weights.
import * as tf from '@tensorflow/tfjs';
import type { Layer } from '../networks/layer.ts';
import { outputOf, parameterShapes } from '../networks/layer.ts';
import type { Network } from '../networks/network.ts';
import type { Trainer } from './library.ts';
import { tensorOf } from './tfjs-layout.ts';

type Weights = () => tf.Variable;

/** The first weights in its order of dimensions, and in the other order of what it flattens. */
function weightsOf({ layers, parameters, input }: Network): tf.Variable[] {
  let next = 0;
  const variables: tf.Variable[] = [];
  /** [channels, height, width] of what was flattened last. */
  let flattened: number[] | null = null;
  const visit = (list: readonly Layer[], from: readonly number[]): void => {
    let shape = [...from];
    for (const layer of list) {
      if (layer.kind === 'residual') {
        visit(layer.body, shape);
        visit(layer.shortcut, shape);
      }
      if (layer.kind === 'flatten') flattened = shape.slice(1);
      for (const own of parameterShapes(layer).shapes) {
        const weight = parameters[next++];
        const isKernel = own.length === 4;
        const isMatrix = own.length === 2 && ['linear', 'attention', 'lstm'].includes(layer.kind);
        variables.push(
          tf.tidy(() => {
            const tensor = tensorOf(isKernel ? { ...weight, layout: 'kernel' } : weight);
            if (!isMatrix) return tf.variable(tensor);
            const [outputs, inputs] = own;
            if (layer.kind !== 'linear' || flattened === null) return tf.variable(tensor.transpose());
            const arranged = tensor.reshape([outputs, ...flattened]).transpose([2, 3, 1, 0]);
            return tf.variable(arranged.reshape([inputs, outputs]));
          }),
        );
      }
      if (layer.kind === 'linear') flattened = null;
      shape = outputOf(layer, shape).shape;
    }
  };
  visit(layers, input.shape);
  return variables;
}

function linear(x: tf.Tensor, weights: Weights): tf.Tensor {
  const [weight, bias] = [weights(), weights()];
  const rows = x.reshape([-1, weight.shape[0]]);
  return tf
    .matMul(rows, weight as tf.Tensor)
    .add(bias)
    .reshape([...x.shape.slice(0, -1), weight.shape[1] ?? 0]);
}

function normalized(x: tf.Tensor, dimensions: number[], weights: Weights): tf.Tensor {
  const { mean, variance } = tf.moments(x, dimensions, true);
  return x.sub(mean).mul(variance.add(1e-5).rsqrt()).mul(weights()).add(weights());
}

function gelu(x: tf.Tensor): tf.Tensor {
  return x.mul(Math.SQRT1_2).erf().add(1).mul(x).mul(0.5);
}

function attention(
  x: tf.Tensor,
  { heads, causal }: Layer & { kind: 'attention' },
  weights: Weights,
): tf.Tensor {
  const [batch, length, width] = x.shape;
  const size = width / heads;
  const [query, key, value] = tf
    .split(linear(x, weights), 3, 2)
    .map((part) => part.reshape([batch, length, heads, size]).transpose([0, 2, 1, 3]));
  let scores = tf.matMul(query, key, false, true).mul(size ** -0.5);
  if (causal) {
    const past = tf.linalg.bandPart(tf.ones([length, length]), -1, 0);
    scores = scores.add(tf.sub(1, past).mul(-1e9));
  }
  const attended = tf.matMul(tf.softmax(scores), value).transpose([0, 2, 1, 3]);
  return linear(attended.reshape([batch, length, width]), weights);
}

function lstm(x: tf.Tensor, { hidden: size }: Layer & { kind: 'lstm' }, weights: Weights): tf.Tensor {
  const [fromInput, fromHidden, inputBias, hiddenBias] = [weights(), weights(), weights(), weights()];
  const bias = tf.add(inputBias, hiddenBias);
  let hidden: tf.Tensor = tf.zeros([x.shape[1] ?? 0, size]);
  let cell: tf.Tensor = hidden;
  for (const step of tf.unstack(x)) {
    const gates = tf
      .matMul(step, fromInput as tf.Tensor)
      .add(tf.matMul(hidden, fromHidden as tf.Tensor))
      .add(bias);
    const [input, forget, candidate, output] = tf.split(gates, 4, 1);
    cell = tf
      .sigmoid(forget)
      .mul(cell)
      .add(tf.sigmoid(input).mul(tf.tanh(candidate)));
    hidden = tf.sigmoid(output).mul(tf.tanh(cell));
  }
  return hidden;
}

function applyLayer(layer: Layer, x: tf.Tensor, weights: Weights): tf.Tensor {
  switch (layer.kind) {
    case 'linear':
      return linear(x, weights);
    case 'convolution': {
      const { stride, padding, bias } = layer;
      const kernel = weights() as tf.Tensor as tf.Tensor4D;
      const y = tf.conv2d(x as tf.Tensor4D, kernel, stride, padding, 'NHWC', 1, 'floor');
      return bias ? y.add(weights()) : y;
    }
    case 'batchNorm':
      return normalized(x, [0, 1, 2], weights);
    case 'layerNorm':
      return normalized(x, [x.rank - 1], weights);
    case 'relu':
      return tf.relu(x);
    case 'gelu':
      return gelu(x);
    case 'pool':
      return tf.maxPool(x as tf.Tensor4D, 2, 2, 'valid');
    case 'globalPool':
      return tf.mean(x, [1, 2]);
    case 'flatten':
      return tf.reshape(x, [x.shape[0], -1]);
    case 'residual':
      return applyLayers(layer.body, x, weights).add(applyLayers(layer.shortcut, x, weights));
    case 'attention':
      return attention(x, layer, weights);
    case 'embedding':
      return tf.gather(weights() as tf.Tensor, x);
    case 'positions':
      return x.add(weights());
    case 'lstm':
      return lstm(x, layer, weights);
  }
}

function applyLayers(layers: readonly Layer[], input: tf.Tensor, weights: Weights): tf.Tensor {
  return layers.reduce((x, layer) => applyLayer(layer, x, weights), input);
}

export class TfTrainer implements Trainer {
  readonly #network: Network;
  readonly #variables: tf.Variable[];
  readonly #optimizer: tf.Optimizer;
  readonly #input: tf.Tensor;
  readonly #target: tf.Tensor;
  #loss: tf.Scalar | undefined;

  constructor(network: Network) {
    this.#network = network;
    this.#variables = weightsOf(network);
    this.#optimizer = tf.train.sgd(network.learningRate);
    this.#input = tensorOf(network.input);
    const { loss } = network;
    this.#target =
      loss.kind === 'squares'
        ? tensorOf(loss.target)
        : tf.tidy(() => tf.oneHot(tf.tensor1d(loss.labels, 'int32'), loss.classes).toFloat());
  }

  #apply(): tf.Tensor {
    let next = 0;
    return applyLayers(this.#network.layers, this.#input, () => this.#variables[next++]);
  }

  #lossOf(): tf.Scalar {
    const { loss } = this.#network;
    const output = this.#apply();
    if (loss.kind === 'squares') return tf.squaredDifference(output, this.#target).mean().asScalar();
    const scores = output.reshape([-1, loss.classes]);
    return tf.losses.softmaxCrossEntropy(this.#target, scores).asScalar();
  }

  step(): void {
    const loss = this.#optimizer.minimize(() => this.#lossOf(), true, this.#variables);
    this.#loss?.dispose();
    this.#loss = loss ?? undefined;
  }

  async loss(): Promise<number> {
    return (await this.#loss!.data())[0];
  }

  forward(): void {
    tf.tidy(() => void this.#apply());
  }

  async outputs(): Promise<ArrayLike<number>> {
    const outputs = tf.tidy(() => this.#apply());
    const values = await outputs.data();
    outputs.dispose();
    return values;
  }

  dispose(): void {
    tf.dispose([this.#variables, this.#input, this.#target]);
    this.#loss?.dispose();
  }
}
