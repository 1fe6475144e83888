// Kernels with an order of their own: scatters, scans, sorts; and copies.
import type { BufferSpec, DType, LoopKernel, ScanOp, ScatterMode } from '@nn/core';
import { describe, it } from 'vitest';
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

onEveryKernelKind((backend) => {
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
          await compare(backend(), what, [hostData('int32', index), hostData(dtype, values)]);
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
              backend(),
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
            for (const count of new Set([length, Math.ceil(length / 3)])) {
              const lines = { outer, length, inner, count, source: 0, target: 1 };
              await compare(
                backend(),
                program(
                  [input(dtype, size), output('int32', outer * count * inner)],
                  [{ kind: 'argsort', name: 'sort', descending, ...lines }],
                ),
                [hostData(dtype, values)],
              );
            }
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
    await compare(backend(), what, [hostData('float32', numbers(100))]);
  });
});
