// The plan cache, and graphs of any length.
import { bytesPerElement, dataNode, type Executable, type Node, type Program } from '@nn/core';
import { describe, expect, test } from 'vitest';
import { PlanCache, type Prepared } from '../src/index.ts';
import { randomGraph } from './support/graphs.ts';
import {
  add,
  check,
  data,
  execute,
  exp,
  mul,
  node,
  permute,
  random,
  reshape,
  scalar,
} from './support/run.ts';

const options = { fusion: true, bytesPerElement };

describe('plan cache', () => {
  test('finds equal structure, whatever the values', () => {
    const cache = new PlanCache(options);
    const step = (value: number, seed: number): Node => mul(exp(random([2, 3], seed)), scalar(value));
    const first = cache.prepare([step(2, 1)]);
    const second = cache.prepare([step(3, 2)]);
    expect([first.cached, second.cached, cache.size]).toEqual([false, true, 1]);
    expect(second.program).toBe(first.program);
    expect(second.executableSlot).toBe(first.executableSlot);
    expect(second.params).toEqual([3]);
    expect(second.nodeCount).toBe(2);
    cache.clear();
    expect(cache.size).toBe(0);
  });

  test('tells apart shapes, dtypes, sharing and roots', () => {
    const cache = new PlanCache(options);
    const x = random([2, 3]);
    const y = random([2, 3], 2);
    const graphs = [
      [add(x, y)],
      [add(x, x)],
      [add(random([3, 2]), random([3, 2]))],
      [add(data([1], [2, 3], 'int32'), data([1], [2, 3], 'int32'))],
      [add(x, scalar(1))],
      [exp(x), exp(y)],
      [exp(x), mul(exp(y), x)],
    ];
    for (const roots of graphs) expect(cache.prepare(roots).cached).toBe(false);
    expect(cache.size).toBe(graphs.length);
  });

  test('held nodes are inputs; held and repeated roots are no outputs', () => {
    const x = random([4]);
    const y = exp(x);
    const z = mul(y, y);
    expect(new PlanCache(options).prepare([z, z, x]).outputs).toHaveLength(1);
    y.state = { host: new Float32Array([1, 2, 3, 4]) };
    const prepared = new PlanCache(options).prepare([z]);
    expect(prepared.inputs[0]).toBe(y);
    expect(execute(prepared)).toEqual([[1, 4, 9, 16]]);
    expect(new PlanCache(options).prepare([x]).program.kernels).toHaveLength(0);
  });

  test('keeps a bounded number of plans, the latest', () => {
    const cache = new PlanCache(options);
    const graph = (n: number): Node[] => [
      exp(dataNode(new Float32Array(n), [n], 'float32', 'd') as unknown as Node),
    ];
    for (let n = 1; n <= 520; n++) {
      cache.prepare(graph(n));
      cache.prepare(graph(1));
    }
    expect(cache.size).toBe(512);
    expect(cache.prepare(graph(1)).cached).toBe(true);
    expect(cache.prepare(graph(2)).cached).toBe(false);
  });
});

describe('keys', () => {
  /** All of a graph's structure in words, found another way than the key. */
  function describeGraph(roots: readonly Node[]): string {
    const numbers = new Map<Node, number>();
    const lines: string[] = [];
    const visit = (each: Node): number => {
      const known = numbers.get(each);
      if (known !== undefined) return known;
      const inputs = each.inputs.map(visit);
      const attributes = each.op === 'scalar' ? '' : JSON.stringify(each.attributes);
      lines.push(`${each.op} ${each.dtype} [${each.shape}] ${attributes} (${inputs})`);
      numbers.set(each, numbers.size);
      return numbers.size - 1;
    };
    const outputs = roots.map(visit);
    return `${lines.join('\n')}\n${outputs}`;
  }

  test('plans are shared by graphs of equal structure, and by no others', () => {
    const cache = new PlanCache(options);
    const programs = new Map<string, Program>();
    for (const round of [0, 1]) {
      for (let seed = 0; seed < 150; seed++) {
        const roots = randomGraph(seed, 1);
        for (const order of [roots, [...roots].reverse(), roots.slice(0, 1)]) {
          const computed = [...new Set(order)].filter(({ op }) => op !== 'data' && op !== 'scalar');
          const structure = describeGraph(computed);
          const { program, cached } = cache.prepare(computed);
          expect(cached).toBe(programs.has(structure));
          expect(program).toBe(programs.get(structure) ?? program);
          programs.set(structure, program);
        }
      }
      if (round === 0) expect(new Set(programs.values()).size).toBe(programs.size);
    }
    expect(programs.size).toBeGreaterThan(200);
    expect(cache.size).toBe(programs.size);
  });

  test('tell where nodes end and roots begin', () => {
    const cache = new PlanCache(options);
    const x = random([2]);
    const [a, b] = [exp(x), mul(x, x)];
    const graphs = [[a], [b], [a, b], [b, a], [add(a, b)], [a, add(a, b)], [add(a, b), a], [add(b, a)]];
    for (const roots of graphs) expect(cache.prepare(roots).cached).toBe(false);
    for (const roots of graphs) expect(cache.prepare(roots).cached).toBe(true);
  });
});

test('what the backend compiled is given back when a plan is dropped', () => {
  const dropped: Executable[] = [];
  const cache = new PlanCache({ ...options, onDrop: (executable) => dropped.push(executable) });
  const prepare = (n: number): Prepared => cache.prepare([exp(random([n]))]);
  const executables = [1, 2].map((n) => {
    const prepared = prepare(n);
    const executable = { program: prepared.program };
    prepared.executableSlot.executable = executable;
    return executable;
  });
  for (let n = 3; n <= 513; n++) prepare(n);
  expect(dropped).toEqual(executables.slice(0, 1));
  cache.clear();
  expect(dropped).toEqual(executables);
});

describe('long graphs', () => {
  const long = (length: number, step: (x: Node, i: number) => Node): Node => {
    let x = random([4, 6]);
    for (let i = 0; i < length; i++) x = step(x, i);
    return x;
  };

  test('20,000 adds', () => {
    const one = scalar(1e-4);
    const prepared = new PlanCache(options).prepare([long(20_000, (x) => add(x, one))]);
    expect(prepared.program.kernels.length).toBeLessThan(300);
    check(long(2_000, (x) => add(x, one)));
  });

  test('values that grow by themselves, movements, pads and reductions', () => {
    check(long(300, (x) => mul(add(x, x), scalar(0.5))));
    check(long(10_000, (x) => permute(x, [1, 0])));
    check(long(10_000, (x, i) => reshape(x, i % 2 === 0 ? [2, 12] : [8, 3])));
    check(long(1_000, (x, i) => permute(reshape(x, i % 2 === 0 ? [6, 4] : [3, 8]), [1, 0])));
    const shrinking = long(1_000, (x) => {
      const padded = node('pad', [x], { before: [1, 0], after: [0, 0], value: 0.5 });
      return node('slice', [padded], { starts: [0, 0], steps: [1, 1], shape: [4, 6] });
    });
    check(shrinking);
    check(long(100, (x) => mul(node('softmax', [x], { dim: 1 }), scalar(2))));
  });

  test('what is read where it lies and moved is computed once: kernels do not double at each step', () => {
    const shifted = (x: Node): Node => {
      const start = node('slice', [x], { starts: [0], steps: [1], shape: [2047] });
      return node('pad', [start], { before: [1], after: [0], value: 0 });
    };
    let x = random([2048]);
    for (let i = 0; i < 16; i++) x = add(mul(x, exp(shifted(x))), scalar(0.5));
    const { program } = new PlanCache(options).prepare([x]);
    const instructions = program.kernels.map((kernel) => JSON.stringify(kernel).length);
    expect(Math.max(...instructions)).toBeLessThan(10_000);
  });
});
