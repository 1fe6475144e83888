// Losses: what they refuse, and what happens at the edges.
import { grad } from '@nn/autograd';
import * as F from '@nn/functional';
import {
  ArgumentError,
  DTypeError,
  IndexError,
  interpreter,
  ones,
  randn,
  ShapeError,
  tensor,
  use,
  zeros,
} from '@nn/tensor';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';

beforeAll(() => use(interpreter()));

const floats = (data: Parameters<typeof tensor>[0], requiresGrad = false) =>
  tensor(data, { dtype: 'float32', requiresGrad });

describe('shapes that broadcast', () => {
  afterEach(() => vi.restoreAllMocks());

  it('draw one warning for each function', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
    for (const loss of [F.mseLoss, F.l1Loss, F.smoothL1Loss, F.huberLoss]) {
      for (let i = 0; i < 2; i++) {
        expect(loss(ones([3, 1]), ones([3]), { reduction: 'none' }).shape).toEqual([3, 3]);
      }
      loss(ones([3]), ones([3]));
    }
    expect(warn.mock.calls.map(([text]) => String(text).split(':')[0])).toEqual([
      'mseLoss',
      'l1Loss',
      'smoothL1Loss',
      'huberLoss',
    ]);
    expect(warn.mock.calls[0][0]).toMatch(/\[3\].*\[3, 1\].*\[3, 3\]/);
  });

  it('that do not are refused in the name of the function', () => {
    const [a, b] = [ones([2, 3]), ones([2, 4])];
    expect(() => F.mseLoss(a, b)).toThrow(/^mseLoss: .*\[2, 3\].*\[2, 4\]/);
    expect(() => F.l1Loss(a, b)).toThrow(/^l1Loss: /);
    expect(() => F.smoothL1Loss(a, b, { beta: 0 })).toThrow(/^smoothL1Loss: /);
    expect(() => F.huberLoss(a, b)).toThrow(/^huberLoss: /);
    expect(() => F.klDiv(a, b)).toThrow(/^klDiv: /);
    expect(() => F.poissonNllLoss(a, b)).toThrow(/^poissonNllLoss: /);
    expect(() => F.gaussianNllLoss(a, b, a)).toThrow(/^gaussianNllLoss: /);
    expect(() => F.hingeEmbeddingLoss(a, b)).toThrow(/^hingeEmbeddingLoss: /);
    expect(() => F.marginRankingLoss(a, a, b)).toThrow(/^marginRankingLoss: /);
    expect(() => F.cosineEmbeddingLoss(a, b, ones([2]))).toThrow(/^cosineEmbeddingLoss: /);
    expect(() => F.tripletMarginLoss(a, a, b)).toThrow(/^tripletMarginLoss: /);
    expect(() => F.cosineSimilarity(a, b)).toThrow(/^cosineSimilarity: /);
    expect(() => F.pairwiseDistance(a, b)).toThrow(/^pairwiseDistance: /);
    expect(() => F.binaryCrossEntropy(a, a, { weight: b })).toThrow(/^binaryCrossEntropy: /);
    expect(() => F.binaryCrossEntropyWithLogits(a, a, { posWeight: b })).toThrow(
      /^binaryCrossEntropyWithLogits: /,
    );
    expect(() => F.multilabelSoftMarginLoss(a, a, { weight: b })).toThrow(/^multilabelSoftMarginLoss: /);
  });
});

describe('margins', () => {
  it('refuse what does not fit', () => {
    expect(() => F.softMarginLoss(ones([2]), ones([3]))).toThrow(ShapeError);
    expect(() => F.softMarginLoss(tensor([1, 2]), ones([2]))).toThrow(DTypeError);
    expect(() => F.marginRankingLoss(ones([2]), ones([2, 1]), ones([2]))).toThrow(
      /same number of dimensions/,
    );
    expect(() => F.multiMarginLoss(ones([2, 3]), tensor([0, 3]))).toThrow(IndexError);
    expect(() => F.multiMarginLoss(ones([2, 3]), tensor([0]))).toThrow(ShapeError);
    expect(() => F.multiMarginLoss(ones([2, 3]), ones([2]))).toThrow(DTypeError);
    expect(() => F.multiMarginLoss(ones([2, 3]), tensor([0, 1]), { p: 3 as 2 })).toThrow(ArgumentError);
    expect(() => F.multiMarginLoss(ones([2, 3]), tensor([0, 1]), { weight: ones([2]) })).toThrow(/\[3\]/);
    expect(() => F.multilabelMarginLoss(ones([1, 1, 2]), zeros([1, 1, 2], { dtype: 'int32' }))).toThrow(
      ShapeError,
    );
    expect(() => F.multilabelMarginLoss(ones([2]), tensor([5, -1]))).toThrow(IndexError);
    expect(() => F.cosineEmbeddingLoss(ones([2, 3]), ones([2, 3]), ones([2, 3]))).toThrow(ShapeError);
    expect(() => F.softMarginLoss(ones([2]), ones([2]), { reductoin: 'sum' } as object)).toThrow(/reduction/);
  });

  it('stay finite for far predictions', async () => {
    const x = floats([-200, 200], true);
    const loss = F.softMarginLoss(x, tensor([1, 1]), { reduction: 'none' });
    expect(await loss.toArray()).toEqual([200, expect.closeTo(0)]);
    loss.sum().backward();
    expect(await x.grad!.toArray()).toEqual([-1, expect.closeTo(0)]);
  });

  it('work without a batch, and of an empty one', async () => {
    expect(F.multiMarginLoss(ones([3]), tensor(1), { reduction: 'none' }).shape).toEqual([]);
    expect(F.multilabelMarginLoss(ones([3]), tensor([1, -1, 0]), { reduction: 'none' }).shape).toEqual([]);
    const empty = F.multiMarginLoss(ones([0, 3]), zeros([0], { dtype: 'int32' }), { reduction: 'sum' });
    expect(await empty.item()).toBe(0);
    expect(await F.softMarginLoss(ones([0]), ones([0])).item()).toBeNaN();
  });

  it('labels end at the first -1', async () => {
    const x = floats([0.1, 0.2, 0.4, 0.8]);
    const loss = (list: number[]) => F.multilabelMarginLoss(x, tensor(list)).item();
    expect(await loss([3, 0, -1, 1])).toBeCloseTo(0.85, 6);
    expect(await loss([3, 0, -1, 2])).toBe(await loss([3, 0, -1, 1]));
    expect(await loss([-1, 0, 1, 2])).toBe(0);
  });

  it('take strided inputs as they take contiguous ones', async () => {
    const [x, y] = [randn([3, 4]), randn([3, 4])];
    const target = tensor([1, -1, 1, -1]);
    const strided = F.cosineEmbeddingLoss(x.T, y.T, target);
    expect(await strided.item()).toBe(
      await F.cosineEmbeddingLoss(x.T.contiguous(), y.T.contiguous(), target).item(),
    );
  });

  it('the negative nearest to either is the one that counts, with swap', async () => {
    const [a, p, n] = [floats([[0, 0]]), floats([[3, 0]]), floats([[4, 0]])];
    const options = { eps: 0, margin: 1 };
    expect(await F.tripletMarginLoss(a, p, n, options).item()).toBe(0);
    expect(await F.tripletMarginLoss(a, p, n, { ...options, swap: true }).item()).toBe(3);
  });
});

describe('likelihoods', () => {
  it('check the variance', () => {
    const x = ones([2, 3]);
    expect(() => F.gaussianNllLoss(x, x, ones([3]))).toThrow(/\[2, 3\], \[2\] or \[2, 1\], got \[3\]/);
    expect(() => F.gaussianNllLoss(x, x, floats([1, -1]))).toThrow(/negative/);
  });

  it('a variance below eps counts as eps, and keeps its derivative', async () => {
    const variance = floats([0], true);
    const loss = F.gaussianNllLoss(floats([1]), floats([1]), variance, { eps: 0.5 });
    expect(await loss.item()).toBeCloseTo(0.5 * Math.log(0.5), 6);
    loss.backward();
    expect(await variance.grad!.item()).toBe(1);
  });

  it('zero rates have a finite loss', async () => {
    const loss = F.poissonNllLoss(floats([0]), floats([0]), { logInput: false });
    expect(await loss.item()).toBe(0);
  });
});

describe('ctcLoss', () => {
  it('is the sum over all alignments', async () => {
    // Three steps, two classes and the blank: all 27 paths, collapsed.
    const logProbs = F.logSoftmax(randn([3, 3], { dtype: 'float64' }), -1);
    const table = (await logProbs.toArray()) as number[][];
    const totals = new Map<string, number>();
    for (let path = 0; path < 27; path++) {
      const classes = [Math.floor(path / 9), Math.floor(path / 3) % 3, path % 3];
      const collapsed = classes.filter((c, i) => c !== 0 && c !== classes[i - 1]).join('');
      const probability = Math.exp(classes.reduce((sum, c, t) => sum + table[t][c], 0));
      totals.set(collapsed, (totals.get(collapsed) ?? 0) + probability);
    }
    for (const [labels, probability] of totals) {
      const target = tensor(Int32Array.from(labels, Number));
      const loss = F.ctcLoss(logProbs, target, 3, labels.length, { reduction: 'sum' });
      expect(await loss.item()).toBeCloseTo(-Math.log(probability), 9);
    }
    // 1, 2, 12, 21, 121, 212, 11, 22 and none.
    expect(totals.size).toBe(9);
  });

  it('is infinite for a target that fits no alignment, or 0 by choice; others are as without it', async () => {
    const x = randn([3, 2, 4], { dtype: 'float64', requiresGrad: true });
    const logProbs = F.logSoftmax(x, -1);
    const labels = tensor([
      [1, 1, 1],
      [1, 2, 3],
    ]);
    const losses = F.ctcLoss(logProbs, labels, [3, 3], [3, 3], { reduction: 'none' });
    const alone = F.ctcLoss(logProbs.select(1, 1), tensor([1, 2, 3]), 3, 3, { reduction: 'sum' });
    expect(await losses.toArray()).toEqual([Infinity, await alone.item()]);
    const [gradient] = grad(losses.sum(), [x], { retainGraph: true });
    expect(Array.from(await gradient.select(1, 0).data(), Number).every(Number.isNaN)).toBe(true);
    const [expected] = grad(alone, [x], { retainGraph: true });
    expect(await gradient.select(1, 1).toArray()).toEqual(await expected.select(1, 1).toArray());
    const zeroed = F.ctcLoss(logProbs, labels, [3, 3], [3, 3], { reduction: 'none', zeroInfinity: true });
    expect(await zeroed.toArray()).toEqual([0, await alone.item()]);
    const [kept] = grad(zeroed.sum(), [x]);
    expect(await kept.toArray()).toEqual(await expected.toArray());
  });

  it('takes classes of probability 0, no labels, and no time', async () => {
    const never = tensor(
      [
        [0, -Infinity],
        [0, -Infinity],
      ],
      { dtype: 'float32' },
    );
    expect(await F.ctcLoss(never, tensor([1]), 2, 1).item()).toBe(Infinity);
    const none = zeros([0], { dtype: 'int32' });
    expect(await F.ctcLoss(never, none, 2, 0).item()).toBeCloseTo(0);
    const logProbs = F.logSoftmax(randn([2, 2, 3]), -1);
    const losses = F.ctcLoss(logProbs, tensor([[1], [1]]), [0, 0], [0, 1], { reduction: 'none' });
    expect(await losses.toArray()).toEqual([expect.closeTo(0), Infinity]);
  });

  it('takes half precision', async () => {
    const logProbs = F.logSoftmax(zeros([2, 3]), -1).to('float16');
    const loss = F.ctcLoss(logProbs, tensor([1]), 2, 1);
    expect(loss.dtype).toBe('float16');
    expect(await loss.item()).toBeCloseTo(Math.log(3), 2);
  });

  it('ignores what lies behind lengths, whatever it is', async () => {
    const logProbs = F.logSoftmax(randn([4, 2, 3]), -1);
    const call = (data: number[][]) =>
      F.ctcLoss(logProbs, tensor(data), [4, 4], [2, 1], { reduction: 'none' }).toArray();
    expect(
      await call([
        [1, 2],
        [2, -1],
      ]),
    ).toEqual(
      await call([
        [1, 2],
        [2, 1],
      ]),
    );
  });

  it('refuses what does not fit', () => {
    const logProbs = zeros([4, 2, 3]);
    const labels = tensor([
      [1, 2],
      [2, 1],
    ]);
    expect(() => F.ctcLoss(logProbs, labels, [4, 5], [2, 2])).toThrow(/inputLengths.*0 to 4.*\[4, 5\]/);
    expect(() => F.ctcLoss(logProbs, labels, [4], [2, 2])).toThrow(ArgumentError);
    expect(() => F.ctcLoss(logProbs, labels, [4, 4], [2, 3])).toThrow(
      /^ctcLoss: targets of lengths \[2, 3\]/,
    );
    expect(() => F.ctcLoss(logProbs, tensor([1, 2, 1]), [4, 4], [2, 2])).toThrow(ShapeError);
    expect(() => F.ctcLoss(logProbs, labels, [4, 4], [2, 2], { blank: 3 })).toThrow(ArgumentError);
    expect(() => F.ctcLoss(logProbs, labels.float(), [4, 4], [2, 2])).toThrow(DTypeError);
    expect(() => F.ctcLoss(zeros([3]), labels, [4, 4], [2, 2])).toThrow(ShapeError);
  });
});
