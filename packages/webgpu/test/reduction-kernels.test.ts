// Reductions, and what is computed before and after them.
import type { DType, Instruction, LoopKernel, ReduceOp } from '@nn/core';
import { describe, expect, it } from 'vitest';
import {
  access,
  compare,
  hostData,
  input,
  load,
  numbers,
  onEveryKernelKind,
  output,
  program,
  whole,
} from './support.ts';

onEveryKernelKind((backend, kind) => {
  describe('reductions', () => {
    // Outer extents and strides, inner extents and strides.
    const shapes: [string, number[], number[], number[], number[]][] = [
      ['rows', [5, 3], [300, 100], [100], [1]],
      ['short rows', [700], [7], [7], [1]],
      ['columns', [130], [1], [40], [130]],
      ['many columns', [70_000], [1], [3], [70_000]],
      ['everything', [], [], [10_007], [1]],
      ['a long range, in chunks', [2], [50_000], [50_000], [1]],
      ['long columns, in chunks', [40], [1], [3000], [40]],
      ['middle', [4, 6], [60, 1], [10], [6]],
      ['two', [3], [10], [4, 5], [30, 2]],
      ['an empty range', [4], [1], [0], [1]],
      ['one', [4], [1], [1], [1]],
    ];
    for (const [shape, extents, outer, inner, innerStrides] of shapes) {
      it(`of ${shape}: sums, extremes and where they are`, async () => {
        const strides = [...outer, ...innerStrides];
        const all = [...extents, ...inner];
        const length = all.includes(0)
          ? 4
          : all.reduce((last, extent, dim) => last + (extent - 1) * strides[dim], 1);
        const size = extents.reduce((product, extent) => product * extent, 1);
        const rowMajor = extents.map((_, dim) =>
          extents.slice(dim + 1).reduce((product, extent) => product * extent, 1),
        );
        const ops: ReduceOp[] = ['sum', 'max', 'argmin'];
        const kernel: LoopKernel = {
          kind: 'loop',
          name: kind,
          extents,
          producer: {
            kind: 'reduce',
            extents: inner,
            body: [load('float32', 0, strides)],
            accumulators: ops.map((op) => ({
              op,
              value: 0,
              dtype: op.startsWith('arg') ? 'int32' : 'float32',
            })),
          },
          epilogue: ops.map(
            (op, index): Instruction => ({
              op: 'result',
              dtype: op.startsWith('arg') ? 'int32' : 'float32',
              index,
            }),
          ),
          stores: ops.map((_, at) => ({ access: access(at + 1, rowMajor), value: at })),
        };
        const buffers = [
          input('float32', length),
          ...ops.map((op) => output(op.startsWith('arg') ? 'int32' : 'float32', size)),
        ];
        // Whole numbers add up exactly, and repeat, so that ties count.
        await compare(backend(), program(buffers, [kernel]), [hostData('float32', whole(length, 3, 20))]);
      });
    }

    const reduceAll = (op: ReduceOp, dtype: DType, length: number): ReturnType<typeof program> => {
      const result = op.startsWith('arg') ? 'int32' : dtype;
      return program(
        [input(dtype, length), output(result, 1)],
        [
          {
            kind: 'loop',
            name: `${op} ${dtype}`,
            extents: [],
            producer: {
              kind: 'reduce',
              extents: [length],
              body: [load(dtype, 0, [1])],
              accumulators: [{ op, value: 0, dtype: result }],
            },
            epilogue: [{ op: 'result', dtype: result, index: 0 }],
            stores: [{ access: access(1, []), value: 0 }],
          },
        ],
      );
    };

    it('let NaN win, the first one', async () => {
      const values = [1, 5, Number.NaN, 9, Number.NaN, -Infinity, Infinity, ...numbers(500)];
      for (const op of ['max', 'min', 'argmax', 'argmin'] as const) {
        await compare(backend(), reduceAll(op, 'float32', values.length), [hostData('float32', values)]);
        const infinite = [-Infinity, -Infinity, Infinity, Infinity, 3];
        await compare(backend(), reduceAll(op, 'float32', 5), [hostData('float32', infinite)]);
        await compare(backend(), reduceAll(op, 'float32', 2), [hostData('float32', [-Infinity, -Infinity])]);
      }
    });

    for (const dtype of ['int32', 'int16', 'int8', 'uint8', 'bool', 'float16', 'bfloat16'] as const) {
      it(`of ${dtype}`, async () => {
        const values =
          dtype === 'bool'
            ? whole(300, 5, 2).map(Math.abs)
            : whole(300, 5, dtype === 'uint8' ? 10 : 7).map((x) => (dtype === 'uint8' ? Math.abs(x) : x));
        for (const op of ['sum', 'prod', 'max', 'min', 'argmax', 'argmin'] as const) {
          if (dtype === 'bool' && (op === 'sum' || op === 'prod')) continue;
          await compare(backend(), reduceAll(op, dtype, 300), [hostData(dtype, values)]);
        }
      });
    }

    it('of products', () =>
      compare(
        backend(),
        reduceAll('prod', 'float32', 300),
        [
          hostData(
            'float32',
            numbers(300).map((x) => 1 + x / 50),
          ),
        ],
        { ulps: 40 },
      ));

    it('stay exact: the sum of two million ones', async () => {
      const [result] = await compare(backend(), reduceAll('sum', 'float32', 2_000_000), [
        new Float32Array(2_000_000).fill(1),
      ]);
      expect(result).toEqual([2_000_000]);
    });

    it('compute before and after', async () => {
      const kernel: LoopKernel = {
        kind: 'loop',
        name: 'root of mean of squares',
        extents: [6],
        producer: {
          kind: 'reduce',
          extents: [50],
          body: [
            load('float32', 0, [50, 1]),
            { op: 'mul', dtype: 'float32', args: [0, 0] },
            { op: 'const', dtype: 'float32', value: 1 / 50 },
            { op: 'mul', dtype: 'float32', args: [1, 2] },
          ],
          accumulators: [{ op: 'sum', value: 3, dtype: 'float32' }],
        },
        epilogue: [
          { op: 'result', dtype: 'float32', index: 0 },
          { op: 'sqrt', dtype: 'float32', args: [0] },
          load('float32', 1, [1]),
          { op: 'add', dtype: 'float32', args: [1, 2] },
        ],
        stores: [{ access: access(2, [1]), value: 3 }],
      };
      const buffers = [input('float32', 300), input('float32', 6), output('float32', 6)];
      await compare(
        backend(),
        program(buffers, [kernel]),
        [hostData('float32', numbers(300)), hostData('float32', numbers(6, 2))],
        { ulps: 8 },
      );
    });
  });
});
