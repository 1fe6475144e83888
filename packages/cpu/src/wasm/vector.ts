// 128-bit vector instructions, fixed-width and relaxed, named as in the specification: `i32x4.extend_low_i16x8_s`
// is `i32x4.extendLowI16x8S`.
// Source: https://github.com/WebAssembly/spec/blob/main/proposals/simd/BinarySIMD.md and …/relaxed-simd/Overview.md

import { float32Bytes, float64Bytes, unsigned } from './encoding.ts';
import {
  type Binary,
  binary,
  type Expression,
  expression,
  type Load,
  load,
  type Opcode,
  type Operand,
  opcodeBytes,
  operandCode,
  type Shift,
  type Statement,
  type Store,
  shift,
  statement,
  store,
  type Ternary,
  ternary,
  type Unary,
  unary,
  type ValueType,
} from './expression.ts';

type Vector = Expression<'v128'>;

const simd = (code: number): Opcode => [0xfd, code];

function numbered<Names extends string>(codes: Readonly<Record<Names, number>>): Record<Names, Opcode> {
  const entries = Object.entries<number>(codes).map(([name, code]) => [name, simd(code)]);
  return Object.fromEntries(entries) as Record<Names, Opcode>;
}

const v = <Names extends string>(codes: Readonly<Record<Names, number>>): Unary<Names, 'v128', 'v128'> =>
  unary('v128', 'v128', numbered(codes));
const vv = <Names extends string>(codes: Readonly<Record<Names, number>>): Binary<Names, 'v128', 'v128'> =>
  binary('v128', 'v128', numbered(codes));
const vvv = <Names extends string>(codes: Readonly<Record<Names, number>>): Ternary<Names, 'v128'> =>
  ternary('v128', numbered(codes));
const test = <Names extends string>(codes: Readonly<Record<Names, number>>): Unary<Names, 'v128', 'i32'> =>
  unary('v128', 'i32', numbered(codes));

interface Lanes<T extends ValueType> {
  readonly splat: (value: Operand<T>) => Vector;
  readonly extractLane: (vector: Vector, lane: number) => Expression<T>;
  readonly replaceLane: (vector: Vector, lane: number, value: Operand<T>) => Vector;
}

function lanes<T extends ValueType>(type: T, splat: number, extract: number, replace: number): Lanes<T> {
  return {
    splat: (value: Operand<T>): Vector =>
      expression('v128', [operandCode(type, value), opcodeBytes(simd(splat))]),
    extractLane: (vector: Vector, lane: number): Expression<T> =>
      expression(type, [vector.code, opcodeBytes(simd(extract)), lane]),
    replaceLane: (vector: Vector, lane: number, value: Operand<T>): Vector =>
      expression('v128', [vector.code, operandCode(type, value), opcodeBytes(simd(replace)), lane]),
  };
}

function laneStore(
  code: number,
): (address: Operand<'i32'>, value: Vector, lane: number, offset?: number) => Statement {
  const opcode = opcodeBytes(simd(code));
  return (address: Operand<'i32'>, value: Vector, lane: number, offset = 0): Statement =>
    statement([operandCode('i32', address), value.code, opcode, 0, unsigned(offset), lane]);
}

const constantBytes = (bytes: readonly number[]): Vector =>
  expression('v128', [opcodeBytes(simd(12)), bytes]);

type Comparison = 'eq' | 'ne' | 'ltS' | 'ltU' | 'gtS' | 'gtU' | 'leS' | 'leU' | 'geS' | 'geU';
const comparisons = (first: number): Record<Comparison, number> => ({
  eq: first,
  ne: first + 1,
  ltS: first + 2,
  ltU: first + 3,
  gtS: first + 4,
  gtU: first + 5,
  leS: first + 6,
  leU: first + 7,
  geS: first + 8,
  geU: first + 9,
});

export const v128: Load<
  'load' | 'load16x4S' | 'load32Splat' | 'load64Splat' | 'load32Zero' | 'load64Zero',
  'v128'
> &
  Store<'store', 'v128'> &
  Unary<'not', 'v128', 'v128'> &
  Unary<'anyTrue', 'v128', 'i32'> &
  Binary<'and' | 'andnot' | 'or' | 'xor', 'v128', 'v128'> &
  Ternary<'bitselect', 'v128'> & {
    readonly [Name in 'store32Lane' | 'store64Lane']: (
      address: Operand<'i32'>,
      value: Vector,
      lane: number,
      offset?: number,
    ) => Statement;
  } = {
  ...load(
    'v128',
    numbered({
      load: 0,
      load16x4S: 3,
      load32Splat: 9,
      load64Splat: 10,
      load32Zero: 92,
      load64Zero: 93,
    }),
  ),
  ...store('v128', numbered({ store: 11 })),
  ...v({ not: 77 }),
  ...test({ anyTrue: 83 }),
  ...vv({ and: 78, andnot: 79, or: 80, xor: 81 }),
  // bitselect(a, b, mask): the bits of a where the mask is one, of b where it is zero.
  ...vvv({ bitselect: 82 }),
  store32Lane: laneStore(90),
  store64Lane: laneStore(91),
};

export const i8x16: Lanes<'i32'> & {
  readonly shuffle: (low: Vector, high: Vector, lanes: readonly number[]) => Vector;
} = {
  ...lanes('i32', 15, 21, 23),
  shuffle: (low: Vector, high: Vector, lanes: readonly number[]): Vector =>
    expression('v128', [low.code, high.code, opcodeBytes(simd(13)), lanes]),
};

export const i16x8: Lanes<'i32'> & Unary<'extendLowI8x16S' | 'extendLowI8x16U', 'v128', 'v128'> = {
  ...lanes('i32', 16, 24, 26),
  ...v({ extendLowI8x16S: 135, extendLowI8x16U: 137 }),
};

export const i32x4: Lanes<'i32'> &
  Binary<Comparison | 'add' | 'sub' | 'mul' | 'minS' | 'maxS', 'v128', 'v128'> &
  Unary<
    'abs' | 'neg' | 'extendLowI16x8S' | 'extendLowI16x8U' | 'truncSatF32x4S' | 'truncSatF64x2SZero',
    'v128',
    'v128'
  > &
  Unary<'allTrue', 'v128', 'i32'> &
  Shift<'shl' | 'shrS' | 'shrU'> &
  Ternary<'relaxedLaneselect', 'v128'> & {
    readonly constant: (...values: number[]) => Vector;
    readonly shuffle: (low: Vector, high: Vector, lanes: readonly number[]) => Vector;
  } = {
  ...lanes('i32', 17, 27, 28),
  ...vv({ ...comparisons(55), add: 174, sub: 177, mul: 181, minS: 182, maxS: 184 }),
  ...v({ abs: 160, neg: 161, extendLowI16x8S: 167, extendLowI16x8U: 169 }),
  ...v({ truncSatF32x4S: 248, truncSatF64x2SZero: 252 }),
  ...test({ allTrue: 163 }),
  ...shift(numbered({ shl: 171, shrS: 172, shrU: 173 })),
  ...vvv({ relaxedLaneselect: 0x10b }),
  constant: (...values: number[]): Vector =>
    constantBytes(
      Array.from({ length: 4 }, (_, lane) => values[lane % values.length] ?? 0).flatMap((value) =>
        [0, 8, 16, 24].map((bits) => (value >> bits) & 0xff),
      ),
    ),
  /** Lanes 0 to 3 are of the first vector, 4 to 7 of the second. */
  shuffle: (low: Vector, high: Vector, lanes: readonly number[]): Vector =>
    expression('v128', [
      low.code,
      high.code,
      opcodeBytes(simd(13)),
      lanes.flatMap((lane) => [lane * 4, lane * 4 + 1, lane * 4 + 2, lane * 4 + 3]),
    ]),
};

export const i64x2: Lanes<'i64'> &
  Binary<
    'add' | 'sub' | 'mul' | 'eq' | 'ne' | 'ltS' | 'gtS' | 'leS' | 'extmulLowI32x4U' | 'extmulHighI32x4U',
    'v128',
    'v128'
  > &
  Unary<
    'abs' | 'neg' | 'extendLowI32x4S' | 'extendHighI32x4S' | 'extendLowI32x4U' | 'extendHighI32x4U',
    'v128',
    'v128'
  > &
  Shift<'shl' | 'shrS' | 'shrU'> &
  Ternary<'relaxedLaneselect', 'v128'> & {
    readonly constant: (...values: bigint[]) => Vector;
    readonly shuffle: (low: Vector, high: Vector, lanes: readonly number[]) => Vector;
  } = {
  ...lanes('i64', 18, 29, 30),
  ...vv({ add: 206, sub: 209, mul: 213, eq: 214, ne: 215, ltS: 216, gtS: 217, leS: 218 }),
  ...vv({ extmulLowI32x4U: 222, extmulHighI32x4U: 223 }),
  ...v({ abs: 192, neg: 193, extendLowI32x4S: 199, extendHighI32x4S: 200, extendLowI32x4U: 201 }),
  ...v({ extendHighI32x4U: 202 }),
  ...shift(numbered({ shl: 203, shrS: 204, shrU: 205 })),
  ...vvv({ relaxedLaneselect: 0x10c }),
  constant: (...values: bigint[]): Vector =>
    constantBytes(
      Array.from({ length: 2 }, (_, lane) => values[lane % values.length] ?? 0n).flatMap((value) =>
        [0n, 8n, 16n, 24n, 32n, 40n, 48n, 56n].map((bits) => Number((value >> bits) & 0xffn)),
      ),
    ),
  /** Lanes 0 and 1 are of the first vector, 2 and 3 of the second. */
  shuffle: (low: Vector, high: Vector, lanes: readonly number[]): Vector =>
    expression('v128', [
      low.code,
      high.code,
      opcodeBytes(simd(13)),
      lanes.flatMap((lane) => Array.from({ length: 8 }, (_, byte) => lane * 8 + byte)),
    ]),
};

type FloatComparison = 'eq' | 'ne' | 'lt' | 'gt' | 'le' | 'ge';
type FloatBinary = 'add' | 'sub' | 'mul' | 'div' | 'min' | 'max' | 'pmin' | 'pmax';
type FloatUnary = 'abs' | 'neg' | 'sqrt' | 'ceil' | 'floor' | 'trunc' | 'nearest';

export const f32x4: Lanes<'f32'> &
  Binary<FloatComparison | FloatBinary, 'v128', 'v128'> &
  Unary<FloatUnary | 'convertI32x4S' | 'demoteF64x2Zero', 'v128', 'v128'> &
  Ternary<'relaxedMadd', 'v128'> & { readonly constant: (...values: number[]) => Vector } = {
  ...lanes('f32', 19, 31, 32),
  ...vv({ eq: 65, ne: 66, lt: 67, gt: 68, le: 69, ge: 70, add: 228, sub: 229, mul: 230, div: 231, min: 232 }),
  ...vv({ max: 233, pmin: 234, pmax: 235 }),
  ...v({ abs: 224, neg: 225, sqrt: 227, ceil: 103, floor: 104, trunc: 105, nearest: 106 }),
  ...v({ convertI32x4S: 250, demoteF64x2Zero: 94 }),
  ...vvv({ relaxedMadd: 0x105 }),
  constant: (...values: number[]): Vector =>
    constantBytes(
      Array.from({ length: 4 }, (_, lane) => values[lane % values.length] ?? 0).flatMap(float32Bytes),
    ),
};

export const f64x2: Lanes<'f64'> &
  Binary<FloatComparison | FloatBinary, 'v128', 'v128'> &
  Unary<FloatUnary | 'convertLowI32x4S' | 'promoteLowF32x4', 'v128', 'v128'> &
  Ternary<'relaxedMadd', 'v128'> & { readonly constant: (...values: number[]) => Vector } = {
  ...lanes('f64', 20, 33, 34),
  ...vv({ eq: 71, ne: 72, lt: 73, gt: 74, le: 75, ge: 76, add: 240, sub: 241, mul: 242, div: 243, min: 244 }),
  ...vv({ max: 245, pmin: 246, pmax: 247 }),
  ...v({ abs: 236, neg: 237, sqrt: 239, ceil: 116, floor: 117, trunc: 122, nearest: 148 }),
  ...v({ convertLowI32x4S: 254, promoteLowF32x4: 95 }),
  ...vvv({ relaxedMadd: 0x107 }),
  constant: (...values: number[]): Vector =>
    constantBytes(
      Array.from({ length: 2 }, (_, lane) => values[lane % values.length] ?? 0).flatMap(float64Bytes),
    ),
};
