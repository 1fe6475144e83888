// Rows named by an index, which are written and added to as wholes: against one-hot matrices, at every order.
import { grad, vmap } from '@nn/autograd';
import { stack, type Tensor, tensor, zeros } from '@nn/tensor';
import { expect, it } from 'vitest';
import { onEveryDevice } from './devices.ts';

const wave = (shape: readonly number[]): Tensor => {
  const size = shape.reduce((a, b) => a * b, 1);
  return tensor(
    Float32Array.from({ length: size }, (_, i) => Math.sin(i * 1.7)),
    { shape },
  );
};

async function expectClose(found: Tensor, wanted: Tensor): Promise<void> {
  expect(found.shape).toEqual(wanted.shape);
  const [a, b] = [await found.data(), await wanted.data()];
  // Sums of a few numbers below 10, in another order.
  for (let i = 0; i < b.length; i++) expect(Number(a[i])).toBeCloseTo(Number(b[i]), 4);
}

/** [index.length, count]: selects rows by a product. */
const oneHot = (index: readonly number[], count: number): Tensor =>
  tensor(
    index.map((at) => Array.from({ length: count }, (_, i) => (i === at ? 1 : 0))),
    { dtype: 'float32' },
  );

const index = [3, 0, 3, 5, 3];

onEveryDevice(() => {
  it('derivatives of rows that are looked up, of first and second order', async () => {
    const results = [
      (x: Tensor) => x.indexSelect(0, tensor(index)),
      (x: Tensor) => oneHot(index, 6).matmul(x),
    ].map((rows) => {
      const x = wave([6, 7]).requiresGrad_();
      const loss = rows(x)
        .pow(3)
        .mul(wave([5, 7]))
        .sum();
      const [first] = [grad(loss, x, { createGraph: true })].flat() as Tensor[];
      const [second] = [grad(first.square().sum(), x)].flat() as Tensor[];
      return { first, second };
    });
    await expectClose(results[0].first, results[1].first);
    await expectClose(results[0].second, results[1].second);
  });

  it('derivatives of rows that are added, by what they are added to and by what is added', async () => {
    const results = [
      (x: Tensor, rows: Tensor) => x.indexAdd(0, tensor(index), rows),
      (x: Tensor, rows: Tensor) => x.add(oneHot(index, 6).t().matmul(rows)),
    ].map((added) => {
      const [x, rows] = [wave([6, 4]).requiresGrad_(), wave([5, 4]).mul(2).requiresGrad_()];
      return grad(added(x, rows).pow(3).sum(), [x, rows]);
    });
    await expectClose(results[0][0], results[1][0]);
    await expectClose(results[0][1], results[1][1]);
  });

  it('rows of a dimension in the middle', async () => {
    const x = wave([2, 6, 3, 2]);
    const rows = wave([2, 5, 3, 2]);
    const expected = zeros([2, 6, 3, 2]).copy_(x);
    for (const [i, at] of index.entries()) expected.select(1, at).add_(rows.select(1, i));
    await expectClose(x.indexAdd(1, tensor(index), rows), expected);
  });

  it('the same for each example of a batch', async () => {
    const [x, rows] = [wave([3, 6, 4]), wave([3, 5, 4])];
    const indices = tensor([index, [1, 1, 2, 9, 0], [5, 4, 3, 2, 1]]);
    const added = (a: Tensor, i: Tensor, b: Tensor): Tensor => a.indexAdd(0, i, b);
    const one = Array.from({ length: 3 }, (_, k) =>
      added(x.select(0, k), indices.select(0, k), rows.select(0, k)),
    );
    await expectClose(vmap(added)(x, indices, rows), stack(one));
    const looked = (a: Tensor, i: Tensor): Tensor =>
      [grad(a.indexSelect(0, i.clamp(0, 5)).pow(2).sum(), a)].flat()[0] as Tensor;
    const each = Array.from({ length: 3 }, (_, k) => {
      const a = x.select(0, k).clone().requiresGrad_();
      return looked(a, indices.select(0, k));
    });
    const all = x.clone().requiresGrad_();
    const batched = vmap((a: Tensor, i: Tensor) => a.indexSelect(0, i.clamp(0, 5)).pow(2).sum())(
      all,
      indices,
    );
    await expectClose([grad(batched.sum(), all)].flat()[0] as Tensor, stack(each));
  });
});
