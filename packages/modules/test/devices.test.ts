// Lazy, parametrized, pruned and copied models trained on every device, with fusion and without: since random numbers
// are the same everywhere, so are the losses.
import { func, noGrad, vmap } from '@nn/autograd';
import { cpu } from '@nn/cpu';
import * as nn from '@nn/modules';
import {
  type Backend,
  interpreter,
  manualSeed,
  ones,
  randint,
  randn,
  setFusion,
  type Tensor,
  use,
} from '@nn/tensor';
import { webgpu } from '@nn/webgpu';
import { createDawn } from '@nn/webgpu/node';
import { afterAll, describe, expect, it } from 'vitest';

type Layers = nn.ModuleBase & ((x: Tensor) => Tensor);

/** Losses of a few steps of gradient descent. */
async function losses(model: Layers, inputs: Tensor, loss: (y: Tensor) => Tensor): Promise<number[]> {
  const values: number[] = [];
  for (let step = 0; step < 3; step++) {
    model.zeroGrad();
    const value = loss(model(inputs));
    value.backward();
    noGrad(() => {
      for (const parameter of model.parameters())
        if (parameter.grad !== null) parameter.sub_(parameter.grad.mul(0.1));
    });
    values.push(await value.item());
  }
  return values;
}

const square = (y: Tensor): Tensor => y.square().mean();

const programs: { readonly [name: string]: () => Promise<number[]> } = {
  'lazy layers': () => {
    const model = new nn.Sequential(
      new nn.LazyConv2d(4, 3),
      new nn.LazyBatchNorm2d(),
      new nn.ReLU(),
      new nn.Flatten(),
      new nn.LazyLinear(3),
    );
    return losses(model, randn([2, 3, 6, 6]), square);
  },
  'spectral and weight norm': () => {
    const model = new nn.Sequential(
      nn.parametrizations.spectralNorm(new nn.Linear(4, 6)),
      nn.parametrizations.weightNorm(new nn.Linear(6, 3)),
    );
    return losses(model, randn([5, 4]), square);
  },
  'orthogonal weights': () => {
    const maps = ['matrixExp', 'cayley', 'householder'] as const;
    const layers = maps.map((orthogonalMap) =>
      nn.parametrizations.orthogonal(new nn.Linear(4, 4), 'weight', { orthogonalMap }),
    );
    return losses(new nn.Sequential(...(layers as nn.Module[])), ones([3, 4]), square);
  },
  'pruned weights': async () => {
    const layer = nn.prune.l1Unstructured(new nn.Linear(6, 6), 'weight', 0.3);
    nn.prune.randomUnstructured(layer, 'weight', 0.5);
    nn.prune.lnStructured(layer, 'weight', 1, 2, 0);
    const kept = await layer.getBuffer('weightMask').sum().item();
    return [kept, ...(await losses(layer, randn([5, 6]), square))];
  },
  'adaptive softmax': async () => {
    const layer = new nn.AdaptiveLogSoftmaxWithLoss(8, 20, [5, 12]);
    const x = randn([6, 8]);
    const [output, loss] = layer(x, randint(0, 20, [6]));
    loss.backward();
    const gradient = await layer.head.weight.grad!.norm().item();
    return [await output.sum().item(), gradient, ...((await layer.predict(x).float().toArray()) as number[])];
  },
  'gradients of each example, of a copy': async () => {
    const model = nn.deepcopy(new nn.Sequential(new nn.Linear(3, 4), new nn.Tanh(), new nn.Linear(4, 1)));
    const loss = (tensors: nn.NamedTensors, x: Tensor): Tensor =>
      nn.functionalCall(model, tensors, [x]).square().sum();
    const gradients = vmap(func.grad(loss), { inDims: [null, 0] })(
      Object.fromEntries(model.namedParameters()),
      randn([4, 3]),
    );
    return (await gradients['0.weight'].flatten(1).norm(2, 1).toArray()) as number[];
  },
  'bags of embeddings': () => {
    const bag = new nn.EmbeddingBag(10, 4, { mode: 'sum', scaleGradByFreq: true });
    const model = new nn.Sequential(bag, new nn.Linear(4, 2));
    return losses(model, randint(0, 10, [3, 5]), square);
  },
};

const devices: readonly (readonly [string, boolean, () => Backend | Promise<Backend>])[] = [
  ['interpreter', false, () => interpreter()],
  ['cpu', true, () => cpu({ threads: 1 })],
  ['cpu', false, () => cpu({ threads: 1 })],
  ['webgpu', true, async () => webgpu({ gpu: await createDawn({ software: 'fallback' }) })],
];

afterAll(() => setFusion(true));

async function run(backend: Backend, fusion: boolean, program: () => Promise<number[]>): Promise<number[]> {
  use(backend);
  setFusion(fusion);
  manualSeed(11);
  return program();
}

/** Milliseconds: a software GPU compiles hundreds of shaders. */
const timeout = 180_000;

describe.each(Object.keys(programs))('%s', (name) => {
  it.each(devices)('on %s, fusion %s', { timeout }, async (_, fusion, make) => {
    const expected = await run(interpreter(), true, programs[name]);
    const actual = await run(await make(), fusion, programs[name]);
    expect(actual.length).toBe(expected.length);
    // Float32 rounding over three steps.
    actual.forEach((value, i) => {
      expect(Math.abs(value - expected[i])).toBeLessThanOrEqual(2e-4 * Math.max(1, Math.abs(expected[i])));
    });
    expect(expected.every(Number.isFinite)).toBe(true);
  });
});
