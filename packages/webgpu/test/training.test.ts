// What a training loop asks of the device, once it has been through two steps.
import { crossEntropy } from '@nn/functional';
import { Linear, ReLU, Sequential } from '@nn/modules';
import { AdamW } from '@nn/optim';
import { manualSeed, removeBackend, tensor, use } from '@nn/tensor';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createBackend, randomNumbers, spyOnDevices } from './support.ts';

afterEach(() => {
  vi.restoreAllMocks();
  removeBackend('webgpu');
});

describe.each(['gpu', 'software'] as const)('with kernels for %s', (kernels) => {
  // In software, compiling the first two steps takes most of the time.
  it('a step is one submission, and another batch size compiles nothing', { timeout: 180_000 }, async () => {
    const { submits, pipelines } = await spyOnDevices();
    use(await createBackend({ kernels }));
    manualSeed(0);
    // No size equals a batch's, and none is tiny: the compiler fuses by both.
    const model = new Sequential(
      new Linear(20, 128),
      new ReLU(),
      new Linear(128, 80),
      new ReLU(),
      new Linear(80, 100),
    );
    const optimizer = new AdamW(model.parameters(), { lr: 1e-3 });
    const step = async (batch: number): Promise<void> => {
      optimizer.zeroGrad();
      const x = tensor(Float32Array.from(randomNumbers(batch * 20))).reshape([batch, 20]);
      const target = tensor(Int32Array.from({ length: batch }, (_, i) => i % 10));
      const loss = crossEntropy(model(x), target);
      loss.backward();
      optimizer.step();
      await loss.item();
    };
    for (let i = 0; i < 3; i++) await step(64);
    expect(pipelines.mock.calls.length).toBeGreaterThan(0);
    for (const batch of [64, 48, 37, 64]) {
      submits.mockClear();
      pipelines.mockClear();
      await step(batch);
      // The step's, and the read's.
      expect(submits).toHaveBeenCalledTimes(2);
      expect(pipelines).not.toHaveBeenCalled();
    }
  });
});
