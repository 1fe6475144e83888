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

function laneLoad(
  code: number,
): (address: Operand<'i32'>, into: Vector, lane: number, offset?: number) => Vector {
  const opcode = opcodeBytes(simd(code));
  return (address: Operand<'i32'>, into: Vector, lane: number, offset = 0): Vector =>
    expression('v128', [operandCode('i32', address), into.code, opcode, 0, unsigned(offset), lane]);
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
  | 'load'
  | 'load8x8S'
  | 'load8x8U'
  | 'load16x4S'
  | 'load16x4U'
  | 'load32x2S'
  | 'load32x2U'
  | 'load8Splat'
  | 'load16Splat'
  | 'load32Splat'
  | 'load64Splat'
  | 'load32Zero'
  | 'load64Zero',
  'v128'
> &
  Store<'store', 'v128'> &
  Unary<'not', 'v128', 'v128'> &
  Unary<'anyTrue', 'v128', 'i32'> &
  Binary<'and' | 'andnot' | 'or' | 'xor', 'v128', 'v128'> &
  Ternary<'bitselect', 'v128'> & {
    readonly [Name in 'load8Lane' | 'load16Lane' | 'load32Lane' | 'load64Lane']: (
      address: Operand<'i32'>,
      into: Vector,
      lane: number,
      offset?: number,
    ) => Vector;
  } & {
    readonly [Name in 'store8Lane' | 'store16Lane' | 'store32Lane' | 'store64Lane']: (
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
      load8x8S: 1,
      load8x8U: 2,
      load16x4S: 3,
      load16x4U: 4,
      load32x2S: 5,
      load32x2U: 6,
      load8Splat: 7,
      load16Splat: 8,
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
  load8Lane: laneLoad(84),
  load16Lane: laneLoad(85),
  load32Lane: laneLoad(86),
  load64Lane: laneLoad(87),
  store8Lane: laneStore(88),
  store16Lane: laneStore(89),
  store32Lane: laneStore(90),
  store64Lane: laneStore(91),
};

export const i8x16: Lanes<'i32'> &
  Binary<
    | Comparison
    | 'swizzle'
    | 'add'
    | 'addSatS'
    | 'addSatU'
    | 'sub'
    | 'subSatS'
    | 'subSatU'
    | 'minS'
    | 'minU'
    | 'maxS'
    | 'maxU'
    | 'avgrU'
    | 'narrowI16x8S'
    | 'narrowI16x8U'
    | 'relaxedSwizzle',
    'v128',
    'v128'
  > &
  Unary<'abs' | 'neg' | 'popcnt', 'v128', 'v128'> &
  Unary<'allTrue' | 'bitmask', 'v128', 'i32'> &
  Shift<'shl' | 'shrS' | 'shrU'> &
  Ternary<'relaxedLaneselect', 'v128'> & {
    readonly constant: (...values: number[]) => Vector;
    readonly extractLaneU: (vector: Vector, lane: number) => Expression<'i32'>;
    readonly shuffle: (low: Vector, high: Vector, lanes: readonly number[]) => Vector;
  } = {
  ...lanes('i32', 15, 21, 23),
  ...vv({ ...comparisons(35), swizzle: 14, add: 110, addSatS: 111, addSatU: 112, sub: 113, subSatS: 114 }),
  ...vv({ subSatU: 115, minS: 118, minU: 119, maxS: 120, maxU: 121, avgrU: 123, narrowI16x8S: 101 }),
  ...vv({ narrowI16x8U: 102, relaxedSwizzle: 0x100 }),
  ...v({ abs: 96, neg: 97, popcnt: 98 }),
  ...test({ allTrue: 99, bitmask: 100 }),
  ...shift(numbered({ shl: 107, shrS: 108, shrU: 109 })),
  ...vvv({ relaxedLaneselect: 0x109 }),
  constant: (...values: number[]): Vector =>
    constantBytes(Array.from({ length: 16 }, (_, lane) => (values[lane % values.length] ?? 0) & 0xff)),
  extractLaneU: (vector: Vector, lane: number): Expression<'i32'> =>
    expression('i32', [vector.code, opcodeBytes(simd(22)), lane]),
  shuffle: (low: Vector, high: Vector, lanes: readonly number[]): Vector =>
    expression('v128', [low.code, high.code, opcodeBytes(simd(13)), lanes]),
};

export const i16x8: Lanes<'i32'> &
  Binary<
    | Comparison
    | 'add'
    | 'addSatS'
    | 'addSatU'
    | 'sub'
    | 'subSatS'
    | 'subSatU'
    | 'mul'
    | 'minS'
    | 'minU'
    | 'maxS'
    | 'maxU'
    | 'avgrU'
    | 'q15mulrSatS'
    | 'narrowI32x4S'
    | 'narrowI32x4U'
    | 'extmulLowI8x16S'
    | 'extmulHighI8x16S'
    | 'extmulLowI8x16U'
    | 'extmulHighI8x16U',
    'v128',
    'v128'
  > &
  Unary<
    | 'abs'
    | 'neg'
    | 'extendLowI8x16S'
    | 'extendHighI8x16S'
    | 'extendLowI8x16U'
    | 'extendHighI8x16U'
    | 'extaddPairwiseI8x16S'
    | 'extaddPairwiseI8x16U',
    'v128',
    'v128'
  > &
  Unary<'allTrue' | 'bitmask', 'v128', 'i32'> &
  Shift<'shl' | 'shrS' | 'shrU'> &
  Ternary<'relaxedLaneselect', 'v128'> & {
    readonly constant: (...values: number[]) => Vector;
    readonly extractLaneU: (vector: Vector, lane: number) => Expression<'i32'>;
  } = {
  ...lanes('i32', 16, 24, 26),
  ...vv({ ...comparisons(45), add: 142, addSatS: 143, addSatU: 144, sub: 145, subSatS: 146, subSatU: 147 }),
  ...vv({ mul: 149, minS: 150, minU: 151, maxS: 152, maxU: 153, avgrU: 155, q15mulrSatS: 130 }),
  ...vv({ narrowI32x4S: 133, narrowI32x4U: 134, extmulLowI8x16S: 156, extmulHighI8x16S: 157 }),
  ...vv({ extmulLowI8x16U: 158, extmulHighI8x16U: 159 }),
  ...v({ abs: 128, neg: 129, extendLowI8x16S: 135, extendHighI8x16S: 136, extendLowI8x16U: 137 }),
  ...v({ extendHighI8x16U: 138, extaddPairwiseI8x16S: 124, extaddPairwiseI8x16U: 125 }),
  ...test({ allTrue: 131, bitmask: 132 }),
  ...shift(numbered({ shl: 139, shrS: 140, shrU: 141 })),
  ...vvv({ relaxedLaneselect: 0x10a }),
  constant: (...values: number[]): Vector =>
    constantBytes(
      Array.from({ length: 8 }, (_, lane) => values[lane % values.length] ?? 0).flatMap((value) => [
        value & 0xff,
        (value >> 8) & 0xff,
      ]),
    ),
  extractLaneU: (vector: Vector, lane: number): Expression<'i32'> =>
    expression('i32', [vector.code, opcodeBytes(simd(25)), lane]),
};

export const i32x4: Lanes<'i32'> &
  Binary<
    | Comparison
    | 'add'
    | 'sub'
    | 'mul'
    | 'minS'
    | 'minU'
    | 'maxS'
    | 'maxU'
    | 'dotI16x8S'
    | 'extmulLowI16x8S'
    | 'extmulHighI16x8S'
    | 'extmulLowI16x8U'
    | 'extmulHighI16x8U',
    'v128',
    'v128'
  > &
  Unary<
    | 'abs'
    | 'neg'
    | 'extendLowI16x8S'
    | 'extendHighI16x8S'
    | 'extendLowI16x8U'
    | 'extendHighI16x8U'
    | 'extaddPairwiseI16x8S'
    | 'extaddPairwiseI16x8U'
    | 'truncSatF32x4S'
    | 'truncSatF32x4U'
    | 'truncSatF64x2SZero'
    | 'truncSatF64x2UZero'
    | 'relaxedTruncF32x4S'
    | 'relaxedTruncF32x4U',
    'v128',
    'v128'
  > &
  Unary<'allTrue' | 'bitmask', 'v128', 'i32'> &
  Shift<'shl' | 'shrS' | 'shrU'> &
  Ternary<'relaxedLaneselect', 'v128'> & {
    readonly constant: (...values: number[]) => Vector;
    readonly shuffle: (low: Vector, high: Vector, lanes: readonly number[]) => Vector;
  } = {
  ...lanes('i32', 17, 27, 28),
  ...vv({ ...comparisons(55), add: 174, sub: 177, mul: 181, minS: 182, minU: 183, maxS: 184, maxU: 185 }),
  ...vv({ dotI16x8S: 186, extmulLowI16x8S: 188, extmulHighI16x8S: 189, extmulLowI16x8U: 190 }),
  ...vv({ extmulHighI16x8U: 191 }),
  ...v({ abs: 160, neg: 161, extendLowI16x8S: 167, extendHighI16x8S: 168, extendLowI16x8U: 169 }),
  ...v({ extendHighI16x8U: 170, extaddPairwiseI16x8S: 126, extaddPairwiseI16x8U: 127 }),
  ...v({ truncSatF32x4S: 248, truncSatF32x4U: 249, truncSatF64x2SZero: 252, truncSatF64x2UZero: 253 }),
  ...v({ relaxedTruncF32x4S: 0x101, relaxedTruncF32x4U: 0x102 }),
  ...test({ allTrue: 163, bitmask: 164 }),
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
    | 'add'
    | 'sub'
    | 'mul'
    | 'eq'
    | 'ne'
    | 'ltS'
    | 'gtS'
    | 'leS'
    | 'geS'
    | 'extmulLowI32x4S'
    | 'extmulHighI32x4S'
    | 'extmulLowI32x4U'
    | 'extmulHighI32x4U',
    'v128',
    'v128'
  > &
  Unary<
    'abs' | 'neg' | 'extendLowI32x4S' | 'extendHighI32x4S' | 'extendLowI32x4U' | 'extendHighI32x4U',
    'v128',
    'v128'
  > &
  Unary<'allTrue' | 'bitmask', 'v128', 'i32'> &
  Shift<'shl' | 'shrS' | 'shrU'> &
  Ternary<'relaxedLaneselect', 'v128'> & {
    readonly constant: (...values: bigint[]) => Vector;
    readonly shuffle: (low: Vector, high: Vector, lanes: readonly number[]) => Vector;
  } = {
  ...lanes('i64', 18, 29, 30),
  ...vv({ add: 206, sub: 209, mul: 213, eq: 214, ne: 215, ltS: 216, gtS: 217, leS: 218, geS: 219 }),
  ...vv({ extmulLowI32x4S: 220, extmulHighI32x4S: 221, extmulLowI32x4U: 222, extmulHighI32x4U: 223 }),
  ...v({ abs: 192, neg: 193, extendLowI32x4S: 199, extendHighI32x4S: 200, extendLowI32x4U: 201 }),
  ...v({ extendHighI32x4U: 202 }),
  ...test({ allTrue: 195, bitmask: 196 }),
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
type FloatBinary =
  | 'add'
  | 'sub'
  | 'mul'
  | 'div'
  | 'min'
  | 'max'
  | 'pmin'
  | 'pmax'
  | 'relaxedMin'
  | 'relaxedMax';
type FloatUnary = 'abs' | 'neg' | 'sqrt' | 'ceil' | 'floor' | 'trunc' | 'nearest';

export const f32x4: Lanes<'f32'> &
  Binary<FloatComparison | FloatBinary, 'v128', 'v128'> &
  Unary<FloatUnary | 'convertI32x4S' | 'convertI32x4U' | 'demoteF64x2Zero', 'v128', 'v128'> &
  Ternary<'relaxedMadd' | 'relaxedNmadd', 'v128'> & { readonly constant: (...values: number[]) => Vector } = {
  ...lanes('f32', 19, 31, 32),
  ...vv({ eq: 65, ne: 66, lt: 67, gt: 68, le: 69, ge: 70, add: 228, sub: 229, mul: 230, div: 231, min: 232 }),
  ...vv({ max: 233, pmin: 234, pmax: 235, relaxedMin: 0x10d, relaxedMax: 0x10e }),
  ...v({ abs: 224, neg: 225, sqrt: 227, ceil: 103, floor: 104, trunc: 105, nearest: 106 }),
  ...v({ convertI32x4S: 250, convertI32x4U: 251, demoteF64x2Zero: 94 }),
  ...vvv({ relaxedMadd: 0x105, relaxedNmadd: 0x106 }),
  constant: (...values: number[]): Vector =>
    constantBytes(
      Array.from({ length: 4 }, (_, lane) => values[lane % values.length] ?? 0).flatMap(float32Bytes),
    ),
};

export const f64x2: Lanes<'f64'> &
  Binary<FloatComparison | FloatBinary, 'v128', 'v128'> &
  Unary<FloatUnary | 'convertLowI32x4S' | 'convertLowI32x4U' | 'promoteLowF32x4', 'v128', 'v128'> &
  Ternary<'relaxedMadd' | 'relaxedNmadd', 'v128'> & { readonly constant: (...values: number[]) => Vector } = {
  ...lanes('f64', 20, 33, 34),
  ...vv({ eq: 71, ne: 72, lt: 73, gt: 74, le: 75, ge: 76, add: 240, sub: 241, mul: 242, div: 243, min: 244 }),
  ...vv({ max: 245, pmin: 246, pmax: 247, relaxedMin: 0x10f, relaxedMax: 0x110 }),
  ...v({ abs: 236, neg: 237, sqrt: 239, ceil: 116, floor: 117, trunc: 122, nearest: 148 }),
  ...v({ convertLowI32x4S: 254, convertLowI32x4U: 255, promoteLowF32x4: 95 }),
  ...vvv({ relaxedMadd: 0x107, relaxedNmadd: 0x108 }),
  constant: (...values: number[]): Vector =>
    constantBytes(
      Array.from({ length: 2 }, (_, lane) => values[lane % values.length] ?? 0).flatMap(float64Bytes),
    ),
};
