// Averages of models: against PyTorch's (golden values of @nn/optim), as moving averages, saved and copied.
import { ArgumentError } from '@nn/core';
import { cpu } from '@nn/cpu';
import {
  AveragedModel,
  type AveragedModelOptions,
  BatchNorm1d,
  Dropout,
  deepcopy,
  getEmaAvgFn,
  getEmaMultiAvgFn,
  getSwaAvgFn,
  getSwaMultiAvgFn,
  init,
  Linear,
  Sequential,
  updateBN,
} from '@nn/modules';
import { SGD } from '@nn/optim';
import { interpreter, ones, runtimeOf, setFusion, type Tensor, tensor, use } from '@nn/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { golden } from '../../optim/test/golden.ts';

const variants = ['interpreter', 'cpu'].flatMap((device) =>
  [true, false].map((fusion) => ({ device, fusion })),
);

/** Float64 rounding over four steps. */
function expectClose(actual: ArrayLike<number>, expected: readonly number[]): void {
  expect(actual).toHaveLength(expected.length);
  expected.forEach((value, i) => {
    expect(Math.abs(actual[i] - value)).toBeLessThanOrEqual(1e-11 * Math.max(1, Math.abs(value)));
  });
}

const data = async (x: Tensor | null): Promise<Float64Array> => (await x!.data()) as Float64Array;

describe.each(variants)('on $device, fusion $fusion', ({ device, fusion }) => {
  beforeAll(() => {
    use(device === 'cpu' ? cpu({ threads: 1 }) : interpreter());
    setFusion(fusion);
  });
  afterAll(() => setFusion(true));

  const ways: readonly (readonly [string, 'mean' | 'ema', AveragedModelOptions])[] = [
    ['the mean', 'mean', {}],
    ['getSwaAvgFn', 'mean', { avgFn: getSwaAvgFn() }],
    ['getSwaMultiAvgFn', 'mean', { multiAvgFn: getSwaMultiAvgFn() }],
    ['getEmaAvgFn', 'ema', { avgFn: getEmaAvgFn(0.7) }],
    ['getEmaMultiAvgFn', 'ema', { multiAvgFn: getEmaMultiAvgFn(0.7) }],
  ];

  it.each(ways)('%s is as in PyTorch, batch norms too', async (_, kind, options) => {
    const expected = golden.averaging[kind];
    const norm = new BatchNorm1d(2, { dtype: 'float64' });
    const model = new Sequential(
      new Linear(3, 2, { dtype: 'float64' }),
      norm,
      new Linear(2, 1, { dtype: 'float64' }),
    );
    model.parameters().forEach((parameter, i) => {
      const values = tensor(expected.start[i], { shape: parameter.shape, dtype: 'float64' });
      parameter.detach().copy_(values);
    });
    const average = new AveragedModel(model, options);
    const x = tensor(expected.x, { shape: [4, 3], dtype: 'float64' });
    const optimizer = new SGD(model.parameters(), { lr: 0.05 });
    for (let step = 0; step < 4; step++) {
      optimizer.zeroGrad();
      model(x).square().mean().backward();
      optimizer.step();
      average.updateParameters(model);
    }
    await updateBN([x, [x.mul(0.5).add(1), 'a target'], x.narrow(0, 0, 3).sub(1)], average);
    for (const [i, parameter] of average.module.parameters().entries()) {
      expectClose(await data(parameter), expected.parameters[i]);
    }
    const [, own] = average.module.children() as [unknown, BatchNorm1d];
    expectClose(await data(own.runningMean), expected.runningMean);
    expectClose(await data(own.runningVar), expected.runningVar);
    expect(own.momentum).toBe(0.1);
    average.eval();
    expectClose(await data(average(x)), expected.output);
    expect(Number(await average.nAveraged.item())).toBe(4);
  });

  it('costs no program of its own, and holds no more over many steps', () => {
    const model = new Linear(16, 16);
    const average = new AveragedModel(model, { avgFn: getEmaAvgFn(0.9) });
    const optimizer = new SGD(model.parameters(), { lr: 0.1 });
    const held = (steps: number): number => {
      for (let i = 0; i < steps; i++) {
        optimizer.zeroGrad();
        model(ones([1, 16]))
          .sum()
          .backward();
        optimizer.step();
        average.updateParameters(model);
      }
      return runtimeOf(model.weight.device).heldBytes().value;
    };
    expect(held(60)).toBe(held(5));
  });
});

describe('an average', () => {
  beforeAll(() => use(interpreter()));
  const scalar = (value: number): Linear => {
    const model = new Linear(1, 1, { bias: false });
    init.constant_(model.weight, value);
    return model;
  };

  it('is a module: saved, loaded, copied, with the mode of its own', async () => {
    const model = scalar(2);
    const average = new AveragedModel(model);
    average.updateParameters(model);
    init.constant_(model.weight, 4);
    average.updateParameters(model);
    const state = average.stateDict();
    expect(Object.keys(state)).toEqual(['nAveraged', 'module.weight']);
    const loaded = new AveragedModel(scalar(9));
    loaded.loadStateDict(state);
    const copied = deepcopy(average);
    init.constant_(model.weight, 9);
    for (const each of [loaded, copied, average]) {
      each.updateParameters(model);
      expect(await each.module.parameters()[0].item()).toBeCloseTo(5, 6);
    }
    expect(average.eval().training).toBe(false);
    expect(model.training).toBe(true);
  });

  it('copies buffers, or averages them', async () => {
    const norm = new BatchNorm1d(1);
    const copying = new AveragedModel(norm);
    const averaging = new AveragedModel(norm, { useBuffers: true });
    for (const value of [1, 3]) {
      norm.runningMean!.fill_(value);
      norm.numBatchesTracked!.fill_(value);
      copying.updateParameters(norm);
      averaging.updateParameters(norm);
    }
    const means = [copying, averaging].map((each) => (each.module as BatchNorm1d).runningMean!);
    expect(await Promise.all(means.map((mean) => mean.toArray()))).toEqual([[3], [2]]);
    expect(Number(await (averaging.module as BatchNorm1d).numBatchesTracked!.item())).toBe(3);
  });

  it('refuses other models, and what is none', () => {
    const average = new AveragedModel(scalar(1));
    expect(() => average.updateParameters(new Linear(2, 1, { bias: false }))).toThrow(
      /has weight \[1, 1\] where the model has weight \[1, 2\]/,
    );
    expect(() => average.updateParameters(new Linear(1, 1))).toThrow(ArgumentError);
    expect(() => new AveragedModel(3 as never)).toThrow(ArgumentError);
    expect(
      () => new AveragedModel(scalar(1), { avgFn: getSwaAvgFn(), multiAvgFn: getSwaMultiAvgFn() }),
    ).toThrow(/not both/);
    expect(() => getEmaAvgFn(2)).toThrow(/between 0 and 1/);
  });

  it('leaves a model without batch norms alone, and modes and momenta as they were', async () => {
    const plain = new Dropout(0.5).eval();
    await updateBN([tensor([1])], plain);
    expect(plain.training).toBe(false);
    const norm = new BatchNorm1d(1, { momentum: 0.3 }).eval();
    await expect(updateBN(['junk'], norm)).rejects.toThrow(ArgumentError);
    expect([norm.momentum, norm.training]).toEqual([0.3, false]);
    async function* batches(): AsyncGenerator<Tensor> {
      yield tensor([[1], [2]], { dtype: 'float32' });
    }
    await updateBN(batches(), norm);
    expect(await norm.runningMean!.toArray()).toEqual([1.5]);
    const average = new AveragedModel<[Tensor], Tensor>(new Sequential(norm));
    await updateBN(batches(), average);
    expect(await average.buffers()[1].toArray()).toEqual([1.5]);
  });
});
