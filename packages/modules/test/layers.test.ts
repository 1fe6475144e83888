// Layers: parameters, modes and shapes; their values are those of @nn/functional, which is tested there.
import '@nn/autograd';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { ArgumentError } from '@nn/core';
import * as nn from '@nn/modules';
import {
  eye,
  Generator,
  interpreter,
  manualSeed,
  ones,
  randn,
  type Tensor,
  tensor,
  use,
  zeros,
} from '@nn/tensor';
import { beforeAll, describe, expect, it } from 'vitest';

const golden = JSON.parse(
  gunzipSync(readFileSync(new URL('./golden/utilities.json.gz', import.meta.url))).toString('utf8'),
);

beforeAll(() => use(interpreter()));

describe('Linear and Conv2d', () => {
  it('start within 1 / √(fan in), and learn', async () => {
    const layer = new nn.Conv2d(3, 4, 3);
    const values = (await layer.weight.data()) as Float32Array;
    const bound = 1 / Math.sqrt(27);
    expect(values.every((value) => Math.abs(value) <= bound)).toBe(true);
    expect(new Set(values).size).toBeGreaterThan(90);
    layer(ones([1, 3, 5, 5]))
      .sum()
      .backward();
    // Each kernel element meets 3 x 3 positions of ones.
    expect(new Set((await layer.weight.grad!.data()) as Float32Array)).toEqual(new Set([9]));
    expect(layer.bias?.grad?.shape).toEqual([4]);
  });

  it('repeat with the seed', async () => {
    manualSeed(3);
    const first = await new nn.Linear(4, 4).weight.data();
    manualSeed(3);
    expect(await new nn.Linear(4, 4).weight.data()).toEqual(first);
  });

  it.each(['reflect', 'replicate', 'circular', 'zeros'] as const)('pad with %s', (paddingMode) => {
    const layer = new nn.Conv2d(1, 1, 3, { padding: 'same', paddingMode });
    expect(layer(ones([1, 1, 4, 6])).shape).toEqual([1, 1, 4, 6]);
  });

  it('refuse options and groups that do not fit', () => {
    expect(() => new nn.Linear(1, 1, { biass: true } as object)).toThrow(/Did you mean 'bias'/);
    expect(() => new nn.Conv2d(3, 4, 3, { groups: 2 })).toThrow(ArgumentError);
  });
});

describe('BatchNorm', () => {
  it('uses the batch in training, what it has seen in evaluation', async () => {
    const norm = new nn.BatchNorm1d(1, { momentum: null });
    norm(tensor([[1], [3]], { dtype: 'float32' }));
    norm(tensor([[5], [7]], { dtype: 'float32' }));
    expect(await norm.runningMean!.item()).toBeCloseTo(4, 5);
    expect(await norm.numBatchesTracked!.item()).toBe(2);
    norm.eval();
    expect(await norm(tensor([[4]], { dtype: 'float32' })).item()).toBeCloseTo(0, 5);
    expect(await norm.numBatchesTracked!.item()).toBe(2);
  });

  it('says which dimensions it takes', () => {
    expect(() => new nn.BatchNorm2d(3)(ones([2, 3]))).toThrow(
      /BatchNorm2d: expected an input of 4 dimensions/,
    );
    expect(() => new nn.BatchNorm1d(3)(ones([1, 3]))).toThrow(/more than one value/);
  });

  it('of instances takes inputs without batch', () => {
    expect(new nn.InstanceNorm2d(3)(randn([3, 4, 4])).shape).toEqual([3, 4, 4]);
  });
});

describe('Dropout', () => {
  it('is active in training only', async () => {
    const layer = new nn.Dropout(0.5);
    const x = ones([100]);
    const values = (await layer(x).data()) as Float32Array;
    expect(new Set(values)).toEqual(new Set([0, 2]));
    expect(layer.eval()(x)).toBe(x);
    expect(() => new nn.Dropout(2)).toThrow(ArgumentError);
  });
});

describe('Embedding', () => {
  it('has a padding row of zeros, and pretrained ones', async () => {
    const layer = new nn.Embedding(3, 2, { paddingIdx: -1 });
    expect(await layer(tensor([2])).toArray()).toEqual([[0, 0]]);
    const given = nn.Embedding.fromPretrained(ones([2, 2]));
    expect(given.weight.requiresGrad).toBe(false);
  });
});

describe('EmbeddingBag', () => {
  it('divides gradients by frequency, and refuses that for maxima', async () => {
    const layer = new nn.EmbeddingBag(3, 1, { mode: 'sum', scaleGradByFreq: true });
    layer(tensor([[0, 1, 1]]))
      .sum()
      .backward();
    expect(await layer.weight.grad!.toArray()).toEqual([[1], [1], [0]]);
    expect(() => new nn.EmbeddingBag(3, 1, { mode: 'max', scaleGradByFreq: true })).toThrow(/mode 'max'/);
    expect(() => new nn.EmbeddingBag(3, 1, { paddingIdx: 3 })).toThrow(/out of range for 3 rows/);
    const given = nn.EmbeddingBag.fromPretrained(ones([2, 2]), { mode: 'mean', freeze: false });
    expect([given.weight.requiresGrad, given(tensor([0, 1, 1]), tensor([0, 1])).shape]).toEqual([
      true,
      [2, 2],
    ]);
  });
});

describe('AdaptiveLogSoftmaxWithLoss', () => {
  it('has probabilities that sum to one, and predicts the likeliest', async () => {
    const layer = new nn.AdaptiveLogSoftmaxWithLoss(8, 12, [3, 7]);
    const x = randn([6, 8]).mul(3);
    const logProbs = layer.logProb(x);
    expect(
      await logProbs
        .exp()
        .sum(1)
        .allclose(ones([6]), { atol: 1e-5 }),
    ).toBe(true);
    expect(await layer.predict(x).toArray()).toEqual(await logProbs.argmax(1).toArray());
    const target = tensor([0, 2, 3, 6, 7, 11]);
    const [output, loss] = layer(x, target);
    expect(await output.allclose(logProbs.gather(1, target.unsqueeze(1)).squeeze(1), { atol: 1e-5 })).toBe(
      true,
    );
    expect(await loss.item()).toBeCloseTo(-(await output.mean().item()), 5);
    const [single] = layer(x.select(0, 4), tensor(7));
    expect(await single.item()).toBeCloseTo(await output.select(0, 4).item(), 5);
  });

  it('refuses cutoffs, shapes and classes that do not fit', () => {
    for (const cutoffs of [[], [3, 3], [0, 2], [2, 12]])
      expect(() => new nn.AdaptiveLogSoftmaxWithLoss(8, 12, cutoffs)).toThrow(/increasing integers/);
    const layer = new nn.AdaptiveLogSoftmaxWithLoss(8, 12, [3]);
    expect(() => layer(ones([2, 8]), tensor([1]))).toThrow(/takes an input \[batch, inFeatures\]/);
    expect(() => layer(ones([1, 8]), tensor([12]))).toThrow(/index 12 is out of range/);
  });
});

describe('arguments that do not fit', () => {
  it.each([
    ['padding', () => new nn.ReflectionPad2d([1, 2, 3]), /4 of them/],
    ['rank', () => new nn.ReflectionPad2d(1)(ones([3, 3])), /takes 3 or 4 dimensions/],
    ['pooling twice', () => new nn.FractionalMaxPool2d(2, { outputSize: 2, outputRatio: 0.5 }), /either/],
    ['upsampling to nothing', () => new nn.Upsample({}), /either size or scaleFactor/],
    ['mode of a fixed one', () => new nn.UpsamplingNearest2d({ size: 2, mode: 'area' } as object), /mode/],
    ['shuffle', () => new nn.PixelShuffle(0), /positive integer/],
    [
      'output size',
      () => new nn.ConvTranspose1d(1, 1, 3, { stride: 2 })(ones([1, 1, 3]), { outputSize: [12] }),
      /between \[7\] and \[8\]/,
    ],
    [
      'padding mode',
      () => new nn.ConvTranspose1d(1, 1, 3, { paddingMode: 'reflect' as 'zeros' }),
      /only be 'zeros'/,
    ],
    [
      'option of a call',
      () => new nn.MaxUnpool1d(2)(ones([1, 1, 1]), tensor([[[0]]]), { size: [2] } as object),
      /MaxUnpool1d/,
    ],
    ['loss option', () => new nn.PoissonNLLLoss({ ful: true } as object), /Did you mean 'full'/],
    ['CrossMapLRN2d', () => new nn.CrossMapLRN2d(3)(ones([1, 2, 3])), /4 dimensions/],
  ] as const)('%s', (_, act, message) => {
    expect(act).toThrow(message);
  });
});

describe('RMSNorm', () => {
  it('scales to a mean square of one, with a learnt factor', async () => {
    const norm = new nn.RMSNorm(4);
    const x = randn([3, 4]).mul(5);
    const y = norm(x);
    expect(
      await y
        .square()
        .mean(1)
        .allclose(ones([3]), { atol: 1e-4 }),
    ).toBe(true);
    expect(await norm(x.mul(2)).allclose(y, { atol: 1e-5 })).toBe(true);
    expect(Object.keys(norm.stateDict())).toEqual(['weight']);
    expect(String(new nn.RMSNorm([2, 4], { eps: 0.1, elementwiseAffine: false }))).toBe(
      'RMSNorm([2, 4], eps=0.1, elementwiseAffine=false)',
    );
  });
});

describe('shapes through', () => {
  const image = (): Tensor => ones([2, 3, 8, 8]);
  it.each([
    ['Flatten', () => new nn.Flatten()(image()), [2, 192]],
    ['Unflatten', () => new nn.Unflatten(1, [3, -1])(ones([2, 12])), [2, 3, 4]],
    ['MaxPool2d', () => new nn.MaxPool2d(2)(image()), [2, 3, 4, 4]],
    ['AvgPool2d', () => new nn.AvgPool2d(3, { stride: 2 })(image()), [2, 3, 3, 3]],
    ['AdaptiveAvgPool2d', () => new nn.AdaptiveAvgPool2d([5, null])(image()), [2, 3, 5, 8]],
    ['LayerNorm', () => new nn.LayerNorm([8, 8])(image()), [2, 3, 8, 8]],
    ['GroupNorm', () => new nn.GroupNorm(3, 3)(image()), [2, 3, 8, 8]],
    ['ConvTranspose2d', () => new nn.ConvTranspose2d(3, 2, 2, { stride: 2 })(image()), [2, 2, 16, 16]],
    ['Softmax', () => new nn.Softmax(1)(image()), [2, 3, 8, 8]],
    ['PReLU', () => new nn.PReLU(3)(image()), [2, 3, 8, 8]],
    ['GLU', () => new nn.GLU(-1)(image()), [2, 3, 8, 4]],
  ] as const)('%s', (_, run, shape) => {
    expect(run().shape).toEqual(shape);
  });

  it('a pool gives a pair with indices', () => {
    const [values, indices] = new nn.MaxPool2d(2, { returnIndices: true })(image());
    expect([values.shape, indices.dtype]).toEqual([[2, 3, 4, 4], 'int32']);
  });
});

describe('losses', () => {
  it('keep their weights as buffers', async () => {
    const loss = new nn.CrossEntropyLoss({ weight: tensor([1, 3], { dtype: 'float32' }), reduction: 'none' });
    expect(Object.keys(loss.stateDict())).toEqual(['weight']);
    const values = (await loss(zeros([2, 2]), tensor([0, 1])).data()) as Float32Array;
    expect(values[1] / values[0]).toBeCloseTo(3, 5);
  });

  it.each([
    ['MSELoss', () => new nn.MSELoss(), 4],
    ['L1Loss', () => new nn.L1Loss(), 2],
    ['SmoothL1Loss', () => new nn.SmoothL1Loss(), 1.5],
    ['HuberLoss', () => new nn.HuberLoss({ delta: 0.5 }), 0.875],
  ] as const)('%s', async (_, make, expected) => {
    expect(await make()(zeros([2]), ones([2]).mul(2)).item()).toBeCloseTo(expected, 6);
  });
});

describe('init', () => {
  it('has the deviations it promises', async () => {
    const x = zeros([200, 200]);
    // Four standard errors of a deviation over 40,000 draws.
    const near = async (deviation: number): Promise<void> => {
      expect(Math.abs((await x.std().item()) / deviation - 1)).toBeLessThan(0.015);
    };
    nn.init.normal_(x, { mean: 1, std: 2 });
    await near(2);
    nn.init.xavierUniform_(x);
    await near(Math.sqrt(2 / 400));
    nn.init.kaimingNormal_(x, { nonlinearity: 'relu' });
    await near(Math.sqrt(2 / 200));
    nn.init.truncNormal_(x);
    await near(0.8796);
    expect(await x.abs().amax().item()).toBeLessThanOrEqual(2);
    nn.init.constant_(x, 3);
    expect(await x.amin().item()).toBe(3);
    expect(x.requiresGrad).toBe(false);
    expect(() => nn.init.xavierNormal_(zeros([3]))).toThrow(/2 dimensions/);
  });

  it('truncates where it is told, far in the tail as well', async () => {
    const x = nn.init.truncNormal_(zeros([20000]), { mean: 1, std: 2, a: 4, b: 6 });
    expect([(await x.amin().item()) >= 4, (await x.amax().item()) <= 6]).toEqual([true, true]);
    // The mean of a normal between 1.5 and 2.5 deviations: (φ(1.5) - φ(2.5)) / (Φ(2.5) - Φ(1.5)) = 1.8474.
    expect(await x.mean().item()).toBeCloseTo(1 + 2 * 1.8474, 1);
  });

  it('is orthogonal in rows or columns, with a gain and any kernel', async () => {
    const x = nn.init.orthogonal_(zeros([4, 2, 3]), { gain: 2 }).reshape(4, 6);
    expect(await x.matmul(x.T).allclose(eye(4).mul(4), { atol: 1e-4 })).toBe(true);
    const tall = nn.init.orthogonal_(zeros([60, 30]));
    expect(await tall.T.matmul(tall).allclose(eye(30), { atol: 1e-5 })).toBe(true);
    const double = nn.init.orthogonal_(zeros([20, 20], { dtype: 'float64' }));
    expect(await double.matmul(double.T).allclose(eye(20, 20, { dtype: 'float64' }), { atol: 1e-12 })).toBe(
      true,
    );
    expect(() => nn.init.orthogonal_(zeros([3]))).toThrow(/at least 2/);
  });

  it('is sparse in each column, by as many as asked', async () => {
    const x = nn.init.sparse_(zeros([10, 50]), 0.25, { std: 1 });
    expect(new Set((await x.eq(0).float().sum(0).data()) as Float32Array)).toEqual(new Set([3]));
    expect((await x.std().item()) > 0.7).toBe(true);
    expect(() => nn.init.sparse_(zeros([2]), 0.5)).toThrow(/takes a matrix/);
    expect(() => nn.init.sparse_(zeros([2, 2]), 2)).toThrow(/between 0 and 1/);
  });

  it('of a convolution hands through, as in PyTorch; and has its gains', async () => {
    for (const { shape, groups, value } of golden.dirac)
      expect(await nn.init.dirac_(ones(shape), groups).toArray()).toEqual(value);
    for (const [name, gain] of Object.entries(golden.gains))
      expect(nn.init.calculateGain(name as nn.init.Nonlinearity, 0.2)).toBeCloseTo(gain as number, 9);
    expect(() => nn.init.dirac_(zeros([2, 2]))).toThrow(/3 to 5 dimensions/);
    expect(() => nn.init.dirac_(zeros([3, 2, 1]), 2)).toThrow(/2 groups/);
  });

  it('draws from a generator that is given', async () => {
    const draw = (act: (x: Tensor, generator: Generator) => Tensor): Promise<unknown> =>
      act(zeros([3, 3]), new Generator(7)).toArray();
    for (const act of [
      (x: Tensor, generator: Generator) => nn.init.uniform_(x, { generator }),
      (x: Tensor, generator: Generator) => nn.init.truncNormal_(x, { generator }),
      (x: Tensor, generator: Generator) => nn.init.xavierNormal_(x, 1, { generator }),
      (x: Tensor, generator: Generator) => nn.init.kaimingUniform_(x, { generator }),
      (x: Tensor, generator: Generator) => nn.init.orthogonal_(x, { generator }),
      (x: Tensor, generator: Generator) => nn.init.sparse_(x, 0.3, { generator }),
    ])
      expect(await draw(act)).toEqual(await draw(act));
  });
});
