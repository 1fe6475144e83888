// What several threads share of a line or of rows, and places of a sorted order: against the interpreter.
import { type DType, dtypes, type HostArray, type ScatterMode } from '@nn/core';
import { afterAll, describe, test } from 'vitest';
import { cpu } from '../src/index.ts';
import { backends } from './support/backends.ts';
import { expectAgreement, generator, input, output, program, randomArray } from './support/programs.ts';

const random = generator(5);

/** Long lines, of all sorts of order. */
const lines: readonly (readonly [name: string, dtype: DType, values: (length: number) => HostArray])[] = [
  ['any', 'float32', (length) => randomArray('float32', length, random, true)],
  ['small', 'float32', (length) => Float32Array.from({ length }, () => 1 + random() * 1e-4)],
  ['rising', 'float32', (length) => Float32Array.from({ length }, (_, i) => i - 100)],
  ['equal', 'float32', (length) => new Float32Array(length).fill(-0)],
  ['mostly NaN', 'float32', (length) => Float32Array.from({ length }, (_, i) => (i % 90 === 7 ? -i : NaN))],
  ['any', 'float64', (length) => randomArray('float64', length, random, true)],
  ['close', 'float64', (length) => Float64Array.from({ length }, (_, i) => 1 + (i % 97) * 2 ** -50)],
  ['small', 'int64', (length) => BigInt64Array.from({ length }, (_, i) => BigInt((i * 37) % 2003) - 900n)],
  ['any', 'int32', (length) => Int32Array.from({ length }, () => (random() - 0.5) * 2 ** 32)],
  ['any', 'uint8', (length) => Uint8Array.from({ length }, () => random() * 256)],
  ['any', 'int16', (length) => Int16Array.from({ length }, () => (random() - 0.5) * 2 ** 16)],
  ['any', 'float16', (length) => randomArray('float16', length, random, true)],
];

for (const { name, make } of backends) {
  describe(name, () => {
    const backend = make();
    afterAll(() => backend.dispose());

    for (const [order, dtype, valuesOf] of lines) {
      test(`places of long lines, ${dtype}, ${order}`, () => {
        for (const [outer, length, inner] of [
          [1, 9001, 1],
          [2, 700, 1],
          [1, 400, 3],
        ]) {
          const values = valuesOf(outer * length * inner);
          for (const [start, count] of [
            [length >> 1, 1],
            [length - 1, 1],
            [(length >> 1) - 5, 11],
            [Math.floor(length * 0.9), Math.floor(length * 0.1)],
            [length >> 2, length >> 1],
          ])
            for (const descending of [false, true]) {
              const walk = { outer, length, inner, start, count, source: 0, target: 1 };
              const sort = { kind: 'argsort', name: 'argsort', descending, ...walk } as const;
              const specs = [input(dtype, values.length), output('int32', outer * count * inner)];
              expectAgreement(backend, program(specs, [sort]), [values]);
            }
        }
      });
    }

    for (const [order, dtype, valuesOf] of lines) {
      test(`all of long lines, ${dtype}, ${order}`, () => {
        for (const [outer, length] of [
          [1, 40_001],
          [1, 32_768],
          [2, 33_000],
        ])
          for (const descending of [false, true]) {
            const values = valuesOf(outer * length);
            const walk = { outer, length, inner: 1, count: length, source: 0, target: 1 };
            const sort = { kind: 'argsort', name: 'argsort', descending, ...walk } as const;
            const specs = [input(dtype, values.length), output('int32', values.length)];
            expectAgreement(backend, program(specs, [sort]), [values]);
          }
      });
    }

    test('scans of one long line', () => {
      for (const dtype of dtypes)
        for (const op of dtype === 'bool' ? (['max', 'min'] as const) : (['sum', 'max', 'min'] as const))
          for (const length of [65_536, 131_073]) {
            // Rare steps, so that extrema change late; whole numbers, so that sums are exact in any order.
            const values = randomArray(dtype, length, () => 0.5);
            for (let i = 0; i < length; i += 997)
              values.set([dtype === 'int64' ? BigInt(i % 7) : i % 7] as never, i);
            const walk = { op, outer: 1, length, inner: 1, source: 0, target: 1 };
            const scan = { kind: 'scan', name: 'scan', ...walk } as const;
            expectAgreement(backend, program([input(dtype, length), output(dtype, length)], [scan]), [
              values,
            ]);
          }
    });

    test('rows, whose columns threads share', () => {
      for (const dtype of dtypes) {
        const modes: readonly ScatterMode[] =
          dtype === 'bool' ? ['set', 'max'] : ['set', 'sum', 'max', 'min'];
        for (const mode of modes)
          for (const [count, targetSize, width] of [
            [3, 2, 1],
            [40, 9, 7],
            [900, 50, 39],
            [400, 30, 96],
          ]) {
            const index = Int32Array.from({ length: count }, () => (random() * 1.2 - 0.1) * targetSize);
            const rows = { count, targetSize, width, index: 1, source: 2, target: 3 };
            const tested = program(
              [
                input(dtype, targetSize * width),
                input('int32', count),
                input(dtype, count * width),
                output(dtype, targetSize * width),
              ],
              [
                { kind: 'copy', name: 'base', source: 0, target: 3 },
                { kind: 'scatter', name: 'scatter', mode, ...rows },
              ],
            );
            expectAgreement(backend, tested, [
              randomArray(dtype, targetSize * width, random),
              index,
              randomArray(dtype, count * width, random),
            ]);
          }
      }
    });
  });
}

test('a long line is sorted alike by any number of threads', () => {
  const length = 200_003;
  const values = Float32Array.from({ length }, (_, i) =>
    i % 1000 === 7 ? NaN : Math.floor(random() * 5000),
  );
  const walk = { outer: 1, length, inner: 1, count: length, source: 0, target: 1 };
  for (const threads of [3, 5, 8]) {
    const backend = cpu({ threads });
    for (const descending of [false, true]) {
      const sort = { kind: 'argsort', name: 'argsort', descending, ...walk } as const;
      expectAgreement(backend, program([input('float32', length), output('int32', length)], [sort]), [
        values,
      ]);
    }
    backend.dispose();
  }
});

test('a line that is scanned with pauses between its parts, on one thread', () => {
  const length = 4_000_001;
  const values = Int32Array.from({ length }, (_, i) => i % 7);
  const walk = { op: 'sum', outer: 1, length, inner: 1, source: 0, target: 1 } as const;
  const scan = { kind: 'scan', name: 'scan', ...walk } as const;
  const backend = cpu({ threads: 1, blocking: false });
  expectAgreement(backend, program([input('int32', length), output('int32', length)], [scan]), [values]);
  backend.dispose();
});
