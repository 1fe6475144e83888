// Settings and parameters that are refused, gradients of awkward layouts, and precision.
import { ArgumentError, AutogradError } from '@nn/core';
import * as optim from '@nn/optim';
import { interpreter, type Tensor, tensor, use } from '@nn/tensor';
import { beforeAll, describe, expect, it } from 'vitest';

beforeAll(() => use(interpreter()));
const leaf = (values: number[], dtype: 'float32' | 'float64' = 'float32'): Tensor =>
  tensor(values, { dtype, requiresGrad: true });

describe('settings', () => {
  it('that are undefined are the defaults', () => {
    const group = { params: leaf([1]), lr: undefined };
    expect(new optim.SGD([leaf([1])], { lr: undefined }).paramGroups[0].lr).toBe(1e-3);
    expect(new optim.Adam([group], { lr: 0.5 }).paramGroups[0].lr).toBe(0.5);
  });

  it.each([
    [
      'a negative rate',
      () => new optim.Adam([leaf([1])], { lr: -1 }),
      /lr must be a number of at least 0, got -1/,
    ],
    ['text', () => new optim.Adam([leaf([1])], { lr: '0.1' as never }), /got '0.1'/],
    ['NaN', () => new optim.SGD([leaf([1])], { momentum: Number.NaN }), /momentum/],
    [
      'betas',
      () => new optim.AdamW([leaf([1])], { betas: [0.9, 1] }),
      /betas must be two numbers in \[0, 1\)/,
    ],
    ['no betas', () => new optim.RAdam([leaf([1])], { betas: 0.9 as never }), /got 0.9/],
    ['etas', () => new optim.Rprop([leaf([1])], { etas: [1.2, 0.5] }), /two numbers around 1/],
    [
      'step sizes',
      () => new optim.Rprop([leaf([1])], { stepSizes: [1, 0.1] }),
      /a least and a greatest step/,
    ],
    ['rho', () => new optim.Adadelta([leaf([1])], { rho: 1.5 }), /rho must lie between 0 and 1, got 1.5/],
    ['Nesterov', () => new optim.SGD([leaf([1])], { nesterov: true }), /nesterov needs a momentum/],
    ['unknown', () => new optim.Adam([leaf([1])], { weightdecay: 1 } as never), /Did you mean 'weightDecay'/],
    ['in a group', () => new optim.Adam([{ params: leaf([1]), lr: -2 }]), /got -2/],
  ])('%s', (_, make, message) => {
    expect(make).toThrow(ArgumentError);
    expect(make).toThrow(message);
  });

  it.each([
    ['stepSize', (o: optim.SGD) => new optim.StepLR(o, 0)],
    ['tMax as an object', (o: optim.SGD) => new optim.CosineAnnealingLR(o, { tMax: 3 } as never)],
    ['t0', (o: optim.SGD) => new optim.CosineAnnealingWarmRestarts(o, 1.5)],
    ['milestones', (o: optim.SGD) => new optim.MultiStepLR(o, 3 as never)],
    ['gamma', (o: optim.SGD) => new optim.ExponentialLR(o, undefined as never)],
    ['maxLr', (o: optim.SGD) => new optim.OneCycleLR(o, {} as never, { totalSteps: 3 })],
    ['lambda', (o: optim.SGD) => new optim.LambdaLR(o, 0.5 as never)],
  ])('schedulers refuse: %s', (_, make) => {
    expect(() => make(new optim.SGD([leaf([1])], { momentum: 0.9 }))).toThrow(ArgumentError);
  });
});

describe('parameters', () => {
  it('are tensors in a list', () => {
    expect(() => new optim.SGD(undefined as never)).toThrow(/expected a list of parameters or groups/);
    expect(() => new optim.SGD([{ params: 3 as never }])).toThrow(
      /expected a list of parameters, got number 3/,
    );
    expect(() => new optim.SGD([leaf([1]), { params: leaf([2]) }] as never)).toThrow(/a group needs params/);
  });

  it('may be frozen, but not all of them', () => {
    const frozen = tensor([1], { dtype: 'float32' });
    expect(() => new optim.SGD([frozen])).toThrow(AutogradError);
    expect(new optim.SGD([frozen, leaf([1])]).paramGroups[0].params).toHaveLength(2);
    expect(() => new optim.SGD([leaf([1]), tensor([1, 2], { dtype: 'int32' })])).toThrow(
      /only float tensors/,
    );
  });
});

describe('step', () => {
  it('refuses an asynchronous closure before it changes anything', async () => {
    const x = leaf([1]);
    const optimizer = new optim.SGD([x], { lr: 1 });
    x.square().sum().backward();
    expect(() => optimizer.step(async () => 1)).toThrow(/asynchronous/);
    expect(await x.toArray()).toEqual([1]);
  });

  it('computes in float64 where the parameter is', async () => {
    const x = leaf([3], 'float64');
    const optimizer = new optim.Rprop([x], { lr: 0.1, etas: [0.5, 1.2] });
    for (let i = 0; i < 3; i++) {
      optimizer.zeroGrad();
      x.square().sum().backward();
      optimizer.step();
    }
    // Bounded by float64's rounding; a factor of 1.2 rounded to float32 would be off by 5e-9.
    expect(await x.item()).toBeCloseTo(3 - 0.1 * (1 + 1.2 + 1.44), 13);
  });

  it('takes settings that are turned on later', async () => {
    const x = leaf([1, -2]);
    const adam = new optim.Adam([x], { lr: 0.1 });
    const rms = new optim.RMSprop([x], { lr: 0.1 });
    for (const optimizer of [adam, rms]) {
      x.square().sum().backward();
      optimizer.step();
    }
    adam.paramGroups[0].amsgrad = true;
    Object.assign(rms.paramGroups[0], { centered: true, momentum: 0.9 });
    for (const optimizer of [adam, rms]) optimizer.step();
    expect(((await x.toArray()) as number[]).every(Number.isFinite)).toBe(true);
  });

  it('zeroGrad can keep gradients, as zeros', async () => {
    const [x, y] = [leaf([1, 2]), leaf([3])];
    const optimizer = new optim.SGD([x, y]);
    x.sum().backward();
    optimizer.zeroGrad({ setToNone: false });
    expect(await x.grad!.toArray()).toEqual([0, 0]);
    expect(y.grad).toBeNull();
  });
});

describe('clipping', () => {
  it('takes expanded gradients, and scales shared ones once', async () => {
    const x = leaf([1, 2]);
    x.sum().backward();
    optim.clipGradValue_(x, 0.5);
    expect(await x.grad!.toArray()).toEqual([0.5, 0.5]);
    const [a, b] = [leaf([3, 4]), leaf([0, 0])];
    a.add(b).square().sum().backward();
    // Each gradient is [6, 8]: the norm of both is 10 √2.
    expect(await optim.clipGradNorm_([a, b], Math.SQRT2).item()).toBeCloseTo(10 * Math.SQRT2, 5);
    for (const { grad } of [a, b]) {
      const [first, second] = (await grad!.toArray()) as number[];
      expect(first).toBeCloseTo(0.6, 5);
      expect(second).toBeCloseTo(0.8, 5);
    }
  });

  it('gives 0 where nothing has a gradient', async () => {
    expect(await optim.clipGradNorm_([leaf([1])], 1).item()).toBe(0);
  });

  it('takes norms of all orders, and a norm that was computed before', async () => {
    const [x, y, z] = [leaf([3, -4]), leaf([0.5]), leaf([0])];
    const fill = (): void => {
      for (const each of [x, y, z]) each.grad = each.detach().clone();
    };
    const norms = [0, 1, 3, Infinity, -Infinity];
    const totals: number[] = [];
    for (const normType of norms) {
      fill();
      totals.push(await optim.clipGradNorm_([x, y, z], 1e6, { normType }).item());
    }
    // PyTorch's norm of norms: with order 0 that counts the tensors that are not zero.
    expect(totals.map((value) => Number(value.toFixed(4)))).toEqual([2, 7.5, 4.5, 4, 0]);
    fill();
    const total = optim.getTotalNorm([x.grad!, y.grad!], { normType: 1 });
    expect(await total.item()).toBe(7.5);
    optim.clipGradsWithNorm_([x, y], 3.75, total);
    expect(await x.grad!.toArray()).toEqual([expect.closeTo(1.5, 5), expect.closeTo(-2, 5)]);
    expect(await y.grad!.item()).toBeCloseTo(0.25, 5);
    y.grad = tensor([Number.NaN]);
    expect(() => optim.clipGradNorm_([x, y], 1, { errorIfNonfinite: true })).toThrow(/norm is NaN/);
  });

  it('refuses bounds that are none', () => {
    expect(() => optim.clipGradNorm_([leaf([1])], -1)).toThrow(ArgumentError);
    expect(() => optim.clipGradNorm_([leaf([1])], 1, { normType: '2' as never })).toThrow(ArgumentError);
    expect(() => optim.clipGradNorm_(3 as never, 1)).toThrow(ArgumentError);
    expect(() => optim.clipGradValue_([leaf([1])], Number.NaN)).toThrow(ArgumentError);
    expect(() => optim.clipGradNorm_([3 as never], 1)).toThrow(ArgumentError);
  });
});
