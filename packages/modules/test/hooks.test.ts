// Hooks around calls and gradients, of one module and of all.
import { noGrad } from '@nn/autograd';
import {
  init,
  Linear,
  Module,
  ReLU,
  registerModuleForwardHook,
  registerModuleForwardPreHook,
  registerModuleFullBackwardHook,
  registerModuleFullBackwardPreHook,
  Sequential,
} from '@nn/modules';
import { interpreter, ones, type Tensor, tensor, use } from '@nn/tensor';
import { beforeAll, describe, expect, it } from 'vitest';

beforeAll(() => {
  use(interpreter());
});

class Pair extends Module<[Tensor, Tensor, { readonly scale?: number }?], [Tensor, Tensor]> {
  override forward(a: Tensor, b: Tensor, options: { readonly scale?: number } = {}): [Tensor, Tensor] {
    return [a.mul(options.scale ?? 1), b.mul(3)];
  }
}

const leaf = (...values: number[]): Tensor => tensor(values, { dtype: 'float32', requiresGrad: true });

describe('forward hooks', () => {
  it('see options as they see other arguments, run in order, and may go in front', () => {
    const pair = new Pair();
    const order: string[] = [];
    pair.registerForwardPreHook((_, [a, b, options]) => {
      order.push(`second ${options?.scale}`);
      return [a, b, { scale: 5 }];
    });
    pair.registerForwardPreHook(
      () => {
        order.push('first');
        return undefined;
      },
      { prepend: true },
    );
    const [y] = pair(leaf(1), leaf(1), { scale: 2 });
    expect(order).toEqual(['first', 'second 2']);
    expect(y.itemSync()).toBe(5);
    expect(() => pair.registerForwardHook(null as never)).toThrow(/must be a function/);
    expect(() => pair.registerForwardHook(() => undefined, { first: true } as object)).toThrow(
      /registerForwardHook/,
    );
  });

  it('may remove themselves while they run', () => {
    const layer = new ReLU();
    let calls = 0;
    const handle = layer.registerForwardHook(() => {
      calls++;
      handle.remove();
      return undefined;
    });
    layer(ones([1]));
    layer(ones([1]));
    expect(calls).toBe(1);
  });
});

describe('backward hooks', () => {
  it('see the gradients of inputs and outputs', async () => {
    const layer = new Linear(2, 1, { bias: false });
    init.constant_(layer.weight, 2);
    const seen: unknown[] = [];
    layer.registerFullBackwardHook((module, gradInput, gradOutput) => {
      seen.push(module, gradInput[0]?.toArraySync(), gradOutput[0]?.toArraySync());
      return undefined;
    });
    const x = ones([1, 2], { requiresGrad: true });
    layer(x).mul(3).sum().backward();
    expect(seen).toEqual([layer, [[6, 6]], [[3]]]);
    expect(await x.grad!.toArray()).toEqual([[6, 6]]);
    expect(await layer.weight.grad!.toArray()).toEqual([[3, 3]]);
  });

  it('may replace them: of the outputs before, of the inputs after', async () => {
    const layer = new Linear(1, 1, { bias: false });
    init.constant_(layer.weight, 2);
    layer.registerFullBackwardPreHook((_, [gradient]) => [gradient!.mul(10)]);
    layer.registerFullBackwardHook((_, [gradient], [gradOutput]) => {
      expect(gradOutput?.itemSync()).toBe(10);
      return [gradient!.add(1)];
    });
    const x = ones([1, 1], { requiresGrad: true });
    layer(x).sum().backward();
    expect(await x.grad!.item()).toBe(21);
    expect(await layer.weight.grad!.item()).toBe(10);
  });

  it('are called with nulls where inputs have no gradient, and have one place for each argument and result', () => {
    const layer = new Linear(1, 1);
    const seen: unknown[] = [];
    layer.registerFullBackwardHook((_, gradInput, gradOutput) => {
      seen.push(gradInput, gradOutput.length);
      return undefined;
    });
    layer(ones([1, 1]))
      .sum()
      .backward();
    expect(seen).toEqual([[null], 1]);

    const pair = new Pair();
    const lists: unknown[] = [];
    pair.registerFullBackwardHook((_, gradInput, gradOutput) => {
      lists.push(
        gradInput.map((each) => each?.itemSync() ?? null),
        gradOutput.map((each) => each?.itemSync() ?? null),
      );
      return undefined;
    });
    const [first, second] = pair(leaf(1), leaf(1), { scale: 2 });
    first.add(second.mul(5)).sum().backward();
    expect(lists).toEqual([
      [2, 15, null],
      [1, 5],
    ]);
  });

  it('leave values and results without gradients as they are', () => {
    const layer = new ReLU();
    layer.registerFullBackwardHook(() => {
      throw new Error('not called');
    });
    const x = ones([1]);
    expect(noGrad(() => layer(leaf(2)).itemSync())).toBe(2);
    expect(layer(x).requiresGrad).toBe(false);
  });

  it('say what they must return', () => {
    const layer = new ReLU();
    layer.registerFullBackwardHook(() => []);
    expect(() => layer(leaf(1)).sum().backward()).toThrow(/nothing or 1 gradients/);
  });

  it('work at every module of a model, and in derivatives of derivatives', async () => {
    const model = new Sequential(new Linear(1, 2), new ReLU(), new Linear(2, 1));
    const order: string[] = [];
    for (const [name, module] of model.namedChildren())
      (module as Linear).registerFullBackwardHook(() => {
        order.push(name);
        return undefined;
      });
    const x = leaf(1);
    const y = model(x.reshape(1, 1)).square().sum();
    y.backward(undefined, { createGraph: true });
    expect(order).toEqual(['2', '1', '0']);
    expect(x.grad?.requiresGrad).toBe(true);
  });
});

describe('hooks of all modules', () => {
  it('come before those of the module', () => {
    const layer = new ReLU();
    const order: string[] = [];
    const tell = (what: string) => () => {
      order.push(what);
      return undefined;
    };
    const handles = [
      registerModuleForwardPreHook(tell('all before')),
      registerModuleForwardHook(tell('all after')),
      registerModuleFullBackwardPreHook(tell('all backward before')),
      registerModuleFullBackwardHook(tell('all backward')),
      layer.registerForwardPreHook(tell('before')),
      layer.registerForwardHook(tell('after')),
      layer.registerFullBackwardPreHook(tell('backward before')),
      layer.registerFullBackwardHook(tell('backward')),
    ];
    layer(leaf(1)).sum().backward();
    for (const handle of handles) handle.remove();
    layer(leaf(1)).sum().backward();
    expect(order).toEqual([
      'all before',
      'before',
      'all after',
      'after',
      'all backward before',
      'backward before',
      'all backward',
      'backward',
    ]);
  });
});
