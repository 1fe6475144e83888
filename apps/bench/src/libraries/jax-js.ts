// jax-js on WebAssembly: https://jax-js.com. Everything goes through its `jit`, as its guide advises: that takes 0.1 ms off
// even a single operation. Its functions consume their arguments; `.ref` keeps them.
import { blockUntilReady, init, jit, lax, nn, numpy as np, tree, valueAndGrad } from '@jax-js/jax';
import type { Layer, Network } from '../networks/network.ts';
import type { Library, Trainer } from './library.ts';
import { installedVersion } from './version.ts';

type Value = np.Array;
type Weights = { weight: Value; bias: Value }[];

function applyLayer(layer: Layer, x: Value, weights: Weights[number] | undefined): Value {
  switch (layer.kind) {
    case 'linear':
      return np.matmul(x, np.transpose(weights!.weight)).add(weights!.bias);
    case 'convolution':
      return lax
        .conv(x, weights!.weight, [1, 1], 'VALID')
        .add(np.reshape(weights!.bias, [1, layer.outputs, 1, 1]));
    case 'relu':
      return nn.relu(x);
    case 'pool':
      return lax.reduceWindow(x, np.max, [2, 2], [2, 2]);
    case 'flatten':
      return np.reshape(x, [x.shape[0], -1]);
  }
}

class JaxTrainer implements Trainer {
  readonly #input: Value;
  readonly #oneHot: Value;
  readonly #forward: (weights: Weights, input: Value) => Value;
  readonly #update: (weights: Weights, input: Value, oneHot: Value) => [Value, Weights];
  #weights: Weights;
  #loss: Value | undefined;

  constructor(network: Network) {
    const { layers, labels, classes, learningRate } = network;
    this.#weights = network.parameters.flatMap((values, at) => {
      const layer = layers[at];
      if (values === null || (layer.kind !== 'linear' && layer.kind !== 'convolution')) return [];
      const { inputs, outputs } = layer;
      const shape =
        layer.kind === 'linear' ? [outputs, inputs] : [outputs, inputs, layer.window, layer.window];
      return [{ weight: np.array(values.weight, { shape }), bias: np.array(values.bias) }];
    });
    this.#input = np.array(network.input, { shape: [...network.inputShape] });
    const ones = new Float32Array(labels.length * classes);
    for (const [row, label] of labels.entries()) ones[row * classes + label] = 1;
    this.#oneHot = np.array(ones, { shape: [labels.length, classes] });

    const forward = (weights: Weights, input: Value): Value => {
      let next = 0;
      const has = (layer: Layer): boolean => layer.kind === 'linear' || layer.kind === 'convolution';
      return layers.reduce(
        (x, layer) => applyLayer(layer, x, has(layer) ? weights[next++] : undefined),
        input,
      );
    };
    const lossOf = (weights: Weights, input: Value, oneHot: Value): Value =>
      nn
        .logSoftmax(forward(weights, input), 1)
        .mul(oneHot)
        .sum()
        .mul(-1 / labels.length);
    const update = (weights: Weights, input: Value, oneHot: Value): [Value, Weights] => {
      const [loss, gradients] = valueAndGrad(lossOf)(tree.ref(weights), input, oneHot);
      const step = (weight: Value, gradient: Value): Value => weight.sub(gradient.mul(learningRate));
      return [
        loss,
        weights.map(({ weight, bias }, at) => ({
          weight: step(weight, gradients[at].weight),
          bias: step(bias, gradients[at].bias),
        })),
      ];
    };
    this.#forward = jit(forward);
    this.#update = jit(update) as typeof update;
  }

  async step(): Promise<void> {
    const [loss, weights] = this.#update(this.#weights, this.#input.ref, this.#oneHot.ref);
    this.#weights = weights;
    this.#loss?.dispose();
    this.#loss = loss;
    await blockUntilReady([loss, weights] as [Value, Weights]);
  }

  async loss(): Promise<number> {
    return Number((await this.#loss!.ref.data())[0]);
  }

  async forward(): Promise<void> {
    const outputs = this.#forward(tree.ref(this.#weights), this.#input.ref);
    await outputs.blockUntilReady();
    outputs.dispose();
  }

  async outputs(): Promise<ArrayLike<number>> {
    return this.#forward(tree.ref(this.#weights), this.#input.ref).data();
  }

  dispose(): void {
    tree.dispose(this.#weights);
    this.#input.dispose();
    this.#oneHot.dispose();
    this.#loss?.dispose();
  }
}

class JaxJs implements Library<Value> {
  readonly name: string = 'jax-js';
  readonly version: string = installedVersion('@jax-js/jax');
  readonly device: string = 'wasm';
  /** It starts threads only where there is a global `Worker`, which Node lacks. */
  readonly threads: number = 1;
  readonly #functions = {
    matmul: jit((left: Value, right: Value) => np.matmul(left, right)),
    add: jit((left: Value, right: Value) => np.add(left, right)),
    exp: jit((x: Value) => np.exp(x)),
    tanh: jit((x: Value) => np.tanh(x)),
    gelu: jit((x: Value) => nn.gelu(x, { approximate: false })),
    erf: jit((x: Value) => lax.erf(x)),
    sum: jit((x: Value) => x.sum()),
    sumRows: jit((x: Value) => x.sum(1)),
    softmaxRows: jit((x: Value) => nn.softmax(x, 1)),
  };

  /** Always of the same count. */
  #multiply: ((x: Value, y: Value) => Value) | undefined;

  activate(): void {}

  tensor(values: Float32Array<ArrayBuffer>, shape: readonly number[]): Value {
    return np.array(values, { shape: [...shape] });
  }

  matmul(left: Value, right: Value): Value {
    return this.#functions.matmul(left.ref, right.ref);
  }

  add(left: Value, right: Value): Value {
    return this.#functions.add(left.ref, right.ref);
  }

  exp(x: Value): Value {
    return this.#functions.exp(x.ref);
  }

  tanh(x: Value): Value {
    return this.#functions.tanh(x.ref);
  }

  gelu(x: Value): Value {
    return this.#functions.gelu(x.ref);
  }

  erf(x: Value): Value {
    return this.#functions.erf(x.ref);
  }

  sum(x: Value): Value {
    return this.#functions.sum(x.ref);
  }

  sumRows(x: Value): Value {
    return this.#functions.sumRows(x.ref);
  }

  softmaxRows(x: Value): Value {
    return this.#functions.softmaxRows(x.ref);
  }

  /** One at a time: how operations outside of `jit` are sent off is what this asks. */
  addRepeatedly(x: Value, y: Value, count: number): Value {
    let sum = x.ref;
    for (let at = 0; at < count; at++) sum = sum.add(y.ref);
    return sum;
  }

  multiplyRepeatedly(x: Value, y: Value, count: number): Value {
    this.#multiply ??= jit((first: Value, other: Value) => {
      let product = first;
      for (let at = 0; at < count; at++) product = np.matmul(product, other.ref);
      other.dispose();
      return product;
    });
    return this.#multiply(x.ref, y.ref);
  }

  trainer(network: Network): Trainer {
    return new JaxTrainer(network);
  }

  async force(x: Value): Promise<void> {
    await x.blockUntilReady();
  }

  async read(x: Value): Promise<ArrayLike<number>> {
    return x.ref.data();
  }

  free(x: Value): void {
    x.dispose();
  }

  dispose(): void {}
}

export async function openJaxJs(): Promise<Library<Value>> {
  await init('wasm');
  return new JaxJs();
}
