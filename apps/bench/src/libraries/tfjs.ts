// TensorFlow.js: its WebAssembly backend (SIMD; in Node on one thread) and its backend in plain JavaScript.
import * as tf from '@tensorflow/tfjs';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import type { Layer, Network } from '../networks/network.ts';
import type { Library, Trainer } from './library.ts';
import { installedVersion, packageFolder } from './version.ts';

type Weights = { readonly weight: tf.Variable; readonly bias: tf.Variable } | null;

/** Its images end in the channels; so do our weights then. */
function weightsOf(network: Network, at: number): Weights {
  const layer = network.layers[at];
  const values = network.parameters[at];
  if (values === null || (layer.kind !== 'linear' && layer.kind !== 'convolution')) return null;
  return tf.tidy(() => {
    const bias = tf.variable(tf.tensor1d(values.bias));
    if (layer.kind === 'convolution') {
      const { inputs, outputs, window } = layer;
      const weight = tf.tensor4d(values.weight, [outputs, inputs, window, window]).transpose([2, 3, 1, 0]);
      return { weight: tf.variable(weight), bias };
    }
    const weight = tf.tensor2d(values.weight, [layer.outputs, layer.inputs]);
    const before = network.layers[at - 2];
    if (network.layers[at - 1]?.kind !== 'flatten' || before?.kind !== 'pool')
      return { weight: tf.variable(weight.transpose()), bias };
    // What is flattened comes in another order: [outputs, channel, y, x] to [y, x, channel, outputs].
    const half = before.size / 2;
    const reordered = weight.reshape([layer.outputs, before.channels, half, half]).transpose([2, 3, 1, 0]);
    return { weight: tf.variable(reordered.reshape([layer.inputs, layer.outputs])), bias };
  });
}

function applyLayer(layer: Layer, x: tf.Tensor, weights: Weights): tf.Tensor {
  switch (layer.kind) {
    case 'linear':
      return tf.matMul(x as tf.Tensor2D, weights!.weight as tf.Tensor2D).add(weights!.bias);
    case 'convolution':
      return tf.conv2d(x as tf.Tensor4D, weights!.weight as tf.Tensor4D, 1, 'valid').add(weights!.bias);
    case 'relu':
      return tf.relu(x);
    case 'pool':
      return tf.maxPool(x as tf.Tensor4D, 2, 2, 'valid');
    case 'flatten':
      return tf.reshape(x, [x.shape[0], -1]);
  }
}

class TfTrainer implements Trainer {
  readonly #network: Network;
  readonly #weights: readonly Weights[];
  readonly #variables: tf.Variable[];
  readonly #optimizer: tf.Optimizer;
  readonly #input: tf.Tensor;
  readonly #oneHot: tf.Tensor;
  #loss: tf.Scalar | undefined;

  constructor(network: Network) {
    this.#network = network;
    this.#weights = network.layers.map((_, at) => weightsOf(network, at));
    this.#variables = this.#weights.flatMap((weights) =>
      weights === null ? [] : [weights.weight, weights.bias],
    );
    this.#optimizer = tf.train.sgd(network.learningRate);
    const [batch, ...rest] = network.inputShape;
    // Images of one channel are the same in both layouts.
    const shape = rest.length === 3 ? [batch, rest[1], rest[2], rest[0]] : [batch, ...rest];
    this.#input = tf.tensor(network.input, shape);
    this.#oneHot = tf.tidy(() => tf.oneHot(tf.tensor1d(network.labels, 'int32'), network.classes).toFloat());
  }

  #apply(): tf.Tensor {
    return this.#network.layers.reduce<tf.Tensor>(
      (x, layer, at) => applyLayer(layer, x, this.#weights[at]),
      this.#input,
    );
  }

  step(): void {
    const lossOf = (): tf.Scalar => tf.losses.softmaxCrossEntropy(this.#oneHot, this.#apply()).asScalar();
    const loss = this.#optimizer.minimize(lossOf, true, this.#variables);
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
    return tf.tidy(() => this.#apply()).data();
  }

  dispose(): void {
    tf.dispose([this.#variables, this.#input, this.#oneHot]);
    this.#loss?.dispose();
  }
}

class TensorFlow implements Library<tf.Tensor> {
  readonly name: string;
  readonly version: string = installedVersion('@tensorflow/tfjs');
  readonly device: string;
  readonly threads: number = 1;

  constructor(device: 'wasm' | 'cpu') {
    this.device = device;
    this.name = `tfjs-${device}`;
  }

  async activate(): Promise<void> {
    await tf.setBackend(this.device);
  }

  tensor(values: Float32Array<ArrayBuffer>, shape: readonly number[]): tf.Tensor {
    return tf.tensor(values, [...shape]);
  }

  matmul(left: tf.Tensor, right: tf.Tensor): tf.Tensor {
    return tf.matMul(left, right);
  }

  add(left: tf.Tensor, right: tf.Tensor): tf.Tensor {
    return tf.add(left, right);
  }

  exp(x: tf.Tensor): tf.Tensor {
    return tf.exp(x);
  }

  tanh(x: tf.Tensor): tf.Tensor {
    return tf.tanh(x);
  }

  /** It has none of its own. */
  gelu(x: tf.Tensor): tf.Tensor {
    return tf.tidy(() => x.mul(Math.SQRT1_2).erf().add(1).mul(x).mul(0.5));
  }

  erf(x: tf.Tensor): tf.Tensor {
    return tf.erf(x);
  }

  sum(x: tf.Tensor): tf.Tensor {
    return tf.sum(x);
  }

  sumRows(x: tf.Tensor): tf.Tensor {
    return tf.sum(x, 1);
  }

  softmaxRows(x: tf.Tensor): tf.Tensor {
    return tf.softmax(x, 1);
  }

  addRepeatedly(x: tf.Tensor, y: tf.Tensor, count: number): tf.Tensor {
    return tf.tidy(() => {
      let sum = x;
      for (let at = 0; at < count; at++) sum = sum.add(y);
      return sum;
    });
  }

  multiplyRepeatedly(x: tf.Tensor, y: tf.Tensor, count: number): tf.Tensor {
    return tf.tidy(() => {
      let product = x;
      for (let at = 0; at < count; at++) product = tf.matMul(product, y);
      return product;
    });
  }

  trainer(network: Network): Trainer {
    return new TfTrainer(network);
  }

  /** Its backends for the CPU compute within the call. */
  force(): void {}

  async read(x: tf.Tensor): Promise<ArrayLike<number>> {
    return x.data();
  }

  free(x: tf.Tensor): void {
    x.dispose();
  }

  dispose(): void {}
}

export async function openTensorFlow(device: 'wasm' | 'cpu'): Promise<Library<tf.Tensor>> {
  // Without checks of its own, and without advice on the console.
  tf.enableProdMode();
  setWasmPaths(`${packageFolder('@tensorflow/tfjs-backend-wasm')}/dist/`);
  if (!(await tf.setBackend(device))) throw new Error(`tfjs: the backend '${device}' does not start`);
  return new TensorFlow(device);
}
