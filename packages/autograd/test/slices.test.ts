// Gradients of slices of one value: side by side, with gaps, overlapping, along several dimensions, beside other uses.
import { grad } from '@nn/autograd';
import { arange, explain, interpreter, ones, type Tensor, use, zeros } from '@nn/tensor';
import { beforeEach, expect, test } from 'vitest';

beforeEach(() => use(interpreter()));

type Range = readonly [dim: number, start: number, length: number];

const cases: Readonly<Record<string, readonly Range[]>> = {
  'side by side, in any order': [
    [0, 4, 2],
    [0, 0, 1],
    [0, 1, 3],
  ],
  'side by side, but not all of it': [
    [1, 2, 2],
    [1, 1, 1],
  ],
  'with a gap': [
    [0, 0, 2],
    [0, 3, 3],
  ],
  overlapping: [
    [0, 0, 4],
    [0, 3, 3],
  ],
  'the same twice': [
    [0, 2, 2],
    [0, 2, 2],
  ],
  'of two dimensions': [
    [0, 0, 3],
    [1, 0, 2],
    [0, 3, 3],
    [1, 2, 3],
  ],
  'and the whole': [
    [0, 0, 3],
    [0, 0, 6],
    [0, 3, 3],
  ],
};

const weighed = (x: Tensor, factor: number): Tensor => x.square().mul(factor).sum();

test.each(Object.entries(cases))('%s', async (_, ranges) => {
  const x = arange(30, { dtype: 'float32' }).reshape(6, 5).requiresGrad_();
  const loss = ranges.map(([dim, start, length], i) => weighed(x.narrow(dim, start, length), i + 1));
  const [result] = grad(
    loss.reduce((a, b) => a.add(b)),
    x,
    { createGraph: true },
  );
  loss.reduce((a, b) => a.add(b)).backward();
  // By masks, which are no slices.
  const factors = ranges.map(([dim, start, length], i) => {
    const at = arange(dim === 0 ? 6 : 5).unsqueeze(1 - dim);
    return zeros([6, 5]).add(
      at
        .ge(start)
        .logicalAnd(at.lt(start + length))
        .float()
        .mul(i + 1),
    );
  });
  const expected = x
    .detach()
    .mul(2)
    .mul(factors.reduce((a, b) => a.add(b)));
  expect(await x.grad!.toArray()).toEqual(await expected.toArray());
  expect(await result.toArray()).toEqual(await expected.toArray());
});

test('of no elements, can be differentiated again', async () => {
  const x = ones([3]).requiresGrad_();
  const loss = weighed(x.narrow(0, 3, 0), 1).add(weighed(x.narrow(0, 2, 0), 1));
  const [first] = grad(loss, x, { createGraph: true });
  const [second] = grad(first.square().sum(), x);
  expect(await second.toArray()).toEqual([0, 0, 0]);
});

test('of many steps, take what one copy takes', () => {
  const bytes = [64, 512].map((steps) => {
    const x = ones([steps, 16]).requiresGrad_();
    const last = x.unbind(0).reduce((state, each) => state.mul(each).sin());
    const { kernels } = explain(grad(last.sum(), x));
    return kernels.reduce((sum, { bytesRead, bytesWritten }) => sum + bytesRead + bytesWritten, 0) / steps;
  });
  expect(bytes[1]).toBeLessThan(bytes[0] * 1.5);
});
