// What a plan says of itself: kernels, buffers with their lifetimes, reasons, bytes and operations.
import { bytesPerElement, type Kernel, type Node, type Program } from '@nn/core';
import { describe, expect, test } from 'vitest';
import { costOf, explain, PlanCache } from '../src/index.ts';
import { add, dot, exp, expand, mul, node, random, reshape, scalar, sum } from './support/run.ts';

const options = { fusion: true, bytesPerElement };

/** The reasons of buffers by the op whose value they hold. */
function reasons(roots: readonly Node[], fusion: boolean = true): Record<string, string | undefined> {
  const { buffers } = explain(roots, { ...options, fusion });
  return Object.fromEntries(
    buffers
      .filter(({ role }) => role !== 'input')
      .flatMap((b) => [...b.former, b].map(({ op, reason }) => [op, reason])),
  );
}

describe('explain', () => {
  test('names kernels with all their ops, walks and buffers', () => {
    const plan = explain([sum(exp(random([2, 3])), [1])], options);
    expect(plan.nodeCount).toBe(2);
    expect(plan.kernels).toMatchObject([
      {
        name: 'exp.sum',
        kind: 'reduce',
        walk: '[2] x [3]',
        ops: ['exp', 'sum'],
        reads: ['in0'],
        writes: ['out0'],
      },
    ]);
    expect(plan.buffers.map(({ name, role, bytes, lifetime }) => [name, role, bytes, lifetime])).toEqual([
      ['in0', 'input', 24, [0, 0]],
      ['out0', 'output', 8, [0, 0]],
    ]);
    expect(String(plan)).toContain('exp.sum');
    expect(String(plan)).toContain('it is asked for');
  });

  test('lists the ops of long kernels in full', () => {
    let x = random([8]);
    for (let i = 0; i < 12; i++) x = exp(mul(x, x));
    const plan = explain([x], options);
    expect(plan.kernels.flatMap(({ ops }) => ops).filter((op) => op === 'exp')).toHaveLength(12);
    expect(plan.kernels.flatMap(({ ops }) => ops)).toHaveLength(24);
    expect(String(plan)).toContain('mul ×');
  });

  test('names inputs as it is told', () => {
    const x = random([4]);
    const plan = explain([exp(x)], { ...options, nameOf: (each) => (each === x ? 'weight' : undefined) });
    expect(plan.kernels[0].reads).toEqual(['weight']);
  });

  test('says what stopped fusion', () => {
    const [a, b] = [random([4, 4]), random([4, 4], 2)];
    expect(reasons([dot(exp(a), b)])).toEqual({ exp: 'operand', dot: 'output' });
    expect(reasons([sum(exp(sum(a, [1])), [0])])).toMatchObject({ exp: 'insideReduction' });
    // A row's sum is used by each element of the row.
    expect(reasons([mul(a, expand(sum(a, [1], true), [4, 4]))])).toMatchObject({ sum: 'repeated' });
    const product = dot(a, b);
    expect(reasons([sum(product, [0]), sum(product, [1])])).toMatchObject({ dot: 'severalKernels' });
    const index = node('scan', [exp(a)], { op: 'sum', dim: 0 });
    expect(reasons([exp(index)])).toMatchObject({ scan: 'ownKernel' });
    expect(reasons([mul(exp(a), b)], false)).toEqual({ exp: 'unfused', mul: 'output' });
  });

  test('compares the peak with what must be there', () => {
    const a = random([64, 64]);
    let x = a;
    for (let i = 0; i < 5; i++) x = dot(x, a);
    const plan = explain([x], options);
    const each = 64 * 64 * 4;
    expect(plan.temporaryBytes).toBe(4 * each);
    expect([plan.inputBytes, plan.outputBytes, plan.arenaBytes]).toEqual([each, each, 2 * each]);
    expect(plan.peakBytes).toBe(4 * each);
    expect(plan.requiredBytes).toBe(4 * each);
  });

  test('changes neither nodes nor caches', () => {
    const x = random([4]);
    const y = exp(x);
    const cache = new PlanCache(options);
    const before = [y.state, y.inputs, y.runs, y.consumers, x.consumers];
    explain([y], options);
    expect([y.state, y.inputs, y.runs, y.consumers, x.consumers]).toEqual(before);
    expect(cache.prepare([y]).cached).toBe(false);
  });
});

describe('costs', () => {
  const program = (root: Node): Program => new PlanCache(options).prepare([root]).program;
  const costs = (root: Node): ReturnType<typeof costOf>[] => {
    const { kernels, buffers } = program(root);
    return kernels.map((kernel: Kernel) => costOf(kernel, buffers, bytesPerElement));
  };

  test('of a product with its epilogue', () => {
    const root = add(dot(random([8, 16]), random([16, 4])), scalar(1));
    const bytesRead = (8 * 16 + 16 * 4) * 4;
    expect(costs(root)).toEqual([{ flops: 2 * 8 * 16 * 4 + 8 * 4, bytesRead, bytesWritten: 8 * 4 * 4 }]);
  });

  test('of elements: one for each arithmetic instruction; each buffer once', () => {
    const x = random([10]);
    expect(costs(exp(mul(x, x)))).toEqual([{ flops: 20, bytesRead: 40, bytesWritten: 40 }]);
    expect(costs(node('lt', [x, random([10], 2)]))).toEqual([{ flops: 0, bytesRead: 80, bytesWritten: 10 }]);
  });

  test('of a sum: one for each element; what is broadcast is read once', () => {
    expect(costs(sum(random([4, 5]), [1]))).toEqual([{ flops: 20, bytesRead: 80, bytesWritten: 16 }]);
    const spread = mul(random([4, 5]), expand(reshape(random([5], 2), [1, 5]), [4, 5]));
    expect(costs(spread)).toEqual([{ flops: 20, bytesRead: 100, bytesWritten: 80 }]);
  });

  test('of a part: only what is walked', () => {
    const part = node('slice', [random([100])], { starts: [10], steps: [1], shape: [20] });
    expect(costs(exp(part))[0]).toMatchObject({ bytesRead: 80, bytesWritten: 80 });
  });
});
