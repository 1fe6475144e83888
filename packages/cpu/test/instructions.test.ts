// Every scalar instruction on every dtype, against the interpreter.
import { type DType, dtypes, type Instruction, mathOps, type ScalarOp } from '@nn/core';
import { afterAll, describe, test } from 'vitest';
import { backends } from './support/backends.ts';
import {
  at,
  expectAgreement,
  generator,
  input,
  loop,
  output,
  program,
  randomArray,
} from './support/programs.ts';

const floats: readonly DType[] = ['float16', 'bfloat16', 'float32', 'float64'];
const integers: readonly DType[] = ['uint8', 'int8', 'int16', 'int32', 'int64'];
const numbers: readonly DType[] = [...integers, ...floats];

interface Case {
  readonly op: ScalarOp;
  readonly dtype: DType;
  readonly operands: readonly DType[];
}

const cases: Case[] = [];
const add = (ops: readonly ScalarOp[], on: readonly DType[], count: number, result?: DType): void => {
  for (const op of ops)
    for (const dtype of on) cases.push({ op, dtype: result ?? dtype, operands: Array(count).fill(dtype) });
};
add(['add', 'sub', 'mul', 'div', 'rem', 'min', 'max'], numbers, 2);
add(['min', 'max'], ['bool'], 2);
add(['pow', 'atan2'], floats, 2);
add(['and', 'or', 'xor'], ['bool', ...integers], 2);
add(['shiftLeft', 'shiftRight', 'shiftRightUnsigned'], integers, 2);
add(['eq', 'ne', 'lt', 'le'], dtypes, 2, 'bool');
add(['neg', 'abs'], numbers, 1);
add(['not'], ['bool', ...integers], 1);
add(['floor', 'ceil', 'trunc', 'round', 'sqrt', ...mathOps], floats, 1);
add(['fma'], numbers, 3);
add(['philox'], ['int32'], 4);
for (const dtype of dtypes) cases.push({ op: 'where', dtype, operands: ['bool', dtype, dtype] });
for (const from of dtypes)
  for (const dtype of dtypes) if (from !== dtype) cases.push({ op: 'cast', dtype, operands: [from] });
for (const [from, dtype] of [
  ['float32', 'int32'],
  ['int32', 'float32'],
  ['float64', 'int64'],
  ['int64', 'float64'],
  ['float16', 'int16'],
  ['int16', 'bfloat16'],
] as const)
  cases.push({ op: 'bitcast', dtype, operands: [from] });

/** A loop over elements; `strides` of each operand tell whether lanes differ, are equal, or lie apart. */
function elementwise({ op, dtype, operands }: Case, count: number, strides: readonly number[]) {
  const loads = operands.map(
    (operand, i): Instruction => ({ op: 'load', dtype: operand, access: at(i, [strides[i]]) }),
  );
  const instruction = { op, dtype, args: operands.map((_, i) => i) } as Instruction;
  const kernel = loop({
    extents: [count],
    epilogue: [...loads, instruction],
    stores: [{ access: at(operands.length, [1]), value: loads.length }],
  });
  const buffers = operands.map((operand, i) => input(operand, Math.max(1, count * strides[i])));
  return program([...buffers, output(dtype, count)], [kernel]);
}

const isShift = (op: string): boolean => op.startsWith('shift');

for (const { name, make } of backends.slice(0, 3)) {
  describe(name, () => {
    const backend = make();
    afterAll(() => backend.dispose());
    for (const tested of cases) {
      test(`${tested.op} of ${tested.operands.join(', ')} to ${tested.dtype}`, () => {
        const random = generator(7);
        // 16-bit floats keep float32 between instructions, where the interpreter rounds.
        const scale = ['pow', 'tan', 'sinh', 'cosh', 'exp', 'exp2', 'expm1'].includes(tested.op) ? 8 : 1;
        for (const strides of [
          tested.operands.map(() => 1),
          tested.operands.map((_, i) => (i === 1 ? 0 : 2)),
        ]) {
          const count = 103;
          const inputs = tested.operands.map((operand, i) => {
            const array = randomArray(
              operand,
              Math.max(1, count * strides[i]),
              random,
              tested.op !== 'philox',
            );
            if (isShift(tested.op) && i === 1)
              for (let j = 0; j < array.length; j++)
                array[j] = operand === 'int64' ? BigInt(j % 64) : j % (array.BYTES_PER_ELEMENT * 8);
            return array;
          });
          expectAgreement(backend, elementwise(tested, count, strides), inputs, [], scale);
        }
      });
    }
  });
}
