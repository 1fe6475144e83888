// Products of matrices of all sizes and layouts.
import type { DType, LoopKernel } from '@nn/core';
import { describe, it } from 'vitest';
import {
  access,
  compare,
  hostData,
  input,
  load,
  onEveryKernelKind,
  output,
  program,
  whole,
} from './support.ts';

onEveryKernelKind((backend) => {
  describe('dots', () => {
    interface Case {
      batch: number;
      rows: number;
      columns: number;
      inner: number;
      dtype?: DType;
      transposeLeft?: boolean;
      transposeRight?: boolean;
    }
    const matmul = ({
      batch,
      rows,
      columns,
      inner,
      dtype = 'float32',
      transposeLeft,
      transposeRight,
    }: Case): ReturnType<typeof program> => {
      const kernel: LoopKernel = {
        kind: 'loop',
        name: 'matmul',
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
            strides: [rows * inner, transposeLeft ? 1 : inner, 0, transposeLeft ? rows : 1],
          },
          right: {
            buffer: 1,
            offset: 0,
            strides: [inner * columns, 0, transposeRight ? inner : 1, transposeRight ? 1 : columns],
          },
        },
        epilogue: [
          { op: 'result', dtype, index: 0 },
          load(dtype, 2, [0, 0, 1]),
          { op: 'add', dtype, args: [0, 1] },
        ],
        stores: [{ access: access(3, [rows * columns, columns, 1]), value: 2 }],
      };
      const buffers = [
        input(dtype, batch * rows * inner),
        input(dtype, batch * inner * columns),
        input(dtype, columns),
        output(dtype, batch * rows * columns),
      ];
      return program(buffers, [kernel]);
    };
    const check = async (shape: Case): Promise<void> => {
      const what = matmul(shape);
      // Small whole numbers multiply and add up exactly.
      const operands = what.buffers
        .slice(0, 3)
        .map(({ dtype, length }, i) => hostData(dtype, whole(length, i + 1, 6)));
      await compare(backend(), what, operands);
    };
    for (const [rows, columns, inner] of [
      [1, 1, 1],
      [64, 64, 64],
      [65, 67, 33],
      [3, 200, 17],
      [200, 3, 5],
      [1, 300, 100],
      [300, 1, 100],
      [20, 30, 1],
      [40, 10, 0],
      [129, 129, 70],
      [8, 8, 4000],
      [20, 30, 5000],
      [17, 9, 1100],
    ]) {
      it(`${rows} x ${inner} by ${inner} x ${columns}`, () => check({ batch: 1, rows, columns, inner }));
    }
    it('of transposed factors', async () => {
      for (const transposeLeft of [false, true]) {
        for (const transposeRight of [false, true]) {
          await check({ batch: 2, rows: 35, columns: 21, inner: 19, transposeLeft, transposeRight });
        }
      }
    });
    it('of many small matrices', () => check({ batch: 300, rows: 5, columns: 6, inner: 7 }));
    for (const dtype of ['int32', 'int8', 'float16', 'bfloat16'] as const) {
      it(`of ${dtype}`, () => check({ batch: 2, rows: 18, columns: 20, inner: 9, dtype }));
      it(`of ${dtype} over a long range`, () =>
        check({ batch: 2, rows: 9, columns: 10, inner: dtype.startsWith('int') ? 1500 : 1024, dtype }));
    }
    it('is a convolution with overlapping strides', async () => {
      // Images [2, 3, 9, 8], weights [4, 3, 3, 2]; strides 2 and 1.
      const kernel: LoopKernel = {
        kind: 'loop',
        name: 'convolution',
        extents: [2, 4, 7, 4],
        producer: {
          kind: 'dot',
          dtype: 'float32',
          batchRank: 0,
          rowRank: 3,
          inner: [3, 3, 2],
          left: { buffer: 0, offset: 0, strides: [216, 16, 1, 0, 72, 8, 1] },
          right: { buffer: 1, offset: 0, strides: [0, 0, 0, 18, 6, 2, 1] },
        },
        epilogue: [{ op: 'result', dtype: 'float32', index: 0 }],
        stores: [{ access: access(2, [112, 7, 1, 28]), value: 0 }],
      };
      await compare(
        backend(),
        program([input('float32', 432), input('float32', 72), output('float32', 224)], [kernel]),
        [hostData('float32', whole(432, 1, 5)), hostData('float32', whole(72, 2, 5))],
      );
    });
    it('spreads NaN and infinities where they belong', async () => {
      const what = matmul({ batch: 1, rows: 20, columns: 20, inner: 20 });
      const left = whole(400, 1, 5);
      left[25] = Number.NaN;
      left[125] = Infinity;
      await compare(backend(), what, [
        hostData('float32', left),
        hostData('float32', whole(400, 2, 5)),
        hostData('float32', whole(20)),
      ]);
    });
  });
});
