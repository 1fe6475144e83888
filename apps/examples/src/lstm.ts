// An LSTM that learns Moby-Dick character by character, and writes, one step of the recurrence a character.
import { inferenceMode, noGrad } from '@nn/autograd';
import { crossEntropy, softmax } from '@nn/functional';
import { Embedding, Linear, LSTM, type LSTMState, Module } from '@nn/modules';
import { Adam, clipGradNorm_, OneCycleLR } from '@nn/optim';
import { compile, type Tensor, tensor } from '@nn/tensor';
import { plot, smooth } from './support/charts.ts';
import { count, example, flag, positive, text, whole } from './support/example.ts';
import { alphabet, loadBook, windows } from './support/text.ts';
import { Training } from './support/training.ts';

/** Characters [batch, length] and the state before them to scores [batch, length, vocabulary] and the state after. */
class Writer extends Module<[codes: Tensor, state?: LSTMState], [scores: Tensor, state: LSTMState]> {
  characters: Embedding;
  memory: LSTM;
  out: Linear;

  constructor(size: number, hidden: number, layers: number) {
    super();
    this.characters = new Embedding(alphabet.size, size);
    this.memory = new LSTM(size, hidden, { numLayers: layers, batchFirst: true });
    this.out = new Linear(hidden, alphabet.size);
  }

  override forward(codes: Tensor, state?: LSTMState): [Tensor, LSTMState] {
    const [output, next] = this.memory(this.characters(codes), state);
    return [this.out(output), next];
  }
}

/** Goes on with the prompt. */
async function write(
  model: Writer,
  prompt: string,
  characters: number,
  temperature: number,
): Promise<string> {
  model.eval();
  const codes = [...alphabet.encode(prompt)];
  let [scores, state] = inferenceMode(() => model(tensor([codes])));
  const next = compile((code: Tensor, before: LSTMState) => inferenceMode(() => model(code, before)));
  for (let i = 0; i < characters; i++) {
    const chances = softmax(scores.select(1, -1).div(temperature), -1);
    const code = chances.multinomial(1);
    codes.push(await code.item());
    [scores, state] = next(code, state);
  }
  model.train();
  return alphabet.decode(codes).join('');
}

export const lstm = example(
  'An LSTM learns from Moby-Dick character by character, and writes.',
  {
    steps: whole('training steps', 600, { small: 25 }),
    batch: count('windows a step', 32, { small: 8 }),
    length: count('characters a window', 64, { small: 24 }),
    size: count('numbers a character', 64, { small: 16 }),
    hidden: count('numbers of memory a layer', 192, { small: 32 }),
    layers: count('layers', 1),
    lr: positive('highest learning rate', 0.01),
    prompt: text('what the sample begins with', 'The whale '),
    characters: whole('characters to write', 400, { small: 40 }),
    temperature: positive('below 1 safer, above 1 bolder', 0.7),
    resume: flag('go on from the checkpoint'),
  },
  async ({
    steps,
    batch,
    length,
    size,
    hidden,
    layers,
    lr,
    prompt,
    characters,
    temperature,
    resume,
    out,
  }) => {
    const book = loadBook();
    const model = new Writer(size, hidden, layers);
    const optimizer = new Adam(model.parameters(), { lr });
    const schedule = new OneCycleLR(optimizer, lr, { totalSteps: steps + 1, pctStart: 0.1 });
    const parameters = model.parameters().reduce((sum, each) => sum + each.numel(), 0);
    console.log(`${parameters} parameters, ${book.train.numel()} characters`);

    const lossOf = (inputs: Tensor, targets: Tensor): Tensor =>
      crossEntropy(model(inputs)[0].flatten(0, 1), targets.flatten());
    const step = compile((inputs: Tensor, targets: Tensor) => {
      const loss = lossOf(inputs, targets);
      optimizer.zeroGrad();
      loss.backward();
      clipGradNorm_(model.parameters(), 1);
      optimizer.step();
      return loss;
    });
    const parts = { model, optimizer, schedule };
    const training = await Training.start({ name: 'lstm', steps, out, resume, parts });
    for await (const _ of training) {
      training.record({ loss: await step(...windows(book.train, batch, length)).item() });
      schedule.step();
    }
    model.eval();
    const validation = await noGrad(() => lossOf(...windows(book.validation, 64, length))).item();
    const losses = training.curve('loss');
    const loss = losses[losses.length - 1]?.[1] ?? validation;
    console.log(`nats a character: ${loss.toFixed(3)} in training, ${validation.toFixed(3)} on unseen text`);
    await plot(out, 'lstm.svg', {
      title: `An LSTM of ${Math.round(parameters / 1000)} thousand parameters on Moby-Dick`,
      x: 'step',
      y: 'nats a character',
      lines: { training: smooth(losses) },
    });

    const sample = await write(model, prompt, characters, temperature);
    console.log(`\n${sample}`);
    return { parameters, firstLoss: losses[0]?.[1] ?? validation, loss, validation, sample };
  },
);

if (import.meta.main) await lstm.main();
