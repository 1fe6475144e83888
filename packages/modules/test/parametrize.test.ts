// Parametrizations, against PyTorch's values (made by golden/utilities.py) and their own promises.
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { gradcheck, noGrad } from '@nn/autograd';
import {
  Conv2d,
  ConvTranspose2d,
  deepcopy,
  functionalCall,
  init,
  Linear,
  Module,
  Parameter,
  parametrizations,
  parametrize,
  Sequential,
} from '@nn/modules';
import {
  arange,
  eye,
  interpreter,
  type NestedArray,
  ones,
  type Tensor,
  tensor,
  use,
  zeros,
} from '@nn/tensor';
import { beforeAll, describe, expect, it } from 'vitest';

beforeAll(() => {
  use(interpreter());
});

const golden = JSON.parse(
  gunzipSync(readFileSync(new URL('./golden/utilities.json.gz', import.meta.url))).toString('utf8'),
);
const double = (values: unknown): Tensor => tensor(values as NestedArray, { dtype: 'float64' });

async function expectNear(actual: Tensor, values: unknown, digits: number = 8): Promise<void> {
  const expected = double(values);
  expect(actual.shape).toEqual(expected.shape);
  expect(await actual.double().sub(expected).abs().amax().item()).toBeLessThan(10 ** -digits);
}

const made = {
  Linear: () => new Linear(3, 4, { dtype: 'float64' }),
  Conv2d: () => new Conv2d(3, 2, 2, { dtype: 'float64' }),
  ConvTranspose2d: () => new ConvTranspose2d(3, 2, 2, { dtype: 'float64' }),
};

describe('spectralNorm', () => {
  it.each(golden.spectralNorm as { readonly [name: string]: never }[])('of $layer', async (test) => {
    const layer: Linear | Conv2d | ConvTranspose2d = made[test.layer as keyof typeof made]();
    layer.weight = new Parameter(double(test.weight));
    parametrizations.spectralNorm(layer, 'weight', { nPowerIterations: 2 });
    layer.loadStateDict(
      { 'parametrizations.weight.0._u': double(test.u), 'parametrizations.weight.0._v': double(test.v) },
      { strict: false },
    );
    for (const output of test.outputs as number[][]) await expectNear(layer.weight, output);
    layer.eval();
    const factors = arange(layer.weight.numel(), { dtype: 'float64' }).reshape(layer.weight.shape);
    layer.weight.square().mul(factors).sum().backward();
    await expectNear(layer.getBuffer('parametrizations.weight.0._u'), test.after[0]);
    await expectNear(layer.getBuffer('parametrizations.weight.0._v'), test.after[1]);
    await expectNear(layer.getParameter('parametrizations.weight.original').grad!, test.gradient);
  });

  it('divides a vector by its length, and refuses what it cannot do', async () => {
    const layer = parametrizations.spectralNorm(new Linear(1, 3), 'bias');
    expect(await layer.bias!.norm().item()).toBeCloseTo(1, 5);
    expect(() => parametrizations.spectralNorm(layer, 'weigth')).toThrow(/no tensor 'weigth'/);
    expect(() => parametrizations.spectralNorm(layer, 'weight', { nPowerIterations: 0 })).toThrow(/positive/);
  });
});

describe('weightNorm', () => {
  it.each(golden.weightNorm as { readonly [name: string]: never }[])('along $dim', async (test) => {
    const layer = made.Linear();
    layer.weight = new Parameter(double(test.weight));
    layer.bias = new Parameter(double(test.bias));
    parametrizations.weightNorm(layer, 'weight', test.dim);
    const [length, direction] = ['original0', 'original1'].map((name) =>
      layer.getParameter(`parametrizations.weight.${name}`),
    );
    await expectNear(layer.weight, test.weight);
    noGrad(() => {
      length.mul_(2);
      direction.add_(0.1);
    });
    await expectNear(layer.weight, test.value);
    layer(ones([1, 3], { dtype: 'float64' }))
      .square()
      .sum()
      .backward();
    await expectNear(length.grad!, test.gradients[0]);
    await expectNear(direction.grad!, test.gradients[1]);
  });
});

describe('orthogonal', () => {
  it.each(golden.orthogonal as { readonly [name: string]: never }[])(
    '$map of $shape, base $base.length',
    async (test) => {
      const [rows, columns] = test.shape as number[];
      const layer = new Linear(columns, rows, { dtype: 'float64' });
      const orthogonalMap = test.map as parametrizations.OrthogonalMap;
      const useTrivialization = test.base !== null;
      parametrizations.orthogonal(layer, 'weight', { orthogonalMap, useTrivialization });
      const state = {
        'parametrizations.weight.original': double(test.original),
        ...(useTrivialization && { 'parametrizations.weight.0.base': double(test.base) }),
      };
      layer.loadStateDict(state, { strict: false });
      await expectNear(layer.weight, test.value, 7);
      const factors = arange(rows * columns, { dtype: 'float64' }).reshape(rows, columns);
      layer.weight.mul(factors).sum().backward();
      await expectNear(layer.getParameter('parametrizations.weight.original').grad!, test.gradient, 6);
    },
  );

  it('starts from the nearest orthogonal matrix, and takes one that is assigned', async () => {
    for (const orthogonalMap of ['matrixExp', 'cayley', 'householder'] as const) {
      const layer = new Linear(3, 5, { dtype: 'float64' });
      const target = init.orthogonal_(zeros([5, 3], { dtype: 'float64' }));
      parametrizations.orthogonal(layer, 'weight', { orthogonalMap });
      expect(await layer.weight.T.matmul(layer.weight).allclose(eye(3, 3, { dtype: 'float64' }))).toBe(true);
      layer.weight = target as Parameter;
      expect(await layer.weight.allclose(target)).toBe(true);
    }
  });

  it('has second derivatives through the Cayley map', async () => {
    const layer = new Linear(3, 3, { dtype: 'float64' });
    parametrizations.orthogonal(layer, 'weight', { orthogonalMap: 'cayley' });
    const original = layer.getParameter('parametrizations.weight.original');
    const value = (x: Tensor): Tensor =>
      functionalCall(layer, { 'parametrizations.weight.original': x }, [ones([1, 3], { dtype: 'float64' })]);
    const start = init.normal_(zeros([3, 3], { dtype: 'float64' })).requiresGrad_();
    expect(await gradcheck(value, [start])).toBe(true);
    expect(original.shape).toEqual([3, 3]);
  });

  it('refuses vectors, unknown maps and values it cannot start from', () => {
    expect(() => parametrizations.orthogonal(new Linear(2, 2), 'bias')).toThrow(/at least 2 dimensions/);
    expect(() =>
      parametrizations.orthogonal(new Linear(2, 2), 'weight', { orthogonalMap: 'qr' as never }),
    ).toThrow(/'matrixExp', 'cayley' or 'householder'/);
    const layer = parametrizations.orthogonal(new Linear(2, 2), 'weight', {
      orthogonalMap: 'cayley',
      useTrivialization: false,
    });
    expect(layer.weight.shape).toEqual([2, 2]);
  });
});

class Doubled extends Module<[Tensor], Tensor> {
  calls = 0;
  override forward(x: Tensor): Tensor {
    this.calls++;
    return x.mul(2);
  }
  rightInverse(x: Tensor): Tensor {
    return x.div(2);
  }
}

class Widened extends Module<[Tensor], Tensor> {
  override forward(x: Tensor): Tensor {
    return x.unsqueeze(0);
  }
}

describe('registerParametrization', () => {
  it('keeps the value, the object that is learnt, and the text', async () => {
    const layer = new Linear(2, 1);
    const { weight } = layer;
    const before = await weight.toArray();
    parametrize.registerParametrization(layer, 'weight', new Doubled());
    expect(await layer.weight.toArray()).toEqual(before);
    expect(layer.getParameter('parametrizations.weight.original')).toBe(weight);
    expect(layer.namedParameters().map(([name]) => name)).toEqual([
      'bias',
      'parametrizations.weight.original',
    ]);
    expect(String(layer)).toBe(
      'ParametrizedLinear(\n  inFeatures=2, outFeatures=1, bias=true\n  (parametrizations): ModuleDict(\n' +
        '    (weight): ParametrizationList(\n      (0): Doubled()\n    )\n  )\n)',
    );
    layer.weight = ones([1, 2]) as Parameter;
    expect(await weight.toArray()).toEqual([[0.5, 0.5]]);
    parametrize.registerParametrization(layer, 'weight', new Doubled());
    expect(await layer.weight.toArray()).toEqual([[2, 2]]);
    expect([parametrize.isParametrized(layer), parametrize.isParametrized(layer, 'bias')]).toEqual([
      true,
      false,
    ]);
  });

  it('is undone with the value, or with the original', async () => {
    for (const leaveParametrized of [true, false]) {
      const layer = new Linear(1, 1);
      const { weight } = layer;
      init.ones_(weight);
      parametrize.registerParametrization(layer, 'weight', new Doubled());
      parametrize.removeParametrizations(layer, 'weight', { leaveParametrized });
      expect(layer.weight).toBe(weight);
      expect(await layer.weight.item()).toBe(leaveParametrized ? 1 : 0.5);
      expect(Object.keys(layer.stateDict()).sort()).toEqual(['bias', 'weight']);
      expect(String(layer)).toMatch(/^Linear/);
    }
    const layer = parametrizations.weightNorm(new Linear(2, 2));
    expect(() => parametrize.removeParametrizations(layer, 'weight', { leaveParametrized: false })).toThrow(
      /2 tensors/,
    );
    expect(() => parametrize.removeParametrizations(layer, 'bias')).toThrow(/not parametrized/);
  });

  it('works for buffers, in copies, and in functional calls', async () => {
    class Scaled extends Module {
      constructor() {
        super();
        this.registerBuffer('scale', ones([1]));
      }
      override forward(x: Tensor): Tensor {
        return x.mul(Reflect.get(this, 'scale') as Tensor);
      }
    }
    const scaled = parametrize.registerParametrization(new Scaled(), 'scale', new Doubled());
    expect(scaled.namedBuffers().map(([name]) => name)).toEqual(['parametrizations.scale.original']);
    const copy = deepcopy(scaled);
    scaled.getBuffer('parametrizations.scale.original').mul_(5);
    expect([scaled(ones([1])).itemSync(), copy(ones([1])).itemSync()]).toEqual([5, 1]);
    const model = new Sequential(parametrizations.weightNorm(new Linear(1, 1, { bias: false })));
    const value = functionalCall(model, { '0.parametrizations.weight.original0': ones([1, 1]).mul(3) }, [
      ones([1, 1]),
    ]);
    expect(Math.abs(value.itemSync())).toBeCloseTo(3, 5);
  });

  it('computes once while cached, also nested, and each time otherwise', () => {
    const doubled = new Doubled();
    const layer = parametrize.registerParametrization(new Linear(1, 1), 'weight', doubled);
    doubled.calls = 0;
    parametrize.cached(() => {
      const first = layer.weight;
      expect(parametrize.cached(() => layer.weight)).toBe(first);
    });
    expect(doubled.calls).toBe(1);
    expect(layer.weight).not.toBe(layer.weight);
    expect(doubled.calls).toBe(3);
  });

  it('refuses names and values that do not fit', () => {
    expect(() => parametrize.registerParametrization(new Linear(1, 1), 'inFeatures', new Doubled())).toThrow(
      /no parameter or buffer 'inFeatures'/,
    );
    expect(() => parametrize.registerParametrization(new Linear(1, 1), 'weight', new Widened())).toThrow(
      /has shape \[1, 1\], and the parametrization makes it \[1, 1, 1\]/,
    );
    const layer = parametrize.registerParametrization(new Linear(1, 1), 'bias', new Widened(), {
      unsafe: true,
    });
    expect(layer.bias?.shape).toEqual([1, 1]);
  });
});
