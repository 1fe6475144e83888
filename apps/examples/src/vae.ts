// A variational autoencoder (Kingma and Welling 2014) learns handwritten digits, and draws new ones.
import { join } from 'node:path';
import { noGrad } from '@nn/autograd';
import { binaryCrossEntropyWithLogits, relu } from '@nn/functional';
import { Linear, Module } from '@nn/modules';
import { Adam } from '@nn/optim';
import { cat, compile, lerp, linspace, randint, randn, randnLike, type Tensor } from '@nn/tensor';
import { count, example, flag, positive, whole } from './support/example.ts';
import { loadDigits } from './support/mnist-data.ts';
import { imageGrid, savePng } from './support/pictures.ts';
import { Training } from './support/training.ts';

type Encoded = [mean: Tensor, logVariance: Tensor];

class VAE extends Module<[Tensor], [pixels: Tensor, ...Encoded]> {
  encoder: Linear;
  code: Linear;
  decoder: Linear;
  pixels: Linear;

  constructor(hidden: number, latent: number) {
    super();
    this.encoder = new Linear(784, hidden);
    this.code = new Linear(hidden, 2 * latent);
    this.decoder = new Linear(latent, hidden);
    this.pixels = new Linear(hidden, 784);
  }

  /** Images [n, 784] to the mean and the logarithm of the variance of their codes [n, latent]. */
  encode(images: Tensor): Encoded {
    const [mean, logVariance] = this.code(relu(this.encoder(images))).chunk(2, 1);
    return [mean, logVariance];
  }

  /** Codes [n, latent] to pixels [n, 784], before the sigmoid. */
  decode(codes: Tensor): Tensor {
    return this.pixels(relu(this.decoder(codes)));
  }

  override forward(images: Tensor): [Tensor, ...Encoded] {
    const [mean, logVariance] = this.encode(images);
    const codes = mean.add(randnLike(mean).mul(logVariance.div(2).exp()));
    return [this.decode(codes), mean, logVariance];
  }
}

/** The negative lower bound of the log-likelihood of an image, in nats: what is lost, and how far codes are from normal. */
function lossOf(model: VAE, images: Tensor): Tensor {
  const [pixels, mean, logVariance] = model(images);
  const lost = binaryCrossEntropyWithLogits(pixels, images, { reduction: 'sum' });
  const divergence = mean.square().add(logVariance.exp()).sub(logVariance).sub(1).sum().div(2);
  return lost.add(divergence).div(images.shape[0]);
}

/** Pixels [n, 784] before the sigmoid as images. */
const asImages = (pixels: Tensor): Tensor => pixels.sigmoid().reshape(-1, 28, 28);

export const vae = example(
  'A variational autoencoder learns handwritten digits, and draws new ones.',
  {
    images: count('images to learn from', 60_000, { small: 500 }),
    steps: whole('training steps', 3000, { small: 60 }),
    batch: count('images a step', 128, { small: 50 }),
    hidden: count('units of the hidden layers', 400, { small: 64 }),
    latent: count('numbers of a code', 16, { small: 8 }),
    lr: positive('learning rate', 0.001),
    resume: flag('go on from the checkpoint'),
  },
  async ({ images, steps, batch, hidden, latent, lr, resume, out }) => {
    const asPixels = (bytes: Tensor): Tensor => bytes.float().div(255).flatten(1);
    const [digits] = await loadDigits('train', images);
    const test = asPixels((await loadDigits('test', 1000))[0]);
    const model = new VAE(hidden, latent);
    const optimizer = new Adam(model.parameters(), { lr });
    const step = compile((bytes: Tensor) => {
      const loss = lossOf(model, asPixels(bytes));
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      return loss;
    });

    const training = await Training.start({ name: 'vae', steps, out, resume, parts: { model, optimizer } });
    for await (const _ of training) {
      const bytes = digits.at(randint(0, digits.shape[0], [batch]));
      training.record({ loss: await step(bytes).item() });
    }
    const loss = await noGrad(() => lossOf(model, test)).item();
    console.log(`nats an image, on unseen ones: ${loss.toFixed(1)}`);

    // Unseen digits above what is left of them; new ones; and walks from one digit to another.
    const some = test.narrow(0, 0, 16);
    const [remade, ...[means]] = noGrad(() => model(some));
    await savePng(
      join(out, 'vae-remade.png'),
      imageGrid(cat([some.reshape(-1, 28, 28), asImages(remade)]), 16),
    );
    const drawn = noGrad(() => asImages(model.decode(randn([64, latent]))));
    await savePng(join(out, 'vae-drawn.png'), imageGrid(drawn, 16));
    const [from, to] = [means.narrow(0, 0, 4), means.narrow(0, 4, 4)];
    const walks = lerp(from.unsqueeze(1), to.unsqueeze(1), linspace(0, 1, 16).unsqueeze(1)).flatten(0, 1);
    await savePng(
      join(out, 'vae-walks.png'),
      imageGrid(
        noGrad(() => asImages(model.decode(walks))),
        16,
      ),
    );
    return { firstLoss: training.curve('loss')[0]?.[1] ?? loss, loss };
  },
);

if (import.meta.main) await vae.main();
