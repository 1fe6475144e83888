// Hooks of one optimizer and of all, around steps and state dicts; and parameters with names.
import { ArgumentError } from '@nn/core';
import * as optim from '@nn/optim';
import { interpreter, type Tensor, tensor, use } from '@nn/tensor';
import { beforeAll, describe, expect, it } from 'vitest';

beforeAll(() => use(interpreter()));
const leaf = (values: number[] = [1]): Tensor => tensor(values, { dtype: 'float32', requiresGrad: true });

describe('step hooks', () => {
  it('of all optimizers come first and last', () => {
    const seen: string[] = [];
    const note = (text: string) => (): void => void seen.push(text);
    const [first, second] = [new optim.SGD([leaf()]), new optim.Adam([leaf()])];
    const handles = [
      optim.registerOptimizerStepPostHook(note('global after')),
      first.registerStepPreHook(note('own before')),
      first.registerStepPostHook(note('own after')),
      optim.registerOptimizerStepPreHook(note('global before')),
    ];
    first.step();
    second.step();
    expect(seen).toEqual([
      'global before',
      'own before',
      'own after',
      'global after',
      'global before',
      'global after',
    ]);
    for (const handle of handles) handle.remove();
    first.step();
    expect(seen).toHaveLength(6);
  });

  it('are given the optimizer, also around L-BFGS', async () => {
    const x = leaf([3]);
    const optimizer = new optim.LBFGS([x], { maxIter: 4 });
    const seen: unknown[] = [];
    optimizer.registerStepPreHook((given) => void seen.push(given, x.itemSync()));
    optimizer.registerStepPostHook((given) => void seen.push(given.state.get(x)?.nIter));
    const closure = (): Tensor => {
      optimizer.zeroGrad();
      const loss = x.square().sum();
      loss.backward();
      return loss;
    };
    optimizer.step(closure);
    expect(seen).toEqual([optimizer, 3, 2]);
    await optimizer.stepAsync(closure);
    expect(seen).toHaveLength(6);
    expect(() => optimizer.step()).toThrow(/needs a closure/);
    expect(() => optimizer.step(() => 3)).toThrow(/must return the loss/);
  });

  it('are functions', () => {
    const optimizer = new optim.SGD([leaf()]);
    expect(() => optimizer.registerStepPreHook(3 as never)).toThrow(ArgumentError);
    expect(() => optim.registerOptimizerStepPreHook(null as never)).toThrow(ArgumentError);
  });
});

describe('state dict hooks', () => {
  it('run before and after, and may replace the dict', () => {
    const optimizer = new optim.SGD([leaf()], { lr: 1 });
    const seen: string[] = [];
    optimizer.registerStateDictPreHook((given) => {
      seen.push('before');
      given.paramGroups[0].lr = 2;
    });
    optimizer.registerStateDictPostHook((_, dict) => {
      seen.push('second');
      return { ...dict, note: 'kept' };
    });
    const prepended = optimizer.registerStateDictPostHook(() => void seen.push('first'), { prepend: true });
    const dict = optimizer.stateDict();
    expect(dict).toMatchObject({ note: 'kept', paramGroups: [{ lr: 2 }] });
    expect(seen).toEqual(['before', 'first', 'second']);
    prepended.remove();
    optimizer.stateDict();
    expect(seen.slice(3)).toEqual(['before', 'second']);
  });

  it('may adapt what is loaded, and act after it', () => {
    const [optimizer, other] = [new optim.SGD([leaf()], { lr: 1 }), new optim.SGD([leaf()], { lr: 3 })];
    const after: number[] = [];
    optimizer.registerLoadStateDictPreHook((_, { state, paramGroups: [group] }) => ({
      state,
      paramGroups: [{ ...group, lr: 0.5 }],
    }));
    optimizer.registerLoadStateDictPostHook(({ paramGroups }) => void after.push(paramGroups[0].lr));
    const saved = other.stateDict();
    optimizer.loadStateDict(saved);
    expect(after).toEqual([0.5]);
    expect(saved.paramGroups[0]['lr']).toBe(3);
    expect(() => optimizer.registerLoadStateDictPostHook(() => {}, { first: true } as never)).toThrow(
      ArgumentError,
    );
  });
});

describe('parameters with names', () => {
  it('keep them, group by group, through state dicts', async () => {
    const [a, b, c] = [leaf([1]), leaf([2]), leaf([3])];
    const optimizer = new optim.SGD(
      [{ params: [['a', a]] as const, lr: 1 }, { params: Object.entries({ b, c }) }],
      { lr: 0.5 },
    );
    expect(optimizer.paramGroups.map(({ paramNames }) => paramNames)).toEqual([['a'], ['b', 'c']]);
    expect(optimizer.paramGroups[1].params).toEqual([b, c]);
    a.add(b).sum().backward();
    optimizer.step();
    expect([await a.item(), await b.item(), await c.item()]).toEqual([0, 1.5, 3]);
    const { paramGroups } = JSON.parse(JSON.stringify(optimizer.stateDict()));
    expect(paramGroups[1]).toMatchObject({ paramNames: ['b', 'c'], params: [1, 2] });
    const plain = new optim.SGD(Object.entries({ a: leaf() }));
    expect(plain.paramGroups[0].paramNames).toEqual(['a']);
    expect(new optim.SGD([leaf()]).paramGroups[0].paramNames).toBeUndefined();
  });

  it('are given to all or to none', () => {
    expect(() => new optim.SGD([['a', leaf()], leaf()] as never)).toThrow(/Give all as \[name, tensor\]/);
    const optimizer = new optim.SGD([leaf()]);
    expect(() => optimizer.addParamGroup({ params: [['a', leaf()]] })).toThrow(/others have none/);
  });
});
