// Optimizers that are newer than the reference values: against their formulas, written out over plain numbers in
// float64, one element after the other.
import * as optim from '@nn/optim';
import { interpreter, setFusion, type Tensor, tensor, use } from '@nn/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

beforeAll(() => use(interpreter()));
afterAll(() => setFusion(true));

type Matrix = number[][];
const map = (a: Matrix, f: (value: number, i: number, j: number) => number): Matrix =>
  a.map((row, i) => row.map((value, j) => f(value, i, j)));
const multiply = (a: Matrix, b: Matrix): Matrix =>
  a.map((row) => b[0].map((_, j) => row.reduce((sum, value, k) => sum + value * b[k][j], 0)));
const transpose = (a: Matrix): Matrix => a[0].map((_, j) => a.map((row) => row[j]));
const flat = (a: Matrix): number[] => a.flat();
const rms = (a: Matrix): number => Math.sqrt(flat(a).reduce((sum, x) => sum + x * x, 0) / flat(a).length);

/** The loss is half the sum of scale · (x - target)²; its gradient is scale · (x - target). */
interface Problem {
  readonly start: Matrix;
  readonly scale: Matrix;
  readonly target: Matrix;
}
const wave = (rows: number, columns: number, phase: number): Matrix =>
  Array.from({ length: rows }, (_, i) =>
    Array.from({ length: columns }, (_, j) => Math.sin(1.7 * i + 0.9 * j + phase)),
  );
const problemOf = (rows: number, columns: number): Problem => ({
  start: wave(rows, columns, 0.3),
  scale: map(wave(rows, columns, 2), (value) => 1.5 + value),
  target: wave(rows, columns, 4),
});
const gradientAt = ({ scale, target }: Problem, x: Matrix): Matrix =>
  map(x, (value, i, j) => scale[i][j] * (value - target[i][j]));

/** What one step makes of the parameter, given its gradient. */
type Reference = (x: Matrix, gradient: Matrix, step: number) => Matrix;

type Make = (params: Tensor[]) => optim.Optimizer<{ lr: number }>;

async function expectAgreement(
  make: Make,
  reference: () => Reference,
  shapes: readonly (readonly [number, number])[],
): Promise<void> {
  const problems = shapes.map(([rows, columns]) => problemOf(rows, columns));
  const params = problems.map(({ start }) => tensor(start, { dtype: 'float64', requiresGrad: true }));
  const expected = problems.map(({ start }) => start);
  const references = problems.map(reference);
  const optimizer = make(params);
  for (let step = 1; step <= 12; step++) {
    optimizer.zeroGrad();
    params.forEach((x, i) => {
      const { scale, target } = problems[i];
      const difference = x.sub(tensor(target, { dtype: 'float64' }));
      difference
        .square()
        .mul(tensor(scale, { dtype: 'float64' }))
        .sum()
        .mul(0.5)
        .backward();
      expected[i] = references[i](expected[i], gradientAt(problems[i], expected[i]), step);
    });
    optimizer.step();
  }
  for (const [i, x] of params.entries()) {
    const actual = (await x.toArray()) as Matrix;
    // Twelve steps of float64 rounding.
    map(expected[i], (value, row, column) => {
      expect(Math.abs(actual[row][column] - value)).toBeLessThan(1e-11 * Math.max(1, Math.abs(value)));
      return 0;
    });
  }
}

const zeros = (like: Matrix): Matrix => map(like, () => 0);

function lion(lr: number, [b1, b2]: readonly number[], decay: number): Reference {
  let m: Matrix | null = null;
  return (x, g) => {
    const mean = m ?? zeros(x);
    const next = map(x, (value, i, j) => {
      const mixed = b1 * mean[i][j] + (1 - b1) * g[i][j];
      return value * (1 - lr * decay) - lr * Math.sign(mixed);
    });
    m = map(mean, (value, i, j) => b2 * value + (1 - b2) * g[i][j]);
    return next;
  };
}

interface MuonSettings {
  readonly lr: number;
  readonly momentum: number;
  readonly decay: number;
  readonly nesterov: boolean;
  readonly factor: (rows: number, columns: number) => number;
}

function muon({ lr, momentum, decay, nesterov, factor }: MuonSettings): Reference {
  let buffer: Matrix | null = null;
  return (x, g) => {
    const former = buffer ?? zeros(x);
    const present = map(former, (value, i, j) => momentum * value + (1 - momentum) * g[i][j]);
    buffer = present;
    const direction = nesterov
      ? map(g, (value, i, j) => (1 - momentum) * value + momentum * present[i][j])
      : present;
    const tall = x.length > x[0].length;
    let o = tall ? transpose(direction) : direction;
    const norm = Math.sqrt(flat(o).reduce((sum, value) => sum + value * value, 0));
    o = map(o, (value) => value / Math.max(norm, 1e-7));
    for (let i = 0; i < 5; i++) {
      const gram = multiply(o, transpose(o));
      const square = multiply(gram, gram);
      const cubic = multiply(gram, o);
      const fifth = multiply(square, o);
      o = map(o, (value, i, j) => 3.4445 * value - 4.775 * cubic[i][j] + 2.0315 * fifth[i][j]);
    }
    const step = tall ? transpose(o) : o;
    const rate = lr * factor(x.length, x[0].length);
    return map(x, (value, i, j) => value * (1 - lr * decay) - rate * step[i][j]);
  };
}

function adafactor(lr: number, decay: number): Reference {
  let rows: number[] = [];
  let columns: number[] = [];
  return (x, g, step) => {
    const share = step ** -0.8;
    const mean = (values: number[]): number =>
      values.reduce((sum, value) => sum + value * value, 0) / values.length;
    const mix = (former: number[], latest: number[]): number[] =>
      latest.map((value, i) => (1 - share) * (former[i] ?? 0) + share * value);
    rows = mix(rows, g.map(mean));
    columns = mix(columns, transpose(g).map(mean));
    const total = rows.reduce((sum, value) => sum + value, 0) / rows.length;
    const epsilon = 2 ** -52;
    const update = map(
      g,
      (value, i, j) =>
        value / Math.sqrt(Math.max((rows[i] * columns[j]) / Math.max(total, epsilon), epsilon ** 2)),
    );
    const alpha = Math.max(1e-3, rms(x)) * Math.min(lr, 1 / Math.sqrt(step));
    const rate = alpha / Math.max(1, rms(update));
    return map(x, (value, i, j) => value * (1 - lr * decay) - rate * update[i][j]);
  };
}

interface FreeSettings {
  readonly lr: number;
  readonly beta: number;
  /** Null for gradient descent. */
  readonly beta2: number | null;
  readonly decay: number;
  readonly warmup: number;
  readonly r: number;
}

/** As in the paper: iterates z, their weighted average x, gradients at y between both. */
function scheduleFree({ lr, beta, beta2, decay, warmup, r }: FreeSettings): {
  readonly reference: Reference;
  readonly average: () => Matrix;
} {
  let z: Matrix | null = null;
  let x: Matrix = [];
  let squares: Matrix = [];
  let weights = 0;
  const reference: Reference = (y, g, step) => {
    if (z === null) [z, x, squares] = [y, y, zeros(y)];
    const rate = lr * Math.min(1, step / Math.max(1, warmup));
    if (beta2 !== null) squares = map(squares, (value, i, j) => beta2 * value + (1 - beta2) * g[i][j] ** 2);
    const direction = map(g, (value, i, j) => {
      const scaled = beta2 === null ? value : value / (Math.sqrt(squares[i][j] / (1 - beta2 ** step)) + 1e-8);
      return scaled + decay * y[i][j];
    });
    z = map(z, (value, i, j) => value - rate * direction[i][j]);
    const weight = step ** r * rate ** 2;
    weights += weight;
    const iterate = z;
    x = map(x, (value, i, j) => value + (weight / weights) * (iterate[i][j] - value));
    return map(x, (value, i, j) => beta * value + (1 - beta) * iterate[i][j]);
  };
  return { reference, average: () => x };
}

const original = (rows: number, columns: number): number => Math.sqrt(Math.max(1, rows / columns));
const cases: readonly (readonly [string, Make, () => Reference])[] = [
  ['Lion', (p) => new optim.Lion(p, { lr: 0.02 }), () => lion(0.02, [0.9, 0.99], 0)],
  [
    'Lion with decay',
    (p) => new optim.Lion(p, { lr: 0.02, betas: [0.95, 0.98], weightDecay: 0.5 }),
    () => lion(0.02, [0.95, 0.98], 0.5),
  ],
  [
    'Muon',
    (p) => new optim.Muon(p, { lr: 0.02 }),
    () => muon({ lr: 0.02, momentum: 0.95, decay: 0.1, nesterov: true, factor: original }),
  ],
  [
    'Muon without Nesterov, with the rate of AdamW',
    (p) => new optim.Muon(p, { lr: 0.02, nesterov: false, momentum: 0.9, adjustLrFn: 'matchRmsAdamw' }),
    () =>
      muon({
        lr: 0.02,
        momentum: 0.9,
        decay: 0.1,
        nesterov: false,
        factor: (rows, columns) => 0.2 * Math.sqrt(Math.max(rows, columns)),
      }),
  ],
  ['Adafactor', (p) => new optim.Adafactor(p, { lr: 0.1 }), () => adafactor(0.1, 0)],
  [
    'Adafactor with decay',
    (p) => new optim.Adafactor(p, { lr: 0.05, weightDecay: 0.3 }),
    () => adafactor(0.05, 0.3),
  ],
  [
    'SGDScheduleFree',
    (p) => new optim.SGDScheduleFree(p, { lr: 0.2, warmupSteps: 4 }),
    () => scheduleFree({ lr: 0.2, beta: 0.9, beta2: null, decay: 0, warmup: 4, r: 0 }).reference,
  ],
  [
    'AdamWScheduleFree',
    (p) => new optim.AdamWScheduleFree(p, { lr: 0.05, betas: [0.8, 0.95], weightDecay: 0.1, r: 0.5 }),
    () => scheduleFree({ lr: 0.05, beta: 0.8, beta2: 0.95, decay: 0.1, warmup: 0, r: 0.5 }).reference,
  ],
];

describe.each([true, false])('against the formulas, fusion %s', (fusion) => {
  it.each(cases)('%s', async (_, make, reference) => {
    setFusion(fusion);
    await expectAgreement(make, reference, [
      [3, 5],
      [5, 3],
      [3, 5],
      [4, 4],
    ]);
  });
});

describe('Schedule-Free modes', () => {
  it('show the average of the iterates, and go on from where they were', async () => {
    const settings = { lr: 0.05, beta: 0.9, beta2: 0.99, decay: 0, warmup: 3, r: 0 };
    const { reference, average } = scheduleFree(settings);
    const problem = problemOf(2, 3);
    const x = tensor(problem.start, { dtype: 'float64', requiresGrad: true });
    const optimizer = new optim.AdamWScheduleFree([x], { lr: 0.05, betas: [0.9, 0.99], warmupSteps: 3 });
    let y = problem.start;
    const train = (steps: number, before: number): void => {
      for (let step = before + 1; step <= before + steps; step++) {
        const gradient = gradientAt(problem, y);
        x.grad = tensor(gradient, { dtype: 'float64' });
        optimizer.step();
        y = reference(y, gradient, step);
      }
    };
    const expectNear = async (expected: Matrix): Promise<void> => {
      const actual = (await x.toArray()) as Matrix;
      map(expected, (value, i, j) => {
        expect(actual[i][j]).toBeCloseTo(value, 11);
        return 0;
      });
    };
    train(5, 0);
    optimizer.eval();
    optimizer.eval();
    await expectNear(average());
    expect(() => optimizer.step()).toThrow(/optimizer.train\(\)/);
    optimizer.train();
    await expectNear(y);
    train(4, 5);
    await expectNear(y);
  });

  it('are part of the state dict', async () => {
    const make = (): [Tensor, optim.SGDScheduleFree] => {
      const x = tensor([1, 2], { dtype: 'float64', requiresGrad: true });
      return [x, new optim.SGDScheduleFree([x], { lr: 0.1 })];
    };
    const [x, optimizer] = make();
    x.square().sum().backward();
    optimizer.step();
    optimizer.step();
    optimizer.eval();
    const [, other] = make();
    other.loadStateDict(optimizer.stateDict());
    expect(() => other.step()).toThrow(/average/);
  });
});

describe('SparseAdam', () => {
  it('is Adam on rows with a gradient, as PyTorch 1.13 with sparse gradients', async () => {
    const rows = [
      [0.5, -1],
      [1, 2],
      [-3, 0.25],
    ];
    const x = tensor(rows, { dtype: 'float64', requiresGrad: true });
    const optimizer = new optim.SparseAdam([x], { lr: 0.1, betas: [0.8, 0.9], eps: 1e-3 });
    const used = [[0, 2], [2], [0, 1]];
    const expected = rows.map((row) => [...row]);
    const means = rows.map((row) => row.map(() => [0, 0]));
    used.forEach((indices, at) => {
      const gradient = rows.map((row, i) =>
        row.map((_, j) => (indices.includes(i) ? expected[i][j] + 0.5 : 0)),
      );
      x.grad = tensor(gradient, { dtype: 'float64' });
      optimizer.step();
      const step = at + 1;
      for (const i of indices) {
        rows[i].forEach((_, j) => {
          const mean = means[i][j];
          mean[0] += 0.2 * (gradient[i][j] - mean[0]);
          mean[1] += 0.1 * (gradient[i][j] ** 2 - mean[1]);
          const size = (0.1 * Math.sqrt(1 - 0.9 ** step)) / (1 - 0.8 ** step);
          expected[i][j] -= (size * mean[0]) / (Math.sqrt(mean[1]) + 1e-3);
        });
      }
    });
    const actual = (await x.toArray()) as Matrix;
    map(expected, (value, i, j) => {
      expect(actual[i][j]).toBeCloseTo(value, 12);
      return 0;
    });
  });
});
