// Batch normalisation: a deep network of sigmoids does not learn without it, and does with it.
import { noGrad } from '@nn/autograd';
import { DataLoader, TensorDataset } from '@nn/data';
import { crossEntropy } from '@nn/functional';
import { BatchNorm1d, Linear, Sequential, Sigmoid } from '@nn/modules';
import { SGD } from '@nn/optim';
import { compile, manualSeed, randn, type Tensor } from '@nn/tensor';
import { type Point, plot, smooth } from './support/charts.ts';
import { count, example, positive } from './support/example.ts';
import { loadDigits } from './support/mnist-data.ts';
import { ProgressBar } from './support/progress.ts';

function makeModel(layers: number, width: number, normalized: boolean): Sequential {
  const hidden = Array.from({ length: layers }, (_, i) => [
    new Linear(i === 0 ? 784 : width, width),
    ...(normalized ? [new BatchNorm1d(width)] : []),
    new Sigmoid(),
  ]);
  return new Sequential(...hidden.flat(), new Linear(width, 10));
}

/** Bytes [n, 28, 28] as floats [n, 784]. */
const flatten = (images: Tensor): Tensor => images.float().div(255).flatten(1);

export const batchNorm = example(
  'A deep network of sigmoids on MNIST, with and without batch normalisation.',
  {
    images: count('images to learn from', 12_000, { small: 1000 }),
    layers: count('hidden layers', 6, { small: 4 }),
    width: count('units a layer', 100, { small: 50 }),
    epochs: count('passes over the images', 3, { small: 2 }),
    lr: positive('learning rate', 0.2),
  },
  async ({ images, layers, width, epochs, lr, seed, out }) => {
    console.log('A batch before and after: mean and standard deviation of each column');
    const batch = randn([64, 3]).mul(5).add(20);
    const norm = new BatchNorm1d(3);
    for (const x of [batch, norm(batch)]) console.log(await x.mean(0).toArray(), await x.std(0).toArray());
    for (let i = 0; i < 50; i++) norm(randn([64, 3]).mul(5).add(20));
    norm.eval(); // Now with the running statistics, so that one row alone can be normalised.
    console.log('running mean and variance, about 20 and 25:');
    await norm.runningMean!.print();
    await norm.runningVar!.print();

    const [train, labels] = await loadDigits('train', images);
    const [test, answers] = await loadDigits('test', 2000);
    const curves: Record<string, Point[]> = {};
    const accuracies: number[] = [];
    for (const normalized of [false, true]) {
      manualSeed(seed);
      const name = normalized ? 'with batch norm' : 'without';
      const model = makeModel(layers, width, normalized);
      const optimizer = new SGD(model.parameters(), { lr, momentum: 0.9 });
      const loader = new DataLoader(new TensorDataset(train, labels), {
        batchSize: 100,
        shuffle: true,
        dropLast: true,
      });
      const step = compile((x: Tensor, y: Tensor) => {
        const loss = crossEntropy(model(flatten(x)), y);
        optimizer.zeroGrad();
        loss.backward();
        optimizer.step();
        return loss;
      });
      const losses: Point[] = [];
      const bar = new ProgressBar(name, epochs * loader.length);
      for (let epoch = 0; epoch < epochs; epoch++) {
        for await (const [x, y] of loader) {
          const loss = await step(x, y).item();
          losses.push([losses.length + 1, loss]);
          bar.advance(1, { loss });
        }
      }
      bar.stop();
      model.eval();
      const right = noGrad(() => model(flatten(test)).argmax(1).eq(answers));
      accuracies.push(await right.float().mean().item());
      curves[name] = smooth(losses, 100);
      console.log(
        `${name}: ${(100 * accuracies[accuracies.length - 1]).toFixed(1)} % of the test images right`,
      );
    }
    await plot(out, 'batch-norm.svg', {
      title: `${layers} layers of sigmoids on MNIST`,
      x: 'step',
      y: 'loss',
      lines: curves,
    });
    const [plain, normalized] = accuracies;
    return { plain, normalized };
  },
);

if (import.meta.main) await batchNorm.main();
