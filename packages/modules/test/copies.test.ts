// Copies of modules, and modules as functions of their parameters.
import { func, noGrad, vmap } from '@nn/autograd';
import {
  BatchNorm1d,
  Dropout,
  deepcopy,
  functionalCall,
  LazyLinear,
  Linear,
  Module,
  ModuleDict,
  Parameter,
  ParameterDict,
  ReLU,
  Sequential,
  stackModuleState,
} from '@nn/modules';
import { interpreter, ones, randn, stack, type Tensor, use, zeros } from '@nn/tensor';
import { beforeAll, describe, expect, it } from 'vitest';

beforeAll(() => {
  use(interpreter());
});

class Tied extends Module {
  encoder = new Linear(2, 2, { bias: false });
  decoder = new Linear(2, 2, { bias: false });
  config = { sizes: [1, 2], names: new Map([['a', new Set([1])]]) };
  constructor() {
    super();
    this.decoder.weight = this.encoder.weight;
    this.registerBuffer('count', zeros([1]));
    this.registerBuffer('hidden', zeros([1]), { persistent: false });
  }
  override forward(x: Tensor): Tensor {
    return this.decoder(this.encoder(x));
  }
}

describe('deepcopy', () => {
  it('shares nothing with the original, and keeps what is shared within', async () => {
    const model = new Tied();
    model(ones([1, 2]))
      .sum()
      .backward();
    model.eval();
    const copy = deepcopy(model);
    expect(copy).toBeInstanceOf(Tied);
    expect(copy.training).toBe(false);
    expect(copy.decoder.weight).toBe(copy.encoder.weight);
    expect(copy.encoder.weight).not.toBe(model.encoder.weight);
    expect(await copy.encoder.weight.toArray()).toEqual(await model.encoder.weight.toArray());
    expect(await copy.encoder.weight.grad!.toArray()).toEqual(await model.encoder.weight.grad!.toArray());
    expect(copy.config).toEqual(model.config);
    expect(copy.config.names.get('a')).not.toBe(model.config.names.get('a'));
    expect(Object.keys(copy.stateDict())).toEqual(['count', 'encoder.weight', 'decoder.weight']);
    expect(copy.namedBuffers().map(([name]) => name)).toEqual(['count', 'hidden']);
    noGrad(() => model.encoder.weight.fill_(0));
    expect(await copy(ones([1, 2])).toArray()).not.toEqual([[0, 0]]);
  });

  it('has the hooks, of calls and of states; removing one leaves the other', () => {
    const layer = new ReLU();
    let calls = 0;
    const handle = layer.registerForwardHook(() => {
      calls++;
      return undefined;
    });
    layer.registerStateDictHook((_, state) => ({ ...state, extra: zeros([1]) }));
    const copy = deepcopy(layer);
    handle.remove();
    copy(ones([1]));
    layer(ones([1]));
    expect(calls).toBe(1);
    expect(Object.keys(copy.stateDict())).toEqual(['extra']);
  });

  it('goes through containers, lazy modules and structures', () => {
    const shared = new Linear(1, 1);
    const parts = {
      modules: new ModuleDict({ train: new Linear(1, 2), again: shared }),
      parameters: new ParameterDict({ a: ones([1]) }),
      list: [shared, new LazyLinear(2)] as const,
      none: null,
    };
    const copy = deepcopy(parts);
    expect(copy.modules.get('again')).toBe(copy.list[0]);
    expect(copy.list[0]).not.toBe(shared);
    expect(copy.parameters.get('a')).toBeInstanceOf(Parameter);
    expect(copy.parameters.get('a')).not.toBe(parts.parameters.get('a'));
    expect(copy.list[1](ones([1, 3])).shape).toEqual([1, 2]);
    expect(String(copy.list[1])).toMatch(/^Linear\(inFeatures=3/);
    expect(String(parts.list[1])).toMatch(/^LazyLinear/);
    expect(copy.modules.set('new', shared).size).toBe(parts.modules.size + 1);
  });

  it('asks classes with #private members for an empty one', () => {
    class Hidden extends Module {
      readonly #factor: number;
      scale = new Parameter(ones([1]));
      constructor(factor: number) {
        super();
        this.#factor = factor;
      }
      override blank(): this {
        return new Hidden(this.#factor) as this;
      }
      override forward(x: Tensor): Tensor {
        return x.mul(this.#factor).mul(this.scale);
      }
    }
    const hidden = new Hidden(3);
    noGrad(() => hidden.scale.mul_(2));
    expect(deepcopy(hidden)(ones([1])).itemSync()).toBe(6);
  });

  it('refuses tensors that were computed', () => {
    const layer = new Linear(1, 1);
    Reflect.set(layer, 'kept', layer.weight.mul(2));
    expect(() => deepcopy(layer)).toThrow(/computed from others/);
  });
});

describe('functionalCall', () => {
  it('uses what is given for the call, and leaves the module as it was', async () => {
    const model = new Sequential(new Linear(1, 1), new ReLU());
    const { weight } = model.at(0);
    const given = { '0.weight': ones([1, 1], { requiresGrad: true }), '0.bias': ones([1]) };
    const y = functionalCall(model, given, [ones([1, 1])]);
    expect(await y.item()).toBe(2);
    y.sum().backward();
    expect(await given['0.weight'].grad!.item()).toBe(1);
    expect([model.at(0).weight, weight.grad]).toEqual([weight, null]);
    class Failing extends Linear {
      override forward(): Tensor {
        throw new Error('here');
      }
    }
    const failing = new Failing(1, 1);
    const before = failing.weight;
    expect(() => functionalCall(failing, { weight: ones([1, 1]) }, [ones([1])])).toThrow('here');
    expect(failing.weight).toBe(before);
  });

  it('updates given buffers in place, and takes several dictionaries', async () => {
    const norm = new BatchNorm1d(1);
    const buffers = Object.fromEntries(norm.namedBuffers().map(([name, value]) => [name, value.clone()]));
    const parameters = Object.fromEntries(norm.namedParameters());
    functionalCall(norm, [parameters, buffers], [ones([2, 1]).mul(4)]);
    expect(await buffers.runningMean.item()).toBeCloseTo(0.4, 6);
    expect(await norm.runningMean!.item()).toBe(0);
    expect([await buffers.numBatchesTracked.item(), await norm.numBatchesTracked!.item()]).toEqual([1, 0]);
  });

  it('ties what is one parameter, unless told not to', async () => {
    const model = new Tied();
    const doubled = ones([2, 2]);
    const x = ones([1, 2]);
    expect(await functionalCall(model, { 'encoder.weight': doubled }, [x]).toArray()).toEqual([[4, 4]]);
    expect(await functionalCall(model, { 'decoder.weight': doubled }, [x]).toArray()).toEqual([[4, 4]]);
    const both = { 'encoder.weight': doubled, 'decoder.weight': zeros([2, 2]) };
    expect(() => functionalCall(model, both, [x])).toThrow(/are one tensor in the module/);
    expect(await functionalCall(model, both, [x], { tieWeights: false }).toArray()).toEqual([[0, 0]]);
  });

  it('refuses names it does not know, what is no tensor, and gaps if strict', () => {
    const layer = new Linear(1, 1);
    const x = ones([1]);
    expect(() => functionalCall(layer, { wieght: ones([1, 1]) }, [x])).toThrow(/Did you mean 'weight'/);
    expect(() => functionalCall(layer, { weight: 1 as never }, [x])).toThrow(/is not a tensor/);
    expect(() => functionalCall(layer, { weight: ones([1, 1]) }, [x], { strict: true })).toThrow(
      /bias are missing/,
    );
    expect(() => functionalCall(layer, {}, x as never)).toThrow(/must be a list/);
  });

  it('gives the gradient of each example, as a loop does', async () => {
    const model = new Sequential(new Linear(3, 4), new ReLU(), new Linear(4, 1));
    const weights = Object.fromEntries(model.namedParameters());
    const x = randn([5, 3]);
    const loss = (tensors: typeof weights, one: Tensor): Tensor =>
      functionalCall(model, tensors, [one]).square().sum();
    const together = vmap(func.grad(loss), { inDims: [null, 0] })(weights, x);
    for (let i = 0; i < 5; i++) {
      model.zeroGrad();
      model(x.select(0, i)).square().sum().backward();
      for (const [name, parameter] of model.namedParameters())
        expect(await together[name].select(0, i).allclose(parameter.grad!, { atol: 1e-6 })).toBe(true);
    }
  });

  it('runs models of one kind as one', async () => {
    const models = [1, 2, 3].map(() =>
      new Sequential(new Linear(3, 2), new BatchNorm1d(2), new Dropout()).eval(),
    );
    const [parameters, buffers] = stackModuleState(models);
    expect([parameters['0.weight'].shape, parameters['0.weight'].requiresGrad]).toEqual([[3, 2, 3], true]);
    const x = randn([4, 3]);
    const run = vmap((p: typeof parameters, b: typeof buffers) => functionalCall(models[0], [p, b], [x]));
    const all = run(parameters, buffers);
    expect(await all.allclose(stack(models.map((model) => model(x))), { atol: 1e-6 })).toBe(true);
    all.sum().backward();
    expect(parameters['0.weight'].grad?.shape).toEqual([3, 2, 3]);
    expect(() => stackModuleState([])).toThrow(/no models/);
    expect(() => stackModuleState([new Linear(1, 1), new ReLU()])).toThrow(/of one kind/);
  });
});
