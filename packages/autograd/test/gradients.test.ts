// Gradients that are still set are current values: no budget takes them away.
import { cpu } from '@nn/cpu';
import { SGD } from '@nn/optim';
import { interpreter, memoryPolicy, type Tensor, tensor, use } from '@nn/tensor';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import '../src/index.ts';

describe.each(['interpreter', 'cpu'])('gradients on %s', (device) => {
  const { keptBytes } = memoryPolicy();
  beforeEach(() => {
    use(device === 'cpu' ? cpu({ threads: 1 }) : interpreter());
    memoryPolicy({ keptBytes: 16 });
  });
  afterEach(() => {
    memoryPolicy({ keptBytes });
  });

  const leaf = (start: number): Tensor =>
    tensor([start, start + 1, start + 2], { dtype: 'float32', requiresGrad: true });

  it('add up over steps without zeroGrad, whatever the budget for old versions', async () => {
    const parameters = [leaf(1), leaf(2), leaf(3)];
    const optimizer = new SGD(parameters, { lr: 0 });
    for (let step = 0; step < 4; step++) {
      for (const parameter of parameters) parameter.square().sum().backward();
      optimizer.step();
    }
    expect(await parameters[0].grad?.toArray()).toEqual([8, 16, 24]);
    expect(await parameters[2].grad?.toArray()).toEqual([24, 32, 40]);
  });

  it('are all there after a step of very many parameters', async () => {
    const parameters = Array.from({ length: 600 }, (_, i) => leaf(i));
    const optimizer = new SGD(parameters, { lr: 1 });
    parameters
      .map((parameter) => parameter.sum())
      .reduce((a, b) => a.add(b))
      .backward();
    optimizer.step();
    expect(await parameters[0].grad?.toArray()).toEqual([1, 1, 1]);
    expect(await parameters[599].grad?.toArray()).toEqual([1, 1, 1]);
  });

  it('become old versions when they are cleared', () => {
    const parameter = leaf(1);
    const optimizer = new SGD([parameter], { lr: 0.1 });
    parameter.square().sum().backward();
    optimizer.step();
    const former = parameter.grad as Tensor;
    optimizer.zeroGrad();
    for (let step = 0; step < 20; step++) {
      optimizer.zeroGrad();
      parameter.square().sum().backward();
      optimizer.step();
    }
    expect(() => former.dataSync()).toThrow('has been dropped');
  });
});
