// Modules, functions and optimizers together.
import { BatchNorm1d, CrossEntropyLoss, Dropout, Linear, ReLU, Sequential } from '@nn/modules';
import { AdamW } from '@nn/optim';
import {
  interpreter,
  manualSeed,
  memoryPolicy,
  randn,
  runtimeOf,
  StaleValueError,
  type Tensor,
  use,
} from '@nn/tensor';
import { beforeAll, describe, expect, it } from 'vitest';

beforeAll(() => use(interpreter()));

describe('training', () => {
  it('computes running statistics with each step', async () => {
    const { keptBytes } = memoryPolicy();
    memoryPolicy({ keptBytes: 2 ** 12 });
    const model = new Sequential(new Linear(4, 8), new BatchNorm1d(8), new ReLU(), new Linear(8, 1));
    const optimizer = new AdamW(model.parameters());
    for (let i = 0; i < 60; i++) {
      optimizer.zeroGrad();
      model(randn([16, 4]))
        .square()
        .mean()
        .backward();
      optimizer.step();
    }
    const norm = model.at(1);
    expect(norm.runningMean?.node.state?.buffer).toBeDefined();
    expect(await norm.numBatchesTracked?.item()).toBe(60);
    expect(
      await model
        .eval()(randn([2, 4]))
        .data(),
    ).toHaveLength(2);
    memoryPolicy({ keptBytes });
  });

  it('updates a model in place that its old versions have no room beside', async () => {
    const { keptBytes } = memoryPolicy();
    const train = (budget: number): { places: Set<unknown>; late: Tensor; early: Promise<unknown> } => {
      memoryPolicy({ keptBytes: budget });
      manualSeed(0);
      const layer = new Linear(16, 4);
      const optimizer = new AdamW(layer.parameters());
      const places = new Set<unknown>();
      let late = layer.weight.mul(2);
      let early: Promise<unknown> = Promise.resolve();
      for (let i = 0; i < 5; i++) {
        late = layer.weight.mul(2);
        if (i === 4) early = layer.weight.mul(2).toArray();
        optimizer.zeroGrad();
        layer(randn([3, 16]))
          .square()
          .sum()
          .backward();
        optimizer.step();
        places.add(layer.weight.node.state?.buffer);
      }
      return { places, late, early };
    };
    const small = train(256);
    expect(small.places.size).toBe(1);
    await expect(small.late.toArray()).rejects.toThrow(StaleValueError);
    const large = train(2 ** 20);
    expect(large.places.size).toBe(5);
    expect(await large.late.toArray()).toEqual(await large.early);
    expect(await small.early).toEqual(await large.early);
    memoryPolicy({ keptBytes });
  });

  it('learns, holds memory flat, and reads late what was computed then', async () => {
    manualSeed(0);
    const { keptBytes } = memoryPolicy();
    memoryPolicy({ keptBytes: 2 ** 16 });
    const model = new Sequential(new Linear(8, 16), new ReLU(), new Dropout(0.1), new Linear(16, 2));
    const optimizer = new AdamW(model.parameters(), { lr: 0.02 });
    const criterion = new CrossEntropyLoss();
    const x = randn([32, 8]);
    const y = x.select(1, 0).gt(0).to('int32');
    const step = (): { loss: ReturnType<typeof criterion>; logits: ReturnType<typeof model> } => {
      optimizer.zeroGrad();
      const logits = model(x);
      const loss = criterion(logits, y);
      loss.backward();
      optimizer.step();
      return { loss, logits };
    };
    const first = step();
    const kept = await first.logits.data();
    const recomputed = await criterion(first.logits, y).item();
    expect(recomputed).toBeCloseTo(await first.loss.item(), 6);
    for (let i = 0; i < 100; i++) step();
    const early = runtimeOf(x.device).heldBytes();
    let last = step();
    for (let i = 0; i < 100; i++) last = step();
    const late = runtimeOf(x.device).heldBytes();
    expect(await last.loss.item()).toBeLessThan(0.25);
    expect(late.value).toBe(early.value);
    expect(late.transient + late.output).toBeLessThanOrEqual(2 * 2 ** 16);
    expect(await first.logits.data()).toEqual(kept);
    memoryPolicy({ keptBytes });
  });
});
