// Text as PyTorch prints it (the expected texts are PyTorch's, but for the spelling of bools and suffixes).
import { arange, full, interpreter, tensor, use, zeros } from '@nn/tensor';
import { beforeAll, describe, expect, it } from 'vitest';

beforeAll(() => use(interpreter()));
const float = { dtype: 'float32' } as const;

describe('toText', () => {
  it('aligns numbers and nests brackets', async () => {
    expect(
      await tensor(
        [
          [1, 2],
          [3, 40],
        ],
        float,
      ).toText(),
    ).toBe('tensor([[ 1.,  2.],\n        [ 3., 40.]])');
    expect(
      await tensor([
        [1.5, -2],
        [3, 4],
      ]).toText(),
    ).toBe('tensor([[ 1.5000, -2.0000],\n        [ 3.0000,  4.0000]])');
    expect(await tensor([1, -20]).toText()).toBe('tensor([  1, -20])');
    expect(await tensor(3.5).toText()).toBe('tensor(3.5000)');
    expect(await tensor([true, false]).toText()).toBe('tensor([ true, false])');
    expect(await arange(8).reshape(2, 2, 2).toText()).toBe(
      'tensor([[[0, 1],\n         [2, 3]],\n\n        [[4, 5],\n         [6, 7]]])',
    );
  });

  it('uses exponents where sizes differ much, and names what is no number', async () => {
    expect(await tensor([1e-5, 1]).toText()).toBe('tensor([1.0000e-05, 1.0000e+00])');
    expect(await tensor([1.5, Number.NaN, Number.POSITIVE_INFINITY]).toText()).toBe(
      'tensor([1.5000,    nan,    inf])',
    );
  });

  it('breaks lines and leaves out the middle of large tensors', async () => {
    expect(await arange(30).toText()).toBe(
      'tensor([ 0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15, 16, 17,\n        18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29])',
    );
    expect(await arange(2000).toText()).toBe('tensor([   0,    1,    2,  ..., 1997, 1998, 1999])');
    expect((await zeros([100, 100]).toText()).split('\n')).toHaveLength(7);
  });

  it('says what is unusual', async () => {
    expect(await zeros([2, 0]).toText()).toBe('tensor([], size=[2, 0], dtype=float32)');
    expect(await full([1], 1, { dtype: 'float64' }).toText()).toBe('tensor([1.], dtype=float64)');
    expect(String(zeros([2]))).toBe("Tensor(shape=[2], dtype=float32, device='interpreter')");
  });
});
