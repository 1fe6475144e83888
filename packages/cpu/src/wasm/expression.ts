// Typed expressions: what an instruction takes and gives is checked by TypeScript, before any engine sees it.

import { type Code, float32Bytes, float64Bytes, signed, unsigned } from './encoding.ts';

export type ValueType = 'i32' | 'i64' | 'f32' | 'f64' | 'v128';

export const valueTypeCodes: Readonly<Record<ValueType, number>> = {
  i32: 0x7f,
  i64: 0x7e,
  f32: 0x7d,
  f64: 0x7c,
  v128: 0x7b,
};

/** Code that leaves one value of the given type on the stack. */
export interface Expression<T extends ValueType = ValueType> {
  readonly type: T;
  readonly code: Code;
}

/** Code that leaves nothing on the stack. */
export interface Statement {
  readonly type: 'void';
  readonly code: Code;
}

interface Literals {
  readonly i32: number;
  readonly i64: bigint;
  readonly f32: number;
  readonly f64: number;
  readonly v128: never;
}

/** What an instruction accepts: an expression, or a JavaScript literal of the same type. */
export type Operand<T extends ValueType> = Expression<T> | Literals[T];

/** An instruction's bytes: one number, or a prefix byte and a number in LEB128. */
export type Opcode = number | readonly [prefix: number, code: number];

export function opcodeBytes(opcode: Opcode): Code {
  return typeof opcode === 'number' ? opcode : [opcode[0], unsigned(opcode[1])];
}

export function expression<T extends ValueType>(type: T, code: Code): Expression<T> {
  return { type, code };
}

export function statement(code: Code): Statement {
  return { type: 'void', code };
}

/** The code that pushes a literal. */
export function constantCode(type: ValueType, value: number | bigint): Code {
  switch (type) {
    case 'i32':
      return [0x41, signed(Number(value) | 0)];
    case 'i64':
      return [0x42, signed(BigInt.asIntN(64, BigInt(value)))];
    case 'f32':
      return [0x43, float32Bytes(Number(value))];
    case 'f64':
      return [0x44, float64Bytes(Number(value))];
    case 'v128':
      throw new TypeError(
        'constantCode: a v128 has no literal. Write i32x4.constant(...) or f32x4.constant(...).',
      );
  }
}

/** The code that pushes an operand. */
export function operandCode<T extends ValueType>(type: T, operand: Operand<T>): Code {
  return typeof operand === 'object' ? operand.code : constantCode(type, operand);
}

export type Unary<Names extends string, From extends ValueType, To extends ValueType> = {
  readonly [Name in Names]: (value: Operand<From>) => Expression<To>;
};

export type Binary<Names extends string, From extends ValueType, To extends ValueType> = {
  readonly [Name in Names]: (left: Operand<From>, right: Operand<From>) => Expression<To>;
};

export type Ternary<Names extends string, T extends ValueType> = {
  readonly [Name in Names]: (first: Operand<T>, second: Operand<T>, third: Operand<T>) => Expression<T>;
};

export type Shift<Names extends string> = {
  readonly [Name in Names]: (value: Expression<'v128'>, count: Operand<'i32'>) => Expression<'v128'>;
};

export type Load<Names extends string, T extends ValueType> = {
  readonly [Name in Names]: (address: Operand<'i32'>, offset?: number) => Expression<T>;
};

export type Store<Names extends string, T extends ValueType> = {
  readonly [Name in Names]: (address: Operand<'i32'>, value: Operand<T>, offset?: number) => Statement;
};

type Opcodes<Names extends string> = Readonly<Record<Names, Opcode>>;

function mapOpcodes<Names extends string, Instruction>(
  opcodes: Opcodes<Names>,
  make: (bytes: Code) => Instruction,
): Record<Names, Instruction> {
  const entries = Object.entries<Opcode>(opcodes).map(([name, opcode]) => [name, make(opcodeBytes(opcode))]);
  return Object.fromEntries(entries) as Record<Names, Instruction>;
}

export function unary<Names extends string, From extends ValueType, To extends ValueType>(
  from: From,
  to: To,
  opcodes: Opcodes<Names>,
): Unary<Names, From, To> {
  return mapOpcodes(
    opcodes,
    (bytes) =>
      (value: Operand<From>): Expression<To> =>
        expression(to, [operandCode(from, value), bytes]),
  );
}

export function binary<Names extends string, From extends ValueType, To extends ValueType>(
  from: From,
  to: To,
  opcodes: Opcodes<Names>,
): Binary<Names, From, To> {
  return mapOpcodes(
    opcodes,
    (bytes) =>
      (left: Operand<From>, right: Operand<From>): Expression<To> =>
        expression(to, [operandCode(from, left), operandCode(from, right), bytes]),
  );
}

export function ternary<Names extends string, T extends ValueType>(
  type: T,
  opcodes: Opcodes<Names>,
): Ternary<Names, T> {
  return mapOpcodes(
    opcodes,
    (bytes) =>
      (first: Operand<T>, second: Operand<T>, third: Operand<T>): Expression<T> =>
        expression(type, [
          operandCode(type, first),
          operandCode(type, second),
          operandCode(type, third),
          bytes,
        ]),
  );
}

export function shift<Names extends string>(opcodes: Opcodes<Names>): Shift<Names> {
  return mapOpcodes(
    opcodes,
    (bytes) =>
      (value: Expression<'v128'>, count: Operand<'i32'>): Expression<'v128'> =>
        expression('v128', [value.code, operandCode('i32', count), bytes]),
  );
}

/** Alignment is only a hint for plain accesses; byte alignment is always valid, and no engine is slower for it. */
const memoryArgument = (offset: number, alignment: number): Code => [alignment, unsigned(offset)];

export function load<Names extends string, T extends ValueType>(
  type: T,
  opcodes: Opcodes<Names>,
  alignment = 0,
): Load<Names, T> {
  return mapOpcodes(
    opcodes,
    (bytes) =>
      (address: Operand<'i32'>, offset = 0): Expression<T> =>
        expression(type, [operandCode('i32', address), bytes, memoryArgument(offset, alignment)]),
  );
}

export function store<Names extends string, T extends ValueType>(
  type: T,
  opcodes: Opcodes<Names>,
  alignment = 0,
): Store<Names, T> {
  return mapOpcodes(
    opcodes,
    (bytes) =>
      (address: Operand<'i32'>, value: Operand<T>, offset = 0): Statement =>
        statement([
          operandCode('i32', address),
          operandCode(type, value),
          bytes,
          memoryArgument(offset, alignment),
        ]),
  );
}
