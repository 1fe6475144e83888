// Loops whose coordinates share what they read: windows one below the other, and the taps of a filter's gradient.
import {
  type DType,
  type HostArray,
  hostArray,
  type Instruction,
  type LoopKernel,
  numberToFloat16,
} from '@nn/core';
import { afterAll, describe, expect, test } from 'vitest';
import { sideBySide, unrolled } from '../src/commands/unroll.ts';
import { argumentsOf } from '../src/emit/instructions.ts';
import { backends } from './support/backends.ts';
import {
  at,
  expectAgreement,
  generator,
  input,
  loop,
  output,
  program,
  randomArray,
} from './support/programs.ts';

interface Windows {
  readonly dtype?: DType;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly kernel: number;
  readonly stride?: number;
  readonly dilation?: number;
  /** Whether rows are read from their ends to their beginnings. */
  readonly reversed?: boolean;
}

function sizesOf({ channels, height, width, kernel, stride = 1, dilation = 1 }: Windows) {
  const reach = (kernel - 1) * dilation;
  const [rows, columns] = [(height - 1) * stride + 1 + reach, (width - 1) * stride + 1 + reach];
  return { rows, columns, inputs: channels * rows * columns, weights: channels * kernel * kernel };
}

/** Each channel's sum over a filter's taps, and a number that differs from coordinate to coordinate. */
function filter(windows: Windows): LoopKernel {
  const { dtype = 'float32', channels, height, width, kernel, stride = 1, dilation = 1 } = windows;
  const { rows, columns } = sizesOf(windows);
  const direction = windows.reversed === true ? -1 : 1;
  const first = windows.reversed === true ? (width - 1) * stride : 0;
  const epilogue: Instruction[] = [{ op: 'index', dtype, affine: { offset: 3, strides: [100, 10, 1] } }];
  let sum = 0;
  for (let tap = 0; tap < kernel * kernel; tap++) {
    const offset = (Math.floor(tap / kernel) * columns + (tap % kernel)) * dilation + first;
    const strides = [rows * columns, stride * columns, direction * stride];
    epilogue.push({ op: 'load', dtype, access: at(0, strides, offset) });
    epilogue.push({ op: 'load', dtype, access: at(1, [kernel * kernel, 0, 0], tap) });
    epilogue.push({ op: 'mul', dtype, args: [epilogue.length - 2, epilogue.length - 1] });
    sum = epilogue.push({ op: 'add', dtype, args: [sum, epilogue.length - 1] }) - 1;
  }
  return loop({
    extents: [channels, height, width],
    epilogue,
    stores: [{ access: at(2, [height * width, width, 1]), value: sum }],
  });
}

/** Each tap's sum of products of the gradient and what the tap met. */
function gradient(windows: Windows): LoopKernel {
  const { dtype = 'float32', channels, height, width, kernel, stride = 1, dilation = 1 } = windows;
  const { rows, columns } = sizesOf(windows);
  const seen = [rows * columns, dilation * columns, dilation, stride * columns, stride];
  return loop({
    extents: [channels, kernel, kernel],
    producer: {
      kind: 'reduce',
      extents: [height, width],
      body: [
        { op: 'load', dtype, access: at(2, [height * width, 0, 0, width, 1]) },
        { op: 'load', dtype, access: at(0, seen) },
        { op: 'mul', dtype, args: [0, 1] },
      ],
      accumulators: [{ op: 'sum', value: 2, dtype }],
    },
    epilogue: [
      { op: 'result', dtype, index: 0 },
      { op: 'load', dtype, access: at(1, [kernel * kernel, kernel, 1]) },
      { op: 'add', dtype, args: [0, 1] },
    ],
    stores: [{ access: at(3, [kernel * kernel, kernel, 1]), value: 2 }],
  });
}

/** Small whole numbers: sums of their products are exact in any order. */
function wholeNumbers(dtype: DType, length: number, random: () => number): HostArray {
  const array = hostArray(dtype, length);
  for (let i = 0; i < length; i++) {
    const value = Math.round((random() - 0.5) * 12);
    array[i] = dtype === 'int64' ? BigInt(value) : dtype === 'float16' ? numberToFloat16(value) : value;
  }
  return array;
}

const loadsIn = (instructions: readonly Instruction[]): number =>
  instructions.filter(({ op }) => op === 'load').length;

const common = { channels: 2, height: 7, width: 9, kernel: 3 };

describe('what is done side by side', () => {
  test('windows one below the other, each element and tap loaded once', () => {
    const [all, ...others] = sideBySide(filter(common));
    expect(others).toEqual([]);
    expect(all.extents).toEqual([2, 1, 9]);
    expect(all.stores).toHaveLength(7);
    expect(loadsIn(all.epilogue)).toBe(9 * 3 + 9);
  });

  test('large windows in rows of any length; an element is used by all of them before the next is loaded', () => {
    for (const reversed of [false, true]) {
      const [{ epilogue, extents }] = sideBySide(
        filter({ channels: 2, height: 14, width: 40, kernel: 5, reversed }),
      );
      expect(extents).toEqual([2, 2, 40]);
      const isElement = (at: number): boolean => {
        const instruction = epilogue[at];
        return instruction.op === 'load' && instruction.access.buffer === 0;
      };
      const elements = [...epilogue.keys()].filter(isElement);
      expect(elements).toHaveLength(11 * 5);
      for (const [order, at] of elements.entries()) {
        const users = [...epilogue.keys()].filter((user) => argumentsOf(epilogue[user]).includes(at));
        expect(Math.max(...users)).toBeLessThan(elements[order + 1] ?? epilogue.length);
      }
    }
  });

  test('what does not fill another step is a part of its own', () => {
    const parts = sideBySide(filter({ ...common, height: 11 }));
    expect(parts.map(({ extents }) => extents)).toEqual([
      [2, 1, 9],
      [2, 1, 9],
    ]);
  });

  test('not long rows, few taps, or windows that share little', () => {
    for (const alone of [
      { ...common, width: 33 },
      { ...common, kernel: 1 },
      { ...common, stride: 3 },
    ])
      expect(sideBySide(filter(alone))).toEqual([filter(alone)]);
  });

  test('rows that are common to several loops stay', () => {
    expect(sideBySide(filter(common), 2)).toEqual([filter(common)]);
  });

  test('all taps of a gradient, which is loaded once', () => {
    const [{ extents, producer }] = sideBySide(gradient(common));
    expect(extents).toEqual([2, 1, 1]);
    if (producer?.kind !== 'reduce') throw new TypeError('it is no reduction');
    expect(producer.accumulators).toHaveLength(9);
    expect(loadsIn(producer.body)).toBe(10);
  });

  test('of many taps those of a row', () => {
    const [{ extents }] = sideBySide(gradient({ ...common, kernel: 5 }));
    expect(extents).toEqual([2, 5, 1]);
  });

  test('a coordinate at a time is what was there', () => {
    expect(unrolled(filter(common), 1, 1)).toEqual(filter(common));
  });
});

const shapes: readonly Windows[] = [
  common,
  { channels: 3, height: 14, width: 14, kernel: 3 },
  { channels: 3, height: 11, width: 5, kernel: 3, dtype: 'float64' },
  { channels: 2, height: 8, width: 40, kernel: 3 },
  { channels: 2, height: 6, width: 3, kernel: 3 },
  { channels: 5, height: 7, width: 7, kernel: 5 },
  { channels: 2, height: 10, width: 37, kernel: 5 },
  { channels: 2, height: 7, width: 9, kernel: 7, reversed: true },
  { channels: 2, height: 9, width: 6, kernel: 3, stride: 2 },
  { channels: 2, height: 9, width: 6, kernel: 3, stride: 3 },
  { channels: 2, height: 9, width: 6, kernel: 3, stride: 5 },
  { channels: 2, height: 10, width: 13, kernel: 3, dilation: 2 },
  { channels: 2, height: 10, width: 13, kernel: 2, dtype: 'float16' },
  { channels: 2, height: 7, width: 11, kernel: 3, dtype: 'int8' },
  { channels: 2, height: 7, width: 11, kernel: 3, dtype: 'int64' },
];

for (const { name, make } of backends) {
  describe(name, () => {
    const backend = make();
    afterAll(() => backend.dispose());
    const random = generator(47);

    for (const windows of shapes) {
      const { dtype = 'float32', channels, height, width } = windows;
      const { inputs, weights } = sizesOf(windows);
      const results = channels * height * width;
      const buffers = (ofFilter: boolean) => [
        input(dtype, inputs),
        input(dtype, weights),
        ...(ofFilter ? [output(dtype, results)] : [input(dtype, results), output(dtype, weights)]),
      ];

      test(`a filter of ${JSON.stringify(windows)}`, () => {
        const given = [inputs, weights].map((length) => wholeNumbers(dtype, length, random));
        const kernels = [filter(windows), filter({ ...windows, reversed: true })];
        for (const kernel of kernels) expectAgreement(backend, program(buffers(true), [kernel]), given);
      });

      test(`its gradient of ${JSON.stringify(windows)}`, () => {
        const given = [inputs, weights, results].map((length) => wholeNumbers(dtype, length, random));
        expectAgreement(backend, program(buffers(false), [gradient(windows)]), given);
      });
    }

    test('what vectors at the ends of rows meet besides does not count', () => {
      const windows = { channels: 1, height: 1, width: 7, kernel: 1 };
      const [x, weight, y] = [7, 1, 7].map((length) => wholeNumbers('float32', length, random));
      // The last vector of the row has these again: infinity times zero must not come of it.
      x[3] = 0;
      y[3] = 2;
      x[4] = Infinity;
      y[4] = 1;
      const buffers = [input('float32', 7), input('float32', 1), input('float32', 7), output('float32', 1)];
      expectAgreement(backend, program(buffers, [gradient(windows)]), [x, weight, y]);
    });

    test('a sum of many short rows', () => {
      const windows = { channels: 2, height: 900, width: 7, kernel: 3 };
      const { inputs, weights } = sizesOf(windows);
      const given = [inputs, weights, 2 * 900 * 7].map((length) => wholeNumbers('float32', length, random));
      const buffers = [...given.map(({ length }) => input('float32', length)), output('float32', weights)];
      expectAgreement(backend, program(buffers, [gradient(windows)]), given);
    });

    for (const stride of [1, 2, 3, 4, -1])
      for (const dtype of ['float32', 'float64', 'int8', 'int64', 'bool'] as const)
        test(`${dtype} behind guards, ${stride} apart`, () => {
          const size = 23;
          const columns = 31;
          const start = stride < 0 ? columns - 3 : -3;
          const guard = { offset: start, strides: [0, stride], size };
          const kernel = loop({
            extents: [5, columns],
            epilogue: [{ op: 'load', dtype, access: at(0, [size, stride], start, [guard]) }],
            stores: [{ access: at(1, [columns, 1]), value: 0 }],
          });
          const values = randomArray(dtype, 5 * size, random);
          const buffers = [input(dtype, 5 * size), output(dtype, 5 * columns)];
          expectAgreement(backend, program(buffers, [kernel]), [values]);
        });
  });
}
