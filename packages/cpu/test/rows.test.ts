// Loops over the same rows: any layout of rows and of what is in them, any sizes, against the interpreter.
import {
  type BufferSpec,
  type HostArray,
  type Instruction,
  interpretProgram,
  type LoopKernel,
  type RowsKernel,
  sizeOf,
} from '@nn/core';
import { afterAll, describe, test } from 'vitest';
import { Binding } from '../src/commands/binding.ts';
import { rowsCommand } from '../src/commands/rows.ts';
import { SharedOperands } from '../src/commands/shared-operands.ts';
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

const dtype = 'float32';

/** Strides of a dense buffer whose dimensions lie in memory in the order given, outermost first. */
function stridesIn(order: readonly number[], extents: readonly number[]): number[] {
  const strides = new Array<number>(extents.length).fill(0);
  let length = 1;
  for (const d of [...order].reverse()) {
    strides[d] = length;
    length *= extents[d];
  }
  return strides;
}

const temporaryAt = (length: number, offset: number): BufferSpec => ({
  dtype,
  length,
  role: 'temporary',
  offset,
});

/**
 * Softmax over `inside`, in five steps: the maximum, exponentials (stored in the layout `to`), their sum, the quotient
 * in place, and one number for each row of its own.
 */
function softmax(
  rows: readonly number[],
  inside: readonly number[],
  from: readonly number[],
  to: readonly number[],
): ReturnType<typeof program> {
  const extents = [...rows, ...inside];
  const [x, y] = [stridesIn(from, extents), stridesIn(to, extents)];
  const perRow = stridesIn(
    rows.map((_, d) => d),
    rows,
  );
  const inRow = [...perRow, ...inside.map(() => 0)];
  const [size, count] = [sizeOf(extents), sizeOf(rows)];
  const reduce = (op: 'max' | 'sum', body: readonly Instruction[], to: number): LoopKernel =>
    loop({
      extents: rows,
      producer: {
        kind: 'reduce',
        extents: inside,
        body,
        accumulators: [{ op, value: body.length - 1, dtype }],
      },
      epilogue: [{ op: 'result', dtype, index: 0 }],
      stores: [{ access: at(to, perRow), value: 0 }],
    });
  const alignedBytes = Math.ceil((count * 4) / 256) * 256;
  const buffers = [
    input(dtype, size),
    temporaryAt(count, 0),
    temporaryAt(count, alignedBytes),
    output(dtype, size),
    output(dtype, count),
  ];
  const steps = [
    reduce('max', [load(0, dtype, x)], 1),
    loop({
      extents,
      epilogue: [
        load(0, dtype, x),
        load(1, dtype, inRow),
        { op: 'sub', dtype, args: [0, 1] },
        { op: 'exp', dtype, args: [2] },
      ],
      stores: [{ access: at(3, y), value: 3 }],
    }),
    reduce('sum', [load(3, dtype, y)], 2),
    loop({
      extents,
      epilogue: [load(3, dtype, y), load(2, dtype, inRow), { op: 'div', dtype, args: [0, 1] }],
      stores: [{ access: at(3, y), value: 2 }],
    }),
    loop({
      extents: rows,
      epilogue: [
        load(1, dtype, perRow),
        load(2, dtype, perRow),
        { op: 'log', dtype, args: [1] },
        { op: 'add', dtype, args: [0, 2] },
      ],
      stores: [{ access: at(4, perRow), value: 3 }],
    }),
  ];
  return program(buffers, [{ kind: 'rows', name: 'softmax', extents: rows, steps }], [], 2 * alignedBytes);
}

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
        const binding = new Binding(device.heap, tested.buffers.length, 0);
        const context = {
          device,
          binding,
          tier: device.tier,
          buffers: tested.buffers,
          borders: new Map(),
          sharedOperands: new SharedOperands(tested),
          programParams: 0,
        };
        const command = rowsCommand(context, kernel, () => block);
        const addresses = tested.buffers.map(({ length }) => device.heap.allocate(length * 4));
        for (const [buffer, address] of addresses.entries()) binding.bindAddress(buffer, address);
        const arrays = addresses.map(
          (address, at) => new Float32Array(device.heap.memory.buffer, address, tested.buffers[at].length),
        );
        arrays[0].set(x);
        command?.run();
        for (const at of [3, 4])
          for (const [i, value] of expected[at].entries())
            if (
              !Object.is(arrays[at][i], value) &&
              !(Math.abs(arrays[at][i] - value) <= 2e-5 * Math.max(1, Math.abs(value)))
            )
              throw new Error(`[${order}], blocks of ${block}: ${arrays[at][i]} is not ${value}`);
        command?.dispose();
        for (const address of addresses) device.heap.free(address);
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
