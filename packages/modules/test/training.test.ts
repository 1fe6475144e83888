// Modules, functions and optimizers together.
import { CrossEntropyLoss, Dropout, Linear, ReLU, Sequential } from '@nn/modules';
import { AdamW } from '@nn/optim';
import { interpreter, manualSeed, memoryPolicy, randn, runtimeOf, use } from '@nn/tensor';
import { beforeAll, describe, expect, it } from 'vitest';

beforeAll(() => use(interpreter()));

describe('training', () => {
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
