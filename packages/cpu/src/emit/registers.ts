// How values of each dtype are held while a kernel computes.
//
// Scalars: narrow integers and bool (0 or 1) in an i32 whose upper bits agree with the dtype. Vectors: always four
// lanes; bool as a mask of all ones or zeros, 64-bit dtypes as two registers. The 16-bit floats never get here:
// they are loaded, computed and stored as float32 (see half.ts).
import type { DType } from '@nn/core';
import type { Expression, Local, ValueType } from '../wasm/index.ts';

export type RegisterDType = Exclude<DType, 'float16' | 'bfloat16'>;
export type NumberType = Exclude<ValueType, 'v128'>;
export type Vector = Expression<'v128'>;
export type VectorLocal = Local<'v128'>;

/** Lanes of every vector value. */
export const lanes = 4;

export function numberType(dtype: RegisterDType): NumberType {
  switch (dtype) {
    case 'float32':
      return 'f32';
    case 'float64':
      return 'f64';
    case 'int64':
      return 'i64';
    default:
      return 'i32';
  }
}

/** Whether four lanes take two registers. */
export function isWide(dtype: RegisterDType): boolean {
  return dtype === 'int64' || dtype === 'float64';
}

/** Bytes of an element in memory. */
export const storageBytes: Readonly<Record<DType, 1 | 2 | 4 | 8>> = {
  bool: 1,
  uint8: 1,
  int8: 1,
  int16: 2,
  float16: 2,
  bfloat16: 2,
  int32: 4,
  float32: 4,
  int64: 8,
  float64: 8,
};
