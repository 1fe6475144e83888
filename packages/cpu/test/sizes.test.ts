// Another batch size compiles no code: sizes are arguments of kernels.

import { SGD } from '@nn/optim';
import { manualSeed, randn, removeBackend, type Tensor, use } from '@nn/tensor';
import { afterAll, expect, test, vi } from 'vitest';
import { cpu } from '../src/index.ts';
import '@nn/autograd';

const compiled = vi.spyOn(WebAssembly, 'Module');
use(cpu({ threads: 1 }));
afterAll(() => {
  compiled.mockRestore();
  removeBackend('cpu');
});

test('a training step of another batch size compiles no module; without a batch dimension, some', async () => {
  manualSeed(3);
  const weights = [[20, 30], [30], [30, 10], [10]].map(
    (shape): Tensor => randn(shape).mul(0.1).detach().requiresGrad_(),
  );
  const optimizer = new SGD(weights, { lr: 0.1, momentum: 0.9 });
  const modulesOf = async (batch: number): Promise<number> => {
    const before = compiled.mock.calls.length;
    const hidden = randn([batch, 20]).matmul(weights[0]).add(weights[1]).tanh();
    const loss = hidden.matmul(weights[2]).add(weights[3]).square().mean();
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    await loss.item();
    return compiled.mock.calls.length - before;
  };
  // The second step has state of the optimizer that the first makes.
  const first = (await modulesOf(64)) + (await modulesOf(64));
  expect(first).toBeGreaterThan(3);
  expect(await modulesOf(48)).toBe(0);
  expect(await modulesOf(37)).toBe(0);
  // Loops over a batch of one are no loops: kernels with fewer dimensions are other kernels.
  expect(await modulesOf(1)).toBeLessThanOrEqual(first);
  expect(await modulesOf(1)).toBe(0);
});
