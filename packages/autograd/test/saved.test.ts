// What derivatives save: the check that it was not overwritten, and inference mode.
import {
  checkpoint,
  customFunction,
  enableGrad,
  grad,
  inferenceMode,
  isGradEnabled,
  isInferenceModeEnabled,
  noGrad,
} from '@nn/autograd';
import { AutogradError } from '@nn/core';
import { interpreter, type Tensor, tensor, use, zeros } from '@nn/tensor';
import { describe, expect, it } from 'vitest';

use(interpreter());
const leaf = (values: number[]): Tensor => tensor(values, { dtype: 'float32', requiresGrad: true });

describe('the check of versions', () => {
  it('names the op, the tensor, its versions and the cure', () => {
    const x = leaf([1, 2]).mul(1);
    const y = x.sin();
    x.add_(1);
    expect(() => y.sum().backward()).toThrow(
      /'SinBackward' needs its input 0, a tensor of shape \[2\] and dtype float32, as it was at version 0.*at version 1.*clone\(\)/s,
    );
    const z = leaf([1, 2]).exp();
    z.add_(1);
    expect(() => z.sum().backward()).toThrow(/'ExpBackward' needs its result/);
  });

  it('sees optimizer steps between forward and a second backward', () => {
    const w = leaf([1, 2]);
    const loss = w.mul(2).mul(w).sum();
    loss.backward(undefined, { retainGraph: true });
    noGrad(() => w.sub_(w.grad!));
    expect(() => loss.backward()).toThrow(AutogradError);
  });

  it('sees writes through views, of views, and through detached tensors', () => {
    for (const write of [
      (x: Tensor) => x.select(0, 0).mul_(2),
      (x: Tensor) => x.detach().zero_(),
      (x: Tensor) => x.reshape(1, 2).fill_(3),
    ]) {
      const x = leaf([1, 2]).mul(1);
      const whole = x.square().sum();
      const part = x.select(0, 1).square();
      write(x);
      expect(() => whole.backward()).toThrow(/version/);
      expect(() => part.backward()).toThrow(/version/);
    }
  });

  it('sees what was written by the same op in place, and again after it', async () => {
    const x = leaf([1, 2]);
    const y = x.mul(1);
    y.exp_();
    y.sum().backward();
    expect(await x.grad!.toArray()).toEqual((await x.exp().toArray()) as number[]);
    const z = x.mul(1);
    z.exp_();
    z.mul_(2);
    expect(() => z.sum().backward()).toThrow(/'ExpBackward' needs its result/);
  });

  it('does not mind what derivatives do not use', async () => {
    const [x, y] = [leaf([4, 9]), leaf([2, 3])];
    const [a, b] = [x.mul(1), y.mul(1)];
    const sum = a.add(b);
    a.zero_();
    sum.mul_(3);
    sum.sum().backward();
    expect(await y.grad!.toArray()).toEqual([3, 3]);
    // PyTorch keeps numerator and denominator, and positions.
    const quotient = x.div(y);
    const largest = x.mul(1).max(0).values;
    quotient.mul_(2);
    largest.mul_(5);
    quotient.sum().add(largest).backward();
    expect(await x.grad!.toArray()).toEqual([4, 8 + 2 / 3].map((value) => expect.closeTo(value, 5)));
  });

  it('lets what log-softmax was computed from be overwritten, and not its result, as PyTorch keeps that', async () => {
    const x = leaf([1, 2, 4]);
    const scores = x.mul(1);
    const loss = scores.logSoftmax(0).select(0, 1);
    const wanted = (await tensor([0, 1, 0]).sub(x.detach().softmax(0)).toArray()) as number[];
    scores.add_(100);
    loss.backward();
    expect(await x.grad!.toArray()).toEqual(wanted.map((value) => expect.closeTo(value, 5)));
    const result = leaf([1, 2]).logSoftmax(0);
    result.add_(1);
    expect(() => result.sum().backward()).toThrow(/'LogSoftmaxBackward' needs its result/);
  });

  it('lets in-place ops use what they overwrite', async () => {
    const check = async (write: (x: Tensor) => unknown, slope: (x: number) => number): Promise<void> => {
      const x = leaf([0.3, 0.6]);
      const y = x.mul(1);
      write(y);
      y.sum().backward();
      expect(await x.grad!.toArray()).toEqual([0.3, 0.6].map((value) => expect.closeTo(slope(value), 5)));
    };
    await check((y) => y.sin_(), Math.cos);
    await check(
      (y) => y.pow_(3),
      (v) => 3 * v * v,
    );
    await check(
      (y) => y.mul_(y),
      (v) => 2 * v,
    );
    await check(
      (y) => y.clamp_(0, 0.5),
      (v) => (v < 0.5 ? 1 : 0),
    );
    await check(
      (y) => y.sin_().cos_(),
      (v) => -Math.sin(Math.sin(v)) * Math.cos(v),
    );
    await check(
      (y) => y.select(0, 0).sin_(),
      (v) => (v === 0.3 ? Math.cos(v) : 1),
    );
  });

  it('checks what custom functions saved, where it is used', () => {
    const square = customFunction<[Tensor]>({
      name: 'Square',
      forward(context, x) {
        context.saveForBackward(x);
        return x.mul(x);
      },
      backward: (context, gradient) => gradient.mul(context.savedTensors[0]).mul(2),
    });
    const x = leaf([1, 2]).mul(1);
    const y = square(x).sum();
    x.zero_();
    expect(() => y.backward()).toThrow(/'SquareBackward' needs saved tensor 0/);
  });

  it('leaves checkpoints alone: they compute again from the values of then', async () => {
    const x = leaf([1, 2]);
    const scale = tensor([3, 4], { dtype: 'float32' });
    const y = checkpoint((h: Tensor) => h.mul(scale).square(), x).sum();
    scale.zero_();
    y.backward();
    expect(await x.grad!.toArray()).toEqual([18, 64]);
  });
});

describe('inferenceMode', () => {
  it('is a mode of its own, inside of which nothing is recorded', async () => {
    const w = leaf([1, 2]);
    inferenceMode(() => {
      expect([isGradEnabled(), isInferenceModeEnabled()]).toEqual([false, true]);
      enableGrad(() => expect(w.mul(2).requiresGrad).toBe(false));
    });
    expect([isGradEnabled(), isInferenceModeEnabled()]).toEqual([true, false]);
    const made = await inferenceMode(async () => {
      await Promise.resolve();
      return zeros([2]);
    });
    expect([made.isInference(), zeros([2]).isInference()]).toEqual([true, false]);
    {
      using _guard = inferenceMode();
      expect(w.detach().isInference()).toBe(false);
      expect(w.select(0, 0).isInference()).toBe(false);
      made.add_(1);
    }
    expect(isInferenceModeEnabled()).toBe(false);
  });

  it('makes tensors that refuse to take part in derivatives', async () => {
    const w = leaf([1, 2]);
    const y = inferenceMode(() => w.mul(2));
    expect(() => w.mul(y)).toThrow(/mul: the derivative needs its input 1.*inference mode.*clone\(\)/s);
    expect(() => y.add_(1)).toThrow(/inference mode/);
    expect(() => y.requiresGrad_()).toThrow(/inference mode/);
    expect(() => y.select(0, 0).add_(1)).toThrow(/inference mode/);
    // What is not saved may take part.
    w.add(y).sum().backward();
    expect(await w.grad!.toArray()).toEqual([1, 1]);
    const [g] = grad(w.mul(y.clone()).sum(), [w]);
    expect(await g.toArray()).toEqual([2, 4]);
    expect(await noGrad(() => w.mul(y)).toArray()).toEqual([2, 8]);
  });
});
