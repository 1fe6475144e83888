// Differences, integrals, distances, spectra and strided views: edge cases and errors.
import { ArgumentError, DTypeError, IndexError, ShapeError, UnsupportedError } from '@nn/core';
import '@nn/autograd';
import {
  arange,
  asStrided,
  broadcastShapes,
  cdist,
  cross,
  cumulativeTrapezoid,
  diff,
  gradient,
  interpreter,
  istft,
  logspace,
  ones,
  renorm,
  stft,
  tensor,
  trapezoid,
  use,
  zeros,
} from '@nn/tensor';
import { beforeAll, describe, expect, it } from 'vitest';

beforeAll(() => use(interpreter()));
const float = (values: number[]) => tensor(values, { dtype: 'float32' });

describe('samples', () => {
  it('differ', async () => {
    const x = tensor([1, 4, 9]);
    expect(await diff(x, { prepend: tensor([0]), append: tensor([16]) }).toArray()).toEqual([1, 3, 5, 7]);
    expect(diff(x, { n: 5 }).shape).toEqual([0]);
    expect(diff(zeros([0])).shape).toEqual([0]);
    expect(await diff(tensor([true, false, false])).toArray()).toEqual([true, false]);
    expect(() => diff(tensor(1))).toThrow(ShapeError);
    expect(() => diff(x, { n: -1 })).toThrow(ArgumentError);
  });

  it('have exact second-order derivatives of parabolas, at uneven places too', async () => {
    const places = float([0, 1, 3, 4, 6]);
    const [slope] = gradient(places.square(), { spacing: [places], edgeOrder: 2 });
    const expected = [0, 2, 6, 8, 12];
    ((await slope.toArray()) as number[]).forEach((each, i) => {
      expect(each).toBeCloseTo(expected[i], 4);
    });
    const [even] = gradient(arange(5).float().square(), { spacing: 0.5, edgeOrder: 2 });
    expect(await even.toArray()).toEqual([0, 4, 8, 12, 16]);
    expect(() => gradient(zeros([1]))).toThrow(ShapeError);
    expect(() => gradient(zeros([3]), { spacing: [1, 2] })).toThrow(ArgumentError);
    expect(() => gradient(zeros([3]), { dim: 1 })).toThrow(IndexError);
    expect(() => gradient(zeros([3]), { edgeOrder: 3 as never })).toThrow(ArgumentError);
  });

  it('have integrals', async () => {
    expect(await trapezoid(zeros([2, 0])).toArray()).toEqual([0, 0]);
    expect(cumulativeTrapezoid(zeros([2, 1])).shape).toEqual([2, 0]);
    expect(() => trapezoid(zeros([3]), zeros([2]))).toThrow(ShapeError);
    expect(() => trapezoid(tensor([true, false]))).toThrow(DTypeError);
    expect(() => trapezoid(zeros([3]), zeros([3]), { dx: 2 })).toThrow(ArgumentError);
  });

  it('are spaced', async () => {
    expect(await logspace(0, 2, 3).toArray()).toEqual([1, 10, 100]);
    expect(() => logspace(0, 1, 1.5)).toThrow(/^logspace: steps/);
    expect(() => zeros([-1])).toThrow(/^zeros:/);
    expect(broadcastShapes([2, 1], [3])).toEqual([2, 3]);
    expect(() => broadcastShapes([2], [3])).toThrow(ShapeError);
  });
});

describe('vectors', () => {
  it('have distances, the same by a matrix product', async () => {
    const a = arange(60).float().sin().reshape(30, 2);
    const exact = cdist(a, a, 2, { computeMode: 'donot_use_mm_for_euclid_dist' });
    const apart = await exact.sub(cdist(a, a)).abs().max().item();
    // Squares near 1 cancel: an error of one part in 2^24 becomes its root.
    expect(apart).toBeLessThan(2e-3);
    expect(await cdist(zeros([2, 0]), zeros([3, 0])).toArray()).toEqual([
      [0, 0, 0],
      [0, 0, 0],
    ]);
    expect(() => cdist(zeros([2, 2]), zeros([2, 3]))).toThrow(ShapeError);
    expect(() => cdist(zeros([2, 2]), zeros([2, 2]), -1)).toThrow(ArgumentError);
  });

  it('whose distance is 0 have the gradient 0', async () => {
    for (const p of [0.5, 1, 2, 3]) {
      const a = zeros([1, 2], { requiresGrad: true });
      cdist(a, zeros([1, 2]), p)
        .sum()
        .backward();
      expect(await a.grad!.toArray()).toEqual([[0, 0]]);
    }
  });

  it('are limited and multiplied', async () => {
    expect(await renorm(tensor([[0, 0]]).float(), 2, 0, 1).toArray()).toEqual([[0, 0]]);
    expect(() => renorm(zeros([2]), 2, 0, 1)).toThrow(ShapeError);
    expect(() => renorm(zeros([2, 2]), 0, 0, 1)).toThrow(ArgumentError);
    expect(() => cross(zeros([2]), zeros([2]))).toThrow(ShapeError);
    expect(() => cross(zeros([3]), zeros([1, 3]))).toThrow(ShapeError);
  });
});

describe('spectra', () => {
  it('give back the signal', async () => {
    const signal = arange(32).float().mul(0.7).sin();
    const window = tensor([0.5, 1, 1.5, 2, 2, 1.5, 1, 0.5]);
    for (const onesided of [true, false]) {
      for (const normalized of [true, false]) {
        const options = { window, onesided, normalized };
        const back = istft(stft(signal, 8, options), 8, { ...options, length: 32 });
        // Sums of eight float32 products of numbers up to 2.
        expect(await back.sub(signal).abs().max().item()).toBeLessThan(1e-5);
      }
    }
  });

  it('of a window in longer frames, at ends continued in each way', async () => {
    const x = arange(1, 7).float();
    const first = async (padMode: 'reflect' | 'replicate' | 'circular' | 'constant'): Promise<number> =>
      (await stft(x, 4, { winLength: 2, padMode, hopLength: 2 }).at(0, 0, 0).item()) as number;
    // The middle two of the frame that starts two samples before the signal.
    expect(await first('reflect')).toBe(2 + 1);
    expect(await first('replicate')).toBe(1 + 1);
    expect(await first('circular')).toBe(6 + 1);
    expect(await first('constant')).toBe(0 + 1);
  });

  it('refuses frames that do not fit', () => {
    expect(() => stft(zeros([3]), 4, { center: false })).toThrow(ShapeError);
    expect(() => stft(zeros([3]), 8)).toThrow(ShapeError);
    expect(() => stft(zeros([8]), 4, { window: ones([3]) })).toThrow(ShapeError);
    expect(() => stft(zeros([8]), 4, { returnComplex: true as never })).toThrow(UnsupportedError);
    expect(() => istft(zeros([3, 2, 2]), 8)).toThrow(ShapeError);
    expect(() => istft(zeros([3, 4, 2]), 4, { hopLength: 5, center: false })).toThrow(/no frame covers/);
  });
});

describe('asStrided', () => {
  it('has a derivative for a leaf that is a view, of its elements alone', async () => {
    const leaf = arange(12).float().reshape(3, 4).t().narrow(0, 0, 3).detach().requiresGrad_();
    // Positions 1, 2, 3 and 4 in memory: 3 lies outside of the leaf.
    asStrided(leaf, [4], [1], 1)
      .mul(tensor([1, 2, 3, 4]))
      .sum()
      .backward();
    expect(await leaf.grad!.toArray()).toEqual([
      [0, 4, 0],
      [1, 0, 0],
      [2, 0, 0],
    ]);
    const expanded = zeros([1]).expand([3]).detach().requiresGrad_();
    expect(() => asStrided(expanded, [1], [1])).toThrow(UnsupportedError);
  });
});
