// Networks as modules of this project.
import { noGrad } from '@nn/autograd';
import { crossEntropy, mseLoss, scaledDotProductAttention } from '@nn/functional';
import {
  BatchNorm2d,
  Conv2d,
  Embedding,
  Flatten,
  GELU,
  LayerNorm,
  Linear,
  LSTM,
  MaxPool2d,
  Module,
  Parameter,
  ReLU,
  Sequential,
} from '@nn/modules';
import { SGD } from '@nn/optim';
import { compile, empty, type Tensor, tensor } from '@nn/tensor';
import type { Awaitable } from '../benchmark.ts';
import type { Layer } from '../networks/layer.ts';
import type { Network } from '../networks/network.ts';
import type { Trainer } from './library.ts';

class GlobalPool extends Module<[Tensor], Tensor> {
  override forward(x: Tensor): Tensor {
    return x.mean([2, 3]);
  }
}

class Residual extends Module<[Tensor], Tensor> {
  readonly body: Sequential;
  readonly shortcut: Sequential;

  constructor(body: readonly Layer[], shortcut: readonly Layer[]) {
    super();
    this.body = new Sequential(...body.map(moduleOf));
    this.shortcut = new Sequential(...shortcut.map(moduleOf));
  }

  override forward(x: Tensor): Tensor {
    return this.body(x).add(this.shortcut(x));
  }
}

class Attention extends Module<[Tensor], Tensor> {
  readonly projectIn: Linear;
  readonly projectOut: Linear;
  readonly #heads: number;
  readonly #causal: boolean;

  constructor(width: number, heads: number, causal: boolean) {
    super();
    this.#heads = heads;
    this.#causal = causal;
    this.projectIn = new Linear(width, 3 * width);
    this.projectOut = new Linear(width, width);
  }

  override forward(x: Tensor): Tensor {
    const [batch, length, width] = x.shape;
    const [query, key, value] = this.projectIn(x)
      .chunk(3, -1)
      .map((part) => part.reshape(batch, length, this.#heads, width / this.#heads).transpose(1, 2));
    const attended = scaledDotProductAttention(query, key, value, { isCausal: this.#causal });
    return this.projectOut(attended.transpose(1, 2).reshape(batch, length, width));
  }
}

class Positions extends Module<[Tensor], Tensor> {
  readonly weight: Parameter;

  constructor(length: number, width: number) {
    super();
    this.weight = new Parameter(empty([length, width]));
  }

  override forward(x: Tensor): Tensor {
    return x.add(this.weight);
  }
}

class LastState extends Module<[Tensor], Tensor> {
  readonly lstm: LSTM;

  constructor(inputs: number, hidden: number) {
    super();
    this.lstm = new LSTM(inputs, hidden);
  }

  override forward(x: Tensor): Tensor {
    return this.lstm(x)[1][0].squeeze(0);
  }
}

function moduleOf(layer: Layer): Module<[Tensor], Tensor> {
  switch (layer.kind) {
    case 'linear':
      return new Linear(layer.inputs, layer.outputs);
    case 'convolution': {
      const { inputs, outputs, window, stride, padding, bias } = layer;
      return new Conv2d(inputs, outputs, window, { stride, padding, bias });
    }
    case 'batchNorm':
      return new BatchNorm2d(layer.channels);
    case 'layerNorm':
      return new LayerNorm(layer.width);
    case 'relu':
      return new ReLU();
    case 'gelu':
      return new GELU();
    case 'pool':
      return new MaxPool2d(2);
    case 'globalPool':
      return new GlobalPool();
    case 'flatten':
      return new Flatten();
    case 'residual':
      return new Residual(layer.body, layer.shortcut);
    case 'attention':
      return new Attention(layer.width, layer.heads, layer.causal);
    case 'embedding':
      return new Embedding(layer.entries, layer.width);
    case 'positions':
      return new Positions(layer.length, layer.width);
    case 'lstm':
      return new LastState(layer.inputs, layer.hidden);
  }
}

function modelOf({ layers, parameters }: Network): Sequential {
  const model = new Sequential(...layers.map(moduleOf));
  noGrad(() => {
    for (const [at, parameter] of [...model.parameters()].entries()) {
      const { values, shape } = parameters[at];
      parameter.copy_(tensor(values, { shape }));
    }
  });
  return model;
}

export interface NnTrainerOptions {
  readonly compiled: boolean;
  /** Waits where computing goes on behind the calls. */
  readonly finish: () => Awaitable;
}

export class NnTrainer implements Trainer {
  readonly #model: Sequential;
  readonly #finish: () => Awaitable;
  readonly #step: (input: Tensor, target: Tensor) => Tensor;
  readonly #input: Tensor;
  readonly #target: Tensor;
  #loss: Tensor | undefined;

  constructor(network: Network, { compiled, finish }: NnTrainerOptions) {
    this.#finish = finish;
    this.#model = modelOf(network);
    const { loss: measure, input, learningRate } = network;
    const optimizer = new SGD(this.#model.parameters(), { lr: learningRate });
    this.#input = tensor(input.values, { shape: input.shape });
    this.#target =
      measure.kind === 'squares'
        ? tensor(measure.target.values, { shape: measure.target.shape })
        : tensor(measure.labels);
    const lossOf = (output: Tensor, target: Tensor): Tensor =>
      measure.kind === 'squares'
        ? mseLoss(output, target)
        : crossEntropy(output.reshape(-1, measure.classes), target);
    const step = (x: Tensor, target: Tensor): Tensor => {
      const loss = lossOf(this.#model(x), target);
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      return loss;
    };
    this.#step = compiled ? compile(step) : step;
  }

  step(): Awaitable {
    this.#loss = this.#step(this.#input, this.#target);
    return this.#finish();
  }

  async loss(): Promise<number> {
    return Number(await this.#loss?.item());
  }

  forward(): Awaitable {
    const outputs = noGrad(() => this.#model(this.#input));
    outputs.realize();
    const done = this.#finish();
    outputs.dispose();
    return done;
  }

  async outputs(): Promise<ArrayLike<number>> {
    return (await noGrad(() => this.#model(this.#input)).data()) as ArrayLike<number>;
  }

  dispose(): void {
    for (const parameter of this.#model.parameters()) parameter.dispose();
    this.#input.dispose();
    this.#target.dispose();
  }
}
