// What a step costs a device: one program, few kernels however many parameters there are, and nothing compiled anew when
// rates, momenta or step counts change.
import { interpreter } from '@nn/core';
import * as optim from '@nn/optim';
import { type Backend, observe, ones, rand, type Tensor, use } from '@nn/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const counts = { compiled: 0, run: 0, kernels: 0 };

function counting(): Backend {
  const inner = interpreter({ name: 'counting' });
  return {
    ...inner,
    compile(program) {
      counts.compiled++;
      return inner.compile(program);
    },
    run(...given) {
      counts.run++;
      inner.run(...given);
    },
  };
}

type Parameters = Tensor[];
type AnyOptimizer = optim.Optimizer<{ lr: number }>;

/** How many kernels one step of 40 parameters takes at most, in four shapes. */
const cases: readonly (readonly [string, number, (params: Parameters) => AnyOptimizer])[] = [
  ['SGD', 1, (p) => new optim.SGD(p, { lr: 0.1, momentum: 0.9, nesterov: true, weightDecay: 0.1 })],
  ['Adam', 1, (p) => new optim.Adam(p, { amsgrad: true })],
  ['AdamW', 1, (p) => new optim.AdamW(p)],
  ['Adamax', 1, (p) => new optim.Adamax(p)],
  ['NAdam', 1, (p) => new optim.NAdam(p, { decoupledWeightDecay: true, weightDecay: 0.1 })],
  ['RAdam', 1, (p) => new optim.RAdam(p)],
  ['Adagrad', 1, (p) => new optim.Adagrad(p, { lrDecay: 0.1 })],
  ['Adadelta', 1, (p) => new optim.Adadelta(p)],
  ['RMSprop', 1, (p) => new optim.RMSprop(p, { centered: true, momentum: 0.9 })],
  ['Rprop', 1, (p) => new optim.Rprop(p)],
  ['ASGD', 1, (p) => new optim.ASGD(p)],
  ['Lion', 1, (p) => new optim.Lion(p)],
  ['SGDScheduleFree', 1, (p) => new optim.SGDScheduleFree(p, { warmupSteps: 3 })],
  ['AdamWScheduleFree', 1, (p) => new optim.AdamWScheduleFree(p, { warmupSteps: 3 })],
  // With reductions: a kernel for each parameter that has any.
  ['SparseAdam', 31, (p) => new optim.SparseAdam(p)],
  ['Adafactor', 40, (p) => new optim.Adafactor(p)],
  // Matrices of one shape are one batch: three products an iteration, for each of three shapes.
  ['Muon', 60, (p) => new optim.Muon(p.filter(({ ndim }) => ndim === 2))],
];

const shapes = [[16, 8], [16], [8, 16], [4, 4]];

describe('a step of 40 parameters', () => {
  beforeAll(() => use(counting()));
  afterAll(() => use(interpreter()));

  it.each(cases)('%s takes %i kernels at most, and compiles nothing for other numbers', (_, most, make) => {
    const params = Array.from({ length: 40 }, (_, i) => rand(shapes[i % 4]).requiresGrad_());
    const optimizer = make(params);
    const scheduler = new optim.ExponentialLR(optimizer, 0.9);
    let kernels = 0;
    const step = (): void => {
      for (const parameter of params) parameter.grad = ones(parameter.shape).realize();
      counts.run = 0;
      kernels = 0;
      const looking = observe({
        planned: ({ program }) => {
          kernels += program.kernels.length;
        },
      });
      optimizer.step();
      looking[Symbol.dispose]();
      expect(counts.run).toBe(1);
      scheduler.step();
    };
    // RAdam takes another course from its sixth step on.
    for (let i = 0; i < 7; i++) step();
    const { compiled } = counts;
    for (let i = 0; i < 5; i++) step();
    expect(counts.compiled).toBe(compiled);
    expect(kernels).toBeGreaterThan(0);
    expect(kernels).toBeLessThanOrEqual(most);
  });

  it('L-BFGS compiles nothing once its history is full', () => {
    const params = Array.from({ length: 4 }, (_, i) => rand(shapes[i]).requiresGrad_());
    const optimizer = new optim.LBFGS(params, { lr: 0.1, maxIter: 3, historySize: 3 });
    const step = (): void => {
      optimizer.step(() => {
        optimizer.zeroGrad();
        const loss = params.map((x, i) => x.sub(i).pow(4).sum()).reduce((a, b) => a.add(b));
        loss.backward();
        return loss;
      });
    };
    for (let i = 0; i < 3; i++) step();
    const { compiled } = counts;
    for (let i = 0; i < 4; i++) step();
    expect(counts.compiled).toBe(compiled);
  });

  it('the factor of a GradScaler and the bound of a clipping are numbers, too', () => {
    const x = rand([8]).requiresGrad_();
    const optimizer = new optim.Adam([x]);
    const scaler = new optim.GradScaler({ growthInterval: 2 });
    const step = (bound: number): void => {
      optimizer.zeroGrad();
      scaler.scale(x.square().sum()).backward();
      scaler.unscale_(optimizer);
      optim.clipGradNorm_([x], bound);
      scaler.step(optimizer);
      scaler.update();
    };
    for (let i = 0; i < 3; i++) step(1);
    const { compiled } = counts;
    for (let i = 0; i < 6; i++) step(1 + i / 10);
    expect(counts.compiled).toBe(compiled);
  });
});
