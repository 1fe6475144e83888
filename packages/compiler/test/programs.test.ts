// Values and kernel counts of the graphs that models are made of.
import { describe, expect, test } from 'vitest';
import {
  add,
  check,
  data,
  dot,
  exp,
  expand,
  kernels,
  loops,
  mul,
  node,
  permute,
  random,
  reshape,
  scalar,
  sum,
} from './support/run.ts';

describe('fusion', () => {
  test('elementwise chain into a reduction is one kernel', () => {
    const x = random([4, 6]);
    expect(kernels(sum(mul(exp(x), scalar(2)), [0, 1]))).toEqual(['exp.mul.sum']);
    expect(kernels(sum(mul(exp(x), scalar(2)), [1]))).toHaveLength(1);
  });

  test('softmax is one', () => {
    for (const shape of [
      [5, 7],
      [64, 200],
    ]) {
      for (const dim of [0, 1]) {
        expect(kernels(node('softmax', [random(shape)], { dim }))).toHaveLength(1);
        expect(kernels(node('logSoftmax', [random(shape)], { dim }))).toHaveLength(1);
      }
    }
  });

  test('a sum of one chosen term walks nothing', () => {
    for (const other of [0, 1.5]) {
      for (const dim of [0, 1]) {
        const x = random([9, 12]);
        const targets = data(
          [3, 0, 11, -100, 5, 12, 8, 2, 1, 7, 4, 6],
          dim === 1 ? [9, 1] : [1, 12],
          'int32',
        );
        const isTarget = node('eq', [
          node('iota', [], { shape: [9, 12], dim, dtype: 'int32' }),
          expand(targets, [9, 12]),
        ]);
        const chosen = sum(node('where', [isTarget, mul(x, x), expand(scalar(other), [9, 12])]), [dim]);
        const { kernels: found } = check(chosen);
        expect(found.map((kernel) => kernel.kind === 'loop' && kernel.producer)).toEqual([null]);
      }
    }
  });

  test('a chosen term whose parts are used again and again is looked at once', () => {
    let term = random([4, 6]);
    for (let round = 0; round < 40; round++) term = mul(add(term, term), scalar(0.5));
    const classes = node('iota', [], { shape: [4, 6], dim: 1, dtype: 'int32' });
    const isTarget = node('eq', [classes, expand(data([3, 0, 5, 2], [4, 1], 'int32'), [4, 6])]);
    const { kernels: found } = check(sum(node('where', [isTarget, term, expand(scalar(0), [4, 6])]), [1]));
    expect(found.map((kernel) => kernel.kind === 'loop' && kernel.producer)).toEqual([null]);
  });

  test('linear, bias and relu are one', () => {
    const product = dot(random([5, 3]), permute(random([4, 3], 2), [1, 0]));
    expect(kernels(node('relu', [add(product, random([4], 3))]))).toEqual(['dot.add.relu']);
  });

  test('movement chains cost nothing', () => {
    const x = random([4, 6]);
    const moved = node('slice', [permute(reshape(x, [2, 2, 6]), [2, 0, 1])], {
      starts: [5, 0, 1],
      steps: [-2, 1, 1],
      shape: [3, 2, 1],
    });
    expect(kernels(exp(moved))).toHaveLength(1);
    expect(kernels(exp(reshape(permute(mul(x, x), [1, 0]), [3, 8])))).toHaveLength(1);
  });

  test('a dot keeps its epilogue through reshape and permute', () => {
    const heads = permute(reshape(dot(random([6, 3]), random([3, 8], 2)), [2, 3, 2, 4]), [0, 2, 1, 3]);
    expect(kernels(mul(heads, scalar(0.5)))).toHaveLength(1);
  });

  test('convolution by windows is one, and one more when padded', () => {
    const conv = (x: ReturnType<typeof random>): ReturnType<typeof random> => {
      const windows = node('window', [x], { kernel: [3, 3], stride: [1, 1], dilation: [1, 1] });
      const left = permute(windows, [0, 2, 3, 1, 4, 5]);
      const right = permute(random([4, 2, 3, 3], 5), [1, 2, 3, 0]);
      return permute(add(dot(left, right, 0, 3), random([4], 6)), [0, 3, 1, 2]);
    };
    const x = random([2, 2, 6, 5]);
    expect(kernels(conv(x))).toHaveLength(1);
    const padded = node('pad', [x], { before: [0, 0, 1, 1], after: [0, 0, 1, 1], value: 0 });
    expect(kernels(conv(padded))).toHaveLength(2);
    expect(
      kernels(conv(node('pad', [exp(x)], { before: [0, 0, 1, 1], after: [0, 0, 1, 1], value: 0 }))),
    ).toHaveLength(2);
  });

  test('depthwise convolution is one with what follows, after a copy where every tap would test the border', () => {
    const x = random([2, 3, 1, 9, 8]);
    const weight = random([3, 1, 1, 3, 3], 2);
    const conv = (
      input: ReturnType<typeof random>,
      stride: number,
      padding = 0,
    ): ReturnType<typeof random> => {
      const sides = [padding, padding];
      const attributes = { stride: [stride, stride], dilation: [1, 1], before: sides, after: sides };
      return exp(add(node('convolution', [input, weight], attributes), random([3, 1, 1, 1, 1], 3)));
    };
    expect(kernels(conv(x, 1))).toEqual([expect.stringMatching(/^mul/)]);
    expect(kernels(conv(x, 1, 1))).toEqual([expect.stringMatching(/^copy\+mul/)]);
    // With a stride, fewer taps than that see each element.
    expect(kernels(conv(x, 2, 1))).toEqual([expect.stringMatching(/^mul/)]);
  });

  test('pads with a value guard what they surround', () => {
    const x = random([3, 4]);
    for (const value of [0, 2.5]) {
      const padded = node('pad', [exp(x)], { before: [1, 0], after: [2, 3], value });
      expect(kernels(mul(padded, scalar(2)))).toHaveLength(1);
      expect(kernels(node('pad', [padded], { before: [0, 2], after: [1, 0], value: 1 }))).toHaveLength(1);
      expect(kernels(sum(padded, [0]))).toHaveLength(1);
      expect(kernels(reshape(padded, [7, 6]))).not.toHaveLength(0);
    }
    expect(kernels(node('pad', [x], { before: [1, 0], after: [2, 3], value: 0 }))).toHaveLength(1);
  });
});

describe('values', () => {
  test('roots of every kind', () => {
    const x = random([3, 4]);
    const y = exp(x);
    kernels(y, reshape(y, [12]), permute(y, [1, 0]), exp(x));
    kernels(reshape(x, [4, 3]), expand(reshape(x, [3, 1, 4]), [3, 2, 4]));
    kernels(expand(scalar(3), [2, 2]), sum(x, []), sum(x, [0], true));
  });

  test('asStrided over buffers, moved and computed values', () => {
    const x = random([4, 6]);
    const strided = (a: ReturnType<typeof random>): ReturnType<typeof random> =>
      node('asStrided', [a], { shape: [3, 2, 2], strides: [6, 2, 1], offset: 3 });
    kernels(strided(x), strided(exp(x)), strided(permute(x, [1, 0])), exp(strided(reshape(x, [24]))));
  });

  test('take and iota', () => {
    const table = random([5, 3]);
    const index = data([4, 0, 7, -1], [4, 1], 'int32');
    const columns = node('iota', [], { shape: [4, 3], dim: 1, dtype: 'int32' });
    const flat = add(mul(index, scalar(3, 'int32')), columns);
    expect(kernels(exp(node('take', [reshape(table, [15]), flat])))).toHaveLength(1);
    kernels(node('take', [reshape(exp(table), [15]), flat]));
    kernels(sum(node('take', [reshape(permute(table, [1, 0]), [15]), flat]), [0]));
  });

  test('scatter, assign, scan and argsort', () => {
    const x = random([3, 4]);
    const index = data([1, 5, 1, 11], [4], 'int32');
    for (const mode of ['set', 'sum', 'max'] as const) {
      kernels(node('scatter', [reshape(x, [12]), index, random([4], 3)], { mode }));
      kernels(exp(node('scatter', [expand(scalar(0), [12]), index, exp(random([2, 2], 3))], { mode })));
    }
    const value = exp(random([2, 2], 4));
    const assigned = node('assign', [x, value], { strides: [4, 2], offset: 1 });
    kernels(assigned, mul(assigned, x));
    kernels(node('assign', [exp(x), random([4], 8)], { strides: [-1], offset: 11 }));
    for (const dim of [0, 1]) {
      kernels(
        node('scan', [exp(x)], { dim, op: 'sum' }),
        node('scan', [permute(x, [1, 0])], { dim, op: 'max' }),
      );
      kernels(node('argsort', [x], { dim, descending: dim === 0 }));
      kernels(node('argsort', [exp(x)], { dim, descending: dim === 1, count: 2 }));
    }
  });

  test('a root that reshapes what has a buffer takes that buffer', () => {
    const base = expand(scalar(0), [12]);
    const scattered = node('scatter', [base, data([1, 5, 1, 11], [4], 'int32'), random([4], 3)], {
      mode: 'sum',
    });
    const table = reshape(reshape(scattered, [2, 6]), [3, 4]);
    expect(kernels(table)).toEqual(['fill', 'scatter']);
    // Also where others read the one or the other, and twice from one source.
    expect(kernels(table, exp(scattered), exp(table))).toHaveLength(3);
    expect(kernels(scattered, table)).toHaveLength(3);
    expect(kernels(table, reshape(scattered, [6, 2]))).toHaveLength(3);
    kernels(table, node('assign', [scattered, random([2], 4)], { strides: [5], offset: 3 }));
    kernels(table, node('assign', [table, random([2], 4)], { strides: [5], offset: 3 }));
    // Of what is known there is no kernel to write anywhere else.
    kernels(reshape(reshape(scalar(2), [1, 1]), [1]), reshape(reshape(random([6]), [2, 3]), [3, 2]));
  });

  test('reductions of all kinds', () => {
    const x = random([3, 4, 5]);
    for (const op of ['sum', 'prod', 'max', 'min', 'argmax', 'argmin'] as const) {
      for (const dims of [[0], [2], [0, 2], [2, 1], [0, 1, 2]]) {
        for (const keepDims of [false, true]) kernels(node(op, [x], { dims, keepDims }));
      }
      kernels(node(op, [permute(x, [2, 0, 1])], { dims: [0, 1], keepDims: false }));
      kernels(node(op, [random([1, 3])], { dims: [0], keepDims: false }));
    }
    const mean = mul(sum(x, [2], true), scalar(0.2));
    const centered = node('sub', [x, mean]);
    const variance = mul(sum(mul(centered, centered), [2], true), scalar(0.2));
    kernels(mul(centered, node('rsqrt', [add(variance, scalar(1e-5))])));
    kernels(node('div', [sum(x, [1]), sum(mul(x, x), [1])]));
  });

  test('dots with all forms of operands', () => {
    const a = random([2, 3, 4]);
    const b = random([2, 4, 5], 2);
    kernels(dot(a, b, 1));
    kernels(dot(exp(a), permute(random([2, 5, 4], 2), [0, 2, 1]), 1));
    kernels(dot(reshape(a, [6, 4]), reshape(permute(b, [1, 0, 2]), [4, 10])));
    kernels(dot(reshape(permute(a, [1, 0, 2]), [6, 4]), random([4, 3])));
    // Both have the inner dimension of 12 parted into 3 and 4.
    const left = reshape(permute(random([3, 2, 4]), [1, 0, 2]), [2, 12]);
    const right = reshape(permute(random([3, 5, 4], 2), [0, 2, 1]), [12, 5]);
    expect(kernels(dot(left, right))).toEqual(['dot']);
    kernels(dot(expand(scalar(1), [2, 3]), random([3, 2])), dot(scalar(2), scalar(3), 0, 0));
    kernels(sum(dot(a, b, 1), [2]));
    kernels(expand(reshape(dot(random([1, 4]), random([4, 2])), [2]), [3, 2]));
    kernels(dot(random([2, 0]), random([0, 3])));
  });

  test('no elements', () => {
    const empty = data([], [0, 3]);
    kernels(exp(empty), sum(empty, [0]), add(sum(empty, [1]), scalar(1)));
    kernels(node('pad', [empty], { before: [1, 0], after: [0, 0], value: 3 }));
    kernels(dot(empty, random([3, 2])), node('prod', [empty], { dims: [0], keepDims: true }));
  });
});

describe('merging', () => {
  test('an Adam update of state and parameter is one kernel', () => {
    const [p, g, m, v] = [1, 2, 3, 4].map((seed) => random([4, 6], seed));
    const nextM = add(mul(m, scalar(0.9)), mul(g, scalar(0.1)));
    const nextV = add(mul(mul(v, v), scalar(0.99)), mul(mul(g, g), scalar(0.01)));
    const step = node('div', [nextM, add(node('sqrt', [nextV]), scalar(1e-8))]);
    expect(kernels(nextM, nextV, node('sub', [p, mul(step, scalar(0.01))]))).toHaveLength(1);
  });

  test('a dot stores what comes before its activation too', () => {
    const hidden = add(dot(random([5, 3]), random([3, 4], 2)), random([4], 3));
    expect(kernels(hidden, node('gelu', [hidden], { approximate: 'tanh' }))).toHaveLength(1);
    expect(kernels(hidden, reshape(hidden, [20]))).toHaveLength(1);
  });

  test('reductions of the same data share a walk', () => {
    const x = random([4, 30]);
    const y = random([4, 30], 2);
    expect(kernels(sum(mul(x, y), [0]), sum(x, [0]))).toHaveLength(1);
    expect(kernels(sum(mul(x, x), [1]), node('max', [x], { dims: [1], keepDims: false }))).toHaveLength(1);
  });

  test('a kernel never moves before what it reads or after what reads it', () => {
    const x = random([4, 6]);
    const total = sum(x, [0, 1]);
    const a = mul(x, scalar(2));
    const b = mul(x, total);
    kernels(a, b, sum(a, [1]), add(a, sum(b, [0])));
    const written = node('assign', [a, exp(random([3], 5))], { strides: [2], offset: 1 });
    kernels(a, written, add(a, written), add(written, x));
  });
});

test('a chain of writes goes into one buffer', () => {
  let x = exp(random([12]));
  for (let i = 0; i < 4; i++) x = node('assign', [x, random([2], i)], { strides: [1], offset: i });
  const names = loops(x);
  expect(names).toHaveLength(5);
  expect(names).not.toContain('assign.base');
});

test('joined tensors fill their buffer: nothing is written twice', () => {
  const [a, b] = [random([2, 3]), random([2, 2], 2)];
  const start = expand(scalar(0), [2, 5]);
  const first = node('assign', [start, a], { strides: [5, 1], offset: 0 });
  expect(loops(node('assign', [first, exp(b)], { strides: [5, 1], offset: 3 }))).toEqual([
    'assign',
    'exp.assign',
  ]);
  // One column stays as it was.
  expect(loops(node('assign', [first, random([2, 1], 3)], { strides: [5, 1], offset: 3 }))).toHaveLength(3);
  expect(loops(node('assign', [first, b], { strides: [5, 1], offset: 2 }))).toHaveLength(3);
});

test('an assign of as many elements as there are starts from nothing, unless places repeat', () => {
  const [base, value] = [exp(random([4, 6])), random([2, 2, 2, 3], 2)];
  const pooled = node('assign', [base, value], { strides: [12, 3, 6, 1], offset: 0 });
  expect(loops(pooled)).toEqual(['assign']);
  const repeated = node('assign', [base, expand(scalar(0), [24])], { strides: [0], offset: 5 });
  expect(loops(repeated)).toHaveLength(2);
});
