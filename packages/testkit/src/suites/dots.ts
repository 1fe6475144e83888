// The dot producer: matrices of ragged sizes in all transpositions, batches, convolutions, fused epilogues.
import {
  type Backend,
  categoryOf,
  type Dot,
  type DType,
  type HostArray,
  type Instruction,
  isFloat,
  type Program,
} from '@nn/core';
import { access, load, ProgramBuilder, rowMajor } from '../build.ts';
import { epsilonOf, type Tolerance, valuesOf } from '../compare.ts';
import type { Context } from '../context.ts';
import { expectAgreement, interpret } from '../device.ts';
import { hostOf, moderate } from '../values.ts';

/** [rows, inner, columns]. */
const sizes = [
  [1, 1, 1],
  [1, 7, 1],
  [3, 5, 7],
  [1, 300, 10],
  [10, 300, 1],
  [17, 33, 65],
  [64, 64, 64],
  [100, 3, 50],
  [5, 1, 9],
  [33, 500, 12],
  [4, 0, 6],
  [0, 4, 6],
] as const;

/** For the dtypes that few programs multiply: software GPUs take seconds for each test. */
const fewSizes = [
  [1, 1, 1],
  [3, 5, 7],
  [17, 33, 65],
  [4, 0, 6],
] as const;

const transpositions = [
  [false, false],
  [true, false],
  [false, true],
  [true, true],
] as const;

interface Matrices {
  readonly dtype: DType;
  readonly size: readonly number[];
  readonly transposed: readonly [boolean, boolean];
  readonly batch: number;
}

function matrixProgram(backend: Backend, { dtype, size, transposed, batch }: Matrices): Program {
  const [rows, inner, columns] = size;
  const builder = new ProgramBuilder((other) => backend.bytesPerElement(other));
  const left = builder.input(dtype, batch * rows * inner);
  const right = builder.input(dtype, batch * inner * columns);
  const target = builder.output(dtype, batch * rows * columns);
  const extents = [batch, rows, columns];
  const producer: Dot = {
    kind: 'dot',
    dtype,
    batchRank: 1,
    rowRank: 1,
    inner: [inner],
    left: {
      buffer: left,
      offset: 0,
      strides: transposed[0] ? [rows * inner, 1, 0, rows] : [rows * inner, inner, 0, 1],
    },
    right: {
      buffer: right,
      offset: 0,
      strides: transposed[1] ? [inner * columns, 0, inner, 1] : [inner * columns, 0, 1, columns],
    },
  };
  builder.loop({
    extents,
    producer,
    epilogue: [{ op: 'result', dtype, index: 0 }],
    stores: [{ access: rowMajor(target, extents), value: 0 }],
  });
  return builder.build();
}

/**
 * Any order of summation, fused or not: the rounding errors of `inner` terms grow like its square root, each
 * relative to the terms' magnitudes, which the same program gives when fed with them.
 */
function dotTolerance(
  dtype: DType,
  program: Program,
  inputs: readonly HostArray[],
  inner: number,
): Tolerance {
  if (!isFloat(dtype)) return {};
  const magnitudes = inputs.map((array) =>
    hostOf(
      dtype,
      valuesOf(dtype, array).map((x) => Math.abs(Number(x))),
    ),
  );
  const bound = epsilonOf(dtype) * (2 + Math.sqrt(inner));
  const [sums] = interpret(program, magnitudes);
  return { absolute: valuesOf(dtype, sums).map((sum) => bound * Number(sum)) };
}

async function expectDot(
  backend: Backend,
  program: Program,
  dtype: DType,
  inner: number,
  what: string,
): Promise<void> {
  const inputs = program.buffers
    .filter(({ role }) => role === 'input')
    .map(({ length }, i) => moderate(dtype, length, i + 1));
  await expectAgreement(backend, program, inputs, {
    tolerance: dotTolerance(dtype, program, inputs, inner),
    describe: (at) => `element ${at} of ${what}`,
  });
}

export function dotsSuite({ test, dtypes }: Context): void {
  for (const dtype of dtypes.filter((dtype) => categoryOf(dtype) !== 'bool')) {
    for (const transposed of transpositions) {
      const letters = transposed.map((flag) => (flag ? 'T' : 'N')).join('');
      test(`${dtype}/${letters}`, async (backend) => {
        for (const size of dtype === 'float32' ? sizes : fewSizes) {
          const program = matrixProgram(backend, { dtype, size, transposed, batch: 1 });
          await expectDot(backend, program, dtype, size[1], `[${size.join(', ')}]`);
        }
      });
    }

    test(`${dtype}/batched`, async (backend) => {
      for (const size of [
        [3, 5, 7],
        [1, 16, 1],
        [20, 8, 33],
      ]) {
        const program = matrixProgram(backend, { dtype, size, transposed: [false, true], batch: 5 });
        await expectDot(backend, program, dtype, size[1], `5 of [${size.join(', ')}]`);
      }
    });

    test(`${dtype}/convolution by overlapping strides`, async (backend) => {
      await expectDot(backend, convolutionProgram(backend, dtype), dtype, 27, 'a convolution');
    });
  }

  if (dtypes.includes('float32')) {
    test('an epilogue after the dot', async (backend) => {
      const program = linearReluProgram(backend);
      const inputs = [24 * 40, 40 * 30, 30].map((length, i) => moderate('float32', length, i + 1));
      // Inputs are below 2 and 40 terms are added: each at most 4, to which a bias is added.
      await expectAgreement(backend, program, inputs, {
        tolerance: { absolute: 160 * epsilonOf('float32') },
      });
    });

    test('scales infinities and NaN as a sum does', async (backend) => {
      const program = matrixProgram(backend, {
        dtype: 'float32',
        size: [3, 4, 2],
        transposed: [false, false],
        batch: 1,
      });
      const left = Float32Array.of(1, Infinity, 0, 0, NaN, 0, 0, 0, 1, 2, 3, 4);
      await expectAgreement(backend, program, [left, Float32Array.of(1, 1, 1, -1, 0, 0, 2, 2)]);
    });
  }
}

/** [2 images, 3 channels, 8 x 9] with [4 filters, 3, 3, 3], stride 2 along the last dimension. */
function convolutionProgram(backend: Backend, dtype: DType): Program {
  const builder = new ProgramBuilder((other) => backend.bytesPerElement(other));
  const [image, filters] = [builder.input(dtype, 2 * 3 * 8 * 9), builder.input(dtype, 4 * 27)];
  // Rows are image, y and x; columns are filters; inner is channel, dy and dx.
  const extents = [2, 6, 4, 4];
  const target = builder.output(dtype, 2 * 4 * 6 * 4);
  builder.loop({
    extents,
    producer: {
      kind: 'dot',
      dtype,
      batchRank: 0,
      rowRank: 3,
      inner: [3, 3, 3],
      left: { buffer: image, offset: 0, strides: [216, 9, 2, 0, 72, 9, 1] },
      right: { buffer: filters, offset: 0, strides: [0, 0, 0, 27, 9, 3, 1] },
    },
    epilogue: [{ op: 'result', dtype, index: 0 }],
    stores: [{ access: access(target, [96, 4, 1, 24]), value: 0 }],
  });
  return builder.build();
}

/** relu(x wᵀ + b), and the sum before the relu. */
function linearReluProgram(backend: Backend): Program {
  const dtype = 'float32';
  const builder = new ProgramBuilder((other) => backend.bytesPerElement(other));
  const [x, w, bias] = [24 * 40, 40 * 30, 30].map((length) => builder.input(dtype, length));
  const targets = [0, 1].map(() => builder.output(dtype, 24 * 30));
  const epilogue: Instruction[] = [
    { op: 'result', dtype, index: 0 },
    load(dtype, access(bias, [0, 1])),
    { op: 'add', dtype, args: [0, 1] },
    { op: 'const', dtype, value: 0 },
    { op: 'max', dtype, args: [2, 3] },
  ];
  builder.loop({
    extents: [24, 30],
    producer: {
      kind: 'dot',
      dtype,
      batchRank: 0,
      rowRank: 1,
      inner: [40],
      left: { buffer: x, offset: 0, strides: [40, 0, 1] },
      right: { buffer: w, offset: 0, strides: [0, 40, 1] },
    },
    epilogue,
    stores: [
      { access: rowMajor(targets[0], [24, 30]), value: 4 },
      { access: rowMajor(targets[1], [24, 30]), value: 2 },
    ],
  });
  return builder.build();
}
