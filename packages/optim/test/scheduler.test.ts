// Schedulers against PyTorch's rates: before the first step and after each.
import { ArgumentError } from '@nn/core';
import {
  Adam,
  ConstantLR,
  CosineAnnealingLR,
  CosineAnnealingWarmRestarts,
  CyclicLR,
  ExponentialLR,
  LambdaLR,
  LinearLR,
  type LRScheduler,
  MultiplicativeLR,
  MultiStepLR,
  OneCycleLR,
  PolynomialLR,
  ReduceLROnPlateau,
  SGD,
  StepLR,
} from '@nn/optim';
import { interpreter, type Tensor, tensor, use } from '@nn/tensor';
import { beforeAll, describe, expect, it } from 'vitest';

beforeAll(() => use(interpreter()));
const leaf = (): Tensor => tensor([1], { dtype: 'float32', requiresGrad: true });
const sgd = (): SGD => new SGD([leaf()], { lr: 0.1, momentum: 0.9 });

const cases: readonly (readonly [string, (optimizer: SGD) => LRScheduler, readonly number[]])[] = [
  ['StepLR', (o) => new StepLR(o, 3, { gamma: 0.5 }), [0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.025]],
  ['MultiStepLR', (o) => new MultiStepLR(o, [2, 5, 9], { gamma: 0.3 }), [0.1, 0.1, 0.03, 0.03, 0.03, 0.009]],
  [
    'ConstantLR',
    (o) => new ConstantLR(o, { factor: 0.25, totalIters: 4 }),
    [0.025, 0.025, 0.025, 0.025, 0.1, 0.1],
  ],
  [
    'LinearLR',
    (o) => new LinearLR(o, { startFactor: 0.1, endFactor: 0.9, totalIters: 6 }),
    [0.01, 0.0233333, 0.0366667, 0.05, 0.0633333, 0.0766667, 0.09, 0.09],
  ],
  ['ExponentialLR', (o) => new ExponentialLR(o, 0.9), [0.1, 0.09, 0.081, 0.0729, 0.06561]],
  [
    'PolynomialLR',
    (o) => new PolynomialLR(o, { totalIters: 8, power: 2 }),
    [0.1, 0.0765625, 0.05625, 0.0390625, 0.025, 0.0140625, 0.00625, 0.0015625, 0, 0],
  ],
  [
    'CosineAnnealingLR',
    (o) => new CosineAnnealingLR(o, 5, { etaMin: 0.001 }),
    [0.1, 0.0905463, 0.0657963, 0.0352037, 0.0104537, 0.001, 0.0104537, 0.0352037, 0.0657963, 0.0905463, 0.1],
  ],
  [
    'CosineAnnealingWarmRestarts',
    (o) => new CosineAnnealingWarmRestarts(o, 3, { tMult: 2 }),
    [0.1, 0.075, 0.025, 0.1, 0.0933013, 0.075, 0.05, 0.025, 0.00669873, 0.1, 0.0982963],
  ],
  [
    'CyclicLR',
    (o) => new CyclicLR(o, 0.01, 0.1, { stepSizeUp: 3 }),
    [0.01, 0.04, 0.07, 0.1, 0.07, 0.04, 0.01, 0.04, 0.07],
  ],
  [
    'OneCycleLR',
    (o) => new OneCycleLR(o, 0.5, { totalSteps: 20 }),
    [0.02, 0.0658359, 0.185836, 0.334164, 0.454164, 0.5, 0.493732, 0.475242, 0.445458, 0.405873],
  ],
  ['LambdaLR', (o) => new LambdaLR(o, (epoch) => 1 / (1 + epoch)), [0.1, 0.05, 0.0333333, 0.025]],
  ['MultiplicativeLR', (o) => new MultiplicativeLR(o, () => 0.5), [0.1, 0.05, 0.025, 0.0125]],
];

function ratesOf(scheduler: LRScheduler, count: number): number[] {
  const rates = [scheduler.optimizer.paramGroups[0].lr];
  while (rates.length < count) {
    scheduler.step();
    rates.push(scheduler.optimizer.paramGroups[0].lr);
  }
  return rates;
}

describe('rates', () => {
  it.each(cases)('%s', (_, make, expected) => {
    const rates = ratesOf(make(sgd()), expected.length);
    rates.forEach((rate, i) => {
      // The expected ones have six digits.
      expect(Math.abs(rate - expected[i])).toBeLessThanOrEqual(5e-6 * Math.abs(expected[i]) + 5e-9);
    });
  });

  it.each(cases)('%s resumes from its state dict', (name, make) => {
    const whole = make(sgd());
    ratesOf(whole, 4);
    const optimizer = sgd();
    const resumed = make(optimizer);
    resumed.loadStateDict(whole.stateDict());
    Object.assign(optimizer.paramGroups[0], { lr: whole.optimizer.paramGroups[0].lr });
    expect(JSON.parse(JSON.stringify(whole.stateDict())), name).toEqual(whole.stateDict());
    expect(ratesOf(resumed, 4)).toEqual(ratesOf(whole, 4));
  });
});

describe('momentum', () => {
  it('cycles against the rate: SGD momentum, or the first beta', () => {
    const optimizer = sgd();
    const scheduler = new CyclicLR(optimizer, 0.01, 0.1, { stepSizeUp: 3 });
    ratesOf(scheduler, 4);
    expect(optimizer.paramGroups[0].momentum).toBeCloseTo(0.8, 12);
    const adam = new Adam([leaf()]);
    new OneCycleLR(adam, 0.5, { totalSteps: 20 });
    expect(adam.paramGroups[0].betas).toEqual([0.95, 0.999]);
  });
});

describe('ReduceLROnPlateau', () => {
  it('reduces after the patience is over', () => {
    const optimizer = sgd();
    const scheduler = new ReduceLROnPlateau(optimizer, { patience: 1 });
    const rates = [5, 4, 3, 3, 3, 3, 2, 2, 2].map((metric) => {
      scheduler.step(metric);
      return optimizer.paramGroups[0].lr;
    });
    const expected = [0.1, 0.1, 0.1, 0.1, 0.01, 0.01, 0.01, 0.01, 0.001];
    rates.forEach((rate, i) => {
      expect(rate).toBeCloseTo(expected[i], 12);
    });
    scheduler.step(tensor(1.5));
    expect(scheduler.best).toBe(1.5);
  });
});

describe('errors', () => {
  it('say what is wrong', () => {
    expect(() => new OneCycleLR(sgd(), 1)).toThrow(/totalSteps/);
    expect(() => new StepLR(sgd(), 1, { gama: 1 } as object)).toThrow(/Did you mean 'gamma'/);
    expect(() => new LambdaLR(sgd(), [])).toThrow(ArgumentError);
    expect(() => new StepLR(sgd(), 1, { lastEpoch: 3 })).toThrow(/initialLr/);
    expect(() => new ReduceLROnPlateau(sgd(), { factor: 1 })).toThrow(ArgumentError);
    const finished = new OneCycleLR(sgd(), 1, { totalSteps: 2 });
    expect(() => ratesOf(finished, 9)).toThrow(/made for 2 steps/);
  });
});
