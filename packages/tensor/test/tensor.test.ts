// Creation, promotion, views, indexing, reductions and their errors.
import { ArgumentError, DTypeError, IndexError, ShapeError } from '@nn/core';
import {
  add,
  arange,
  cat,
  eye,
  full,
  interpreter,
  linspace,
  manualSeed,
  matmul,
  mul,
  ones,
  rand,
  randint,
  randn,
  randperm,
  slice,
  stack,
  type Tensor,
  tensor,
  use,
  where,
  zeros,
} from '@nn/tensor';
import { beforeAll, describe, expect, it } from 'vitest';

beforeAll(() => use(interpreter()));
const float = (values: number[]): Tensor => tensor(values, { dtype: 'float32' });

describe('creation', () => {
  it('infers dtypes and shapes', async () => {
    expect(tensor([1, 2]).dtype).toBe('int32');
    expect(tensor([1, 2.5]).dtype).toBe('float32');
    expect(tensor([true]).dtype).toBe('bool');
    expect(tensor([1n]).dtype).toBe('int64');
    expect(tensor(new Float64Array(2)).dtype).toBe('float64');
    expect(
      tensor([
        [1, 2, 3],
        [4, 5, 6],
      ]).shape,
    ).toEqual([2, 3]);
    expect(await tensor(new Float32Array([1, 2, 3, 4]), { shape: [2, -1] }).toArray()).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(await arange(2, 10, 3).toArray()).toEqual([2, 5, 8]);
    expect(await linspace(0, 1, 5).toArray()).toEqual([0, 0.25, 0.5, 0.75, 1]);
    expect(await eye(2).toArray()).toEqual([
      [1, 0],
      [0, 1],
    ]);
    expect(await full([2], true).toArray()).toEqual([true, true]);
  });

  it('never turns a number into another one', () => {
    expect(tensor([2 ** 40]).dtype).toBe('int64');
    expect(() => tensor([3e9], { dtype: 'int32' })).toThrow(/3000000000 does not fit into int32/);
    expect(() => tensor([1]).add(2 ** 40)).toThrow(DTypeError);
    expect(float([1]).mul(1e300).dtype).toBe('float32');
  });

  it('copies the data it is given', async () => {
    const source = new Float32Array([1, 2]);
    const x = tensor(source);
    source[0] = 9;
    expect(await x.toArray()).toEqual([1, 2]);
    const read = (await x.data()) as Float32Array;
    read[0] = 7;
    expect(await x.toArray()).toEqual([1, 2]);
  });

  it('copies what shares memory with its slices', async () => {
    const bytes = Buffer.from([1, 2, 3]);
    const x = tensor(bytes);
    bytes[0] = 9;
    expect(x.dtype).toBe('uint8');
    expect(await x.add(1).toArray()).toEqual([2, 3, 4]);
  });

  it('refuses what is no tensor', () => {
    expect(() => tensor([[1, 2], [3]])).toThrow(/ragged/);
    expect(() => tensor(['a'] as never)).toThrow(ArgumentError);
    expect(() => tensor([1, 2, 3], { shape: [2, 2] })).toThrow(/4 elements, but the tensor has 3/);
    expect(() => zeros([2, -1])).toThrow(ShapeError);
    expect(() => zeros([2], { dtype: 'float31' as never })).toThrow(/Did you mean 'float32'/);
    expect(() => zeros([2], { dytpe: 'float32' } as never)).toThrow(/Did you mean 'dtype'/);
    expect(() => zeros([2], { device: 'gpu' })).toThrow(/no device 'gpu' is in use. In use: interpreter/);
    expect(() => arange(0, 3, 0)).toThrow(/step/);
  });
});

describe('promotion', () => {
  it("follows PyTorch's result_type", () => {
    const int = tensor([1, 2]);
    expect(int.add(1.5).dtype).toBe('float32');
    expect(int.add(1).dtype).toBe('int32');
    expect(int.add(tensor(1.5)).dtype).toBe('float32');
    expect(float([1]).add(tensor([1], { dtype: 'float64' })).dtype).toBe('float64');
    expect(float([1]).add(tensor(1, { dtype: 'float64' })).dtype).toBe('float32');
    expect(tensor([1], { dtype: 'uint8' }).mul(tensor([1], { dtype: 'int8' })).dtype).toBe('int16');
    expect(tensor([true]).add(1).dtype).toBe('int32');
    expect(int.div(2).dtype).toBe('float32');
    expect(int.sum().dtype).toBe('int64');
    expect(int.gt(1).dtype).toBe('bool');
  });

  it('keeps in-place results in their dtype or refuses', () => {
    expect(() => tensor([1, 2]).add_(1.5)).toThrow(/float32 cannot be stored in a tensor of dtype int32/);
    expect(float([1]).add_(tensor([1])).dtype).toBe('float32');
    expect(() => tensor([1, 2]).mean()).toThrow(DTypeError);
  });

  it('wraps integers and divides as PyTorch', async () => {
    expect(await tensor([250], { dtype: 'uint8' }).add(10).toArray()).toEqual([4]);
    expect(await tensor([-7, 7]).div(2, { roundingMode: 'floor' }).toArray()).toEqual([-4, 3]);
    expect(await tensor([-7, 7]).div(2, { roundingMode: 'trunc' }).toArray()).toEqual([-3, 3]);
    expect(await tensor([-7, 7]).remainder(3).toArray()).toEqual([2, 1]);
    expect(await tensor([-7, 7]).fmod(3).toArray()).toEqual([-1, 1]);
    expect(await tensor([2, -1]).pow(3).toArray()).toEqual([8, -1]);
  });
});

describe('broadcasting and products', () => {
  it('names both shapes when they do not fit', () => {
    expect(() => add(ones([2, 3]), ones([4]))).toThrow(
      /cannot broadcast \[2, 3\] with \[4\]: the sizes 3 and 4 at dimension -1/,
    );
    expect(() => matmul(ones([2, 3]), ones([4, 3]))).toThrow(
      /inner sizes 3 and 4 differ. Did you mean b.T\?/,
    );
    expect(() => matmul(ones([2, 3]), ones([4, 5]))).toThrow(/inner sizes 3 and 4 differ\.$/);
    expect(() => matmul(ones([3]), tensor([1, 2, 3]))).toThrow(/dtypes float32 and int32 differ/);
  });

  it('multiplies vectors, matrices and batches', async () => {
    const a = arange(6).float().reshape(2, 3);
    expect(await a.matmul(a.T).toArray()).toEqual([
      [5, 14],
      [14, 50],
    ]);
    expect(await a.matmul(float([1, 0, 1])).toArray()).toEqual([2, 8]);
    expect(await float([1, 1]).matmul(a).toArray()).toEqual([3, 5, 7]);
    expect(matmul(ones([4, 1, 2, 3]), ones([5, 3, 6])).shape).toEqual([4, 5, 2, 6]);
    expect(await mul(ones([2, 1]), float([1, 2])).toArray()).toEqual([
      [1, 2],
      [1, 2],
    ]);
  });
});

describe('indexing', () => {
  const x = (): Tensor => arange(12).reshape(3, 4);

  it('takes numbers, slices, new axes and ellipses', async () => {
    expect(await x().at(1).toArray()).toEqual([4, 5, 6, 7]);
    expect(await x().at(-1, -1).item()).toBe(11);
    expect(await x().at(slice(1, 3), ':').toArray()).toEqual([
      [4, 5, 6, 7],
      [8, 9, 10, 11],
    ]);
    expect(
      await x()
        .at('...', slice(0, null, 2))
        .toArray(),
    ).toEqual([
      [0, 2],
      [4, 6],
      [8, 10],
    ]);
    expect(x().at(null, '...').shape).toEqual([1, 3, 4]);
  });

  it('takes masks and integer tensors', async () => {
    expect(await x().at(x().gt(8)).toArray()).toEqual([9, 10, 11]);
    expect(
      await x()
        .at(tensor([2, 0]))
        .toArray(),
    ).toEqual([
      [8, 9, 10, 11],
      [0, 1, 2, 3],
    ]);
    expect(
      await x()
        .at(tensor([0, 1]), tensor([-1, 2]))
        .toArray(),
    ).toEqual([3, 6]);
  });

  it('writes to what it takes', async () => {
    const y = x();
    y.setAt_([0], 100);
    y.setAt_([y.lt(6)], -1);
    y.setAt_([tensor([2]), tensor([0])], 7);
    y.at(2, slice(2, 4)).zero_();
    expect(await y.toArray()).toEqual([
      [100, 100, 100, 100],
      [-1, -1, 6, 7],
      [7, 9, 0, 0],
    ]);
  });

  it('names what is out of range', () => {
    expect(() => x().at(3)).toThrow(IndexError);
    expect(() => x().at(0, 4)).toThrow(/size 4/);
    expect(() => x().at(0, 0, 0)).toThrow(IndexError);
    expect(() => x().select(2, 0)).toThrow(/dimension 2 is out of range for a tensor of 2 dimensions/);
    expect(() => x().view(5, 2)).toThrow(/holds 10 elements, but the tensor has 12/);
    expect(() => x().T.view(-1)).toThrow(/Use reshape/);
    expect(() => x().at(0).expand(2, 4).add_(1)).toThrow(/clone\(\)/);
  });
});

describe('movement', () => {
  it('shares memory where PyTorch does', async () => {
    const x = arange(6).reshape(2, 3);
    expect(x.T.strides()).toEqual([1, 3]);
    expect(x.T.isContiguous()).toBe(false);
    expect(x.T.contiguous().isContiguous()).toBe(true);
    const copy = x.T.reshape(-1);
    copy.zero_();
    expect(await x.toArray()).toEqual([
      [0, 1, 2],
      [3, 4, 5],
    ]);
    x.unsqueeze(0).squeeze(0).flatten().narrow(0, 0, 2).fill_(9);
    expect(await x.toArray()).toEqual([
      [9, 9, 2],
      [3, 4, 5],
    ]);
  });

  it('joins', async () => {
    expect(await cat([ones([1, 2]), zeros([2, 2])]).toArray()).toEqual([
      [1, 1],
      [0, 0],
      [0, 0],
    ]);
    expect(stack([ones([2]), zeros([2])], 1).shape).toEqual([2, 2]);
    expect(() => cat([ones([1, 2]), ones([1, 3])])).toThrow(ShapeError);
  });
});

describe('reductions', () => {
  it('reduce as PyTorch', async () => {
    const x = tensor(
      [
        [1, 5, 3],
        [4, 2, 6],
      ],
      { dtype: 'float32' },
    );
    expect(await x.sum(0).toArray()).toEqual([5, 7, 9]);
    expect(await x.mean(1, { keepdim: true }).toArray()).toEqual([[3], [4]]);
    expect(await x.argmax(1).toArray()).toEqual([1, 2]);
    expect(await x.argmin().item()).toBe(0);
    expect(await x.var(1).toArray()).toEqual([4, 4]);
    expect(await x.amax().item()).toBe(6);
    expect(await tensor([1, Number.NaN, 3]).amax().item()).toBeNaN();
    expect(await x.gt(5).any(1).toArray()).toEqual([false, true]);
    expect(await where(x.gt(3), x, 0).toArray()).toEqual([
      [0, 5, 0],
      [4, 0, 6],
    ]);
    expect(await zeros([0]).sum().item()).toBe(0);
    expect(() => zeros([0]).amax()).toThrow(/empty dimension/);
    expect(() => x.sum(2)).toThrow(/out of range/);
    expect(() => x.sum(0, { keepDim: true } as never)).toThrow(/Did you mean 'keepdim'/);
  });

  it('is accurate near zero', async () => {
    expect(await tensor(1e-10, { dtype: 'float64' }).expm1().item()).toBeCloseTo(1e-10, 20);
    expect(await tensor(1e-10, { dtype: 'float64' }).log1p().item()).toBeCloseTo(1e-10, 20);
  });
});

describe('random numbers', () => {
  it('have the moments of their distributions and repeat with the seed', async () => {
    manualSeed(5);
    const u = rand([20_000]);
    const n = randn([20_000]);
    expect(Math.abs((await u.mean().item()) - 0.5)).toBeLessThan(0.01);
    expect(Math.abs((await u.var().item()) - 1 / 12)).toBeLessThan(0.005);
    expect(Math.abs(await n.mean().item())).toBeLessThan(0.03);
    expect(Math.abs((await n.var().item()) - 1)).toBeLessThan(0.05);
    const order = (await randperm(100).toArray()) as number[];
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i));
    const dice = (await randint(1, 7, [1000]).toArray()) as number[];
    expect([Math.min(...dice), Math.max(...dice)]).toEqual([1, 6]);
    manualSeed(5);
    expect(await rand([20_000]).data()).toEqual(await u.data());
    expect(() => randint(3, 3, [1])).toThrow(ArgumentError);
  });
});
