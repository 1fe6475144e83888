// The engine: accumulation, hooks, modes, errors, functions of the user's own.
import { customFunction, enableGrad, grad, isGradEnabled, noGrad, setGradEnabled } from '@nn/autograd';
import { AutogradError } from '@nn/core';
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
});
