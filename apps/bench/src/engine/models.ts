// The steps of training that the engine is looked at with: forward, backward and update, written as users write them.
import { crossEntropy, mseLoss } from '@nn/functional';
import { Conv2d, Flatten, GELU, LayerNorm, Linear, MaxPool2d, Module, ReLU, Sequential } from '@nn/modules';
import { Adam } from '@nn/optim';
import { manualSeed, ones, rand, randint, type Tensor, zeros } from '@nn/tensor';

/** A model ready to be trained on one batch. The same numbers on every device. */
export interface Training {
  /** Forward, backward, update; gives the loss. */
  readonly step: (input: Tensor, target: Tensor) => Tensor;
  readonly input: Tensor;
  readonly target: Tensor;
}

type Loss = (output: Tensor, target: Tensor) => Tensor;

function training(model: Module<[Tensor], Tensor>, loss: Loss, input: Tensor, target: Tensor): Training {
  const optimizer = new Adam(model.parameters(), { lr: 1e-3 });
  const step = (x: Tensor, y: Tensor): Tensor => {
    const value = loss(model(x), y);
    optimizer.zeroGrad();
    value.backward();
    optimizer.step();
    return value;
  };
  return { step, input: input.realize(), target: target.realize() };
}

function perceptron(batch: number, ...sizes: readonly number[]): Training {
  const layers = sizes.slice(1).flatMap((size, at) => {
    const linear = new Linear(sizes[at], size);
    return at + 2 < sizes.length ? [linear, new ReLU()] : [linear];
  });
  const classes = sizes[sizes.length - 1];
  return training(
    new Sequential(...layers),
    crossEntropy,
    rand([batch, sizes[0]]),
    randint(0, classes, [batch]),
  );
}

function convolutions(batch: number): Training {
  const model = new Sequential(
    new Conv2d(1, 16, 5),
    new ReLU(),
    new MaxPool2d(2),
    new Conv2d(16, 32, 5),
    new ReLU(),
    new MaxPool2d(2),
    new Flatten(),
    new Linear(512, 10),
  );
  return training(model, crossEntropy, rand([batch, 1, 28, 28]), randint(0, 10, [batch]));
}

/** Layer norm, causal attention and a perceptron with GELU, each with its residual. */
class Block extends Module<[Tensor], Tensor> {
  readonly attentionNorm: LayerNorm;
  readonly projectIn: Linear;
  readonly projectOut: Linear;
  readonly perceptronNorm: LayerNorm;
  readonly perceptron: Sequential;
  readonly #heads: number;
  readonly #future: Tensor;

  constructor(width: number, heads: number, length: number) {
    super();
    this.#heads = heads;
    this.#future = ones([length, length], { dtype: 'bool' }).triu(1).realize();
    this.attentionNorm = new LayerNorm(width);
    this.projectIn = new Linear(width, 3 * width);
    this.projectOut = new Linear(width, width);
    this.perceptronNorm = new LayerNorm(width);
    this.perceptron = new Sequential(new Linear(width, 4 * width), new GELU(), new Linear(4 * width, width));
  }

  override forward(x: Tensor): Tensor {
    const attended = x.add(this.#attention(this.attentionNorm(x)));
    return attended.add(this.perceptron(this.perceptronNorm(attended)));
  }

  #attention(x: Tensor): Tensor {
    const [batch, length, width] = x.shape;
    const size = width / this.#heads;
    const [query, key, value] = this.projectIn(x)
      .chunk(3, -1)
      .map((part) => part.reshape(batch, length, this.#heads, size).transpose(1, 2));
    const scores = query.matmul(key.mT).mul(1 / Math.sqrt(size));
    const weights = scores.maskedFill(this.#future, Number.NEGATIVE_INFINITY).softmax(-1);
    return this.projectOut(weights.matmul(value).transpose(1, 2).reshape(batch, length, width));
  }
}

function transformer(batch: number, width: number, heads: number, length: number): Training {
  const x = rand([batch, length, width]);
  return training(new Block(width, heads, length), mseLoss, x, rand([batch, length, width]));
}

/** A long short-term memory, one step of time after the other; gives the last hidden state. */
class Memory extends Module<[Tensor], Tensor> {
  readonly fromInput: Linear;
  readonly fromHidden: Linear;
  readonly #hidden: number;

  constructor(inputs: number, hidden: number) {
    super();
    this.#hidden = hidden;
    this.fromInput = new Linear(inputs, 4 * hidden);
    this.fromHidden = new Linear(hidden, 4 * hidden);
  }

  override forward(x: Tensor): Tensor {
    const [length, batch] = x.shape;
    let hidden = zeros([batch, this.#hidden]);
    let cell = hidden;
    for (let time = 0; time < length; time++) {
      const gates = this.fromInput(x.at(time)).add(this.fromHidden(hidden));
      const [input, forget, candidate, output] = gates.chunk(4, -1);
      cell = forget.sigmoid().mul(cell).add(input.sigmoid().mul(candidate.tanh()));
      hidden = output.sigmoid().mul(cell.tanh());
    }
    return hidden;
  }
}

function memory(batch: number, inputs: number, hidden: number, length: number): Training {
  return training(
    new Memory(inputs, hidden),
    mseLoss,
    rand([length, batch, inputs]),
    rand([batch, hidden]).mul(2).sub(1),
  );
}

const makers: Readonly<Record<string, () => Training>> = {
  'MLP 784-512-256-10 batch 128': () => perceptron(128, 784, 512, 256, 10),
  'CNN 16-32 batch 64': () => convolutions(64),
  'transformer block d 256 T 128 batch 8': () => transformer(8, 256, 4, 128),
  'LSTM 64-128 T 32 batch 16': () => memory(16, 64, 128, 32),
  'MLP 4-16-3 batch 8': () => perceptron(8, 4, 16, 3),
};

export const modelNames: readonly string[] = Object.keys(makers);

/** The model of that name on the default device, with the same first weights each time. */
export function makeTraining(name: string): Training {
  manualSeed(0);
  return makers[name]();
}
