// Lists of tensors: values, aliasing, and how many kernels a list takes.
import { ArgumentError, ShapeError } from '@nn/core';
import { explain, foreach, interpreter, ones, type Tensor, tensor, use, zeros } from '@nn/tensor';
import { beforeAll, describe, expect, it } from 'vitest';

beforeAll(() => use(interpreter()));
const list = (...values: number[][]): Tensor[] => values.map((each) => tensor(each, { dtype: 'float32' }));
const read = (tensors: readonly Tensor[]): Promise<unknown[]> => Promise.all(tensors.map((x) => x.toArray()));

describe('foreach', () => {
  it('takes tensors, numbers for each, or one for all', async () => {
    const a = list([1, 2], [3]);
    expect(await read(foreach.add(a, list([10, 20], [30]), { alpha: 2 }))).toEqual([[21, 42], [63]]);
    expect(await read(foreach.mul(a, [2, 3]))).toEqual([[2, 4], [9]]);
    expect(await read(foreach.sub(a, 1))).toEqual([[0, 1], [2]]);
    expect(await read(foreach.div(a, tensor(2)))).toEqual([[0.5, 1], [1.5]]);
    expect(await read(foreach.pow(a, 2))).toEqual([[1, 4], [9]]);
    expect(await read(foreach.maximum(a, 2))).toEqual([[2, 2], [3]]);
    expect(await read(foreach.minimum(a, list([0, 5], [5])))).toEqual([[0, 2], [3]]);
    expect(await read(foreach.clampMax(a, [1, 2]))).toEqual([[1, 1], [2]]);
  });

  it('writes in place, views too, and returns the list', async () => {
    const table = zeros([2, 2]);
    const rows = [table.at(0), table.at(1)];
    expect(foreach.add_(rows, [1, 2])).toBe(rows);
    expect(await table.toArray()).toEqual([
      [1, 1],
      [2, 2],
    ]);
    foreach.addcmul_(rows, rows, rows, { value: [1, 0.5] });
    expect(await table.toArray()).toEqual([
      [2, 2],
      [4, 4],
    ]);
    foreach.addcdiv_(rows, list([2, 4], [8, 8]), rows, { value: -1 });
    expect(await table.toArray()).toEqual([
      [1, 0],
      [2, 2],
    ]);
    foreach.lerp_(rows, list([3, 2], [2, 2]), 0.5);
    foreach.copy_([rows[1]], [rows[0]]);
    expect(await read(foreach.neg(rows))).toEqual([
      [-2, -1],
      [-2, -1],
    ]);
    foreach.zero_(rows);
    expect(await table.sum().item()).toBe(0);
  });

  it('gives norms', async () => {
    const norms = foreach.norm(list([3, 4], [-2]));
    expect(await read(norms)).toEqual([5, 2]);
    expect(await read(foreach.norm(list([3, -4]), Infinity))).toEqual([4]);
  });

  it('runs a list as one program, whose kernels tensors of different sizes share', () => {
    const tensors = Array.from({ length: 10 }, (_, i) => ones([i + 1, 8]));
    const results = foreach.sqrt(foreach.add(foreach.mul(tensors, 2), 1));
    expect(explain(results).kernels.length).toBeLessThan(results.length);
  });

  it('refuses lists that do not fit', () => {
    const a = list([1], [2]);
    expect(() => foreach.add(a, [1])).toThrow(ShapeError);
    expect(() => foreach.add(a, list([1], [2], [3]))).toThrow(/3 operands for 2 tensors/);
    expect(() => foreach.exp([])).toThrow(ArgumentError);
    expect(() => foreach.exp(a[0] as never)).toThrow(/foreach.exp: expected an array/);
    // @ts-expect-error an unknown option
    expect(() => foreach.add(a, a, { alhpa: 2 })).toThrow("Did you mean 'alpha'");
  });
});
