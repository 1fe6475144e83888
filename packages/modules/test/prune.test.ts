// Pruning against PyTorch's masks (made by golden/utilities.py), and what it promises.
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { Conv2d, deepcopy, Linear, Parameter, prune, Sequential } from '@nn/modules';
import { interpreter, type NestedArray, ones, type Tensor, tensor, use } from '@nn/tensor';
import { beforeAll, describe, expect, it } from 'vitest';

beforeAll(() => {
  use(interpreter());
});

const golden = JSON.parse(
  gunzipSync(readFileSync(new URL('./golden/utilities.json.gz', import.meta.url))).toString('utf8'),
);

function linear(weight: NestedArray): Linear {
  const values = tensor(weight, { dtype: 'float64' });
  const layer = new Linear(values.shape[1], values.shape[0], { dtype: 'float64' });
  layer.weight = new Parameter(values);
  return layer;
}

const maskOf = (layer: Linear, name: string = 'weight'): Promise<unknown> =>
  layer.getBuffer(`${name}Mask`).toArray();

describe('pruning', () => {
  it('step by step takes what PyTorch takes', async () => {
    const layer = linear(golden.pruning.weight);
    const methods = prune as unknown as Record<
      string,
      (layer: Linear, name: string, ...args: number[]) => Linear
    >;
    for (const { name, args, mask, value } of golden.pruning.steps) {
      methods[name](layer, 'weight', ...args);
      expect(await maskOf(layer)).toEqual(mask);
      expect(await layer.weight.toArray()).toEqual(value.map((row: number[]) => row.map((each) => each)));
    }
  });

  it('of several parameters takes the smallest of all', async () => {
    const [first, second] = golden.globalPruning.weights.map(linear);
    prune.globalUnstructured(
      [
        [first, 'weight'],
        [second, 'weight'],
      ],
      new prune.L1Unstructured(0.4),
    );
    expect([await maskOf(first), await maskOf(second)]).toEqual(golden.globalPruning.masks);
  });

  it('at random takes as many as it should, of what is left', async () => {
    const layer = new Linear(10, 10);
    prune.randomUnstructured(layer, 'weight', 0.3);
    expect(await layer.getBuffer('weightMask').sum().item()).toBe(70);
    prune.randomUnstructured(layer, 'weight', 0.5);
    expect(await layer.getBuffer('weightMask').sum().item()).toBe(35);
    const conv = prune.randomStructured(new Conv2d(4, 8, 3), 'weight', 3, 0);
    const kept = conv.getBuffer('weightMask').flatten(1).sum(1);
    expect([...((await kept.data()) as Float32Array)].sort()).toEqual([0, 0, 0, 36, 36, 36, 36, 36]);
  });

  it('learns the original, whose pruned elements have no gradient', async () => {
    const layer = linear([[3, -1, 2, -4]]);
    const { weight } = layer;
    prune.l1Unstructured(layer, 'weight', 2);
    expect(layer.getParameter('weightOrig')).toBe(weight);
    layer(ones([1, 4], { dtype: 'float64' }))
      .sum()
      .backward();
    expect(await weight.grad!.toArray()).toEqual([[1, 0, 0, 1]]);
    expect(layer.namedParameters().map(([name]) => name)).toEqual(['bias', 'weightOrig']);
    expect(() => {
      layer.weight = weight;
    }).toThrow(/is pruned and cannot be assigned/);
  });

  it('takes importance from elsewhere, masks of one`s own, and methods of one`s own', async () => {
    const layer = linear([[1, 2, 3]]);
    prune.l1Unstructured(layer, 'weight', 1, { importanceScores: tensor([[3, 2, 1]]).double() });
    expect(await maskOf(layer)).toEqual([[1, 1, 0]]);
    prune.customFromMask(layer, 'weight', tensor([[false, true, true]]));
    expect(await maskOf(layer)).toEqual([[0, 1, 0]]);
    class Odd extends prune.BasePruningMethod {
      override computeMask(scores: Tensor): Tensor {
        return scores.remainder(2).eq(0);
      }
    }
    expect(await maskOf(prune.apply(linear([[1, 2, 3, 4]]), 'weight', new Odd()))).toEqual([[0, 1, 0, 1]]);
    expect(await maskOf(prune.identity(linear([[1, 2]]), 'weight'))).toEqual([[1, 1]]);
  });

  it('goes along in copies and state dicts, and can be made for good', async () => {
    const model = new Sequential(linear([[1, 2, 3, 4]]));
    expect(prune.isPruned(model)).toBe(false);
    const [layer] = model;
    prune.l1Unstructured(layer, 'weight', 0.5);
    expect([prune.isPruned(model), prune.isPruned(layer, 'bias')]).toEqual([true, false]);
    const copy = deepcopy(model);
    prune.remove(layer, 'weight');
    expect([prune.isPruned(model), prune.isPruned(copy)]).toEqual([false, true]);
    expect(await layer.weight.toArray()).toEqual([[0, 0, 3, 4]]);
    expect(layer.weight).toBeInstanceOf(Parameter);
    expect(Object.keys(layer.stateDict())).toEqual(['bias', 'weight']);
    expect(await copy[0].weight.toArray()).toEqual([[0, 0, 3, 4]]);
    const fresh = new Sequential(prune.identity(linear([[9, 9, 9, 9]]), 'weight'));
    fresh.loadStateDict(copy.stateDict());
    expect(await fresh[0].weight.toArray()).toEqual([[0, 0, 3, 4]]);
  });

  it('refuses amounts, names and masks that do not fit, and leaves the module as it was', () => {
    const layer = linear([[1, 2]]);
    expect(() => prune.l1Unstructured(layer, 'weight', -0.1)).toThrow(/amount must be/);
    expect(() => prune.l1Unstructured(layer, 'weight', 1.5)).toThrow(/amount must be/);
    expect(() => prune.l1Unstructured(layer, 'weight', 3)).toThrow(/only 2 to prune/);
    expect(() => prune.lnStructured(layer, 'bias', 1, 2, 0)).toThrow(/at least 2 dimensions/);
    expect(() => prune.identity(layer, 'w')).toThrow(/no parameter 'w'/);
    expect(() => prune.remove(layer, 'weight')).toThrow(/not pruned/);
    expect(() => prune.customFromMask(layer, 'weight', ones([2, 2]))).toThrow(/the mask has shape \[2, 2\]/);
    expect(() => prune.globalUnstructured([], new prune.Identity())).toThrow(/no parameters/);
    expect(prune.isPruned(layer)).toBe(false);
    expect(layer.weight).toBeInstanceOf(Parameter);
  });
});
