// Training loops without an optimizer that read nothing: each step is one program, not an ever longer graph.
import { noGrad } from '@nn/autograd';
import { cpu } from '@nn/cpu';
import { manualSeed, memoryPolicy, ones, randn, runtimeOf, type Tensor, use } from '@nn/tensor';
import { describe, expect, it } from 'vitest';
import { onEveryDevice } from './devices.ts';

type Update = (parameters: Tensor[]) => Tensor[];

const updates: Readonly<Record<string, Update>> = {
  'in place': (parameters) => {
    noGrad(() => {
      for (const w of parameters) {
        w.sub_(w.grad!.mul(0.1));
        w.grad = null;
      }
    });
    return parameters;
  },
  'through a view': (parameters) => {
    noGrad(() => {
      for (const w of parameters) {
        w.reshape(-1).sub_(w.grad!.mul(0.1).reshape(-1));
        w.grad = null;
      }
    });
    return parameters;
  },
  'by new leaves': (parameters) => parameters.map((w) => w.detach().sub(w.grad!.mul(0.1)).requiresGrad_()),
};

async function train(update: Update, steps: number, isRead: boolean): Promise<unknown> {
  manualSeed(3);
  const x = randn([16, 4]);
  const y = x.matmul(randn([4, 1]));
  let parameters = [randn([4, 1]).requiresGrad_(), ones([1]).requiresGrad_()];
  for (let i = 0; i < steps; i++) {
    x.matmul(parameters[0]).add(parameters[1]).sub(y).square().mean().backward();
    parameters = update(parameters);
    if (isRead) for (const w of parameters) w.realize();
  }
  return Promise.all(parameters.map((w) => w.toArray()));
}

onEveryDevice((device) => {
  describe.each(Object.entries(updates))('updated %s', (name, update) => {
    it('gives the values that reading each step gives', async () => {
      expect(await train(update, 12, false)).toEqual(await train(update, 12, true));
    });

    it('leaves little pending', async () => {
      const steps = name === 'by new leaves' ? 80 : 20;
      const values = train(update, steps, false);
      expect(runtimeOf(device).pendingCount).toBeLessThan(name === 'by new leaves' ? 1200 : 40);
      await values;
    });
  });

  it('a long step is not cut by what may be pending without derivatives', async () => {
    const { pendingNodes } = memoryPolicy();
    memoryPolicy({ pendingNodes: 50 });
    try {
      const w = ones([3]).realize().requiresGrad_();
      let y: Tensor = w;
      for (let i = 0; i < 100; i++) y = y.mul(1.01);
      expect(y.node.runs).toBe(0);
      expect(runtimeOf(device).pendingCount).toBeGreaterThanOrEqual(100);
      let z = ones([3]).realize();
      await z.data();
      for (let i = 0; i < 60; i++) z = z.detach().mul(1.01);
      y.sum().backward();
      expect(Number(await w.grad!.sum().item())).toBeCloseTo(3 * 1.01 ** 100, 3);
    } finally {
      memoryPolicy({ pendingNodes });
    }
  });
});

it('forgets what was updated on a backend that was replaced by another one of its name', async () => {
  use(cpu({ threads: 1 }));
  const left = randn([3]).realize().requiresGrad_();
  noGrad(() => left.mul_(2));
  use(cpu({ threads: 1 }));
  const w = ones([3], { requiresGrad: true });
  w.mul(2).sum().backward();
  expect(await w.grad!.toArray()).toEqual([2, 2, 2]);
});
