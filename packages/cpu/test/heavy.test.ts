// Dot products, scatter, scan, argsort and copy, against the interpreter.
import {
  contiguousStrides,
  type DType,
  dtypes,
  type LoopKernel,
  type ScanOp,
  type ScatterMode,
  sizeOf,
} from '@nn/core';
import { afterAll, describe, test } from 'vitest';
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

const floats: readonly DType[] = ['float32', 'float64', 'float16', 'bfloat16'];

for (const { name, make } of backends) {
  describe(name, () => {
    const backend = make();
    afterAll(() => backend.dispose());

    const dot = (
      dtype: DType,
      parts: Partial<LoopKernel>,
      transposed: boolean,
      sizes: readonly number[],
    ): LoopKernel => {
      const [batch, rows, columns, inner] = sizes;
      return loop({
        extents: [batch, rows, columns],
        producer: {
          kind: 'dot',
          dtype,
          batchRank: 1,
          rowRank: 1,
          inner: [inner],
          left: {
            buffer: 0,
            offset: 0,
            strides: transposed ? [rows * inner, 1, 0, rows] : [rows * inner, inner, 0, 1],
          },
          right: {
            buffer: 1,
            offset: 0,
            strides: transposed ? [columns * inner, 0, inner, 1] : [columns * inner, 0, 1, columns],
          },
        },
        epilogue: [{ op: 'result', dtype, index: 0 }],
        stores: [{ access: at(2, contiguousStrides([batch, rows, columns])), value: 0 }],
        ...parts,
      });
    };

    for (const dtype of ['int8', 'int32', 'int64', ...floats] as const) {
      test(`dot of ${dtype}`, () => {
        const random = generator(2);
        for (const sizes of [
          [1, 1, 1, 1],
          [2, 5, 7, 9],
          [1, 33, 17, 40],
          [1, 1, 64, 20],
          [3, 4, 1, 6],
          [1, 3, 4, 0],
        ]) {
          const [batch, rows, columns, inner] = sizes;
          const buffers = [
            input(dtype, batch * rows * inner),
            input(dtype, batch * columns * inner),
            output(dtype, batch * rows * columns),
          ];
          const inputs = buffers.slice(0, 2).map((buffer) => randomArray(dtype, buffer.length, random));
          for (const transposed of [false, true])
            expectAgreement(backend, program(buffers, [dot(dtype, {}, transposed, sizes)]), inputs, [], 200);
        }
      });

      test(`dot of ${dtype} with what follows it`, () => {
        const sizes = [2, 6, 10, 8];
        const random = generator(6);
        const buffers = [
          input(dtype, 96),
          input(dtype, 160),
          output(dtype, 120),
          input(dtype, 10),
          output(dtype, 120),
        ];
        const kernel = dot(
          dtype,
          {
            epilogue: [
              { op: 'result', dtype, index: 0 },
              load(3, dtype, [0, 0, 1]),
              { op: 'add', dtype, args: [0, 1] },
              { op: 'const', dtype, value: dtype === 'int64' ? 0n : 0 },
              { op: 'max', dtype, args: [2, 3] },
            ],
            stores: [
              { access: at(2, [60, 1, 6]), value: 2 },
              { access: at(4, [60, 10, 1]), value: 4 },
            ],
          },
          false,
          sizes,
        );
        expectAgreement(
          backend,
          program(buffers, [kernel]),
          [96, 160, 10].map((length) => randomArray(dtype, length, random)),
          [],
          200,
        );
      });
    }

    test('products that go on to what is written over, in the order of its dimensions', () => {
      const [batch, rows, columns, inner] = [2, 130, 90, 40];
      const length = batch * rows * columns;
      const swapped = [length / batch, 1, rows];
      const straight = contiguousStrides([batch, rows, columns]);
      const random = generator(12);
      const result = { op: 'result', dtype: 'float32', index: 0 } as const;
      const add = (a: number, b: number) => ({ op: 'add', dtype: 'float32', args: [a, b] }) as const;
      const followers: readonly Partial<LoopKernel>[] = [
        // An update in place.
        {
          epilogue: [result, load(2, 'float32', swapped), add(0, 1)],
          stores: [{ access: at(2, swapped), value: 2 }],
        },
        // The same, the other way round.
        {
          epilogue: [load(2, 'float32', straight), result, add(0, 1)],
          stores: [{ access: at(2, straight), value: 2 }],
        },
        // From one buffer to another one.
        {
          epilogue: [load(3, 'float32', straight), result, add(0, 1)],
          stores: [{ access: at(2, swapped), value: 2 }],
        },
        // A result of its own, and the product itself elsewhere.
        {
          epilogue: [result, load(3, 'float32', swapped), add(0, 1)],
          stores: [
            { access: at(2, swapped), value: 2 },
            { access: at(4, straight), value: 0 },
          ],
        },
        // Two results in halves of one buffer.
        {
          epilogue: [result, load(3, 'float32', straight), add(0, 1), add(0, 2)],
          stores: [
            { access: at(5, straight), value: 2 },
            { access: at(5, swapped, length), value: 3 },
          ],
        },
      ];
      for (const parts of followers) {
        const buffers = [
          input('float32', batch * rows * inner),
          input('float32', batch * columns * inner),
          { ...input('float32', length), role: 'updated' as const },
          input('float32', length),
          output('float32', length),
          output('float32', 2 * length),
        ];
        // Whole numbers, so that every order of additions gives the same.
        const inputs = buffers
          .slice(0, 4)
          .map(({ length }) => Float32Array.from({ length }, () => Math.floor(random() * 9) - 4));
        for (const transposed of [false, true]) {
          const kernel = dot('float32', parts, transposed, [batch, rows, columns, inner]);
          expectAgreement(backend, program(buffers, [kernel]), inputs, [], 200);
        }
      }
    });

    test('a product with a small result and a long inner dimension', () => {
      const random = generator(15);
      const whole = (length: number) => Float64Array.from({ length }, () => Math.floor(random() * 9) - 4);
      for (const dtype of ['float32', 'float64', 'int32'] as const)
        for (const [images, positions] of [
          [64, 90],
          [3, 7001],
        ]) {
          // Filters [16] by windows [25]: what is added up are images and the positions in them.
          const windows = positions + 24;
          const kernel = loop({
            extents: [16, 25],
            producer: {
              kind: 'dot',
              dtype,
              batchRank: 0,
              rowRank: 1,
              inner: [images, positions],
              left: { buffer: 0, offset: 0, strides: [positions, 0, 16 * positions, 1] },
              right: { buffer: 1, offset: 0, strides: [0, 1, windows, 1] },
            },
            epilogue: [
              { op: 'result', dtype, index: 0 },
              load(2, dtype, [25, 1]),
              { op: 'sub', dtype, args: [1, 0] },
            ],
            stores: [
              { access: at(2, [25, 1]), value: 2 },
              { access: at(3, [1, 16]), value: 0 },
            ],
          });
          const buffers = [
            input(dtype, 16 * images * positions),
            input(dtype, images * windows),
            { ...input(dtype, 400), role: 'updated' as const },
            output(dtype, 400),
          ];
          const inputs = buffers.slice(0, 3).map(({ length }) => {
            const values = whole(length);
            return dtype === 'float64'
              ? values
              : dtype === 'int32'
                ? Int32Array.from(values)
                : Float32Array.from(values);
          });
          expectAgreement(backend, program(buffers, [kernel]), inputs);
        }
    });

    test('what follows a convolution, part by part', () => {
      const random = generator(5);
      const whole = (length: number) => Float32Array.from({ length }, () => Math.floor(random() * 9) - 4);
      for (const [rows, images, height, width, inner, groups] of [
        [20, 9, 5, 16, 30, 1],
        [300, 2, 6, 11, 20, 1],
        [200, 1, 1, 333, 12, 1],
        [24, 4, 4, 64, 40, 3],
        [210, 1, 9, 9, 11, 3],
        [1, 1, 1, 5000, 64, 2],
      ]) {
        const plane = height * width;
        const columns = images * plane;
        const length = groups * rows * columns;
        // The result as images have it: [images, groups, rows, height, width].
        const placed = [rows * plane, plane, groups * rows * plane, width, 1];
        const kernel = loop({
          extents: [groups, rows, images, height, width],
          producer: {
            kind: 'dot',
            dtype: 'float32',
            batchRank: 1,
            rowRank: 1,
            inner: [inner],
            left: { buffer: 0, offset: 0, strides: [rows * inner, inner, 0, 0, 0, 1] },
            right: { buffer: 1, offset: 0, strides: [inner * columns, 0, plane, width, 1, columns] },
          },
          epilogue: [
            { op: 'result', dtype: 'float32', index: 0 },
            load(2, 'float32', [rows, 1, 0, 0, 0]),
            { op: 'add', dtype: 'float32', args: [0, 1] },
            load(3, 'float32', placed),
            { op: 'max', dtype: 'float32', args: [2, 3] },
          ],
          stores: [
            { access: at(3, placed), value: 4 },
            { access: at(4, placed), value: 2 },
          ],
        });
        const buffers = [
          input('float32', groups * rows * inner),
          input('float32', groups * inner * columns),
          input('float32', groups * rows),
          { ...input('float32', length), role: 'updated' as const },
          output('float32', length),
        ];
        const inputs = buffers.slice(0, 4).map((buffer) => whole(buffer.length));
        expectAgreement(backend, program(buffers, [kernel]), inputs);
      }
    });

    for (const mode of ['set', 'sum', 'prod', 'max', 'min'] as const satisfies readonly ScatterMode[]) {
      test(`scatter ${mode}`, () => {
        const random = generator(8);
        for (const dtype of dtypes) {
          if (dtype === 'bool' && mode !== 'set') continue;
          const count = 60;
          const index = Int32Array.from({ length: count }, () => Math.floor(random() * 14) - 2);
          const base = randomArray(dtype, 10, random);
          const copy = { kind: 'copy', name: 'copy', source: 2, target: 3 } as const;
          const scatter = {
            kind: 'scatter',
            name: 'scatter',
            mode,
            count,
            targetSize: 10,
            index: 0,
            source: 1,
            target: 3,
          } as const;
          const buffers = [input('int32', count), input(dtype, count), input(dtype, 10), output(dtype, 10)];
          const source = randomArray(dtype, count, random);
          if (mode === 'prod' && dtype === 'float16') (source as Uint16Array).fill(0x3c00);
          expectAgreement(backend, program(buffers, [copy, scatter]), [index, source, base], [], 10);
        }
      });
    }

    for (const op of ['sum', 'prod', 'max', 'min'] as const satisfies readonly ScanOp[]) {
      test(`scan ${op}`, () => {
        const random = generator(8);
        for (const dtype of dtypes) {
          if (dtype === 'bool') continue;
          for (const [outer, length, inner] of [
            [1, 50, 1],
            [3, 7, 5],
            [3, 23, 1],
            [2, 3, 1030],
            [2, 1, 3],
            [2, 0, 3],
          ]) {
            const size = outer * length * inner;
            const scan = {
              kind: 'scan',
              name: 'scan',
              op,
              outer,
              length,
              inner,
              source: 0,
              target: 1,
            } as const;
            const source = randomArray(dtype, size, random);
            if (op === 'prod' && dtype.startsWith('float'))
              for (let i = 0; i < size; i++) source[i] = dtype === 'float16' ? 0x3c00 : 1 + (i % 3) * 0.01;
            expectAgreement(
              backend,
              program([input(dtype, size), output(dtype, size)], [scan]),
              [source],
              [],
              10,
            );
          }
        }
      });
    }

    test('argsort', () => {
      const random = generator(12);
      for (const dtype of dtypes) {
        for (const descending of [false, true]) {
          for (const [outer, length, inner, count] of [
            [1, 1000, 1, 1000],
            [4, 20, 3, 20],
            [2, 60, 2, 60],
            [1, 1, 1, 1],
            [3, 2000, 1, 7],
            [1, 3001, 1, 300],
            [2, 1500, 2, 40],
            [2, 1000, 1, 1],
            [2, 90, 1, 60],
            [2, 90, 1, 0],
          ]) {
            const size = sizeOf([outer, length, inner]);
            const lines = { outer, length, inner, count, source: 0, target: 1 };
            const sort = { kind: 'argsort', name: 'argsort', descending, ...lines } as const;
            const tested = program([input(dtype, size), output('int32', outer * count * inner)], [sort]);
            expectAgreement(backend, tested, [randomArray(dtype, size, random, true)]);
          }
        }
      }
    });

    test('the first places of lines that are in order, in the opposite one, equal, or full of NaN', () => {
      const [length, count] = [5000, 30];
      const lines = {
        rising: Float32Array.from({ length }, (_, i) => i - 2500),
        falling: Float32Array.from({ length }, (_, i) => 2500 - i),
        equal: new Float32Array(length).fill(-0),
        'mostly NaN': Float32Array.from({ length }, (_, i) => (i % 90 === 7 ? -i : NaN)),
        infinite: Float32Array.from({ length }, (_, i) => (i % 3 === 0 ? -1 : i % 3 === 1 ? 1 : 0) / (i % 2)),
      };
      for (const descending of [false, true])
        for (const values of Object.values(lines)) {
          const walk = { outer: 1, length, inner: 1, count, source: 0, target: 1 };
          const sort = { kind: 'argsort', name: 'argsort', descending, ...walk } as const;
          expectAgreement(backend, program([input('float32', length), output('int32', count)], [sort]), [
            values,
          ]);
        }
    });

    test('copies of all lengths', () => {
      for (const length of [0, 1, 17, 16_384, 300_001]) {
        const copy = { kind: 'copy', name: 'copy', source: 0, target: 1 } as const;
        expectAgreement(backend, program([input('float32', length), output('float32', length)], [copy]), [
          randomArray('float32', length, generator(1)),
        ]);
      }
    });
  });
}
