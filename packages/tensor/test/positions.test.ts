// Where elements are that a condition, their neighbours or a list of values name: against plain loops.
import { removeBackend } from '@nn/core';
import { cpu } from '@nn/cpu';
import {
  type Backend,
  interpreter,
  isin,
  nonzero,
  nonzeroSync,
  repeatInterleave,
  type Tensor,
  tensor,
  unique,
  uniqueConsecutive,
  use,
} from '@nn/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const makers: Readonly<Record<string, () => Backend | Promise<Backend>>> = {
  interpreter: () => interpreter(),
  cpu: () => cpu({ threads: 2 }),
};

/** Whole numbers from 0 to below a limit, the same each time. */
function numbers(count: number, limit: number): number[] {
  let state = 7;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  });
}

const listOf = async (x: Tensor): Promise<number[]> => Array.from(await x.data(), Number);

describe.each(Object.keys(makers))('on %s', (device) => {
  beforeAll(async () => {
    use(await makers[device]());
  });
  afterAll(() => removeBackend(device));

  it.each([
    [[1], 2],
    [[37], 2],
    [[37], 30],
    [[5, 1, 7], 3],
    [[4, 3, 5, 2], 9],
    [[6, 1], 2],
  ])('coordinates in %j of one element in %i', async (shape, rarity) => {
    const flags = numbers(
      shape.reduce((size, extent) => size * extent, 1),
      rarity,
    ).map((each) => each === 0);
    const x = tensor(flags.map(Number), { dtype: 'float32' }).reshape(shape);
    const expected = flags.flatMap((flag, at) => {
      let rest = at;
      const place = shape.toReversed().map((extent) => {
        const own = rest % extent;
        rest = (rest - own) / extent;
        return own;
      });
      return flag ? place.toReversed() : [];
    });
    const found = await nonzero(x);
    expect(found.shape).toEqual([expected.length / shape.length, shape.length]);
    expect(await listOf(found)).toEqual(expected);
    expect(await listOf(nonzeroSync(x.bool()))).toEqual(expected);
    const chosen = tensor(flags.map((_, at) => at))
      .reshape(shape)
      .at(x.bool());
    expect(await listOf(chosen)).toEqual(flags.flatMap((flag, at) => (flag ? [at] : [])));
  });

  it('a part of a mask that begins anywhere', async () => {
    const flags = numbers(50, 3).map((each) => each === 0);
    const mask = tensor(flags.map(Number)).bool().narrow(0, 3, 41);
    const expected = flags.slice(3, 44).flatMap((flag, at) => (flag ? [at] : []));
    expect(await listOf(await nonzero(mask))).toEqual(expected);
  });

  it('rows that a mask keeps are replaced one by one', async () => {
    const x = tensor(new Int32Array(12)).reshape([6, 2]);
    const mask = tensor([1, 0, 0, 1, 1, 0]).bool();
    x.setAt_([mask], tensor([1, 2, 3, 4, 5, 6]).reshape([3, 2]));
    expect(await listOf(x)).toEqual([1, 2, 0, 0, 0, 0, 3, 4, 5, 6, 0, 0]);
    expect(() => x.setAt_([mask], tensor([1, 2, 3, 4]).reshape([2, 2]))).toThrow(/keeps 3 elements/);
  });

  it.each(['int32', 'int16', 'uint8', 'int64', 'float32'] as const)('distinct %s', async (dtype) => {
    // Near each other, and too far apart to be counted in a table.
    const ranges = dtype === 'uint8' ? [50] : dtype === 'int16' ? [50, 20_000] : [50, 1e6];
    for (const range of ranges) {
      const values = numbers(300, range).map((each) => (dtype === 'uint8' ? each : each - range / 2));
      const x = tensor(values).to(dtype).reshape([3, 100]);
      const expected = [...new Set(values)].sort((a, b) => a - b);
      expect(await listOf(await unique(x))).toEqual(expected);
      const found = await unique(x, { returnInverse: true, returnCounts: true });
      expect(found.values.dtype).toBe(dtype);
      expect(await listOf(found.values)).toEqual(expected);
      expect(found.inverse?.shape).toEqual([3, 100]);
      expect(await listOf(found.inverse as Tensor)).toEqual(values.map((each) => expected.indexOf(each)));
      const counts = expected.map((each) => values.filter((value) => value === each).length);
      expect(await listOf(found.counts as Tensor)).toEqual(counts);
    }
  });

  it.each(['int32', 'float32', 'int64', 'float16'] as const)('runs of %s', async (dtype) => {
    const values = numbers(200, 3);
    const begins = values.flatMap((each, at) => (at === 0 || each !== values[at - 1] ? [at] : []));
    const found = await uniqueConsecutive(tensor(values).to(dtype), {
      returnInverse: true,
      returnCounts: true,
    });
    expect(await listOf(found.values.float())).toEqual(begins.map((at) => values[at]));
    const lengths = begins.map((at, run) => (begins[run + 1] ?? values.length) - at);
    expect(await listOf(found.counts as Tensor)).toEqual(lengths);
    const inverse = lengths.flatMap((length, run) => new Array<number>(length).fill(run));
    expect(await listOf(found.inverse as Tensor)).toEqual(inverse);
  });

  it('zeros of both signs are one run, NaNs are each their own', async () => {
    const found = await uniqueConsecutive(tensor([Number.NaN, Number.NaN, 0, -0, 1]), { returnCounts: true });
    expect(await listOf(found.counts as Tensor)).toEqual([1, 1, 2, 1]);
  });

  it.each([10, 64, 65, 500])('one of %i values', async (count) => {
    const values = numbers(count, 2 * count);
    const elements = numbers(120, 3 * count).map((each) => each - count / 2);
    const expected = elements.map((each) => Number(values.includes(each)));
    const given = tensor(values).reshape([-1, 1]);
    const x = tensor(elements, { dtype: 'float32' }).reshape([2, 60]);
    expect(isin(x, given).dtype).toBe('bool');
    expect(await listOf(isin(x, given))).toEqual(expected);
    expect(await listOf(isin(x, given, { invert: true }))).toEqual(expected.map((each) => 1 - each));
    const [first] = expected;
    expect(Number(await isin(tensor(elements[0]), given).item())).toBe(first);
    const withNaNs = [...values, ...new Array<number>(70).fill(Number.NaN)];
    const infinity = Number.POSITIVE_INFINITY;
    const greatest = Math.max(...values);
    const wanted = tensor([Number.NaN, greatest, 1e9, -infinity, infinity], { dtype: 'float32' });
    expect(await listOf(isin(wanted, tensor(withNaNs, { dtype: 'float32' })))).toEqual([0, 1, 0, 0, 0]);
    const withInfinity = tensor([infinity, ...withNaNs], { dtype: 'float32' });
    expect(await listOf(isin(wanted, withInfinity))).toEqual([0, 1, 0, 0, 1]);
    expect(await listOf(isin(tensor([1, 0]).bool(), tensor(values.map(() => 1)).bool()))).toEqual([1, 0]);
    expect(isin(tensor(new Float32Array(0)), given).shape).toEqual([0]);
    const exact = tensor(0.1, { dtype: 'float64' });
    const rounded = new Array<number>(count).fill(0.1);
    expect(Number(await isin(exact, tensor(rounded, { dtype: 'float32' })).item())).toBe(0);
  });

  it('slices repeated as often as each says', async () => {
    const counts = numbers(40, 4);
    const expected = counts.flatMap((count, at) => new Array<number>(count).fill(at));
    const x = tensor(counts.map((_, at) => at));
    expect(await listOf(repeatInterleave(x, counts))).toEqual(expected);
    expect(await listOf(repeatInterleave(x, counts.map(BigInt)))).toEqual(expected);
    expect(await listOf(repeatInterleave(x, tensor(counts)))).toEqual(expected);
    expect(await listOf(repeatInterleave(x, tensor(counts).to('int64')))).toEqual(expected);
    for (const half of ['float16', 'bfloat16'] as const)
      expect(await listOf(repeatInterleave(x, tensor(counts).to(half)))).toEqual(expected);
    expect(repeatInterleave(x, new Array<number>(40).fill(0)).shape).toEqual([0]);
  });
});
