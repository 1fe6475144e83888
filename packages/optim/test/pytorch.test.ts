// Against PyTorch 1.13 in float64: every option of the optimizers, L-BFGS, schedulers alone and combined, clipping.
import { noGrad } from '@nn/autograd';
import { cpu } from '@nn/cpu';
import * as optim from '@nn/optim';
import { interpreter, setFusion, type Tensor, tensor, use } from '@nn/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { golden, toOptions } from './golden.ts';

/** Float64 rounding, in another order of sums, over a dozen steps; more where an algorithm makes more of it. */
function expectClose(actual: ArrayLike<number>, expected: readonly number[], tolerance = 1e-10): void {
  expected.forEach((value, i) => {
    expect(Math.abs(actual[i] - value)).toBeLessThanOrEqual(tolerance * Math.max(1, Math.abs(value)));
  });
}

type AnyOptimizer = optim.Optimizer<{ lr: number }>;
type Constructor = new (params: Tensor[], options: object) => AnyOptimizer;
const float64 = (values: number[], shape: number[], requiresGrad = false): Tensor =>
  tensor(values, { shape, dtype: 'float64', requiresGrad });

interface Problem {
  readonly x: Tensor;
  readonly c: Tensor;
  readonly loss: () => Tensor;
}

function problem(): Problem {
  const a = float64(golden.problem.A, [5, 3]);
  const b = float64(golden.problem.b, [5, 2]);
  const x = float64(golden.problem.x0, [3, 2], true);
  const c = float64(golden.problem.c0, [2], true);
  const loss = (): Tensor => {
    const squares = a.matmul(x).add(c).sub(b).square();
    return squares.sum().mul(0.5).add(squares.square().sum().mul(0.1));
  };
  return { x, c, loss };
}

const variants = ['interpreter', 'cpu'].flatMap((device) =>
  [true, false].map((fusion) => ({ device, fusion })),
);

describe.each(variants)('on $device, fusion $fusion', ({ device, fusion }) => {
  beforeAll(() => {
    use(device === 'cpu' ? cpu({ threads: 1 }) : interpreter());
    setFusion(fusion);
  });
  afterAll(() => setFusion(true));

  it.each(golden.optimizers.map((each) => [`${each.name} ${JSON.stringify(each.options)}`, each] as const))(
    '%s',
    async (_, { name, options, steps }) => {
      const { x, c, loss } = problem();
      const optimizer = new (optim as unknown as Record<string, Constructor>)[name](
        [x, c],
        toOptions(options),
      );
      for (const expected of steps) {
        const value = optimizer.step(() => {
          optimizer.zeroGrad();
          const there = loss();
          there.backward();
          return there;
        });
        expectClose([await value.item()], [expected.loss]);
        expectClose((await x.data()) as Float64Array, expected.x);
        expectClose((await c.data()) as Float64Array, expected.c);
      }
    },
  );

  it.each(golden.lbfgs.map((each) => [JSON.stringify(each.options), each] as const))(
    'LBFGS %s',
    async (_, { options, steps }) => {
      const { x, c, loss } = problem();
      const optimizer = new optim.LBFGS([x, c], toOptions(options));
      for (const [i, expected] of steps.entries()) {
        let evaluations = 0;
        const closure = (): Tensor => {
          evaluations++;
          optimizer.zeroGrad();
          const there = loss();
          there.backward();
          return there;
        };
        // Both ways to read: they are one algorithm.
        const value = i % 2 === 0 ? optimizer.step(closure) : await optimizer.stepAsync(closure);
        expect(evaluations).toBe(expected.evaluations);
        // Differences of gradients that vanish multiply rounding.
        expectClose([await value.item()], [expected.loss], 1e-8);
        expectClose((await x.data()) as Float64Array, expected.x, 1e-7);
        expectClose((await c.data()) as Float64Array, expected.c, 1e-7);
      }
    },
  );

  it.each(golden.rosenbrock)('LBFGS through the banana valley: $options', async ({ options, steps }) => {
    const x = float64([-1.5, 2], [2], true);
    const optimizer = new optim.LBFGS([x], toOptions(options));
    for (const expected of steps) {
      let evaluations = 0;
      optimizer.step(() => {
        evaluations++;
        optimizer.zeroGrad();
        const [a, b] = [x.at(0), x.at(1)];
        const loss = a.rsub(1).square().add(b.sub(a.square()).square().mul(100));
        loss.backward();
        return loss;
      });
      expect(evaluations).toBe(expected.evaluations);
      expectClose((await x.data()) as Float64Array, expected.x, 1e-6);
    }
  });

  // As neural style transfer does with its pixels: what the closure writes stays, but within a line search.
  it.each([
    [null, 12, [-14.610549467353378, 1.5805044822365044]],
    ['strongWolfe', 31, [-1.1049006627833917, 0.8799603780440323]],
  ] as const)(
    'LBFGS, line search %s, with a closure that clamps',
    async (lineSearchFn, evaluations, last) => {
      const x = float64([2, 1.5], [2], true);
      const goal = float64([-1.5, 0.25], [2]);
      const optimizer = new optim.LBFGS([x], { lr: 0.5, maxIter: 4, lineSearchFn });
      const steps = [
        [-0.2391005664585473, 0.8905826381086525],
        [-0.917482809146151, 0.8390039970755256],
        last,
      ];
      let count = 0;
      for (const expected of steps) {
        optimizer.step(() => {
          count++;
          noGrad(() => x.clamp_(-1, 1));
          optimizer.zeroGrad();
          const loss = x.sub(goal).pow(4).sum().add(x.prod());
          loss.backward();
          return loss;
        });
        expectClose((await x.data()) as Float64Array, expected, 1e-9);
      }
      expect(count).toBe(evaluations);
    },
  );

  it.each(golden.clipping)(
    'clipGradNorm_ of $normType to $maxNorm',
    async ({ normType, maxNorm, ...expected }) => {
      const { x, c, loss } = problem();
      loss().backward();
      const total = optim.clipGradNorm_([x, c], maxNorm, { normType: Number(normType) });
      expectClose([await total.item()], [expected.total]);
      expectClose((await x.grad!.data()) as Float64Array, expected.x);
      expectClose((await c.grad!.data()) as Float64Array, expected.c);
    },
  );

  it('SparseAdam with an embedding', async () => {
    const { start, batches, weights } = golden.sparseAdam;
    const table = float64(start, [4, 3], true);
    const optimizer = new optim.SparseAdam([table], { lr: 0.1, betas: [0.8, 0.9], eps: 1e-3 });
    for (const [i, batch] of batches.entries()) {
      optimizer.zeroGrad();
      table.indexSelect(0, tensor(batch)).sub(1.5).square().sum().backward();
      optimizer.step();
      expectClose((await table.data()) as Float64Array, weights[i]);
    }
  });
});

type Scheduled = readonly [(optimizer: optim.SGD) => optim.LRScheduler, number?];
const schedulers: Readonly<Record<string, Scheduled>> = {
  'sequential warmup, cosine': [
    (o) =>
      new optim.SequentialLR(
        o,
        [
          new optim.LinearLR(o, { startFactor: 0.2, totalIters: 4 }),
          new optim.CosineAnnealingLR(o, 8, { etaMin: 0.01 }),
        ],
        [4],
      ),
  ],
  'sequential of three': [
    (o) =>
      new optim.SequentialLR(
        o,
        [
          new optim.ConstantLR(o, { factor: 0.25, totalIters: 9 }),
          new optim.ExponentialLR(o, 0.8),
          new optim.StepLR(o, 2, { gamma: 0.5 }),
        ],
        [3, 8],
      ),
    0.05,
  ],
  'sequential of others': [
    (o) =>
      new optim.SequentialLR(
        o,
        [
          new optim.PolynomialLR(o, { totalIters: 6, power: 2 }),
          new optim.MultiStepLR(o, [2, 3], { gamma: 0.3 }),
          new optim.CosineAnnealingWarmRestarts(o, 3),
        ],
        [4, 9],
      ),
  ],
  'sequential back': [
    (o) =>
      new optim.SequentialLR(
        o,
        [
          new optim.StepLR(o, 1, { gamma: 0.7 }),
          new optim.PolynomialLR(o, { totalIters: 6, power: 0.5 }),
          new optim.LambdaLR(o, (epoch) => 0.9 ** epoch),
        ],
        [4, 9],
      ),
  ],
  chained: [
    (o) =>
      new optim.ChainedScheduler([
        new optim.ConstantLR(o, { factor: 0.1, totalIters: 3 }),
        new optim.ExponentialLR(o, 0.9),
      ]),
    0.05,
  ],
  'chained of three': [
    (o) =>
      new optim.ChainedScheduler([
        new optim.LinearLR(o, { startFactor: 0.5, totalIters: 5 }),
        new optim.MultiStepLR(o, [4, 7]),
        new optim.CosineAnnealingLR(o, 10),
      ]),
  ],
  'cyclic triangular2': [
    (o) => new optim.CyclicLR(o, 0.01, 0.2, { stepSizeUp: 3, stepSizeDown: 2, mode: 'triangular2' }),
  ],
  'cyclic exp_range': [
    (o) =>
      new optim.CyclicLR(o, 0.01, 0.2, { stepSizeUp: 3, mode: 'expRange', gamma: 0.9, baseMomentum: 0.7 }),
  ],
  'one cycle, three phases, linear': [
    (o) =>
      new optim.OneCycleLR(o, 0.5, {
        totalSteps: 16,
        threePhase: true,
        annealStrategy: 'linear',
        pctStart: 0.4,
        divFactor: 10,
      }),
  ],
  'one cycle by epochs': [
    (o) =>
      new optim.OneCycleLR(o, [0.5, 0.3], {
        epochs: 4,
        stepsPerEpoch: 4,
        finalDivFactor: 100,
        baseMomentum: 0.8,
        maxMomentum: 0.9,
      }),
    0.05,
  ],
  'warm restarts': [(o) => new optim.CosineAnnealingWarmRestarts(o, 2, { tMult: 2, etaMin: 0.02 })],
  swa: [(o) => new optim.SWALR(o, 0.02, { annealEpochs: 5 })],
  'swa linear': [(o) => new optim.SWALR(o, [0.02, 0.4], { annealEpochs: 4, annealStrategy: 'linear' }), 0.05],
  'swa at once': [(o) => new optim.SWALR(o, 0.02, { annealEpochs: 0 })],
  'lambda of each group': [(o) => new optim.LambdaLR(o, [(e) => 1 / (1 + e), (e) => 0.5 ** e]), 0.05],
  multiplicative: [(o) => new optim.MultiplicativeLR(o, (epoch) => (epoch % 2 === 1 ? 0.9 : 1.1))],
};

function twoGroups(secondLr: number | undefined, momentum = 0.9): optim.SGD {
  const leaf = (): Tensor => tensor([0], { dtype: 'float32', requiresGrad: true });
  const second = secondLr === undefined ? [] : [{ params: leaf(), lr: secondLr }];
  return new optim.SGD([{ params: leaf() }, ...second], { lr: 0.1, momentum });
}

describe('schedulers', () => {
  beforeAll(() => use(interpreter()));

  it('are all listed', () => {
    expect(Object.keys(schedulers)).toEqual(Object.keys(golden.schedulers));
  });

  it.each(Object.entries(schedulers))('%s', (name, [make, secondLr]) => {
    const optimizer = twoGroups(secondLr);
    const scheduler = make(optimizer);
    const { rates, momenta } = golden.schedulers[name];
    rates.forEach((rate, i) => {
      expectClose(
        optimizer.paramGroups.map(({ lr }) => lr),
        rate,
        1e-14,
      );
      expectClose(
        optimizer.paramGroups.map(({ momentum }) => momentum),
        momenta[i],
        1e-14,
      );
      expect(scheduler.getLastLr()).toEqual(optimizer.paramGroups.map(({ lr }) => lr));
      optimizer.step();
      scheduler.step();
    });
  });

  it.each(Object.entries(schedulers))('%s goes on from its state through JSON', (name, [make, secondLr]) => {
    const { rates } = golden.schedulers[name];
    for (const stop of [1, 4, 9]) {
      const first = twoGroups(secondLr);
      const before = make(first);
      for (let i = 0; i < stop; i++) before.step();
      const saved = JSON.parse(JSON.stringify([first.stateDict(), before.stateDict()]));
      const second = twoGroups(secondLr);
      const after = make(second);
      second.loadStateDict(saved[0]);
      after.loadStateDict(saved[1]);
      for (let i = stop; i < rates.length; i++) {
        expectClose(
          second.paramGroups.map(({ lr }) => lr),
          rates[i],
          1e-14,
        );
        after.step();
      }
    }
  });

  it.each(golden.plateaus)('ReduceLROnPlateau $options', ({ options, metrics, rates }) => {
    const optimizer = twoGroups(0.02, 0);
    const scheduler = new optim.ReduceLROnPlateau(optimizer, toOptions(options));
    metrics.forEach((metric, i) => {
      scheduler.step(metric);
      expectClose(scheduler.getLastLr(), rates[i], 1e-14);
    });
  });
});
