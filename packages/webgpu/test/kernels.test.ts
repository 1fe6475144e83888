import type { BufferSpec, DType, Instruction, LoopKernel, ReduceOp, ScanOp, ScatterMode } from '@nn/core';
import type { WebGpuBackend } from '@nn/webgpu';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  access,
  bound,
  compare,
  createBackend,
  hostData,
  input,
  output,
  program,
  randomNumbers,
} from './support.ts';

const load = (dtype: DType, buffer: number, strides: readonly number[], offset = 0): Instruction => ({
  op: 'load',
  dtype,
  access: access(buffer, strides, offset),
});

const numbers = (count: number, seed = 1, scale = 1): number[] =>
  randomNumbers(count, seed).map((x) => Math.fround(x * scale));

const whole = (count: number, seed = 1, scale = 50): number[] =>
  randomNumbers(count, seed).map((x) => Math.trunc(x * scale));

describe.each([
  ['for GPUs', { kernels: 'gpu' }],
  ['for GPUs without subgroups', { kernels: 'gpu', withoutFeatures: ['subgroups'] }],
  ['for software', { kernels: 'software' }],
] as const)('kernels %s', (name, options) => {
  let backend: WebGpuBackend;
  beforeAll(async () => {
    backend = await createBackend(options);
  });
  afterAll(() => backend.dispose());

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
      await compare(backend, program(buffers, [kernel]), [
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
        backend,
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
        backend,
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
        await compare(backend, program([input('float32', size), output('float32', size)], [kernel]), [
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
      const executable = backend.compile(what);
      await backend.prepare(executable);
      const x = backend.allocate('float32', 4);
      const y = backend.allocate('float32', 4);
      backend.write(x, Float32Array.of(1, 2, 3, 4));
      const reads: Promise<unknown>[] = [];
      for (const factor of [2, 3]) {
        backend.run(executable, [x], [y], [factor]);
        reads.push(backend.read(y));
      }
      expect(await Promise.all(reads)).toEqual([Float32Array.of(2, 4, 6, 8), Float32Array.of(3, 6, 9, 12)]);
      backend.free(x);
      backend.free(y);
    });
  });

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
          name,
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
        await compare(backend, program(buffers, [kernel]), [hostData('float32', whole(length, 3, 20))]);
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
        await compare(backend, reduceAll(op, 'float32', values.length), [hostData('float32', values)]);
        const infinite = [-Infinity, -Infinity, Infinity, Infinity, 3];
        await compare(backend, reduceAll(op, 'float32', 5), [hostData('float32', infinite)]);
        await compare(backend, reduceAll(op, 'float32', 2), [hostData('float32', [-Infinity, -Infinity])]);
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
          await compare(backend, reduceAll(op, dtype, 300), [hostData(dtype, values)]);
        }
      });
    }

    it('of products', () =>
      compare(
        backend,
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
      const [result] = await compare(backend, reduceAll('sum', 'float32', 2_000_000), [
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
        backend,
        program(buffers, [kernel]),
        [hostData('float32', numbers(300)), hostData('float32', numbers(6, 2))],
        { ulps: 8 },
      );
    });
  });

  // Nothing below uses subgroups.
  if (name === 'for GPUs without subgroups') return;

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
      await compare(backend, what, operands);
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
        backend,
        program([input('float32', 432), input('float32', 72), output('float32', 224)], [kernel]),
        [hostData('float32', whole(432, 1, 5)), hostData('float32', whole(72, 2, 5))],
      );
    });
    it('spreads NaN and infinities where they belong', async () => {
      const what = matmul({ batch: 1, rows: 20, columns: 20, inner: 20 });
      const left = whole(400, 1, 5);
      left[25] = Number.NaN;
      left[125] = Infinity;
      await compare(backend, what, [
        hostData('float32', left),
        hostData('float32', whole(400, 2, 5)),
        hostData('float32', whole(20)),
      ]);
    });
  });

  describe('scatters', () => {
    for (const mode of ['set', 'sum', 'prod', 'max', 'min'] as ScatterMode[]) {
      for (const dtype of ['float32', 'int32', 'uint8', 'bool', 'float16', 'bfloat16'] as DType[]) {
        if (dtype === 'bool' && mode !== 'set' && mode !== 'max') continue;
        it(`${mode} ${dtype}`, async () => {
          const count = 700;
          const index = whole(count, 9, 60);
          const values = whole(count, 4, mode === 'prod' ? 2.9 : 9).map((x) =>
            dtype === 'bool' ? x & 1 : dtype === 'uint8' ? Math.abs(x) : x,
          );
          if (dtype === 'float32' && mode !== 'set') values[3] = Number.NaN;
          const start: LoopKernel = {
            kind: 'loop',
            name: 'start',
            extents: [50],
            producer: null,
            epilogue: [{ op: 'const', dtype, value: 1 }],
            stores: [{ access: access(2, [1]), value: 0 }],
          };
          const what = program(
            [input('int32', count), input(dtype, count), output(dtype, 50)],
            [
              start,
              {
                kind: 'scatter',
                name: 'scatter',
                mode,
                count,
                targetSize: 50,
                index: 0,
                source: 1,
                target: 2,
              },
            ],
          );
          await compare(backend, what, [hostData('int32', index), hostData(dtype, values)]);
        });
      }
    }
  });

  describe('scans', () => {
    for (const op of ['sum', 'prod', 'max', 'min'] as ScanOp[]) {
      for (const [outer, length, inner] of [
        [1, 5000, 1],
        [3, 10, 4],
        [2, 2049, 3],
        [1, 1, 7],
      ]) {
        it(`${op} along ${length} of [${outer}, ${length}, ${inner}]`, async () => {
          const size = outer * length * inner;
          for (const dtype of ['float32', 'int32', 'int8'] as DType[]) {
            const values =
              op === 'prod' ? whole(size, 2, 2.9).map((x) => Math.sign(x) || 1) : whole(size, 2, 20);
            if (dtype === 'float32' && op !== 'prod') values[Math.floor(size / 2)] = Number.NaN;
            await compare(
              backend,
              program(
                [input(dtype, size), output(dtype, size)],
                [{ kind: 'scan', name: op, op, outer, length, inner, source: 0, target: 1 }],
              ),
              [hostData(dtype, values)],
            );
          }
        });
      }
    }
  });

  describe('sorts', () => {
    for (const [outer, length, inner] of [
      [1, 1, 1],
      [3, 10, 4],
      [2, 300, 1],
      [1, 512, 1],
      [2, 700, 2],
      [1, 5000, 1],
    ]) {
      it(`along ${length} of [${outer}, ${length}, ${inner}], stably`, async () => {
        const size = outer * length * inner;
        for (const descending of [false, true]) {
          for (const dtype of ['float32', 'int32', 'bool'] as DType[]) {
            const values: number[] = whole(size, 2, dtype === 'bool' ? 2 : 20).map((x) =>
              dtype === 'bool' ? Math.abs(x) : x,
            );
            if (dtype === 'float32') {
              values[Math.floor(size / 2)] = Number.NaN;
              values[Math.floor(size / 3)] = Infinity;
              values[0] = -Infinity;
              values[size - 1] = Number.NaN;
            }
            await compare(
              backend,
              program(
                [input(dtype, size), output('int32', size)],
                [{ kind: 'argsort', name: 'sort', descending, outer, length, inner, source: 0, target: 1 }],
              ),
              [hostData(dtype, values)],
            );
          }
        }
      });
    }
  });

  it('copies, and keeps temporaries in the arena', async () => {
    const temporary = (dtype: DType, length: number, offset: number): BufferSpec => ({
      dtype,
      length,
      role: 'temporary',
      offset,
    });
    const double = (source: number, target: number): LoopKernel => ({
      kind: 'loop',
      name: 'double',
      extents: [100],
      producer: null,
      epilogue: [load('float32', source, [1]), { op: 'add', dtype: 'float32', args: [0, 0] }],
      stores: [{ access: access(target, [1]), value: 1 }],
    });
    const what = {
      ...program(
        [
          input('float32', 100),
          temporary('float32', 100, 0),
          temporary('float32', 100, 512),
          output('float32', 100),
          temporary('float32', 100, 0),
          output('float32', 100),
        ],
        [
          double(0, 1),
          double(1, 2),
          { kind: 'copy', name: 'copy', source: 2, target: 3 },
          { kind: 'copy', name: 'copy', source: 2, target: 4 },
          double(4, 5),
        ],
      ),
      arenaBytes: 1024,
    };
    await compare(backend, what, [hostData('float32', numbers(100))]);
  });
});
