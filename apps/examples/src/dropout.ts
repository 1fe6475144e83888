// Dropout against overfitting: two networks, too large for a few noisy points, one with dropout.
import { mseLoss } from '@nn/functional';
import { Dropout, Linear, type Module, ReLU, Sequential } from '@nn/modules';
import { Adam } from '@nn/optim';
import { compile, linspace, ones, rand, randn, type Tensor } from '@nn/tensor';
import { type Point, plot, pointsOf } from './support/charts.ts';
import { count, example, fraction, positive } from './support/example.ts';
import { ProgressBar } from './support/progress.ts';

export const dropout = example(
  'A network too large for its data, with and without dropout.',
  {
    points: count('noisy points to learn from', 30),
    hidden: count('hidden units a layer', 150, { small: 50 }),
    steps: count('training steps', 600, { small: 100 }),
    p: fraction('share that is dropped', 0.4),
    lr: positive('learning rate', 0.005),
  },
  async ({ points, hidden, steps, p, lr, out }) => {
    console.log('Dropout of ones, in training and in evaluation:');
    const layer = new Dropout(p);
    await layer(ones([10])).print();
    layer.eval();
    await layer(ones([10])).print();
    const kept = await new Dropout(p)(ones([100_000]))
      .gt(0)
      .float()
      .mean()
      .item();

    const truth = (x: Tensor): Tensor => x.mul(2.5).sin();
    const x = rand([points, 1]).mul(4).sub(2);
    const y = truth(x).add(randn([points, 1]).mul(0.3));
    const [unseen, line] = [rand([500, 1]).mul(4).sub(2), linspace(-2, 2, 161).unsqueeze(1)];

    const make = (...drop: Dropout[]): Module =>
      new Sequential(
        new Linear(1, hidden),
        new ReLU(),
        ...drop,
        new Linear(hidden, hidden),
        new ReLU(),
        ...drop,
        new Linear(hidden, 1),
      );
    const fits: Record<string, Point[]> = { 'the curve behind them': await pointsOf(line, truth(line)) };
    const losses: Record<string, [number, number]> = {};
    for (const [name, model] of [
      ['without dropout', make()],
      ['with dropout', make(new Dropout(p))],
    ] as const) {
      const optimizer = new Adam(model.parameters(), { lr });
      const step = compile(() => {
        const loss = mseLoss(model(x), y);
        optimizer.zeroGrad();
        loss.backward();
        optimizer.step();
        return loss;
      });
      const bar = new ProgressBar(name, steps);
      for (let i = 0; i < steps; i++) {
        const loss = step();
        if ((i + 1) % 50 === 0) bar.advance(50, { loss: await loss.item() });
      }
      bar.stop();
      model.eval();
      losses[name] = [await mseLoss(model(x), y).item(), await mseLoss(model(unseen), truth(unseen)).item()];
      fits[name] = await pointsOf(line, model(line));
    }
    for (const [name, [seen, other]] of Object.entries(losses)) {
      console.log(`${name}: ${seen.toFixed(4)} on the points, ${other.toFixed(4)} from the curve elsewhere`);
    }
    await plot(out, 'dropout.svg', {
      title: 'A network too large for its data',
      x: 'x',
      y: 'y',
      dots: { 'noisy points': await pointsOf(x, y) },
      lines: fits,
    });
    const [[seenPlain, plain], [seenDropped, dropped]] = Object.values(losses);
    return { kept, seenPlain, plain, seenDropped, dropped };
  },
);

if (import.meta.main) await dropout.main();
