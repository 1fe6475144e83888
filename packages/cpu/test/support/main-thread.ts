// How long the main thread of a page is kept from everything else while results are awaited.
import { grad } from '@nn/autograd';
import * as F from '@nn/functional';
import { Linear, ReLU, Sequential } from '@nn/modules';
import { Adam } from '@nn/optim';
import { randint, randn, type Tensor, use } from '@nn/tensor';
import { describe, expect, test } from 'vitest';
import { cpu } from '../../src/index.ts';

/** A frame at 60 Hz, in milliseconds. */
export const frame: number = 1000 / 60;

/** The longest turn of the event loop while `work` is awaited, by a clock that gives milliseconds. */
export async function longestTurn(work: () => Promise<unknown>, clock: () => number): Promise<number> {
  let longest = 0;
  let last = clock();
  const mark = (): void => {
    const now = clock();
    longest = Math.max(longest, now - last);
    last = now;
  };
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    mark();
    port2.postMessage(null);
  };
  port2.postMessage(null);
  await work();
  mark();
  port1.close();
  return longest;
}

const sum = (x: Tensor): Promise<unknown> => x.float().sum().item();

/** Work of many frames on the device in use; the first call makes its data, the second computes. */
export const longWork: Readonly<Record<string, () => Promise<() => Promise<unknown>>>> = {
  'a product of 2048': async () => {
    const [a, b] = [await ready(randn([2048, 2048])), await ready(randn([2048, 2048]))];
    return () => sum(a.matmul(b));
  },
  'a product of wide and tall': async () => {
    const [a, b] = [await ready(randn([64, 400_000])), await ready(randn([400_000, 64]))];
    return () => sum(a.matmul(b));
  },
  'sorts of many rows': async () => {
    const x = await ready(randn([3000, 1000]));
    return () => sum(x.sort(1).indices);
  },
  'sorts of columns': async () => {
    const x = await ready(randn([1000, 3000]));
    return () => sum(x.sort(0).values);
  },
  'the largest of many': async () => {
    const x = await ready(randn([6_000_000]));
    return () => sum(x.topk(100).values);
  },
  'a big convolution and its derivatives': async () => {
    const x = (await ready(randn([8, 64, 56, 56]))).requiresGrad_();
    const weight = (await ready(randn([64, 64, 3, 3]))).requiresGrad_();
    return () => {
      const y = F.conv2d(x, weight, null, { padding: 1 });
      return Promise.all([y, ...grad(y.square().mean(), [x, weight])].map((each) => sum(each as Tensor)));
    };
  },
  'a depthwise convolution and its derivatives': async () => {
    const x = (await ready(randn([8, 96, 56, 56]))).requiresGrad_();
    const weight = (await ready(randn([96, 1, 3, 3]))).requiresGrad_();
    return () => {
      const y = F.conv2d(x, weight, null, { padding: 1, groups: 96 });
      return Promise.all([y, ...grad(y.square().mean(), [x, weight])].map((each) => sum(each as Tensor)));
    };
  },
  'max pooling and its derivative': async () => {
    const x = (await ready(randn([16, 64, 112, 112]))).requiresGrad_();
    return () => {
      const y = F.maxPool2d(x, 3, { stride: 2, padding: 1 });
      return Promise.all([y, ...grad(y.square().mean(), [x])].map((each) => sum(each as Tensor)));
    };
  },
  'steps of a network': async () => {
    const model = new Sequential(
      new Linear(784, 1024),
      new ReLU(),
      new Linear(1024, 1024),
      new ReLU(),
      new Linear(1024, 10),
    );
    const optimizer = new Adam(model.parameters(), { lr: 1e-3 });
    const [x, labels] = [await ready(randn([512, 784])), await ready(randint(0, 10, [512]))];
    return async () => {
      for (let step = 0; step < 4; step++) {
        optimizer.zeroGrad();
        const loss = F.crossEntropy(model(x), labels);
        loss.backward();
        optimizer.step();
        await loss.item();
      }
    };
  },
  'elementwise functions of 16 million': async () => {
    const x = await ready(randn([4096, 4096]));
    return () => sum(x.tanh().mul(x.exp()).erf());
  },
  'sums of columns': async () => {
    const x = await ready(randn([8192, 2048]));
    return () => Promise.all([sum(x.sum(0)), sum(x.var(0)), sum(x.argmax(0))]);
  },
  'softmax of many classes, and its derivative': async () => {
    const x = (await ready(randn([256, 50_257]))).requiresGrad_();
    const labels = await ready(randint(0, 50_257, [256]));
    return async () => {
      const loss = F.crossEntropy(x, labels);
      await Promise.all([loss.item(), ...grad(loss, [x]).map((each) => sum(each as Tensor))]);
    };
  },
  'long running sums': async () => {
    const x = await ready(randn([32_000_000]));
    return () => sum(x.cumsum(0));
  },
  'a transposed copy': async () => {
    const x = await ready(randn([4096, 4096]));
    return async () => void (await x.T.contiguous().realize().at(0, 0).item());
  },
  'gathering and scattering': async () => {
    const x = await ready(randn([20_000, 512]));
    const indices = await ready(randint(0, 20_000, [30_000]));
    return () => {
      const rows = x.indexSelect(0, indices);
      return sum(x.indexAdd(0, indices, rows));
    };
  },
  attention: async () => {
    const [q, k, v] = await Promise.all([1, 2, 3].map(() => ready(randn([4, 8, 512, 64]))));
    return () => sum(F.scaledDotProductAttention(q, k, v, { isCausal: true }));
  },
  'drawing random numbers': async () => () => sum(randn([8_000_000])),
};

async function ready(x: Tensor): Promise<Tensor> {
  x.realize();
  await x.reshape(-1).at(0).item();
  return x;
}

/** Turns of half a frame, as long as given: what a page without anything to compute would see. */
async function halfFrames(milliseconds: number): Promise<void> {
  const { port1, port2 } = new MessageChannel();
  const end = performance.now() + milliseconds;
  await new Promise<void>((resolve) => {
    port1.onmessage = () => {
      const start = performance.now();
      while (performance.now() < start + frame / 2);
      if (start < end) port2.postMessage(null);
      else resolve();
    };
    port2.postMessage(null);
  });
  port1.close();
}

/**
 * Declares a test for each long work: awaited on a page's main thread, it takes no turn longer than a frame. What turns of
 * half a frame take longer than that at the same time, as other programs run, is added, and half a frame more, as these
 * are shorter; the best of a few rounds counts. What the turns take of the processor is measured in Node.
 */
export function awaitedOnAPage(threads: number): void {
  const clock = (): number => performance.now();
  describe('while results are awaited', () => {
    test.each(Object.keys(longWork))('%s takes no turn longer than a frame', async (name) => {
      const backend = cpu({ threads });
      use(backend);
      const work = await longWork[name]();
      await work();
      const excesses: number[] = [];
      while (excesses.length < 6 && !(Math.min(...excesses) <= 0)) {
        const start = clock();
        const longest = await longestTurn(work, clock);
        const busy = await longestTurn(() => halfFrames(clock() - start), clock);
        excesses.push(longest - 1.5 * frame - (busy - frame / 2));
      }
      backend.dispose();
      expect(Math.min(...excesses)).toBeLessThanOrEqual(0);
    });
  });
}
