// Loops over random layouts: strides of every kind, guards, indices, gathers, several stores; against the interpreter.
import {
  type Bound,
  contiguousStrides,
  type DType,
  type Instruction,
  sizeOf,
  UnsupportedError,
} from '@nn/core';
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

const dtypes: readonly DType[] = [
  'float32',
  'float64',
  'int32',
  'int64',
  'uint8',
  'int16',
  'float16',
  'bool',
];

/** A walk over a buffer: any order of the dimensions, any of them reversed or broadcast, steps of 1 to 3. */
function randomLayout(extents: readonly number[], random: () => number) {
  const order = extents.map((_, i) => i).sort(() => random() - 0.5);
  const strides = new Array<number>(extents.length).fill(0);
  let length = random() < 0.2 ? 3 : 1;
  let offset = 0;
  for (const d of order.reverse()) {
    const kind = random();
    if (kind < 0.15) continue;
    strides[d] = kind < 0.3 ? -length : length;
    if (kind < 0.3) offset += length * (extents[d] - 1);
    length *= extents[d];
  }
  return { strides, offset, length: Math.max(1, length) };
}

/** Conditions that hold for a part of the coordinates. */
function randomGuards(extents: readonly number[], random: () => number): Bound[] {
  return extents.flatMap((extent, d) =>
    random() < 0.4
      ? [
          {
            offset: -Math.floor(random() * 2),
            strides: extents.map((_, at) => (at === d ? 1 : 0)),
            size: Math.max(1, extent - Math.floor(random() * 3)),
          },
        ]
      : [],
  );
}

const shapes = [[], [1], [5], [64], [3, 7], [4, 33], [2, 3, 17], [3, 1, 4, 5], [2, 2, 3, 2, 19]];

for (const { name, make } of backends) {
  describe(name, () => {
    const backend = make();
    afterAll(() => backend.dispose());

    for (const extents of shapes) {
      test(`elementwise over [${extents.join(', ')}]`, () => {
        const random = generator(extents.length + 11);
        for (let round = 0; round < 20; round++) {
          const dtype = dtypes[Math.floor(random() * dtypes.length)];
          const layouts = [randomLayout(extents, random), randomLayout(extents, random)];
          const guards = randomGuards(extents, random);
          const combine = dtype === 'bool' ? 'xor' : 'add';
          const epilogue: Instruction[] = [
            load(0, dtype, layouts[0].strides, layouts[0].offset),
            { op: 'load', dtype, access: at(1, layouts[1].strides, layouts[1].offset, guards) },
            { op: combine, dtype, args: [0, 1] },
            { op: 'inside', dtype: 'bool', guards },
            { op: 'index', dtype: 'int32', affine: { offset: 2, strides: contiguousStrides(extents) } },
          ];
          const size = sizeOf(extents);
          const stores = [
            { access: at(2, contiguousStrides(extents)), value: 2 },
            {
              access: at(
                3,
                contiguousStrides(extents).map((stride) => -stride),
                size - 1,
              ),
              value: 3,
            },
            {
              access: at(
                4,
                contiguousStrides(extents).map((stride) => stride * 2),
                1,
              ),
              value: 4,
            },
          ];
          expectAgreement(
            backend,
            program(
              [
                input(dtype, layouts[0].length),
                input(dtype, layouts[1].length),
                output(dtype, size),
                output('bool', size),
                output('int32', size * 2),
              ],
              [loop({ extents, epilogue, stores })],
            ),
            [randomArray(dtype, layouts[0].length, random), randomArray(dtype, layouts[1].length, random)],
          );
        }
      });
    }

    test('transpositions of long rows, in panels of some of them where these are of one length', () => {
      const random = generator(31);
      for (const [batches, rows, columns] of [
        [1, 1024, 300],
        [2, 600, 257],
        [1, 521, 256],
        [1, 1542, 259],
      ]) {
        const size = batches * rows * columns;
        for (const dtype of ['float32', 'int16'] as const) {
          const epilogue = [load(0, dtype, [rows * columns, 1, rows])];
          const stores = [{ access: at(1, [rows * columns, columns, 1]), value: 0 }];
          expectAgreement(
            backend,
            program(
              [input(dtype, size), output(dtype, size)],
              [loop({ extents: [batches, rows, columns], epilogue, stores })],
            ),
            [randomArray(dtype, size, random)],
          );
        }
      }
    });

    test('windows: innermost extents of 2 and 3, elements read and written 2 and 3 apart', () => {
      const random = generator(21);
      for (const dtype of dtypes) {
        for (const window of [2, 3]) {
          for (const windows of [2, 4, 7, 9]) {
            const extents = [3, windows, window, window];
            const width = windows * window;
            const strides = [window * width, window, width, 1];
            const perWindow = [windows, 1, 0, 0];
            const position = { offset: 0, strides: [0, 0, window, 1] };
            const kernel = loop({
              extents,
              epilogue: [
                load(0, 'int32', perWindow),
                { op: 'index', dtype: 'int32', affine: position },
                { op: 'eq', dtype: 'bool', args: [0, 1] },
                load(1, dtype, perWindow),
                load(2, dtype, strides),
                { op: 'where', dtype, args: [2, 3, 4] },
              ],
              stores: [{ access: at(3, strides), value: 5 }],
            });
            const [count, size] = [3 * windows, sizeOf(extents)];
            const chosen = Int32Array.from({ length: count }, () => Math.floor(random() * window * window));
            expectAgreement(
              backend,
              program(
                [input('int32', count), input(dtype, count), input(dtype, size), output(dtype, size)],
                [kernel],
              ),
              [chosen, randomArray(dtype, count, random), randomArray(dtype, size, random)],
            );
          }
        }
      }
    });

    test('updates in place of any length, in one buffer and in two that share memory', () => {
      const random = generator(23);
      const dtype = 'float32';
      for (const length of [3, 5, 6, 7, 13, 21]) {
        for (const target of [1, 2]) {
          const copied = loop({
            extents: [2, length],
            epilogue: [load(0, dtype, [length, 1])],
            stores: [{ access: at(1, [length, 1]), value: 0 }],
          });
          // Rows in opposite order keep the two dimensions from becoming one.
          const doubled = loop({
            extents: [2, length],
            epilogue: [
              load(1, dtype, [length, 1]),
              load(0, dtype, [-length, 1], length),
              { op: 'mul', dtype, args: [0, 0] },
              { op: 'add', dtype, args: [1, 2] },
            ],
            stores: [{ access: at(target, [length, 1]), value: 3 }],
          });
          const read = loop({
            extents: [2 * length],
            epilogue: [load(target, dtype, [1])],
            stores: [{ access: at(3, [1]), value: 0 }],
          });
          const shared = { dtype, length: 2 * length, role: 'temporary', offset: 0 } as const;
          const size = 2 * length;
          expectAgreement(
            backend,
            program(
              [input(dtype, size), shared, shared, output(dtype, size)],
              [copied, doubled, read],
              [],
              256 * Math.ceil((size * 4) / 256),
            ),
            [randomArray(dtype, size, random)],
          );
        }
      }
    });

    test('gathers clamp their index', () => {
      const random = generator(5);
      for (const dtype of dtypes) {
        const index = new Int32Array([3, -2, 9, 0, 1, 5, 4, 2, 7, 100, 6]);
        const kernel = loop({
          extents: [3, 11],
          epilogue: [
            load(0, 'int32', [0, 1]),
            { op: 'gather', dtype, access: at(1, [8, 0]), size: 8, args: [0] },
          ],
          stores: [{ access: at(2, [11, 1]), value: 1 }],
        });
        expectAgreement(
          backend,
          program([input('int32', 11), input(dtype, 24), output(dtype, 33)], [kernel]),
          [index, randomArray(dtype, 24, random)],
        );
      }
    });

    test('gathers from columns of their own, many at a time', () => {
      const random = generator(6);
      const columns = 150;
      const index = Int32Array.from({ length: columns }, () => Math.floor(random() * 9) * columns);
      const kernel = loop({
        extents: [columns],
        epilogue: [
          load(0, 'int32', [1]),
          { op: 'gather', dtype: 'float32', access: at(1, [1]), size: 8 * columns + 1, args: [0] },
        ],
        stores: [{ access: at(2, [1]), value: 1 }],
      });
      const buffers = [input('int32', columns), input('float32', 9 * columns), output('float32', columns)];
      expectAgreement(backend, program(buffers, [kernel]), [
        index,
        randomArray('float32', 9 * columns, random),
      ]);
    });

    test('gathers of rows, whose lanes are neighbours, up to the end of the buffer', () => {
      const random = generator(15);
      for (const dtype of dtypes) {
        for (const [columns, offset] of [
          [8, 0],
          [7, 0],
          [45, 0],
          // The last row is there in part only.
          [21, 3],
          [3, -1],
        ]) {
          const kernel = loop({
            extents: [5, columns],
            epilogue: [
              load(0, 'int32', [1, 0]),
              { op: 'const', dtype: 'int32', value: columns },
              { op: 'mul', dtype: 'int32', args: [0, 1] },
              { op: 'index', dtype: 'int32', affine: { offset, strides: [0, 1] } },
              { op: 'add', dtype: 'int32', args: [2, 3] },
              { op: 'gather', dtype, access: at(1, [0, 0]), size: 3 * columns, args: [4] },
            ],
            stores: [{ access: at(2, [columns, 1]), value: 5 }],
          });
          expectAgreement(
            backend,
            program([input('int32', 5), input(dtype, 3 * columns), output(dtype, 5 * columns)], [kernel]),
            [Int32Array.of(2, 0, 3, -1, 1), randomArray(dtype, 3 * columns, random)],
          );
        }
      }
    });

    test('rows that a reduction looks up are looked at for themselves, whatever follows finds', () => {
      const random = generator(16);
      const columns = 32;
      /** The element of row `index[...]` in the lanes' column. */
      const lookUp = (strides: readonly number[], lane: readonly number[]): readonly Instruction[] => [
        load(0, 'int32', [...strides]),
        { op: 'const', dtype: 'int32', value: columns },
        { op: 'mul', dtype: 'int32', args: [0, 1] },
        { op: 'index', dtype: 'int32', affine: { offset: 0, strides: [...lane] } },
        { op: 'add', dtype: 'int32', args: [2, 3] },
        {
          op: 'gather',
          dtype: 'float32',
          access: at(
            1,
            lane.map(() => 0),
          ),
          size: 10 * columns,
          args: [4],
        },
      ];
      const kernel = loop({
        extents: [2, columns],
        producer: {
          kind: 'reduce',
          extents: [4],
          body: lookUp([4, 0, 1], [0, 1, 0]),
          accumulators: [{ op: 'sum', value: 5, dtype: 'float32' }],
        },
        epilogue: [
          ...lookUp([1, 0], [0, 1]),
          { op: 'result', dtype: 'float32', index: 0 },
          { op: 'add', dtype: 'float32', args: [5, 6] },
        ],
        stores: [{ access: at(2, [columns, 1]), value: 7 }],
      });
      // The rows of the sums are there in part only; those of the epilogue, the first two, are.
      const index = Int32Array.of(3, 9, 11, -4, 1 << 24, 0, 2, 5);
      expectAgreement(
        backend,
        program(
          [input('int32', 8), input('float32', 10 * columns), output('float32', 2 * columns)],
          [kernel],
        ),
        [index, randomArray('float32', 10 * columns, random)],
      );
    });

    test('params of every dtype', () => {
      for (const dtype of [
        'bool',
        'uint8',
        'int8',
        'int16',
        'int32',
        'int64',
        'float16',
        'float32',
        'float64',
      ] as const) {
        const kernel = loop({
          extents: [9],
          epilogue: [{ op: 'param', dtype, index: 1 }],
          stores: [{ access: at(0, [1]), value: 0 }],
        });
        const value = dtype === 'int64' ? -7n : dtype === 'bool' ? 1 : dtype.startsWith('float') ? 2.5 : 7;
        expectAgreement(backend, program([output(dtype, 9)], [kernel], ['float32', dtype]), [], [0, value]);
      }
    });

    test('kernels that differ in sizes and constants share their code', () => {
      for (const [length, factor] of [
        [5, 2],
        [1000, 3],
        [100_003, 4],
      ]) {
        const kernel = loop({
          extents: [length],
          epilogue: [
            load(0, 'float32', [1]),
            { op: 'const', dtype: 'float32', value: factor },
            { op: 'mul', dtype: 'float32', args: [0, 1] },
          ],
          stores: [{ access: at(1, [1]), value: 2 }],
        });
        const tested = program([input('float32', length), output('float32', length)], [kernel]);
        const [result] = runOn(backend, tested, [new Float32Array(length).fill(1.5)]);
        expect(new Set(result as Float32Array)).toEqual(new Set([1.5 * factor]));
      }
    });

    test('temporaries lie in the arena', () => {
      const first = loop({
        extents: [300],
        epilogue: [load(0, 'float32', [1]), { op: 'mul', dtype: 'float32', args: [0, 0] }],
        stores: [{ access: at(1, [1]), value: 1 }],
      });
      const second = loop({
        extents: [300],
        epilogue: [load(1, 'float32', [-1], 299)],
        stores: [{ access: at(2, [1]), value: 0 }],
      });
      const buffers = [
        input('float32', 300),
        { dtype: 'float32', length: 300, role: 'temporary', offset: 256 } as const,
        output('float32', 300),
      ];
      expectAgreement(backend, program(buffers, [first, second], [], 256 + 1200), [
        randomArray('float32', 300, generator(1)),
      ]);
    });

    test('an unknown instruction is named with its kernel', () => {
      const kernel = loop({
        name: 'odd one',
        extents: [8],
        epilogue: [load(0, 'float32', [1]), { op: 'xor', dtype: 'float32', args: [0, 0] }],
        stores: [{ access: at(1, [1]), value: 1 }],
      });
      const tested = program([input('float32', 8), output('float32', 8)], [kernel]);
      expect(() => backend.compile(tested)).toThrow(UnsupportedError);
      expect(() => backend.compile(tested)).toThrow(/'odd one'.*'xor' on float32/);
    });

    test('empty extents do nothing', () => {
      const kernel = loop({
        extents: [0, 4],
        epilogue: [load(0, 'float32', [4, 1])],
        stores: [{ access: at(1, [4, 1]), value: 0 }],
      });
      expectAgreement(backend, program([input('float32', 0), output('float32', 0)], [kernel]), [
        new Float32Array(0),
      ]);
    });
  });
}
