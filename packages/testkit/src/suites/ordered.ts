// The kernels that are not loops: copy, scatter, scan and argsort.
import {
  type Backend,
  categoryOf,
  type DType,
  isFloat,
  type Program,
  type ScanOp,
  type ScatterMode,
} from '@nn/core';
import { ProgramBuilder } from '../build.ts';
import { epsilonOf, type Tolerance } from '../compare.ts';
import type { Context } from '../context.ts';
import { expectAgreement } from '../device.ts';
import { hostOf, moderate } from '../values.ts';

/** [outer, length, inner] of scans and sorts. */
const lines = [
  [1, 1, 1],
  [1, 7, 1],
  [3, 100, 1],
  [2, 5, 9],
  [1, 1500, 1],
  [4, 33, 3],
  [2, 0, 3],
] as const;

const builderFor = (backend: Backend): ProgramBuilder =>
  new ProgramBuilder((dtype) => backend.bytesPerElement(dtype));

export function orderedSuite({ test, dtypes }: Context): void {
  for (const dtype of dtypes) {
    test(`copy/${dtype}`, async (backend) => {
      for (const length of [1, 2, 3, 63, 1025]) {
        const builder = builderFor(backend);
        const [source, target] = [builder.input(dtype, length), builder.output(dtype, length)];
        builder.kernel({ kind: 'copy', name: 'copy', source, target });
        await expectAgreement(backend, builder.build(), [moderate(dtype, length)]);
      }
    });
  }

  for (const dtype of dtypes) {
    const isBool = categoryOf(dtype) === 'bool';
    for (const op of isBool ? (['max', 'min'] as const) : (['sum', 'prod', 'max', 'min'] as const)) {
      test(`scan/${dtype}/${op}`, async (backend) => {
        for (const line of lines) {
          const size = line[0] * line[1] * line[2];
          const data = op === 'prod' && isFloat(dtype) ? hostOf(dtype, signs(size)) : moderate(dtype, size);
          await expectAgreement(backend, scanProgram(backend, op, dtype, line), [data], {
            tolerance: op === 'sum' ? scanTolerance(dtype, line[1]) : {},
            describe: (at) => `element ${at} of [${line.join(', ')}]`,
          });
        }
      });
    }
  }

  if (dtypes.includes('int32')) int32Tests(test, dtypes);
}

/** Ones of both signs, whose products are exact in any order. */
function signs(length: number): number[] {
  return Array.from({ length }, (_, i) => (i % 3 === 1 ? -1 : 1));
}

/** Terms below 2, added in any order: a few roundings at the greatest partial sum, which grows like √length. */
function scanTolerance(dtype: DType, length: number): Tolerance {
  return isFloat(dtype) ? { ulps: 1, absolute: epsilonOf(dtype) * 16 * Math.sqrt(length + 1) } : {};
}

function scanProgram(
  backend: Backend,
  op: ScanOp,
  dtype: DType,
  [outer, length, inner]: readonly number[],
): Program {
  const builder = builderFor(backend);
  const size = outer * length * inner;
  const [source, target] = [builder.input(dtype, size), builder.output(dtype, size)];
  builder.kernel({ kind: 'scan', name: 'scan', op, outer, length, inner, source, target });
  return builder.build();
}

function int32Tests(test: Context['test'], dtypes: readonly DType[]): void {
  for (const dtype of dtypes) {
    const isBool = categoryOf(dtype) === 'bool';
    const modes = isBool ? (['set', 'max', 'min'] as const) : (['set', 'sum', 'prod', 'max', 'min'] as const);
    for (const mode of modes) {
      test(`scatter/${dtype}/${mode}`, async (backend) => {
        for (const [count, targetSize, width] of [
          [1, 1, undefined],
          [50, 7, undefined],
          [300, 301, undefined],
          [64, 1, undefined],
          [5, 3, 2],
          [50, 7, 21],
          [600, 30, 77],
        ] as const) {
          const size = count * (width ?? 1);
          const index = Array.from({ length: count }, (_, i) => ((i * 37) % (targetSize + 4)) - 2);
          const source =
            mode === 'prod' && isFloat(dtype) ? hostOf(dtype, signs(size)) : moderate(dtype, size, 2);
          const tolerance =
            mode === 'sum' && isFloat(dtype) ? { absolute: 16 * count * epsilonOf(dtype) } : {};
          await expectAgreement(
            backend,
            scatterProgram(backend, mode, dtype, count, targetSize, width),
            [moderate(dtype, targetSize * (width ?? 1)), hostOf('int32', index), source],
            { tolerance, describe: (at) => `element ${at} of ${targetSize} rows of ${width ?? 1}` },
          );
        }
      });
    }

    for (const descending of [false, true]) {
      test(`argsort/${dtype}/${descending ? 'descending' : 'ascending'}`, async (backend) => {
        for (const [outer, length, inner] of lines) {
          for (const [start, count] of placesOf(length)) {
            const builder = builderFor(backend);
            const size = outer * length * inner;
            const source = builder.input(dtype, size);
            const target = builder.output('int32', outer * count * inner);
            builder.kernel({
              kind: 'argsort',
              name: 'argsort',
              descending,
              outer,
              length,
              inner,
              ...(start === 0 ? {} : { start }),
              count,
              source,
              target,
            });
            await expectAgreement(backend, builder.build(), [sortable(dtype, size)], {
              describe: (at) =>
                `place ${at} of [${outer}, ${count}, ${inner}] from ${start} on, sorted from ${length}`,
            });
          }
        }
      });
    }
  }
}

/** All, the first, those in the middle, and the last. */
function placesOf(length: number): (readonly [start: number, count: number])[] {
  const half = Math.floor(length / 2);
  const some = Math.min(length, 5);
  return [
    [0, length],
    [0, some],
    [0, half],
    [half, Math.min(1, length)],
    [Math.max(0, half - 3), some],
    [length - some, some],
  ];
}

/** Few distinct values, so that stability shows; for floats with NaN, infinities and zeros of both signs. */
function sortable(dtype: DType, length: number) {
  const floats = [NaN, Infinity, -Infinity, 0, -0, 1.5, -1.5, 2];
  const integers = [5, 0, 3, 1, 2, 100, 7, 3];
  return hostOf(
    dtype,
    Array.from({ length }, (_, i) => (isFloat(dtype) ? floats : integers)[(i * 5 + (i >> 3)) % 8]),
  );
}

function scatterProgram(
  backend: Backend,
  mode: ScatterMode,
  dtype: DType,
  count: number,
  targetSize: number,
  width: number | undefined,
): Program {
  const builder = builderFor(backend);
  const each = width ?? 1;
  const base = builder.input(dtype, targetSize * each);
  const [index, source] = [builder.input('int32', count), builder.input(dtype, count * each)];
  const target = builder.output(dtype, targetSize * each);
  const rows = width === undefined ? {} : { width };
  builder.kernel({ kind: 'copy', name: 'base', source: base, target });
  builder.kernel({
    kind: 'scatter',
    name: 'scatter',
    mode,
    count,
    targetSize,
    ...rows,
    index,
    source,
    target,
  });
  return builder.build();
}
