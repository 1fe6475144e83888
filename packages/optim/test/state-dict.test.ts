// What a saved state must be to be loaded, and that training goes on exactly from it.
import { ArgumentError, DataError } from '@nn/core';
import * as optim from '@nn/optim';
import { interpreter, isTensor, type Tensor, tensor, use } from '@nn/tensor';
import { beforeAll, describe, expect, it } from 'vitest';

beforeAll(() => use(interpreter()));
const leaf = (values: number[]): Tensor => tensor(values, { dtype: 'float32', requiresGrad: true });

type AnyOptimizer = optim.Optimizer<{ lr: number }>;
type Parameters = optim.ParamsInput<{ lr: number }>;
const makers: Readonly<Record<string, (params: Parameters) => AnyOptimizer>> = {
  'SGD with momentum': (params) => new optim.SGD(params, { lr: 0.1, momentum: 0.9, dampening: 0.5 }),
  Adam: (params) => new optim.Adam(params, { lr: 0.1 }),
  'Adam with amsgrad': (params) => new optim.Adam(params, { lr: 0.1, amsgrad: true }),
  AdamW: (params) => new optim.AdamW(params, { lr: 0.1 }),
  Adamax: (params) => new optim.Adamax(params, { lr: 0.1 }),
  NAdam: (params) => new optim.NAdam(params, { lr: 0.1 }),
  RAdam: (params) => new optim.RAdam(params, { lr: 0.1 }),
  Adagrad: (params) => new optim.Adagrad(params, { lr: 0.1, lrDecay: 0.1 }),
  Adadelta: (params) => new optim.Adadelta(params),
  'RMSprop, centred with momentum': (params) =>
    new optim.RMSprop(params, { lr: 0.1, centered: true, momentum: 0.9 }),
  Rprop: (params) => new optim.Rprop(params),
  ASGD: (params) => new optim.ASGD(params, { lr: 0.1, t0: 2 }),
};

function train(optimizer: AnyOptimizer, params: readonly Tensor[], steps: number): void {
  for (let i = 0; i < steps; i++) {
    optimizer.zeroGrad();
    params.forEach((parameter, j) => {
      parameter
        .sub(j + 1)
        .pow(2)
        .sum()
        .backward();
    });
    optimizer.step();
  }
}

/** Through JSON, with tensors as nested arrays: what a checkpoint does. */
async function throughJson(dict: optim.OptimizerStateDict): Promise<optim.OptimizerStateDict> {
  const state: Record<string, Record<string, unknown>> = {};
  for (const [position, values] of Object.entries(dict.state)) {
    const written: Record<string, unknown> = {};
    for (const [name, value] of Object.entries(values)) {
      written[name] = isTensor(value) ? { values: await value.toArray() } : value;
    }
    state[position] = written;
  }
  const plain = JSON.parse(JSON.stringify({ state, paramGroups: dict.paramGroups }));
  for (const values of Object.values(plain.state as typeof state)) {
    for (const [name, value] of Object.entries(values)) {
      if (typeof value === 'object') {
        values[name] = tensor((value as { values: number[] }).values, { dtype: 'float32' });
      }
    }
  }
  return plain;
}

describe('resuming', () => {
  it.each(Object.entries(makers))('%s goes on bit for bit', async (_, make) => {
    const whole = [leaf([4, -3]), leaf([0.5])];
    const optimizer = make(whole);
    train(optimizer, whole, 4);
    const saved = await throughJson(optimizer.stateDict());
    const resumed: Tensor[] = [];
    for (const parameter of whole) resumed.push(leaf((await parameter.toArray()) as number[]));
    const other = make(resumed);
    other.loadStateDict(saved);
    train(optimizer, whole, 4);
    train(other, resumed, 4);
    for (const [i, parameter] of whole.entries()) {
      expect(await resumed[i].toArray()).toEqual(await parameter.toArray());
    }
  });

  it('keeps copies: two optimizers with one saved state do not disturb each other', async () => {
    const [x, y] = [leaf([4]), leaf([4])];
    const [first, second] = [makers['Adam']([x]), makers['Adam']([y])];
    train(first, [x], 2);
    second.loadStateDict(first.stateDict());
    const before = await (first.state.get(x)!['expAvg'] as Tensor).toArray();
    train(second, [y], 3);
    expect(await (first.state.get(x)!['expAvg'] as Tensor).toArray()).toEqual(before);
  });

  it('numbers parameters over all groups, and brings settings back', () => {
    const [x, y, z] = [leaf([1]), leaf([2]), leaf([3])];
    const make = (): optim.SGD =>
      new optim.SGD([{ params: [x, y] }, { params: z, lr: 0.5 }], { lr: 0.1, momentum: 0.9 });
    const optimizer = make();
    train(optimizer, [x, y, z], 1);
    optimizer.paramGroups[1].lr = 0.25;
    const saved = optimizer.stateDict();
    expect(saved.paramGroups.map(({ params }) => params)).toEqual([[0, 1], [2]]);
    expect(Object.keys(saved.state)).toEqual(['0', '1', '2']);
    const other = make();
    other.loadStateDict(saved);
    expect(other.paramGroups.map(({ lr }) => lr)).toEqual([0.1, 0.25]);
  });
});

describe('a state that does not fit', () => {
  const x = (): Tensor => leaf([1, 2]);
  const trained = (make: (params: Parameters) => AnyOptimizer): optim.OptimizerStateDict => {
    const parameter = x();
    const optimizer = make([parameter]);
    train(optimizer, [parameter], 1);
    return optimizer.stateDict();
  };

  it('of another kind of optimizer is refused', () => {
    const sgd = new optim.SGD([x()], { momentum: 0.9 });
    expect(() => sgd.loadStateDict(trained(makers['Adam']))).toThrow(/group 0 lacks momentum, dampening/);
    // Adamax has no settings that Adam lacks; their states differ.
    const adamax = new optim.Adamax([x()]);
    expect(() => adamax.loadStateDict(trained(makers['Adam']))).toThrow(/state 0 lacks expInf/);
  });

  it('names shapes, kinds and positions that are wrong, and changes nothing', () => {
    const parameter = x();
    const adam = new optim.Adam([parameter], { lr: 0.1 });
    const saved = trained(makers['Adam']);
    const spoiled = (change: object): optim.OptimizerStateDict => ({
      state: { 0: { ...saved.state[0], ...change } },
      paramGroups: [{ ...saved.paramGroups[0], lr: 0.7 }],
    });
    expect(() => adam.loadStateDict(spoiled({ expAvg: leaf([1]) }))).toThrow(
      'state 0: expAvg has shape [1], the parameter [2]',
    );
    expect(() => adam.loadStateDict(spoiled({ step: null }))).toThrow(
      /step must be a number, a list of numbers or a tensor/,
    );
    expect(() => adam.loadStateDict({ ...saved, state: { 5: saved.state[0] } })).toThrow(
      /state 5 belongs to no parameter/,
    );
    const illegal = { ...saved, paramGroups: [{ ...saved.paramGroups[0], lr: -1 }] };
    expect(() => adam.loadStateDict(illegal)).toThrow(ArgumentError);
    expect(adam.paramGroups[0].lr).toBe(0.1);
    expect(adam.state.size).toBe(0);
  });

  it.each([undefined, null, {}, [], { state: {} }, { state: {}, paramGroups: [3] }])('%j', (junk) => {
    const adam = new optim.Adam([x()]);
    expect(() => adam.loadStateDict(junk as never)).toThrow(DataError);
  });
});

describe('scheduler states', () => {
  const sgd = (): optim.SGD => new optim.SGD([leaf([1])], { lr: 1 });

  it('survive JSON before the first metric', () => {
    const scheduler = new optim.ReduceLROnPlateau(sgd(), { mode: 'max', patience: 0 });
    scheduler.loadStateDict(JSON.parse(JSON.stringify(scheduler.stateDict())));
    scheduler.step(-5);
    expect(scheduler.best).toBe(-5);
  });

  it('are refused by another scheduler, or one of other groups', () => {
    const step = new optim.StepLR(sgd(), 2);
    expect(() => step.loadStateDict(new optim.ExponentialLR(sgd(), 0.9).stateDict())).toThrow(
      /lacks stepSize/,
    );
    const two = new optim.SGD([{ params: leaf([1]) }, { params: leaf([2]) }]);
    expect(() => step.loadStateDict(new optim.StepLR(two, 2).stateDict())).toThrow(/of 2 groups, not 1/);
    expect(() => step.loadStateDict({ ...step.stateDict(), lastEpoch: '3' })).toThrow(DataError);
    expect(() => step.loadStateDict(null as never)).toThrow(DataError);
    expect(step.lastEpoch).toBe(0);
  });

  it('are data of their own', () => {
    const step = new optim.StepLR(sgd(), 2);
    (step.stateDict()['baseLrs'] as number[])[0] = 7;
    expect(step.baseLrs).toEqual([1]);
  });
});
