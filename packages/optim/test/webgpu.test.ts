// All optimizers on WebGPU, where nothing can be read synchronously: the same float32 numbers as the interpreter's.
import { DeviceError, removeBackend } from '@nn/core';
import * as optim from '@nn/optim';
import { autocast, interpreter, setFusion, type Tensor, tensor, use } from '@nn/tensor';
import { webgpu } from '@nn/webgpu';
import { createDawn } from '@nn/webgpu/node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

beforeAll(async () => {
  use(interpreter());
  // On SwiftShader where there is no GPU. No adapter at all is a failure, not a skip.
  use(await webgpu({ gpu: await createDawn({ software: 'fallback' }) }));
});
afterAll(() => {
  setFusion(true);
  removeBackend('webgpu');
});

type AnyOptimizer = optim.Optimizer<{ lr: number }>;
const makers: Readonly<Record<string, (params: Tensor[]) => AnyOptimizer>> = {
  SGD: (p) => new optim.SGD(p, { lr: 0.1, momentum: 0.9, nesterov: true }),
  Adam: (p) => new optim.Adam(p, { lr: 0.1, amsgrad: true }),
  AdamW: (p) => new optim.AdamW(p, { lr: 0.1 }),
  Adamax: (p) => new optim.Adamax(p, { lr: 0.1 }),
  NAdam: (p) => new optim.NAdam(p, { lr: 0.1 }),
  RAdam: (p) => new optim.RAdam(p, { lr: 0.1 }),
  Adagrad: (p) => new optim.Adagrad(p, { lr: 0.1 }),
  Adadelta: (p) => new optim.Adadelta(p, { lr: 1 }),
  RMSprop: (p) => new optim.RMSprop(p, { lr: 0.1, centered: true, momentum: 0.5 }),
  Rprop: (p) => new optim.Rprop(p, { lr: 0.1 }),
  ASGD: (p) => new optim.ASGD(p, { lr: 0.1, t0: 1 }),
  Lion: (p) => new optim.Lion(p, { lr: 0.1 }),
  Muon: (p) => new optim.Muon(p, { lr: 0.1 }),
  Adafactor: (p) => new optim.Adafactor(p, { lr: 0.1 }),
  SparseAdam: (p) => new optim.SparseAdam(p, { lr: 0.1 }),
  SGDScheduleFree: (p) => new optim.SGDScheduleFree(p, { lr: 0.1 }),
  AdamWScheduleFree: (p) => new optim.AdamWScheduleFree(p, { lr: 0.1 }),
};

const start = [
  [0.5, -1, 2],
  [-0.25, 0.75, 1.5],
];
const lossOf = (x: Tensor): Tensor => x.sub(1).square().mul(x.detach().abs().add(0.5)).sum();

async function train(device: string, make: (params: Tensor[]) => AnyOptimizer): Promise<number[][]> {
  const x = tensor(start, { dtype: 'float32', device, requiresGrad: true });
  const optimizer = make([x]);
  for (let step = 0; step < 5; step++) {
    optimizer.zeroGrad();
    lossOf(x).backward();
    optim.clipGradNorm_([x], 3);
    optimizer.step();
  }
  return (await x.toArray()) as number[][];
}

describe.each([true, false])('fusion %s', (fusion) => {
  it.each(Object.entries(makers))('%s', async (_, make) => {
    setFusion(fusion);
    const [expected, actual] = [await train('interpreter', make), await train('webgpu', make)];
    expected.flat().forEach((value, i) => {
      // Float32 rounding over five steps.
      expect(Math.abs(actual.flat()[i] - value)).toBeLessThan(2e-5 * Math.max(1, Math.abs(value)));
    });
  });
});

describe('what depends on values', () => {
  it('L-BFGS reads asynchronously, and says so', async () => {
    const x = tensor(start, { dtype: 'float32', device: 'webgpu', requiresGrad: true });
    const optimizer = new optim.LBFGS([x], { lineSearchFn: 'strongWolfe' });
    const closure = (): Tensor => {
      optimizer.zeroGrad();
      const loss = x.sub(1).pow(4).sum();
      loss.backward();
      return loss;
    };
    expect(() => optimizer.step(closure)).toThrow(DeviceError);
    const before = await (await optimizer.stepAsync(closure)).item();
    expect(before).toBeCloseTo(19.5703, 3);
    expect(await closure().item()).toBeLessThan(1e-4);
  });

  it('GradScaler, too', async () => {
    const x = tensor([1, 2], { dtype: 'float32', device: 'webgpu', requiresGrad: true });
    const optimizer = new optim.SGD([x], { lr: 1 });
    const scaler = new optim.GradScaler({ initScale: 8 });
    for (const factor of [0.5, Number.POSITIVE_INFINITY]) {
      optimizer.zeroGrad();
      const loss = autocast(() => x.mul(factor).sum());
      scaler.scale(loss).backward();
      await scaler.stepAsync(optimizer);
      scaler.update();
    }
    expect(await x.toArray()).toEqual([0.5, 1.5]);
    expect(scaler.getScale()).toBe(4);
  });
});
