// Parts that steps cut out of a held tensor at ever other places: no place needs a program of its own, and values are
// those of any other slice.
import { noGrad } from '@nn/autograd';
import { DeviceError, removeBackend } from '@nn/core';
import { cpu } from '@nn/cpu';
import {
  backendOf,
  compile,
  interpreter,
  isReplaying,
  profile,
  randn,
  slice,
  stack,
  type Tensor,
  tensor,
  use,
  zeros,
} from '@nn/tensor';
import { describe, expect, it } from 'vitest';
import { onEveryDevice } from './devices.ts';

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** Plans made for the last of many calls. */
async function plansFor(count: number, fn: (i: number) => Tensor): Promise<number> {
  for (let i = 0; i < count; i++) await fn(i).data();
  const { totals } = await profile(async () => {
    for (let i = count; i < count + 5; i++) await fn(i).data();
  });
  expect(totals.programs).toBeGreaterThanOrEqual(5);
  return totals.plansMade;
}

const cuts: Readonly<Record<string, (x: Tensor, i: number) => Tensor>> = {
  rows: (x, i) => x.at(slice(i, i + 4)),
  columns: (x, i) => x.at(':', slice(i, i + 3)),
  'every second row, backwards': (x, i) => x.at(slice(i + 6, i, -2)),
  'an element': (x, i) => x.at(i, i + 1),
  'a row of the transpose': (x, i) => x.T.select(0, i),
  'a part of a part': (x, i) => x.narrow(0, i, 5).narrow(1, i + 2, 4),
};

onEveryDevice((device, fused) => {
  describe.each(Object.entries(cuts))('%s', (_name, cut) => {
    it('need no plan at new places', async () => {
      const x = randn([40, 39]).realize();
      expect(await plansFor(20, (i) => cut(x, i).mul(2).add(1))).toBe(0);
    });

    it('have the values of the place, to the last bit', async () => {
      const x = randn([41, 40]).realize();
      const of = (i: number): Tensor => cut(x, i).square().sum();
      const early = await Promise.all(range(30).map((i) => cut(x, i).toArray()));
      const sums: unknown[] = [];
      for (const i of range(30)) sums.push(await of(i).data());
      for (const i of range(30)) {
        expect(await of(i).data()).toEqual(sums[i]);
        expect(await cut(x, i).toArray()).toEqual(early[i]);
      }
    });
  });

  it('see what is written, and are written through', async () => {
    const x = tensor(range(60), { dtype: 'float32' }).realize();
    for (const i of range(20)) await x.narrow(0, i, 3).sum().item();
    const window = x.narrow(0, 33, 3);
    expect(await window.toArray()).toEqual([33, 34, 35]);
    x.add_(100);
    expect(await window.toArray()).toEqual([133, 134, 135]);
    window.mul_(2);
    await x.realize().data();
    expect(await x.narrow(0, 32, 3).toArray()).toEqual([132, 266, 268]);
  });

  it.each<[string, (x: Tensor, i: number, value: Tensor) => Tensor]>([
    ['rows', (x, i, value) => x.setAt_([i], value)],
    ['a number', (x, i) => x.setAt_([i, 2], i)],
    ['rows of a view', (x, i, value) => x.T.select(1, i).copy_(value)],
    ['parts, added to', (x, i, value) => x.narrow(0, i, 2).add_(value)],
    ['two rows', (x, i, value) => x.setAt_([i], value).setAt_([i + 5], value.neg())],
  ])('are written without a plan at new places: %s', async (_name, write) => {
    const x = zeros([40, 3]).realize();
    const y = zeros([40, 3]).realize();
    const value = (i: number): Tensor => tensor([i, 0.5, -i]);
    const count = 20;
    const plans = await plansFor(count, (i) => {
      write(x, i, value(i));
      return x.square().sum(1);
    });
    expect(plans).toBe(0);
    for (const i of range(count + 5)) write(y, i, value(i));
    expect(await x.toArray()).toEqual(await y.toArray());
    expect(await x.abs().sum().item()).toBeGreaterThan(0);
  });

  it('are not looked up where they are large', async () => {
    const x = zeros([2 ** 20 + 20]).realize();
    const opOf = (i: number, count: number): string => x.narrow(0, i, count).node.op;
    for (const i of range(12)) {
      expect(opOf(i, 2 ** 20 + 1)).toBe('slice');
      opOf(i, 2 ** 20);
      await x.narrow(0, i, 1).sum().item();
    }
    expect(opOf(12, 2 ** 20)).toBe('reshape');
  });

  it('are not written with what is on another device', async () => {
    const elsewhere = device === 'cpu' ? interpreter() : cpu({ threads: 1 });
    const x = zeros([30, 2]).realize();
    for (const i of range(20)) await x.setAt_([i], i).sum().item();
    use(elsewhere);
    const row = zeros([2]).realize();
    use(backendOf(device));
    try {
      expect(() => x.setAt_([25], row)).toThrow(DeviceError);
    } finally {
      removeBackend(elsewhere.name);
    }
  });

  it.each(['bool', 'uint8', 'int16', 'int64', 'float16', 'bfloat16', 'float64'] as const)(
    'hold %s',
    async (dtype) => {
      if (!backendOf(device).capabilities.dtypes.has(dtype)) return;
      const x = zeros([30, 3], { dtype }).realize();
      const rows = tensor(range(90).map((i) => i % 2))
        .reshape(30, 3)
        .to(dtype);
      for (const i of range(30)) {
        x.setAt_([i], rows.at(i));
        await x.at(i).toArray();
      }
      expect(await x.toArray()).toEqual(await rows.toArray());
      expect(await x.at(29).toArray()).toEqual(await rows.at(29).toArray());
    },
  );

  it('are written with derivatives, and in whole numbers', async () => {
    const x = zeros([30], { dtype: 'int32' }).realize();
    const w = randn([30]).realize().requiresGrad_();
    for (const i of range(20)) {
      x.setAt_([i], i);
      const y = w.mul(2);
      y.setAt_([i], w.at(29).mul(5));
      w.grad = null;
      y.sum().backward();
      const expected = range(30).map((k) => (k === i ? 0 : k === 29 ? 7 : 2));
      expect(await w.grad!.toArray()).toEqual(expected);
      expect(await x.sum().item()).toBe((i * (i + 1)) / 2);
    }
  });

  it('have derivatives', async () => {
    const w = randn([30, 3]).realize().requiresGrad_();
    const data = randn([33, 3]).realize();
    for (const i of range(20)) {
      const loss = w
        .narrow(0, i, 4)
        .mul(data.narrow(0, i, 4))
        .sum();
      w.grad = null;
      loss.backward();
      const expected = data.narrow(0, i, 4).sum(1);
      const actual = w.grad!.narrow(0, i, 4).sum(1);
      expect(await actual.sub(expected).abs().max().item()).toBeLessThan(1e-6);
      expect(await w.grad!.abs().sum().item()).toBeCloseTo(await data.narrow(0, i, 4).abs().sum().item(), 4);
    }
  });

  it('are replayed in compiled functions', async () => {
    const text = tensor(range(500)).realize();
    const replays: boolean[] = [];
    const step = compile((starts: readonly number[], given: Tensor) => {
      const parts = noGrad(() => stack(starts.map((start) => text.at(slice(start, start + 3)))));
      const sum = parts.sum().add(given.sum());
      replays.push(isReplaying());
      return sum;
    });
    for (const i of range(30)) {
      const starts = [7 * i, 3 * i + 100];
      const sum = await step(starts, text.narrow(0, i + 200, 2)).item();
      expect(sum).toBe(3 * (10 * i + 100) + 6 + 2 * (i + 200) + 1);
    }
    expect(replays.slice(-10)).toEqual(new Array(10).fill(true));
  });

  it(`leave a loop within one step as it is, fusion ${fused}`, async () => {
    const x = randn([30, 2]).realize();
    const of = (): Tensor => range(30).reduce((sum, i) => sum.add(x.at(i).mul(i)), tensor([0, 0]).float());
    await of().data();
    const { totals } = await profile(() => of().data(), { runs: 3 });
    expect([totals.plansMade, totals.programs]).toEqual([0, 3]);
  });
});
