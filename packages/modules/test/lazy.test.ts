// Lazy layers: before, at and after their first call.
import {
  BatchNorm2d,
  Conv2d,
  isUninitialized,
  LazyBatchNorm2d,
  LazyConv2d,
  LazyConvTranspose1d,
  LazyInstanceNorm2d,
  LazyLinear,
  Linear,
  Sequential,
} from '@nn/modules';
import { interpreter, ones, randn, use } from '@nn/tensor';
import { beforeAll, describe, expect, it } from 'vitest';

beforeAll(() => {
  use(interpreter({ name: 'other' }));
  use(interpreter());
});

describe('a lazy layer', () => {
  it('has no shapes until it is called, then is of the plain class with the same parameters', async () => {
    const layer = new LazyConv2d(4, 3, { padding: 1, groups: 2 });
    const { weight } = layer;
    expect(isUninitialized(weight)).toBe(true);
    expect(layer.parameters()).toContain(weight);
    expect(() => weight.add(1)).toThrow(/has no shape yet\. Call the module once/);
    expect(layer(ones([1, 6, 5, 5])).shape).toEqual([1, 4, 5, 5]);
    expect(layer.constructor).toBe(Conv2d);
    expect([layer.inChannels, layer.weight.shape, layer.weight === weight]).toEqual([6, [4, 3, 3, 3], true]);
    expect([weight.requiresGrad, isUninitialized(weight)]).toEqual([true, false]);
    const values = (await weight.data()) as Float32Array;
    const bound = 1 / Math.sqrt(27);
    expect(values.every((each) => Math.abs(each) <= bound) && new Set(values).size > 50).toBe(true);
    const first = await layer(ones([1, 6, 5, 5])).data();
    expect(await layer(ones([1, 6, 5, 5])).data()).toEqual(first);
    layer(ones([1, 6, 5, 5]))
      .sum()
      .backward();
    expect(weight.grad?.shape).toEqual([4, 3, 3, 3]);
  });

  it('starts with statistics of nothing, on its device and of its dtype', async () => {
    const norm = new LazyBatchNorm2d({ dtype: 'float64' });
    norm(randn([2, 3, 4, 4], { dtype: 'float64' }));
    expect(norm.constructor).toBe(BatchNorm2d);
    expect([norm.numFeatures, norm.weight?.dtype, norm.runningVar?.shape]).toEqual([3, 'float64', [3]]);
    expect(await norm.weight!.toArray()).toEqual([1, 1, 1]);
    expect(await norm.numBatchesTracked!.item()).toBe(1);
    const moved = new Sequential(new LazyLinear(2), new LazyLinear(1)).to('other').double();
    expect(moved(ones([1, 3], { device: 'other', dtype: 'float64' })).device).toBe('other');
    expect(moved[1].inFeatures).toBe(2);
    const plain = new LazyInstanceNorm2d();
    plain(randn([3, 4, 4]));
    expect([plain.numFeatures, plain.weight]).toEqual([3, null]);
  });

  it('takes a state before its first call, and gives one without shapes', async () => {
    const source = new Linear(5, 2);
    const layer = new LazyLinear(2);
    expect(isUninitialized(layer.stateDict().weight)).toBe(true);
    layer.loadStateDict(source.stateDict());
    expect(layer.weight.shape).toEqual([2, 5]);
    expect(await layer(ones([1, 5])).toArray()).toEqual(await source(ones([1, 5])).toArray());
    expect(layer.inFeatures).toBe(5);
    expect(() => source.loadStateDict(new LazyLinear(2).stateDict())).toThrow(/the state has no shape yet/);
    const other = new LazyLinear(2);
    other.loadStateDict(new LazyLinear(2).stateDict());
    expect(isUninitialized(other.weight)).toBe(true);
  });

  it('says what it cannot work with', () => {
    expect(() => new LazyConv2d(4, 3, { groups: 2 })(ones([1, 3, 5, 5]))).toThrow(/multiple of groups 2/);
    expect(() => new LazyConvTranspose1d(4, 3)(ones([3]))).toThrow(/at least 2 dimensions/);
    expect(() => new LazyLinear(2)(3 as never)).toThrow(/LazyLinear/);
  });
});
