// Training that has got going costs its arithmetic only: after the third step (or the first that is replayed) nothing is
// compiled, no plan is made, no memory is asked of the system, and none is held that was not held before.
import { removeBackend } from '@nn/core';
import { cpu } from '@nn/cpu';
import { crossEntropy } from '@nn/functional';
import * as nn from '@nn/modules';
import { Adam } from '@nn/optim';
import {
  compile,
  manualSeed,
  memoryPolicy,
  observe,
  rand,
  randint,
  runtimeOf,
  type Tensor,
  use,
} from '@nn/tensor';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

type Step = (x: Tensor, y: Tensor) => Tensor;

interface Case {
  readonly model: () => nn.Module<[Tensor], Tensor>;
  readonly input: readonly number[];
}

const classes = 10;

/** The last of a sequence's outputs, scored. */
class Recurrent extends nn.Module<[Tensor], Tensor> {
  readonly memory: nn.LSTM = new nn.LSTM(12, 24);
  readonly head: nn.Linear = new nn.Linear(24, classes);

  override forward(x: Tensor): Tensor {
    const [outputs] = this.memory(x.transpose(0, 1));
    return this.head(outputs.at(-1));
  }
}

class Attentive extends nn.Module<[Tensor], Tensor> {
  readonly encoder: nn.TransformerEncoderLayer = new nn.TransformerEncoderLayer(32, 4, {
    dimFeedforward: 64,
    batchFirst: true,
  });
  readonly head: nn.Linear = new nn.Linear(32, classes);

  override forward(x: Tensor): Tensor {
    return this.head(this.encoder(x, { isCausal: true }).mean(1));
  }
}

const cases: Readonly<Record<string, Case>> = {
  MLP: {
    model: () => new nn.Sequential(new nn.Linear(96, 64), new nn.ReLU(), new nn.Linear(64, classes)),
    input: [96],
  },
  CNN: {
    model: () =>
      new nn.Sequential(
        new nn.Conv2d(1, 8, 5),
        new nn.BatchNorm2d(8),
        new nn.ReLU(),
        new nn.MaxPool2d(2),
        new nn.Flatten(),
        new nn.Linear(8 * 6 * 6, classes),
      ),
    input: [1, 16, 16],
  },
  transformer: { model: () => new Attentive(), input: [16, 32] },
  LSTM: { model: () => new Recurrent(), input: [8, 12] },
};

const batch = 64;
/** From this step on everything is as it stays: compiled, the fourth one is the first that is not recorded. */
const settled = { eager: 3, compiled: 4 };
const steps = 20;

afterEach(() => {
  vi.restoreAllMocks();
  removeBackend('cpu');
});

function trainingStep({ model }: Case): Step {
  const net = model();
  const optimizer = new Adam(net.parameters());
  return (x, y) => {
    optimizer.zeroGrad();
    const loss = crossEntropy(net(x), y);
    loss.backward();
    optimizer.step();
    return loss;
  };
}

interface Reading {
  /** WebAssembly modules, programs and growths of the memory so far. */
  readonly modules: number;
  readonly plans: number;
  readonly growths: number;
  readonly liveBytes: number;
}

/** What there is after each step, on batches that are new each time. */
async function follow(step: Step, input: readonly number[]): Promise<Reading[]> {
  const modules = vi.spyOn(WebAssembly, 'Module').mock.calls;
  const growths = vi.spyOn(WebAssembly.Memory.prototype, 'grow').mock.calls;
  let plans = 0;
  using _ = observe({ compiled: () => void plans++ });
  const readings: Reading[] = [];
  for (let at = 0; at < steps; at++) {
    const loss = step(rand([batch, ...input]), randint(0, classes, [batch]));
    await loss.item();
    const { liveBytes } = runtimeOf('cpu').backend.memory();
    readings.push({ modules: modules.length, plans, growths: growths.length, liveBytes });
  }
  return readings;
}

const table = Object.keys(cases).flatMap((name) =>
  (['eager', 'compiled'] as const).flatMap((mode) => [1, 2].map((threads) => [name, mode, threads] as const)),
);

describe.each([
  // Old versions stay until their budget is used up, which takes some hundred steps of models as small as these.
  ['with room for old versions', memoryPolicy().keptBytes],
  ['without', 0],
])('%s', (_, keptBytes) => {
  beforeEach(() => {
    const { keptBytes: before } = memoryPolicy();
    memoryPolicy({ keptBytes });
    return () => void memoryPolicy({ keptBytes: before });
  });

  test.each(table)('%s, %s, %i threads', async (name, mode, threads) => {
    use(cpu({ threads }));
    manualSeed(0);
    const step = trainingStep(cases[name]);
    const readings = await follow(mode === 'compiled' ? compile(step) : step, cases[name].input);
    const [first, ...later] = readings.slice(settled[mode] - 1);
    expect(first.modules).toBeGreaterThan(5);
    expect(first.plans).toBeGreaterThan(0);
    const { modules, plans, growths, liveBytes } = first;
    for (const reading of later) {
      expect(reading).toMatchObject({ modules, plans });
      if (keptBytes > 0) continue;
      expect(reading.growths).toBe(growths);
      expect(reading.liveBytes).toBeLessThanOrEqual(liveBytes);
    }
  });
});
