// Layers: parameters, modes and shapes; their values are those of @nn/functional, which is tested there.
import '@nn/autograd';
import { ArgumentError } from '@nn/core';
import * as nn from '@nn/modules';
import { interpreter, manualSeed, ones, randn, type Tensor, tensor, use, zeros } from '@nn/tensor';
import { beforeAll, describe, expect, it } from 'vitest';

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
});
