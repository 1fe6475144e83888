// Normalisation: statistics that come along, dtypes, edges, and what is refused.
import '@nn/autograd';
import * as F from '@nn/functional';
import {
  ArgumentError,
  DTypeError,
  interpreter,
  ones,
  randn,
  ShapeError,
  tensor,
  use,
  zeros,
} from '@nn/tensor';
import { beforeEach, describe, expect, it } from 'vitest';

beforeEach(() => use(interpreter()));

describe('rmsNorm', () => {
  it('has mean square 1, in any layout', async () => {
    const x = randn([4, 3, 2]).permute(2, 1, 0);
    const y = F.rmsNorm(x, [3, 4]);
    for (const each of (await y.square().mean([1, 2]).toArray()) as number[]) expect(each).toBeCloseTo(1, 5);
    expect(await F.rmsNorm(x.contiguous(), [3, 4]).toArray()).toEqual(await y.toArray());
  });

  it.each(['float16', 'bfloat16', 'float32', 'float64'] as const)('%s: zero stays zero', async (dtype) => {
    const x = zeros([2, 3], { dtype, requiresGrad: true });
    const y = F.rmsNorm(x, 3);
    expect(y.dtype).toBe(dtype);
    expect(await y.toArray()).toEqual([
      [0, 0, 0],
      [0, 0, 0],
    ]);
    y.sum().backward();
    expect(Array.from(await x.grad!.data(), Number).every(Number.isFinite)).toBe(true);
  });

  it('keeps an empty batch and NaN', async () => {
    expect(F.rmsNorm(ones([0, 3]), 3).shape).toEqual([0, 3]);
    const x = tensor(
      [
        [1, Number.NaN],
        [3, 3],
      ],
      { dtype: 'float32' },
    );
    expect(await F.rmsNorm(x, 2, { eps: 0 }).toArray()).toEqual([
      [Number.NaN, Number.NaN],
      [1, 1],
    ]);
  });

  it('refuses what does not fit', () => {
    expect(() => F.rmsNorm(ones([2, 3]), 2)).toThrow(
      /^rmsNorm: .*\[2, 3\] does not end in normalizedShape \[2\]/,
    );
    expect(() => F.rmsNorm(ones([2, 3]), 3, { weight: ones([2]) })).toThrow(/weight has shape \[2\]/);
    expect(() => F.rmsNorm(ones([2, 3]), [])).toThrow(ShapeError);
    expect(() => F.rmsNorm(ones([2, 3]).int(), 3)).toThrow(DTypeError);
    expect(() => F.rmsNorm(ones([2, 3]), 3, { bias: ones([3]) } as object)).toThrow(ArgumentError);
  });
});

describe('statistics that come along', () => {
  it('nativeLayerNorm: one of each row', async () => {
    const x = tensor(
      [
        [1, 3],
        [5, 5],
      ],
      { dtype: 'float64' },
    );
    const [y, mean, rstd] = F.nativeLayerNorm(x, 2, { eps: 0.25 });
    expect(await y.toArray()).toEqual(await F.layerNorm(x, 2, { eps: 0.25 }).toArray());
    expect(await mean.toArray()).toEqual([[2], [5]]);
    expect(await rstd.toArray()).toEqual([[expect.closeTo(1 / Math.sqrt(1.25), 12)], [2]]);
    expect(() => F.nativeLayerNorm(x, 3)).toThrow(/^nativeLayerNorm: /);
  });

  it('nativeBatchNorm: one of each channel while training, none else', async () => {
    const x = tensor(
      [
        [1, 5],
        [3, 5],
      ],
      { dtype: 'float32' },
    );
    const [runningMean, runningVar] = [zeros([2]), ones([2])];
    const [y, mean, rstd] = F.nativeBatchNorm(x, runningMean, runningVar, { training: true, eps: 0.25 });
    expect(await y.select(1, 1).toArray()).toEqual([0, 0]);
    expect(await mean.toArray()).toEqual([2, 5]);
    expect(await rstd.toArray()).toEqual([expect.closeTo(1 / Math.sqrt(1.25), 6), 2]);
    expect(await runningMean.toArray()).toEqual([expect.closeTo(0.2, 6), 0.5]);
    const [, none, neither] = F.nativeBatchNorm(x, runningMean, runningVar);
    expect([none.shape, neither.shape]).toEqual([[0], [0]]);
    expect(() => F.nativeBatchNorm(x, null, null)).toThrow(/^nativeBatchNorm: without training/);
    expect(() => F.instanceNorm(ones([1, 2, 3]), { useInputStats: false })).toThrow(/^instanceNorm: /);
  });
});
