import { interpreter, type TensorData, tensor, use } from '@nn/tensor';
import { beforeAll, describe, expect, test } from 'vitest';
import type { TensorValue } from '../src/case-file.ts';
import { compare, cpuTolerances, webgpuTolerances } from '../src/compare.ts';

beforeAll(() => use(interpreter()));

const floats = (data: TensorValue['data']): TensorValue => ({
  tensor: 'float32',
  shape: [data.length],
  data,
});
const float32 = (data: TensorData) => tensor(data, { dtype: 'float32' });
const tolerances = cpuTolerances;

describe('what agrees', () => {
  test('values within the tolerance', async () => {
    await compare('x', float32([1.00009, 1e-6]), floats([1, 0]), { tolerances });
    await compare('x', float32([1.0009]), floats([1]), { tolerances: webgpuTolerances });
  });

  test('NaN with NaN, infinities, zeros of either sign', async () => {
    const actual = float32([Number.NaN, Number.NEGATIVE_INFINITY, -0]);
    await compare('x', actual, floats(['NaN', '-Infinity', 0]), { tolerances });
  });

  test('int32 for int64 where the result is an index, and only there', async () => {
    const expected: TensorValue = { tensor: 'int64', shape: [1], data: [2] };
    const index = tensor([2], { dtype: 'int32' });
    await compare('x', index, expected, { tolerances, isIndex: true });
    await expect(compare('x', index, expected, { tolerances })).rejects.toThrow(
      'x: expected int64 [1], got int32 [1]',
    );
  });

  test('a plain boolean for a bool of no dimensions', async () => {
    await compare('x', true, { tensor: 'bool', shape: [], data: [true] }, { tolerances });
    await expect(
      compare('x', 1, { tensor: 'bool', shape: [], data: [true] }, { tolerances }),
    ).rejects.toThrow('expected bool [], got number 1');
  });
});

describe('what differs', () => {
  test('values: the first place, both values, and how many more', async () => {
    const actual = float32([1, 2.1, 3, 5]).reshape(2, 2);
    const expected: TensorValue = { tensor: 'float32', shape: [2, 2], data: [1, 2, 3, 4] };
    await expect(compare('output', actual, expected, { tolerances })).rejects.toThrow(
      /^output at \[0, 1\]: expected 2, got 2\.09999\d* \(and 1 more of 4\)$/,
    );
  });

  test('NaN and a number; infinities of different signs', async () => {
    await expect(compare('x', float32([1]), floats(['NaN']), { tolerances })).rejects.toThrow('expected NaN');
    await expect(
      compare('x', float32([Number.POSITIVE_INFINITY]), floats(['-Infinity']), { tolerances }),
    ).rejects.toThrow('expected -Infinity');
  });

  test('shapes', async () => {
    await expect(compare('x', float32([1, 2]), floats([1]), { tolerances })).rejects.toThrow(
      'x: expected float32 [1], got float32 [2]',
    );
  });
});
