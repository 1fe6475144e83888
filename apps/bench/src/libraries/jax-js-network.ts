// Networks in jax-js: a function of the weights, differentiated and updated within one `jit`.
import { blockUntilReady, jit, lax, nn, numpy as np, tree, valueAndGrad } from '@jax-js/jax';
import type { Input } from '../benchmark.ts';
import type { Layer } from '../networks/layer.ts';
import type { Network } from '../networks/network.ts';
import type { Trainer } from './library.ts';

type Value = np.Array;

const arrayOf = ({ values, shape }: Input): Value => np.array(values, { shape: [...shape] });

/** Gives the weights one after the other, in the order of the layers; each is used once. */
type Weights = () => Value;

const linear = (x: Value, weights: Weights): Value => np.matmul(x, np.transpose(weights())).add(weights());

/** Along some dimensions, with weight and bias along one. */
function normalized(x: Value, dimensions: number | number[], weights: Weights, shape: number[]): Value {
  const standard = nn.standardize(x, dimensions, { epsilon: 1e-5 });
  return standard.mul(np.reshape(weights(), shape)).add(np.reshape(weights(), shape));
}

function attention(x: Value, { heads, causal }: Layer & { kind: 'attention' }, weights: Weights): Value {
  const [batch, length, width] = x.shape;
  const projected = np.reshape(linear(x, weights), [batch, length, 3, heads, width / heads]);
  const [query, key, value] = np
    .split(projected, 3, 2)
    .map((part) => np.reshape(part, [batch, length, heads, width / heads]));
  const attended = nn.dotProductAttention(query, key, value, { isCausal: causal });
  return linear(np.reshape(attended, [batch, length, width]), weights);
}

function lstm(x: Value, { hidden: size }: Layer & { kind: 'lstm' }, weights: Weights): Value {
  const [time, batch, inputs] = x.shape;
  const fromInput = np.transpose(weights());
  const fromHidden = np.transpose(weights());
  const bias = weights().add(weights());
  let hidden = np.zeros([batch, size]);
  let cell = np.zeros([batch, size]);
  const steps = np.split(x, time, 0).map((step) => np.reshape(step, [batch, inputs]));
  for (const step of steps) {
    const gates = np.matmul(step, fromInput.ref).add(np.matmul(hidden, fromHidden.ref)).add(bias.ref);
    const [input, forget, candidate, output] = np.split(gates, 4, 1);
    cell = nn
      .sigmoid(forget)
      .mul(cell)
      .add(nn.sigmoid(input).mul(np.tanh(candidate)));
    hidden = nn.sigmoid(output).mul(np.tanh(cell.ref));
  }
  for (const rest of [fromInput, fromHidden, bias, cell]) rest.dispose();
  return hidden;
}

function applyLayer(layer: Layer, x: Value, weights: Weights): Value {
  switch (layer.kind) {
    case 'linear':
      return linear(x, weights);
    case 'convolution': {
      const { stride, padding, outputs, bias } = layer;
      const border: [number, number] = [padding, padding];
      const y = lax.convGeneralDilated(x, weights(), [stride, stride], [border, border]);
      return bias ? y.add(np.reshape(weights(), [1, outputs, 1, 1])) : y;
    }
    case 'batchNorm':
      return normalized(x, [0, 2, 3], weights, [1, layer.channels, 1, 1]);
    case 'layerNorm':
      return normalized(x, -1, weights, [layer.width]);
    case 'relu':
      return nn.relu(x);
    case 'gelu':
      return nn.gelu(x, { approximate: false });
    case 'pool':
      return lax.reduceWindow(x, np.max, [2, 2], [2, 2]);
    case 'globalPool':
      return np.mean(x, [2, 3]);
    case 'flatten':
      return np.reshape(x, [x.shape[0], -1]);
    case 'residual': {
      const body = applyLayers(layer.body, x.ref, weights);
      return body.add(applyLayers(layer.shortcut, x, weights));
    }
    case 'attention':
      return attention(x, layer, weights);
    case 'embedding':
      return np.take(weights(), x, 0);
    case 'positions':
      return x.add(weights());
    case 'lstm':
      return lstm(x, layer, weights);
  }
}

function applyLayers(layers: readonly Layer[], input: Value, weights: Weights): Value {
  return layers.reduce((x, layer) => applyLayer(layer, x, weights), input);
}

function lossFrom(output: Value, target: Value, { loss }: Network): Value {
  if (loss.kind === 'squares') return np.square(output.sub(target)).mean();
  const scores = np.reshape(output, [-1, loss.classes]);
  return nn
    .logSoftmax(scores, 1)
    .mul(target)
    .sum()
    .mul(-1 / loss.labels.length);
}

function targetOf({ loss }: Network): Value {
  if (loss.kind === 'squares') return arrayOf(loss.target);
  const { labels, classes } = loss;
  const ones = new Float32Array(labels.length * classes);
  for (const [row, label] of labels.entries()) ones[row * classes + label] = 1;
  return np.array(ones, { shape: [labels.length, classes] });
}

export class JaxTrainer implements Trainer {
  readonly #input: Value;
  readonly #target: Value;
  readonly #forward: (weights: Value[], input: Value) => Value;
  readonly #update: (weights: Value[], input: Value, target: Value) => [Value, Value[]];
  #weights: Value[];
  #loss: Value | undefined;

  constructor(network: Network) {
    this.#weights = network.parameters.map(arrayOf);
    this.#input = arrayOf(network.input);
    this.#target = targetOf(network);
    const forward = (weights: Value[], input: Value): Value => {
      let next = 0;
      return applyLayers(network.layers, input, () => weights[next++]);
    };
    const lossOf = (weights: Value[], input: Value, target: Value): Value =>
      lossFrom(forward(weights, input), target, network);
    const update = (weights: Value[], input: Value, target: Value): [Value, Value[]] => {
      const [loss, gradients] = valueAndGrad(lossOf)(tree.ref(weights), input, target);
      return [loss, weights.map((weight, at) => weight.sub(gradients[at].mul(network.learningRate)))];
    };
    this.#forward = jit(forward);
    this.#update = jit(update) as typeof update;
  }

  async step(): Promise<void> {
    const [loss, weights] = this.#update(this.#weights, this.#input.ref, this.#target.ref);
    this.#weights = weights;
    this.#loss?.dispose();
    this.#loss = loss;
    await blockUntilReady([loss, weights] as [Value, Value[]]);
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
    this.#target.dispose();
    this.#loss?.dispose();
  }
}
