// Results whose size depends on data, and drawing from probabilities.
import { ArgumentError, DTypeError, ShapeError } from '@nn/core';
import {
  arange,
  bernoulli,
  bincount,
  bincountSync,
  cartesianProd,
  combinations,
  Generator,
  histogram,
  histogramdd,
  interpreter,
  multinomial,
  repeatInterleave,
  searchsorted,
  stack,
  tensor,
  unique,
  uniqueConsecutive,
  uniqueConsecutiveSync,
  uniqueSync,
  use,
  zeros,
} from '@nn/tensor';
import { beforeAll, describe, expect, it } from 'vitest';

beforeAll(() => use(interpreter()));

describe('unique', () => {
  it('sorts slices as wholes', async () => {
    const x = tensor([
      [2, 1],
      [1, 9],
      [2, 1],
      [1, 3],
    ]);
    const { values, inverse, counts } = await unique(x, { dim: 0, returnInverse: true, returnCounts: true });
    expect(await values.toArray()).toEqual([
      [1, 3],
      [1, 9],
      [2, 1],
    ]);
    expect(await inverse?.toArray()).toEqual([2, 1, 2, 0]);
    expect(await counts?.int().toArray()).toEqual([1, 1, 2]);
    expect(await values.indexSelect(0, inverse!).toArray()).toEqual(await x.toArray());
    expect((await unique(x, { dim: 1 })).shape).toEqual([4, 2]);
  });

  it('holds every NaN, and nothing of nothing', async () => {
    const x = tensor([Number.NaN, 1, Number.NaN]);
    expect((await unique(x)).shape).toEqual([3]);
    const { values, inverse } = await unique(zeros([0, 2]), { returnInverse: true });
    expect(values.shape).toEqual([0]);
    expect(inverse?.shape).toEqual([0, 2]);
    expect((await unique(zeros([0, 2]), { dim: 0 })).shape).toEqual([0, 2]);
    await expect(unique(zeros([2, 0]), { dim: 0 })).rejects.toThrow(ShapeError);
  });

  it('finds runs along a dimension', async () => {
    const x = tensor([
      [1, 1, 2, 1],
      [5, 5, 5, 5],
    ]);
    const { values, counts } = await uniqueConsecutive(x, { dim: 1, returnCounts: true });
    expect(await values.toArray()).toEqual([
      [1, 2, 1],
      [5, 5, 5],
    ]);
    expect(await counts?.int().toArray()).toEqual([2, 1, 1]);
  });

  it('has synchronous twins', async () => {
    const x = tensor([3, 1, 3, 3]);
    expect(await uniqueSync(x).toArray()).toEqual([1, 3]);
    expect(await uniqueConsecutiveSync(x).toArray()).toEqual([3, 1, 3]);
    // @ts-expect-error an unknown option
    expect(() => uniqueSync(x, { returnCount: true })).toThrow("Did you mean 'returnCounts'");
  });
});

describe('counting', () => {
  it('sums weights, and refuses what has no bin', async () => {
    const x = tensor([1, 1, 3]);
    expect(await (await bincount(x, { weights: tensor([0.5, 1, 2]) })).toArray()).toEqual([0, 1.5, 0, 2]);
    expect((await bincount(tensor([], { dtype: 'int32' }), { minlength: 3 })).shape).toEqual([3]);
    await expect(bincount(tensor([-1]))).rejects.toThrow(ArgumentError);
    await expect(bincount(tensor([0.5]))).rejects.toThrow(DTypeError);
    expect(() => bincountSync(x, { weights: tensor([1]) })).toThrow(ShapeError);
  });

  it('puts the last edge into the last bin, and leaves out what lies outside', async () => {
    const x = tensor([0, 1, 2, 2, 3, -1], { dtype: 'float32' });
    const { hist } = histogram(x, 2, { range: [0, 2] });
    expect(await hist.toArray()).toEqual([1, 3]);
    const given = histogram(x, tensor([0, 1, 3], { dtype: 'float32' }), { density: true });
    const total = await given.hist
      .mul(tensor([1, 2]))
      .sum()
      .item();
    expect(total).toBeCloseTo(1, 6);
    expect(() => histogram(x, 2, { range: [2, 0] })).toThrow(ArgumentError);
    expect(() => histogram(tensor([1]), 2)).toThrow(DTypeError);
    expect(() => histogram(x, 0)).toThrow(ArgumentError);
    expect(() => histogramdd(x, 2)).toThrow(ShapeError);
    expect(() => histogramdd(zeros([3, 2]), [2])).toThrow(ArgumentError);
    expect(histogramdd(zeros([0, 2]), 3).hist.shape).toEqual([3, 3]);
  });
});

describe('choosing', () => {
  it('repeats slices by numbers or a vector', async () => {
    const x = tensor([[1, 2]]);
    expect(await repeatInterleave(x, tensor([2, 1]), { dim: 1 }).toArray()).toEqual([[1, 1, 2]]);
    const known = repeatInterleave(tensor([7, 8, 9]), tensor([1, 0, 2]), { outputSize: 3 });
    expect(await known.toArray()).toEqual([7, 9, 9]);
    expect(repeatInterleave(x, 0).shape).toEqual([0]);
    expect(() => repeatInterleave(x, [1, 2, 3], { dim: 1 })).toThrow(ShapeError);
    expect(() => repeatInterleave(x, -1)).toThrow(ArgumentError);
    expect(() => repeatInterleave(x, 2, { dim: 0, outputSize: 3 })).toThrow(ShapeError);
  });

  it('lists combinations', async () => {
    const x = tensor([1, 2]);
    expect(await combinations(x, 2, { withReplacement: true }).toArray()).toEqual([
      [1, 1],
      [1, 2],
      [2, 2],
    ]);
    expect(combinations(x, 3).shape).toEqual([0, 3]);
    expect(combinations(x, 0).shape).toEqual([0]);
    expect(() => combinations(x, 1.5)).toThrow(ArgumentError);
    expect(() => cartesianProd(zeros([2, 2]))).toThrow(ShapeError);
  });
});

describe('searching', () => {
  it('among many boundaries finds what it finds among few', async () => {
    const line = arange(0, 100, 2).float();
    const values = tensor([-1, 0, 1, 2, 97, 98, 99, Number.NaN, Infinity]).float();
    expect(await searchsorted(line, values).toArray()).toEqual([0, 0, 1, 1, 49, 49, 50, 50, 50]);
    expect(await searchsorted(line, values, { right: true }).toArray()).toEqual([
      0, 1, 1, 2, 49, 50, 50, 50, 50,
    ]);
    const lines = stack([line, line.add(10)]);
    const each = await searchsorted(lines, stack([values, values])).toArray();
    expect(each).toEqual([
      await searchsorted(line, values).toArray(),
      await searchsorted(line, values.sub(10)).toArray(),
    ]);
    const few = tensor([1, 2, Number.NaN]);
    expect(await searchsorted(few, tensor([Number.NaN, 3]).float()).toArray()).toEqual([3, 3]);
  });
});

describe('drawing', () => {
  it('draws categories at their rates', async () => {
    const weights = tensor([1, 0, 3], { dtype: 'float32' });
    const drawn = multinomial(weights, 4000, { replacement: true, generator: new Generator(1) });
    const counts = await (await bincount(drawn, { minlength: 3 })).int().toArray();
    const [first, second, third] = counts as number[];
    expect(second).toBe(0);
    // Five standard deviations of a binomial with n = 4000 and p = 1/4.
    expect(Math.abs(first - 1000)).toBeLessThan(5 * Math.sqrt((4000 * 3) / 16));
    expect(first + third).toBe(4000);
  });

  it('draws each category once without replacement, in the order of a race', async () => {
    const weights = tensor([1, 2, 0, 4], { dtype: 'float32' }).expand([2000, 4]);
    const drawn = multinomial(weights, 4, { generator: new Generator(2) });
    const rows = (await drawn.toArray()) as number[][];
    expect(rows.every((row) => new Set(row).size === 4 && row[3] === 2)).toBe(true);
    const wins = rows.filter(([winner]) => winner === 3).length;
    // Five standard deviations of a binomial with n = 2000 and p = 4/7.
    expect(Math.abs(wins - (2000 * 4) / 7)).toBeLessThan(5 * Math.sqrt((2000 * 12) / 49));
  });

  it('refuses what is no distribution', () => {
    const weights = tensor([1, 1], { dtype: 'float32' });
    expect(() => multinomial(weights, 3)).toThrow(/replacement: true/);
    expect(() => multinomial(weights, 0)).toThrow(ArgumentError);
    expect(() => multinomial(tensor([0, 0]).float().clone(), 1)).not.toThrow();
    expect(() => multinomial(tensor([0.5, -1]), 1)).toThrow(ArgumentError);
    expect(() => multinomial(tensor([1, 2]), 1)).toThrow(DTypeError);
    expect(() => multinomial(weights, 1, { out: zeros([1]) })).toThrow(DTypeError);
    expect(() => bernoulli(tensor([1.5]))).toThrow(ArgumentError);
    expect(() => bernoulli(tensor([1]))).toThrow(DTypeError);
  });
});
