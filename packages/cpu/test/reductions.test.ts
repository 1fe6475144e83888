// Reductions over random layouts, every operation and dtype, against the interpreter.
import { contiguousStrides, type DType, type ReduceOp, sizeOf } from '@nn/core';
import { afterAll, describe, expect, test } from 'vitest';
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
  runOn,
} from './support/programs.ts';

const operations: readonly ReduceOp[] = ['sum', 'prod', 'max', 'min', 'argmax', 'argmin'];
const dtypes: readonly DType[] = ['float32', 'float64', 'int32', 'int64', 'int8', 'uint8', 'float16', 'bool'];

/** A reduction of a contiguous input over some of its dimensions. */
function reduction(shape: readonly number[], dims: readonly number[], op: ReduceOp, dtype: DType) {
  const strides = contiguousStrides(shape);
  const kept = shape.map((_, d) => d).filter((d) => !dims.includes(d));
  const extents = kept.map((d) => shape[d]);
  const result = op.startsWith('arg') ? 'int32' : dtype;
  const kernel = loop({
    extents,
    producer: {
      kind: 'reduce',
      extents: dims.map((d) => shape[d]),
      body: [
        load(
          0,
          dtype,
          [...kept, ...dims].map((d) => strides[d]),
        ),
      ],
      accumulators: [{ op, value: 0, dtype: result }],
    },
    epilogue: [{ op: 'result', dtype: result, index: 0 }],
    stores: [{ access: at(1, contiguousStrides(extents)), value: 0 }],
  });
  return program([input(dtype, sizeOf(shape)), output(result, sizeOf(extents))], [kernel]);
}

const layouts: readonly (readonly [readonly number[], readonly number[]])[] = [
  [[7], [0]],
  [[1000], [0]],
  [[5, 37], [1]],
  [[203, 6], [1]],
  [[50, 3, 20], [2]],
  [[37, 5], [0]],
  [[37, 70], [0]],
  [[3, 5, 18], [1]],
  [
    [4, 6, 21],
    [0, 2],
  ],
  [
    [4, 6, 5],
    [0, 1, 2],
  ],
  // Windows.
  [[40, 3], [1]],
  [
    [6, 2, 41, 3],
    [1, 3],
  ],
  [
    [7, 2, 2, 33],
    [1, 2],
  ],
  [[9, 50], [0]],
  [[300, 3], [0]],
  [[3, 300], [1]],
  [[3, 0], [1]],
  [[2, 1, 40], [1]],
];

for (const { name, make } of backends) {
  describe(name, () => {
    const backend = make();
    afterAll(() => backend.dispose());

    for (const op of operations) {
      for (const dtype of dtypes) {
        if (dtype === 'bool' && (op === 'sum' || op === 'prod')) continue;
        test(`${op} of ${dtype}`, () => {
          const random = generator(3);
          for (const [shape, dims] of layouts) {
            if (op.startsWith('arg') && sizeOf(shape) === 0) continue;
            const array = randomArray(dtype, sizeOf(shape), random);
            // Few distinct values, so that positions must be those of the first.
            if (op.startsWith('arg'))
              for (let i = 0; i < array.length; i++) if (random() < 0.5) array[i] = array[0];
            if (op === 'prod' && dtype.startsWith('float'))
              for (let i = 0; i < array.length; i++)
                if (dtype !== 'float16') array[i] = 0.95 + random() * 0.1;
            if (op === 'prod' && dtype === 'float16') (array as Uint16Array).fill(0x3c00);
            expectAgreement(backend, reduction(shape, dims, op, dtype), [array], [], 200);
          }
        });
      }
    }

    test('NaN wins', () => {
      for (const op of ['max', 'min', 'argmax', 'argmin'] as const) {
        for (const [shape, dims] of layouts) {
          if (sizeOf(shape) < 30) continue;
          for (const dtype of ['float32', 'float64'] as const) {
            const array = randomArray(dtype, sizeOf(shape), generator(9));
            array[17] = NaN;
            array[23] = NaN;
            expectAgreement(backend, reduction(shape, dims, op, dtype), [array]);
          }
        }
      }
    });

    test('infinities alone keep the first position', () => {
      const array = new Float32Array(40).fill(-Infinity);
      expectAgreement(backend, reduction([40], [0], 'argmax', 'float32'), [array]);
      expectAgreement(backend, reduction([2, 20], [1], 'argmax', 'float32'), [array]);
    });

    test('several accumulators of an expression, and what follows them', () => {
      const kernel = loop({
        extents: [6],
        producer: {
          kind: 'reduce',
          extents: [35],
          body: [load(0, 'float32', [35, 1]), { op: 'mul', dtype: 'float32', args: [0, 0] }],
          accumulators: [
            { op: 'sum', value: 0, dtype: 'float32' },
            { op: 'sum', value: 1, dtype: 'float32' },
            { op: 'max', value: 0, dtype: 'float32' },
          ],
        },
        epilogue: [
          { op: 'result', dtype: 'float32', index: 0 },
          { op: 'result', dtype: 'float32', index: 1 },
          { op: 'result', dtype: 'float32', index: 2 },
          load(1, 'float32', [1]),
          { op: 'fma', dtype: 'float32', args: [0, 1, 3] },
        ],
        stores: [
          { access: at(2, [1]), value: 4 },
          { access: at(3, [1]), value: 2 },
        ],
      });
      const random = generator(4);
      expectAgreement(
        backend,
        program(
          [input('float32', 210), input('float32', 6), output('float32', 6), output('float32', 6)],
          [kernel],
        ),
        [randomArray('float32', 210, random), randomArray('float32', 6, random)],
        [],
        // Rows are short enough that each is added up by one lane; what follows multiplies two sums that cancel.
        64,
      );
    });

    test('columns, with more to follow than leaves registers for many of them', () => {
      const [rows, columns] = [1003, 149];
      const kernel = loop({
        extents: [columns],
        producer: {
          kind: 'reduce',
          extents: [rows],
          body: [load(0, 'float32', [1, columns])],
          accumulators: [
            { op: 'sum', value: 0, dtype: 'float32' },
            { op: 'argmax', value: 0, dtype: 'int32' },
          ],
        },
        epilogue: [
          { op: 'result', dtype: 'float32', index: 0 },
          { op: 'result', dtype: 'int32', index: 1 },
          load(1, 'float32', [1]),
          ...[0, 1, 2, 3].map((step) => ({ op: 'add', dtype: 'float32', args: [0, 2 + step] }) as const),
        ],
        stores: [
          { access: at(1, [1]), value: 6 },
          { access: at(2, [1]), value: 1 },
        ],
      });
      const random = generator(13);
      const buffers = [
        input('float32', rows * columns),
        { ...input('float32', columns), role: 'updated' },
        output('int32', columns),
      ] as const;
      const inputs = [rows * columns, columns].map((length) => randomArray('float32', length, random));
      expectAgreement(backend, program(buffers, [kernel]), inputs, [], 200);
    });

    test('columns of many rows, with rows left over', () => {
      const random = generator(17);
      for (const [shape, dims] of [
        [[1003, 131], [0]],
        [[263, 2500], [0]],
        [[2, 300, 140], [1]],
        [[64, 1, 2100], [0]],
      ] as const) {
        for (const dtype of ['float32', 'float64', 'int32', 'float16', 'bool'] as const) {
          for (const op of ['sum', 'max', 'min'] as const) {
            if (op === 'sum' && (dtype === 'float16' || dtype === 'bool')) continue;
            const array = randomArray(dtype, sizeOf(shape), random, op !== 'sum');
            expectAgreement(backend, reduction(shape, dims, op, dtype), [array], [], 200);
          }
        }
      }
    });

    test('two sums of columns of several operands', () => {
      const random = generator(19);
      const [rows, columns] = [700, 210];
      const kernel = loop({
        extents: [columns],
        producer: {
          kind: 'reduce',
          extents: [rows],
          body: [
            load(0, 'float32', [1, columns]),
            load(1, 'float32', [1, columns]),
            load(2, 'float32', [0, 1]),
            { op: 'sub', dtype: 'float32', args: [1, 2] },
            { op: 'mul', dtype: 'float32', args: [0, 3] },
          ],
          accumulators: [
            { op: 'sum', value: 0, dtype: 'float32' },
            { op: 'sum', value: 4, dtype: 'float32' },
          ],
        },
        epilogue: [
          { op: 'result', dtype: 'float32', index: 0 },
          { op: 'result', dtype: 'float32', index: 1 },
          { op: 'sub', dtype: 'float32', args: [0, 1] },
        ],
        stores: [
          { access: at(3, [1]), value: 0 },
          { access: at(4, [1]), value: 2 },
        ],
      });
      const buffers = [
        input('float32', rows * columns),
        input('float32', rows * columns),
        input('float32', rows),
        output('float32', columns),
        output('float32', columns),
      ];
      const inputs = [rows * columns, rows * columns, rows].map((length) =>
        randomArray('float32', length, random),
      );
      expectAgreement(backend, program(buffers, [kernel]), inputs, [], 2000);
    });

    test('positions in columns that fit into no cache', () => {
      const random = generator(23);
      const [rows, columns] = [4099, 1030];
      const values = randomArray('float32', rows * columns, random) as Float32Array;
      for (let i = 0; i < 200; i++) values[Math.floor(random() * values.length)] = Number.NaN;
      const expected = Int32Array.from({ length: columns }, (_, column) => {
        let best = 0;
        for (let row = 1; row < rows; row++) {
          const [value, highest] = [row, best].map((each) => values[each * columns + column]);
          if (!(value <= highest) && !Number.isNaN(highest)) best = row;
        }
        return best;
      });
      const [found] = runOn(backend, reduction([rows, columns], [0], 'argmax', 'float32'), [values]);
      expect(found).toEqual(expected);
    });

    test('positions of what gets better and better, of equals, of NaN, and of nothing but infinities', () => {
      const length = 517;
      const random = generator(29);
      const special = randomArray('float32', length, random, true) as Float32Array;
      const lists: readonly ((i: number) => number)[] = [
        (i) => i,
        (i) => -i,
        (i) => Math.min(i, 300),
        (i) => (i === 3 || i === 400 ? Number.NaN : i % 7),
        () => -Infinity,
        () => Infinity,
        (i) => special[i],
      ];
      const values = Float32Array.from({ length: lists.length * length }, (_, at) =>
        lists[Math.floor(at / length)](at % length),
      );
      for (const op of ['argmax', 'argmin'] as const) {
        expectAgreement(backend, reduction([lists.length, length], [1], op, 'float32'), [values]);
        expectAgreement(backend, reduction([lists.length * length], [0], op, 'float32'), [values]);
      }
    });

    test('reductions long enough for several threads', () => {
      const random = generator(21);
      for (const [shape, dims] of [
        [[500_003], [0]],
        [[200_001, 3], [0]],
        [
          [3, 70_001, 2],
          [0, 1],
        ],
      ] as const) {
        for (const dtype of ['float32', 'int32', 'float16'] as const) {
          const array = randomArray(dtype, sizeOf(shape), random);
          const scaleOfSum = dtype === 'float16' ? 20 : 2000;
          for (const op of ['sum', 'max', 'argmin', 'argmax'] as const) {
            if (op === 'sum' && dtype === 'float16') continue;
            expectAgreement(backend, reduction(shape, dims, op, dtype), [array], [], scaleOfSum);
          }
        }
      }
    });

    test('a long sum is exact where float32 alone would stop', () => {
      const length = 20_000_000;
      const [result] = runOn(backend, reduction([length], [0], 'sum', 'float32'), [
        new Float32Array(length).fill(1),
      ]);
      expect(result[0]).toBe(length);
      const rows = reduction([length / 4, 4], [0], 'sum', 'float32');
      const [columns] = runOn(backend, rows, [new Float32Array(length).fill(0.1)]);
      const exact = (length / 4) * Math.fround(0.1);
      for (const column of columns as Float32Array) expect(Math.abs(column / exact - 1)).toBeLessThan(1e-6);
    });
  });
}
