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
import { IndexError, interpreter, ones, type Tensor, use, zeros } from '@nn/tensor';
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

describe('lists', () => {
  const sizes = (list: Iterable<Linear>): number[] => Array.from(list, ({ outFeatures }) => outFeatures);
  const of = (...widths: number[]): ModuleList<Linear> =>
    new ModuleList(widths.map((width) => new Linear(1, width)));

  it('of modules insert, replace, remove and cut, and number what is left', () => {
    const list = of(1, 2, 3);
    expect([list.pop().outFeatures, list.length]).toEqual([3, 2]);
    expect(sizes(list.insert(2, new Linear(1, 5)).insert(-3, new Linear(1, 4)))).toEqual([4, 1, 2, 5]);
    expect(list.pop(1).outFeatures).toBe(1);
    expect(Object.keys(list.stateDict())).toEqual(
      ['0', '1', '2'].flatMap((i) => [`${i}.weight`, `${i}.bias`]),
    );
    expect(sizes(list.set(-1, new Linear(1, 9)))).toEqual([4, 2, 9]);
    const part = list.slice(1);
    expect([sizes(part), part instanceof ModuleList, part[0] === list[1]]).toEqual([[2, 9], true, true]);
    expect(sizes(list.concat(of(7)))).toEqual([4, 2, 9, 7]);
    expect([list.indexOf(list[2]), list.indexOf(new Linear(1, 1))]).toEqual([2, -1]);
    list.extend(list);
    expect(sizes(list)).toEqual([4, 2, 9, 4, 2, 9]);
    list.clear();
    expect([list.length, Object.keys(list.stateDict())]).toEqual([0, []]);
  });

  it('refuse positions and items that do not fit', () => {
    const list = of(1);
    for (const act of [
      () => list.at(1),
      () => list.set(-2, list[0]),
      () => list.pop(3),
      () => list.insert(2, list[0]),
    ])
      expect(act).toThrow(IndexError);
    expect(() => list.at(0.5)).toThrow(/out of range for a ModuleList of length 1/);
    expect(() => list.append(zeros([1]) as never)).toThrow(/holds modules/);
    expect(() => new ParameterList([3 as never])).toThrow(/a parameter or a tensor/);
  });

  it('of parameters do the same', () => {
    const list = new ParameterList([zeros([1]), zeros([2])]);
    list.insert(0, zeros([3])).set(1, ones([4]));
    expect([...list].map(({ shape }) => shape)).toEqual([[3], [4], [2]]);
    expect([list.pop(0).shape, list.parameters().length]).toEqual([[3], 2]);
    expect(list.concat([ones([7])]).at(-1)).toBeInstanceOf(Parameter);
  });
});

describe('Sequential', () => {
  it('changes in place, and keeps names where it can', () => {
    const model = new Sequential({ first: new Linear(1, 2), second: new ReLU() });
    model.set(1, new Linear(2, 3));
    expect(model.entries().map(([name]) => name)).toEqual(['first', 'second']);
    const tail = model.slice(-1);
    expect([tail.length, tail.at(0), tail.entries()[0][0]]).toEqual([1, model.at(1), 'second']);
    model.insert(1, new ReLU());
    expect(model.entries().map(([name]) => name)).toEqual(['0', '1', '2']);
    expect(model(ones([1, 1])).shape).toEqual([1, 3]);
    expect(model.pop()).toBeInstanceOf(Linear);
    expect(model.concat(new Sequential(new ReLU())).length).toBe(3);
    expect(new Sequential(...([new ReLU()] as Module[])).extend([new ReLU(), new ReLU()]).length).toBe(3);
    expect(() => model.pop(4)).toThrow(IndexError);
    expect(() => model.insert(0, null as never)).toThrow(/holds modules/);
    expect(() => new Sequential(3 as never)).toThrow(/must be a module/);
  });
});

describe('dictionaries', () => {
  it('of modules have the methods of dictionaries', () => {
    const dict = new ModuleDict<Module>([
      ['a', new ReLU()],
      ['b', new Linear(1, 1)],
    ]);
    const fallback = new ReLU();
    expect(dict.get('none', fallback)).toBe(fallback);
    expect(dict.setDefault('a', fallback)).not.toBe(fallback);
    expect(dict.setDefault('c', fallback)).toBe(fallback);
    expect([dict.delete('c'), dict.delete('c')]).toEqual([true, false]);
    const union = dict.union({ a: fallback });
    expect([union.get('a') === fallback, dict.get('a') === fallback, union instanceof ModuleDict]).toEqual([
      true,
      false,
      true,
    ]);
    expect(dict.popItem()[0]).toBe('b');
    expect(dict.pop('none', fallback)).toBe(fallback);
    dict.update(new Map([['z', fallback]]));
    expect([[...dict.keys()], [...dict.values()].length, [...dict.entries()].length]).toEqual([
      ['a', 'z'],
      2,
      2,
    ]);
    dict.clear();
    expect(dict.size).toBe(0);
    expect(() => dict.popItem()).toThrow(/is empty/);
    expect(() => dict.set('a.b', fallback)).toThrow(/dots/);
    expect(() => dict.set('a', 3 as never)).toThrow(/must be a module/);
    expect(() => new ParameterDict({ weight: ones([1]) }).get('wieght')).toThrow(/Did you mean 'weight'/);
  });
});
