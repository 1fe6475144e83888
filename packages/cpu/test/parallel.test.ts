// Independent loops in one kernel, and loops that write over what they read; against the interpreter.
import { type BufferSpec, contiguousStrides, type DType, type Instruction, sizeOf } from '@nn/core';
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
} from './support/programs.ts';

const updated = (dtype: DType, length: number): BufferSpec => ({ dtype, length, role: 'updated', offset: 0 });

const dtype = 'float32';

/** Quarters, so that sums and products of some are exact however they are rounded. */
function quarters(length: number, random: () => number): Float32Array {
  return Float32Array.from({ length }, () => (Math.floor(random() * 65) - 32) / 4);
}

/** Momentum and parameter of each size, updated in place from a gradient and a rate. */
function momentum(sizes: readonly number[]): ReturnType<typeof program> {
  const buffers = sizes.flatMap((size) => [updated(dtype, size), updated(dtype, size), input(dtype, size)]);
  const parts = sizes.map((size, part) => {
    const [parameter, state, gradient] = [0, 1, 2].map((buffer) => part * 3 + buffer);
    const epilogue: Instruction[] = [
      load(parameter, dtype, [1]),
      load(state, dtype, [1]),
      load(gradient, dtype, [1]),
      { op: 'param', dtype, index: 0 },
      { op: 'const', dtype, value: 0.5 },
      { op: 'mul', dtype, args: [1, 4] },
      { op: 'add', dtype, args: [5, 2] },
      { op: 'mul', dtype, args: [6, 3] },
      { op: 'sub', dtype, args: [0, 7] },
    ];
    const stores = [
      { access: at(state, [1]), value: 6 },
      { access: at(parameter, [1]), value: 8 },
    ];
    return loop({ name: `update ${part}`, extents: [size], epilogue, stores });
  });
  return program(buffers, [{ kind: 'parallel', name: 'updates', parts }], [dtype]);
}

for (const { name, make } of backends) {
  describe(name, () => {
    const backend = make();
    afterAll(() => backend.dispose());

    for (const sizes of [
      [5],
      [1, 2, 3, 64, 100_000],
      [0, 7, 0],
      Array.from({ length: 40 }, (_, i) => i * 300),
    ]) {
      test(`parts of ${sizes.slice(0, 5).join(', ')}`, () => {
        const tested = momentum(sizes);
        const random = generator(sizes.length);
        const inputs = tested.buffers.map(({ length }) => quarters(length, random));
        expectAgreement(backend, tested, inputs, [0.25]);
      });
    }

    test('parts may be reductions, long ones and short ones', () => {
      const shapes = [[300_000], [20, 30], [4, 100_000]];
      const parts = shapes.map((shape, part) =>
        loop({
          extents: shape.slice(0, -1),
          producer: {
            kind: 'reduce',
            extents: shape.slice(-1),
            body: [load(part * 2, dtype, contiguousStrides(shape))],
            accumulators: [{ op: 'sum', value: 0, dtype }],
          },
          epilogue: [{ op: 'result', dtype, index: 0 }],
          stores: [{ access: at(part * 2 + 1, contiguousStrides(shape.slice(0, -1))), value: 0 }],
        }),
      );
      const buffers = shapes.flatMap((shape) => [
        input(dtype, sizeOf(shape)),
        output(dtype, sizeOf(shape.slice(0, -1))),
      ]);
      const tested = program(buffers, [{ kind: 'parallel', name: 'sums', parts }]);
      const random = generator(9);
      const inputs = shapes.map((shape) => randomArray(dtype, sizeOf(shape), random));
      expectAgreement(backend, tested, inputs, [], 1000);
    });

    for (const dtype of ['float32', 'float16', 'int64', 'uint8'] as const satisfies readonly DType[]) {
      test(`${dtype} in place: every vector loads before it stores, in any layout`, () => {
        const random = generator(21);
        for (const extents of [[1], [67], [5, 33], [33, 5], [3, 4, 21]]) {
          const dense = contiguousStrides(extents);
          const across = contiguousStrides([...extents].reverse()).reverse();
          for (const [x, y] of [
            [dense, dense],
            [across, dense],
            [dense, across],
          ]) {
            // x, y = y + x, x + x: each is read by the other's store.
            const kernel = loop({
              extents,
              epilogue: [
                load(0, dtype, x),
                load(1, dtype, y),
                { op: 'add', dtype, args: [0, 1] },
                load(0, dtype, x),
                { op: 'add', dtype, args: [0, 3] },
              ],
              stores: [
                { access: at(0, x), value: 2 },
                { access: at(1, y), value: 4 },
              ],
            });
            const size = sizeOf(extents);
            const tested = program([updated(dtype, size), updated(dtype, size)], [kernel]);
            expectAgreement(backend, tested, [
              randomArray(dtype, size, random),
              randomArray(dtype, size, random),
            ]);
          }
        }
      });
    }

    test('a reduction and a product add to what is there', () => {
      const random = generator(8);
      for (const [rows, columns, inner] of [
        [7, 9, 5],
        [1, 64, 300],
        [200, 100, 64],
      ]) {
        const [addition, stores]: [Instruction[], Parameters<typeof loop>[0]['stores']] = [
          [
            { op: 'result', dtype, index: 0 },
            load(2, dtype, [columns, 1]),
            { op: 'add', dtype, args: [0, 1] },
          ],
          [{ access: at(2, [columns, 1]), value: 2 }],
        ];
        const buffers = [
          input(dtype, rows * inner),
          input(dtype, inner * columns),
          updated(dtype, rows * columns),
        ];
        const inputs = buffers.map(({ length }) => quarters(length, random));
        const left = { buffer: 0, offset: 0, strides: [inner, 0, 1] };
        const right = { buffer: 1, offset: 0, strides: [0, 1, columns] };
        const extents = [rows, columns];
        const product = loop({
          extents,
          producer: { kind: 'dot', dtype, batchRank: 0, rowRank: 1, inner: [inner], left, right },
          epilogue: addition,
          stores,
        });
        const reduction = loop({
          extents,
          producer: {
            kind: 'reduce',
            extents: [inner],
            body: [load(0, dtype, left.strides)],
            accumulators: [{ op: 'sum', value: 0, dtype }],
          },
          epilogue: addition,
          stores,
        });
        for (const kernel of [product, reduction])
          expectAgreement(backend, program(buffers, [kernel]), inputs);
      }
    });

    test('the time of each kernel is told', async () => {
      const sizes = [10, 200_000];
      const kernels = [momentum(sizes).kernels[0], momentum(sizes).kernels[0]];
      const tested = program(momentum(sizes).buffers, kernels, [dtype]);
      const executable = backend.compile(tested);
      const buffers = tested.buffers.map(({ length }) => backend.allocate(dtype, length));
      const times = await backend.runTimed?.(executable, buffers, [], [0.5]);
      expect(times?.length).toBe(2);
      for (const time of times ?? []) expect(time).toBeGreaterThan(0);
      for (const buffer of buffers) backend.free(buffer);
      backend.release(executable);
    });
  });
}
