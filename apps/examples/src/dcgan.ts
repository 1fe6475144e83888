// A small DCGAN (Radford et al. 2016): one network draws digits, another tells drawn from real ones.
import { join } from 'node:path';
import { noGrad } from '@nn/autograd';
import { binaryCrossEntropyWithLogits } from '@nn/functional';
import {
  BatchNorm2d,
  Conv2d,
  ConvTranspose2d,
  Flatten,
  init,
  LeakyReLU,
  type Module,
  ReLU,
  Sequential,
  Tanh,
} from '@nn/modules';
import { Adam } from '@nn/optim';
import { compile, fullLike, randint, randn, type Tensor } from '@nn/tensor';
import { plot, smooth } from './support/charts.ts';
import { count, example, flag, positive, whole } from './support/example.ts';
import { loadDigits } from './support/mnist-data.ts';
import { imageGrid, savePng } from './support/pictures.ts';
import { Training } from './support/training.ts';

/** Noise [n, latent, 1, 1] to images [n, 1, 28, 28] from -1 to 1. */
function makeGenerator(latent: number, channels: number): Module {
  return new Sequential(
    new ConvTranspose2d(latent, 2 * channels, 7, { bias: false }),
    new BatchNorm2d(2 * channels),
    new ReLU(),
    new ConvTranspose2d(2 * channels, channels, 4, { stride: 2, padding: 1, bias: false }),
    new BatchNorm2d(channels),
    new ReLU(),
    new ConvTranspose2d(channels, 1, 4, { stride: 2, padding: 1 }),
    new Tanh(),
  );
}

/** Images [n, 1, 28, 28] to scores [n, 1], above 0 for those that look real. */
function makeCritic(channels: number): Module {
  return new Sequential(
    new Conv2d(1, channels, 4, { stride: 2, padding: 1 }),
    new LeakyReLU(0.2),
    new Conv2d(channels, 2 * channels, 4, { stride: 2, padding: 1, bias: false }),
    new BatchNorm2d(2 * channels),
    new LeakyReLU(0.2),
    new Conv2d(2 * channels, 1, 7),
    new Flatten(),
  );
}

function initialize(model: Module): Module {
  for (const each of model.parameters()) if (each.ndim === 4) init.normal_(each, { std: 0.02 });
  return model;
}

/** How far scores are from saying `real` (1 or 0) of all images. */
const lossOf = (scores: Tensor, real: number): Tensor =>
  binaryCrossEntropyWithLogits(scores, fullLike(scores, real));

export const dcgan = example(
  'Two small networks, one that draws digits and one that tells them from real ones.',
  {
    images: count('images to learn from', 60_000, { small: 200 }),
    steps: whole('training steps', 1000, { small: 6 }),
    batch: count('images a step', 64, { small: 16 }),
    channels: count('channels of the outer layers', 24, { small: 4 }),
    latent: count('numbers of noise an image', 64, { small: 16 }),
    lr: positive('learning rate', 0.0005),
    resume: flag('go on from the checkpoint'),
  },
  async ({ images, steps, batch, channels, latent, lr, resume, out }) => {
    const [digits] = await loadDigits('train', images);
    const generator = initialize(makeGenerator(latent, channels));
    const critic = initialize(makeCritic(channels));
    const betas: [number, number] = [0.5, 0.999];
    const generatorOptimizer = new Adam(generator.parameters(), { lr, betas });
    const criticOptimizer = new Adam(critic.parameters(), { lr, betas });

    const step = compile((bytes: Tensor) => {
      const real = bytes.float().div(127.5).sub(1).unsqueeze(1);
      const drawn = generator(randn([batch, latent, 1, 1]));
      const criticLoss = lossOf(critic(real), 0.9)
        .add(lossOf(critic(drawn.detach()), 0))
        .div(2);
      criticOptimizer.zeroGrad();
      criticLoss.backward();
      criticOptimizer.step();

      const generatorLoss = lossOf(critic(drawn), 1);
      generatorOptimizer.zeroGrad();
      generatorLoss.backward();
      generatorOptimizer.step();
      return [criticLoss, generatorLoss];
    });

    const parts = { generator, critic, generatorOptimizer, criticOptimizer };
    const training = await Training.start({ name: 'dcgan', steps, out, resume, parts });
    for await (const _ of training) {
      const [criticLoss, generatorLoss] = step(digits.at(randint(0, digits.shape[0], [batch])));
      training.record({ critic: await criticLoss.item(), generator: await generatorLoss.item() });
    }
    await plot(out, 'dcgan.svg', {
      title: 'The losses of the two networks',
      x: 'step',
      y: 'loss',
      lines: {
        'tells them apart': smooth(training.curve('critic')),
        draws: smooth(training.curve('generator')),
      },
    });
    const drawn = noGrad(() => generator(randn([64, latent, 1, 1])));
    await savePng(join(out, 'dcgan.png'), imageGrid(drawn.add(1).div(2).squeeze(1), 16));
    const last = (name: string): number => training.curve(name).at(-1)?.[1] ?? Number.NaN;
    return {
      criticLoss: last('critic'),
      generatorLoss: last('generator'),
      brightness: await drawn.mean().item(),
      spread: await drawn.std(0).mean().item(),
    };
  },
);

if (import.meta.main) await dcgan.main();
