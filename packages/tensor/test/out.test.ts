// The option `out`: what may take a result, and what may not.

import { noGrad } from '@nn/autograd';
import { ArgumentError, AutogradError, DTypeError, ShapeError } from '@nn/core';
import {
  add,
  cat,
  cumsum,
  exp,
  gather,
  interpreter,
  maskedSelect,
  matmul,
  mean,
  nanmean,
  sum,
  take,
  tensor,
  use,
  zeros,
} from '@nn/tensor';
import { beforeAll, describe, expect, it } from 'vitest';

beforeAll(() => use(interpreter()));

describe('out', () => {
  it('takes the result, cast, and is returned', async () => {
    const out = zeros([2], { dtype: 'float64' });
    expect(add(tensor([1, 2]), tensor([10, 20]), { out })).toBe(out);
    expect(await out.toArray()).toEqual([11, 22]);
    expect(out.dtype).toBe('float64');
  });

  it('may be a view, whose memory is written', async () => {
    const table = zeros([2, 2]);
    sum(
      tensor(
        [
          [1, 2],
          [3, 4],
        ],
        { dtype: 'float32' },
      ),
      0,
      { out: table.at(1) },
    );
    expect(await table.toArray()).toEqual([
      [0, 0],
      [4, 6],
    ]);
  });

  it('is resized when it is empty', async () => {
    const out = zeros([0]);
    matmul(tensor([[1, 2]]).float(), tensor([[3], [4]]).float(), { out });
    expect(out.shape).toEqual([1, 1]);
    expect(await out.toArray()).toEqual([[11]]);
  });

  it('may be an input of a function of single elements', async () => {
    const x = tensor([0, 1], { dtype: 'float32' });
    exp(x, { out: x });
    expect((await x.data())[0]).toBe(1);
    add(x, x, { alpha: 2, out: x });
    expect((await x.data())[0]).toBe(3);
  });

  it('counts for derived reductions and scans', async () => {
    const x = tensor([1, Number.NaN, 3]);
    const out = zeros([]);
    nanmean(x, null, { out });
    expect(await out.item()).toBe(2);
    const line = tensor([1, 2, 3]).float();
    cumsum(line, 0, { out: line });
    expect(await line.toArray()).toEqual([1, 3, 6]);
    const selected = zeros([0]);
    await maskedSelect(x, x.gt(0), { out: selected });
    expect(await selected.toArray()).toEqual([1, 3]);
  });

  it('is refused where it cannot hold the result', () => {
    const x = tensor([1, 2, 3]).float();
    expect(() => exp(x, { out: zeros([2]) })).toThrow(ShapeError);
    expect(() => exp(x, { out: zeros([3], { dtype: 'int32' }) })).toThrow(DTypeError);
    expect(() => exp(x, { out: zeros([1]).expand([3]) })).toThrow(ArgumentError);
    expect(() => sum(x, 0, { dtype: 'float64', out: zeros([]) })).toThrow(DTypeError);
    // @ts-expect-error an unknown option
    expect(() => exp(x, { outt: x })).toThrow("Did you mean 'out'");
  });

  it('is refused where it shares memory that is still read', () => {
    const x = tensor([1, 2, 3, 4]).float();
    expect(() => take(x, tensor([3, 2, 1, 0]), { out: x })).toThrow(/shares memory/);
    expect(() => gather(x, 0, tensor([0, 0]), { out: x.narrow(0, 0, 2) })).toThrow(/shares memory/);
    expect(() => exp(x.narrow(0, 0, 3), { out: x.narrow(0, 1, 3) })).toThrow(/shares memory/);
    expect(() => cat([x.narrow(0, 0, 2), x.narrow(0, 2, 2)], 0, { out: x })).toThrow(/shares memory/);
    expect(() => exp(x.narrow(0, 0, 2), { out: x.narrow(0, 2, 2) })).not.toThrow();
  });

  it('is refused where derivatives are recorded', () => {
    const x = tensor([1, 2], { requiresGrad: true });
    expect(() => mean(x, 0, { out: zeros([]) })).toThrow(AutogradError);
    expect(() => noGrad(() => mean(x, 0, { out: zeros([]) }))).not.toThrow();
  });
});

describe('resize_', () => {
  it('keeps what fits and adds zeros', async () => {
    const x = tensor([
      [1, 2],
      [3, 4],
    ]);
    expect(await x.resize_([3]).toArray()).toEqual([1, 2, 3]);
    expect(await x.resize_([2, 3]).toArray()).toEqual([
      [1, 2, 3],
      [0, 0, 0],
    ]);
    expect(await x.add_(1).toArray()).toEqual([
      [2, 3, 4],
      [1, 1, 1],
    ]);
  });

  it('is refused for views and for what requires gradients; earlier views cannot be written', () => {
    const x = tensor([1, 2, 3, 4]);
    expect(() => x.at(0).resize_([2])).toThrow(ArgumentError);
    expect(() => tensor([1], { requiresGrad: true }).resize_([2])).toThrow(AutogradError);
    expect(() => x.resize_([-1])).toThrow(ShapeError);
    const view = x.narrow(0, 1, 2);
    x.resize_([2]);
    expect(() => view.add_(1)).toThrow(/Take the view again/);
    expect(() => view.node).toThrow(/Take the view again/);
  });
});
