// Run by memory.test.ts in a process of its own: loops that never dispose of anything, and the memory they take.
import { noGrad } from '@nn/autograd';
import { cpu } from '@nn/cpu';
import { crossEntropy } from '@nn/functional';
import { Conv2d, Flatten, LayerNorm, Linear, Module, ReLU, Sequential } from '@nn/modules';
import { AdamW } from '@nn/optim';
import { compile, manualSeed, rand, randint, removeBackend, runtimeOf, type Tensor, use } from '@nn/tensor';

/** At both the budgets are used up; what grows between them grows for ever. */
const early = 1200;
const late = 3000;

/** Attention over a sequence of 4, and the mean of its outputs. */
class Attention extends Module<[Tensor], Tensor> {
  readonly norm: LayerNorm = new LayerNorm(8);
  readonly project: Linear = new Linear(8, 24);
  readonly head: Linear = new Linear(8, 4);

  override forward(x: Tensor): Tensor {
    const [query, key, value] = this.project(this.norm(x)).chunk(3, -1);
    return this.head(query.matmul(key.mT).softmax(-1).matmul(value).mean(1));
  }
}

const models: Readonly<Record<string, () => [Module<[Tensor], Tensor>, number[]]>> = {
  mlp: () => [new Sequential(new Linear(8, 16), new ReLU(), new Linear(16, 4)), [4, 8]],
  cnn: () => [
    new Sequential(new Conv2d(1, 2, 3), new ReLU(), new Flatten(), new Linear(32, 4)),
    [2, 1, 6, 6],
  ],
  transformer: () => [new Attention(), [2, 4, 8]],
};

interface Reading {
  readonly live: number;
  readonly heap: number;
  readonly resident: number;
}

/** What is in use when handles that nobody holds are collected and their finalizers, tasks of their own, have run. */
async function read(): Promise<Reading> {
  for (let round = 0; round < 3; round++) {
    globalThis.gc!();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const { heapUsed, rss } = process.memoryUsage();
  return { live: runtimeOf('cpu').backend.memory().liveBytes, heap: heapUsed, resident: rss };
}

type Step = () => Tensor;

function stepOf(model: string, trains: boolean, compiled: boolean): Step {
  manualSeed(0);
  const [net, shape] = models[model]();
  const optimizer = new AdamW(net.parameters());
  const train = (x: Tensor, y: Tensor): Tensor => {
    optimizer.zeroGrad();
    const loss = crossEntropy(net(x), y);
    loss.backward();
    optimizer.step();
    return loss;
  };
  const infer = (x: Tensor): Tensor => noGrad(() => net(x));
  const trainStep = compiled ? compile(train) : train;
  const inferStep = compiled ? compile(infer) : infer;
  return () => (trains ? trainStep(rand(shape), randint(0, 4, [shape[0]])) : inferStep(rand(shape)));
}

/** What is in use early and late in a loop. */
async function follow(step: Step, awaits: boolean, steps: number): Promise<[Reading, Reading]> {
  let first: Reading | undefined;
  for (let at = 1; at <= steps; at++) {
    const result = step();
    if (awaits) await result.data();
    else if (!result.requiresGrad) result.dataSync();
    if (at === early) first = await read();
  }
  return [first!, await read()];
}

const [model, kind, mode, pace] = process.argv.slice(2);
use(cpu({ threads: 1 }));
const readings = await follow(
  stepOf(model, kind === 'training', mode === 'compiled'),
  pace === 'awaited',
  late,
);
process.stdout.write(JSON.stringify(readings));
removeBackend('cpu');
