// Memory while training in a loop that never pauses and never disposes: `node … memory.ts [steps] [device]`.
import '@nn/autograd';
import { crossEntropy } from '@nn/functional';
import { Linear, ReLU, Sequential } from '@nn/modules';
import { SGD } from '@nn/optim';
import { manualSeed, rand, randint, runtimeOf } from '@nn/tensor';
import { run, useDevice } from './support/run.ts';

const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

await run(async () => {
  const steps = Number(process.argv[2] ?? 10_000);
  const device = await useDevice(process.argv[3] ?? 'cpu');
  manualSeed(0);
  const model = new Sequential(
    new Linear(784, 512),
    new ReLU(),
    new Linear(512, 256),
    new ReLU(),
    new Linear(256, 10),
  );
  const optimizer = new SGD(model.parameters(), { lr: 0.01, momentum: 0.9 });
  const marks = new Set([100, 1_000, 10_000, steps]);
  for (let step = 1; step <= steps; step++) {
    const loss = crossEntropy(model(rand([128, 784])), randint(0, 10, [128]));
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    if (!marks.has(step)) continue;
    const { liveBytes, peakBytes } = runtimeOf(device).backend.memory();
    const { rss, heapUsed } = process.memoryUsage();
    console.log(
      `step ${step}: live ${megabytes(liveBytes)}, peak ${megabytes(peakBytes)}, resident ${megabytes(rss)}, ` +
        `JavaScript heap ${megabytes(heapUsed)}`,
    );
  }
});
