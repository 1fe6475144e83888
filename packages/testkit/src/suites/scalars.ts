// Every scalar instruction on every dtype, over extreme and ordinary values, against the interpreter.
import {
  type Backend,
  bytesPerElement,
  categoryOf,
  type DType,
  type HostArray,
  type Instruction,
  isFloat,
  isInteger,
  mathOps,
  type ScalarOp,
} from '@nn/core';
import { load, ProgramBuilder, rowMajor } from '../build.ts';
import { epsilonOf, type Tolerance, valuesOf } from '../compare.ts';
import type { Context } from '../context.ts';
import { expectAgreement } from '../device.ts';
import { extremes, hostOf, moderate, ordinary } from '../values.ts';

interface Computation {
  readonly op: ScalarOp;
  /** The result's dtype. */
  readonly dtype: DType;
  readonly operands: readonly (readonly [DType, HostArray])[];
  readonly tolerance?: Tolerance;
}

/** Runs one instruction over the operands' elements. */
async function expectInstruction(
  backend: Backend,
  { op, dtype, operands, tolerance }: Computation,
): Promise<void> {
  const builder = new ProgramBuilder((other) => backend.bytesPerElement(other));
  const { length } = operands[0][1];
  const epilogue: Instruction[] = operands.map(([operand]) =>
    load(operand, rowMajor(builder.input(operand, length), [length])),
  );
  epilogue.push({ op, dtype, args: operands.map((_, i) => i) });
  builder.map([length], epilogue, operands.length, builder.output(dtype, length));
  const values = operands.map(([operand, array]) => valuesOf(operand, array));
  await expectAgreement(
    backend,
    builder.build(),
    operands.map(([, array]) => array),
    { tolerance, describe: (at) => `${op}(${values.map((list) => list[at]).join(', ')})` },
  );
}

const arithmetic = ['add', 'sub', 'mul', 'div', 'rem', 'min', 'max'] as const;
const onBool = ['min', 'max', 'and', 'or', 'xor'] as const;
const onIntegers = [
  ...arithmetic,
  'and',
  'or',
  'xor',
  'shiftLeft',
  'shiftRight',
  'shiftRightUnsigned',
] as const;
const onFloats = [...arithmetic, 'pow', 'atan2'] as const;
const comparisons = ['eq', 'ne', 'lt', 'le'] as const;
const floatUnaries = ['neg', 'abs', 'floor', 'ceil', 'trunc', 'round', 'sqrt', ...mathOps] as const;
const periodic: ReadonlySet<ScalarOp> = new Set(['sin', 'cos', 'tan']);

function binariesOf(dtype: DType): readonly ScalarOp[] {
  if (isFloat(dtype)) return onFloats;
  return isInteger(dtype) ? onIntegers : onBool;
}

function unariesOf(dtype: DType): readonly ScalarOp[] {
  if (isFloat(dtype)) return floatUnaries;
  return isInteger(dtype) ? ['neg', 'abs', 'not'] : ['not'];
}

/** Every pair of extreme values, then ordinary ones. */
function pairs(dtype: DType, subnormals: boolean): [HostArray, HostArray] {
  const ends = extremes(dtype, subnormals);
  const left = ends.flatMap((value) => ends.map(() => value));
  const right = ends.flatMap(() => ends);
  return [
    hostOf(dtype, [...left, ...ordinary(dtype, 300, 1)]),
    hostOf(dtype, [...right, ...ordinary(dtype, 300, 2)]),
  ];
}

/** Arguments beyond a thousand turns are a test of their own: few devices reduce them exactly. */
function argumentsOf(op: ScalarOp, dtype: DType, subnormals: boolean): HostArray {
  const values = [...extremes(dtype, subnormals), ...ordinary(dtype, 600, 3)];
  const inRange = (value: number | bigint): boolean =>
    !(Math.abs(Number(value)) > 6000 && Number.isFinite(value));
  return hostOf(dtype, periodic.has(op) ? values.filter(inRange) : values);
}

export function scalarsSuite({ test, dtypes, subnormals, tolerance }: Context): void {
  for (const dtype of dtypes) {
    for (const op of binariesOf(dtype)) {
      test(`${dtype}/${op}`, async (backend) => {
        const [left, right] = pairs(dtype, subnormals);
        const operands = [[dtype, left] as const, [dtype, right] as const];
        await expectInstruction(backend, { op, dtype, operands, tolerance: tolerance(op, dtype) });
      });
    }

    for (const op of unariesOf(dtype)) {
      test(`${dtype}/${op}`, async (backend) => {
        const operands = [[dtype, argumentsOf(op, dtype, subnormals)] as const];
        await expectInstruction(backend, { op, dtype, operands, tolerance: tolerance(op, dtype) });
      });
    }

    for (const op of comparisons) {
      test(`${dtype}/${op}`, async (backend) => {
        const [left, right] = pairs(dtype, subnormals);
        const operands = [[dtype, left] as const, [dtype, right] as const];
        await expectInstruction(backend, { op, dtype: 'bool', operands });
      });
    }

    test(`${dtype}/where`, async (backend) => {
      const [left, right] = pairs(dtype, subnormals);
      const condition = moderate('bool', left.length);
      const operands = [['bool', condition] as const, [dtype, left] as const, [dtype, right] as const];
      await expectInstruction(backend, { op: 'where', dtype, operands });
    });

    if (categoryOf(dtype) !== 'bool') {
      test(`${dtype}/fma`, async (backend) => {
        const factors = [1, 2, 3].map((seed) => moderate(dtype, 500, seed));
        // With one rounding or with two: they differ by a rounding of the product, which shows where the sum
        // cancels, and may tip the last place of the result.
        const [a, b] = factors.map((array) => valuesOf(dtype, array));
        const absolute = a.map((x, i) => epsilonOf(dtype) * Math.abs(Number(x) * Number(b[i])));
        const operands = factors.map((array) => [dtype, array] as const);
        await expectInstruction(backend, {
          op: 'fma',
          dtype,
          operands,
          tolerance: { absolute, ulps: isFloat(dtype) ? 1 : 0 },
        });
      });
    }

    for (const from of dtypes.filter((other) => other !== dtype)) {
      test(`${dtype}/cast from ${from}`, async (backend) => {
        const values = hostOf(from, [...extremes(from, subnormals), ...ordinary(from, 300, 4)]);
        const bounds = tolerance('cast', dtype);
        await expectInstruction(backend, {
          op: 'cast',
          dtype,
          operands: [[from, values]],
          tolerance: bounds,
        });
      });
      if (bytesPerElement(from) !== bytesPerElement(dtype) || from === 'bool' || dtype === 'bool') continue;
      test(`${dtype}/bitcast from ${from}`, async (backend) => {
        // Devices may change the payload of a NaN.
        const numbers = [...extremes(from, subnormals), ...ordinary(from, 300, 5)].filter(
          (x) => !Number.isNaN(x),
        );
        const operands = [[from, hostOf(from, numbers)] as const];
        await expectInstruction(backend, {
          op: 'bitcast',
          dtype,
          operands,
          tolerance: tolerance('bitcast', dtype),
        });
      });
    }

    if (isFloat(dtype) && dtype !== 'float16') {
      for (const op of periodic) {
        test(`${dtype}/${op} of huge arguments`, async (backend) => {
          const values = ordinary(dtype, 200, 6).map((x) => Number(x) * 1e6);
          const operands = [[dtype, hostOf(dtype, values)] as const];
          await expectInstruction(backend, { op, dtype, operands, tolerance: tolerance(op, dtype) });
        });
      }
    }

    test(`${dtype}/const, param and index`, async (backend) => {
      const builder = new ProgramBuilder((other) => backend.bytesPerElement(other));
      const extents = [3, 5];
      const given = dtype === 'int64' ? [7n, -3n] : dtype === 'bool' || dtype === 'uint8' ? [1, 0] : [7, -3];
      const param = builder.param(dtype);
      const sources: Instruction[] = [
        ...given.map((value): Instruction => ({ op: 'const', dtype, value })),
        { op: 'param', dtype, index: param },
        { op: 'index', dtype, affine: { offset: 2, strides: [10, 3] } },
      ];
      sources.forEach((_, value) => {
        const target = builder.output(dtype, 15);
        builder.map(extents, sources, value, target);
      });
      for (const value of given) await expectAgreement(backend, builder.build(), [], { params: [value] });
    });
  }

  if (dtypes.includes('int32')) {
    test('philox', async (backend) => {
      const operands = [1, 2, 3, 4].map((seed) => {
        const values = [0, 0, -1, -1, ...ordinary('int32', 400, 10 + seed)];
        return ['int32', hostOf('int32', values)] as const;
      });
      await expectInstruction(backend, { op: 'philox', dtype: 'int32', operands });
    });
  }
}
