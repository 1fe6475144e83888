// Modules, optimizers and backward have names in profiles.
import { Linear, Sequential } from '@nn/modules';
import { SGD } from '@nn/optim';
import { interpreter, ones, profile, use } from '@nn/tensor';
import { expect, test } from 'vitest';

test('a training step shows its parts by name', async () => {
  use(interpreter());
  const model = new Sequential(new Linear(3, 4), new Linear(4, 2));
  const optimizer = new SGD(model.parameters(), { lr: 0.1 });
  const { regions } = await profile(() => {
    model(ones([2, 3]))
      .sum()
      .backward();
    optimizer.step();
  });
  const counts = Object.fromEntries(regions.map(({ name, count }) => [name, count]));
  expect(counts).toEqual({ Sequential: 1, Linear: 2, backward: 1, 'SGD.step': 1 });
  const time = (region: string): number => regions.find(({ name }) => name === region)!.totalMs;
  expect(time('Sequential')).toBeGreaterThanOrEqual(time('Linear'));
});
