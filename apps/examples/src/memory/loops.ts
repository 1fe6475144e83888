// The loops whose memory is looked at: training and inference of small models, as users write them.
import { noGrad } from '@nn/autograd';
import { crossEntropy, mseLoss } from '@nn/functional';
import { Conv2d, Flatten, GELU, LayerNorm, Linear, MaxPool2d, Module, ReLU, Sequential } from '@nn/modules';
import { AdamW } from '@nn/optim';
import { compile, manualSeed, rand, randint, type Tensor } from '@nn/tensor';

export const modelNames = ['mlp', 'cnn', 'transformer'] as const;
export type ModelName = (typeof modelNames)[number];

export interface Loop {
  readonly model: ModelName;
  /** Whether each step updates the model, or only computes outputs. */
  readonly trains: boolean;
  readonly compiled: boolean;
}

/** Layer norm, attention and a perceptron, each with its residual. */
class Block extends Module<[Tensor], Tensor> {
  readonly attentionNorm: LayerNorm;
  readonly projectIn: Linear;
  readonly projectOut: Linear;
  readonly perceptronNorm: LayerNorm;
  readonly perceptron: Sequential;

  constructor(width: number) {
    super();
    this.attentionNorm = new LayerNorm(width);
    this.projectIn = new Linear(width, 3 * width);
    this.projectOut = new Linear(width, width);
    this.perceptronNorm = new LayerNorm(width);
    this.perceptron = new Sequential(new Linear(width, 4 * width), new GELU(), new Linear(4 * width, width));
  }

  override forward(x: Tensor): Tensor {
    const [query, key, value] = this.projectIn(this.attentionNorm(x)).chunk(3, -1);
    const weights = query
      .matmul(key.mT)
      .mul(x.size(-1) ** -0.5)
      .softmax(-1);
    const attended = x.add(this.projectOut(weights.matmul(value)));
    return attended.add(this.perceptron(this.perceptronNorm(attended)));
  }
}

interface Task {
  readonly model: Module<[Tensor], Tensor>;
  readonly loss: (outputs: Tensor, targets: Tensor) => Tensor;
  /** A batch, new for each step. */
  readonly batch: () => [inputs: Tensor, targets: Tensor];
}

const tasks: Readonly<Record<ModelName, () => Task>> = {
  mlp: () => ({
    model: new Sequential(new Linear(64, 128), new ReLU(), new Linear(128, 10)),
    loss: crossEntropy,
    batch: () => [rand([32, 64]), randint(0, 10, [32])],
  }),
  cnn: () => ({
    model: new Sequential(
      new Conv2d(1, 8, 3),
      new ReLU(),
      new MaxPool2d(2),
      new Conv2d(8, 16, 3),
      new ReLU(),
      new Flatten(),
      new Linear(144, 10),
    ),
    loss: crossEntropy,
    batch: () => [rand([8, 1, 12, 12]), randint(0, 10, [8])],
  }),
  transformer: () => ({
    model: new Block(32),
    loss: mseLoss,
    batch: () => [rand([2, 16, 32]), rand([2, 16, 32])],
  }),
};

/** One step of the loop: gives the loss, or the outputs. */
export function loopOf({ model: name, trains, compiled }: Loop): () => Tensor {
  manualSeed(0);
  const { model, loss, batch } = tasks[name]();
  const optimizer = new AdamW(model.parameters(), { lr: 1e-3 });
  const train = (inputs: Tensor, targets: Tensor): Tensor => {
    const value = loss(model(inputs), targets);
    optimizer.zeroGrad();
    value.backward();
    optimizer.step();
    return value;
  };
  const infer = (inputs: Tensor): Tensor => noGrad(() => model(inputs));
  if (trains) {
    const step = compiled ? compile(train) : train;
    return () => step(...batch());
  }
  const step = compiled ? compile(infer) : infer;
  return () => step(batch()[0]);
}
