// Optimizers against PyTorch's values, and what they share.
import { ArgumentError, DataError } from '@nn/core';
import * as optim from '@nn/optim';
import { interpreter, runtimeOf, type Tensor, tensor, use } from '@nn/tensor';
import { beforeAll, describe, expect, it } from 'vitest';
import { countingInterpreter } from './counting.ts';
import { optimizers, problem } from './pytorch-values.ts';

beforeAll(() => use(interpreter()));
const numbers = (text: string): number[] => text.split(' ').map(Number);
const matrix = (text: string, shape: number[], requiresGrad = false): Tensor =>
  tensor(numbers(text), { shape, dtype: 'float32', requiresGrad });
const leaf = (values: number[]): Tensor => tensor(values, { dtype: 'float32', requiresGrad: true });

/** float32 rounding over ten steps. */
function expectClose(actual: ArrayLike<number>, expected: readonly number[]): void {
  expected.forEach((value, i) => {
    expect(Math.abs(actual[i] - value)).toBeLessThanOrEqual(1e-5 + 1e-4 * Math.abs(value));
  });
}

type AnyOptimizer = new (params: Tensor[], options: object) => optim.Optimizer<{ lr: number }>;

describe('against PyTorch', () => {
  it.each(optimizers.map((each) => [`${each.name} ${JSON.stringify(each.options)}`, each] as const))(
    '%s',
    async (_, { name, options, x: expectedX, c: expectedC }) => {
      const a = matrix(problem.A, [5, 3]);
      const b = matrix(problem.b, [5, 2]);
      const x = matrix(problem.x0, [3, 2], true);
      const c = matrix(problem.c0, [2], true);
      const optimizer = new (optim as unknown as Record<string, AnyOptimizer>)[name]([x, c], options);
      for (let step = 1; step <= 10; step++) {
        optimizer.step(() => {
          optimizer.zeroGrad();
          const loss = a.matmul(x).add(c).sub(b).square().sum().mul(0.5);
          loss.backward();
          return loss;
        });
        if (step !== 2 && step !== 10) continue;
        const half = step === 2 ? 0 : 1;
        expectClose((await x.data()) as Float32Array, numbers(expectedX).slice(6 * half, 6 * half + 6));
        expectClose((await c.data()) as Float32Array, numbers(expectedC).slice(2 * half, 2 * half + 2));
      }
    },
  );
});

describe('options of single optimizers', () => {
  it('SGD with Nesterov momentum, and to maximize', async () => {
    const x = leaf([1]);
    const optimizer = new optim.SGD([x], { lr: 0.1, momentum: 0.5, nesterov: true });
    for (let i = 0; i < 2; i++) {
      optimizer.zeroGrad();
      x.sum().backward();
      optimizer.step();
    }
    // 1 - 0.1 * (1 + 0.5) - 0.1 * (1 + 0.5 * 1.5)
    expect(await x.item()).toBeCloseTo(0.675, 6);
    const y = leaf([1]);
    const upward = new optim.Adam([y], { lr: 0.5, maximize: true });
    y.sum().backward();
    upward.step();
    expect(await y.item()).toBeCloseTo(1.5, 5);
  });

  it('refuses settings outside of their range and unknown ones', () => {
    expect(() => new optim.SGD([leaf([1])], { lr: -1 })).toThrow(ArgumentError);
    expect(() => new optim.SGD([leaf([1])], { nesterov: true })).toThrow(/momentum/);
    expect(() => new optim.Adam([leaf([1])], { betas: [1, 0.9] })).toThrow(/betas/);
    expect(() => new optim.Adam([leaf([1])], { beta: [1, 0.9] } as object)).toThrow(/Did you mean 'betas'/);
  });
});

describe('groups', () => {
  it('have settings of their own', async () => {
    const x = leaf([1]);
    const y = leaf([1]);
    const optimizer = new optim.SGD([{ params: [x] }, { params: y, lr: 0.5 }], { lr: 0.25 });
    x.add(y).sum().backward();
    optimizer.step();
    expect([await x.item(), await y.item()]).toEqual([0.75, 0.5]);
    optimizer.paramGroups[0].lr = 1;
    optimizer.step();
    expect(await x.item()).toBe(-0.25);
  });

  it('refuse what is no parameter, twice the same one, and none', () => {
    const x = leaf([1]);
    expect(() => new optim.SGD([])).toThrow(ArgumentError);
    expect(() => new optim.SGD(x as never)).toThrow(/\[x\]/);
    expect(() => new optim.SGD([x, x])).toThrow(/twice/);
    expect(() => new optim.SGD([x.mul(2)])).toThrow(/computed from others/);
    expect(() => new optim.SGD([1 as never])).toThrow(ArgumentError);
  });
});

describe('step', () => {
  it('leaves parameters without a gradient alone, and zeroGrad sets null', async () => {
    const x = leaf([1]);
    const y = leaf([2]);
    const optimizer = new optim.Adam([x, y], { lr: 0.1 });
    x.sum().backward();
    optimizer.step();
    expect(await y.item()).toBe(2);
    expect(optimizer.state.has(y)).toBe(false);
    optimizer.zeroGrad();
    expect(x.grad).toBeNull();
  });

  it('gives the closure its gradients inside of noGrad, and returns the loss', async () => {
    const x = leaf([3]);
    const optimizer = new optim.SGD([x], { lr: 0.5 });
    const loss = optimizer.step(() => {
      const value = x.square().sum();
      value.backward();
      return value;
    });
    expect(await loss.item()).toBe(9);
    expect(await x.item()).toBe(0);
  });

  it('calls hooks before and after, until they are removed', () => {
    const x = leaf([1]);
    const optimizer = new optim.SGD([x], { lr: 1 });
    const seen: string[] = [];
    const before = optimizer.registerStepPreHook((given) => {
      seen.push(`before ${given === optimizer}`);
    });
    optimizer.registerStepPostHook(() => {
      seen.push('after');
    });
    optimizer.step();
    before.remove();
    optimizer.step();
    expect(seen).toEqual(['before true', 'after', 'after']);
  });

  it('runs one program a step, and compiles none for a new rate or step', async () => {
    const counts = { compiled: 0, run: 0 };
    use(countingInterpreter('counting', counts));
    const x = leaf([1, 2]);
    const optimizer = new optim.AdamW([x], { lr: 0.1 });
    const scheduler = new optim.ExponentialLR(optimizer, 0.9);
    const step = (): void => {
      optimizer.zeroGrad();
      x.square().sum().backward();
      optimizer.step();
      scheduler.step();
    };
    step();
    step();
    const { compiled, run } = counts;
    for (let i = 0; i < 5; i++) step();
    expect(counts).toEqual({ compiled, run: run + 5 });
    use(interpreter());
  });

  it('holds as many bytes after many steps as after few', () => {
    const x = leaf(new Array<number>(256).fill(1));
    const optimizer = new optim.Adam([x], { lr: 0.01 });
    const held = (steps: number): number => {
      for (let i = 0; i < steps; i++) {
        optimizer.zeroGrad();
        x.square().sum().backward();
        optimizer.step();
      }
      return runtimeOf(x.device).heldBytes().value;
    };
    expect(held(200)).toBe(held(5));
  });
});

describe('state dicts', () => {
  it('continue where they were saved', async () => {
    const run = (optimizer: optim.Adam, x: Tensor, steps: number): void => {
      for (let i = 0; i < steps; i++) {
        optimizer.zeroGrad();
        x.square().sum().backward();
        optimizer.step();
      }
    };
    const x = leaf([1, -2]);
    const first = new optim.Adam([x], { lr: 0.1 });
    run(first, x, 3);
    const y = x.detach().clone().requiresGrad_();
    const second = new optim.Adam([y], { lr: 1 });
    second.loadStateDict(first.stateDict());
    run(first, x, 2);
    run(second, y, 2);
    expect(await y.toArray()).toEqual(await x.toArray());
    expect(second.stateDict().paramGroups).toEqual(first.stateDict().paramGroups);
  });

  it('refuse groups of other sizes', () => {
    const saved = new optim.SGD([leaf([1]), leaf([2])], { lr: 1 }).stateDict();
    expect(() => new optim.SGD([leaf([1])], { lr: 1 }).loadStateDict(saved)).toThrow(DataError);
  });
});

describe('clipping', () => {
  it('scales to a norm, and not up', async () => {
    const x = leaf([3, 4]);
    x.square().sum().backward();
    expect(await optim.clipGradNorm_([x], 5).item()).toBeCloseTo(10, 5);
    expect(await x.grad!.toArray()).toEqual([expect.closeTo(3, 4), expect.closeTo(4, 4)]);
    expect(await optim.clipGradNorm_(x, 100, { normType: Infinity }).item()).toBeCloseTo(4, 4);
    expect(await x.grad!.toArray()).toEqual([expect.closeTo(3, 4), expect.closeTo(4, 4)]);
  });

  it('limits each element', async () => {
    const x = leaf([3, -4, 0.5]);
    x.square().sum().backward();
    optim.clipGradValue_([x], 2);
    expect(await x.grad!.toArray()).toEqual([2, -2, 1]);
  });

  it('refuses infinite norms where asked', () => {
    const x = leaf([Infinity]);
    x.square().sum().backward();
    expect(() => optim.clipGradNorm_([x], 1, { errorIfNonfinite: true })).toThrow(ArgumentError);
  });
});
