// Means and variances of data whose distance from 0 is a million times what it varies by, on every device. PyTorch's
// own errors on the same kinds of data (CPU, float32): means 1.3e-7, variances along a dimension 6e-8, of everything up to 5e-2,
// running products 2.2e-7.
import { grad } from '@nn/autograd';
import { type Tensor, tensor, varMean } from '@nn/tensor';
import { expect, it } from 'vitest';
import { onEveryDevice } from './devices.ts';

const shape = [4, 300, 9] as const;
const size = shape[0] * shape[1] * shape[2];

/** Numbers in [0, 1), the same each time. */
function numbers(count: number): number[] {
  let state = 12345;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  });
}

/** Groups of elements that are reduced to one, in the order of the results. */
function groupsOf(values: Float32Array, dims: readonly number[]): number[][] {
  const groups = new Map<string, number[]>();
  for (const [at, value] of values.entries()) {
    const coordinates = [
      Math.floor(at / (shape[1] * shape[2])),
      Math.floor(at / shape[2]) % shape[1],
      at % shape[2],
    ];
    const key = coordinates.filter((_, dim) => !dims.includes(dim)).join();
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [value]);
    else group.push(value);
  }
  return [...groups.values()];
}

const meanOf = (group: readonly number[]): number =>
  group[0] + group.reduce((total, each) => total + (each - group[0]), 0) / group.length;

function varianceOf(group: readonly number[]): number {
  const mean = meanOf(group);
  return group.reduce((total, each) => total + (each - mean) ** 2, 0) / (group.length - 1);
}

async function expectNear(result: Tensor, expected: readonly number[], bound: number): Promise<void> {
  const data = await result.data();
  expect(data.length).toBe(expected.length);
  const errors = expected.map((each, at) => Math.abs(Number(data[at]) - each) / Math.abs(each));
  expect(Math.max(...errors)).toBeLessThan(bound);
}

onEveryDevice((device) => {
  const centers = [0.5, 1e3, 1e6];
  for (const center of centers) {
    const values = Float32Array.from(numbers(size), (each) => center + each);
    const make = (): Tensor => tensor(values).reshape([...shape]);

    it.each([[[0, 1, 2]], [[1]], [[2]], [[0, 1]], [[0, 2]]])(
      `moments around ${center} over %j`,
      async (dims) => {
        const groups = groupsOf(values, dims);
        const variances = groups.map(varianceOf);
        await expectNear(make().mean(dims), groups.map(meanOf), 6e-7);
        await expectNear(make().var(dims), variances, 1e-6);
        await expectNear(make().std(dims), variances.map(Math.sqrt), 1e-6);
        const [variance, mean] = varMean(make(), dims);
        await expectNear(variance, variances, 1e-6);
        await expectNear(mean, groups.map(meanOf), 1.3e-7);
      },
    );

    it(`derivatives of a variance around ${center}`, async () => {
      const x = make().requiresGrad_();
      const [first] = grad(x.var(), [x], { createGraph: true });
      const all = [...values];
      const mean = meanOf(all);
      const scale = 2 / (size - 1);
      const data = await (first as Tensor).data();
      const errors = all.map((each, at) => Math.abs(Number(data[at]) / scale - (each - mean)));
      expect(Math.max(...errors)).toBeLessThan(2e-6);
      const [second] = grad((first as Tensor).reshape(-1).at(3), [x]);
      const row = await (second as Tensor).reshape(-1).data();
      expect(Number(row[3]) / scale).toBeCloseTo(1 - 1 / size, 5);
      expect(Number(row[4]) / scale).toBeCloseTo(-1 / size, 5);
    });
  }

  it('what does not vary has no variance', async () => {
    const x = tensor(new Float32Array(1001).fill(1234567.9));
    expect(await x.var().item()).toBe(0);
    expect(await x.std().item()).toBe(0);
  });

  it('a mean with an infinity is infinite, a variance is no number', async () => {
    const [variance, mean] = varMean(tensor([1, Number.POSITIVE_INFINITY, 3]));
    expect(await mean.item()).toBe(Number.POSITIVE_INFINITY);
    expect(await variance.item()).toBeNaN();
  });

  it('a variance that is too large for a number is infinite', async () => {
    const [variance, mean] = varMean(tensor([1e30, 2e30, 3e30], { dtype: 'float32' }));
    expect(await variance.item()).toBe(Number.POSITIVE_INFINITY);
    expect(Number(await mean.item()) / 2e30).toBeCloseTo(1, 6);
  });

  it('running products of many factors', async () => {
    const factors = Float32Array.from(numbers(5000), (each) => 1 + (each - 0.5) / 20);
    let product = 1;
    // A device without float64 rounds each product.
    const bound = device === 'webgpu' ? 6e-6 : 3e-7;
    const expected = Array.from(factors, (each) => (product *= each));
    await expectNear(tensor(factors).cumprod(0), expected, bound);
    const rows = tensor(factors).reshape([1000, 5]);
    await expectNear(rows.cumprod(0).select(1, 0), rowsOf(factors), bound);
  });
});

/** Running products of every fifth factor. */
function rowsOf(factors: Float32Array): number[] {
  let product = 1;
  return Array.from({ length: factors.length / 5 }, (_, at) => (product *= factors[at * 5]));
}
