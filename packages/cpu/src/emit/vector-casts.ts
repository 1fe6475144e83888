// Conversions of vectors: as the scalar ones, four lanes at once where an instruction exists.
import { f32x4, f64x2, i32x4, i64x2, v128 } from '../wasm/index.ts';
import { isWide, numberType, type RegisterDType, type Vector, type VectorLocal } from './registers.ts';
import { narrowRanges } from './scalar-casts.ts';

/** Wraps lanes around to the dtype's range. */
export function narrowVector(dtype: RegisterDType, value: Vector): Vector {
  switch (dtype) {
    case 'uint8':
      return v128.and(value, i32x4.constant(0xff));
    case 'int8':
      return i32x4.shrS(i32x4.shl(value, 24), 24);
    case 'int16':
      return i32x4.shrS(i32x4.shl(value, 16), 16);
    default:
      return value;
  }
}

/** The mask of a wide comparison, for four lanes. */
export function joinMask(low: Vector, high: Vector): Vector {
  return i32x4.shuffle(low, high, [0, 2, 4, 6]);
}

/** A mask of four lanes, for the two registers of a wide value. */
export function splitMask(mask: VectorLocal): readonly Vector[] {
  return [i64x2.extendLowI32x4S(mask), i64x2.extendHighI32x4S(mask)];
}

/** Lanes 2 and 3 moved to 0 and 1. */
function upperHalf(value: Vector): Vector {
  return i64x2.shuffle(value, value, [1, 1]);
}

/** The converted vector, or undefined where no instruction does it and lanes must go one by one. */
export function castVector(
  from: RegisterDType,
  to: RegisterDType,
  value: readonly VectorLocal[],
): readonly Vector[] | undefined {
  if (from === to) return value;
  if (to === 'bool') return [isNotZero(from, value)];
  if (from === 'bool') {
    const ones = v128.and(value[0], i32x4.constant(1));
    switch (numberType(to)) {
      case 'i32':
        return [ones];
      case 'f32':
        return [v128.and(value[0], f32x4.constant(1))];
      case 'i64':
        return [i64x2.extendLowI32x4U(ones), i64x2.extendHighI32x4U(ones)];
      case 'f64':
        return [f64x2.convertLowI32x4S(ones), f64x2.convertLowI32x4S(upperHalf(ones))];
    }
  }
  switch (`${numberType(from)} ${numberType(to)}` as const) {
    case 'i32 i32':
      return [narrowVector(to, value[0])];
    case 'i32 f32':
      return [f32x4.convertI32x4S(value[0])];
    case 'i32 f64':
      return [f64x2.convertLowI32x4S(value[0]), f64x2.convertLowI32x4S(upperHalf(value[0]))];
    case 'i32 i64':
      return [i64x2.extendLowI32x4S(value[0]), i64x2.extendHighI32x4S(value[0])];
    case 'i64 i32':
      return [narrowVector(to, i32x4.shuffle(value[0], value[1], [0, 2, 4, 6]))];
    case 'f32 i32':
      return [saturate(to, i32x4.truncSatF32x4S(value[0]))];
    case 'f32 f64':
      return promote(value[0]);
    case 'f64 f32':
      return [demote(value[0], value[1])];
    case 'f64 i32': {
      const low = i32x4.truncSatF64x2SZero(value[0]);
      const high = i32x4.truncSatF64x2SZero(value[1]);
      return [saturate(to, i64x2.shuffle(low, high, [0, 2]))];
    }
    default:
      return undefined;
  }
}

/** Four float32 as float64. */
export function promote(value: Vector): readonly [Vector, Vector] {
  return [f64x2.promoteLowF32x4(value), f64x2.promoteLowF32x4(upperHalf(value))];
}

/** Four float64 as float32. */
export function demote(low: Vector, high: Vector): Vector {
  return i64x2.shuffle(f32x4.demoteF64x2Zero(low), f32x4.demoteF64x2Zero(high), [0, 2]);
}

function isNotZero(dtype: RegisterDType, value: readonly Vector[]): Vector {
  switch (numberType(dtype)) {
    case 'i32':
      return i32x4.ne(value[0], i32x4.constant(0));
    case 'f32':
      return f32x4.ne(value[0], f32x4.constant(0));
    case 'i64':
      return joinMask(i64x2.ne(value[0], i64x2.constant(0n)), i64x2.ne(value[1], i64x2.constant(0n)));
    case 'f64':
      return joinMask(f64x2.ne(value[0], f64x2.constant(0)), f64x2.ne(value[1], f64x2.constant(0)));
  }
}

function saturate(to: RegisterDType, value: Vector): Vector {
  const range = narrowRanges[to];
  if (range === undefined) return value;
  return i32x4.minS(i32x4.maxS(value, i32x4.constant(range[0])), i32x4.constant(range[1]));
}

/** Whether the dtype's lanes take one or two registers. */
export function registersOf(dtype: RegisterDType): 1 | 2 {
  return isWide(dtype) ? 2 : 1;
}
