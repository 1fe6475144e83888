// What values alone do not show: options, modes, errors, edges.
import '@nn/autograd';
import { ArgumentError, DTypeError, IndexError, ShapeError } from '@nn/core';
import * as F from '@nn/functional';
import { arange, full, interpreter, manualSeed, ones, type Tensor, tensor, use, zeros } from '@nn/tensor';
import { beforeAll, describe, expect, it } from 'vitest';

beforeAll(() => use(interpreter()));
const floats = (values: readonly unknown[], requiresGrad = false): Tensor =>
  tensor(values as number[], { dtype: 'float32', requiresGrad });

describe('pooling', () => {
  it('gives the gradient to the first of equal maxima, windows apart or not', async () => {
    for (const stride of [2, 1]) {
      const x = full([1, 1, 4], 7, { dtype: 'float32', requiresGrad: true });
      F.maxPool1d(x, 2, { stride }).sum().backward();
      expect(await x.grad!.toArray()).toEqual([[stride === 2 ? [1, 0, 1, 0] : [1, 1, 1, 0]]]);
    }
  });

  it('gives values, with and without a record, and indices alike', async () => {
    const x = floats([[[3, 1, 2, 5, 4, 0]]], true);
    const [values, indices] = F.maxPool1d(x, 3, { stride: 2, padding: 1, returnIndices: true });
    expect(await values.toArray()).toEqual([[[3, 5, 5]]]);
    expect(await indices.toArray()).toEqual([[[0, 3, 3]]]);
    expect(await F.maxPool1d(x.detach(), 3, { stride: 2, padding: 1 }).toArray()).toEqual([[[3, 5, 5]]]);
  });

  it('pools to sizes that do not divide', async () => {
    const x = arange(5).float().reshape(1, 1, 5);
    expect(await F.adaptiveAvgPool1d(x, 2).toArray()).toEqual([[[1, 3]]]);
    expect(await F.adaptiveMaxPool1d(x, 2, { returnIndices: true })[1].toArray()).toEqual([[[2, 4]]]);
  });

  it('takes an empty batch', () => {
    expect(F.maxPool2d(zeros([0, 2, 4, 4]), 2).shape).toEqual([0, 2, 2, 2]);
    expect(F.conv2d(zeros([0, 2, 4, 4]), zeros([3, 2, 3, 3])).shape).toEqual([0, 3, 2, 2]);
  });

  it('says what does not fit', () => {
    expect(() => F.maxPool2d(ones([1, 1, 2, 2]), 3)).toThrow(ShapeError);
    expect(() => F.maxPool2d(ones([1, 1, 4, 4]), 2, { padding: 2 })).toThrow(
      /padding \[2, 2\].*half.*\[2, 2\]/,
    );
    expect(() => F.avgPool1d(ones([4]), 2)).toThrow(/\[batch, channels, length\]/);
    expect(() => F.maxPool2d(ones([1, 1, 4, 4]), 2, { strid: 1 } as object)).toThrow(/Did you mean 'stride'/);
  });
});

describe('convolution', () => {
  it('gives the same for a batch of one and for none', async () => {
    const x = arange(18).float().reshape(2, 3, 3);
    const w = arange(8).float().reshape(1, 2, 2, 2);
    const batched = await F.conv2d(x.unsqueeze(0), w).toArray();
    expect([await F.conv2d(x, w).toArray()]).toEqual(batched);
  });

  it('takes pointwise kernels with a stride', async () => {
    const x = arange(9).float().reshape(1, 1, 3, 3);
    expect(
      await F.conv2d(x, full([1, 1, 1, 1], 2, { dtype: 'float32' }), null, { stride: 2 }).toArray(),
    ).toEqual([
      [
        [
          [0, 4],
          [12, 16],
        ],
      ],
    ]);
  });

  it('says which channels do not fit', () => {
    expect(() => F.conv2d(ones([1, 3, 8, 8]), ones([4, 2, 3, 3]))).toThrow(/has 3 channels.*takes 2/);
    expect(() => F.conv2d(ones([1, 1, 2, 2]), ones([1, 1, 3, 3]))).toThrow(/larger than the padded input/);
    expect(() =>
      F.conv2d(ones([1, 1, 4, 4]), ones([1, 1, 3, 3]), null, { padding: 'same', stride: 2 }),
    ).toThrow(ArgumentError);
  });
});

describe('losses', () => {
  it('cross entropy: weights, ignored targets and smoothing', async () => {
    const x = floats([
      [1, 2, 3],
      [0, 0, 0],
    ]);
    const y = tensor([2, -100]);
    const plain = await F.crossEntropy(x, y).item();
    expect(plain).toBeCloseTo(0.40760597, 6);
    expect(await F.crossEntropy(x, y, { reduction: 'none' }).toArray()).toEqual([
      expect.closeTo(plain, 6),
      0,
    ]);
    expect(await F.crossEntropy(x, y, { labelSmoothing: 0.3 }).item()).toBeCloseTo(0.70760597, 6);
    expect(await F.crossEntropy(x, y, { weight: floats([1, 1, 5]) }).item()).toBeCloseTo(plain, 6);
  });

  it('cross entropy with probabilities is that of classes for one-hot targets, in more dimensions too', async () => {
    const x = floats([
      [
        [1, 2],
        [3, 4],
        [0.5, 1.5],
      ],
    ]);
    const y = tensor([[1, 2]]);
    const hot = F.oneHot(y, 3).float().permute(0, 2, 1);
    expect(await F.crossEntropy(x, hot).item()).toBeCloseTo(await F.crossEntropy(x, y).item(), 6);
  });

  it('checks shapes, dtypes and classes at hand', () => {
    expect(() => F.crossEntropy(ones([2, 3]), tensor([0, 1, 2]))).toThrow(ShapeError);
    expect(() => F.crossEntropy(ones([2, 3]), floats([0, 1]))).toThrow(DTypeError);
    expect(() => F.crossEntropy(ones([2, 3]), tensor([0, 3]))).toThrow(IndexError);
    expect(() => F.mseLoss(ones([2]), ones([2]), { reduction: 'avg' as 'mean' })).toThrow(ArgumentError);
  });

  it('binary cross entropy is bounded at certain predictions', async () => {
    const x = floats([0, 1], true);
    const loss = F.binaryCrossEntropy(x, floats([1, 0]));
    expect(await loss.item()).toBe(100);
    loss.backward();
    expect(await x.grad!.abs().toArray()).toEqual([0, 0]);
  });
});

describe('dropout', () => {
  it('keeps the mean, repeats with the seed, and passes in evaluation', async () => {
    const x = ones([1000]);
    manualSeed(1);
    const first = await F.dropout(x, { p: 0.25 }).data();
    manualSeed(1);
    expect(await F.dropout(x, { p: 0.25 }).data()).toEqual(first);
    // Four standard deviations of a mean of 1000.
    expect(Math.abs((await F.dropout(x, { p: 0.25 }).mean().item()) - 1)).toBeLessThan(0.08);
    expect(F.dropout(x, { training: false })).toBe(x);
    expect(() => F.dropout(x, { p: 2 })).toThrow(ArgumentError);
  });

  it('drops whole channels, and the gradient passes where the value did', async () => {
    const x = full([4, 8, 2, 2], 1, { dtype: 'float32', requiresGrad: true });
    const y = F.dropout2d(x);
    y.sum().backward();
    expect(await x.grad!.data()).toEqual(await y.data());
    const perChannel = (await y.sum([2, 3]).data()) as Float32Array;
    expect(perChannel.every((total) => total === 0 || total === 8)).toBe(true);
  });
});

describe('padding', () => {
  it.each([
    ['reflect', [3, 2, 1, 2, 3, 2]],
    ['replicate', [1, 1, 1, 2, 3, 3]],
    ['circular', [2, 3, 1, 2, 3, 1]],
    ['constant', [0, 0, 1, 2, 3, 0]],
  ] as const)('%s', async (mode, expected) => {
    const x = floats([[1, 2, 3]], true);
    const y = F.pad(x, [2, 1], { mode });
    expect(await y.toArray()).toEqual([expected]);
    y.mul(floats([[1, 2, 3, 4, 5, 6]]))
      .sum()
      .backward();
    const gradient = [0, 0, 0];
    expected.forEach((value, i) => {
      if (value > 0) gradient[value - 1] += i + 1;
    });
    expect(await x.grad!.toArray()).toEqual([gradient]);
  });

  it('cuts off by negative amounts, and refuses what it cannot do', async () => {
    expect(await F.pad(floats([1, 2, 3]), [-1, 1]).toArray()).toEqual([2, 3, 0]);
    expect(() => F.pad(ones([2]), [2, 0], { mode: 'reflect' })).toThrow(ShapeError);
    expect(() => F.pad(ones([2]), [1, 1, 1, 1])).toThrow(ArgumentError);
  });
});

describe('embedding', () => {
  it('gives no gradient to the padding row and adds those of repeated rows', async () => {
    const weight = full([3, 2], 1, { dtype: 'float32', requiresGrad: true });
    F.embedding(tensor([0, 1, 1, 2]), weight, { paddingIdx: 2 })
      .sum()
      .backward();
    expect(await weight.grad!.toArray()).toEqual([
      [1, 1],
      [2, 2],
      [0, 0],
    ]);
    expect(() => F.embedding(tensor([3]), weight)).toThrow(/index 3 is out of range for 3/);
  });

  it('limits the length of the rows it looks up', async () => {
    const weight = floats([
      [3, 4],
      [6, 8],
    ]);
    F.embedding(tensor([1]), weight, { maxNorm: 5 });
    const [kept, limited] = (await weight.toArray()) as number[][];
    expect(kept).toEqual([3, 4]);
    expect(limited).toEqual([expect.closeTo(3, 5), expect.closeTo(4, 5)]);
  });
});

describe('normalisation', () => {
  it('tracks running statistics, the variance unbiased', async () => {
    const mean = zeros([1]);
    const variance = ones([1]);
    F.batchNorm(floats([[1], [3]]), mean, variance, { training: true });
    expect(await mean.item()).toBeCloseTo(0.2, 6);
    expect(await variance.item()).toBeCloseTo(0.9 + 0.1 * 2, 6);
  });

  it('normalises a zero vector to zero, with a derivative of zero', async () => {
    const x = zeros([1, 3], { requiresGrad: true });
    F.normalize(x).sum().backward();
    expect((await x.grad!.data()) as Float32Array).not.toContain(Number.NaN);
  });

  it('names the parameter that does not fit', () => {
    expect(() => F.batchNorm(ones([2, 3]), ones([2]), null, { training: true })).toThrow(
      /runningMean.*\[2\].*3 channels/,
    );
    expect(() => F.layerNorm(ones([2, 3]), [2])).toThrow(/\[2, 3\].*\[2\]/);
    expect(() => F.groupNorm(ones([2, 3]), 2)).toThrow(ShapeError);
  });
});

describe('activations', () => {
  it('write in place where asked', async () => {
    const x = floats([-1, 2]);
    expect(F.relu(x, { inplace: true })).toBe(x);
    expect(await x.toArray()).toEqual([0, 2]);
  });

  it('keep NaN', async () => {
    const x = floats([Number.NaN]);
    for (const activation of [
      F.relu,
      F.relu6,
      F.hardtanh,
      F.hardswish,
      F.gelu,
      F.celu,
      F.selu,
      F.hardshrink,
    ]) {
      expect(await activation(x).toArray()).toEqual([Number.NaN]);
    }
  });
});

it.each(['float16', 'float32'] as const)(
  'mish of large numbers is they themselves, with a slope of 1 (%s)',
  async (dtype) => {
    const x = tensor([5.5, 8, 6e4, -5e4], { dtype, requiresGrad: true });
    const y = F.mish(x);
    y.float().sum().backward();
    expect(await y.toArray()).toEqual([
      dtype === 'float16' ? 5.5 : expect.closeTo(5.5, 3),
      expect.closeTo(8, 4),
      6e4,
      -0,
    ]);
    expect(await x.grad!.toArray()).toEqual([1, 1, 1, 0].map((slope) => expect.closeTo(slope, 2)));
  },
);
