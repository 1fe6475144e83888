// Module: calls, registration, modes, hooks, state dicts, devices and dtypes.
import { noGrad } from '@nn/autograd';
import { ArgumentError, DataError } from '@nn/core';
import * as F from '@nn/functional';
import {
  BatchNorm1d,
  init,
  isModule,
  Linear,
  Module,
  ModuleList,
  Parameter,
  ReLU,
  Sequential,
  type StateDict,
} from '@nn/modules';
import { interpreter, ones, runtimeOf, type Tensor, tensor, use, zeros } from '@nn/tensor';
import { beforeAll, describe, expect, it } from 'vitest';

beforeAll(() => {
  use(interpreter({ name: 'other' }));
  use(interpreter());
});

class Block extends Module<[Tensor, number], Tensor> {
  scale = new Parameter(ones([2]));
  inner = new Linear(2, 2, { bias: false });
  readonly #offset = 1;
  override name = 'a field of the name that functions have';

  constructor() {
    super();
    this.registerBuffer('count', zeros([1]));
    this.registerBuffer('hidden', zeros([1]), { persistent: false });
  }

  override forward(x: Tensor, factor: number): Tensor {
    return this.inner(x).mul(this.scale).mul(factor).add(this.#offset);
  }
}

describe('calls', () => {
  it('run forward with its types, private members and fields', async () => {
    const block = new Block();
    init.eye_(block.inner.weight);
    const y: Tensor = block(ones([1, 2]), 3);
    expect(await y.toArray()).toEqual([[4, 4]]);
    expect(block.name).toBe('a field of the name that functions have');
    expect(block instanceof Block && block instanceof Module && isModule(block)).toBe(true);
    expect(Object.keys(new ReLU())).not.toContain('length');
  });

  it('say that forward is missing', () => {
    class Forgot extends ReLU {}
    const forgot = new Forgot();
    Object.defineProperty(forgot, 'forward', { value: undefined });
    expect(() => forgot(ones([1]))).toThrow(/Forgot: the class has no method forward/);
  });

  it('end their nesting when forward throws', () => {
    class Failing extends Module {
      override forward(): Tensor {
        throw new Error('here');
      }
    }
    expect(() => new Failing()(ones([1]))).toThrow('here');
    expect(new ReLU()(ones([1])).shape).toEqual([1]);
  });

  it('hold the parameters after the first one, so that later runs do not draw them again', async () => {
    const layer = new Linear(3, 3);
    const first = await layer(ones([1, 3])).toArray();
    expect(layer.weight.node.state?.buffer).toBeDefined();
    expect(await layer(ones([1, 3])).toArray()).toEqual(first);
  });

  it('keep the output of the outermost module when a step runs it', () => {
    const model = new Sequential(new Linear(2, 2), new ReLU());
    const hidden: Tensor[] = [];
    const handle = model.at(0).registerForwardHook((_, __, output) => {
      hidden.push(output);
      return undefined;
    });
    const output = model(ones([1, 2]));
    output.sum().backward();
    const { weight } = model.at(0);
    noGrad(() => weight.sub_(weight.grad!));
    runtimeOf(weight.device).step([weight.node]);
    expect(output.node.state?.buffer).toBeDefined();
    expect(hidden[0].node.state?.buffer).toBeDefined();
    handle.remove();
  });
});

describe('registration', () => {
  it('is by assignment, in order, each once', () => {
    class Net extends Module {
      first = new Linear(2, 3);
      blocks = new ModuleList([new Linear(3, 3), new Linear(3, 3)]);
      second = this.first;
      plain = zeros([1]);
      override forward(x: Tensor): Tensor {
        return this.first(x);
      }
    }
    const net = new Net();
    expect([...net.namedParameters()].map(([path]) => path)).toEqual([
      'first.weight',
      'first.bias',
      'blocks.0.weight',
      'blocks.0.bias',
      'blocks.1.weight',
      'blocks.1.bias',
    ]);
    expect([...net.namedModules()].map(([path]) => path)).toEqual([
      '',
      'first',
      'blocks',
      'blocks.0',
      'blocks.1',
    ]);
    expect([...net.namedChildren()].map(([name]) => name)).toEqual(['first', 'blocks']);
    expect([...net.parameters(false)]).toEqual([]);
    net.blocks.append(new Linear(3, 1));
    expect([...net.parameters()].length).toBe(8);
    expect(net.getSubmodule('blocks.2')).toBe(net.blocks[2]);
  });

  it('has buffers, persistent or not', () => {
    const block = new Block();
    expect([...block.namedBuffers()].map(([path]) => path)).toEqual(['count', 'hidden']);
    expect(Object.keys(block.stateDict())).toEqual(['scale', 'count', 'inner.weight']);
  });

  it('refuses names that are taken or have dots', () => {
    const block = new Block();
    expect(() => block.registerBuffer('forward', zeros([1]))).toThrow(ArgumentError);
    expect(() => block.addModule('a.b', new ReLU())).toThrow(/dots/);
    expect(() => block.registerParameter('p', zeros([1]) as Parameter)).toThrow(/Parameter/);
  });

  it('takes a buffer that its field holds already, and says how to declare the field', () => {
    class Masked extends Module<[Tensor], Tensor> {
      mask: Tensor = ones([2]);
      constructor(value?: Tensor) {
        super();
        this.registerBuffer('mask', value ?? this.mask);
      }
      override forward(x: Tensor): Tensor {
        return x.mul(this.mask);
      }
    }
    expect(Object.keys(new Masked().stateDict())).toEqual(['mask']);
    expect(() => new Masked(zeros([2]))).toThrow(/'mask!: Tensor'/);
  });

  it('finds and replaces members by path, also those that are there twice', () => {
    const model = new Sequential(new Sequential(new BatchNorm1d(2)), new ReLU());
    expect(model.getBuffer('0.0.runningMean').shape).toEqual([2]);
    expect(model.getParameter('0.0.weight')).toBe(model.at(0).at(0).weight);
    expect(model.getSubmodule('')).toBe(model);
    model.setSubmodule('0.0', new Linear(2, 2));
    expect(String(model.getSubmodule('0.0'))).toMatch(/^Linear/);
    expect(() => model.getSubmodule('0.1')).toThrow(/no module '0.1' in this Sequential/);
    expect(() => model.getParameter('0.0.wieght')).toThrow(/Did you mean '0.0.weight'/);
    expect(() => model.getBuffer('0.0.weight')).toThrow(/no buffer/);
    class Twice extends Module {
      a = new Linear(1, 1);
      b = this.a;
      override forward(x: Tensor): Tensor {
        return x;
      }
    }
    const twice = new Twice();
    expect([twice.getSubmodule('b'), twice.getParameter('b.weight')]).toEqual([twice.a, twice.a.weight]);
    expect(String(twice)).toContain('(b): Linear');
    twice.removeMember('b');
    expect(twice.namedModules().map(([path]) => path)).toEqual(['', 'a']);
    expect(() => twice.removeMember('b')).toThrow(/no member 'b'/);
  });

  it('does not alias views', async () => {
    const base = ones([2, 2]);
    const parameter = new Parameter(base.select(0, 0));
    noGrad(() => parameter.mul_(5));
    expect(await base.toArray()).toEqual([
      [1, 1],
      [1, 1],
    ]);
  });
});

describe('modes', () => {
  it('reach every module', () => {
    const model = new Sequential(new Linear(1, 1), new Sequential(new BatchNorm1d(1)));
    model.eval();
    expect([...model.modules()].map(({ training }) => training)).toEqual([false, false, false, false]);
    model.train();
    expect(model.training).toBe(true);
    model.requiresGrad_(false);
    expect([...model.parameters()].some((parameter) => parameter.requiresGrad)).toBe(false);
  });

  it('apply visits children first', () => {
    const seen: string[] = [];
    new Sequential(new ReLU()).apply((module) => {
      seen.push(module.constructor.name);
    });
    expect(seen).toEqual(['ReLU', 'Sequential']);
  });
});

describe('hooks', () => {
  it('see and replace inputs and outputs, until removed', async () => {
    const layer = new ReLU();
    const before = layer.registerForwardPreHook((_, [x]) => [x.neg()]);
    const after = layer.registerForwardHook((_, [x], output) => output.add(x).mul(10));
    expect(await layer(tensor([-1, 2], { dtype: 'float32' })).toArray()).toEqual([20, -20]);
    before.remove();
    after.remove();
    expect(await layer(tensor([-1, 2], { dtype: 'float32' })).toArray()).toEqual([0, 2]);
  });
});

describe('state dicts', () => {
  it('share memory, and are copied in', async () => {
    const a = new Linear(2, 1);
    const b = new Linear(2, 1);
    const state = a.stateDict();
    expect(b.loadStateDict(state)).toEqual({ missingKeys: [], unexpectedKeys: [], castKeys: [] });
    expect(await b.weight.toArray()).toEqual(await a.weight.toArray());
    init.zeros_(a.weight);
    expect(await state.weight.toArray()).toEqual([[0, 0]]);
    expect(await b.weight.toArray()).not.toEqual([[0, 0]]);
    expect(b.weight.requiresGrad).toBe(true);
  });

  it('that do not fit change nothing and are told in full', async () => {
    const layer = new Linear(2, 1);
    const before = await layer.weight.toArray();
    const state: StateDict = { weight: zeros([1, 2]), bias: zeros([3]), other: zeros([1]) };
    expect(() => layer.loadStateDict(state)).toThrow(DataError);
    expect(() => layer.loadStateDict(state)).toThrow(
      /unexpected: other[\s\S]*bias: the state has shape \[3\], the module \[1\]/,
    );
    expect(() => layer.loadStateDict({})).toThrow(/missing: weight, bias/);
    expect(await layer.weight.toArray()).toEqual(before);
    expect(layer.loadStateDict({ weight: zeros([1, 2]) }, { strict: false }).missingKeys).toEqual(['bias']);
    expect(await layer.weight.toArray()).toEqual([[0, 0]]);
  });
});

describe('to', () => {
  it('moves parameters, buffers and gradients, and keeps the objects', async () => {
    const norm = new BatchNorm1d(2);
    const weight = norm.weight!;
    norm(ones([2, 2]).mul(tensor([[1], [2]])))
      .sum()
      .backward();
    const values = await weight.toArray();
    norm.to('other');
    expect(norm.weight).toBe(weight);
    expect([weight.device, weight.grad?.device, norm.runningMean?.device]).toEqual([
      'other',
      'other',
      'other',
    ]);
    expect(await weight.toArray()).toEqual(values);
  });

  it('takes device and dtype together', () => {
    const norm = new BatchNorm1d(2).to({ device: 'other', dtype: 'float64' });
    expect([norm.weight?.device, norm.weight?.dtype, norm.runningMean?.dtype]).toEqual([
      'other',
      'float64',
      'float64',
    ]);
    expect([norm.half().weight?.dtype, norm.bfloat16().runningVar?.dtype]).toEqual(['float16', 'bfloat16']);
    expect(() => norm.to({ devise: 'other' } as object)).toThrow(/Did you mean 'device'/);
  });

  it('casts floats only', () => {
    const norm = new BatchNorm1d(2).double();
    expect([norm.weight?.dtype, norm.runningVar?.dtype, norm.numBatchesTracked?.dtype]).toEqual([
      'float64',
      'float64',
      'int64',
    ]);
    expect(norm(ones([2, 2], { dtype: 'float64' })).dtype).toBe('float64');
  });
});

describe('text', () => {
  it("is PyTorch's", () => {
    class Net extends Module {
      layers = new Sequential(new Linear(2, 3), new ReLU());
      override forward(x: Tensor): Tensor {
        return F.relu(this.layers(x));
      }
    }
    expect(String(new Net())).toBe(
      'Net(\n  (layers): Sequential(\n    (0): Linear(inFeatures=2, outFeatures=3, bias=true)\n    (1): ReLU()\n  )\n)',
    );
  });
});
