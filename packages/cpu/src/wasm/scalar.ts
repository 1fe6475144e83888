// Scalar instructions, named as in the specification: `i32.div_s` is `i32.divS`.
// Source: https://webassembly.github.io/spec/core/binary/instructions.html#numeric-instructions

import {
  type Binary,
  binary,
  constantCode,
  type Expression,
  expression,
  type Load,
  load,
  type Operand,
  operandCode,
  type Statement,
  type Store,
  statement,
  store,
  type Unary,
  unary,
  type ValueType,
} from './expression.ts';

type Constant<T extends ValueType, Literal> = { readonly constant: (value: Literal) => Expression<T> };

type IntegerArithmetic =
  | 'add'
  | 'sub'
  | 'mul'
  | 'divS'
  | 'divU'
  | 'remS'
  | 'remU'
  | 'and'
  | 'or'
  | 'xor'
  | 'shl'
  | 'shrS'
  | 'shrU'
  | 'rotl'
  | 'rotr';
type IntegerComparison = 'eq' | 'ne' | 'ltS' | 'ltU' | 'gtS' | 'gtU' | 'leS' | 'leU' | 'geS' | 'geU';
type FloatArithmetic = 'add' | 'sub' | 'mul' | 'div' | 'min' | 'max' | 'copysign';
type FloatUnary = 'abs' | 'neg' | 'ceil' | 'floor' | 'trunc' | 'nearest' | 'sqrt';
type FloatComparison = 'eq' | 'ne' | 'lt' | 'gt' | 'le' | 'ge';

/** Numbers the opcodes of names that follow each other in the specification. */
function sequence<Names extends string>(first: number, names: readonly Names[]): Record<Names, number> {
  return Object.fromEntries(names.map((name, index) => [name, first + index])) as Record<Names, number>;
}

const integerArithmetic: readonly IntegerArithmetic[] = [
  'add',
  'sub',
  'mul',
  'divS',
  'divU',
  'remS',
  'remU',
  'and',
  'or',
  'xor',
  'shl',
  'shrS',
  'shrU',
  'rotl',
  'rotr',
];
const integerComparison: readonly IntegerComparison[] = [
  'eq',
  'ne',
  'ltS',
  'ltU',
  'gtS',
  'gtU',
  'leS',
  'leU',
  'geS',
  'geU',
];
const floatUnary: readonly FloatUnary[] = ['abs', 'neg', 'ceil', 'floor', 'trunc', 'nearest', 'sqrt'];
const floatArithmetic: readonly FloatArithmetic[] = ['add', 'sub', 'mul', 'div', 'min', 'max', 'copysign'];
const floatComparison: readonly FloatComparison[] = ['eq', 'ne', 'lt', 'gt', 'le', 'ge'];
const bitCounts = ['clz', 'ctz', 'popcnt'] as const;

export const i32: Constant<'i32', number> &
  Binary<IntegerArithmetic | IntegerComparison, 'i32', 'i32'> &
  Unary<'eqz' | 'clz' | 'ctz' | 'popcnt' | 'extend8S' | 'extend16S', 'i32', 'i32'> &
  Unary<'wrapI64', 'i64', 'i32'> &
  Unary<'truncF32S' | 'truncF32U' | 'truncSatF32S' | 'truncSatF32U' | 'reinterpretF32', 'f32', 'i32'> &
  Unary<'truncF64S' | 'truncF64U' | 'truncSatF64S' | 'truncSatF64U', 'f64', 'i32'> &
  Load<'load' | 'load8S' | 'load8U' | 'load16S' | 'load16U', 'i32'> &
  Store<'store' | 'store8' | 'store16', 'i32'> = {
  constant: (value: number): Expression<'i32'> => expression('i32', constantCode('i32', value)),
  ...binary('i32', 'i32', sequence(0x6a, integerArithmetic)),
  ...binary('i32', 'i32', sequence(0x46, integerComparison)),
  ...unary('i32', 'i32', { eqz: 0x45, ...sequence(0x67, bitCounts), extend8S: 0xc0, extend16S: 0xc1 }),
  ...unary('i64', 'i32', { wrapI64: 0xa7 }),
  ...unary('f32', 'i32', {
    truncF32S: 0xa8,
    truncF32U: 0xa9,
    truncSatF32S: [0xfc, 0],
    truncSatF32U: [0xfc, 1],
    reinterpretF32: 0xbc,
  }),
  ...unary('f64', 'i32', {
    truncF64S: 0xaa,
    truncF64U: 0xab,
    truncSatF64S: [0xfc, 2],
    truncSatF64U: [0xfc, 3],
  }),
  ...load('i32', { load: 0x28, load8S: 0x2c, load8U: 0x2d, load16S: 0x2e, load16U: 0x2f }),
  ...store('i32', { store: 0x36, store8: 0x3a, store16: 0x3b }),
};

export const i64: Constant<'i64', bigint> &
  Binary<IntegerArithmetic, 'i64', 'i64'> &
  Binary<IntegerComparison, 'i64', 'i32'> &
  Unary<'eqz', 'i64', 'i32'> &
  Unary<'clz' | 'ctz' | 'popcnt' | 'extend8S' | 'extend16S' | 'extend32S', 'i64', 'i64'> &
  Unary<'extendI32S' | 'extendI32U', 'i32', 'i64'> &
  Unary<'truncF32S' | 'truncF32U' | 'truncSatF32S' | 'truncSatF32U', 'f32', 'i64'> &
  Unary<'truncF64S' | 'truncF64U' | 'truncSatF64S' | 'truncSatF64U' | 'reinterpretF64', 'f64', 'i64'> &
  Load<'load' | 'load8S' | 'load8U' | 'load16S' | 'load16U' | 'load32S' | 'load32U', 'i64'> &
  Store<'store' | 'store8' | 'store16' | 'store32', 'i64'> = {
  constant: (value: bigint): Expression<'i64'> => expression('i64', constantCode('i64', value)),
  ...binary('i64', 'i64', sequence(0x7c, integerArithmetic)),
  ...binary('i64', 'i32', sequence(0x51, integerComparison)),
  ...unary('i64', 'i32', { eqz: 0x50 }),
  ...unary('i64', 'i64', { ...sequence(0x79, bitCounts), extend8S: 0xc2, extend16S: 0xc3, extend32S: 0xc4 }),
  ...unary('i32', 'i64', { extendI32S: 0xac, extendI32U: 0xad }),
  ...unary('f32', 'i64', {
    truncF32S: 0xae,
    truncF32U: 0xaf,
    truncSatF32S: [0xfc, 4],
    truncSatF32U: [0xfc, 5],
  }),
  ...unary('f64', 'i64', {
    truncF64S: 0xb0,
    truncF64U: 0xb1,
    truncSatF64S: [0xfc, 6],
    truncSatF64U: [0xfc, 7],
    reinterpretF64: 0xbd,
  }),
  ...load('i64', {
    load: 0x29,
    load8S: 0x30,
    load8U: 0x31,
    load16S: 0x32,
    load16U: 0x33,
    load32S: 0x34,
    load32U: 0x35,
  }),
  ...store('i64', { store: 0x37, store8: 0x3c, store16: 0x3d, store32: 0x3e }),
};

export const f32: Constant<'f32', number> &
  Binary<FloatArithmetic, 'f32', 'f32'> &
  Binary<FloatComparison, 'f32', 'i32'> &
  Unary<FloatUnary, 'f32', 'f32'> &
  Unary<'convertI32S' | 'convertI32U' | 'reinterpretI32', 'i32', 'f32'> &
  Unary<'convertI64S' | 'convertI64U', 'i64', 'f32'> &
  Unary<'demoteF64', 'f64', 'f32'> &
  Load<'load', 'f32'> &
  Store<'store', 'f32'> = {
  constant: (value: number): Expression<'f32'> => expression('f32', constantCode('f32', value)),
  ...binary('f32', 'f32', sequence(0x92, floatArithmetic)),
  ...binary('f32', 'i32', sequence(0x5b, floatComparison)),
  ...unary('f32', 'f32', sequence(0x8b, floatUnary)),
  ...unary('i32', 'f32', { convertI32S: 0xb2, convertI32U: 0xb3, reinterpretI32: 0xbe }),
  ...unary('i64', 'f32', { convertI64S: 0xb4, convertI64U: 0xb5 }),
  ...unary('f64', 'f32', { demoteF64: 0xb6 }),
  ...load('f32', { load: 0x2a }),
  ...store('f32', { store: 0x38 }),
};

export const f64: Constant<'f64', number> &
  Binary<FloatArithmetic, 'f64', 'f64'> &
  Binary<FloatComparison, 'f64', 'i32'> &
  Unary<FloatUnary, 'f64', 'f64'> &
  Unary<'convertI32S' | 'convertI32U', 'i32', 'f64'> &
  Unary<'convertI64S' | 'convertI64U' | 'reinterpretI64', 'i64', 'f64'> &
  Unary<'promoteF32', 'f32', 'f64'> &
  Load<'load', 'f64'> &
  Store<'store', 'f64'> = {
  constant: (value: number): Expression<'f64'> => expression('f64', constantCode('f64', value)),
  ...binary('f64', 'f64', sequence(0xa0, floatArithmetic)),
  ...binary('f64', 'i32', sequence(0x61, floatComparison)),
  ...unary('f64', 'f64', sequence(0x99, floatUnary)),
  ...unary('i32', 'f64', { convertI32S: 0xb7, convertI32U: 0xb8 }),
  ...unary('i64', 'f64', { convertI64S: 0xb9, convertI64U: 0xba, reinterpretI64: 0xbf }),
  ...unary('f32', 'f64', { promoteF32: 0xbb }),
  ...load('f64', { load: 0x2b }),
  ...store('f64', { store: 0x39 }),
};

/** `whenTrue` if the condition is not zero, else `whenFalse`; both are evaluated. */
export function select<T extends ValueType>(
  condition: Operand<'i32'>,
  whenTrue: Expression<T>,
  whenFalse: Expression<T>,
): Expression<T> {
  // The untyped select (0x1b) takes numbers only; 0x1c with a type takes any value.
  const opcode = whenTrue.type === 'v128' ? [0x1c, 1, 0x7b] : 0x1b;
  return expression(whenTrue.type, [whenTrue.code, whenFalse.code, operandCode('i32', condition), opcode]);
}

/** Bulk memory: addresses and lengths in bytes. */
export const memory: {
  readonly copy: (to: Operand<'i32'>, from: Operand<'i32'>, length: Operand<'i32'>) => Statement;
  readonly fill: (to: Operand<'i32'>, byte: Operand<'i32'>, length: Operand<'i32'>) => Statement;
} = {
  copy: (to: Operand<'i32'>, from: Operand<'i32'>, length: Operand<'i32'>): Statement =>
    statement([operandCode('i32', to), operandCode('i32', from), operandCode('i32', length), 0xfc, 10, 0, 0]),
  fill: (to: Operand<'i32'>, byte: Operand<'i32'>, length: Operand<'i32'>): Statement =>
    statement([operandCode('i32', to), operandCode('i32', byte), operandCode('i32', length), 0xfc, 11, 0]),
};
