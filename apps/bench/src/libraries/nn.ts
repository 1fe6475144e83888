// This project, written as its users write it.
import { noGrad } from '@nn/autograd';
import { type Backend, removeBackend } from '@nn/core';
import { crossEntropy, gelu } from '@nn/functional';
import { Conv2d, Flatten, Linear, MaxPool2d, Module, ReLU, Sequential } from '@nn/modules';
import { SGD } from '@nn/optim';
import { compile, runtimeOf, setDefaultDevice, type Tensor, tensor, use } from '@nn/tensor';
import type { Layer, Network } from '../networks/network.ts';
import type { Awaitable, Library, Trainer } from './library.ts';

function moduleOf(layer: Layer): Module<[Tensor], Tensor> {
  switch (layer.kind) {
    case 'linear':
      return new Linear(layer.inputs, layer.outputs);
    case 'convolution':
      return new Conv2d(layer.inputs, layer.outputs, layer.window);
    case 'relu':
      return new ReLU();
    case 'pool':
      return new MaxPool2d(2);
    case 'flatten':
      return new Flatten();
  }
}

class Model extends Module<[Tensor], Tensor> {
  readonly layers: Sequential;

  constructor(network: Network) {
    super();
    this.layers = new Sequential(...network.layers.map(moduleOf));
    for (const [at, values] of network.parameters.entries()) {
      const layer = this.layers.at(at);
      if (values === null || !(layer instanceof Linear || layer instanceof Conv2d)) continue;
      noGrad(() => {
        layer.weight.copy_(tensor(values.weight, { shape: layer.weight.shape }));
        layer.bias?.copy_(tensor(values.bias));
      });
    }
  }

  override forward(x: Tensor): Tensor {
    return this.layers(x);
  }
}

class NnTrainer implements Trainer {
  readonly #library: Nn;
  readonly #model: Model;
  readonly #optimizer: SGD;
  readonly #step: (input: Tensor, labels: Tensor) => Tensor;
  readonly #input: Tensor;
  readonly #labels: Tensor;
  #loss: Tensor | undefined;

  constructor(library: Nn, network: Network) {
    this.#library = library;
    this.#model = new Model(network);
    this.#optimizer = new SGD(this.#model.parameters(), { lr: network.learningRate });
    this.#input = tensor(network.input, { shape: network.inputShape });
    this.#labels = tensor(network.labels);
    const step = (input: Tensor, labels: Tensor): Tensor => {
      const loss = crossEntropy(this.#model(input), labels);
      this.#optimizer.zeroGrad();
      loss.backward();
      this.#optimizer.step();
      return loss;
    };
    this.#step = library.compiled ? compile(step) : step;
  }

  step(): Awaitable {
    this.#loss = this.#step(this.#input, this.#labels);
    return this.#library.finish();
  }

  async loss(): Promise<number> {
    return Number(await this.#loss?.item());
  }

  forward(): Awaitable {
    const outputs = noGrad(() => this.#model(this.#input));
    const done = this.#library.force(outputs);
    this.#library.free(outputs);
    return done;
  }

  outputs(): Promise<ArrayLike<number>> {
    return this.#library.read(noGrad(() => this.#model(this.#input)));
  }

  dispose(): void {
    for (const parameter of this.#model.parameters()) parameter.dispose();
    this.#input.dispose();
    this.#labels.dispose();
  }
}

export interface NnOptions {
  readonly backend: Backend;
  readonly device: string;
  readonly threads: number;
  /** Whether steps of training, and chains of products, go through `compile`. Default false. */
  readonly compiled?: boolean;
}

export class Nn implements Library<Tensor> {
  readonly name: string;
  readonly version: string = 'this tree';
  readonly device: string;
  readonly threads: number;
  readonly compiled: boolean;
  readonly #backend: Backend;
  #orders = 0;
  readonly #multiply: Nn['multiplyRepeatedly'];

  constructor({ backend, device, threads, compiled = false }: NnOptions) {
    this.name = compiled ? 'nn compiled' : 'nn';
    this.compiled = compiled;
    const multiply = (x: Tensor, y: Tensor, count: number): Tensor => {
      let product = x;
      for (let at = 0; at < count; at++) product = product.matmul(y);
      return product;
    };
    this.#multiply = compiled ? compile(multiply) : multiply;
    this.#backend = backend;
    this.device = device;
    this.threads = threads;
    use(backend);
  }

  activate(): void {
    setDefaultDevice(this.#backend.name);
  }

  tensor(values: Float32Array<ArrayBuffer>, shape: readonly number[]): Tensor {
    return tensor(values, { shape });
  }

  matmul(left: Tensor, right: Tensor): Tensor {
    return left.matmul(right);
  }

  add(left: Tensor, right: Tensor): Tensor {
    return left.add(right);
  }

  exp(x: Tensor): Tensor {
    return x.exp();
  }

  tanh(x: Tensor): Tensor {
    return x.tanh();
  }

  gelu(x: Tensor): Tensor {
    return gelu(x);
  }

  erf(x: Tensor): Tensor {
    return x.erf();
  }

  sum(x: Tensor): Tensor {
    return x.sum();
  }

  sumRows(x: Tensor): Tensor {
    return x.sum(1);
  }

  softmaxRows(x: Tensor): Tensor {
    return x.softmax(1);
  }

  addRepeatedly(x: Tensor, y: Tensor, count: number): Tensor {
    let sum = x;
    for (let at = 0; at < count; at++) sum = sum.add(y);
    return sum;
  }

  addInNewOrder(x: Tensor, y: Tensor, count: number): Tensor {
    const other = this.#orders++ % count;
    let sum = x;
    for (let at = 0; at < count; at++) sum = at === other ? y.add(sum) : sum.add(y);
    return sum;
  }

  multiplyRepeatedly(x: Tensor, y: Tensor, count: number): Tensor {
    return this.#multiply(x, y, count);
  }

  recordOnly(x: Tensor, y: Tensor, count: number): void {
    this.addRepeatedly(x, y, count);
    this.#forgetRecorded();
  }

  trainer(network: Network): Trainer {
    return new NnTrainer(this, network);
  }

  force(x: Tensor): Awaitable {
    x.realize();
    return this.finish();
  }

  /** Waits where computing goes on behind the calls. */
  finish(): Awaitable {
    return this.#backend.capabilities.synchronousRead ? undefined : this.#backend.synchronize();
  }

  async read(x: Tensor): Promise<ArrayLike<number>> {
    return (await x.data()) as ArrayLike<number>;
  }

  free(x: Tensor): void {
    x.dispose();
    this.#forgetRecorded();
  }

  /**
   * What was recorded and is still unread counts as pending, tensors disposed of among it, which fail when their turn
   * comes to be computed. An optimizer's step makes an end of that; this is one without parameters.
   */
  #forgetRecorded(): void {
    runtimeOf(this.#backend.name).step([]);
  }

  dispose(): void {
    removeBackend(this.#backend.name);
  }
}
