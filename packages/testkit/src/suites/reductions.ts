// Reductions: every operation and dtype, long and short, inner and outer, several at once.
import {
  type Backend,
  categoryOf,
  type DType,
  type HostArray,
  type Instruction,
  isFloat,
  type ReduceOp,
  sizeOf,
} from '@nn/core';
import { access, load, ProgramBuilder, rowMajor } from '../build.ts';
import { epsilonOf, type Tolerance, valuesOf } from '../compare.ts';
import type { Context } from '../context.ts';
import { expectAgreement } from '../device.ts';
import { hostOf, moderate, randomSource } from '../values.ts';

/** [outer, reduced, inner] sizes: the reduction runs along the middle. */
const sizes = [
  [1, 1, 1],
  [1, 5, 1],
  [1, 1000, 1],
  [1, 65537, 1],
  [7, 33, 1],
  [300, 4, 1],
  [3, 1025, 1],
  [1, 9, 37],
  [4, 31, 5],
  [2, 257, 129],
  [1, 3000, 2],
] as const;

const numericOps = ['sum', 'prod', 'max', 'min', 'argmax', 'argmin'] as const;
const boolOps = ['max', 'min', 'argmax', 'argmin'] as const;

const resultOf = (op: ReduceOp, dtype: DType): DType =>
  op === 'argmax' || op === 'argmin' ? 'int32' : dtype;

/** A program that reduces [outer, reduced, inner] along the middle with all of the operations at once. */
function reduceProgram(
  backend: Backend,
  ops: readonly ReduceOp[],
  dtype: DType,
  [outer, reduced, inner]: readonly number[],
) {
  const builder = new ProgramBuilder((other) => backend.bytesPerElement(other));
  const from = builder.input(dtype, outer * reduced * inner);
  const results = ops.map((op) => resultOf(op, dtype));
  const targets = results.map((result) => builder.output(result, outer * inner));
  builder.loop({
    extents: [outer, inner],
    producer: {
      kind: 'reduce',
      extents: [reduced],
      body: [load(dtype, access(from, [reduced * inner, 1, inner]))],
      accumulators: ops.map((op, i) => ({ op, value: 0, dtype: results[i] })),
    },
    epilogue: results.map((result, index): Instruction => ({ op: 'result', dtype: result, index })),
    stores: targets.map((target, value) => ({ access: rowMajor(target, [outer, inner]), value })),
  });
  return builder.build();
}

/**
 * Sums may be taken in any order. Σ|x| times a few roundings bounds what blocked or pairwise summation loses in
 * practice; adding one by one, whose loss grows with the length, does not pass the long cases.
 */
function sumTolerance(dtype: DType, data: HostArray, runs: number): Tolerance {
  if (!isFloat(dtype)) return {};
  const total = valuesOf(dtype, data).reduce<number>((sum, x) => sum + Math.abs(Number(x)), 0);
  return { ulps: 1, absolute: (8 * epsilonOf(dtype) * total) / Math.max(runs, 1) };
}

/** Factors near 1, so that products neither vanish nor overflow. */
function factors(dtype: DType, length: number): HostArray {
  if (!isFloat(dtype)) return moderate(dtype, length);
  const random = randomSource(9);
  const spread = 2 / Math.sqrt(length);
  return hostOf(
    dtype,
    Array.from({ length }, () => (1 + spread * (random() - 0.5)) * (random() < 0.1 ? -1 : 1)),
  );
}

export function reductionsSuite({ test, dtypes }: Context): void {
  for (const dtype of dtypes) {
    const isBool = categoryOf(dtype) === 'bool';
    for (const op of isBool ? boolOps : numericOps) {
      if (resultOf(op, dtype) === 'int32' && !dtypes.includes('int32')) continue;
      test(`${dtype}/${op}`, async (backend) => {
        for (const size of sizes) {
          if (size[1] > 5000 && dtype !== 'float32' && dtype !== 'int32') continue;
          const [outer, reduced, inner] = size;
          const length = outer * reduced * inner;
          const data = op === 'prod' ? factors(dtype, length) : moderate(dtype, length, reduced);
          const tolerance = toleranceOf(op, dtype, data, reduced, outer * inner);
          await expectAgreement(backend, reduceProgram(backend, [op], dtype, size), [data], {
            tolerance,
            describe: (at) => `result ${at} over [${size.join(', ')}]`,
          });
        }
      });
    }

    test(`${dtype}/nothing reduces to the identity`, async (backend) => {
      const ops = isBool ? (['max', 'min'] as const) : (['sum', 'prod', 'max', 'min'] as const);
      await expectAgreement(backend, reduceProgram(backend, ops, dtype, [3, 0, 2]), [moderate(dtype, 0)]);
    });
  }

  for (const dtype of dtypes.filter(isFloat)) {
    test(`${dtype}/NaN wins`, async (backend) => {
      const ops = dtypes.includes('int32')
        ? (['max', 'min', 'argmax', 'argmin'] as const)
        : (['max', 'min'] as const);
      for (const length of [5, 300, 2000]) {
        const values = Array.from(valuesOf(dtype, moderate(dtype, 3 * length)), Number);
        values[2] = NaN;
        values[length - 1] = NaN;
        values[length + 3] = Infinity;
        values[2 * length + 1] = -Infinity;
        await expectAgreement(backend, reduceProgram(backend, ops, dtype, [3, length, 1]), [
          hostOf(dtype, values),
        ]);
      }
    });

    test(`${dtype}/all infinite`, async (backend) => {
      const data = hostOf(dtype, [...new Array(70).fill(-Infinity), ...new Array(70).fill(Infinity)]);
      const ops = dtypes.includes('int32')
        ? (['max', 'min', 'argmax', 'argmin'] as const)
        : (['max', 'min'] as const);
      await expectAgreement(backend, reduceProgram(backend, ops, dtype, [2, 70, 1]), [data]);
    });
  }

  if (dtypes.includes('float32')) float32Tests(test);
}

function toleranceOf(op: ReduceOp, dtype: DType, data: HostArray, reduced: number, runs: number): Tolerance {
  if (op === 'sum') return sumTolerance(dtype, data, runs);
  // Each multiplication rounds: the errors add up as in a random walk.
  return op === 'prod' && isFloat(dtype) ? { ulps: 4 + 4 * Math.sqrt(reduced) } : {};
}

function float32Tests(test: Context['test']): void {
  const dtype = 'float32';

  test('a long sum stays accurate', async (backend) => {
    const length = 2 ** 20 + 3;
    const data = new Float32Array(length).fill(0.1);
    await expectAgreement(backend, reduceProgram(backend, ['sum'], dtype, [1, length, 1]), [data], {
      tolerance: { ulps: 16 },
    });
  });

  test('over two dimensions at once, with a computed body and an epilogue', async (backend) => {
    const builder = new ProgramBuilder((other) => backend.bytesPerElement(other));
    const shape = [5, 13, 7];
    const [from, bias] = [builder.input(dtype, sizeOf(shape)), builder.input(dtype, 13)];
    const [mean, greatest] = [builder.output(dtype, 13), builder.output(dtype, 13)];
    const strides = [7, 91, 1];
    builder.loop({
      extents: [13],
      producer: {
        kind: 'reduce',
        extents: [5, 7],
        body: [
          load(dtype, access(from, strides)),
          load(dtype, access(bias, [1, 0, 0])),
          { op: 'sub', dtype, args: [0, 1] },
          { op: 'mul', dtype, args: [2, 2] },
        ],
        accumulators: [
          { op: 'sum', value: 3, dtype },
          { op: 'max', value: 2, dtype },
        ],
      },
      epilogue: [
        { op: 'result', dtype, index: 0 },
        { op: 'const', dtype, value: 1 / 35 },
        { op: 'mul', dtype, args: [0, 1] },
        { op: 'result', dtype, index: 1 },
        load(dtype, access(bias, [1])),
        { op: 'add', dtype, args: [3, 4] },
      ],
      stores: [
        { access: rowMajor(mean, [13]), value: 2 },
        { access: rowMajor(greatest, [13]), value: 5 },
      ],
    });
    const inputs = [moderate(dtype, sizeOf(shape), 1), moderate(dtype, 13, 2)];
    await expectAgreement(backend, builder.build(), inputs, { tolerance: { ulps: 8 } });
  });

  test('a guarded body counts zeros', async (backend) => {
    const builder = new ProgramBuilder((other) => backend.bytesPerElement(other));
    const [from, to] = [builder.input(dtype, 50), builder.output(dtype, 50)];
    const guards = [{ offset: -2, strides: [1, 1], size: 50 }];
    builder.loop({
      extents: [50],
      producer: {
        kind: 'reduce',
        extents: [5],
        body: [load(dtype, access(from, [1, 1], -2, guards))],
        accumulators: [{ op: 'sum', value: 0, dtype }],
      },
      epilogue: [{ op: 'result', dtype, index: 0 }],
      stores: [{ access: rowMajor(to, [50]), value: 0 }],
    });
    await expectAgreement(backend, builder.build(), [moderate(dtype, 50)], {
      tolerance: { absolute: 16 * epsilonOf(dtype) },
    });
  });
}
