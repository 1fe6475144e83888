// Trains a small network on MNIST, or on any data set in its format: `npx pnpm@12 start`, `--help` for options.
import { noGrad } from '@nn/autograd';
import { DataLoader, TensorDataset } from '@nn/data';
import { crossEntropy } from '@nn/functional';
import { Conv2d, Flatten, Linear, MaxPool2d, type Module, ReLU, Sequential } from '@nn/modules';
import { Adam, AdamW, CosineAnnealingLR, type Optimizer, SGD } from '@nn/optim';
import { defaultGenerator, manualSeed, runtimeOf, type Tensor, tensor } from '@nn/tensor';
import { loadCheckpoint, saveCheckpoint } from './support/checkpoint.ts';
import { plotCurve } from './support/curve.ts';
import { checkWritable } from './support/files.ts';
import { onInterrupt } from './support/interrupt.ts';
import { loadImages } from './support/mnist-data.ts';
import { type Options, readOptions } from './support/mnist-options.ts';
import { freshProgress, type Progress } from './support/mnist-progress.ts';
import { ProgressBar } from './support/progress.ts';
import { writeReport } from './support/report.ts';
import { run, useDevice } from './support/run.ts';

function makeModel({ model }: Options): Module<[Tensor], Tensor> {
  if (model === 'mlp') {
    return new Sequential(
      new Flatten(),
      new Linear(784, 512),
      new ReLU(),
      new Linear(512, 256),
      new ReLU(),
      new Linear(256, 10),
    );
  }
  return new Sequential(
    new Conv2d(1, 16, 5),
    new ReLU(),
    new MaxPool2d(2),
    new Conv2d(16, 32, 5),
    new ReLU(),
    new MaxPool2d(2),
    new Flatten(),
    new Linear(32 * 4 * 4, 10),
  );
}

function makeOptimizer(model: Module<[Tensor], Tensor>, { optimizer, lr }: Options): Optimizer {
  if (optimizer === 'sgd')
    return new SGD(model.parameters(), { lr: lr ?? 0.05, momentum: 0.9, nesterov: true });
  if (optimizer === 'adamw') return new AdamW(model.parameters(), { lr: lr ?? 2e-3 });
  return new Adam(model.parameters(), { lr: lr ?? 2e-3 });
}

/** Bytes 0 … 255 of shape [n, 28, 28] as floats around 0 of shape [n, 1, 28, 28]. */
function normalize(images: Tensor): Tensor {
  return images.to('float32').div(255).sub(0.1307).div(0.3081).unsqueeze(1);
}

/** The share of right answers. */
async function accuracyOf(
  model: Module<[Tensor], Tensor>,
  data: DataLoader<[Tensor, Tensor]>,
): Promise<number> {
  model.eval();
  let right = 0;
  let total = 0;
  for await (const [images, labels] of data) {
    const answers = noGrad(() => model(normalize(images)).argmax(1));
    right += await answers.eq(labels).sum().item();
    total += labels.numel();
  }
  model.train();
  return right / total;
}

async function main(options: Options): Promise<void> {
  await Promise.all([options.checkpoint, options.curve, options.json].map(checkWritable));
  const device = await useDevice(options.device, options.threads);
  manualSeed(options.seed);
  const interrupt = onInterrupt();

  const train = await loadImages(options.data, 'train');
  const test = await loadImages(options.data, 'test');
  const trainSet = new TensorDataset(tensor(train.images, { shape: train.shape }), tensor(train.labels));
  const testSet = new TensorDataset(tensor(test.images, { shape: test.shape }), tensor(test.labels));
  const batches = new DataLoader(trainSet, { batchSize: options.batchSize, shuffle: true, dropLast: true });
  const testBatches = new DataLoader(testSet, { batchSize: 500 });

  const model = makeModel(options);
  const optimizer = makeOptimizer(model, options);
  const schedule = new CosineAnnealingLR(optimizer, options.epochs * batches.length);
  const parts = { model, optimizer, schedule };
  const progress = options.resume
    ? await loadCheckpoint<Progress>(options.checkpoint, parts)
    : freshProgress();
  console.log(
    `${options.model} with ${model.parameters().reduce((sum, p) => sum + p.numel(), 0)} parameters on ${device}`,
  );

  for (let epoch = progress.epoch; epoch < options.epochs; epoch++) {
    // A resumed epoch draws its order again and goes on behind the batches it had seen.
    const skip = epoch === progress.epoch ? progress.step : 0;
    if (skip > 0) defaultGenerator.setState(progress.orderState!);
    progress.orderState = defaultGenerator.getState();
    const bar = new ProgressBar(`epoch ${epoch + 1}/${options.epochs}`, batches.length * options.batchSize, {
      unit: 'images',
      first: skip * options.batchSize,
    });
    const started = performance.now();
    let step = 0;
    let { lossSum, right } = skip > 0 ? progress : { lossSum: 0, right: 0 };

    for await (const [images, labels] of batches) {
      if (step++ < skip) continue;
      if (step === skip + 1 && skip > 0) defaultGenerator.setState(progress.randomState!);
      const logits = model(normalize(images));
      const loss = crossEntropy(logits, labels);
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      schedule.step();

      lossSum += await loss.item();
      right += await logits.argmax(1).eq(labels).sum().item();
      if (step % 50 === 0)
        progress.losses.push({ epoch: epoch + step / batches.length, loss: await loss.item() });
      bar.advance(options.batchSize, { loss: lossSum / step });
      if (interrupt.requested) break;
    }

    bar.stop();
    if (interrupt.requested && step < batches.length) {
      await saveCheckpoint(options.checkpoint, parts, { ...progress, epoch, step, lossSum, right });
      console.log(`\nInterrupted. Go on with --resume (checkpoint: ${options.checkpoint}).`);
      return interrupt.leave();
    }
    const seconds = (performance.now() - started) / 1000;
    const examples = step * options.batchSize;
    const examplesPerSecond = ((step - skip) * options.batchSize) / seconds;
    const testAccuracy = await accuracyOf(model, testBatches);
    const { liveBytes, peakBytes } = runtimeOf(device).backend.memory();
    progress.history.push({
      epoch: epoch + 1,
      loss: lossSum / step,
      trainAccuracy: right / examples,
      testAccuracy,
      seconds,
      examplesPerSecond,
      liveBytes,
      peakBytes,
    });
    console.log(
      `epoch ${epoch + 1}: loss ${(lossSum / step).toFixed(4)}, train ${((100 * right) / examples).toFixed(2)} %, ` +
        `test ${(100 * testAccuracy).toFixed(2)} %, ${Math.round(examplesPerSecond)} examples/s`,
    );
    await saveCheckpoint(options.checkpoint, parts, {
      ...progress,
      epoch: epoch + 1,
      step: 0,
      lossSum: 0,
      right: 0,
    });
    await writeReport(options, progress.history);
    await plotCurve(options, progress);
    if (interrupt.requested) return interrupt.leave();
  }
  console.log(`checkpoint: ${options.checkpoint}, curve: ${options.curve}`);
}

await run(() => main(readOptions()));
