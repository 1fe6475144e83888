// Ordinary differential equations, solved by the method of Runge and Kutta and differentiated through the solver.
import { grad } from '@nn/autograd';
import { mseLoss } from '@nn/functional';
import { Parameter } from '@nn/modules';
import { Adam, CosineAnnealingLR } from '@nn/optim';
import { compile, linspace, randn, stack, type Tensor, tensor } from '@nn/tensor';
import { plot, pointsOf } from './support/charts.ts';
import { count, example, positive } from './support/example.ts';

/** The states y(0), y(h), …, y(steps h) of dy/dt = f(y): [steps + 1, ...] (the classical method of fourth order). */
function solve(f: (y: Tensor) => Tensor, start: Tensor, h: number, steps: number): Tensor {
  const states = [start];
  for (let i = 0; i < steps; i++) {
    const y = states[i];
    const k1 = f(y);
    const k2 = f(y.add(k1.mul(h / 2)));
    const k3 = f(y.add(k2.mul(h / 2)));
    const k4 = f(y.add(k3.mul(h)));
    states.push(
      y.add(
        k1
          .add(k2.mul(2))
          .add(k3.mul(2))
          .add(k4)
          .mul(h / 6),
      ),
    );
  }
  return stack(states);
}

/** Hares and lynxes (Lotka and Volterra): hares breed and are eaten, lynxes eat and starve. */
function predation(rates: Tensor): (state: Tensor) => Tensor {
  const [breed, eaten, starve, feed] = rates.unbind();
  return (state) => {
    const [hares, lynxes] = state.unbind();
    const meetings = hares.mul(lynxes);
    return stack([breed.mul(hares).sub(eaten.mul(meetings)), feed.mul(meetings).sub(starve.mul(lynxes))]);
  };
}

export const ode = example(
  'Solves differential equations, differentiates through the solver, and finds rates from noisy counts.',
  {
    steps: count('steps of the solver', 40, { small: 10 }),
    updates: count('updates of the rates', 200, { small: 25 }),
    lr: positive('learning rate', 0.05),
  },
  async ({ steps, updates, lr, out }) => {
    // Decay, dy/dt = -k y, has the solution y0 exp(-k t), so its derivatives are known: by k, and by y0.
    const time = 2;
    const k = tensor(0.8, { dtype: 'float64', requiresGrad: true });
    const y0 = tensor(3, { dtype: 'float64', requiresGrad: true });
    const end = solve((y) => y.mul(k).neg(), y0, time / steps, steps).at(-1);
    const [byRate, byStart] = grad(end, [k, y0]);
    const exact = 3 * Math.exp(-0.8 * time);
    const errors = {
      value: Math.abs((await end.item()) / exact - 1),
      byRate: Math.abs((await byRate!.item()) / (-time * exact) - 1),
      byStart: Math.abs((await byStart!.item()) / (exact / 3) - 1),
    };
    console.log('Decay: relative errors of the solution and of its derivatives');
    console.table(errors);

    // The rates of a predator and its prey, from noisy counts, by descent through all steps of the solver.
    const truth = tensor([1.65, 0.6, 0.6, 0.15]);
    const start = tensor([8, 4], { dtype: 'float32' });
    const horizon = 4;
    const h = horizon / steps;
    const counts = solve(predation(truth), start, h, steps);
    const noisy = counts.add(randn(counts.shape).mul(0.3)).realize();
    const logRates = new Parameter(tensor([1, 1, 1, 0.3]).log());
    const guess = solve(predation(logRates.exp()), start, h, steps).detach().realize();
    const optimizer = new Adam([logRates], { lr });
    const schedule = new CosineAnnealingLR(optimizer, updates);
    const update = compile(() => {
      const loss = mseLoss(solve(predation(logRates.exp()), start, h, steps), noisy);
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      return loss;
    });
    const firstLoss = await update().item();
    let loss = firstLoss;
    for (let i = 1; i < updates; i++) {
      schedule.step();
      loss = await update().item();
    }
    const found = logRates.exp();
    const rateError = await found.div(truth).sub(1).abs().amax().item();
    console.log(`Predation: loss ${firstLoss.toFixed(2)} → ${loss.toFixed(3)}; rates found and true:`);
    await found.print();
    await truth.print();

    const fit = solve(predation(found), start, h, steps);
    const days = linspace(0, horizon, steps + 1);
    await plot(out, 'ode.svg', {
      title: 'Rates found from noisy counts, through the solver',
      x: 'time',
      y: 'animals',
      dots: {
        'hares counted': await pointsOf(days, noisy.select(1, 0)),
        'lynxes counted': await pointsOf(days, noisy.select(1, 1)),
      },
      lines: {
        'hares, fitted': await pointsOf(days, fit.select(1, 0)),
        'lynxes, fitted': await pointsOf(days, fit.select(1, 1)),
        'hares, first guess': await pointsOf(days, guess.select(1, 0)),
      },
    });
    return { ...errors, firstLoss, loss, rateError };
  },
);

if (import.meta.main) await ode.main();
