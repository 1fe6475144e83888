// Three arms of a spiral, told apart by a small network: what a classifier's boundary looks like.

import { join } from 'node:path';
import { noGrad } from '@nn/autograd';
import { crossEntropy, softmax } from '@nn/functional';
import { Linear, Sequential, Tanh } from '@nn/modules';
import { AdamW } from '@nn/optim';
import { arange, cat, compile, linspace, randn, stack, type Tensor, tensor } from '@nn/tensor';
import { type Plane, planePoints, saveOverPicture } from './support/backdrop.ts';
import { pointsOf } from './support/charts.ts';
import { count, example, positive } from './support/example.ts';

const arms = ['first arm', 'second arm', 'third arm'];
const colours = [
  [0.33, 0.44, 0.78],
  [0.57, 0.8, 0.46],
  [0.98, 0.78, 0.35],
];

/** Points [arms · count, 2] and the arm of each. */
function makeSpiral(count: number, noise: number): [points: Tensor, labels: Tensor] {
  const radius = linspace(0.05, 1, count);
  const points = arms.map((_, arm) => {
    const angle = radius
      .mul(5)
      .add((2 * Math.PI * arm) / 3)
      .add(randn([count]).mul(noise));
    return stack([radius.mul(angle.cos()), radius.mul(angle.sin())], 1);
  });
  return [cat(points), arange(arms.length).repeatInterleave(count)];
}

export const spiral = example(
  'Tells the arms of a spiral apart, and draws the boundary.',
  {
    points: count('points an arm', 100, { small: 60 }),
    noise: positive('spread of the points, in radians', 0.15),
    steps: count('training steps', 1000, { small: 300 }),
    lr: positive('learning rate', 0.01),
  },
  async ({ points, noise, steps, lr, out }) => {
    const [x, y] = makeSpiral(points, noise);
    const [unseen, answers] = makeSpiral(points, noise);
    const model = new Sequential(
      new Linear(2, 32),
      new Tanh(),
      new Linear(32, 32),
      new Tanh(),
      new Linear(32, 3),
    );
    const optimizer = new AdamW(model.parameters(), { lr });
    const step = compile(() => {
      const loss = crossEntropy(model(x), y);
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      return loss;
    });
    const firstLoss = await step().item();
    for (let i = 1; i < steps; i++) step();
    const loss = await crossEntropy(model(x), y).item();
    const accuracy = await model(unseen).argmax(1).eq(answers).float().mean().item();
    console.log(
      `loss ${firstLoss.toFixed(3)} → ${loss.toFixed(3)}; ${(100 * accuracy).toFixed(1)} % of new points right`,
    );

    // Each place of the plane in the colour of its arm, paler where the network is not sure.
    const plane: Plane = { x: [-1.2, 1.2], y: [-1.2, 1.2] };
    const picture = noGrad(() => softmax(model(planePoints(plane, 78, 93)), -1).matmul(tensor(colours)));
    const dots = arms.map(async (name, arm) => {
      const own = x.narrow(0, arm * points, points);
      const data = await pointsOf(own.select(1, 0), own.select(1, 1));
      const rgb = colours[arm].map((each) => Math.round(each * 200)).join(',');
      return {
        name,
        type: 'scatter',
        symbolSize: 6,
        data,
        itemStyle: { color: `rgb(${rgb})`, borderColor: '#fff' },
      };
    });
    const path = join(out, 'spiral.svg');
    await saveOverPicture(
      path,
      'The arms of a spiral',
      plane,
      picture.mul(0.6).add(0.4),
      await Promise.all(dots),
    );
    return { firstLoss, loss, accuracy };
  },
);

if (import.meta.main) await spiral.main();
