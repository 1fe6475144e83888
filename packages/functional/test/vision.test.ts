// Images resized, sampled, rearranged and taken apart: what is refused, and what happens at the edges.
import '@nn/autograd';
import { cpu } from '@nn/cpu';
import * as F from '@nn/functional';
import {
  ArgumentError,
  arange,
  DTypeError,
  explain,
  IndexError,
  interpreter,
  ones,
  randn,
  ShapeError,
  tensor,
  use,
} from '@nn/tensor';
import { beforeEach, describe, expect, it } from 'vitest';

use(interpreter());
beforeEach(() => use(interpreter()));

const floats = (data: Parameters<typeof tensor>[0]) => tensor(data, { dtype: 'float32' });

describe('interpolate', () => {
  it('refuses options that contradict each other', () => {
    const x = ones([1, 1, 4, 4]);
    expect(() => F.interpolate(x, {})).toThrow(/either size or scaleFactor, got neither/);
    expect(() => F.interpolate(x, { size: 2, scaleFactor: 2 })).toThrow(/got both/);
    expect(() => F.interpolate(x, { size: 2, mode: 'linear' })).toThrow(ShapeError);
    expect(() => F.interpolate(x, { size: 2, alignCorners: true })).toThrow(/alignCorners/);
    expect(() => F.interpolate(x, { size: 2, antialias: true })).toThrow(/antialias/);
    expect(() => F.interpolate(x, { size: 2, recomputeScaleFactor: true })).toThrow(/recomputeScaleFactor/);
    expect(() => F.interpolate(x, { size: [2, 2, 2] })).toThrow(ArgumentError);
    expect(() => F.interpolate(x, { size: 0 })).toThrow(ArgumentError);
    expect(() => F.interpolate(x, { size: 2, mode: 'cubic' as 'bicubic' })).toThrow(/'bicubic'/);
    expect(() => F.interpolate(x.int(), { size: 2 })).toThrow(DTypeError);
    expect(() => F.upsampleNearest(x, { scale: 2 } as object)).toThrow(/^upsampleNearest: /);
  });

  it.each(['nearest', 'nearest-exact', 'bilinear', 'bicubic', 'area'] as const)(
    '%s keeps a constant image, strided ones and empty batches',
    async (mode) => {
      const size = [5, 3] as const;
      const resized = (await F.interpolate(ones([1, 1, 3, 4]).mul(2), {
        size,
        mode,
      }).toArray()) as number[][][][];
      expect(resized.flat(3)).toEqual(new Array(15).fill(expect.closeTo(2, 5)));
      const x = randn([4, 3, 2, 1]);
      const turned = x.permute(3, 2, 1, 0);
      expect(await F.interpolate(turned, { size, mode }).toArray()).toEqual(
        await F.interpolate(turned.contiguous(), { size, mode }).toArray(),
      );
      expect(F.interpolate(ones([0, 1, 3, 4]), { size, mode }).shape).toEqual([0, 1, 5, 3]);
    },
  );

  it('spreads NaN as far as its weight', async () => {
    const x = floats([[[Number.NaN, 1, 2, 3]]]);
    const y = (await F.interpolate(x, { size: 8, mode: 'linear' }).toArray()) as number[][][];
    expect(y[0][0].map(Number.isNaN)).toEqual([true, true, true, false, false, false, false, false]);
  });

  /** Keys's cubic convolution with a = -0.75, and the hat of linear interpolation. */
  const weightAt = (mode: 'bilinear' | 'bicubic', distance: number): number => {
    const [x, a] = [Math.abs(distance), -0.75];
    if (mode === 'bilinear') return Math.max(0, 1 - x);
    if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? a * (((x - 5) * x + 8) * x - 4) : 0;
  };

  it.each([
    [3, 6],
    [1, 4],
    [7, 28],
    [6, 9],
    [10, 5],
    [9, 3],
    [5, 35],
    [4, 40],
    [6, 7],
  ])('%i to %i elements have the weights of their distances', async (input, output) => {
    const x = randn([2, 3, input, 1]);
    const given = (await x.reshape(6, input).toArray()) as number[][];
    for (const mode of ['bilinear', 'bicubic'] as const) {
      const y = F.interpolate(x, { size: [output, 1], mode });
      const resized = (await y.reshape(6, output).toArray()) as number[][];
      for (const [plane, line] of resized.entries())
        for (const [at, value] of line.entries()) {
          const source = ((at + 0.5) * input) / output - 0.5;
          let expected = 0;
          for (let i = Math.floor(source) - 1; i < Math.floor(source) + 3; i++)
            expected += weightAt(mode, source - i) * given[plane][Math.min(Math.max(i, 0), input - 1)];
          expect(value).toBeCloseTo(expected, 4);
        }
    }
  });

  it('antialiased, looks at nothing outside its windows', async () => {
    const x = floats([[[[1, 2, 3, Number.NaN, 5, 6, 7, 8]]]]);
    const y = F.interpolate(x, { size: [1, 4], mode: 'bilinear', antialias: true });
    expect([...(await y.data())].map((value) => Number.isNaN(Number(value)))).toEqual([
      false,
      true,
      true,
      false,
    ]);
  });

  it('takes factors that leave a part of the last step', async () => {
    const x = randn([1, 1, 5]);
    const [y, whole] = await Promise.all(
      [
        F.interpolate(x, { scaleFactor: 1.5, mode: 'linear' }),
        F.interpolate(F.pad(x, [0, 1], { mode: 'replicate' }), { size: 9, mode: 'linear' }),
      ].map((each) => each.data()),
    );
    expect(y.length).toBe(7);
    for (const [at, value] of y.entries()) expect(Number(value)).toBeCloseTo(Number(whole[at]), 5);
  });

  it('leaves lines as they are whose size a factor does not change, but for cubic ones', async () => {
    const x = floats([[[[0, 1, 4]]]]);
    const resized = (mode: 'bilinear' | 'bicubic') =>
      F.interpolate(x, { scaleFactor: [1, 1.25], mode })
        .flatten()
        .toArray();
    expect(await resized('bilinear')).toEqual([0, 1, 4]);
    const cubic = (await resized('bicubic')) as number[];
    for (const [at, value] of [-0.06075, 0.39025, 2.59375].entries()) expect(cubic[at]).toBeCloseTo(value, 5);
  });

  it('spreads NaN to what has a weight for it only', async () => {
    const x = floats([[[[1, 2, Number.NaN, 4, 5, 6]]]]);
    const options = { scaleFactor: [1, 3], mode: 'bicubic' } as const;
    const y = (await F.interpolate(x, options).flatten().toArray()) as number[];
    expect([...y.keys()].filter((at) => Number.isNaN(y[at]))).toEqual([2, 3, 5, 6, 7, 8, 9, 11, 12]);
  });

  it('takes at most one kernel for each dimension, and none to repeat elements', () => {
    use(cpu());
    const x = randn([1, 2, 6, 5]).realize();
    expect(explain(F.interpolate(x, { size: [9, 8], mode: 'bicubic' })).kernels.length).toBeLessThanOrEqual(
      2,
    );
    expect(explain(F.interpolate(x, { scaleFactor: 2 }).add(1)).kernels.length).toBe(1);
  });
});

describe('gridSample', () => {
  const grid = floats([
    [
      [
        [-3, 0],
        [0, 0],
        [3, 0],
      ],
    ],
  ]);
  const image = floats([
    [
      [
        [1, 2],
        [3, 4],
      ],
    ],
  ]);

  it.each([
    ['zeros', [0, 2.5, 0]],
    ['border', [2, 2.5, 3]],
    ['reflection', [3, 2.5, 2]],
  ] as const)('outside: %s', async (paddingMode, expected) => {
    const options = { paddingMode, alignCorners: paddingMode !== 'border' };
    expect(await F.gridSample(image, grid, options).toArray()).toEqual([[[expected]]]);
  });

  it('refuses grids of other images', () => {
    expect(() => F.gridSample(ones([1, 1, 2, 2]), ones([2, 1, 1, 2]))).toThrow(ShapeError);
    expect(() => F.gridSample(ones([1, 1, 2, 2]), ones([1, 1, 1, 3]))).toThrow(ShapeError);
    expect(() => F.gridSample(ones([1, 1, 2, 0]), ones([1, 1, 1, 2]))).toThrow(/only the batch may be empty/);
    expect(() => F.gridSample(ones([1, 1, 2, 2, 2]), ones([1, 1, 1, 1, 3]), { mode: 'bicubic' })).toThrow(
      ArgumentError,
    );
    expect(() => F.affineGrid(ones([1, 2, 2]), [1, 1, 2, 2])).toThrow(/\[1, 2, 3\].*\[1, 2, 2\]/);
  });

  it('follows affineGrid: the identity gives the image', async () => {
    const theta = floats([
      [
        [1, 0, 0],
        [0, 1, 0],
      ],
    ]);
    for (const alignCorners of [true, false]) {
      const same = F.gridSample(image, F.affineGrid(theta, [1, 1, 2, 2], { alignCorners }), { alignCorners });
      expect(await same.toArray()).toEqual(await image.toArray());
    }
  });

  it('is one kernel', () => {
    use(cpu());
    const [x, places] = [randn([1, 2, 6, 5]).realize(), randn([1, 3, 3, 2]).realize()];
    expect(explain(F.gridSample(x, places)).kernels.length).toBe(1);
  });
});

describe('fold and unfold', () => {
  it('are each other’s transposes: folding ones counts the blocks of each element', async () => {
    const options = { padding: 1, stride: 2, dilation: [1, 2] } as const;
    const x = randn([2, 3, 5, 6], { dtype: 'float64' });
    const columns = F.unfold(x, [3, 2], options);
    const weights = randn(columns.shape, { dtype: 'float64' });
    const left = await columns.mul(weights).sum().item();
    const right = await F.fold(weights, [5, 6], [3, 2], options).mul(x).sum().item();
    expect(left).toBeCloseTo(right, 9);
  });

  it('tiles come back whole, and what they leave is 0', async () => {
    use(cpu());
    const x = randn([1, 2, 6, 4]).realize();
    const there = F.unfold(x, [3, 2], { stride: [3, 2] });
    expect(await F.fold(there, [6, 4], [3, 2], { stride: [3, 2] }).toArray()).toEqual(await x.toArray());
    const wider = F.fold(there, [7, 5], [3, 2], { stride: [3, 2] });
    expect(await wider.narrow(2, 6, 1).abs().sum().item()).toBe(0);
    expect(await wider.sum().item()).toBeCloseTo(await x.sum().item(), 4);
    const tiles = randn([1, 12, 4]).realize();
    expect(explain(F.fold(tiles, [6, 4], [3, 2], { stride: [3, 2] }).add(1)).kernels.length).toBe(1);
  });

  it('go without a batch, and refuse what makes no blocks', () => {
    expect(F.unfold(ones([2, 3, 3]), 2).shape).toEqual([8, 4]);
    expect(F.fold(ones([8, 4]), 3, 2).shape).toEqual([2, 3, 3]);
    expect(() => F.unfold(ones([3, 3]), 2)).toThrow(ShapeError);
    expect(() => F.unfold(ones([1, 1, 3, 3]), 4)).toThrow(/do not fit/);
    expect(() => F.fold(ones([8, 5]), 3, 2)).toThrow(/\[batch, channels \* 4, 4\], got \[8, 5\]/);
    expect(() => F.fold(ones([8, 4]), 3, 2, { stride: 0 })).toThrow(ArgumentError);
  });
});

describe('pixels and channels', () => {
  it('come back, in any layout', async () => {
    const x = randn([3, 2, 8, 2]).permute(1, 2, 0, 3);
    const shuffled = F.pixelShuffle(x, 2);
    expect(shuffled.shape).toEqual([2, 2, 6, 4]);
    expect(await F.pixelUnshuffle(shuffled, 2).toArray()).toEqual(await x.toArray());
    expect(await F.channelShuffle(F.channelShuffle(x, 2), 4).toArray()).toEqual(await x.toArray());
  });

  it('refuse sizes that do not divide', () => {
    expect(() => F.pixelShuffle(ones([3, 1, 1]), 2)).toThrow(/multiple of 4/);
    expect(() => F.pixelShuffle(ones([4, 1]), 2)).toThrow(ShapeError);
    expect(() => F.pixelShuffle(ones([4, 1, 1]), 0)).toThrow(ArgumentError);
    expect(() => F.pixelUnshuffle(ones([1, 3, 2]), 2)).toThrow(ShapeError);
    expect(() => F.channelShuffle(ones([1, 4, 1]), 3)).toThrow(/3 groups/);
    expect(() => F.channelShuffle(ones([1, 4]), 2)).toThrow(ShapeError);
  });
});

describe('max unpooling', () => {
  it('puts maxima back, in sizes that several inputs share too', async () => {
    const x = arange(25).float().reshape(1, 5, 5);
    const [values, indices] = F.maxPool2d(x, 2, { returnIndices: true });
    const back = F.maxUnpool2d(values, indices, 2, { outputSize: [5, 5] });
    expect(await back.gt(0).int().sum().item()).toBe(4);
    expect(await back.sum().item()).toBe(6 + 8 + 16 + 18);
    expect(F.maxUnpool2d(values, indices.remainder(16), 2).shape).toEqual([1, 4, 4]);
    expect(F.maxUnpool1d(ones([0, 2, 3]), ones([0, 2, 3]).int(), 2).shape).toEqual([0, 2, 6]);
  });

  it('refuses indices that do not fit', () => {
    const x = ones([1, 2, 2]);
    const indices = tensor([
      [
        [0, 2],
        [8, 10],
      ],
    ]);
    expect(() => F.maxUnpool2d(x, indices.float(), 2)).toThrow(DTypeError);
    expect(() =>
      F.maxUnpool2d(
        x,
        tensor([
          [
            [0, 2],
            [8, 16],
          ],
        ]),
        2,
      ),
    ).toThrow(IndexError);
    expect(() => F.maxUnpool2d(x, tensor([[[0]]]), 2)).toThrow(ShapeError);
    expect(() => F.maxUnpool2d(x, indices, 2, { outputSize: [6, 6] })).toThrow(ArgumentError);
  });
});

describe('adaptive average pooling', () => {
  it('to sizes that do not divide: what is not finite stays in its parts', async () => {
    // Parts of 2, 3, 2 elements: 0-1, 1-3, 3-4.
    const x = floats([[[1, 2, 3, 4, Infinity]]]);
    expect(await F.adaptiveAvgPool1d(x, 3).toArray()).toEqual([[[1.5, 3, Infinity]]]);
    const image = floats([[[Number.NaN, 1, 2], ...new Array(4).fill([3, 4, 6])]]);
    expect(await F.adaptiveAvgPool2d(image, [3, 2]).toArray()).toEqual([
      [
        [Number.NaN, 3.25],
        [3.5, 5],
        [3.5, 5],
      ],
    ]);
    expect(await F.adaptiveAvgPool1d(floats([[[1, 2, 3]]]), 5).toArray()).toEqual([[[1, 1.5, 2, 2.5, 3]]]);
  });
});

describe('power means', () => {
  it('with p of 1 and Infinity are sums and maxima', async () => {
    const x = arange(6).float().reshape(1, 6);
    expect(await F.lpPool1d(x, 1, 2).toArray()).toEqual([[1, 5, 9]]);
    expect(await F.lpPool1d(x, Infinity, 2).toArray()).toEqual([[1, 3, 5]]);
  });

  it('have the derivative 0 where all is 0', async () => {
    const x = tensor([[0, 0, 3, 4]], { dtype: 'float32', requiresGrad: true });
    F.lpPool1d(x, 2, 2).sum().backward();
    expect(await x.grad!.toArray()).toEqual([[0, 0, expect.closeTo(0.6, 6), expect.closeTo(0.8, 6)]]);
  });

  it('refuse p = 0, and other shapes', () => {
    expect(() => F.lpPool2d(ones([1, 2, 2]), 0, 2)).toThrow(ArgumentError);
    expect(() => F.lpPool2d(ones([2, 2]), 2, 2)).toThrow(/^lpPool2d: /);
    expect(() => F.lpPool3d(ones([1, 2, 2, 2]).int(), 2, 2)).toThrow(DTypeError);
    expect(F.lpPool3d(ones([1, 2, 2, 2]), 2, 2).shape).toEqual([1, 1, 1, 1]);
  });
});
