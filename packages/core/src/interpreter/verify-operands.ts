// Which dtypes each scalar instruction takes and gives.
import { bytesPerElement, categoryOf, type DType, type DTypeCategory } from '../dtype.ts';
import { mathOps, type ScalarOp } from '../scalar.ts';

const numbers: readonly DTypeCategory[] = ['integer', 'float'];
const everything: readonly DTypeCategory[] = ['bool', 'integer', 'float'];

/** Operand count and categories of the instructions whose operands and result have one dtype. */
const uniform: { readonly [O in ScalarOp]?: readonly [number, readonly DTypeCategory[]] } = {
  add: [2, numbers],
  sub: [2, numbers],
  mul: [2, numbers],
  div: [2, numbers],
  rem: [2, numbers],
  min: [2, everything],
  max: [2, everything],
  pow: [2, ['float']],
  atan2: [2, ['float']],
  and: [2, ['bool', 'integer']],
  or: [2, ['bool', 'integer']],
  xor: [2, ['bool', 'integer']],
  shiftLeft: [2, ['integer']],
  shiftRight: [2, ['integer']],
  shiftRightUnsigned: [2, ['integer']],
  neg: [1, numbers],
  abs: [1, numbers],
  not: [1, ['bool', 'integer']],
  floor: [1, ['float']],
  ceil: [1, ['float']],
  trunc: [1, ['float']],
  round: [1, ['float']],
  sqrt: [1, ['float']],
  fma: [3, numbers],
  ...Object.fromEntries(mathOps.map((op) => [op, [1, ['float']]])),
};

/** Checks one instruction; `check` says where it stands. */
export function verifyOperands(
  op: ScalarOp | 'gather',
  dtype: DType,
  operands: readonly DType[],
  check: (holds: boolean, problem: string) => void,
): void {
  const listed = `its operands are ${operands.join(', ')}`;
  const rule = op === 'gather' ? undefined : uniform[op];
  if (rule !== undefined) {
    const [count, categories] = rule;
    check(operands.length === count, `takes ${count} operands, not ${operands.length}`);
    check(
      operands.every((operand) => operand === dtype),
      listed,
    );
    check(categories.includes(categoryOf(dtype)), `does not take ${dtype}`);
    return;
  }
  check(fits(op, dtype, operands), listed);
}

/** The instructions whose operands and result differ in dtype. */
function fits(op: ScalarOp | 'gather', dtype: DType, operands: readonly DType[]): boolean {
  const [first, second, third] = operands;
  switch (op) {
    case 'eq':
    case 'ne':
    case 'lt':
    case 'le':
      return dtype === 'bool' && operands.length === 2 && first === second;
    case 'where':
      return operands.length === 3 && first === 'bool' && second === dtype && third === dtype;
    case 'cast':
      return operands.length === 1;
    case 'bitcast':
      return (
        operands.length === 1 &&
        bytesPerElement(first) === bytesPerElement(dtype) &&
        dtype !== 'bool' &&
        first !== 'bool'
      );
    case 'philox':
      return operands.length === 4 && [dtype, ...operands].every((one) => one === 'int32');
    case 'gather':
      return operands.length === 1 && categoryOf(first) === 'integer';
    default:
      return false;
  }
}
