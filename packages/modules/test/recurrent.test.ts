// Recurrent layers and cells beyond their values: derivatives of all kinds, modes, cost, errors, learning.
import { checkpoint, func, gradcheck, gradgradcheck, noGrad, vmap } from '@nn/autograd';
import * as nn from '@nn/modules';
import { Adam } from '@nn/optim';
import {
  ArgumentError,
  cat,
  compile,
  interpreter,
  manualSeed,
  ones,
  randint,
  randn,
  runtimeOf,
  ShapeError,
  stack,
  type Tensor,
  use,
  zeros,
} from '@nn/tensor';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { kernelCounter } from './support/kernel-count.ts';

beforeAll(() => use(interpreter()));
beforeEach(() => void manualSeed(5));

const double = (...shape: number[]): Tensor => randn(shape, { dtype: 'float64' });

type Layer = nn.RNN | nn.GRU | nn.LSTM;

/** Layers of all kinds, in double precision. */
const layers: readonly [string, () => Layer][] = [
  ['RNN', () => new nn.RNN(2, 2, { bidirectional: true }).double()],
  ['RNN with relu', () => new nn.RNN(2, 2, { nonlinearity: 'relu' }).double()],
  ['GRU', () => new nn.GRU(1, 2).double()],
  ['GRU without bias', () => new nn.GRU(1, 2, { bias: false, bidirectional: true }).double()],
  ['LSTM', () => new nn.LSTM(1, 2).double()],
  ['LSTM with projections', () => new nn.LSTM(1, 2, { projSize: 1, bidirectional: true }).double()],
];

/** All that a layer gives, in one list. */
function everything([output, state]: ReturnType<Layer>): Tensor {
  const states = Array.isArray(state) ? state : [state];
  const data = nn.isPackedSequence(output) ? output.data : output;
  return cat([data, ...states].map((each) => each.reshape(-1)));
}

/** What a layer gives as a function of its input and its parameters. */
function asFunction(layer: Layer, lengths: readonly number[] | null = null): (...given: Tensor[]) => Tensor {
  const names = layer.namedParameters().map(([name]) => name);
  return (x, ...values) => {
    const parameters = Object.fromEntries(values.map((value, i) => [names[i], value]));
    const input = lengths === null ? x : nn.packPaddedSequence(x, lengths, { enforceSorted: false });
    return everything(nn.functionalCall(layer as nn.GRU, parameters, [input as Tensor]) as ReturnType<Layer>);
  };
}

const values = (layer: Layer): Tensor[] =>
  layer.parameters().map((each) => each.detach().clone().requiresGrad_());

describe.each(layers)('%s', (_name, make) => {
  it('has exact derivatives, and derivatives of derivatives', async () => {
    const layer = make();
    const given = [double(2, 2, layer.inputSize).requiresGrad_(), ...values(layer)];
    expect(await gradcheck(asFunction(layer), given)).toBe(true);
    expect(await gradgradcheck(asFunction(layer), given)).toBe(true);
  });

  it('has them where sequences end', async () => {
    const layer = make();
    const given = [double(3, 3, layer.inputSize).requiresGrad_(), ...values(layer)];
    const packed = asFunction(layer, [1, 3, 2]);
    expect(await gradcheck(packed, given)).toBe(true);
    expect(await gradgradcheck(packed, given)).toBe(true);
  });

  it('goes with vmap and forward derivatives', async () => {
    const layer = make();
    const run = asFunction(layer);
    const parameters = values(layer);
    const xs = double(4, 3, 2, layer.inputSize);
    const each = vmap((x: Tensor) => run(x, ...parameters))(xs);
    const loop = stack([0, 1, 2, 3].map((i) => run(xs.at(i), ...parameters)));
    expect((await each.sub(loop).abs().max().item()) < 1e-12).toBe(true);
    // A difference along a direction.
    const [x, direction] = [double(3, 2, layer.inputSize), double(3, 2, layer.inputSize)];
    const at = (step: number): Tensor => run(x.add(direction.mul(step)), ...parameters).detach();
    const [, tangent] = func.jvp((given: Tensor) => run(given, ...parameters), [x], [direction]);
    const difference = at(1e-5).sub(at(-1e-5)).div(2e-5);
    expect((await tangent.sub(difference).abs().max().item()) < 1e-7).toBe(true);
  });

  it('gives gradients of each example', async () => {
    const layer = make();
    const run = asFunction(layer);
    const parameters = values(layer);
    const xs = double(2, 3, 1, layer.inputSize);
    const loss = (weight: Tensor, x: Tensor): Tensor =>
      run(x, weight, ...parameters.slice(1))
        .square()
        .sum();
    const all = vmap(func.grad(loss), { inDims: [null, 0] })(parameters[0], xs) as Tensor;
    const one = func.grad(loss)(parameters[0], xs.at(1)) as Tensor;
    expect((await all.at(1).sub(one).abs().max().item()) < 1e-12).toBe(true);
  });
});

describe('recurrent layers', () => {
  it('learn from some of their outputs', async () => {
    const layer = new nn.LSTM(2, 3);
    const [output] = layer(ones([4, 2, 2]));
    output.at(1).sum().backward();
    const again = new nn.LSTM(2, 3);
    again.loadStateDict(layer.stateDict());
    again(ones([2, 2, 2]))[0]
      .at(1)
      .sum()
      .backward();
    const difference = layer.weightHhL0.grad!.sub(again.weightHhL0.grad!).abs().max();
    expect(await difference.item()).toBeLessThan(1e-6);
  });

  it('drop between layers in training', async () => {
    const layer = new nn.GRU(2, 8, { numLayers: 2, dropout: 0.5 });
    const x = randn([3, 2, 2]);
    const different = async (): Promise<boolean> =>
      (await layer(x)[0].sub(layer(x)[0]).abs().max().item()) > 0;
    expect(await different()).toBe(true);
    layer.eval();
    expect(await different()).toBe(false);
    const single = new nn.GRU(2, 8, { dropout: 0.5 });
    expect(await single(x)[0].sub(single(x)[0]).abs().max().item()).toBe(0);
  });

  it('have their parameters by name, layer and direction', () => {
    const layer = new nn.LSTM(2, 4, { numLayers: 2, bidirectional: true, projSize: 3 });
    const names = ['weightIh', 'weightHh', 'biasIh', 'biasHh', 'weightHr'];
    const ends = ['L0', 'L0Reverse', 'L1', 'L1Reverse'];
    expect(layer.namedParameters().map(([name]) => name)).toEqual(
      ends.flatMap((end) => names.map((name) => name + end)),
    );
    expect(layer.weightIhL0.shape).toEqual([16, 2]);
    expect(layer.weightIhL1Reverse.shape).toEqual([16, 6]);
    expect(layer.allWeights.map((each) => each.length)).toEqual([5, 5, 5, 5]);
    expect(layer.allWeights[1][4]).toBe(layer.weightHrL0Reverse);
    expect(new nn.GRU(2, 4, { bias: false }).allWeights[0].length).toBe(2);
  });

  it('start within 1 / √hiddenSize', async () => {
    const data = (await new nn.LSTM(4, 16).weightHhL0.data()) as Float32Array;
    expect(Math.max(...data.map(Math.abs))).toBeLessThanOrEqual(0.25);
    expect(new Set(data).size).toBeGreaterThan(900);
  });

  it('show what they are', () => {
    expect(String(new nn.LSTM(2, 3, { numLayers: 2, batchFirst: true, projSize: 1 }))).toBe(
      'LSTM(2, 3, projSize=1, numLayers=2, batchFirst=true)',
    );
    expect(String(new nn.RNN(2, 3, { nonlinearity: 'relu' }))).toBe("RNN(2, 3, nonlinearity='relu')");
    expect(String(new nn.GRUCell(2, 3, { bias: false }))).toBe('GRUCell(2, 3, bias=false)');
  });

  it('can be copied', async () => {
    const layer = new nn.RNN(2, 3, { nonlinearity: 'relu', bidirectional: true });
    const copy = nn.deepcopy(layer);
    const x = randn([3, 2, 2]);
    expect(await copy(x)[0].toArray()).toEqual(await layer(x)[0].toArray());
    expect(copy.nonlinearity).toBe('relu');
    const cell = nn.deepcopy(new nn.LSTMCell(2, 3));
    expect(cell(ones([2, 2]))[1].shape).toEqual([2, 3]);
  });

  it('give a cell step by step what the layer gives', async () => {
    const layer = new nn.LSTM(2, 3);
    const cell = new nn.LSTMCell(2, 3);
    cell.loadStateDict(
      Object.fromEntries(
        Object.entries(layer.stateDict()).map(([name, value]) => [name.slice(0, -2), value]),
      ),
    );
    const x = randn([4, 2, 2]);
    let state: [Tensor, Tensor] | null = null;
    for (let time = 0; time < 4; time++) state = cell(x.at(time), state);
    const [, [hidden, last]] = layer(x);
    expect(await state![0].sub(hidden.at(0)).abs().max().item()).toBeLessThan(1e-6);
    expect(await state![1].sub(last.at(0)).abs().max().item()).toBeLessThan(1e-6);
  });

  it('learn to remember', async () => {
    // What was seen first is asked for at the end, after noise.
    const layer = new nn.LSTM(2, 12);
    const head = new nn.Linear(12, 2);
    const optimizer = new Adam([...layer.parameters(), ...head.parameters()], { lr: 0.03 });
    const batch = (): { x: Tensor; y: Tensor } => {
      const y = randint(0, 2, [32]);
      const first = stack([y.to('float32').mul(2).sub(1), ones([32])], 1).unsqueeze(0);
      return { x: cat([first, stack([randn([7, 32]), zeros([7, 32])], 2)]), y };
    };
    for (let step = 0; step < 60; step++) {
      const { x, y } = batch();
      optimizer.zeroGrad();
      const [output] = layer(x);
      new nn.CrossEntropyLoss()(head(output.at(-1)), y).backward();
      optimizer.step();
    }
    const { x, y } = batch();
    const right = noGrad(() => head(layer(x)[0].at(-1)).argmax(1).eq(y).to('float32').mean());
    expect(await right.item()).toBe(1);
  });

  it('take batches of none', () => {
    const x = ones([3, 0, 2]).requiresGrad_();
    const [output, [hidden]] = new nn.LSTM(2, 4, { bidirectional: true })(x);
    expect([output.shape, hidden.shape]).toEqual([
      [3, 0, 8],
      [2, 0, 4],
    ]);
    output.sum().backward();
    expect(x.grad!.shape).toEqual([3, 0, 2]);
  });

  it('are computed again in a checkpoint', async () => {
    const layer = new nn.LSTM(2, 3, { bidirectional: true });
    const x = randn([4, 2, 2]);
    const gradients = (run: (x: Tensor) => Tensor): Tensor => {
      layer.zeroGrad();
      run(x).square().sum().backward();
      return cat(layer.parameters().map((each) => each.grad!.reshape(-1)));
    };
    const plain = gradients((given) => layer(given)[0]);
    const again = gradients((given) => checkpoint((inner: Tensor) => layer(inner)[0], given));
    expect(await plain.abs().max().item()).toBeGreaterThan(0);
    expect(await again.sub(plain).abs().max().item()).toBeLessThan(1e-6);
  });

  it('replay in a compiled function', async () => {
    const layer = new nn.GRU(2, 3);
    const run = compile((x: Tensor) => noGrad(() => layer(x)[0]));
    for (let i = 0; i < 4; i++) {
      const x = randn([4, 2, 2]);
      const expected = noGrad(() => layer(x)[0]);
      expect(await run(x).sub(expected).abs().max().item()).toBeLessThan(1e-6);
    }
  });
});

describe('errors of recurrent layers', () => {
  it('name options and sizes', () => {
    expect(() => new nn.LSTM(2, 3, { projSize: 3 })).toThrow(/projSize must be .* less than hiddenSize, 3/);
    expect(() => new nn.GRU(2, 0)).toThrow(/hiddenSize must be a positive integer/);
    expect(() => new nn.GRU(2, 3, { numLayers: 0 })).toThrow(ArgumentError);
    expect(() => new nn.GRU(2, 3, { dropout: 1.5 })).toThrow(/between 0 and 1/);
    expect(() => new nn.GRU(2, 3, { projSize: 2 } as object)).toThrow(ArgumentError);
    expect(() => new nn.RNN(2, 3, { nonlinearity: 'sigmoid' as 'tanh' })).toThrow(/'tanh' or 'relu'/);
    expect(() => new nn.RNNCell(2, 3, { nonlinearity: 'sigmoid' as 'tanh' })).toThrow(/'tanh' or 'relu'/);
    expect(() => new nn.LSTM(2, 3, { numLayer: 2 } as object)).toThrow(/Did you mean 'numLayers'/);
  });

  it('name shapes', () => {
    const layer = new nn.LSTM(2, 3);
    expect(() => layer(ones([4, 2, 5]))).toThrow(/last size must be inputSize, 2/);
    expect(() => layer(ones([2]))).toThrow(ShapeError);
    expect(() => layer(ones([0, 1, 2]))).toThrow(/one step/);
    expect(() => layer(ones([4, 2, 2]), [ones([1, 1, 3]), ones([1, 2, 3])])).toThrow(
      /a state of shape \[1, 2, 3\]/,
    );
    expect(() => layer(ones([4, 2, 2]), [ones([1, 2, 3]), ones([2, 3])])).toThrow(ShapeError);
    expect(() => layer(ones([4, 2, 2]), [ones([1, 2, 3])] as never)).toThrow(/\[hidden, cell\]/);
    expect(() => layer(nn.packSequence([ones([4, 3])]))).toThrow(ShapeError);
    expect(() => new nn.GRUCell(2, 3)(ones([1, 3]))).toThrow(/takes \[batch, 2\] or \[2\]/);
    expect(() => new nn.GRUCell(2, 3)(ones([1, 2]), ones([2, 3]))).toThrow(/a state of shape \[1, 3\]/);
    expect(() => new nn.LSTMCell(2, 3)(ones([1, 2]), [ones([1, 3])] as never)).toThrow(ArgumentError);
  });
});

describe('cost of a recurrent layer', () => {
  const counter = kernelCounter('counted-steps');
  /** Kernels of a step of training with sequences of this length. */
  const kernels = (make: () => Layer, time: number): number => {
    use(counter.backend);
    const layer = make();
    const x = randn([time, 2, 3]).realize();
    runtimeOf('counted-steps').evaluate(
      layer.parameters().map((each) => each.node),
      'value',
    );
    const count = counter.during(() => {
      everything((layer as nn.GRU)(x))
        .square()
        .sum()
        .backward();
      const nodes = layer.parameters().map((each) => each.grad!.node);
      runtimeOf('counted-steps').evaluate(nodes, 'value');
    }).length;
    use(interpreter());
    return count;
  };

  it.each([
    ['RNN', () => new nn.RNN(3, 4), 4],
    ['GRU', () => new nn.GRU(3, 4), 10],
    ['LSTM', () => new nn.LSTM(3, 4), 8],
  ] as const)('is a few kernels a step: %s', (_name, make, most) => {
    const [short, middle, long] = [8, 16, 32].map((time) => kernels(make, time));
    expect(middle - short).toBeLessThanOrEqual(8 * most);
    // No work that grows with the square.
    expect(long - middle).toBeLessThanOrEqual(2 * (middle - short));
  });
});
