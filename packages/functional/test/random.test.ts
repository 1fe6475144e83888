// Functions with random numbers: their moments, seeds, gradients, and what they refuse. Bounds are five standard
// deviations of what is measured.
import '@nn/autograd';
import * as F from '@nn/functional';
import {
  ArgumentError,
  DTypeError,
  interpreter,
  manualSeed,
  ones,
  randn,
  ShapeError,
  type Tensor,
  tensor,
  use,
  zeros,
} from '@nn/tensor';
import { beforeEach, describe, expect, it } from 'vitest';

beforeEach(() => {
  use(interpreter());
  manualSeed(20);
});

const numbersOf = async (x: Tensor): Promise<number[]> => Array.from(await x.data(), Number);

const meanOf = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

async function moments(x: Tensor): Promise<{ mean: number; variance: number }> {
  const values = await numbersOf(x);
  const mean = meanOf(values);
  return { mean, variance: meanOf(values.map((value) => (value - mean) ** 2)) };
}

describe('dropout', () => {
  it.each([
    ['dropout', F.dropout, [40, 100]],
    ['dropout1d', F.dropout1d, [40, 100, 3]],
    ['dropout2d', F.dropout2d, [40, 100, 2, 1]],
    ['dropout3d', F.dropout3d, [40, 100, 2, 1, 1]],
  ] as const)('%s keeps the mean, and drops whole channels', async (_, dropout, shape) => {
    const [batch, channels, ...rest] = shape;
    const y = dropout(ones(shape), { p: 0.2 });
    const kept = y.reshape(batch, channels, -1);
    expect(await kept.amax(2).toArray()).toEqual(await kept.amin(2).toArray());
    const values = await numbersOf(kept.select(2, 0));
    expect(new Set(values)).toEqual(new Set([0, 1.25]));
    expect(rest.length).toBe(shape.length - 2);
    // 4000 draws of variance 0.25.
    expect(Math.abs(meanOf(values) - 1)).toBeLessThan(5 * Math.sqrt(0.25 / 4000));
  });

  it('alphaDropout keeps mean and variance of normal numbers', async () => {
    const y = await moments(F.alphaDropout(randn([20000]), { p: 0.3 }));
    expect(Math.abs(y.mean)).toBeLessThan(5 / Math.sqrt(20000));
    // The fourth moment of a mixture of this kind is below 6.
    expect(Math.abs(y.variance - 1)).toBeLessThan(5 * Math.sqrt(5 / 20000));
  });

  it('featureAlphaDropout keeps both too, in whole channels', async () => {
    const x = randn([100, 200, 2]);
    const y = F.featureAlphaDropout(x, { p: 0.3 });
    const { mean, variance } = await moments(y);
    // Channels of two are either both dropped or not: 20000 independent draws.
    expect(Math.abs(mean)).toBeLessThan(5 / Math.sqrt(20000));
    expect(Math.abs(variance - 1)).toBeLessThan(5 * Math.sqrt(5 / 20000));
    const values = await numbersOf(y);
    const saturated = Math.min(...values.filter((value, i) => value === values[i ^ 1]));
    const pairs = values.filter((value) => value === saturated).length / 2;
    expect(pairs / 20000).toBeCloseTo(0.3, 1);
    const alone = values.filter((value, i) => value === saturated && values[i ^ 1] !== saturated);
    expect(alone).toEqual([]);
  });

  it('has its ends, and changes nothing without training', async () => {
    const x = randn([2, 3]);
    for (const dropout of [F.dropout, F.alphaDropout, F.featureAlphaDropout]) {
      expect(await dropout(x, { p: 1 }).abs().toArray()).toEqual([
        [0, 0, 0],
        [0, 0, 0],
      ]);
      expect(dropout(x, { p: 0 })).toBe(x);
      expect(dropout(x, { training: false })).toBe(x);
      expect(() => dropout(x, { p: 1.5 })).toThrow(ArgumentError);
      expect(() => dropout(x.int())).toThrow(DTypeError);
    }
    const written = ones([100]);
    expect(F.dropout(written, { inplace: true })).toBe(written);
    expect(new Set(await numbersOf(written))).toEqual(new Set([0, 2]));
    expect(() => F.featureAlphaDropout(ones([3]))).toThrow(ShapeError);
    expect(() => F.dropout2d(ones([3, 3]))).toThrow(/^dropout2d: takes 3 or 4 dimensions/);
  });
});

describe('rrelu', () => {
  it('draws slopes between its bounds, and takes their mean without training', async () => {
    const x = ones([5000], { requiresGrad: true }).neg();
    const slopes = (await numbersOf(F.rrelu(x, { training: true }))).map((value) => -value);
    expect(Math.min(...slopes)).toBeGreaterThanOrEqual(1 / 8 - 1e-7);
    expect(Math.max(...slopes)).toBeLessThanOrEqual(1 / 3 + 1e-7);
    const width = 1 / 3 - 1 / 8;
    expect(Math.abs(meanOf(slopes) - 11 / 48)).toBeLessThan(5 * (width / Math.sqrt(12 * 5000)));
    expect(await F.rrelu(x).amax().item()).toBeCloseTo(-11 / 48, 6);
    expect(() => F.rrelu(x, { lower: 1, upper: 0 })).toThrow(ArgumentError);
  });

  it('has the slope that it drew as its derivative', async () => {
    const x = tensor([-1, -1, 2], { dtype: 'float32', requiresGrad: true });
    const y = F.rrelu(x, { training: true });
    y.sum().backward();
    expect(await x.grad!.toArray()).toEqual(await y.div(x.detach()).toArray());
  });
});

describe('gumbelSoftmax', () => {
  const logits = () => tensor([0.5, 0.3, 0.2], { dtype: 'float32' }).log();

  it('hard: chooses each category with its probability', async () => {
    const draws = 4000;
    const y = F.gumbelSoftmax(logits().expandTo([draws, 3]), { hard: true, tau: 0.1 });
    expect(new Set(await numbersOf(y))).toEqual(new Set([0, 1]));
    expect(await y.sum(1).amin().item()).toBe(1);
    const frequencies = await numbersOf(y.mean(0));
    [0.5, 0.3, 0.2].forEach((p, i) => {
      expect(Math.abs(frequencies[i] - p)).toBeLessThan(5 * Math.sqrt((p * (1 - p)) / draws));
    });
  });

  it('soft: sums to 1 along the dimension, repeats with the seed, and is flatter when hotter', async () => {
    const x = randn([3, 50]);
    manualSeed(1);
    const first = F.gumbelSoftmax(x, { dim: 0 });
    manualSeed(1);
    expect(await F.gumbelSoftmax(x, { dim: 0 }).toArray()).toEqual(await first.toArray());
    for (const total of await numbersOf(first.sum(0))) expect(total).toBeCloseTo(1, 5);
    const hot = F.gumbelSoftmax(x, { dim: 0, tau: 1000 });
    expect(await hot.amax().item()).toBeLessThan(0.36);
  });

  it('hard has the derivative of soft', async () => {
    const gradient = async (hard: boolean): Promise<number[]> => {
      const x = logits().requiresGrad_();
      manualSeed(4);
      F.gumbelSoftmax(x, { hard })
        .mul(tensor([1, 2, 3], { dtype: 'float32' }))
        .sum()
        .backward();
      return numbersOf(x.grad!);
    };
    expect(await gradient(true)).toEqual(await gradient(false));
  });

  it('refuses temperatures of 0 and below, and integers', () => {
    expect(() => F.gumbelSoftmax(zeros([2]), { tau: 0 })).toThrow(/tau must be above 0/);
    expect(() => F.gumbelSoftmax(zeros([2]).int())).toThrow(DTypeError);
  });
});

describe('fractional max pooling', () => {
  it('takes windows that lie apart by the ratio, and reach from the first element to the last', async () => {
    const x = tensor(
      Float32Array.from({ length: 200 * 11 }, (_, i) => i % 11),
      { shape: [200, 1, 1, 11] },
    );
    const y = F.fractionalMaxPool2d(x, [1, 2], { outputSize: [1, 6] });
    const rows = (await y.reshape(200, 6).toArray()) as number[][];
    const steps = rows.map((row) => row.slice(1).map((value, i) => value - row[i]));
    expect(new Set(steps.flat())).toEqual(new Set([1, 2]));
    expect(new Set(rows.map((row) => row[5]))).toEqual(new Set([10]));
    expect(new Set(rows.map((row) => row[0]))).toEqual(new Set([1]));
    expect(new Set(rows.map((row) => row.join())).size).toBeGreaterThan(1);
  });

  it('gives NaN where a window has one, and goes without a batch', async () => {
    const x = tensor(
      [
        [
          [Number.NaN, 1, 2],
          [3, 4, 5],
          [6, 7, 8],
        ],
      ],
      { dtype: 'float32' },
    );
    const [values, indices] = F.fractionalMaxPool2d(x, 2, { outputSize: 2, returnIndices: true });
    expect(await values.toArray()).toEqual([
      [
        [Number.NaN, 5],
        [7, 8],
      ],
    ]);
    expect(await indices.toArray()).toEqual([
      [
        [0, 5],
        [7, 8],
      ],
    ]);
    expect(F.fractionalMaxPool3d(ones([0, 1, 4, 4, 4]), 2, { outputRatio: 0.5 }).shape).toEqual([
      0, 1, 2, 2, 2,
    ]);
  });

  it('refuses sizes that do not fit', () => {
    const x = ones([1, 1, 4, 4]);
    expect(() => F.fractionalMaxPool2d(x, 2, {})).toThrow(/got neither/);
    expect(() => F.fractionalMaxPool2d(x, 2, { outputSize: 2, outputRatio: 0.5 })).toThrow(/got both/);
    expect(() => F.fractionalMaxPool2d(x, 2, { outputSize: 4 })).toThrow(/does not fit/);
    expect(() => F.fractionalMaxPool2d(x, 2, { outputRatio: 1.5 })).toThrow(ArgumentError);
    expect(() => F.fractionalMaxPool2d(x, 2, { outputSize: 2, randomSamples: ones([1, 2]) })).toThrow(
      /\[1, 1, 2\], got \[1, 2\]/,
    );
    expect(() => F.fractionalMaxPool3d(x.squeeze(0), 2, { outputSize: 2 })).toThrow(ShapeError);
  });
});
