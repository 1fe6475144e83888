// A training that is stopped in the middle of an epoch and goes on in another process, bit for bit.
import { DataLoader, TensorDataset } from '@nn/data';
import { mseLoss } from '@nn/functional';
import { Dropout, Linear, Sequential, Tanh } from '@nn/modules';
import { Adam, StepLR } from '@nn/optim';
import { defaultGenerator, Generator, interpreter, manualSeed, randn, type Tensor, use } from '@nn/tensor';
import { expect, it } from 'vitest';

function makeParts() {
  const model = new Sequential(new Linear(3, 8), new Tanh(), new Dropout(0.3), new Linear(8, 1));
  const optimizer = new Adam(model.parameters(), { lr: 0.05 });
  const schedule = new StepLR(optimizer, 4, { gamma: 0.5 });
  const generator = new Generator(5);
  const x = randn([20, 3], { generator });
  const data = new TensorDataset(x, x.sum(1, { keepdim: true }));
  // The order and the model's dropout come from the same generator.
  const loader = new DataLoader<[Tensor, Tensor]>(data, { batchSize: 4, shuffle: true });
  return { model, optimizer, schedule, loader };
}
type Parts = ReturnType<typeof makeParts>;

const bytesOf = async (x: Tensor): Promise<number[]> => Array.from((await x.data()) as Float32Array);

async function step({ model, optimizer, schedule }: Parts, [x, y]: [Tensor, Tensor]): Promise<number> {
  optimizer.zeroGrad();
  const loss = mseLoss(model(x), y);
  loss.backward();
  optimizer.step();
  schedule.step();
  return Number(await loss.item());
}

it('goes on with the same losses and ends with the same weights', async () => {
  use(interpreter());
  manualSeed(1);
  const first = makeParts();
  const losses: number[] = [];
  let saved: Record<string, unknown> = {};
  for (let epoch = 0; epoch < 3; epoch++) {
    for await (const batch of first.loader) {
      losses.push(await step(first, batch));
      if (losses.length !== 7) continue;
      // The second epoch's second batch.
      saved = {
        model: withOwnTensors(first.model.stateDict()),
        optimizer: withOwnTensors(first.optimizer.stateDict()),
        schedule: withOwnTensors(first.schedule.stateDict()),
        loader: JSON.stringify(first.loader.stateDict()),
        random: defaultGenerator.getState(),
      };
    }
  }

  manualSeed(99);
  const second = makeParts();
  second.model.loadStateDict(saved.model as never);
  second.optimizer.loadStateDict(saved.optimizer as never);
  second.schedule.loadStateDict(saved.schedule as never);
  defaultGenerator.setState(saved.random as never);
  second.loader.loadStateDict(JSON.parse(saved.loader as string));
  const rest: number[] = [];
  for (let epoch = 1; epoch < 3; epoch++) {
    for await (const batch of second.loader) rest.push(await step(second, batch));
  }
  expect(rest).toEqual(losses.slice(7));
  for (const [name, x] of Object.entries(first.model.stateDict()))
    expect(await bytesOf(second.model.stateDict()[name])).toEqual(await bytesOf(x));
});

/** As a file would keep it: tensors of their own. */
function withOwnTensors(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withOwnTensors);
  if (typeof value !== 'object' || value === null) return value;
  if ('clone' in value && typeof value.clone === 'function') return value.clone();
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, withOwnTensors(each)]));
}
