// A line through noisy points, by gradient descent: the smallest whole training loop.
import { mseLoss } from '@nn/functional';
import { Linear } from '@nn/modules';
import { SGD } from '@nn/optim';
import { rand, randn } from '@nn/tensor';
import { type Point, plot, pointsOf } from './support/charts.ts';
import { count, example, positive } from './support/example.ts';

export const linearRegression = example(
  'Fits a line to noisy points by gradient descent, and compares with the closed form.',
  {
    points: count('how many points', 200),
    steps: count('steps of gradient descent', 200),
    lr: positive('learning rate', 0.1),
  },
  async ({ points, steps, lr, out }) => {
    const x = rand([points, 1]).mul(4).sub(2);
    const y = x
      .mul(1.5)
      .sub(0.7)
      .add(randn([points, 1]).mul(0.4));

    const model = new Linear(1, 1);
    const optimizer = new SGD(model.parameters(), { lr });
    for (let step = 0; step < steps; step++) {
      const loss = mseLoss(model(x), y);
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
    }

    // Least squares in closed form: the covariance over the variance, through the means.
    const [dx, dy] = [x.sub(x.mean()), y.sub(y.mean())];
    const exactSlope = await dx.mul(dy).sum().div(dx.square().sum()).item();
    const exactIntercept = (await y.mean().item()) - exactSlope * (await x.mean().item());
    const slope = await model.weight.item();
    const intercept = await model.bias!.item();
    console.log(`gradient descent: y = ${slope.toFixed(4)} x + ${intercept.toFixed(4)}`);
    console.log(`closed form:      y = ${exactSlope.toFixed(4)} x + ${exactIntercept.toFixed(4)}`);

    const line = (at: number): Point => [at, intercept + slope * at];
    await plot(out, 'linear-regression.svg', {
      title: 'A line through noisy points',
      x: 'x',
      y: 'y',
      dots: { points: await pointsOf(x, y) },
      lines: { fit: [line(-2), line(2)] },
    });
    return { slope, intercept, exactSlope, exactIntercept };
  },
);

if (import.meta.main) await linearRegression.main();
