// Groups: what shares rows, what may meet only within a row, what runs side by side.
import type { Instruction, LoopKernel, Node, Program, RowsKernel } from '@nn/core';
import { bytesPerElement } from '@nn/core';
import { describe, expect, test } from 'vitest';
import { verifyProgram } from '../src/index.ts';
import { meetInRow, stayApart, type Touch } from '../src/locality.ts';
import {
  add,
  check,
  data,
  dot,
  exp,
  expand,
  generator,
  kernels,
  mul,
  node,
  permute,
  random,
  reshape,
  scalar,
  sum,
} from './support/run.ts';

const touch = (write: boolean, extents: number[], strides: number[], offset: number = 0): Touch => ({
  buffer: 0,
  write,
  extents,
  strides,
  offset,
});

function instructionsOf({ producer, epilogue }: LoopKernel): readonly Instruction[] {
  return producer?.kind === 'reduce' ? [...producer.body, ...epilogue] : epilogue;
}

describe('rows', () => {
  test('touches of one element at other rows are found', () => {
    const written = touch(true, [4, 6], [6, 1]);
    expect(meetInRow(written, touch(false, [4, 6], [6, 1]), 1)).toBe(true);
    // A row's neighbour, another order of walking the row, the row's first element.
    expect(meetInRow(written, touch(false, [4, 6], [6, 1], 1), 1)).toBe(false);
    expect(meetInRow(written, touch(false, [4, 6], [6, -1], 5), 1)).toBe(true);
    expect(meetInRow(written, touch(false, [4], [6]), 1)).toBe(true);
    // Columns as rows, all of the buffer, elements that nobody wrote.
    expect(meetInRow(written, touch(false, [4, 6], [1, 4]), 1)).toBe(false);
    expect(meetInRow(written, touch(false, [4, 24], [0, 1]), 1)).toBe(false);
    expect(meetInRow(written, touch(false, [4, 6], [6, 1], 24), 1)).toBe(true);
  });

  test('channels of [batch, channels, place] are rows', () => {
    const written = touch(true, [3, 2, 5], [5, 15, 1]);
    expect(meetInRow(written, touch(false, [3, 2, 5], [5, 15, 1]), 1)).toBe(true);
    expect(meetInRow(written, touch(false, [3, 2, 6], [5, 15, 1]), 1)).toBe(false);
  });

  test('means over channels and what uses them are one', () => {
    const x = random([4, 32, 50]);
    const mean = mul(sum(x, [0, 2], true), scalar(1 / 200));
    const centered = node('sub', [x, mean]);
    const program = check(node('div', [centered, sum(mul(centered, centered), [0, 2], true)]));
    expect(program.kernels).toHaveLength(1);
    expect((program.kernels[0] as RowsKernel).extents).toEqual([32]);
  });

  test('rows walked as one loop here and as two there match', () => {
    const x = random([6, 8, 70]);
    const total = sum(mul(x, x), [2], true);
    const scaled = permute(node('div', [x, total]), [1, 0, 2]);
    expect(kernels(mul(scaled, exp(node('max', [scaled], { dims: [2], keepDims: true }))))).toHaveLength(1);
    const flat = node('div', [reshape(x, [48, 70]), reshape(total, [48, 1])]);
    expect(kernels(sum(mul(flat, flat), [1]))).toHaveLength(1);
  });

  test('a mean over everything stays by itself when rows are many', () => {
    const x = random([64, 80]);
    const loss = sum(node('log', [sum(exp(x), [1])]), [0]);
    expect(kernels(mul(x, loss))).toHaveLength(3);
  });

  test('a product between two steps keeps them apart', () => {
    const x = random([32, 40]);
    const rows = node('div', [x, sum(mul(x, x), [1], true)]);
    const product = dot(rows, random([40, 40], 2));
    expect(kernels(node('div', [product, sum(mul(product, rows), [1], true)]))).toHaveLength(3);
  });

  test('an exponential that is summed and then divided is computed once', () => {
    const program = check(node('softmax', [random([64, 100])], { dim: 1 }));
    const [{ steps }] = program.kernels as RowsKernel[];
    expect(steps.flatMap(instructionsOf).filter(({ op }) => op === 'exp')).toHaveLength(1);
  });

  test('a loss over classes and its gradient read their input once: the mean does not come between', () => {
    const [rows, classes] = [64, 100];
    const x = random([rows, classes]);
    const targets = reshape(data([3, 99, 0, -100, 41], [rows], 'int32'), [rows, 1]);
    const spread = (values: Node): Node => expand(values, [rows, classes]);
    const position = node('iota', [], { shape: [rows, classes], dim: 1, dtype: 'int32' });
    const isTarget = node('eq', [position, spread(targets)]);
    const counts = node('cast', [node('ne', [targets, scalar(-100, 'int32')])], { dtype: 'float32' });
    const count = sum(counts, [0, 1], true);
    const chosen = node('where', [isTarget, node('logSoftmax', [x], { dim: 1 }), spread(scalar(0))]);
    const loss = node('div', [sum(sum(chosen, [1], true), [0, 1], true), count]);
    const share = node('where', [isTarget, spread(node('div', [counts, count])), spread(scalar(0))]);
    const softmax = node('softmax', [x], { dim: 1 });
    const gradient = node('sub', [share, mul(softmax, sum(share, [1], true))]);
    const loops = check(loss, gradient).kernels.flatMap((kernel): readonly LoopKernel[] =>
      kernel.kind === 'rows' ? kernel.steps : [kernel as LoopKernel],
    );
    expect(loops.flatMap(instructionsOf).filter(({ op }) => op === 'exp')).toHaveLength(1);
  });

  test('steps that meet across rows are refused', () => {
    const program = check(node('softmax', [random([64, 100])], { dim: 1 }));
    const [rows] = program.kernels as RowsKernel[];
    const last = rows.steps.at(-1) as LoopKernel;
    const shifted = last.epilogue.map((each) =>
      each.op === 'load' && each.access.strides[1] === 0
        ? { ...each, access: { ...each.access, offset: 63, strides: [-1, 0] } }
        : each,
    );
    const steps = [...rows.steps.slice(0, -1), { ...last, epilogue: shifted }];
    const wrong: Program = { ...program, kernels: [{ ...rows, steps }] };
    expect(() => verifyProgram(wrong, bytesPerElement)).toThrow(/across rows/);
  });
});

describe('parts of one buffer', () => {
  const storing = (extents: number[], strides: number[], offset: number): LoopKernel => ({
    kind: 'loop',
    name: 'store',
    extents,
    producer: null,
    epilogue: [],
    stores: [{ access: { buffer: 0, strides, offset, guards: [] }, value: 0 }],
  });

  function elements({ extents, stores: [{ access }] }: LoopKernel): number[] {
    return extents.reduce(
      (places, extent, d) =>
        places.flatMap((place) => Array.from({ length: extent }, (_, i) => place + i * access.strides[d])),
      [access.offset],
    );
  }

  test('loops that are said to stay apart do', () => {
    const next = generator(11);
    const below = (count: number): number => Math.floor(next() * count);
    const steps = [1, 1, 2, 3, 4, 6, 8, 12, -1, -4];
    let found = 0;
    let missed = 0;
    for (let round = 0; round < 4000; round++) {
      const strides = Array.from({ length: below(4) }, () => steps[below(steps.length)]);
      const make = (): LoopKernel =>
        storing(
          strides.map(() => 1 + below(4)),
          strides,
          below(24),
        );
      const [a, b] = [make(), make()];
      const own = new Set(elements(a));
      const meet = elements(b).some((place) => own.has(place));
      if (meet) expect(stayApart(a, b, 0)).toBe(false);
      else if (stayApart(a, b, 0)) found++;
      else missed++;
    }
    // Those that are told from each other are nearly all.
    expect(missed).toBeLessThan(found / 10);
  });

  test('are written side by side, also those of joined tensors beyond the first dimension', () => {
    const pieces = [2, 3, 1, 4].map((extent, i) => exp(random([3, extent, 2], i)));
    expect(check(node('cat', pieces, { dim: 1 })).kernels.map(({ kind }) => kind)).toEqual(['parallel']);
  });

  test('of very many joined tensors nothing is written twice', () => {
    const pieces = Array.from({ length: 150 }, (_, i) => exp(random([2, 1, 3], i)));
    const { kernels: made } = check(node('cat', pieces, { dim: 1 }));
    const loops = made.flatMap((kernel) =>
      kernel.kind === 'parallel' ? kernel.parts : [kernel as LoopKernel],
    );
    expect(loops.reduce((total, { extents }) => total + extents.reduce((a, b) => a * b, 1), 0)).toBe(900);
  });

  test('that overlap are written in order', () => {
    let x = exp(random([4, 6]));
    for (const offset of [0, 1, 7, 13])
      x = node('assign', [x, exp(random([2, 2], offset))], { strides: [6, 1], offset });
    check(x);
  });

  test('that overlap leave something of what was there, though an empty one lies between them', () => {
    let x = exp(random([13]));
    for (const [offset, length] of [
      [5, 3],
      [0, 10],
      [0, 0],
    ])
      x = node('assign', [x, exp(random([length], offset))], { strides: [1], offset });
    check(x);
  });
});

describe('parallel', () => {
  test('updates of many tensors are one', () => {
    const updates = Array.from({ length: 12 }, (_, i) =>
      add(random([5 + i], i), mul(random([5 + i], 40 + i), scalar(0.1))),
    );
    const { kernels: made } = check(...updates);
    expect(made.map(({ kind }) => kind)).toEqual(['parallel']);
  });

  test('what depends on each other is not side by side', () => {
    const x = random([300, 40]);
    const total = sum(x, [0, 1]);
    const y = mul(random([7]), total);
    const program = check(y, total, exp(random([9])));
    const at = (buffer: number): number =>
      program.kernels.findIndex((kernel) =>
        (kernel.kind === 'parallel' ? kernel.parts : [kernel as LoopKernel]).some((loop) =>
          loop.stores.some(({ access }) => access.buffer === buffer),
        ),
      );
    const outputs = program.buffers.flatMap(({ role }, i) => (role === 'output' ? [i] : []));
    expect(at(outputs[1])).toBeLessThan(at(outputs[0]));
  });

  test('parts that meet are refused', () => {
    const program = check(exp(random([5])), mul(random([6]), scalar(2)));
    const [kernel] = program.kernels;
    if (kernel.kind !== 'parallel') throw new Error('expected one parallel kernel');
    const wrong: Program = {
      ...program,
      kernels: [{ ...kernel, parts: [kernel.parts[0], kernel.parts[0]] }],
    };
    expect(() => verifyProgram(wrong, bytesPerElement)).toThrow(/meet/);
  });
});

test('a weight is updated where its gradient is computed, though one is the transpose of the other', () => {
  const gradient = permute(dot(permute(random([20, 6]), [1, 0]), random([20, 9], 2)), [1, 0]);
  const weight = random([9, 6], 3);
  expect(kernels(node('sub', [weight, mul(gradient, scalar(0.1))]), gradient)).toHaveLength(1);
});

test('a sum of products adds each to the former ones', () => {
  let total = dot(random([6, 9]), random([9, 5], 2));
  for (let i = 1; i < 5; i++) total = add(total, dot(random([6, 9], i), random([9, 5], 2 + i)));
  const { kernels: made, arenaBytes } = check(total);
  expect(made).toHaveLength(5);
  expect(arenaBytes).toBeLessThanOrEqual(512);
});
