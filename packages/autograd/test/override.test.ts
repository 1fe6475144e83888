// Overrides of ops: nesting, errors, derivatives, in-place writes, views, compiled functions, and tensors of one's own.
import { customFunction, grad, noGrad } from '@nn/autograd';
import { ArgumentError, removeBackend, UnsupportedError } from '@nn/core';
import { linear } from '@nn/functional';
import {
  apply,
  compile,
  interpreter,
  type NextHandler,
  type OpCall,
  type OpHandler,
  ones,
  profile,
  rand,
  type Tensor,
  TensorLike,
  tensor,
  use,
  withOverride,
} from '@nn/tensor';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

beforeEach(() => use(interpreter()));
afterEach(() => removeBackend('interpreter'));

/** Notes the names of ops. */
function logging(seen: string[], mark = ''): OpHandler {
  return ({ op }, next) => {
    seen.push(mark + op);
    return next();
  };
}

const floats = (values: number[]): Tensor => tensor(values, { dtype: 'float32' });

describe('the stack', () => {
  test('the inner handler is asked first, and what it calls itself is seen outside only', async () => {
    const seen: string[] = [];
    const x = floats([1, 2]);
    const y = withOverride(logging(seen, 'outer '), () =>
      withOverride(
        ({ op }, next) => {
          seen.push(`inner ${op}`);
          return op === 'exp' ? x.mul(10) : next();
        },
        () => x.exp().neg(),
      ),
    );
    expect(seen).toEqual(['inner exp', 'outer mul', 'inner neg', 'outer neg']);
    expect(await y.toArray()).toEqual([-10, -20]);
    x.exp();
    expect(seen).toHaveLength(4);
  });

  test('ends with an error, of the body or of a handler', async () => {
    const refuse: OpHandler = ({ op }, next) => {
      if (op === 'exp') throw new UnsupportedError('exp: not here');
      return next();
    };
    const x = floats([0]);
    expect(() => withOverride(refuse, () => x.exp())).toThrow(UnsupportedError);
    const seen: string[] = [];
    expect(() =>
      withOverride(logging(seen), () => {
        expect(() => withOverride(refuse, () => x.exp())).toThrow('not here');
        x.sin();
        throw new Error('the body');
      }),
    ).toThrow('the body');
    expect(seen).toEqual(['sin']);
    expect(await x.exp().toArray()).toEqual([1]);
    expect(seen).toEqual(['sin']);
  });

  test('what is no handler, and what gives no tensor, is refused', () => {
    const x = floats([0]);
    expect(() => withOverride('log' as never, () => x)).toThrow(ArgumentError);
    expect(() =>
      withOverride(
        () => 3 as never,
        () => x.exp(),
      ),
    ).toThrow("withOverride: the handler of 'exp' must return a tensor, got number 3");
  });

  test('stays until a promise settles, and as a guard', async () => {
    const seen: string[] = [];
    const x = floats([0]);
    await withOverride(logging(seen), async () => {
      await x.exp().item();
      await x.sin().item();
    });
    x.cos();
    {
      using _ = withOverride(logging(seen));
      x.tanh();
    }
    x.cos();
    expect(seen).toEqual(['exp', 'sin', 'tanh']);
  });

  test('creation and random numbers are ops', () => {
    const seen: string[] = [];
    withOverride(logging(seen), () => [ones([2]), rand([2])]);
    expect(seen).toContain('expand');
    expect(seen).toContain('randomBits');
  });

  test('next takes another op, other inputs and other attributes', async () => {
    const x = floats([1, 2, 3, 4]).reshape(2, 2);
    const swapped = withOverride(
      (call, next) => (call.op === 'mul' ? next({ ...call, op: 'add' }) : next()),
      () => x.mul(x),
    );
    expect(await swapped.toArray()).toEqual([
      [2, 4],
      [6, 8],
    ]);
    const kept = withOverride(
      (call, next) =>
        call.op === 'permute' ? next({ ...call, attributes: { order: [0, 1] } }) : next({ ...call }),
      () => [x.T, x.reshape(4)],
    );
    expect(await kept[0].toArray()).toEqual(await x.toArray());
    // A changed view is a copy, an unchanged one is none.
    kept[0].zero_();
    expect(await x.toArray()).not.toEqual(await kept[0].toArray());
    kept[1].zero_();
    expect(await x.sum().item()).toBe(0);
  });

  test('functions are seen as what they consist of, and by profiles as before', async () => {
    const seen: string[] = [];
    const [x, w] = [ones([2, 3]), ones([4, 3])];
    const result = await profile(() => withOverride(logging(seen), () => linear(x, w)).toArray());
    expect(seen).toContain('dot');
    expect(result.kernels.length).toBeGreaterThan(0);
  });
});

describe('derivatives', () => {
  test('of what replaces an op, and those under noGrad of nothing', async () => {
    const x = floats([2]).requiresGrad_();
    const cubed: OpHandler = ({ op, inputs }, next) =>
      op === 'exp' ? inputs[0].mul(inputs[0]).mul(inputs[0]) : next();
    const [first] = grad(
      withOverride(cubed, () => x.exp()),
      [x],
    );
    expect(await first.toArray()).toEqual([12]);
    const hidden = withOverride(
      (_, next) => noGrad(() => next()),
      () => x.exp(),
    );
    expect(hidden.requiresGrad).toBe(false);
  });

  test('of functions with a rule of their own', async () => {
    const straight = customFunction<[Tensor]>({
      forward: (_, x) => x.round(),
      backward: (_, gradient) => gradient,
    });
    const x = floats([1.4]).requiresGrad_();
    const y = withOverride(
      ({ op, inputs }, next) => (op === 'floor' ? straight(inputs[0]) : next()),
      () => x.mul(3).floor(),
    );
    expect(await y.toArray()).toEqual([4]);
    expect(await grad(y.sum(), [x])[0].toArray()).toEqual([3]);
  });

  test('ops of backward are seen', () => {
    const seen: string[] = [];
    const [a, b] = [ones([2, 3]).requiresGrad_(), ones([3, 4])];
    withOverride(logging(seen), () => a.matmul(b).sum().backward());
    expect(seen.filter((op) => op === 'dot')).toHaveLength(2);
  });
});

describe('writes and views', () => {
  test('each write is an assign, on the tensor that is written', async () => {
    const x = floats([1, 2, 3, 4]);
    const written: Tensor[] = [];
    const y = withOverride(
      (call, next) => {
        if (call.op === 'assign') written.push(call.inputs[0]);
        return next();
      },
      () => {
        x.add_(1);
        x.narrow(0, 0, 2).mul_(10);
        x.copy_(floats([5, 6, 7, 8]));
        return x.mul(1);
      },
    );
    expect(written).toHaveLength(3);
    for (const each of written) expect(each).toBe(x);
    expect(await y.toArray()).toEqual([5, 6, 7, 8]);
  });

  test('values, aliases and derivatives are those without handlers', async () => {
    const run = async (): Promise<unknown> => {
      const x = floats([1, 2, 3, 4]).requiresGrad_();
      const y = x.mul(2);
      const view = y.reshape(2, 2).T;
      y.mul_(y);
      view.at(0).add_(x.narrow(0, 1, 2));
      y.fill_(3).add_(x);
      view.at(1).exp_();
      const [first] = grad(y.mul(view.reshape(4)).sum(), [x]);
      return [await y.toArray(), await view.toArray(), await first.toArray()];
    };
    const seen: string[] = [];
    expect(await withOverride(logging(seen), run)).toEqual(await run());
    expect(seen).toContain('assign');
  });

  test('may be refused, replaced, but not by another shape', async () => {
    const x = floats([1, 2]);
    const [replacement, small] = [floats([7, 8]), floats([1])];
    const giving =
      (content: Tensor): OpHandler =>
      ({ op }, next) =>
        op === 'assign' ? content : next();
    withOverride(giving(replacement), () => x.add_(1));
    x.add_(1);
    expect(await x.toArray()).toEqual([8, 9]);
    expect(await replacement.toArray()).toEqual([7, 8]);
    expect(() => withOverride(giving(small), () => x.add_(1))).toThrow(ArgumentError);
    expect(await x.toArray()).toEqual([8, 9]);
  });
});

describe('compiled functions', () => {
  test('handlers see each op of each call, and what they replace is replaced', async () => {
    const seen: string[] = [];
    const w = floats([1, 2]).requiresGrad_();
    const step = compile((x: Tensor) => {
      w.grad = null;
      const loss = x.mul(w).exp().sum();
      loss.backward();
      return loss;
    });
    const x = floats([0, 0]);
    const counts: number[] = [];
    for (let i = 0; i < 4; i++) {
      seen.length = 0;
      const loss = withOverride(logging(seen), () => step(x));
      expect(await loss.item()).toBe(2);
      counts.push(seen.filter((op) => op === 'exp').length);
    }
    expect(counts).toEqual([1, 1, 1, 1]);
    const twice: OpHandler = (call, next) => (call.op === 'exp' ? next().mul(2) : next());
    expect(await withOverride(twice, () => step(x)).item()).toBe(4);
    expect(await step(x).item()).toBe(2);
    expect(await withOverride(twice, () => step(x)).item()).toBe(4);
  });
});

/** Adds up what was done to it. */
class Traced extends TensorLike {
  readonly history: readonly string[];
  constructor(value: Tensor, history: readonly string[]) {
    super(value);
    this.history = history;
  }
  override handleOp(call: OpCall, next: NextHandler): Tensor {
    const before = call.inputs.flatMap((input) => (input instanceof Traced ? input.history : []));
    return this.made(next(), [...before, call.op]);
  }
  made(value: Tensor, history: readonly string[]): Tensor {
    return new Traced(value, history);
  }
}

class Loud extends Traced {
  override handleOp(call: OpCall, next: NextHandler): Tensor {
    return super.handleOp(call, next);
  }
  override made(value: Tensor, history: readonly string[]): Tensor {
    return new Loud(value, [...history.slice(0, -1), history.at(-1)!.toUpperCase()]);
  }
}

const historyOf = (value: Tensor): readonly string[] => (value instanceof Traced ? value.history : []);

describe('tensors of a class of their own', () => {
  test('handle methods and functions, as any argument', async () => {
    const x = new Traced(floats([1, 2]), []);
    const y = floats([1, 1]).add(x.exp()).sum();
    expect(historyOf(y)).toEqual(['exp', 'add', 'sum']);
    expect(await y.item()).toBeCloseTo(2 + Math.E + Math.E ** 2, 5);
    expect(historyOf(floats([1]).exp())).toEqual([]);
  });

  test('views share the memory, writes show, derivatives go through', async () => {
    const plain = floats([1, 2, 3, 4]);
    const x = new Traced(plain, []);
    const view = x.reshape(2, 2).T;
    expect(historyOf(view)).toEqual(['reshape', 'permute']);
    view.at(0).zero_();
    expect(await plain.toArray()).toEqual([0, 2, 0, 4]);
    const leaf = floats([3]).requiresGrad_();
    const [first] = grad(new Traced(leaf.mul(1), []).square().sum(), [leaf]);
    expect(await first.toArray()).toEqual([6]);
  });

  test('subclasses come first, and next asks the others', () => {
    const [quiet, loud] = [new Traced(floats([1]), []), new Loud(floats([1]), [])];
    for (const result of [quiet.add(loud), loud.add(quiet)]) {
      expect(result).toBeInstanceOf(Loud);
      expect(historyOf(result)).toEqual(['ADD']);
    }
  });

  test('handlers of withOverride come before them', () => {
    const seen: string[] = [];
    const result = withOverride(logging(seen), () => new Traced(floats([1]), []).exp());
    expect(seen).toEqual(['exp']);
    expect(historyOf(result)).toEqual(['exp']);
    // The first of a class may be made under a handler; afterwards ops are just recorded.
    expect(historyOf(apply('exp', [floats([1])], {}))).toEqual([]);
  });

  test('in compiled functions', async () => {
    const step = compile((x: Tensor) => new Traced(x, []).exp().sum());
    for (let i = 0; i < 4; i++) {
      const result = step(floats([0, 0]));
      expect(historyOf(result)).toEqual(['exp', 'sum']);
      expect(await result.item()).toBe(2);
    }
  });
});
