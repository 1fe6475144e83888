// Loops over the same rows: any layout of rows and of what is in them, any sizes, against the interpreter.
import { type HostArray, interpretProgram, type LoopKernel, type RowsKernel, sizeOf } from '@nn/core';
import { afterAll, describe, test } from 'vitest';
import { rowsCommand } from '../src/commands/rows.ts';
import { Device } from '../src/device.ts';
import { backends } from './support/backends.ts';
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
} from './support/programs.ts';
import { expectNear, runCommand, softmax } from './support/row-programs.ts';

const dtype = 'float32';

/** Rows, what is inside them, and some orders in memory. */
const cases: readonly (readonly [readonly number[], readonly number[], readonly (readonly number[])[]])[] = [
  [
    [7],
    [10],
    [
      [0, 1],
      [1, 0],
    ],
  ],
  [[1], [1], [[0, 1]]],
  [[5], [0], [[0, 1]]],
  [[0], [5], [[0, 1]]],
  [
    [33],
    [3],
    [
      [0, 1],
      [1, 0],
    ],
  ],
  [
    [3],
    [33],
    [
      [0, 1],
      [1, 0],
    ],
  ],
  [
    [300],
    [257],
    [
      [0, 1],
      [1, 0],
    ],
  ],
  [
    [64],
    [1000],
    [
      [0, 1],
      [1, 0],
    ],
  ],
  [
    [2, 19],
    [13],
    [
      [0, 1, 2],
      [0, 2, 1],
      [2, 0, 1],
      [1, 0, 2],
    ],
  ],
  [
    [6, 50],
    [40],
    [
      [0, 1, 2],
      [0, 2, 1],
      [1, 2, 0],
    ],
  ],
  [
    [16],
    [9, 50],
    [
      [0, 1, 2],
      [1, 0, 2],
      [1, 2, 0],
    ],
  ],
  [[3], [40, 500], [[1, 0, 2]]],
  [
    [2, 3, 40],
    [5, 30],
    [
      [0, 1, 2, 3, 4],
      [0, 3, 1, 2, 4],
      [3, 4, 0, 1, 2],
    ],
  ],
  [[], [1000], [[0]]],
];

for (const { name, make } of backends) {
  describe(name, () => {
    const backend = make();
    afterAll(() => backend.dispose());

    for (const [rows, inside, orders] of cases) {
      test(`softmax of rows [${rows.join(', ')}] of [${inside.join(', ')}]`, () => {
        const random = generator(rows.length + 1);
        for (const from of orders) {
          for (const to of orders) {
            const tested = softmax(rows, inside, from, to);
            const x = randomArray(dtype, sizeOf([...rows, ...inside]), random);
            // An exponential's difference of 2 units, and sums in another order.
            expectAgreement(backend, tested, [x], [], 8);
          }
        }
      });
    }
  });
}

test('blocks of any number of rows, with vectors along the rows too, give what the loops give', () => {
  const device = new Device({ threads: 2 });
  const random = generator(77);
  for (const [rows, inside, orders] of cases) {
    for (const order of orders) {
      const tested = softmax(rows, inside, order, order);
      const [kernel] = tested.kernels as readonly RowsKernel[];
      const x = randomArray(dtype, sizeOf([...rows, ...inside]), random) as Float32Array;
      const expected = tested.buffers.map(({ length }) => new Float32Array(length));
      expected[0].set(x);
      interpretProgram(tested, expected);
      for (const block of [1, 7, 16, 100]) {
        const arrays = runCommand(device, tested, x, (context) => rowsCommand(context, kernel, () => block));
        for (const at of [3, 4]) expectNear(arrays[at], expected[at], `[${order}], blocks of ${block}`);
      }
    }
  }
  device.dispose();
});

test('a row that trains on its own state: what a step wrote is what the next reads', () => {
  const extents = [50, 300];
  const strides = [300, 1];
  const double = (from: number, to: number): LoopKernel =>
    loop({
      extents,
      epilogue: [load(from, 'int32', strides), { op: 'add', dtype: 'int32', args: [0, 0] }],
      stores: [{ access: at(to, strides), value: 1 }],
    });
  const steps = Array.from({ length: 12 }, (_, step) => double(step === 0 ? 0 : 1, 1));
  const tested = program(
    [input('int32', 15_000), output('int32', 15_000)],
    [{ kind: 'rows', name: 'doubling', extents: [50], steps }],
  );
  const inputs: HostArray[] = [randomArray('int32', 15_000, generator(4))];
  for (const { make } of backends) {
    const backend = make();
    expectAgreement(backend, tested, inputs);
    backend.dispose();
  }
});
