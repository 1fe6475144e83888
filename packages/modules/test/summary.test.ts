// Summaries, text, vectors of parameters, fusion: what looks at models from outside.
import {
  BatchNorm1d,
  BatchNorm2d,
  BatchNorm3d,
  Conv2d,
  ConvTranspose2d,
  Dropout,
  Flatten,
  type FusibleLayer,
  fuseConvBnEval,
  fuseLinearBnEval,
  Identity,
  init,
  LazyLinear,
  Linear,
  Module,
  ModuleList,
  ParameterDict,
  ParameterList,
  parametersToVector,
  ReLU,
  Sequential,
  SyncBatchNorm,
  summary,
  vectorToParameters,
} from '@nn/modules';
import { interpreter, ones, randn, type Tensor, use, zeros } from '@nn/tensor';
import { beforeAll, describe, expect, it } from 'vitest';

beforeAll(() => {
  use(interpreter());
});

class Net extends Module<[Tensor], { readonly y: Tensor; readonly hidden: Tensor }> {
  features = new Sequential(new Conv2d(1, 4, 3, { groups: 1 }), new BatchNorm2d(4), new ReLU());
  flatten = new Flatten();
  head = new LazyLinear(10);
  constructor() {
    super();
    this.features.at(1).weight!.requiresGrad_(false);
  }
  override forward(x: Tensor): { readonly y: Tensor; readonly hidden: Tensor } {
    const hidden = this.features[2](this.features(x));
    return { y: this.head(this.flatten(hidden)), hidden };
  }
}

describe('summary', () => {
  it('counts parameters, multiply-adds and bytes, and changes no mode and no statistics', async () => {
    const net = new Net();
    net.features.eval();
    const report = summary(net, [zeros([2, 1, 8, 8])]);
    expect([net.training, net.features[1].training]).toEqual([true, false]);
    expect(await net.features.at(1).numBatchesTracked!.item()).toBe(0);
    const conv = 2 * 4 * 36 * 9;
    const linear = 2 * 144 * 10;
    expect(report.multiplyAdds).toBe(conv + linear);
    expect([report.parameters, report.trainableParameters]).toEqual([40 + 8 + 1450, 40 + 4 + 1450]);
    expect(report.inputBytes).toBe(2 * 64 * 4);
    // Four layers of [2, 4, 6, 6] (ReLU twice), the flattened one, and [2, 10]; each with a gradient.
    expect(report.activationBytes).toBe(2 * 4 * (4 * 288 + 288 + 20));
    const rows = report.layers.map(
      ({ path, type, isRepeated }) => `${path} ${type}${isRepeated ? ' again' : ''}`,
    );
    expect(rows).toEqual([
      ' Net',
      'features Sequential',
      'features.0 Conv2d',
      'features.1 BatchNorm2d',
      'features.2 ReLU',
      'features.2 ReLU again',
      'flatten Flatten',
      'head Linear',
    ]);
    expect(report.layers[0].outputShapes).toEqual([
      [2, 10],
      [2, 4, 6, 6],
    ]);
    expect(report.layers[7].inputShapes).toEqual([[2, 144]]);
    expect(summary(net, [zeros([2, 1, 8, 8])], { depth: 1 }).layers.length).toBe(5);
  });

  it('is a table as text', () => {
    const model = new Sequential(new Linear(1000, 2), new Dropout());
    expect(String(summary(model, [zeros([1, 1000])]))).toBe(
      [
        'Layer         Output  Parameters  Multiply-adds',
        '───────────────────────────────────────────────',
        'Sequential    [1, 2]       2,002          2,000',
        '  0: Linear   [1, 2]       2,002          2,000',
        '  1: Dropout  [1, 2]           -              -',
        '───────────────────────────────────────────────',
        'Parameters: 2,002 (2,002 trainable, 0 not)',
        'Multiply-adds: 2,000',
        'Memory: 3.91 KiB input, 32 B forward and backward, 7.82 KiB parameters and buffers: about 11.76 KiB',
      ].join('\n'),
    );
  });

  it('leaves no hooks behind when the model fails', () => {
    expect(() => summary(new Linear(2, 2), [zeros([3])])).toThrow();
    expect(() => summary(new Linear(2, 2), zeros([2]) as never)).toThrow(/must be a list/);
    expect(summary(new Identity(), [zeros([2])]).layers.length).toBe(1);
  });
});

describe('text', () => {
  it('puts neighbours of a list that look the same in one line', () => {
    const list = new ModuleList([new Linear(2, 2), new Linear(2, 2), new ReLU(), new Linear(2, 2)]);
    expect(String(list)).toBe(
      'ModuleList(\n  (0-1): 2 x Linear(inFeatures=2, outFeatures=2, bias=true)\n  (2): ReLU()\n' +
        '  (3): Linear(inFeatures=2, outFeatures=2, bias=true)\n)',
    );
    expect(String(new ModuleList([]))).toBe('ModuleList()');
  });

  it('says what parameters a container holds', () => {
    expect(String(new ParameterList([zeros([2, 3])]))).toBe(
      'ParameterList((0): Parameter containing: [float32 of size 2x3])',
    );
    const parameters = new ParameterDict({ left: zeros([2]), right: zeros([3]) });
    expect(String(parameters)).toBe(
      'ParameterDict(\n  (left): Parameter containing: [float32 of size 2]\n' +
        '  (right): Parameter containing: [float32 of size 3]\n)',
    );
  });
});

describe('parametersToVector', () => {
  it('lays parameters out, and they come back', async () => {
    const layer = new Linear(3, 2);
    const vector = parametersToVector(layer.parameters());
    expect(vector.shape).toEqual([8]);
    vector.sum().backward();
    expect(await layer.bias!.grad!.toArray()).toEqual([1, 1]);
    const other = new Linear(3, 2);
    vectorToParameters(vector.detach(), other.parameters());
    expect(await other.weight.toArray()).toEqual(await layer.weight.toArray());
    expect(() => vectorToParameters(zeros([7]), other.parameters())).toThrow(/have 8 elements/);
    expect(() => parametersToVector([])).toThrow(/no parameters/);
  });
});

type AnyConvolution = FusibleLayer & { readonly groups: number } & ((x: Tensor) => Tensor);

describe('fusion', () => {
  const prepared = <Norm extends BatchNorm1d | BatchNorm2d>(norm: Norm): Norm => {
    init.uniform_(norm.runningMean!);
    init.uniform_(norm.runningVar!, { a: 0.5, b: 2 });
    init.uniform_(norm.weight!);
    norm.eval();
    return norm;
  };

  it.each([
    ['a convolution', () => new Conv2d(4, 6, 3, { groups: 2 })],
    ['a convolution without bias', () => new Conv2d(4, 6, 3, { bias: false })],
    ['a transposed convolution', () => new ConvTranspose2d(4, 6, 3)],
  ] as const)('of %s', async (_, make) => {
    const conv: AnyConvolution = make().eval();
    const norm = prepared(new BatchNorm2d(6));
    const x = randn([2, 4, 5, 5]);
    const fused = fuseConvBnEval(conv, norm);
    expect(await fused(x).allclose(norm(conv(x)), { atol: 1e-5 })).toBe(true);
    expect(fused.constructor).toBe(conv.constructor);
    expect(fused.weight).not.toBe(conv.weight);
  });

  it('of a Linear, and only in evaluation', async () => {
    const linear = new Linear(3, 4).eval();
    const norm = prepared(new BatchNorm1d(4));
    const x = randn([5, 3]);
    expect(await fuseLinearBnEval(linear, norm)(x).allclose(norm(linear(x)), { atol: 1e-5 })).toBe(true);
    expect(() => fuseLinearBnEval(linear.train(), norm)).toThrow(/evaluation mode/);
    expect(() =>
      fuseLinearBnEval(linear.eval(), new BatchNorm1d(4, { trackRunningStats: false }).eval()),
    ).toThrow(/no running statistics/);
    expect(() =>
      fuseConvBnEval(new ConvTranspose2d(4, 4, 1, { groups: 2 }).eval(), new BatchNorm2d(4).eval()),
    ).toThrow(/in groups/);
  });
});

describe('SyncBatchNorm', () => {
  it('takes the place of batch norms, with their state, and does the same', async () => {
    const model = new Sequential(
      new Conv2d(1, 2, 1),
      new Sequential(new BatchNorm2d(2, { eps: 0.1 })),
    ).eval();
    const x = randn([2, 1, 3, 3]);
    const before = await model(x).data();
    const inner: BatchNorm2d = model.at(1).at(0);
    const converted = SyncBatchNorm.convertSyncBatchnorm(model);
    expect(converted).toBe(model);
    expect(model.at(1).at(0)).toBeInstanceOf(SyncBatchNorm);
    expect([model.at(1).at(0).weight, model.at(1).at(0).training]).toEqual([inner.weight, false]);
    expect(await model(x).data()).toEqual(before);
    const alone = SyncBatchNorm.convertSyncBatchnorm(new BatchNorm3d(2));
    expect(alone).toBeInstanceOf(SyncBatchNorm);
    const sync = new SyncBatchNorm(3);
    for (const shape of [
      [4, 3],
      [4, 3, 2],
      [4, 3, 2, 2, 2, 2],
    ])
      expect(sync(randn(shape)).shape).toEqual(shape);
    expect(() => sync(ones([3]))).toThrow(/at least 2 dimensions/);
  });
});
