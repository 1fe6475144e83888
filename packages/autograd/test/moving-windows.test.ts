// Parts that steps cut out of a held tensor at ever other places: no place needs a program of its own, and values are
// those of any other slice.
import { noGrad } from '@nn/autograd';
import { compile, isReplaying, profile, randn, slice, stack, type Tensor, tensor } from '@nn/tensor';
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

onEveryDevice((_, fused) => {
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
