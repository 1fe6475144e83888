// CELU (Barron 2017): max(0, x) + min(0, α (exp(x / α) - 1)); smooth where ReLU has a corner, for any α.
import { celu, mseLoss } from '@nn/functional';
import { CELU, Linear, Sequential } from '@nn/modules';
import { Adam } from '@nn/optim';
import { compile, expm1, linspace, tensor } from '@nn/tensor';
import { plot, pointsOf } from './support/charts.ts';
import { count, example, positive } from './support/example.ts';

export const celuNetwork = example(
  'CELU by its formula, its derivative at the seam, and a network of it that learns a curve.',
  {
    steps: count('training steps', 1000, { small: 60 }),
    alpha: positive('where the left arm ends: at -α', 0.7),
    lr: positive('learning rate', 0.01),
  },
  async ({ steps, alpha, lr, out }) => {
    const z = linspace(-6, 6, 2001);
    const byFormula = z.clamp(0).add(expm1(z.div(alpha)).mul(alpha).clamp(null, 0));
    const formulaDifference = await celu(z, alpha).sub(byFormula).abs().amax().item();
    const seam = tensor([-1e-3, 0, 1e-3], { requiresGrad: true });
    celu(seam, alpha).sum().backward();
    console.log(`largest difference from the formula: ${formulaDifference.toExponential(1)}`);
    console.log('the derivative just left of 0, at 0 and just right of it:', await seam.grad!.toArray());

    const x = linspace(-3, 3, 256).unsqueeze(1);
    const y = x.mul(3).sin().add(x.square().mul(0.3));
    const model = new Sequential(
      new Linear(1, 48),
      new CELU(alpha),
      new Linear(48, 48),
      new CELU(alpha),
      new Linear(48, 1),
    );
    console.log(String(model));
    const optimizer = new Adam(model.parameters(), { lr });
    const step = compile(() => {
      const loss = mseLoss(model(x), y);
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      return loss;
    });
    const firstLoss = await step().item();
    for (let i = 1; i < steps; i++) step();
    const loss = await mseLoss(model(x), y).item();
    console.log(`loss before: ${firstLoss.toFixed(4)}, after: ${loss.toFixed(5)}`);

    await plot(out, 'celu.svg', {
      title: 'What a network with CELU learnt',
      x: 'x',
      y: 'y',
      lines: { 'sin 3x + 0.3 x²': await pointsOf(x, y), network: await pointsOf(x, model(x)) },
    });
    return { formulaDifference, firstLoss, loss };
  },
);

if (import.meta.main) await celuNetwork.main();
