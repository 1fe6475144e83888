// Loops over elements: operands laid out in every way, guards, computed indices.
import type { LoopKernel } from '@nn/core';
import { describe, expect, it } from 'vitest';
import {
  access,
  bound,
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

onEveryKernelKind((backend) => {
  describe('elementwise loops', () => {
    it('walk strided, flipped and broadcast operands, and store several results', async () => {
      const kernel: LoopKernel = {
        kind: 'loop',
        name: 'strided',
        extents: [5, 1, 7, 3],
        producer: null,
        epilogue: [
          load('float32', 0, [21, 0, 3, 1]),
          load('float32', 1, [0, 0, -1, 7], 6),
          { op: 'add', dtype: 'float32', args: [0, 1] },
          { op: 'lt', dtype: 'bool', args: [0, 1] },
        ],
        stores: [
          { access: access(2, [1, 0, 5, 35]), value: 2 },
          { access: access(3, [21, 0, 3, 1]), value: 3 },
        ],
      };
      const buffers = [
        input('float32', 105),
        input('float32', 21),
        output('float32', 105),
        output('bool', 105),
      ];
      await compare(backend(), program(buffers, [kernel]), [
        hostData('float32', numbers(105)),
        hostData('float32', numbers(21, 2)),
      ]);
    });

    it('guard loads and stores, as padding does', async () => {
      const guards = [bound([1, 0], -2, 4), bound([0, 1], -1, 5)];
      const kernel: LoopKernel = {
        kind: 'loop',
        name: 'pad',
        extents: [8, 7],
        producer: null,
        epilogue: [
          { op: 'load', dtype: 'float32', access: access(0, [5, 1], -11, guards) },
          { op: 'inside', dtype: 'bool', guards },
          { op: 'const', dtype: 'float32', value: -Infinity },
          { op: 'where', dtype: 'float32', args: [1, 0, 2] },
        ],
        stores: [
          { access: access(1, [7, 1]), value: 3 },
          { access: access(2, [7, 1], 0, [bound([1, 1], 0, 6)]), value: 0 },
        ],
      };
      await compare(
        backend(),
        program([input('float32', 20), output('float32', 56), output('float32', 56)], [kernel]),
        [hostData('float32', numbers(20))],
      );
    });

    it('load at computed indices, clamped', async () => {
      const kernel: LoopKernel = {
        kind: 'loop',
        name: 'gather',
        extents: [6, 4],
        producer: null,
        epilogue: [
          load('int32', 1, [1, 0]),
          { op: 'gather', dtype: 'float32', access: access(0, [0, 1]), size: 8, args: [0] },
          { op: 'index', dtype: 'float32', affine: { offset: 3, strides: [10, 1] } },
          { op: 'param', dtype: 'float32', index: 0 },
          { op: 'fma', dtype: 'float32', args: [1, 3, 2] },
          { op: 'param', dtype: 'int32', index: 1 },
          { op: 'index', dtype: 'int32', affine: { offset: 0, strides: [4, 1] } },
          { op: 'mul', dtype: 'int32', args: [5, 6] },
        ],
        stores: [
          { access: access(2, [4, 1]), value: 4 },
          { access: access(3, [4, 1]), value: 7 },
        ],
      };
      const buffers = [input('float32', 12), input('int32', 6), output('float32', 24), output('int32', 24)];
      await compare(
        backend(),
        program(buffers, [kernel], ['float32', 'int32']),
        [hostData('float32', whole(12)), hostData('int32', [0, 3, 7, 8, -5, 100])],
        { params: [0.5, -7] },
      );
    });

    it('serve no dimensions, no elements, and many', async () => {
      for (const extents of [[], [0, 3], [300_001], [2, 150_007]]) {
        const size = extents.reduce((product, extent) => product * extent, 1);
        const strides = extents.map((_, dim) =>
          extents.slice(dim + 1).reduce((product, extent) => product * extent, 1),
        );
        const kernel: LoopKernel = {
          kind: 'loop',
          name: 'sizes',
          extents,
          producer: null,
          epilogue: [load('float32', 0, strides), { op: 'neg', dtype: 'float32', args: [0] }],
          stores: [{ access: access(1, strides), value: 1 }],
        };
        await compare(backend(), program([input('float32', size), output('float32', size)], [kernel]), [
          hostData('float32', numbers(size)),
        ]);
      }
    });

    it('compute again with other params', async () => {
      const kernel: LoopKernel = {
        kind: 'loop',
        name: 'scale',
        extents: [4],
        producer: null,
        epilogue: [
          load('float32', 0, [1]),
          { op: 'param', dtype: 'float32', index: 0 },
          { op: 'mul', dtype: 'float32', args: [0, 1] },
        ],
        stores: [{ access: access(1, [1]), value: 2 }],
      };
      const what = program([input('float32', 4), output('float32', 4)], [kernel], ['float32']);
      const executable = backend().compile(what);
      await backend().prepare(executable);
      const x = backend().allocate('float32', 4);
      const y = backend().allocate('float32', 4);
      backend().write(x, Float32Array.of(1, 2, 3, 4));
      const reads: Promise<unknown>[] = [];
      for (const factor of [2, 3]) {
        backend().run(executable, [x], [y], [factor]);
        reads.push(backend().read(y));
      }
      expect(await Promise.all(reads)).toEqual([Float32Array.of(2, 4, 6, 8), Float32Array.of(3, 6, 9, 12)]);
      backend().free(x);
      backend().free(y);
    });
  });
});
