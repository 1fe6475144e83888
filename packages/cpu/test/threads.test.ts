// Kernels large enough to be shared between threads: every way of cutting them, against the interpreter.
import { contiguousStrides, type Instruction, type ReduceOp, sizeOf } from '@nn/core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cpu } from '../src/index.ts';
import {
  at,
  expectAgreement,
  generator,
  input,
  load,
  loop,
  output,
  program,
  randomArray,
  runOn,
} from './support/programs.ts';

const threads = [2, 3];
const backends = threads.map((count) => cpu({ threads: count }));
// Workers take some 50 ms to start; until then the caller works alone.
beforeAll(() => new Promise((resolve) => setTimeout(resolve, 400)));
afterAll(() => {
  for (const backend of backends) backend.dispose();
});

const add: Instruction = { op: 'add', dtype: 'float32', args: [0, 1] };

for (const [extents, left, right] of [
  [[1_000_003], [1], [-1]],
  [
    [3, 200_001],
    [200_001, 1],
    [0, 1],
  ],
  [
    [700, 900],
    [900, 1],
    [1, 700],
  ],
  [
    [5, 300, 401],
    [120_300, 401, 1],
    [401, 2005, 1],
  ],
  [
    [100_000, 5],
    [5, 1],
    [0, 1],
  ],
] as const) {
  test(`elementwise over [${extents.join(', ')}]`, () => {
    const length = sizeOf(extents);
    const random = generator(3);
    const kernel = loop({
      extents,
      epilogue: [load(0, 'float32', left), load(1, 'float32', right, right[0] < 0 ? length - 1 : 0), add],
      stores: [{ access: at(2, contiguousStrides(extents)), value: 2 }],
    });
    const tested = program(
      [input('float32', length), input('float32', length), output('float32', length)],
      [kernel],
    );
    const inputs = [randomArray('float32', length, random), randomArray('float32', length, random)];
    for (const backend of backends) expectAgreement(backend, tested, inputs);
  });
}

/** Shapes, and the dimensions to reduce. */
const reductions: readonly (readonly [readonly number[], readonly number[]])[] = [
  [[600, 1000], [1]],
  [[600, 1000], [0]],
  [[400_001], [0]],
  [[60_000, 7], [0]],
  [[20, 50, 400], [1]],
];

for (const op of ['sum', 'max', 'argmin'] as const satisfies readonly ReduceOp[]) {
  for (const [shape, dims] of reductions) {
    test(`${op} of [${shape.join(', ')}] over ${dims.join()}`, () => {
      const strides = contiguousStrides(shape);
      const kept = shape.map((_, d) => d).filter((d) => !dims.includes(d));
      const extents = kept.map((d) => shape[d]);
      const dtype = op === 'argmin' ? 'int32' : 'float32';
      const kernel = loop({
        extents,
        producer: {
          kind: 'reduce',
          extents: dims.map((d) => shape[d]),
          body: [
            load(
              0,
              'float32',
              [...kept, ...dims].map((d) => strides[d]),
            ),
          ],
          accumulators: [{ op, value: 0, dtype }],
        },
        epilogue: [{ op: 'result', dtype, index: 0 }],
        stores: [{ access: at(1, contiguousStrides(extents)), value: 0 }],
      });
      const tested = program([input('float32', sizeOf(shape)), output(dtype, sizeOf(extents))], [kernel]);
      const inputs = [randomArray('float32', sizeOf(shape), generator(5))];
      for (const backend of backends) expectAgreement(backend, tested, inputs, [], 2000);
    });
  }
}

test('many lines are sorted and scanned by all threads', () => {
  const buffers = [input('float32', 200_000), output('int32', 200_000), output('float32', 200_000)];
  const lines = { outer: 500, length: 200, inner: 2, source: 0 } as const;
  const tested = program(buffers, [
    { kind: 'argsort', name: 'argsort', descending: true, ...lines, count: 200, target: 1 },
    { kind: 'scan', name: 'scan', op: 'sum', ...lines, target: 2 },
  ]);
  const inputs = [randomArray('float32', 200_000, generator(2))];
  for (const backend of backends) expectAgreement(backend, tested, inputs, [], 2000);
});

test('the same program gives the same bits at every run', () => {
  const length = 1_000_003;
  const kernel = loop({
    producer: {
      kind: 'reduce',
      extents: [length],
      body: [load(0, 'float32', [1])],
      accumulators: [{ op: 'sum', value: 0, dtype: 'float32' }],
    },
    epilogue: [{ op: 'result', dtype: 'float32', index: 0 }],
    stores: [{ access: at(1, []), value: 0 }],
  });
  const tested = program([input('float32', length), output('float32', 1)], [kernel]);
  const inputs = [randomArray('float32', length, generator(6))];
  for (const backend of backends) {
    const sums = Array.from({ length: 20 }, () => runOn(backend, tested, inputs)[0][0]);
    expect(new Set(sums).size).toBe(1);
  }
});
