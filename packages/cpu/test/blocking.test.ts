// A device that does not block: work is queued, done in slices while results are awaited, and comes out the same.
import '@nn/autograd';
import { backendOf, DeviceError, isDeviceAvailable, removeBackend } from '@nn/core';
import { cpu } from '@nn/cpu';
import { crossEntropy } from '@nn/functional';
import { Conv2d, Flatten, Linear, MaxPool2d, ReLU, Sequential } from '@nn/modules';
import { Adam } from '@nn/optim';
import { manualSeed, rand, randint, randn, type Tensor, tensor, use } from '@nn/tensor';
import { afterEach, describe, expect, test } from 'vitest';

afterEach(() => {
  if (isDeviceAvailable('cpu')) removeBackend('cpu');
});

async function train(steps: number, isRead: boolean): Promise<unknown> {
  manualSeed(7);
  const model = new Sequential(
    new Conv2d(1, 8, 3),
    new ReLU(),
    new MaxPool2d(2),
    new Flatten(),
    new Linear(8 * 13 * 13, 10),
  );
  const optimizer = new Adam(model.parameters(), { lr: 1e-3 });
  const losses: Tensor[] = [];
  for (let i = 0; i < steps; i++) {
    optimizer.zeroGrad();
    const loss = crossEntropy(model(rand([16, 1, 28, 28])), randint(0, 10, [16]));
    loss.backward();
    optimizer.step();
    losses.push(loss);
    if (isRead) await loss.item();
  }
  return Promise.all([...losses, ...model.parameters()].map((each) => each.toArray()));
}

describe.each([1, 2])('with %i threads', (threads) => {
  test('training gives the same to the last bit', async () => {
    use(cpu({ threads, blocking: true }));
    const expected = await train(6, true);
    removeBackend('cpu');
    use(cpu({ threads, blocking: false }));
    expect(await train(6, true)).toEqual(expected);
    expect(await train(6, false)).toEqual(expected);
  });

  test('a long line is sorted in runs, equals in their order', async () => {
    const values = Int32Array.from({ length: 600_000 }, (_, i) => (i * 7919) % 1000);
    const sorted = async (): Promise<unknown[]> => {
      const { values: found, indices } = tensor(values).sort(0);
      return [await found.data(), await indices.data()];
    };
    use(cpu({ threads, blocking: true }));
    const expected = await sorted();
    removeBackend('cpu');
    use(cpu({ threads, blocking: false }));
    expect(await sorted()).toEqual(expected);
  });

  test('timers go on while results are awaited', async () => {
    use(cpu({ threads, blocking: false }));
    const x = randn([640, 640]).realize();
    await x.data();
    let longest = 0;
    let last = performance.now();
    const timer = setInterval(() => {
      longest = Math.max(longest, performance.now() - last);
      last = performance.now();
    }, 1);
    const start = performance.now();
    let y = x;
    for (let i = 0; i < 24; i++) y = y.matmul(x).mul(0.03).tanh();
    await y.sum().item();
    const whole = performance.now() - start;
    clearInterval(timer);
    expect(longest).toBeLessThan(whole / 2);
  });

  test('reading at once, and disposing, wait for nobody', async () => {
    use(cpu({ threads, blocking: false }));
    const x = randn([200, 200]);
    const expected = await x.matmul(x).sum().item();
    const y = x.matmul(x).sum();
    const later = y.item();
    expect(y.itemSync()).toBe(expected);
    expect(await later).toBe(expected);
    const unread = x.matmul(x).realize();
    unread.dispose();
    const zeros = tensor(new Float32Array(40_000)).realize();
    await backendOf('cpu').synchronize();
    expect(zeros.sum().itemSync()).toBe(0);
  });

  test('who still waits when the backend is removed is told so', async () => {
    use(cpu({ threads, blocking: false }));
    const x = randn([200, 200]);
    const reading = x.matmul(x).sum().item();
    const synchronizing = backendOf('cpu').synchronize();
    removeBackend('cpu');
    for (const waiting of [reading, synchronizing]) {
      await expect(waiting).rejects.toThrow(DeviceError);
      await expect(waiting).rejects.toThrow('the backend was removed before this was computed');
    }
  });

  test('memory that was freed is not written before what was to use it has run', async () => {
    use(cpu({ threads, blocking: false }));
    const sums: Promise<number | bigint | boolean>[] = [];
    for (let i = 1; i <= 50; i++) {
      const x = tensor(new Float32Array(10_000).fill(i)).realize();
      sums.push(x.sum().item() as Promise<number>);
      x.dispose();
    }
    expect(await Promise.all(sums)).toEqual(Array.from({ length: 50 }, (_, i) => 10_000 * (i + 1)));
  });
});

test('refuses what is no boolean', () => {
  expect(() => cpu({ blocking: 1 as never })).toThrow('blocking must be true or false, got 1');
});
