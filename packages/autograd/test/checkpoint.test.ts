// Checkpoints: the same values and derivatives with less memory.
import { checkpoint, checkpointSequential, customFunction, grad, gradgradcheck, noGrad } from '@nn/autograd';
import { AutogradError, type Backend } from '@nn/core';
import { cpu } from '@nn/cpu';
import * as F from '@nn/functional';
import {
  compile,
  interpreter,
  manualSeed,
  randn,
  removeBackend,
  runtimeOf,
  setFusion,
  type Tensor,
  tensor,
  use,
} from '@nn/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { onEveryDevice } from './devices.ts';

const leaf = (shape: number[], seed: number): Tensor => {
  manualSeed(seed);
  return randn(shape).realize().requiresGrad_();
};

type Block = (h: Tensor) => Tensor;
/** Runs with and without a checkpoint, and gives the values of loss and gradients of both. */
async function bothWays(
  leaves: readonly Tensor[],
  loss: (wrap: (block: Block) => Block) => Tensor,
): Promise<{ plain: unknown[]; checkpointed: unknown[] }> {
  const run = async (wrap: (block: Block) => Block): Promise<unknown[]> => {
    manualSeed(7);
    const value = loss(wrap);
    value.backward();
    const seen: unknown[] = [await value.toArray()];
    for (const each of leaves) {
      seen.push(await each.grad!.toArray());
      each.grad = null;
    }
    return seen;
  };
  return {
    plain: await run((block) => block),
    checkpointed: await run((block) => (h) => checkpoint(block, h)),
  };
}

/** Kernels that are fused otherwise round otherwise (fused multiply-add): a few units in the last place. */
function expectClose(found: readonly unknown[], expected: readonly unknown[]): void {
  const [a, b] = [found, expected].map((list) => list.flat(Number.POSITIVE_INFINITY as 1) as number[]);
  expect(a.length).toBe(b.length);
  const scale = Math.max(...b.map(Math.abs));
  a.forEach((value, i) => {
    expect(Math.abs(value - b[i])).toBeLessThanOrEqual(1e-5 * scale);
  });
}

onEveryDevice((device) => {
  it('gives the same values and gradients', async () => {
    const [x, w, u] = [leaf([6, 4], 1), leaf([4, 4], 2), leaf([4, 4], 3)];
    const { plain, checkpointed } = await bothWays([x, w, u], (wrap) =>
      wrap((h) => wrap((g) => g.matmul(u).sigmoid())(h.matmul(w).relu()).mul(h))(x)
        .square()
        .sum(),
    );
    expectClose(checkpointed, plain);
  });

  it('computes dropout with the same mask', async () => {
    const x = leaf([8, 8], 1);
    const { plain, checkpointed } = await bothWays([x], (wrap) =>
      wrap((h) => F.dropout(h.tanh(), { p: 0.5 }).square())(x).sum(),
    );
    expectClose(checkpointed, plain);
  });

  it('takes arguments of any kind and gives results of any kind', async () => {
    const [x, w] = [leaf([3], 1), tensor([2, 3, 4], { dtype: 'float32' })];
    const { sum, list } = checkpoint(
      (a: Tensor, b: Tensor, scale: number) => ({
        sum: a.add(b).mul(scale),
        list: [a.exp(), b.exp()] as const,
      }),
      x,
      w,
      3,
    );
    expect(list[1].requiresGrad).toBe(false);
    sum.sum().add(list[0].mul(list[1].log()).sum()).backward();
    const expected = (await x.exp().mul(w).add(3).data()) as Float32Array;
    const found = (await x.grad!.data()) as Float32Array;
    expectClose([Array.from(found)], [Array.from(expected)]);
  });

  it('counts a side effect once, and calls the function once', async () => {
    const [mean, variance] = [tensor([0], { dtype: 'float32' }), tensor([1], { dtype: 'float32' })];
    const x = leaf([4, 1], 1);
    let calls = 0;
    const y = checkpoint((h: Tensor) => {
      calls++;
      return F.batchNorm(h, mean, variance, { training: true, momentum: 0.5 }).square();
    }, x);
    y.mul(tensor([[1], [2], [3], [4]]))
      .sum()
      .backward();
    await x.grad!.data();
    expect(calls).toBe(1);
    expect(await mean.item()).toBeCloseTo(0.5 * (await x.detach().mean().item()), 5);
  });

  it('works for derivatives of derivatives', async () => {
    const x = leaf([3], 4);
    const second = async (f: Block): Promise<unknown> => {
      const [first] = grad(f(x).sum(), [x], { createGraph: true });
      const [result] = grad(first.square().sum(), [x]);
      return result.toArray();
    };
    const block: Block = (h) => h.tanh().mul(h).exp();
    expectClose([await second((h) => checkpoint(block, h))], [await second(block)]);
  });

  it('sees the values of then when something was overwritten or run in between', async () => {
    const [x, w] = [leaf([4, 4], 1), leaf([4, 4], 2)];
    const { plain, checkpointed } = await bothWays([x, w], (wrap) => {
      const scale = tensor([3], { dtype: 'float32' });
      const y = wrap((h) => {
        const inner = h.matmul(w).tanh().neg();
        inner.mul_(scale.clone());
        return inner.sin().mul(inner);
      })(x);
      scale.zero_();
      y.realize();
      return y.sum();
    });
    expectClose(checkpointed, plain);
  });

  it('walks twice when the graph is kept', async () => {
    const x = leaf([3], 1);
    const y = checkpoint((h: Tensor) => h.exp().square(), x).sum();
    y.backward(undefined, { retainGraph: true });
    const once = (await x.grad!.data()) as Float32Array;
    y.backward();
    expect(Array.from((await x.grad!.data()) as Float32Array)).toEqual(
      Array.from(once, (value) => 2 * value),
    );
    expect(() => y.backward()).toThrow(AutogradError);
  });

  it('sees the parameters of then, when they were updated before the loss is read', async () => {
    const [x, w] = [leaf([2, 2], 1), leaf([2, 2], 2)];
    const expected = await checkpoint((h: Tensor) => h.matmul(w).square(), x)
      .sum()
      .item();
    const loss = checkpoint((h: Tensor) => h.matmul(w).square(), x).sum();
    loss.backward();
    noGrad(() => w.sub_(w.grad!));
    runtimeOf(device).step([w.node]);
    expect(await loss.item()).toBeCloseTo(expected, 4);
  });
});

describe('on the interpreter', () => {
  beforeAll(() => use(interpreter()));
  afterAll(() => removeBackend('interpreter'));

  it('gives second derivatives that finite differences confirm', async () => {
    const x = tensor([0.3, -0.7], { dtype: 'float64', requiresGrad: true });
    const f = (h: Tensor): Tensor => checkpoint((g: Tensor) => g.tanh().mul(g.exp()), h);
    expect(await gradgradcheck(f, [x])).toBe(true);
  });

  it('hands custom functions what they saved', async () => {
    const cube = customFunction<[Tensor]>({
      forward(context, x) {
        context.saveForBackward(x);
        return x.mul(x).mul(x);
      },
      backward(context, gradient) {
        const [x] = context.savedTensors;
        return gradient.mul(x.square()).mul(3);
      },
    });
    const x = tensor([2], { dtype: 'float32', requiresGrad: true });
    checkpoint((h: Tensor) => cube(h.mul(2)), x)
      .sum()
      .backward();
    expect(await x.grad!.toArray()).toEqual([96]);
  });

  it('does nothing under noGrad', () => {
    const x = tensor([1], { dtype: 'float32', requiresGrad: true });
    expect(noGrad(() => checkpoint((h: Tensor) => h.exp(), x)).requiresGrad).toBe(false);
  });

  it('refuses asynchronous functions and impossible segments', () => {
    const x = tensor([1], { dtype: 'float32', requiresGrad: true });
    expect(() => checkpoint(async (h: Tensor) => h.exp(), x)).toThrow(/asynchronous/);
    for (const segments of [0, 3, 1.5])
      expect(() => checkpointSequential([(h) => h, (h) => h], segments, x)).toThrow(/segments must be/);
  });

  it('cuts functions that do not divide evenly', async () => {
    const x = tensor([1], { dtype: 'float32', requiresGrad: true });
    const double: Block = (h) => h.mul(2);
    checkpointSequential([double, double, double, double, double], 2, x).sum().backward();
    expect(await x.grad!.item()).toBe(32);
  });
});

describe.each([
  ['interpreter', true],
  ['interpreter', false],
  ['cpu', true],
  ['cpu', false],
] as const)('memory on %s, fusion %s', (device, fused) => {
  const [batch, width] = [256, 16];
  const activation = batch * width * 4;
  let formerFusion = true;
  beforeAll(() => {
    formerFusion = setFusion(fused);
  });
  afterAll(() => setFusion(formerFusion));

  /** Steps of training on a fresh device: loss and gradients; the arena's and the device's peak in activations. */
  async function train(
    length: number,
    segments: number | null,
    { compiled = false }: { readonly compiled?: boolean } = {},
  ): Promise<{ seen: unknown[]; arena: number; peak: number }> {
    const backend: Backend = device === 'cpu' ? cpu({ threads: 1 }) : interpreter();
    const compileProgram = backend.compile.bind(backend);
    let arena = 0;
    backend.compile = (program) => {
      arena = Math.max(arena, program.arenaBytes);
      return compileProgram(program);
    };
    use(backend);
    manualSeed(1);
    const weights = Array.from({ length }, () => randn([width, width]).mul(0.3).realize().requiresGrad_());
    const x = randn([batch, width]).realize();
    const blocks = weights.map(
      (w): Block =>
        (h) =>
          h.matmul(w).tanh(),
    );
    const body = (): Tensor => {
      const y =
        segments === null
          ? blocks.reduce((h, block) => block(h), x)
          : checkpointSequential(blocks, segments, x);
      const loss = y.square().mean();
      for (const w of weights) w.grad = null;
      loss.backward();
      noGrad(() => {
        for (const w of weights) w.sub_(w.grad!.mul(0.1));
      });
      runtimeOf(device).step(weights.map((w) => w.node));
      return loss;
    };
    const step = compiled ? compile(body) : body;
    const before = backend.memory().liveBytes;
    const losses = [step(), step(), step()];
    const peak = backend.memory().peakBytes - before;
    const gradients = weights.map((w) => w.grad!.toArray());
    const seen = [await Promise.all(losses.map((loss) => loss.item())), await Promise.all(gradients)];
    removeBackend(device);
    return { seen, arena: arena / activation, peak: peak / activation };
  }

  it('grows with the square root of the length, not with the length', async () => {
    for (const root of [3, 6]) {
      const length = root * root;
      const plain = await train(length, null);
      const checkpointed = await train(length, root);
      expectClose(checkpointed.seen, plain.seen);
      expect(plain.arena).toBeGreaterThanOrEqual(length);
      // The segments' inputs, one segment's values, and what a step of backward needs.
      expect(checkpointed.arena).toBeLessThanOrEqual(2 * root + 4);
      // The device's peak holds parameters and gradients, too, which stay the same.
      expect(plain.peak - checkpointed.peak).toBeGreaterThanOrEqual(length - 2 * root - 4);
    }
  });

  it('is as low in a compiled function', async () => {
    const plain = await train(16, 4);
    const compiled = await train(16, 4, { compiled: true });
    expectClose(compiled.seen, plain.seen);
    expect(compiled.arena).toBeLessThanOrEqual(12);
  });
});
