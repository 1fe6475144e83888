// Small expressions over values in locals, for kernels written by hand: their dtypes are lowered as in loops.
import { type DType, ExpressionBuilder, type ReduceOp, type Value } from '@nn/core';
import { EmitContext, type Tier } from '../emit/context.ts';
import { narrowHalf, widenHalf } from '../emit/half.ts';
import { splat, vectorLocals } from '../emit/lanes.ts';
import { constant } from '../emit/literal.ts';
import { numberType, type RegisterDType, type VectorLocal } from '../emit/registers.ts';
import { scalarOperation } from '../emit/scalar-operations.ts';
import { setRegisters, type VectorOperand, vectorOperation } from '../emit/vector-operations.ts';
import type { Expression, FunctionBuilder, Local } from '../wasm/index.ts';

const scalarTier: Tier = { simd: false, relaxedSimd: false };

/** Writes what `describe` builds from the inputs; each input is of the dtype that it is held as. */
export function writeExpression(
  builder: FunctionBuilder,
  inputs: readonly { readonly dtype: RegisterDType; readonly local: Local }[],
  describe: (b: ExpressionBuilder, inputs: readonly Value[]) => Value,
): Local {
  const b = new ExpressionBuilder();
  const root = describe(
    b,
    inputs.map(({ dtype }, index) => b.add({ op: 'param', dtype, index })),
  );
  const context = new EmitContext(builder, scalarTier, new Map());
  const locals: Local[] = [];
  for (const instruction of b.instructions) {
    const dtype = instruction.dtype as RegisterDType;
    let code: Expression;
    if (instruction.op === 'param') {
      locals.push(inputs[instruction.index].local);
      continue;
    }
    if (instruction.op === 'const') code = constant(dtype, instruction.value);
    else if ('args' in instruction && instruction.op !== 'gather') {
      const operands = instruction.args.map((arg) => locals[arg]);
      const last = instruction.args[instruction.args.length - 1];
      const from = b.dtypeOf(last) as RegisterDType;
      code = scalarOperation(context, instruction.op, dtype, from, operands);
    } else throw new TypeError(`cpu: '${instruction.op}' has no place in a combining expression.`);
    locals.push(builder.local(numberType(dtype), code as Expression<'i32'>));
  }
  return locals[root];
}

const isHalf = (dtype: DType): dtype is 'float16' | 'bfloat16' => dtype === 'float16' || dtype === 'bfloat16';

/** The same on vectors of four; each input is held in as many registers as its dtype takes. */
export function writeVectorExpression(
  builder: FunctionBuilder,
  tier: Tier,
  inputs: readonly { readonly dtype: RegisterDType; readonly registers: readonly VectorLocal[] }[],
  describe: (b: ExpressionBuilder, inputs: readonly Value[]) => Value,
): readonly VectorLocal[] {
  const b = new ExpressionBuilder();
  const root = describe(
    b,
    inputs.map(({ dtype }, index) => b.add({ op: 'param', dtype, index })),
  );
  const context = new EmitContext(builder, tier, new Map());
  const operands: VectorOperand[] = [];
  for (const instruction of b.instructions) {
    const dtype = instruction.dtype as RegisterDType;
    if (instruction.op === 'param') {
      operands.push({ dtype, registers: inputs[instruction.index].registers, scalar: undefined });
      continue;
    }
    const registers = vectorLocals(builder, dtype);
    if (instruction.op === 'const') {
      const code = constant(dtype, instruction.value) as Expression<'i32'>;
      const scalar = builder.local(numberType(dtype), code);
      setRegisters(builder, registers, splat(dtype, scalar));
      operands.push({ dtype, registers, scalar });
      continue;
    }
    if (!('args' in instruction) || instruction.op === 'gather')
      throw new TypeError(`cpu: '${instruction.op}' has no place in a combining expression.`);
    const given = instruction.args.map((arg) => operands[arg]);
    setRegisters(builder, registers, vectorOperation(context, instruction.op, dtype, given));
    operands.push({ dtype, registers, scalar: undefined });
  }
  return operands[root].registers;
}

/** An element as stored to the value with which to compute. */
export function widen(b: ExpressionBuilder, dtype: DType, stored: Value): Value {
  return isHalf(dtype) ? widenHalf(b, dtype, stored) : stored;
}

/** And back. */
export function narrow(b: ExpressionBuilder, dtype: DType, value: Value): Value {
  return isHalf(dtype) ? narrowHalf(b, dtype, value) : value;
}

const combiningOps = { sum: 'add', prod: 'mul', max: 'max', min: 'min' } as const;

export function combine(
  b: ExpressionBuilder,
  op: Exclude<ReduceOp, 'argmax' | 'argmin'>,
  left: Value,
  right: Value,
): Value {
  return b.binary(combiningOps[op], left, right);
}
