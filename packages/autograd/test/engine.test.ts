// The engine: accumulation, hooks, modes, errors, functions of the user's own.
import {
  customFunction,
  enableGrad,
  grad,
  isGradEnabled,
  noGrad,
  registerMultiGradHook,
  setGradEnabled,
} from '@nn/autograd';
import { ArgumentError, AutogradError } from '@nn/core';
import { interpreter, ones, type Tensor, tensor, use, zeros } from '@nn/tensor';
import { beforeAll, describe, expect, it } from 'vitest';

beforeAll(() => use(interpreter()));
const leaf = (values: number[]): Tensor => tensor(values, { dtype: 'float32', requiresGrad: true });

describe('backward', () => {
  it('adds up in .grad until it is set to null', async () => {
    const x = leaf([1, 2]);
    x.square().sum().backward();
    x.square().sum().backward();
    expect(await x.grad!.toArray()).toEqual([4, 8]);
    x.grad = null;
    x.sum().backward();
    expect(await x.grad!.toArray()).toEqual([1, 1]);
  });

  it('keeps the gradients of leaves apart that got the same one', async () => {
    const [a, b, c] = [leaf([1, 2]), leaf([3, 4]), leaf([5, 6])];
    for (let i = 0; i < 2; i++) a.add(b).add(c.sum()).sum().backward();
    expect(await a.grad!.toArray()).toEqual([2, 2]);
    expect(await b.grad!.toArray()).toEqual([2, 2]);
    expect(await c.grad!.toArray()).toEqual([4, 4]);
  });

  it('adds the gradients of several uses', async () => {
    const x = leaf([3]);
    const y = x.mul(x).add(x.mul(2));
    y.sum().backward();
    expect(await x.grad!.toArray()).toEqual([8]);
  });

  it('sums over broadcast dimensions and casts back', async () => {
    const x = leaf([1, 2]);
    ones([3, 2], { dtype: 'float64' }).mul(x.to('float64')).sum().backward();
    expect(x.grad!.dtype).toBe('float32');
    expect(await x.grad!.toArray()).toEqual([3, 3]);
  });

  it('takes the gradient of a non-scalar', async () => {
    const x = leaf([1, 2]);
    x.mul(3).backward(tensor([1, 10], { dtype: 'float32' }));
    expect(await x.grad!.toArray()).toEqual([3, 30]);
  });

  it('walks graphs of 20,000 operations', async () => {
    const x = leaf([1]);
    let y: Tensor = x;
    for (let i = 0; i < 20_000; i++) y = y.add(1);
    y.sum().backward();
    expect(await x.grad!.toArray()).toEqual([1]);
  });

  it('refuses what it cannot do, and says why', () => {
    const x = leaf([1, 2]);
    expect(() => x.mul(2).backward()).toThrow(/only for a scalar, not for shape \[2\]/);
    expect(() => zeros([2]).sum().backward()).toThrow(/does not require gradients/);
    const y = x.exp().sum();
    y.backward();
    expect(() => y.backward()).toThrow(/retainGraph: true/);
    expect(() => x.sum().backward(zeros([3]))).toThrow(/shape \[3\], the tensor \[\]/);
    expect(() => x.sum().backward(undefined, { retaingraph: true } as never)).toThrow(
      /Did you mean 'retainGraph'/,
    );
    expect(() => x.add_(1)).toThrow(AutogradError);
    expect(() => x.select(0, 0).add_(1)).toThrow(/noGrad/);
    expect(() => tensor([1, 2]).requiresGrad_()).toThrow(/only float tensors.*dtype: 'float32'/);
    expect(tensor([1, 2], { requiresGrad: true }).dtype).toBe('float32');
  });

  it('refuses options in the place of the gradient, and says where they go', () => {
    const y = ones([1], { requiresGrad: true }).sum();
    const misplaced = { retainGraph: true } as unknown as Tensor;
    expect(() => y.backward(misplaced)).toThrow(ArgumentError);
    expect(() => y.backward(misplaced)).toThrow(/backward\(undefined, \{ retainGraph: true \}\)/);
  });

  it('goes several times with retainGraph', async () => {
    const x = leaf([2]);
    const y = x.pow(3).sum();
    y.backward(undefined, { retainGraph: true });
    y.backward();
    expect(await x.grad!.toArray()).toEqual([24]);
  });

  it('goes only to the given inputs', async () => {
    const [a, b] = [leaf([1]), leaf([2])];
    a.mul(b)
      .sum()
      .backward(undefined, { inputs: [a] });
    expect(await a.grad!.toArray()).toEqual([2]);
    expect(b.grad).toBeNull();
  });
});

describe('hooks and retained gradients', () => {
  it('replaces gradients by what a hook returns, until removed', async () => {
    const x = leaf([1]);
    const hook = x.registerHook((gradient) => gradient.mul(10));
    x.mul(2).sum().backward();
    expect(await x.grad!.toArray()).toEqual([20]);
    hook.remove();
    x.grad = null;
    x.mul(2).sum().backward();
    expect(await x.grad!.toArray()).toEqual([2]);
  });

  it('keeps the gradient of an intermediate tensor', async () => {
    const x = leaf([3]);
    const y = x.mul(2);
    y.retainGrad();
    y.square().sum().backward();
    expect(await y.grad!.toArray()).toEqual([12]);
  });
});

describe('hooks of accumulation, of nodes and of several gradients', () => {
  it('calls a hook once the gradient is added up', async () => {
    const x = leaf([1, 2]);
    const seen: unknown[] = [];
    const handle = x.registerPostAccumulateGradHook((tensor) => {
      seen.push(tensor.grad!.toArraySync());
      tensor.grad = null;
    });
    x.mul(2).add(x).sum().backward();
    expect(seen).toEqual([[3, 3]]);
    expect(x.grad).toBeNull();
    handle.remove();
    x.sum().backward();
    expect(seen).toHaveLength(1);
    expect(() => x.mul(2).registerPostAccumulateGradHook(() => {})).toThrow(/only for leaf/);
  });

  it('calls hooks before and after a node, which may change gradients', async () => {
    const x = leaf([1, 2]);
    const y = x.mul(3);
    expect(y.sum().gradFn!.nextFunctions[0]).toBe(y.gradFn);
    y.gradFn!.registerPrehook(([gradient]) => [gradient!.mul(10)]);
    const after = y.gradFn!.registerHook(([first, second], [given]) => {
      expect([second, given!.toArraySync()]).toEqual([null, [10, 10]]);
      return [first!.add(1), null];
    });
    y.sum().backward(undefined, { retainGraph: true });
    expect(await x.grad!.toArray()).toEqual([31, 31]);
    after.remove();
    y.sum().backward();
    expect(await x.grad!.toArray()).toEqual([61, 61]);
  });

  it('collects the gradients that one backward reaches', () => {
    const [a, b, c] = [leaf([1]), leaf([2]), leaf([3])];
    const seen: unknown[] = [];
    const all = registerMultiGradHook(
      [a, b, c],
      (gradients) => void seen.push(gradients.map((each) => each?.itemSync() ?? null)),
    );
    const any = registerMultiGradHook([a, b], () => void seen.push('any'), 'any');
    a.mul(b).backward();
    expect(seen).toEqual(['any', [2, 1, null]]);
    all.remove();
    any.remove();
    a.mul(b).backward();
    expect(seen).toHaveLength(2);
  });

  it('detaches in place, but no views', () => {
    const y = leaf([1]).mul(2);
    y.retainGrad();
    expect([y.retainsGrad, y.detach_().requiresGrad, y.isLeaf]).toEqual([true, false, true]);
    expect(() => leaf([1]).mul(2).select(0, 0).detach_()).toThrow(/view/);
  });
});

describe('modes', () => {
  it('restores the mode, also after errors and promises', async () => {
    expect(noGrad(() => isGradEnabled())).toBe(false);
    expect(() =>
      noGrad(() => {
        throw new Error('x');
      }),
    ).toThrow();
    expect(isGradEnabled()).toBe(true);
    await noGrad(async () => {
      await Promise.resolve();
      expect(isGradEnabled()).toBe(false);
      enableGrad(() => expect(isGradEnabled()).toBe(true));
    });
    expect(isGradEnabled()).toBe(true);
    {
      using _guard = setGradEnabled(false);
      expect(leaf([1]).mul(2).requiresGrad).toBe(false);
    }
    expect(leaf([1]).mul(2).requiresGrad).toBe(true);
  });

  it('detaches: same memory, no gradient', async () => {
    const x = leaf([1, 2]);
    const d = x.detach();
    expect(d.requiresGrad).toBe(false);
    d.mul_(3);
    expect(await x.toArray()).toEqual([3, 6]);
  });
});

describe('grad', () => {
  it('leaves .grad alone and says which input is not reached', async () => {
    const [x, y] = [leaf([1]), leaf([2])];
    const [g] = grad(x.mul(5).sum(), [x]);
    expect(await g.toArray()).toEqual([5]);
    expect(x.grad).toBeNull();
    expect(() => grad(x.sum(), [x, y])).toThrow(/do not depend on input 1/);
    expect(grad(x.sum(), [y], { allowUnused: true })).toEqual([null]);
  });

  it('gives third derivatives', async () => {
    const x = leaf([2]);
    let y = x.pow(4).sum();
    for (let i = 0; i < 3; i++) [y] = grad(y.sum(), [x], { createGraph: true });
    expect(await y.toArray()).toEqual([48]);
  });
});

describe('customFunction', () => {
  it('says what is missing', () => {
    const forward = (_: unknown, x: Tensor): Tensor => x.mul(1);
    expect(() => customFunction({ forward } as never)).toThrow(/without backward/);
    expect(() => customFunction(forward as never)).toThrow(/without forward/);
  });

  it('uses the given derivative, and checks its shape', async () => {
    const signed = customFunction<[Tensor, number]>({
      name: 'Signed',
      forward: (_, x, scale) => x.mul(scale),
      backward: (_, gradient) => [gradient.mul(-1), null],
    });
    const x = leaf([1, 2]);
    const y = signed(x, 3);
    expect(y.gradFn!.name).toBe('SignedBackward');
    y.sum().backward();
    expect(await x.grad!.toArray()).toEqual([-1, -1]);
    const wrong = customFunction<[Tensor]>({ forward: (_, z) => z.mul(1), backward: (_, g) => g.sum() });
    expect(() =>
      wrong(leaf([1, 2]))
        .sum()
        .backward(),
    ).toThrow(/argument 0 has shape \[\]/);
  });

  it('has several results, some of which are no gradients of anything', async () => {
    const seen: unknown[] = [];
    const parts = customFunction<[Tensor], [Tensor, Tensor, Tensor]>({
      forward(context, x) {
        const [sign, twice, square] = [x.sign(), x.mul(2), x.square()];
        context.markNonDifferentiable(sign);
        context.saveForBackward(x, square);
        return [sign, twice, square];
      },
      backward(context, ...gradients) {
        expect(context.needsInputGrad).toEqual([true]);
        seen.push(gradients.map((each) => each.toArraySync()));
        const [x] = context.savedTensors;
        return gradients[1].mul(2).add(gradients[2].mul(x).mul(2));
      },
    });
    const x = leaf([1, -2]);
    const [sign, twice, square] = parts(x);
    expect([sign.requiresGrad, twice.requiresGrad]).toEqual([false, true]);
    twice.sum().backward(undefined, { retainGraph: true });
    expect(seen).toEqual([
      [
        [0, 0],
        [1, 1],
        [0, 0],
      ],
    ]);
    expect(await x.grad!.toArray()).toEqual([2, 2]);
    x.grad = null;
    const [first] = grad(twice.add(square).sum(), [x], { createGraph: true });
    expect(await first.toArray()).toEqual([4, -2]);
    expect(await grad(first.sum(), [x])[0].toArray()).toEqual([2, 2]);
  });

  it('gets null instead of zeros when it asks for that', () => {
    const given: unknown[] = [];
    const two = customFunction<[Tensor], [Tensor, Tensor]>({
      forward(context, x) {
        context.setMaterializeGrads(false);
        return [x.mul(1), x.mul(2)];
      },
      backward(_, a, b) {
        given.push(a, b === null ? null : 'given');
        return b.mul(2);
      },
    });
    two(leaf([1]))[1]
      .sum()
      .backward();
    expect(given).toEqual([null, 'given']);
  });

  it('writes in place what it marks as dirty', async () => {
    const double_ = customFunction<[Tensor]>({
      name: 'Double_',
      forward(context, x) {
        context.markDirty(x);
        return x.mul_(2);
      },
      backward: (_, gradient) => gradient.mul(2),
    });
    const x = leaf([1, 2]);
    const y = x.mul(1);
    expect(double_(y)).toBe(y);
    y.sum().backward();
    expect([await y.toArray(), await x.grad!.toArray()]).toEqual([
      [2, 4],
      [2, 2],
    ]);
    expect(() => double_(leaf([1]))).toThrow(/leaf tensor.*markDirty/);
    const lost = customFunction<[Tensor]>({
      forward(context, z) {
        context.markDirty(z);
        return z.mul(1);
      },
      backward: (_, gradient) => gradient,
    });
    expect(() => lost(y)).toThrow(/must be returned/);
    const none = customFunction<[Tensor]>({ forward: () => 3 as never, backward: (_, gradient) => gradient });
    expect(() => none(x)).toThrow(/must return a tensor/);
  });
});
