// A small GPT that writes like Moby-Dick, one character after the other (after Karpathy's nanoGPT).
import { noGrad } from '@nn/autograd';
import { crossEntropy, gelu, scaledDotProductAttention, softmax } from '@nn/functional';
import { Dropout, Embedding, init, LayerNorm, Linear, Module, ModuleList } from '@nn/modules';
import { AdamW, clipGradNorm_, LambdaLR } from '@nn/optim';
import { arange, cat, compile, type Tensor, tensor, where } from '@nn/tensor';
import { plot, smooth } from './support/charts.ts';
import { count, example, flag, fraction, positive, text, whole } from './support/example.ts';
import { alphabet, loadBook, windows } from './support/text.ts';
import { Training } from './support/training.ts';

/** Turns pairs of numbers by angles that grow with the position, so that products tell distances (Su et al. 2021). */
function rotate(x: Tensor): Tensor {
  const [length, size] = x.shape.slice(-2);
  // The slowest pair turns by about one radian in 100 characters.
  const speeds = arange(size / 2)
    .mul((-2 * Math.log(100)) / size)
    .exp();
  const angles = arange(length).unsqueeze(1).mul(speeds);
  const [cos, sin] = [angles.cos(), angles.sin()];
  const [a, b] = x.chunk(2, -1);
  return cat([a.mul(cos).sub(b.mul(sin)), a.mul(sin).add(b.mul(cos))], -1);
}

/** Each position looks at itself and those before it, with several heads: [batch, length, size] to the same. */
class CausalSelfAttention extends Module {
  readonly heads: number;
  projections: Linear;
  out: Linear;

  constructor(size: number, heads: number) {
    super();
    this.heads = heads;
    this.projections = new Linear(size, 3 * size);
    this.out = new Linear(size, size);
  }

  override forward(x: Tensor): Tensor {
    const [batch, length, size] = x.shape;
    const [query, key, value] = this.projections(x)
      .reshape(batch, length, 3, this.heads, size / this.heads)
      .permute(2, 0, 3, 1, 4)
      .unbind();
    const attended = scaledDotProductAttention(rotate(query), rotate(key), value, { isCausal: true });
    return this.out(attended.transpose(1, 2).reshape(batch, length, size));
  }
}

class Block extends Module {
  attentionNorm: LayerNorm;
  attention: CausalSelfAttention;
  hiddenNorm: LayerNorm;
  hidden: Linear;
  out: Linear;
  drop: Dropout;

  constructor(size: number, heads: number, dropout: number) {
    super();
    this.attentionNorm = new LayerNorm(size);
    this.attention = new CausalSelfAttention(size, heads);
    this.hiddenNorm = new LayerNorm(size);
    this.hidden = new Linear(size, 4 * size);
    this.out = new Linear(4 * size, size);
    this.drop = new Dropout(dropout);
  }

  override forward(x: Tensor): Tensor {
    const attended = x.add(this.drop(this.attention(this.attentionNorm(x))));
    return attended.add(this.drop(this.out(gelu(this.hidden(this.hiddenNorm(attended))))));
  }
}

/** Characters [batch, length] to scores of the next one [batch, length, vocabulary]. */
class GPT extends Module {
  characters: Embedding;
  blocks: ModuleList<Block>;
  norm: LayerNorm;
  out: Linear;

  constructor(layers: number, heads: number, size: number, dropout: number) {
    super();
    this.characters = new Embedding(alphabet.size, size);
    this.blocks = new ModuleList(Array.from({ length: layers }, () => new Block(size, heads, dropout)));
    this.norm = new LayerNorm(size);
    this.out = new Linear(size, alphabet.size);
    for (const [name, parameter] of this.namedParameters()) {
      if (parameter.ndim < 2) continue;
      // What adds to the stream of a deep stack starts smaller.
      init.normal_(parameter, { std: name.endsWith('.out.weight') ? 0.02 / Math.sqrt(2 * layers) : 0.02 });
    }
  }

  override forward(codes: Tensor): Tensor {
    let x = this.characters(codes);
    for (const block of this.blocks) x = block(x);
    return this.out(this.norm(x));
  }
}

interface Sampling {
  readonly prompt: string;
  readonly characters: number;
  readonly block: number;
  /** Below 1: more likely characters; above 1: bolder ones. */
  readonly temperature: number;
  /** Only the k likeliest characters may come. */
  readonly topK: number;
}

/** Goes on with the prompt. The window has always the same size, so one program serves each character. */
async function write(
  model: GPT,
  { prompt, characters, block, temperature, topK }: Sampling,
): Promise<string> {
  const next = compile((window: Tensor, place: Tensor) => {
    const scores = noGrad(() => model(window).select(0, 0).indexSelect(0, place)).div(temperature);
    const { values: likeliest } = scores.topk(Math.min(topK, alphabet.size));
    const least = likeliest.amin(-1, { keepdim: true });
    return softmax(where(scores.lt(least), -Infinity, scores), -1).multinomial(1);
  });
  model.eval();
  const codes = [...alphabet.encode(prompt)];
  for (let i = 0; i < characters; i++) {
    const recent = codes.slice(-block);
    // What stands behind the last character is not seen.
    const window = [...recent, ...new Array(block - recent.length).fill(0)];
    codes.push(await next(tensor([window]), tensor([recent.length - 1])).item());
  }
  model.train();
  return alphabet.decode(codes).join('');
}

export const gpt = example(
  'A character-level GPT learns from Moby-Dick, and writes.',
  {
    steps: whole('training steps', 800, { small: 30 }),
    batch: count('windows a step', 16, { small: 8 }),
    block: count('characters a window', 128, { small: 32 }),
    layers: count('blocks of attention and hidden layer', 4, { small: 2 }),
    heads: count('heads of attention', 4, { small: 2 }),
    size: count('numbers a character', 96, { small: 32 }),
    dropout: fraction('share that is dropped while training', 0),
    lr: positive('highest learning rate', 3e-3),
    prompt: text('what the sample begins with', 'The whale '),
    characters: whole('characters to write', 500, { small: 40 }),
    temperature: positive('below 1 safer, above 1 bolder', 0.8),
    topK: count('only the likeliest so many characters', 20),
    resume: flag('go on from the checkpoint'),
  },
  async ({ steps, batch, block, layers, heads, size, dropout, lr, out, resume, ...sampling }) => {
    const book = loadBook();
    const model = new GPT(layers, heads, size, dropout);
    const [matrices, vectors] = [
      model.parameters().filter((each) => each.ndim >= 2),
      model.parameters().filter((each) => each.ndim < 2),
    ];
    const optimizer = new AdamW(
      [
        { params: matrices, weightDecay: 0.1 },
        { params: vectors, weightDecay: 0 },
      ],
      { lr, betas: [0.9, 0.95] },
    );
    const warmup = Math.min(50, steps / 10);
    const schedule = new LambdaLR(optimizer, (step) =>
      step < warmup
        ? (step + 1) / warmup
        : 0.55 + 0.45 * Math.cos((Math.PI * (step - warmup)) / (steps - warmup)),
    );
    const parameters = model.parameters().reduce((sum, each) => sum + each.numel(), 0);
    console.log(`${parameters} parameters, ${book.train.numel()} characters`);

    const step = compile((inputs: Tensor, targets: Tensor) => {
      const loss = crossEntropy(model(inputs).flatten(0, 1), targets.flatten());
      optimizer.zeroGrad();
      loss.backward();
      clipGradNorm_(model.parameters(), 1);
      optimizer.step();
      return loss;
    });
    const evaluate = async (): Promise<number> => {
      model.eval();
      let sum = 0;
      for (let i = 0; i < 8; i++) {
        const [inputs, targets] = windows(book.validation, batch, block);
        sum += await noGrad(() => crossEntropy(model(inputs).flatten(0, 1), targets.flatten())).item();
      }
      model.train();
      return sum / 8;
    };

    const parts = { model, optimizer, schedule };
    const training = await Training.start({ name: 'gpt', steps, out, resume, parts });
    for await (const i of training) {
      const loss = await step(...windows(book.train, batch, block)).item();
      schedule.step();
      training.record({ loss });
      if ((i + 1) % 100 === 0) training.record({ validation: await evaluate() });
    }
    const validation = await evaluate();
    const losses = training.curve('loss');
    const last = losses.slice(-20);
    const loss = last.length > 0 ? last.reduce((sum, [, value]) => sum + value, 0) / last.length : validation;
    console.log(`nats a character: ${loss.toFixed(3)} in training, ${validation.toFixed(3)} on unseen text`);
    await plot(out, 'gpt.svg', {
      title: `A GPT of ${Math.round(parameters / 1000)} thousand parameters on Moby-Dick`,
      x: 'step',
      y: 'nats a character',
      lines: { training: smooth(losses), 'unseen text': training.curve('validation') },
    });

    const sample = await write(model, { ...sampling, block });
    console.log(`\n${sample}`);
    return { parameters, firstLoss: losses[0]?.[1] ?? validation, loss, validation, sample };
  },
);

if (import.meta.main) await gpt.main();
