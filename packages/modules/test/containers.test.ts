// Containers of modules and of parameters, and the types that flow through.
import '@nn/autograd';
import {
  ConvTranspose2d,
  Linear,
  MaxPool2d,
  Module,
  ModuleDict,
  ModuleList,
  Parameter,
  ParameterDict,
  ParameterList,
  ReLU,
  Sequential,
} from '@nn/modules';
import { interpreter, ones, type Tensor, use, zeros } from '@nn/tensor';
import { beforeAll, describe, expect, expectTypeOf, it } from 'vitest';

beforeAll(() => use(interpreter()));

class Words extends Module<[string], number> {
  override forward(text: string): number {
    return text.length;
  }
}
class Filled extends Module<[number], Tensor> {
  override forward(size: number): Tensor {
    return ones([size]);
  }
}

describe('Sequential', () => {
  it('calls one after another, with types from end to end', () => {
    const model = new Sequential(new Words(), new Filled(), new ReLU());
    expectTypeOf<typeof model>().parameters.toEqualTypeOf<[string]>();
    expectTypeOf<typeof model>().returns.toEqualTypeOf<Tensor>();
    expect(model('four').shape).toEqual([4]);
    // @ts-expect-error: a tensor is no number
    expect(() => new Sequential(new ReLU(), new Filled())).not.toThrow();
    const pool = new MaxPool2d(2, { returnIndices: true });
    expectTypeOf<typeof pool>().returns.toEqualTypeOf<[Tensor, Tensor]>();
  });

  it('is a module of one input when its first module takes more that may be left out', () => {
    const generator: Module<[Tensor], Tensor> = new Sequential(new ConvTranspose2d(2, 1, 3), new ReLU());
    expect(generator(ones([1, 2, 4, 4])).shape).toEqual([1, 1, 6, 6]);
  });

  it('takes names, and gives its modules by position', () => {
    const model = new Sequential({ first: new Linear(2, 3), last: new ReLU() });
    expect(Object.keys(model.stateDict())).toEqual(['first.weight', 'first.bias']);
    expect(model(ones([1, 2])).shape).toEqual([1, 3]);
    const plain = new Sequential(new Linear(1, 2), new ReLU());
    expectTypeOf(plain.at(0).weight).toEqualTypeOf<Parameter>();
    expect([plain.length, plain.at(-1)]).toEqual([2, plain[1]]);
    expect(() => plain.at(5)).toThrow(/out of range/);
  });

  it('takes a list made at run time', () => {
    const layers: Module[] = [new Linear(2, 2), new ReLU()];
    expect(new Sequential(...layers)(ones([1, 2])).shape).toEqual([1, 2]);
  });

  it('of nothing gives its input', () => {
    const x = ones([1]);
    expect(new Sequential(...([] as Module[]))(x)).toBe(x);
  });
});

describe('ModuleList and ModuleDict', () => {
  it('register what they hold', () => {
    const list = new ModuleList([new Linear(1, 2)]);
    list.insert(0, new Linear(1, 3)).extend([new Linear(1, 4)]);
    expect([...list].map(({ outFeatures }) => outFeatures)).toEqual([3, 2, 4]);
    expect(Object.keys(list.stateDict()).length).toBe(6);
    const dictionary = new ModuleDict({ train: new Linear(1, 1), other: new ReLU() });
    expect(Object.keys(dictionary.stateDict())).toEqual(['train.weight', 'train.bias']);
    expect([dictionary.has('train'), dictionary.size, [...dictionary.keys()]]).toEqual([
      true,
      2,
      ['train', 'other'],
    ]);
    dictionary.pop('other');
    expect(() => dictionary.get('other')).toThrow(/has no 'other'; it has: train/);
    expect(() => (list as unknown as () => void)()).toThrow(/not called itself/);
  });
});

describe('ParameterList and ParameterDict', () => {
  it('register what they hold', () => {
    const list = new ParameterList([zeros([1]), new Parameter(zeros([2]))]);
    expect([...list.parameters()].map(({ shape }) => shape)).toEqual([[1], [2]]);
    expect(list[1].requiresGrad).toBe(true);
    const weights = new ParameterDict({ left: zeros([1]), right: zeros([2]) });
    const copy = weights.copy();
    expect(copy.get('left')).toBe(weights.get('left'));
    expect(copy.popItem()[0]).toBe('right');
    expect([weights.size, copy.size]).toEqual([2, 1]);
    expect(copy.setDefault('new', ones([3])).shape).toEqual([3]);
    expect(Object.keys(weights.stateDict())).toEqual(['left', 'right']);
    expect([...weights.fromKeys(['a', 'b'], zeros([1])).keys()]).toEqual(['a', 'b']);
  });
});
