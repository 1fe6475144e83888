// The plan that a read would run, and that asking for it changes nothing.
import { backendOf } from '@nn/core';
import {
  compile,
  explain,
  interpreter,
  isReplaying,
  ones,
  profile,
  rand,
  setFusion,
  special,
  type Tensor,
  tensor,
  use,
} from '@nn/tensor';
import { beforeAll, describe, expect, test } from 'vitest';

beforeAll(() => use(interpreter()));

describe('explain', () => {
  test('shows just the kernels that reading runs', async () => {
    const x = ones([4, 6]).realize();
    const y = x
      .exp()
      .sum(1)
      .log()
      .matmul(ones([4, 2]).realize());
    const plan = explain(y);
    const { kernels } = await profile(() => y.data());
    expect(plan.kernels.map(({ name, flops }) => [name, flops]).sort()).toEqual(
      kernels.map(({ name, flops }) => [name, flops]).sort(),
    );
    expect(explain(y)).toMatchObject({ nodeCount: 0, kernels: [] });
  });

  test('calls scalar functions by their names', () => {
    const [kernel] = explain(special.erfcx(ones([4])).mul(2)).kernels;
    expect(kernel).toMatchObject({ name: 'special.erfcx.mul', ops: ['special.erfcx', 'mul'] });
  });

  test('counts what was computed before and will now be kept', async () => {
    const x = rand([8]).realize();
    const shared = x.exp();
    await shared.sum().item();
    const plan = explain(shared.mul(2));
    expect(plan.buffers.filter(({ role }) => role === 'output')).toHaveLength(2);
  });

  test('runs and keeps nothing', async () => {
    const x = ones([16]);
    const y = x.exp();
    const before = backendOf('interpreter').memory();
    expect(explain([y, x.mul(3)]).kernels.length).toBeGreaterThan(0);
    expect(backendOf('interpreter').memory()).toEqual(before);
    const { totals } = await profile(() => y.sin().data());
    expect(totals).toMatchObject({ plansMade: 1, plansFound: 0, programs: 1 });
  });

  test('leaves the course of a compiled function as it is', async () => {
    const x = ones([3]).realize();
    const pending = [ones([3]).exp(), x.mul(2)];
    let explains = true;
    const replayed: boolean[] = [];
    const step = compile((y: Tensor) => {
      const sum = x.add(y);
      if (explains) expect(explain(pending).kernels.length).toBeGreaterThan(0);
      const result = sum.mul(x).sub(y);
      replayed.push(isReplaying());
      return result;
    });
    for (let call = 0; call < 3; call++) {
      expect(await step(ones([3])).toArray()).toEqual([1, 1, 1]);
      explains = false;
    }
    expect(replayed).toEqual([false, true, true]);
  });

  test('names what it is told, and follows the fusion setting', () => {
    const weight = ones([3]).realize();
    const y = weight.mul(2).exp();
    expect(explain(y, { names: [['layer.weight', weight]] }).kernels[0].reads).toEqual(['layer.weight']);
    const former = setFusion(false);
    try {
      expect(explain(y).kernels.map(({ ops }) => ops)).toEqual([['mul'], ['exp']]);
    } finally {
      setFusion(former);
    }
  });

  test('has errors that name the cure', () => {
    use(interpreter({ name: 'other' }));
    expect(() => explain([ones([2], { device: 'other' }), ones([2], { device: 'interpreter' })])).toThrow(
      'one at a time',
    );
    const gone = tensor([1, 2]);
    const y = gone.add(1);
    gone.dispose();
    expect(() => explain(y)).toThrow('disposed');
    expect(() => explain(y, { name: [] } as object)).toThrow("Did you mean 'names'?");
  });
});
