// State dicts in full: hooks around them, assignment, reports, extra state, names as PyTorch writes them.
import { DataError } from '@nn/core';
import {
  BatchNorm1d,
  fromPyTorchNames,
  Linear,
  Module,
  Parameter,
  ReLU,
  Sequential,
  toPyTorchNames,
} from '@nn/modules';
import { interpreter, ones, type Tensor, tensor, use, zeros } from '@nn/tensor';
import { beforeAll, describe, expect, it } from 'vitest';

beforeAll(() => {
  use(interpreter());
});

class Shared extends Module {
  first = new Linear(2, 2, { bias: false });
  second = this.first;
  tied = this.first.weight;
  override forward(x: Tensor): Tensor {
    return this.second(this.first(x));
  }
}

describe('stateDict', () => {
  it('has every path of what is shared, as in PyTorch', () => {
    expect(Object.keys(new Shared().stateDict())).toEqual(['tied', 'first.weight', 'second.weight']);
  });

  it('takes a prefix, and gives the parameters themselves with keepVars', () => {
    const layer = new Linear(1, 1);
    expect(Object.keys(layer.stateDict({ prefix: 'net.' }))).toEqual(['net.weight', 'net.bias']);
    expect(layer.stateDict({ keepVars: true }).weight).toBe(layer.weight);
    expect(layer.stateDict().weight.requiresGrad).toBe(false);
  });

  it('runs hooks before and after, which may change it', () => {
    const model = new Sequential(new Linear(1, 1), new ReLU());
    const seen: string[] = [];
    model[0].registerStateDictPreHook((_, prefix) => void seen.push(`before ${prefix}`));
    const handle = model[0].registerStateDictHook((_, state, prefix) => {
      seen.push(`after ${prefix}`);
      return { ...state, [`${prefix}extra`]: zeros([1]) };
    });
    expect(Object.keys(model.stateDict())).toEqual(['0.weight', '0.bias', '0.extra']);
    expect(seen).toEqual(['before 0.', 'after 0.']);
    handle.remove();
    expect(Object.keys(model.stateDict())).toEqual(['0.weight', '0.bias']);
  });

  it('has extra state, which comes back', async () => {
    class Counting extends Module {
      count = 3;
      override forward(x: Tensor): Tensor {
        return x;
      }
      override getExtraState(): Tensor {
        return tensor(this.count);
      }
      override setExtraState(state: Tensor): void {
        this.count = Number(state.itemSync());
      }
    }
    const state = new Sequential(new Counting()).stateDict();
    expect(Object.keys(state)).toEqual(['0._extraState']);
    const other = new Sequential(new Counting());
    other[0].count = 0;
    other.loadStateDict(state);
    expect(other[0].count).toBe(3);
    expect(other.loadStateDict({}, { strict: false }).missingKeys).toEqual(['0._extraState']);
  });
});

describe('loadStateDict', () => {
  it('tells what differs, with names that are near, and changes nothing', async () => {
    const layer = new Linear(2, 1);
    const before = await layer.weight.toArray();
    const state = { weigth: zeros([1, 2]), bias: zeros([1]) };
    expect(() => layer.loadStateDict(state)).toThrow(
      /missing: weight \(the state has 'weigth'\)\n {2}unexpected: weigth/,
    );
    expect(() =>
      layer.loadStateDict({ ...state, weight: 3 as unknown as Tensor }, { strict: false }),
    ).toThrow(/weight: is not a tensor/);
    expect(() => layer.loadStateDict(null as never)).toThrow(DataError);
    expect(() => layer.loadStateDict({}, { strickt: false } as object)).toThrow(/Did you mean 'strict'/);
    expect(await layer.weight.toArray()).toEqual(before);
  });

  it('says when the names are those of PyTorch, and takes them converted', async () => {
    const norm = new BatchNorm1d(2);
    const state = toPyTorchNames(norm.stateDict());
    expect(() => norm.loadStateDict(state)).toThrow(/PyTorch's names: load fromPyTorchNames\(state\)/);
    expect(norm.loadStateDict(fromPyTorchNames(state)).missingKeys).toEqual([]);
  });

  it('casts to the module, says what it cast, and refuses what cannot be held', async () => {
    const norm = new BatchNorm1d(1);
    const { numBatchesTracked, ...floats } = norm.stateDict();
    const doubles = Object.fromEntries(Object.entries(floats).map(([name, value]) => [name, value.double()]));
    const state = { ...doubles, numBatchesTracked: numBatchesTracked! };
    expect(norm.loadStateDict(state).castKeys).toEqual(['weight', 'bias', 'runningMean', 'runningVar']);
    expect(norm.weight?.dtype).toBe('float32');
    expect(() => norm.loadStateDict({ ...state, numBatchesTracked: zeros([]) })).toThrow(
      /numBatchesTracked: the state has float32, which the module's int64 cannot hold/,
    );
  });

  it('puts the tensors themselves in place with assign', async () => {
    const layer = new Linear(1, 1);
    layer.weight.requiresGrad_(false);
    const weight = zeros([1, 1], { dtype: 'float64' });
    const bias = new Parameter(zeros([1], { dtype: 'float64' }));
    expect(layer.loadStateDict({ weight, bias }, { assign: true }).castKeys).toEqual([]);
    expect([layer.weight.dtype, layer.weight.requiresGrad]).toEqual(['float64', false]);
    expect(layer.bias).toBe(bias);
    weight.add_(2);
    expect(await layer.weight.item()).toBe(2);
    expect(layer(ones([1, 1], { dtype: 'float64' })).dtype).toBe('float64');
    const norm = new BatchNorm1d(1);
    const state = new BatchNorm1d(1).stateDict();
    norm.loadStateDict(state, { assign: true });
    expect(norm.runningMean).toBe(state.runningMean);
  });

  it('lets hooks rename keys before, and forgive keys after', async () => {
    const model = new Sequential(new Linear(1, 1));
    model[0].registerLoadStateDictPreHook((_, state, prefix) => {
      state[`${prefix}weight`] = state[`${prefix}w`];
      delete state[`${prefix}w`];
    });
    const state = { '0.w': ones([1, 1]), '0.bias': ones([1]) };
    model.loadStateDict(state);
    expect(await model[0].weight.item()).toBe(1);
    expect(Object.keys(state)).toEqual(['0.w', '0.bias']);
    const old = { '0.w': ones([1, 1]) };
    expect(() => model.loadStateDict(old)).toThrow(/missing: 0.bias/);
    const handle = model[0].registerLoadStateDictPostHook((_, { missingKeys }) => {
      missingKeys.splice(0);
    });
    expect(model.loadStateDict(old).missingKeys).toEqual([]);
    handle.remove();
    expect(() => model.loadStateDict(old)).toThrow(DataError);
  });
});

describe('names', () => {
  it('go to PyTorch and back', () => {
    const names = {
      'layers.0.self_attn.in_proj_weight': 1,
      'rnn.weight_ih_l0_reverse': 2,
      'block_1.bias': 3,
      _extra_state: 4,
      'parametrizations.weight.original0': 5,
    };
    const own = fromPyTorchNames(names);
    expect(Object.keys(own)).toEqual([
      'layers.0.selfAttn.inProjWeight',
      'rnn.weightIhL0Reverse',
      'block_1.bias',
      '_extraState',
      'parametrizations.weight.original0',
    ]);
    expect(toPyTorchNames(own)).toEqual(names);
  });
});
