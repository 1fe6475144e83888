// How many kernels normalisations, losses and whole training steps take, and that they compute the same as op by op.
import { crossEntropy, gelu, groupNorm, instanceNorm, layerNorm, logSoftmax } from '@nn/functional';
import {
  BatchNorm2d,
  Conv2d,
  Flatten,
  GELU,
  LayerNorm,
  Linear,
  MaxPool2d,
  Module,
  ReLU,
  Sequential,
} from '@nn/modules';
import { Adam, SGD } from '@nn/optim';
import {
  manualSeed,
  ones,
  randint,
  randn,
  runtimeOf,
  setFusion,
  softmax,
  type Tensor,
  use,
  zeros,
} from '@nn/tensor';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { kernelCounter } from './support/kernel-count.ts';

const device = 'counted';
const counter = kernelCounter(device);
beforeAll(() => use(counter.backend));
beforeEach(() => {
  manualSeed(7);
});

function compute(...tensors: (Tensor | null)[]): void {
  const nodes = tensors.filter((each) => each !== null).map((each) => each.root.node);
  runtimeOf(device).evaluate(nodes, 'value');
}

const parameter = (...shape: number[]): Tensor => randn(shape).realize().requiresGrad_();

interface Case {
  readonly name: string;
  readonly forward: number;
  readonly backward: number;
  /** In one program; default: their sum. */
  readonly together?: number;
  /** Makes inputs, and what computes from them (and what else it changes). */
  make(): { readonly inputs: Tensor[]; readonly buffers?: Tensor[]; run(): Tensor };
}

const cases: Case[] = [
  ...[0, 1].map((dim) => ({
    name: `softmax along ${dim}`,
    forward: 1,
    backward: 1,
    make: () => {
      const x = parameter(64, 100);
      return { inputs: [x], run: () => softmax(x, dim) };
    },
  })),
  {
    name: 'logSoftmax',
    forward: 1,
    backward: 1,
    make: () => {
      const x = parameter(64, 100);
      return { inputs: [x], run: () => logSoftmax(x, 1) };
    },
  },
  {
    name: 'crossEntropy',
    forward: 2,
    backward: 2,
    make: () => {
      const x = parameter(64, 100);
      const classes = randint(0, 100, [64]).realize();
      return { inputs: [x], run: () => crossEntropy(x, classes) };
    },
  },
  {
    name: 'layerNorm',
    forward: 1,
    backward: 2,
    // One more than three for what the mean is corrected by: an eleventh buffer.
    together: 4,
    make: () => {
      const [x, weight, bias] = [parameter(4, 24, 64), parameter(64), parameter(64)];
      return { inputs: [x, weight, bias], run: () => layerNorm(x, 64, { weight, bias }) };
    },
  },
  {
    name: 'RMS norm',
    forward: 1,
    backward: 2,
    make: () => {
      const [x, weight] = [parameter(4, 24, 64), parameter(64)];
      const run = (): Tensor => x.mul(x.square().mean(-1, { keepdim: true }).add(1e-5).rsqrt()).mul(weight);
      return { inputs: [x, weight], run };
    },
  },
  {
    name: 'batch norm, with running statistics',
    forward: 2,
    backward: 2,
    make: () => {
      const norm = new BatchNorm2d(24);
      const x = parameter(4, 24, 9, 9);
      const { weight, bias, runningMean, runningVar } = norm;
      const buffers = [runningMean as Tensor, runningVar as Tensor];
      return { inputs: [x, weight as Tensor, bias as Tensor], buffers, run: () => norm(x) };
    },
  },
  {
    name: 'group norm',
    forward: 1,
    backward: 2,
    // One more than three for what the mean is corrected by: an eleventh buffer.
    together: 4,
    make: () => {
      const [x, weight, bias] = [parameter(4, 24, 9, 9), parameter(24), parameter(24)];
      return { inputs: [x, weight, bias], run: () => groupNorm(x, 6, { weight, bias }) };
    },
  },
  {
    name: 'instance norm',
    forward: 1,
    backward: 2,
    // One more than three for what the mean is corrected by: an eleventh buffer.
    together: 4,
    make: () => {
      const [x, weight, bias] = [parameter(4, 24, 9, 9), parameter(24), parameter(24)];
      return { inputs: [x, weight, bias], run: () => instanceNorm(x, { weight, bias }) };
    },
  },
];

describe('kernels of an op and its gradient', () => {
  it.each(cases)(
    '$name: at most $forward and $backward',
    ({ forward, backward, together: most = forward + backward, make }) => {
      const { inputs, buffers = [], run } = make();
      compute(...inputs);
      let y = run();
      const first = counter.during(() => compute(y, ...buffers));
      const gradient = randn([...y.shape]).realize();
      const second = counter.during(() => {
        y.backward(gradient);
        compute(...inputs.map(({ grad }) => grad));
      });
      expect(first.length).toBeLessThanOrEqual(forward);
      expect(second.length).toBeLessThanOrEqual(backward);

      // All at once, as in a training step.
      for (const input of inputs) input.grad = null;
      const together = counter.during(() => {
        y = run();
        y.backward(gradient);
        compute(y, ...inputs.map(({ grad }) => grad));
      });
      expect(together.length).toBeLessThanOrEqual(most);
    },
  );

  it.each(cases)('$name: the same values op by op', async ({ make }) => {
    const results: number[][] = [];
    for (const fusion of [true, false]) {
      const former = setFusion(fusion);
      try {
        manualSeed(3);
        const { inputs, buffers = [], run } = make();
        const y = run();
        y.backward(randn([...y.shape]));
        const all = [y, ...buffers, ...inputs.map(({ grad }) => grad as Tensor)];
        const kernels = counter.during(() => compute(...all));
        if (!fusion) expect(kernels.every(({ kind }) => kind !== 'rows' && kind !== 'parallel')).toBe(true);
        results.push(
          (await Promise.all(all.map((each) => each.data()))).flatMap((data) => [...data].map(Number)),
        );
      } finally {
        setFusion(former);
      }
    }
    const [fused, plain] = results;
    const worst = fused.reduce((most, value, i) => {
      const error = Math.abs(value - plain[i]) / Math.max(1, Math.abs(plain[i]));
      return Math.max(most, error);
    }, 0);
    // Sums of float32 in other orders.
    expect(worst).toBeLessThan(2e-5);
  });
});

class Block extends Module<[Tensor], Tensor> {
  norm1 = new LayerNorm(32);
  norm2 = new LayerNorm(32);
  query = new Linear(32, 32);
  key = new Linear(32, 32);
  value = new Linear(32, 32);
  out = new Linear(32, 32);
  up = new Linear(32, 64);
  down = new Linear(64, 32);

  override forward(x: Tensor): Tensor {
    const [batch, time] = x.shape;
    const heads = (y: Tensor): Tensor => y.reshape(batch, time, 4, 8).permute(0, 2, 1, 3);
    const h = this.norm1(x);
    const [q, k, v] = [this.query(h), this.key(h), this.value(h)].map(heads);
    const attention = softmax(q.matmul(k.transpose(-2, -1)).mul(1 / Math.sqrt(8)), -1);
    const mixed = attention.matmul(v).permute(0, 2, 1, 3).reshape(batch, time, 32);
    const y = x.add(this.out(mixed));
    return y.add(this.down(gelu(this.up(this.norm2(y)))));
  }
}

class Recurrent extends Module<[Tensor], Tensor> {
  input = new Linear(12, 64);
  hidden = new Linear(16, 64);
  out = new Linear(16, 10);

  override forward(x: Tensor): Tensor {
    let h = zeros([8, 16]);
    let c = zeros([8, 16]);
    for (let t = 0; t < 8; t++) {
      const gates = this.input(x.at(':', t)).add(this.hidden(h));
      const [i, f, o, g] = [0, 1, 2, 3].map((n) => gates.narrow(1, n * 16, 16));
      c = f.sigmoid().mul(c).add(i.sigmoid().mul(g.tanh()));
      h = o.sigmoid().mul(c.tanh());
    }
    return this.out(h);
  }
}

describe('kernels of a training step', () => {
  const steps: {
    name: string;
    /** Products of matrices, forward and backward: each is a kernel. */
    dots: number;
    others: number;
    make(): { model: Module<[Tensor], Tensor>; loss(): Tensor };
  }[] = [
    {
      name: 'MLP',
      dots: 8,
      others: 3,
      make: () => {
        const model = new Sequential(
          ...[new Linear(20, 32), new ReLU(), new Linear(32, 32), new GELU(), new Linear(32, 10)],
        ) as unknown as Module<[Tensor], Tensor>;
        const [x, classes] = [randn([8, 20]).realize(), randint(0, 10, [8]).realize()];
        return { model, loss: () => crossEntropy(model(x), classes) };
      },
    },
    {
      name: 'CNN with batch norm',
      dots: 8,
      others: 16,
      make: () => {
        const layers = [
          ...[new Conv2d(3, 8, 3, { padding: 1 }), new BatchNorm2d(8), new ReLU(), new MaxPool2d(2)],
          ...[new Conv2d(8, 16, 3, { padding: 1 }), new BatchNorm2d(16), new ReLU(), new MaxPool2d(2)],
          ...[new Flatten(), new Linear(64, 10)],
        ];
        const model = new Sequential(...layers) as unknown as Module<[Tensor], Tensor>;
        const [x, classes] = [randn([8, 3, 8, 8]).realize(), randint(0, 10, [8]).realize()];
        return { model, loss: () => crossEntropy(model(x), classes) };
      },
    },
    {
      name: 'transformer block',
      dots: 24,
      others: 8,
      make: () => {
        const model = new Block();
        const x = randn([2, 6, 32]).realize();
        return { model, loss: () => model(x).square().mean() };
      },
    },
    {
      name: 'LSTM of 8 steps',
      dots: 42,
      others: 26,
      make: () => {
        const model = new Recurrent();
        const [x, classes] = [randn([8, 8, 12]).realize(), randint(0, 10, [8]).realize()];
        return { model, loss: () => crossEntropy(model(x), classes) };
      },
    },
  ];

  it.each(steps)('$name: $dots products and at most $others others', ({ dots, others, make }) => {
    const { model, loss } = make();
    for (const optimizer of [
      new SGD(model.parameters(), { lr: 0.01, momentum: 0.9 }),
      new Adam(model.parameters()),
    ]) {
      let kernels: ReturnType<typeof counter.during> = [];
      for (let step = 0; step < 3; step++) {
        kernels = counter.during(() => {
          optimizer.zeroGrad();
          loss().backward();
          optimizer.step();
        });
      }
      const products = kernels.filter((each) => each.kind === 'loop' && each.producer?.kind === 'dot');
      expect(products.length).toBeLessThanOrEqual(dots);
      expect(kernels.length - products.length).toBeLessThanOrEqual(others);
    }
  });

  it('updates all parameters in a handful of launches, also when their gradients were there before', () => {
    const weights = Array.from({ length: 40 }, (_, i) => parameter(8 + i, 16));
    for (const weight of weights) weight.grad = ones([...weight.shape]).realize();
    const optimizer = new Adam(weights);
    optimizer.step();
    const kernels = counter.during(() => optimizer.step());
    expect(kernels.length).toBeLessThanOrEqual(2);
  });
});
